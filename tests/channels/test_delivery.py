"""What is owed reaches the vendor once and in order, and what the vendor says decides what happens next."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from channels.delivery import MOST_ATTEMPTS, deliver_next
from channels.errors import Permanent, Temporary, Unknown
from frontdesk.ticks import tick
from tests.factories import Person, Practice, minutes
from tests.fakes.recording import CHANNEL, Recording

AT_ONCE = timedelta(0)


@pytest.fixture
def vendor() -> Recording:
    return Recording()


@pytest.fixture
def deliver(practice: Practice, vendor: Recording) -> Callable[[], int]:
    """Delivers until nothing may go now; returns how many messages were tried."""

    def deliver_all() -> int:
        tried = 0
        while deliver_next(practice.engine, practice.vault, practice.directory, vendor.speakers):
            tried += 1
        return tried

    return deliver_all


@pytest.fixture
def amy(practice: Practice) -> Person:
    return practice.person("amy", CHANNEL)


def settled(practice: Practice) -> list[tuple[str, str | None]]:
    return [tuple(row) for row in practice.sql("SELECT status, error FROM outbox ORDER BY id")]


def test_messages_arrive_in_order(
    practice: Practice, vendor: Recording, deliver: Callable[[], int], amy: Person
) -> None:
    for seq in range(3):
        amy.owe(f"text {seq}", seq)
    assert deliver() == 3
    assert vendor.said_to("amy") == ["text 0", "text 1", "text 2"]
    rows = practice.sql("SELECT status, vendor_id FROM outbox ORDER BY id")
    assert rows == [("sent", f"vendor-{call.outbox_id}") for call in vendor.calls]


def test_a_busy_vendor_is_asked_again_later_and_nothing_overtakes(
    practice: Practice, vendor: Recording, deliver: Callable[[], int], amy: Person
) -> None:
    vendor.will(Temporary("busy", minutes(1)))
    amy.owe("first", 1)
    amy.owe("second", 2)
    assert deliver() == 1
    assert settled(practice) == [("due", "busy"), ("due", None)]
    practice.sql("UPDATE outbox SET due_at = clock_timestamp()")
    deliver()
    assert vendor.said_to("amy") == ["first", "first", "second"]


def test_a_vendor_that_is_busy_for_ever_is_given_up(
    practice: Practice, vendor: Recording, deliver: Callable[[], int], amy: Person
) -> None:
    vendor.will(*[Temporary("busy", AT_ONCE)] * 20)
    amy.owe("first", 1)
    assert deliver() == MOST_ATTEMPTS
    assert settled(practice) == [("failed", "busy")]


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (Permanent("blocked"), ("failed", "blocked")),
        (Unknown("timeout"), ("unknown", "timeout")),
        (ZeroDivisionError(), ("unknown", "adapter_failed")),
    ],
    ids=["refused", "no answer", "a bug"],
)
def test_what_will_not_get_better_is_not_tried_again_and_the_next_message_goes_on(
    practice: Practice,
    vendor: Recording,
    deliver: Callable[[], int],
    amy: Person,
    trouble: Exception,
    outcome: tuple[str, str],
) -> None:
    vendor.will(trouble)
    amy.owe("first", 1)
    amy.owe("second", 2)
    deliver()
    assert vendor.said_to("amy") == ["first", "second"]
    assert settled(practice) == [outcome, ("sent", None)]


def test_a_sender_that_died_leaves_one_unknown_and_the_rest_is_delivered(
    practice: Practice, vendor: Recording, deliver: Callable[[], int], amy: Person
) -> None:
    class Died(BaseException):
        """The sender's process is gone."""

    people = [amy, *(practice.person(f"number {n}", CHANNEL) for n in range(5))]
    for person in people:
        person.owe("hello")
    vendor.will(Died())
    with pytest.raises(Died):
        deliver()
    assert deliver() == 5
    practice.sql("UPDATE outbox SET leased_until = clock_timestamp() WHERE status = 'sending'")
    tick(practice.engine, practice.vault, "expire_sends")
    assert settled(practice) == [("unknown", "lease_expired"), *[("sent", None)] * 5]


def test_four_senders_at_once_deliver_everything_once_and_in_order(practice: Practice, vendor: Recording) -> None:
    people = [practice.person(f"number {n}", CHANNEL) for n in range(25)]
    for person in people:
        for seq in range(4):
            person.owe(f"text {seq}", seq)
    vendor.will(*[Temporary("busy", AT_ONCE) if n % 5 == 0 else None for n in range(60)])
    at_once = Barrier(4)

    def send() -> None:
        at_once.wait()
        while practice.sql("SELECT 1 FROM outbox WHERE status IN ('due', 'sending') LIMIT 1"):
            deliver_next(practice.engine, practice.vault, practice.directory, vendor.speakers)

    with ThreadPoolExecutor(4) as pool:
        for sender in [pool.submit(send) for _ in range(4)]:
            sender.result()
    for person in people:
        heard = vendor.said_to(person.sender.address)
        assert heard == sorted(heard)
        assert set(heard) == {f"text {seq}" for seq in range(4)}
    assert len(vendor.calls) == 25 * 4 + 12  # and each refusal once more
    assert vendor.most_in_flight == 1
    assert {status for status, _ in settled(practice)} == {"sent"}
