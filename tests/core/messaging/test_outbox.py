"""What is owed goes out once, in order, one message at a time to each address; and what became of it is written down."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import psycopg
import pytest

from core.database import transaction
from core.messaging import outbox, readers
from core.messaging.outbox import ANY_RATE, Outcome, Owed
from tests.factories import Person, Practice, minutes

CHANNEL = "recording"
SENT = Outcome("sent", vendor_id="v1")


@pytest.fixture
def amy(practice: Practice) -> Person:
    return practice.person("amy", CHANNEL)


@pytest.fixture
def ben(practice: Practice) -> Person:
    return practice.person("ben", CHANNEL)


def claim(practice: Practice, limit: int = 8) -> list[Owed]:
    """What `limit` senders get that look one after the other."""
    claimed = []
    for _ in range(limit):
        with transaction(practice.engine) as session:
            found = outbox.claim(session, practice.vault, {CHANNEL: ANY_RATE})
        if found is not None:
            claimed.append(found[1])
    return claimed


def settle(practice: Practice, owed: Owed, outcome: Outcome) -> None:
    with transaction(practice.engine) as session:
        outbox.settle(session, owed, outcome)


def expire(practice: Practice) -> int:
    """The lease of everything in flight runs out, and the tick comes by."""
    practice.sql("UPDATE outbox SET leased_until = clock_timestamp() - interval '1 second' WHERE status = 'sending'")
    with transaction(practice.engine) as session:
        return outbox.expire_leases(session)


def statuses(practice: Practice) -> list[str]:
    return [row.status for row in practice.sql("SELECT status FROM outbox ORDER BY id")]


def test_one_message_is_in_flight_at_an_address_and_the_next_one_follows(practice: Practice, amy: Person) -> None:
    amy.owe("first", seq=1)
    amy.owe("second", seq=2)
    (first,) = claim(practice)
    assert claim(practice) == []
    settle(practice, first, SENT)
    (second,) = claim(practice)
    assert first.id < second.id
    assert (second.address, second.attempts) == ("amy", 1)


def test_addresses_do_not_wait_for_each_other(practice: Practice, amy: Person, ben: Person) -> None:
    amy.owe("hello")
    ben.owe("hello")
    assert {owed.address for owed in claim(practice)} == {"amy", "ben"}


def test_a_sender_takes_only_what_it_can_send(practice: Practice, amy: Person) -> None:
    practice.person("reads for themselves", "web").owe("hello")
    amy.owe("hello")
    assert [owed.address for owed in claim(practice)] == ["amy"]


def test_no_more_is_claimed_than_wanted(practice: Practice) -> None:
    for n in range(5):
        practice.person(f"number {n}", CHANNEL).owe("hello")
    assert len(claim(practice, limit=3)) == 3
    assert len(claim(practice, limit=3)) == 2


def test_the_database_itself_refuses_two_in_flight_at_one_address(practice: Practice, amy: Person) -> None:
    amy.owe("first", seq=1)
    amy.owe("second", seq=2)
    with pytest.raises(psycopg.errors.UniqueViolation):
        practice.sql("UPDATE outbox SET status = 'sending'")


def test_senders_that_claim_at_once_never_get_the_same_message(practice: Practice) -> None:
    people = [practice.person(f"number {n}", CHANNEL) for n in range(10)]
    for person in people:
        for seq in range(3):
            person.owe(f"text {seq}", seq)
    at_once = Barrier(4)

    def claim_some(_: int) -> list[Owed]:
        at_once.wait()
        try:
            return claim(practice, limit=5)
        except psycopg.errors.UniqueViolation:
            return []  # another sender was faster: a sender claims again

    with ThreadPoolExecutor(4) as pool:
        claimed = [owed for share in pool.map(claim_some, range(4)) for owed in share]
    assert len({owed.address for owed in claimed}) == len(claimed) <= 10


def test_how_it_ended_is_written_down(practice: Practice, amy: Person) -> None:
    for seq, outcome in enumerate([SENT, Outcome("failed", error="blocked"), Outcome("unknown", error="timeout")]):
        amy.owe("hello", seq)
        (owed,) = claim(practice)
        settle(practice, owed, outcome)
    rows = practice.sql("SELECT status, vendor_id, error, settled_at IS NOT NULL FROM outbox ORDER BY id")
    assert rows == [
        ("sent", "v1", None, True),
        ("failed", None, "blocked", True),
        ("unknown", None, "timeout", True),
    ]


def test_what_is_to_be_tried_again_waits_and_keeps_its_place(practice: Practice, amy: Person) -> None:
    amy.owe("first", seq=1)
    amy.owe("second", seq=2)
    (owed,) = claim(practice)
    settle(practice, owed, Outcome("due", error="busy", retry_in=minutes(5)))
    assert claim(practice) == []  # the second message must not overtake it
    practice.sql("UPDATE outbox SET due_at = clock_timestamp()")
    (again,) = claim(practice)
    assert (again.id, again.attempts) == (owed.id, 2)


def test_a_sender_that_died_leaves_an_unknown_and_the_next_message_goes_on(practice: Practice, amy: Person) -> None:
    amy.owe("first", seq=1)
    amy.owe("second", seq=2)
    claim(practice)
    assert expire(practice) == 1
    assert statuses(practice) == ["unknown", "due"]
    assert len(claim(practice)) == 1


def test_a_lease_that_has_not_run_out_is_left_alone(practice: Practice, amy: Person) -> None:
    amy.owe("first")
    claim(practice)
    with transaction(practice.engine) as session:
        assert outbox.expire_leases(session) == 0


def test_whoever_settles_too_late_changes_nothing(practice: Practice, amy: Person) -> None:
    amy.owe("first")
    (owed,) = claim(practice)
    expire(practice)
    settle(practice, owed, SENT)
    assert statuses(practice) == ["unknown"]


def test_whoever_settles_an_attempt_of_before_changes_nothing(practice: Practice, amy: Person) -> None:
    amy.owe("first")
    (first,) = claim(practice)
    settle(practice, first, Outcome("due", retry_in=timedelta(0)))
    claim(practice)
    settle(practice, first, Outcome("failed", error="late"))
    assert statuses(practice) == ["sending"]


@pytest.mark.parametrize("damage", ["payload = 'rubbish'", "payload = NULL"], ids=["damaged", "forgotten"])
def test_what_cannot_be_read_any_more_fails_alone(practice: Practice, amy: Person, ben: Person, damage: str) -> None:
    amy.owe("first", seq=1)
    practice.sql(f"UPDATE outbox SET {damage}")  # noqa: S608
    amy.owe("second", seq=2)
    ben.owe("hello")
    assert [owed.address for owed in claim(practice)] == ["amy", "ben"]
    assert practice.sql("SELECT status, error FROM outbox ORDER BY id LIMIT 1") == [("failed", "unreadable")]


def test_what_a_reader_has_shown_is_sent(practice: Practice) -> None:
    reader = practice.person("reader", "web")
    for seq in (2, 4, 6):
        reader.owe("hello", seq)
    with transaction(practice.engine) as session:
        readers.seen(session, reader.home.address_id, 4)
    assert statuses(practice) == ["sent", "sent", "due"]
