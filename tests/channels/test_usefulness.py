"""What is of use for a while only: the most urgent goes first, and what would come too late is not sent at all."""

from datetime import timedelta
from random import Random

from channels.delivery import deliver_next
from core.database import transaction
from core.messaging import outbox
from core.messaging.outbox import ANSWER, REMINDER, Rate
from frontdesk.ticks import tick
from tests.factories import Person, Practice, minutes
from tests.fakes.recording import CHANNEL, Recording

REMINDERS = 200  # at nine in the morning, for visits of that day; 2,000 take 21 s
STEP = 10  # seconds
SEGMENTS = 2


def pass_time(practice: Practice, seconds: int) -> None:
    """So much later: whatever waits for a moment is nearer to it."""
    passed = timedelta(seconds=seconds)
    practice.sql("UPDATE paces SET next_at = next_at - %(passed)s", passed=passed)
    practice.sql("UPDATE outbox SET useful_until = useful_until - %(passed)s WHERE status = 'due'", passed=passed)


def deliver(practice: Practice, vendor: Recording) -> list[str]:
    before = len(vendor.calls)
    while deliver_next(practice.engine, practice.vault, practice.directory, vendor.speakers):
        pass
    return [call.key for call in vendor.calls[before:]]


def reminded(practice: Practice, number: int, visit_in: timedelta) -> Person:
    person = practice.person(f"number {number}", CHANNEL)
    person.owe(f"{visit_in.total_seconds():.0f}", priority=REMINDER, useful_for=visit_in)
    return person


def test_of_a_mornings_reminders_the_nearest_visits_are_told_of_first_and_nobody_after_the_visit(
    practice: Practice,
) -> None:
    """One long code says a segment a second: the visits of the first minutes are more than it can tell of in time."""
    vendor = Recording()
    vendor.account_rate = Rate(timedelta(seconds=1), burst=SEGMENTS * STEP)
    vendor.weight = SEGMENTS
    waits = [timedelta(seconds=number if number < REMINDERS // 4 else 3 * number) for number in range(REMINDERS)]
    Random(5).shuffle(waits)
    for number, wait in enumerate(waits):
        reminded(practice, number, wait)
    practice.sql(
        "UPDATE outbox SET useful_until = useful_until - due_at + clock_timestamp()"
    )  # all owed at this moment
    told: list[tuple[int, float]] = []  # when, and when the visit is
    for now in range(0, SEGMENTS * REMINDERS + STEP, STEP):
        told += [(now, float(key)) for key in deliver(practice, vendor)]
        tick(practice.engine, practice.vault, "expire_sends")
        pass_time(practice, STEP)
    visits = [visit for _, visit in told]
    assert visits == sorted(visits)
    assert all(now < visit for now, visit in told)
    late = practice.sql("SELECT count(*) FROM outbox WHERE status = 'failed' AND error = 'too_late'")[0][0]
    assert late + len(told) == REMINDERS
    assert 0 < late < REMINDERS // 4
    assert practice.broken_promises() == {}


def test_an_answer_goes_before_any_reminder(practice: Practice) -> None:
    vendor = Recording()
    reminded(practice, 1, minutes(1))
    practice.person("number 2", CHANNEL).owe("an answer", priority=ANSWER)
    assert deliver(practice, vendor) == ["an answer", "60"]


def test_what_came_too_late_holds_up_nobody_and_is_not_said(practice: Practice) -> None:
    vendor = Recording()
    amy = reminded(practice, 1, minutes(5))
    amy.owe("an answer", 2)
    pass_time(practice, 301)
    with transaction(practice.engine) as session:
        assert outbox.drop_late(session) == 1
    assert deliver(practice, vendor) == ["an answer"]
    assert practice.sql("SELECT reason FROM handoffs") == []


def test_of_something_vital_that_came_too_late_staff_are_told(practice: Practice) -> None:
    practice.person("number 1", CHANNEL).owe("moved by the clinic", is_vital=True, useful_for=minutes(5))
    pass_time(practice, 301)
    tick(practice.engine, practice.vault, "expire_sends")
    assert practice.sql("SELECT reason FROM handoffs") == [("undelivered",)]
