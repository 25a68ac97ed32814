"""What a conversation remembers, written down and read again."""

import msgspec
import pytest
from msgspec.structs import replace

from bot import state as states
from bot.messages import Undo
from bot.state import Draft, State
from tests.bot.desk import SLOTS
from tests.bot.understanding.clinic import days

FULL = State(
    stack=("booking.name",),
    draft=Draft(practitioner=1, when=days("13"), whom="new", slot=SLOTS[0], hold=5, name="Ọlájídé"),
    trail=(Draft(specialty="dermatology"), Draft()),
    misses=1,
    undoable=Undo("cancelling", 4),
    last=SLOTS[1],
    greeted=True,
)

UNREADABLE = {
    "nothing": b"",
    "no JSON": b"\x00\xff",
    "another kind of value": b"[]",
    "a step that is gone": b'{"stack":["booking.payment"]}',
    "a draft of another shape": b'{"draft":{"slot":"tomorrow"}}',
    "an older version": msgspec.json.encode(replace(FULL, version=0)),
    "a newer version": msgspec.json.encode(replace(FULL, version=2)),
    "half of it": states.pack(FULL)[:40],
}

IMPOSSIBLE = {
    "a name before a time": State(stack=("booking.name",)),
    "a hold without a time": State(draft=Draft(hold=5)),
    "nobody who is known": State(draft=Draft(whom="known")),
    "a choice between no readings": State(stack=("booking.reading",)),
    "a question twice": State(stack=("booking.time", "booking.time")),
    "three questions": State(stack=("booking.what", "booking.time", "changing.which")),
    "a booking inside a booking": State(stack=("booking.what", "booking.time")),
}


def test_a_state_is_read_as_it_was_written() -> None:
    assert states.unpack(states.pack(FULL)) == FULL
    assert states.flaw_of(states.pack(FULL)) is None


def test_a_conversation_without_a_state_is_a_new_one() -> None:
    assert states.unpack(None) == State()


@pytest.mark.parametrize("packed", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_any_more_starts_afresh(packed: bytes) -> None:
    assert states.flaw_of(packed) is not None
    assert states.unpack(packed) == State()


@pytest.mark.parametrize("state", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_state_that_cannot_be_reached_starts_afresh(state: State) -> None:
    assert states.flaw(state) is not None
    assert states.unpack(states.pack(state)) == State()


def test_words_of_an_unknown_field_are_ignored() -> None:
    packed = states.pack(FULL)[:-1] + b',"mood":"good"}'
    assert states.unpack(packed) == FULL
