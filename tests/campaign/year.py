"""A simulated time of reminders: patients book, move, cancel and go away while workers are down, die and see their clock stepped.

    python -m tests.campaign.year --days 365 --visits 100000 --people 4000 --seed 1

The clocks change, the place moves to another zone, and at the end sent + skipped + failed is what was due, exactly. The database's clock does
not wait: it is set from hour to hour, so that a month takes seconds.
"""

import argparse
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from channels.delivery import deliver_next
from channels.errors import Permanent, Unreachable
from core import failpoints, logs
from core.compliance.audit import SETUP
from core.database import open_engine, run, transaction
from core.errors import Refusal
from core.messaging import reachability, reminders
from core.messaging.reminding import MOST_A_DAY, OUTRANKS
from core.people import identities
from core.scheduling.policies import DEFAULT
from core.scheduling.wishes import Slot
from frontdesk.reminding import Reminding
from frontdesk.ticks import tick
from tests import databases, factories
from tests.demo_clinic import VAULT
from tests.factories import Person, Practice, at
from tests.fakes.recording import CHANNEL, Recording

BEGINS = date(2026, 2, 20)  # two weeks before the clocks change
HOURS = (
    "02:00",
    "09:00",
    "10:30",
    "12:00",
    "14:00",
    "16:00",
    "18:00",
    "19:35",
    "22:00",
)  # when something happens each day
VISITS_A_DAY = 12  # of one doctor, so that most of those who ask find a time
ELSEWHERE = ZoneInfo("America/Chicago")
DOWN = ("remind.before_commit", "remind.after_commit")

_WRONG = """
SELECT count(*) FROM appointments a WHERE status = 'booked' AND planned_sequence = sequence AND (
  SELECT count(*) FROM reminders r WHERE r.appointment_id = a.id AND r.sequence = a.sequence) NOT IN (0, %(leads)s)
"""

_COUNTS = "SELECT (SELECT count(*) FROM reminders) AS rows, (SELECT count(*) FROM outbox) AS texts"


@dataclass(frozen=True)
class Plan:
    """How long, how much, and by which course of chance."""

    days: int = 30
    visits: int = 300
    people: int = 60
    seed: int = 1


@dataclass
class Outcome:
    """What came of it: reminders by outcome and reason, messages, what went wrong on the way, and what is not as it should be."""

    tally: Mapping[tuple[str, str | None], int]
    texts: int
    happened: Counter[str]
    broken: list[str] = field(default_factory=list)

    def as_table(self) -> str:
        """For those who watch."""
        total = sum(self.tally.values())
        lines = [
            f"{count:>8}  {status}{f' ({why})' if why else ''}"
            for (status, why), count in sorted(self.tally.items(), key=str)
        ]
        met = ", ".join(f"{count} {what}" for what, count in sorted(self.happened.items()))
        return "\n".join([*lines, f"{total:>8}  were due, in {self.texts} messages", f"met with: {met}", *self.broken])


class Year:
    """The practice in that time."""

    def __init__(self, practice: Practice, plan: Plan) -> None:
        self.practice, self.plan, self.chance = practice, plan, Random(plan.seed)
        self.vendor = Recording()
        self.workers = [Reminding(practice.engine, VAULT, channels=[CHANNEL]) for _ in range(2)]
        self.doctors = [practice.lee, practice.kim]
        self.people: list[Person] = []
        self.visits: dict[int, Person] = {}
        self.happened: Counter[str] = Counter()
        self.told_at: dict[int, datetime] = {}  # when each message was owed, by the clinic's clock
        self.down_until = at("00:00", BEGINS)

    def live(self) -> Outcome:
        """All of it, and a fortnight more in which nothing is booked."""
        self._hire(self.plan.visits // self.plan.days // VISITS_A_DAY)
        for number in range(self.plan.people):
            self.people.append(self._person(number))
        for number in range(self.plan.days + 15):
            day = BEGINS + timedelta(days=number)
            if number == self.plan.days // 2:
                self._move_to_another_zone()
            for hour in HOURS:
                self.practice.now = at(hour, day)
                if number < self.plan.days:
                    self._people_act(day)
                self._work(day)
        return self._looked_at()

    # --- what happens ------------------------------------------------------------------------------------------------

    def _hire(self, count: int) -> None:
        kinds = (self.practice.check,)
        with transaction(self.practice.engine) as session:
            self.doctors += [
                factories.add_practitioner(session, f"D{n}", self.practice.place, kinds) for n in range(count)
            ]
            run(session, "UPDATE organization SET directory_version = directory_version + 1")
        self.practice.changed()

    def _person(self, number: int) -> Person:
        person = self.practice.person(channel="web" if number % 8 == 0 else CHANNEL, name=f"P{number} Lane")
        if number % 5 == 1:  # a guardian's address speaks for them too
            guardian = self.people[-1]
            with transaction(self.practice.engine) as session:
                identities.link(session, guardian.home.address_id, person.patient_id, "dependent", SETUP)
        return person

    def _people_act(self, day: date) -> None:
        for _ in range(self._so_many(self.plan.visits / self.plan.days / len(HOURS))):
            self._try("booked", self._book, day)
        for _ in range(self._so_many(self.plan.visits / self.plan.days / len(HOURS) / 3)):
            self._try(
                *self.chance.choice([("moved", self._move), ("cancelled", self._cancel), ("restored", self._restore)]),
                day,
            )
        if self.chance.random() < 0.01:
            self._try("opted out", self._opt_out, day)

    def _so_many(self, mean: float) -> int:
        return int(mean) + (self.chance.random() < mean % 1)

    def _try(self, what: str, act: Callable[[date], None], day: date) -> None:
        try:
            act(day)
            self.happened[what] += 1
        except Refusal:
            self.happened["refused"] += 1

    def _slot(self, day: date) -> Slot:
        wall_clock = f"{self.chance.randrange(9, 17):02}:{self.chance.choice([0, 20, 40]):02}"
        doctor = self.chance.choice(self.doctors)
        return self.practice.slot(wall_clock, doctor=doctor, day=day + timedelta(days=self.chance.randrange(13)))

    def _book(self, day: date) -> None:
        person = self.chance.choice(self.people)
        self.visits[person.book(self._slot(day)).id] = person

    def _any(self) -> tuple[int, Person]:
        if not self.visits:
            raise Refusal
        return self.chance.choice([*self.visits.items()][-100:])

    def _move(self, day: date) -> None:
        visit, person = self._any()
        person.move(visit, self._slot(day))

    def _cancel(self, _day: date) -> None:
        visit, person = self._any()
        person.cancel(visit)

    def _restore(self, _day: date) -> None:
        visit, person = self._any()
        person.cancel(visit)
        if self.chance.random() < 0.5:
            self._work_once()
        person.undo_cancel(visit)

    def _opt_out(self, _day: date) -> None:
        with transaction(self.practice.engine) as session:
            reachability.opt_out(session, self.chance.choice(self.people).home.address_id, SETUP)

    def _move_to_another_zone(self) -> None:
        self.practice.sql("UPDATE locations SET zone = %(zone)s", zone=ELSEWHERE.key)
        self.practice.sql("UPDATE organization SET directory_version = directory_version + 1")
        self.practice.changed()

    # --- what workers do ---------------------------------------------------------------------------------------------

    def _work(self, day: date) -> None:
        if self.practice.now < self.down_until:
            return
        if self.chance.random() < 0.02:
            self.happened["workers down"] += 1
            self.down_until = self.practice.now + timedelta(hours=self.chance.choice([1, 5, 24, 60]))
            return
        if self.chance.random() < 0.03:  # the clock goes wrong by an hour, and is set right
            self.happened["clock steps"] += 1
            right = self.practice.now
            self.practice.now = right - timedelta(hours=1)
            self._work_once()
            self.practice.now = right
        if self.chance.random() < 0.05:
            self.happened["deaths"] += 1
            failpoints._visits.clear()
            failpoints._points[self.chance.choice(DOWN)] = ("raise", 1)
            self._work_once()
            failpoints._points.clear()
        self._work_once()

    def _work_once(self) -> None:
        self.practice.start_clock()
        tick(self.practice.engine, VAULT, "plan_reminders")
        for worker in self.workers:
            worker.remind()
        if self.chance.random() < 0.02:
            self.vendor.will(self.chance.choice([Permanent("refused"), Unreachable("blocked")]))
        before = len(self.vendor.calls)
        while deliver_next(self.practice.engine, VAULT, self.practice.directory, self.vendor.speakers):
            pass
        self.told_at |= {call.outbox_id: self.practice.now for call in self.vendor.calls[before:]}

    # --- what came of it ---------------------------------------------------------------------------------------------

    def _looked_at(self) -> Outcome:
        with transaction(self.practice.engine) as session:
            tally = reminders.tally(session)
            owed = run(
                session, "SELECT appointment_id, lead, outbox_id, address_id FROM reminders WHERE status = 'owed'"
            ).fetchall()
            wrong = run(session, _WRONG, leads=len(DEFAULT.reminders)).fetchall()[0][0]
            ((rows, texts),) = run(session, _COUNTS)
        outcome = Outcome(tally, texts, self.happened)
        ended = Counter[str]()
        for (status, _), count in tally.items():
            ended[status] += count
        checks = {
            "all rows are counted": sum(tally.values()) == rows,
            "sent + skipped + failed = due": ended["sent"] + ended["skipped"] + ended["failed"] == rows,
            "each version has all its reminders": wrong == 0,
            "each message is of some reminder": {row.outbox_id for row in owed} == set(self.told_at)
            and len(self.told_at) == texts,
            "nobody is told twice": len(self.vendor.calls) == len(self.told_at),
            "nobody is written to at night": all(self._by_day(told) for told in self.told_at.values()),
            "caps hold": self._caps_hold(owed),
        }
        outcome.broken += [what for what, holds in checks.items() if not holds]
        outcome.broken += [f"{name}: {each}" for name, some in self.practice.broken_promises().items() for each in some]
        return outcome

    def _by_day(self, told: datetime) -> bool:
        """In one of the two zones that the place was in."""
        return any(
            DEFAULT.write_from <= told.astimezone(zone).time() < DEFAULT.write_until
            for zone in (factories.ZONE, ELSEWHERE)
        )

    def _caps_hold(self, owed: list[Any]) -> bool:
        leads, days = defaultdict(set), Counter[tuple[int, date]]()
        for row in owed:
            leads[row.outbox_id, row.address_id].add(row.lead)
        for (outbox_id, address_id), some in leads.items():
            if OUTRANKS not in some:
                days[address_id, self.told_at[outbox_id].astimezone(factories.ZONE).date()] += 1
        return all(count <= MOST_A_DAY for count in days.values())


def main() -> None:
    """A year, from the command line."""
    parser = argparse.ArgumentParser()
    for name, default in vars(Plan(days=365, visits=100_000, people=4_000)).items():
        parser.add_argument(f"--{name}", type=int, default=default)
    plan = Plan(**vars(parser.parse_args()))
    logs.set_up("year", "critical")  # who dies says so
    databases.begin_run()
    try:
        url = databases.create_database(
            databases.server_url(), template=databases.migrated_template(databases.server_url())
        )
        engine = open_engine(url)
        outcome = Year(factories.practice(engine, VAULT), plan).live()
        engine.dispose()
    finally:
        databases.end_run()
    print(outcome.as_table())
    sys.exit(bool(outcome.broken))


if __name__ == "__main__":
    main()
