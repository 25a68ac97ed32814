"""What a conversation remembers, written down and read again."""

import json
from pathlib import Path
from typing import Any, get_args

import pytest

from bot import state as states
from bot.messages import Undo
from bot.state import Draft, State
from tests.bot.desk import FAMILY, ONE, SLOTS, Desk
from tests.bot.test_dialog import said
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
    "a version that never was": states.pack(FULL).replace(b'"version":2', b'"version":0'),
    "a newer version": states.pack(FULL).replace(b'"version":2', b'"version":3'),
    "a version that is no number": states.pack(FULL).replace(b'"version":2', b'"version":"two"'),
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
    assert states.unpack(packed) == states.LOST


@pytest.mark.parametrize("state", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_a_state_that_cannot_be_reached_starts_afresh(state: State) -> None:
    assert states.flaw(state) is not None
    assert states.unpack(states.pack(state)) == states.LOST


def test_words_of_an_unknown_field_are_ignored() -> None:
    packed = states.pack(FULL)[:-1] + b',"mood":"good"}'
    assert states.unpack(packed) == FULL


# What an older release has written down, by version and by the question that was open.
RECORDED = {
    (version, name): state
    for version in range(1, states.VERSION)
    for name, state in json.loads(
        (Path(__file__).parent.parent / "data" / f"states-v{version}.json").read_text()
    ).items()
}


@pytest.mark.parametrize(("version", "name"), RECORDED)
def test_what_an_older_version_remembered_is_still_known(version: int, name: str) -> None:
    old = RECORDED[version, name]
    now = json.loads(states.pack(states.unpack(json.dumps(old).encode())))
    assert knows(now, old | {"version": states.VERSION})


def knows(now: Any, old: Any) -> bool:
    """Whether nothing of `old` has got lost; what is new may have come to it."""
    if isinstance(old, dict):
        return isinstance(now, dict) and all(name in now and knows(now[name], old[name]) for name in old)
    if isinstance(old, list):
        return isinstance(now, list) and len(now) == len(old) and all(map(knows, now, old))
    return bool(now == old)


def test_the_records_of_old_versions_hold_every_question() -> None:
    steps = {step for state in RECORDED.values() for step in state.get("stack", [])}
    assert steps == set(get_args(states.Step))


def test_a_version_may_say_how_the_one_before_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def renamed(old: dict[str, Any]) -> dict[str, Any]:
        return old | {"misses": old.pop("errors", 0)}

    monkeypatch.setitem(states._UPGRADES, 1, renamed)
    assert states.unpack(b'{"errors":2,"stack":["booking.what"]}') == State(stack=("booking.what",), misses=2)


def test_what_was_lost_is_regretted_once() -> None:
    desk = Desk(FAMILY)
    lost = states.unpack(b"half of it")
    state, replies = desk.converse(lost, said("Bob Stone", lost))
    assert [said.key for reply in replies for said in reply.says] == ["lost", "booking.what"]
    state, replies = desk.converse(state, said("purple", state))
    assert [said.key for reply in replies for said in reply.says] == ["not_understood.1.booking.what", "booking.what"]


def test_the_first_message_after_a_loss_counts() -> None:
    lost = states.unpack(b"half of it")
    _, replies = Desk(ONE).converse(lost, said("my visits", lost))
    assert [said.key for reply in replies for said in reply.says][:2] == ["lost", "visits.upcoming"]
