"""Whatever arrives under the name of an update is kept once and had its turn; nothing that it holds breaks anything."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.messages import Inbound, Nothing
from channels.telegram import receive
from channels.telegram.decode import Envelope, amended, decode, envelope
from channels.telegram.updates import Message, TooDeep, Unreadable, Update
from core.database import transaction
from frontdesk import verify
from tests.channels.telegram.conftest import ACCOUNT, Bot, Chat
from tests.channels.telegram.test_decode import RECORDED
from tests.demo_clinic import VAULT
from tests.fakes.telegram import updates
from tests.fakes.telegram.updates import Json

AMY = updates.user(42)
ALONE = updates.private_chat(AMY)
FILE = updates.file("file-1", "unique-1", 1000)
TEXT = updates.message(7, AMY, ALONE, 1773064500, updates.text("/book@clinic_bot Dr Lee"))

VALID: list[Json] = [
    {"message": TEXT},
    {"message": updates.message(8, AMY, ALONE, 1773064500, updates.contact("+12075550101", "Amy", 42))},
    {"message": updates.message(8, AMY, ALONE, 1773064500, {**updates.photo(FILE), "media_group_id": "1"})},
    {"message": updates.message(8, AMY, ALONE, 1773064500, updates.document(FILE, "a.pdf", "application/pdf"))},
    {"message": updates.message(8, AMY, updates.group_chat(-50, "Family"), 1773064500, {}, reply_to=TEXT)},
    {"edited_message": updates.edited(TEXT, "Dr Kim", 1773064510)},
    {"callback_query": updates.callback_query("tap-1", AMY, TEXT, "token.1")},
    {"my_chat_member": updates.chat_member(ALONE, AMY, 1773064500, AMY, old="member", new="kicked")},
]
STRANGE: list[Any] = [
    None, True, 0, -1, 2**31, 2**63, 2**64, -(2**70), 10**400, 253_402_300_799, 253_402_300_800, 2**38, 1.5, 1e300,
    "", "x", "\0", "\ud800", "42", "9" * 400, [], {}, [[]], [None], {"id": 1},
]  # fmt: skip
DEEP = 10_000

# What is no update at all, and what nobody but an attacker writes.
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b" \n\t",
    "NULs": b"\0\0\0",
    "not JSON": b"update_id=1",
    "half of it": b'{"update_id": 11, "mess',
    "two": b'{"update_id": 12}{"update_id": 13}',
    "UTF-16": '{"update_id": 14}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"update_id": 15}',
    "Latin-1": '{"update_id": 16, "message": {"text": "é"}}'.encode("latin-1"),
    "half a character": b'{"update_id": 17, "message": {"text": "\xed\xa0\x80"}}',
    "half a pair": b'{"update_id": 18, "message": {"text": "\\ud83d"}}',
    "a list": b"[1, 2]",
    "lists without end": b"[" * DEEP,
    "a string": b'"update_id"',
    "a number": b"1",
    "no number": b'{"message": {}}',
    "a number in words": b'{"update_id": "19"}',
    "a broken number": b'{"update_id": 20.5}',
    "no number that there is": b'{"update_id": NaN}',
    "infinity": b'{"update_id": 1e999}',
    "more than 64 bits": b'{"update_id": 9223372036854775808}',
    "as many digits as fit into no index": b'{"update_id": ' + b"9" * 4_000 + b"}",
    "a million digits": b'{"update_id": ' + b"9" * 1_000_000 + b"}",
    "a million digits elsewhere": b'{"update_id": 21, "message": {"date": ' + b"9" * 1_000_000 + b"}}",
    "a million digits where nobody looks": b'{"update_id": 22, "poll": ' + b"9" * 1_000_000 + b"}",
    "keys that come twice": b'{"update_id": "a", "update_id": 23, "message": 1, "message": null}',
    "the least number": b'{"update_id": -9223372036854775808}',
    "the greatest number": b'{"update_id": 9223372036854775807}',
}
NESTED: dict[str, bytes] = {
    "objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "lists without an end": b'{"update_id": 1, "message": ' + b"[" * DEEP,
    "where nobody looks": b'{"update_id": 1, "poll": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "where anything may stand": b'{"update_id": 1, "message": {"location": ' + b"[" * DEEP + b"]" * DEEP + b"}}",
}


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything that an update holds, and to all of it."""
    yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inside:
        yield from nodes(each, (*path, key))


def replaced(value: Any, path: tuple[Any, ...], other: Any) -> Any:
    """The same with `other` at the end of the way."""
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], other)
    return copy


def mutants(*others: Any) -> Iterator[Json]:
    """Every valid update with each of its parts replaced by each of these."""
    number = 1000
    for valid in VALID:
        for path in nodes(valid):
            for other in others:
                number += 1
                yield {"update_id": number, **replaced(valid, path, other)} if path else {"update_id": other, **valid}


def mean(body: bytes) -> Inbound:
    """What it means; that it can be kept, too."""
    try:
        about = envelope(body)
    except (Unreadable, TooDeep):
        pass
    else:
        assert len(str(about.number)) <= 20
        assert len(about.chat) <= 20
    assert amended(body, [body]) is not None
    return decode(body)


# --- reading ---------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
    max_leaves=10,
)
ANYTHING = st.fixed_dictionaries({}, optional=dict.fromkeys(Message.__struct_encode_fields__, JSON))
MESSAGES = st.builds(lambda message, more: {**message, **more}, st.just(TEXT), ANYTHING)
UPDATES = st.fixed_dictionaries(
    {"update_id": st.integers()}, optional=dict.fromkeys(Update.__struct_fields__[1:], JSON | MESSAGES)
)


@given(st.binary(max_size=200))
@example(b"")
@settings(max_examples=100, deadline=None)
def test_any_bytes_have_a_meaning(body: bytes) -> None:
    mean(body)


@given(JSON | UPDATES)
@settings(max_examples=60, deadline=None)
def test_any_json_has_a_meaning(value: Any) -> None:
    mean(json.dumps(value).encode())


def test_an_update_of_which_any_part_is_something_else_has_a_meaning() -> None:
    for update in mutants(*STRANGE):
        mean(json.dumps(update).encode())


@pytest.mark.parametrize("body", [*BODIES.values(), *NESTED.values()], ids=[*BODIES, *NESTED])
def test_what_is_no_update_means_nothing(body: bytes) -> None:
    assert mean(body) == Nothing()


@pytest.mark.parametrize("body", NESTED.values(), ids=NESTED)
def test_what_is_nested_without_end_is_told_from_what_is_merely_unreadable(body: bytes) -> None:
    with pytest.raises(TooDeep):
        envelope(body)


@pytest.mark.parametrize("date", [253_402_300_800, 2**38 - 1, 2**38, 2**62, -1, -(2**62)])
def test_a_date_that_no_calendar_has_is_none(date: int) -> None:
    about = envelope(json.dumps({"update_id": 1, "message": {**TEXT, "date": date}}).encode())
    assert about == Envelope(1, "42", None)


# --- keeping and answering -------------------------------------------------------------------------------------------


def store(bot: Bot, bodies: Iterable[bytes]) -> list[bool]:
    """These arrive one by one; which of them are new?"""
    with transaction(bot.clinic.engine) as session:
        return [receive.store(session, VAULT, ACCOUNT, body) for body in bodies]


def test_whatever_arrives_is_kept_once_and_has_its_turn(bot: Bot, amy: Chat) -> None:
    amy.does(amy.person.starts())
    recorded = [json.dumps(each["update"]).encode() for each in RECORDED]
    changed = [json.dumps(update).encode() for update in mutants(None, "\0", 2**70)]
    bodies = list(dict.fromkeys([*BODIES.values(), *recorded, *changed]))
    for some in range(0, len(bodies), 50):
        assert all(store(bot, bodies[some : some + 50]))
        bot.answer()
    assert not any(store(bot, bodies))
    assert bot.sql("SELECT count(*), count(DISTINCT external_id) FROM inbox") == [(len(bodies) + 1, len(bodies) + 1)]
    assert bot.sql("SELECT DISTINCT status FROM inbox") == [("answered",)]
    # Some of these chats are not there, and in the end Amy blocks the bot.
    ends = {("sent", None), ("failed", "chat_not_found"), ("failed", "blocked")}
    assert set(bot.sql("SELECT status, error FROM outbox")) <= ends
    assert bot.sql("SELECT count(*) > 50 FROM outbox WHERE status = 'sent'") == [(True,)]
    with transaction(bot.clinic.engine) as session:
        assert {name: found.broken for name, found in verify.check(session, VAULT).items() if found.broken} == {}


def test_what_is_nested_without_end_leaves_nothing_behind(bot: Bot) -> None:
    before = bot.sql("SELECT count(*) FROM conversations")
    for body in NESTED.values():
        with pytest.raises(TooDeep):
            store(bot, [body])
    assert bot.sql("SELECT count(*) FROM inbox") == [(0,)]
    assert bot.sql("SELECT count(*) FROM conversations") == before
