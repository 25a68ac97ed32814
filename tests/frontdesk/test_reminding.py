"""Reminders from the plan to the outbox: decided by what is true when their time has come, exactly once, whoever else is at it."""

import re
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from multiprocessing import get_context
from typing import Any

import pytest
from sqlalchemy import Engine

from bot.messages import ConfirmVisits, Reply
from bot.texts import say
from channels.delivery import deliver_next
from core import failpoints
from core.compliance.audit import SETUP
from core.database import open_engine, transaction
from core.messaging import reachability, reminders
from core.people import identities
from core.scheduling import changing
from frontdesk.reminding import Reminding
from frontdesk.ticks import tick
from frontdesk.worker import Worker
from tests.demo_clinic import VAULT
from tests.factories import MONDAY, Person, Practice, at
from tests.fakes.recording import CHANNEL, Recording
from tests.processes import ROOT

TUESDAY, SUNDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=6)
NEXT_WEEK = MONDAY + timedelta(days=7)


@dataclass
class Desk:
    """The practice with a worker's ticks, by the test's clock."""

    practice: Practice
    vendor: Recording = field(default_factory=Recording)

    def __post_init__(self) -> None:
        self.reminding = Reminding(self.practice.engine, self.practice.vault, channels=[CHANNEL])

    def at(self, wall_clock: str, day: date) -> int:
        """It is this time now: what is due is done. Returns how many messages are owed by that."""
        self.practice.now = at(wall_clock, day)
        return self.tick()

    def tick(self) -> int:
        self.practice.start_clock()
        tick(self.practice.engine, self.practice.vault, "plan_reminders")
        return self.reminding.remind()

    def person(self, name: str = "Amy Lane", channel: str = CHANNEL) -> Person:
        return self.practice.person(channel=channel, name=name)

    def booked(self, person: Person, wall_clock: str, day: date, **more: Any) -> int:
        """A visit of theirs, planned."""
        visit = person.book(self.practice.slot(wall_clock, day=day, **more)).id
        self.tick()
        return visit

    def of(self, visit: int) -> dict[str, str]:
        """What became of the reminders of a visit, by version and lead."""
        rows = self.practice.sql(
            "SELECT sequence, lead, status, reason FROM reminders WHERE appointment_id = %(id)s ORDER BY sequence, lead DESC",
            id=visit,
        )
        return {f"{row.sequence}/{row.lead}": row.reason or row.status for row in rows}

    def became(self, visit: int) -> list[str]:
        return [*self.of(visit).values()]

    def text(self, reply: Reply) -> str:
        return " ".join(say(said, "en", self.practice.directory) for said in reply.says)

    def deliver(self) -> None:
        speakers = self.vendor.speakers
        while deliver_next(self.practice.engine, self.practice.vault, self.practice.directory, speakers):
            pass


@pytest.fixture
def desk(practice: Practice) -> Desk:
    practice.start_clock()
    return Desk(practice)


def test_a_visit_is_reminded_of_three_times_and_what_has_passed_at_booking_is_not_said(desk: Desk) -> None:
    amy = desk.person()
    next_week, today = desk.booked(amy, "10:00", NEXT_WEEK), desk.booked(amy, "09:30", MONDAY)
    assert desk.became(next_week) == ["due", "due", "due"]
    assert desk.became(today) == ["passed", "passed", "passed"]
    assert [desk.at("09:59", MONDAY + timedelta(days=2)), desk.at("10:00", MONDAY + timedelta(days=2))] == [0, 1]
    assert [desk.at("10:00", SUNDAY), desk.at("10:00", SUNDAY), desk.at("19:30", SUNDAY)] == [1, 0, 0]
    assert desk.became(next_week) == [
        "owed",
        "owed",
        "owed",
    ]  # the last two by the same text: in the night nothing is said
    assert desk.practice.broken_promises() == {}


def test_it_says_when_where_and_what_to_bring_and_neither_doctor_nor_reason(desk: Desk) -> None:
    desk.practice.sql("UPDATE visit_types SET preparation = 'Please bring your glasses.'")
    desk.practice.sql("UPDATE organization SET directory_version = directory_version + 1")
    desk.practice.changed()
    amy = desk.person()
    desk.booked(amy, "10:00", NEXT_WEEK)
    desk.at("10:00", SUNDAY)
    (reply,) = amy.replies
    assert desk.text(reply) == (
        "A reminder from Main Street Practice: the visit of Amy is on Monday, March 16 at 10:00 AM, at 1 Main Street. "
        "Will you come? Please bring your glasses."
    )
    assert [type(choice.action).__name__ for choice in reply.choices] == ["ConfirmVisits", "MoveVisit", "CancelVisit"]


def test_plans_are_made_once_for_what_was_booked_moved_and_restored_and_not_for_what_is_over(desk: Desk) -> None:
    amy = desk.person()
    visit = desk.booked(amy, "10:00", NEXT_WEEK)
    amy.move(visit, desk.practice.slot("15:00", day=NEXT_WEEK))
    amy.cancel(visit)
    desk.tick()
    assert [*desk.of(visit)] == ["0/5 days, 0:00:00", "0/1 day, 0:00:00", "0/2:00:00"]
    amy.undo_cancel(visit)
    desk.tick()
    assert len(desk.of(visit)) == 6
    assert tick(desk.practice.engine, VAULT, "plan_reminders") == 0
    over = amy.book(desk.practice.slot("09:00")).id
    desk.at("12:00", MONDAY)
    assert desk.of(over) == {}
    assert desk.practice.sql("SELECT count(*) FROM appointments WHERE planned_sequence IS NULL") == [(0,)]


def test_the_clinic_says_when_by_kind_of_visit_and_between_which_hours(desk: Desk) -> None:
    desk.practice.sql(
        "INSERT INTO policies (reminders, local_write_from, local_write_until) VALUES ('{3 days}', '08:00', '18:00')"
    )
    desk.practice.sql(
        "INSERT INTO policies (visit_type_id, reminders) VALUES (%(id)s, '{}')", id=desk.practice.long_check
    )
    desk.practice.sql("UPDATE organization SET directory_version = directory_version + 1")
    amy = desk.person()
    check = desk.booked(amy, "09:00", NEXT_WEEK)
    silent = desk.booked(amy, "11:00", NEXT_WEEK, kind=desk.practice.long_check)
    assert (desk.became(check), desk.became(silent)) == (["due"], [])
    assert desk.at("09:00", NEXT_WEEK - timedelta(days=3)) == 1
    assert desk.practice.broken_promises() == {}


def test_rules_that_change_hold_for_planned_visits_after_what_the_runbook_says(desk: Desk) -> None:
    amy = desk.person()
    visit = desk.booked(amy, "10:00", NEXT_WEEK)
    desk.at("10:00", MONDAY + timedelta(days=2))
    desk.practice.sql("INSERT INTO policies (reminders) VALUES ('{3 days, 2 hours}')")
    desk.practice.sql("UPDATE organization SET directory_version = directory_version + 1")
    runbook = (ROOT / "docs" / "runbook.md").read_text("utf-8")
    (statements,) = re.findall(r"```sql\n(DELETE FROM reminders.*?)```", runbook, re.DOTALL)
    for statement in statements.strip().splitlines():
        desk.practice.sql(statement)
    desk.tick()
    assert [*desk.of(visit).items()] == [
        ("0/5 days, 0:00:00", "owed"),
        ("0/3 days, 0:00:00", "due"),
        ("0/2:00:00", "due"),
    ]
    assert desk.practice.broken_promises() == {}


# --- decided by what is true then ------------------------------------------------------------------------------------


def test_a_visit_that_was_cancelled_is_not_reminded_of(desk: Desk) -> None:
    amy = desk.person()
    visit = desk.booked(amy, "10:00", NEXT_WEEK)
    amy.cancel(visit)
    assert desk.at("10:00", SUNDAY) == 0
    assert desk.became(visit) == ["cancelled", "cancelled", "due"]
    desk.at("09:59", NEXT_WEEK)
    assert desk.became(visit) == ["cancelled", "cancelled", "cancelled"]
    assert desk.practice.broken_promises() == {}


def test_a_visit_that_was_moved_is_reminded_of_as_it_stands(desk: Desk) -> None:
    amy = desk.person()
    visit = desk.booked(amy, "10:00", NEXT_WEEK)
    desk.at("10:00", MONDAY + timedelta(days=2))
    amy.move(visit, desk.practice.slot("15:00", day=NEXT_WEEK))
    desk.tick()
    desk.at("15:00", SUNDAY)
    desk.at("13:00", NEXT_WEEK)
    assert desk.became(visit) == ["owed", "moved", "moved", "just_told", "owed", "owed"]
    assert "at 3:00 PM" in desk.text(amy.replies[-1])
    assert desk.practice.broken_promises() == {}


def test_who_was_never_heard_of_on_a_channel_that_can_be_written_to_is_not_reminded(desk: Desk) -> None:
    visit = desk.booked(desk.person(channel="web"), "10:00", NEXT_WEEK)
    assert desk.at("10:00", SUNDAY) == 0
    assert desk.became(visit) == ["late", "no_address", "due"]


def test_who_wants_no_messages_gets_none_and_who_cannot_be_reached_neither(desk: Desk) -> None:
    amy, ben = desk.person(), desk.person("Ben Lane")
    one, other = desk.booked(amy, "10:00", NEXT_WEEK), desk.booked(ben, "11:00", NEXT_WEEK)
    with transaction(desk.practice.engine) as session:
        reachability.opt_out(session, amy.home.address_id, SETUP)
        reachability.lost(session, ben.home.address_id, "blocked", SETUP, desk.practice.now)
    assert desk.at("11:00", MONDAY + timedelta(days=2)) == 0
    assert (desk.became(one)[0], desk.became(other)[0]) == ("opted_out", "no_address")


def test_it_goes_to_where_they_wrote_from_last(desk: Desk) -> None:
    old, new = desk.person(), desk.practice.newcomer(channel=CHANNEL)
    with transaction(desk.practice.engine) as session:
        identities.link(session, new.home.address_id, old.patient_id, "self", SETUP)
    desk.booked(old, "10:00", NEXT_WEEK)
    new.write("hello")
    old.write("hello")
    desk.at("10:00", MONDAY + timedelta(days=2))
    assert (len(old.replies), len(new.replies)) == (1, 0)
    with transaction(desk.practice.engine) as session:
        reachability.lost(session, old.home.address_id, "blocked", SETUP, desk.practice.now)
    desk.at("10:00", SUNDAY)
    assert len([reply for reply in new.replies if reply.choices]) == 1


def test_a_worker_that_was_down_says_only_the_nearest(desk: Desk) -> None:
    visit = desk.booked(desk.person(), "15:00", NEXT_WEEK)
    assert desk.at("13:30", NEXT_WEEK) == 1
    assert desk.became(visit) == ["late", "late", "owed"]


def test_a_worker_that_was_down_until_the_visit_says_nothing(desk: Desk) -> None:
    visit = desk.booked(desk.person(), "15:00", NEXT_WEEK)
    assert desk.at("14:45", NEXT_WEEK) == 0
    assert desk.became(visit) == ["late", "late", "late"]
    assert desk.practice.broken_promises() == {}


def test_at_night_it_waits_for_the_morning(desk: Desk) -> None:
    visit = desk.booked(desk.person(), "15:00", NEXT_WEEK)
    assert desk.at("22:00", SUNDAY) == 0
    assert desk.became(visit) == ["late", "due", "due"]
    assert [desk.at("08:59", NEXT_WEEK), desk.at("09:00", NEXT_WEEK)] == [0, 1]
    early = desk.booked(desk.person("Ben Lane"), "09:10", NEXT_WEEK + timedelta(days=2))
    desk.at("22:00", NEXT_WEEK + timedelta(days=1))
    assert desk.became(early)[1:] == ["late", "quiet_hours"]


def test_while_a_question_is_open_in_the_chat_it_waits(desk: Desk) -> None:
    amy = desk.person()
    visit = desk.booked(amy, "10:00", NEXT_WEEK)
    desk.practice.now = at("09:50", SUNDAY)
    desk.practice.start_clock()
    amy.write("I need a skin doctor")
    Worker(desk.practice.engine, VAULT, channels=desk.vendor.channels).answer_waiting()
    assert desk.at("10:00", SUNDAY) == 0
    assert desk.became(visit)[1] == "due"
    assert [desk.at("10:19", SUNDAY), desk.at("10:21", SUNDAY)] == [0, 1]
    desk.deliver()
    assert desk.practice.broken_promises() == {}


def test_of_an_address_visits_on_one_day_are_one_text(desk: Desk) -> None:
    amy, leo = desk.person(), desk.practice.person("leo", "web", "Leo Lane")
    with transaction(desk.practice.engine) as session:
        identities.link(session, amy.home.address_id, leo.patient_id, "dependent", SETUP)
    one = desk.booked(amy, "10:00", NEXT_WEEK)
    other = desk.booked(leo, "15:00", NEXT_WEEK)
    assert [desk.at("10:00", SUNDAY), desk.at("15:00", SUNDAY)] == [1, 0]
    assert (desk.became(one)[1], desk.became(other)[1]) == ("owed", "owed")
    (reply,) = amy.replies
    assert "the visit of Amy is on Monday, March 16 at 10:00 AM, that of Leo at 3:00 PM, at 1 Main" in desk.text(reply)
    (told, *_) = (choice.action for choice in reply.choices)
    assert isinstance(told, ConfirmVisits)
    assert [version.visit for version in told.visits] == [one, other]
    assert desk.practice.broken_promises() == {}


def test_what_was_owed_and_what_was_not_adds_up(desk: Desk) -> None:
    people = [desk.person(f"P{number} Lane") for number in range(6)]
    for number, person in enumerate(people):
        desk.booked(person, f"{10 + number}:00", NEXT_WEEK)
    people[0].cancel(desk.booked(people[0], "16:30", NEXT_WEEK))
    for hour in range(9, 20):
        desk.at(f"{hour:02}:00", SUNDAY)
        desk.deliver()
    for hour in range(9, 20):
        desk.at(f"{hour:02}:00", NEXT_WEEK)
        desk.deliver()
    with transaction(desk.practice.engine) as session:
        tally = reminders.tally(session)
    assert tally == Counter({("sent", None): 18, ("skipped", "cancelled"): 3})
    assert sum(tally.values()) == desk.practice.sql("SELECT count(*) FROM reminders")[0][0] == 21


# --- whoever else is at it -------------------------------------------------------------------------------------------


def test_many_tickers_at_once_say_everything_once(desk: Desk) -> None:
    people = [desk.person(f"P{number} Lane") for number in range(24)]
    for number, person in enumerate(people):
        person.book(desk.practice.slot(f"{9 + number // 3:02}:{number % 3 * 20:02}", day=NEXT_WEEK))
    desk.tick()
    desk.practice.now = at("18:00", SUNDAY)
    desk.practice.start_clock()
    rivals = [Reminding(desk.practice.engine, VAULT, channels=[CHANNEL]) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        owed = sum(pool.map(lambda rival: rival.remind(), rivals))
    owed += desk.tick()
    assert owed == len(people)
    assert [len(person.replies) for person in people] == [1] * len(people)
    assert desk.practice.broken_promises() == {}


def test_whoever_cancels_in_that_moment_is_waited_for(desk: Desk) -> None:
    amy = desk.person()
    visit = desk.booked(amy, "10:00", NEXT_WEEK)
    desk.practice.now = at("10:00", SUNDAY)
    desk.practice.start_clock()
    with ThreadPoolExecutor(1) as pool:
        with amy.desk() as asker:
            changing.cancel(asker, visit, [amy.patient_id])
            owed = pool.submit(desk.reminding.remind)
            while not desk.practice.somebody_waits_for_a_lock():
                assert not owed.done()
        assert owed.result() == 0
    desk.tick()
    assert "owed" not in desk.became(visit)
    assert desk.practice.broken_promises() == {}


def test_twenty_kills_between_due_and_owed_lose_nothing_and_double_nothing(
    desk: Desk, dies: Callable[[Engine, str, int], int | None]
) -> None:
    people = [desk.person(f"P{number} Lane") for number in range(24)]
    for number, person in enumerate(people):
        person.book(desk.practice.slot(f"{9 + number // 3:02}:{number % 3 * 20:02}", day=NEXT_WEEK))
    desk.tick()
    desk.practice.now = at("18:00", SUNDAY)
    desk.practice.start_clock()
    said = 0
    for course in range(20):
        place, visit = ("remind.before_commit", "remind.after_commit")[course % 2], 1 + course // 2 % 2
        assert dies(desk.practice.engine, place, visit) == -signal.SIGKILL
        said += visit - (place == "remind.before_commit")
        assert desk.practice.sql("SELECT count(*) FROM outbox") == [(said,)]
    assert desk.tick() == len(people) - said > 0
    assert [len(person.replies) for person in people] == [1] * len(people)
    assert desk.practice.broken_promises() == {}


def _remind_and_die(url: str, place: str, visit: int) -> None:
    failpoints._points[place] = ("kill", visit)
    Reminding(open_engine(url, pool_size=1), VAULT, channels=[CHANNEL]).remind()


@pytest.fixture
def dies() -> Callable[[Engine, str, int], int | None]:
    """Lets a process remind until it dies on that visit of a place; gives how it ended."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])

    def run(engine: Engine, place: str, visit: int) -> int | None:
        url = engine.url.render_as_string(hide_password=False)
        process = context.Process(target=_remind_and_die, args=(url, place, visit))
        process.start()
        process.join(30)
        return process.exitcode

    return run
