"""How fast we talk: as fast as the vendor lets each account and each address, whoever sends, and who has waited for what first."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic

import pytest

from channels.delivery import deliver_next
from channels.errors import Temporary, Unreachable
from core.database import transaction
from core.messaging import outbox
from core.messaging.outbox import ANSWER, BULK, CODE, REMINDER, Rate
from frontdesk.ticks import tick
from tests.factories import Person, Practice, minutes
from tests.fakes.recording import CHANNEL, Recording

AN_HOUR = timedelta(hours=1)


@pytest.fixture
def vendor() -> Recording:
    return Recording()


@pytest.fixture
def deliver(practice: Practice, vendor: Recording) -> Callable[[], list[str]]:
    """Delivers what may go now; returns the texts that the vendor was given."""

    def deliver_all() -> list[str]:
        before = len(vendor.calls)
        while deliver_next(practice.engine, practice.vault, practice.directory, vendor.speakers):
            pass
        return [call.key for call in vendor.calls[before:]]

    return deliver_all


def people(practice: Practice, count: int) -> list[Person]:
    return [practice.person(f"number {n}", CHANNEL) for n in range(count)]


def next_in(practice: Practice) -> float | None:
    with transaction(practice.engine) as session:
        return outbox.next_in(session, [CHANNEL])


def test_an_account_talks_no_faster_than_its_vendor_lets_it(
    practice: Practice, vendor: Recording, deliver: Callable[[], list[str]]
) -> None:
    vendor.account_rate = Rate(AN_HOUR, burst=3)
    for person in people(practice, 5):
        person.owe("hello")
    assert len(deliver()) == 3
    assert 3590 < (next_in(practice) or 0) <= 3600
    practice.sql("UPDATE paces SET next_at = next_at - interval '1 hour'")
    assert len(deliver()) == 1
    practice.sql("UPDATE paces SET next_at = next_at - interval '100 hours'")  # what was not used is not saved up
    assert len(deliver()) == 1
    assert next_in(practice) is None


def test_another_account_is_not_held_up(
    practice: Practice, vendor: Recording, deliver: Callable[[], list[str]]
) -> None:
    vendor.account_rate = Rate(AN_HOUR)
    amy, ben = people(practice, 2)
    practice.sql("UPDATE addresses SET account = 'other' WHERE id = %(id)s", id=ben.home.address_id)
    amy.owe("to amy")
    ben.owe("to ben")
    assert deliver() == ["to amy", "to ben"]


def test_an_address_is_written_to_no_faster_than_its_vendor_lets_us_and_others_go_on(
    practice: Practice, vendor: Recording, deliver: Callable[[], list[str]]
) -> None:
    vendor.per_address = Rate(AN_HOUR, burst=2)
    amy, ben = people(practice, 2)
    for seq in range(4):
        amy.owe(f"amy {seq}", seq)
    ben.owe("to ben")
    assert deliver() == ["amy 0", "amy 1", "to ben"]
    practice.sql("UPDATE addresses SET next_at = next_at - interval '1 hour'")
    assert deliver() == ["amy 2"]


def test_several_senders_keep_one_pace_together(practice: Practice, vendor: Recording) -> None:
    """A hundred a second: four senders at once are not faster, and all arrive."""
    vendor.account_rate = Rate(timedelta(milliseconds=10))
    for person in people(practice, 40):
        person.owe("hello")
    began = monotonic()

    def send() -> None:
        while practice.sql("SELECT 1 FROM outbox WHERE status IN ('due', 'sending') LIMIT 1"):
            deliver_next(practice.engine, practice.vault, practice.directory, vendor.speakers)

    with ThreadPoolExecutor(4) as pool:
        for sender in [pool.submit(send) for _ in range(4)]:
            sender.result()
    assert len(vendor.calls) == 40
    assert monotonic() - began >= 0.39


def test_what_matters_most_goes_first_between_people_and_nothing_overtakes_within_one_chat(
    practice: Practice, deliver: Callable[[], list[str]]
) -> None:
    amy, ben, eve, zoe = people(practice, 4)
    amy.owe("a newsletter", 1, priority=BULK)
    amy.owe("amy's code", 2, priority=CODE)
    ben.owe("a reminder", priority=REMINDER)
    eve.owe("an answer", priority=ANSWER)
    zoe.owe("zoe's code", priority=CODE)
    assert deliver() == ["zoe's code", "an answer", "a reminder", "a newsletter", "amy's code"]


def test_a_vendor_that_says_wait_is_obeyed_however_often_and_counts_no_attempt(
    practice: Practice, vendor: Recording, deliver: Callable[[], list[str]]
) -> None:
    amy, ben = people(practice, 2)
    amy.owe("first", 1)
    amy.owe("second", 2)
    vendor.will(*[Temporary("busy", minutes(7), forgiven=True)] * 12)
    for _ in range(12):
        assert deliver() == ["first"]
        assert 415 < (next_in(practice) or 0) <= 420
        practice.sql("UPDATE outbox SET due_at = clock_timestamp()")
    ben.owe("to ben")
    assert deliver() == ["first", "second", "to ben"]
    assert practice.sql("SELECT attempts FROM outbox WHERE address_id = %(id)s", id=amy.home.address_id) == [(1,), (1,)]


def test_what_is_vital_is_said_once_more_when_its_sender_died_and_other_things_are_not(
    practice: Practice, deliver: Callable[[], list[str]]
) -> None:
    amy, ben = people(practice, 2)
    amy.owe("booked", is_vital=True)
    ben.owe("where we are")
    practice.sql("UPDATE outbox SET status = 'sending', attempts = 1, leased_until = clock_timestamp()")
    tick(practice.engine, practice.vault, "expire_sends")
    assert practice.sql("SELECT status, doubts FROM outbox ORDER BY id") == [("due", 1), ("unknown", 1)]
    assert deliver() == ["booked"]
    practice.sql("UPDATE outbox SET status = 'sending', leased_until = clock_timestamp() WHERE is_vital")
    tick(practice.engine, practice.vault, "expire_sends")
    assert practice.sql("SELECT status, doubts FROM outbox ORDER BY id") == [("unknown", 2), ("unknown", 1)]
    assert practice.sql("SELECT conversation_id, reason FROM handoffs") == [(amy.home.conversation_id, "undelivered")]


def test_an_address_that_nothing_reaches_is_marked_and_staff_are_told_once(
    practice: Practice, vendor: Recording, deliver: Callable[[], list[str]]
) -> None:
    amy, _ = people(practice, 2)
    amy.owe("first", 1)
    amy.owe("second", 2)
    vendor.will(Unreachable("blocked"))
    assert deliver() == ["first"]
    assert practice.sql("SELECT status, error FROM outbox") == [("failed", "blocked")] * 2
    assert practice.sql("SELECT unreachable FROM addresses ORDER BY id") == [("blocked",), (None,)]
    assert practice.sql("SELECT reason FROM handoffs") == [("undelivered",)]
    assert practice.broken_promises() == {}
