"""A small practice, its people and its times, for tests. What a test does not say has a sensible default."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic, sleep
from typing import Any, TypeVar
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Table, insert

from bot.messages import Action, Choice, Payload, Pick, Reply, Say, pack, unpack_payload
from channels import reading
from channels.reading import Written
from core import clock
from core.compliance.audit import SETUP
from core.crypto import Vault
from core.database import Session, run, transaction
from core.errors import Refusal
from core.messaging import inbox, outbox, readers
from core.messaging.inbox import Home, Sender
from core.people import identities, patients
from core.people.organization import locations, organization
from core.people.practitioners import practitioner_specialties, practitioners
from core.scheduling import booking, changing, directory
from core.scheduling.directory import Directory
from core.scheduling.schedules import weekly_hours
from core.scheduling.slots import Asker
from core.scheduling.visit_types import practitioner_visit_types, specialties, visit_types
from core.scheduling.wishes import Slot
from frontdesk import verify

ZONE = ZoneInfo("America/New_York")
MONDAY = date(2026, 3, 9)
EVERY_DAY = range(7)

T = TypeVar("T")


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def at(wall_clock: str, day: date = MONDAY, zone: ZoneInfo = ZONE) -> datetime:
    """The instant at which the practice's wall clock shows this time, in UTC."""
    return datetime.combine(day, time.fromisoformat(wall_clock), zone).astimezone(UTC)


def wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    """Return once the condition holds; a test that waits longer has failed."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "waited in vain"
        sleep(0.002)


def said(key: str) -> bytes:
    """A message as the outbox keeps it, before it is sealed."""
    return pack(Payload(Reply((Say(key),)), "en"))


def owe(session: Session, home: Home, message: outbox.Message) -> None:
    """A message goes into the outbox, as at the end of a turn."""
    owed = outbox.owed(home.address_id, [message])
    run(session, f"WITH {outbox.owing(1)} none AS (SELECT) SELECT", id=home.conversation_id, **owed)


# --- people ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """Somebody with a conversation. What they do at the desk is one transaction, like a turn: a refusal commits too."""

    practice: "Practice"
    home: Home
    sender: Sender
    patient_id: int = 0  # of a newcomer; nobody has this one

    @contextmanager
    def desk(self) -> Iterator[Asker]:
        """The desk as this person's conversation meets it, for as long as one transaction."""
        with transaction(self.practice.engine) as session:
            newcomer = not self.patient_id
            yield Asker(
                session, self.practice.directory, self.home.conversation_id, self.practice.now, newcomer=newcomer
            )

    def hold(self, slot: Slot) -> booking.Hold:
        return self._at_desk(lambda desk: booking.hold(desk, slot))

    def book(self, slot: Slot) -> booking.Booked:
        return self._at_desk(lambda desk: booking.book(desk, slot, self.patient_id))

    def say(self, session: Session, text: str, id: str) -> None:
        """A line of this person's web chat reaches the inbox, in a transaction of the test."""
        reading.store(session, self.practice.vault, self.sender, id, Written(text), seen=0)

    def write(self, text: str, id: str | None = None) -> None:
        """A message of this person reaches the inbox as it came, for channels whose messages are plain text."""
        with transaction(self.practice.engine) as session:
            home = inbox.home(session, self.practice.vault, self.sender)
            inbox.store(session, home, self.sender, id or uuid4().hex, text.encode())

    def owe(self, key: str, seq: int = 1, **more: Any) -> None:
        """The clinic owes this person a message, of which the test knows the key; `more` is what else is said of it."""
        sealed = self.home.key.seal("outbox.payload", self.home.conversation_id, said(key))
        with transaction(self.practice.engine) as session:
            owe(session, self.home, outbox.Message(seq, sealed, **more))

    @property
    def replies(self) -> list[Reply]:
        """What the clinic has said to this person, in order."""
        rows = self.practice.sql(
            "SELECT payload FROM outbox WHERE address_id = %(id)s ORDER BY seq", id=self.home.address_id
        )
        opened = (self.home.key.open("outbox.payload", self.home.conversation_id, row.payload) for row in rows)
        return [unpack_payload(payload).reply for payload in opened]

    @property
    def answers(self) -> list[str]:
        """The same by their keys; of each message the first."""
        return [reply.says[0].key for reply in self.replies]

    def offer(self, offered: Slot | Action) -> str:
        """A button with this time, or this action, has been shown in this person's web chat; returns what a tap on it sends."""
        action = Pick(offered, self.patient_id or None) if isinstance(offered, Slot) else offered
        choices = pack((Choice(Say("choice.slot"), action),))
        conversation_id, token = self.home.conversation_id, uuid4().hex
        with transaction(self.practice.engine) as session:
            asked = outbox.Message(
                0,
                self.home.key.seal("outbox.payload", conversation_id, said("booking.offer")),
                token,
                self.home.key.seal("prompts.choices", conversation_id, choices),
                self.practice.now + minutes(60),
            )
            owe(session, self.home, asked)
            readers.seen(session, self.home.address_id, 0)
        return f"{token}.1"

    def tap(self, choice: str, id: str | None = None) -> None:
        """A tap on a button reaches the inbox."""
        with transaction(self.practice.engine) as session:
            written = Written(choice=choice, label="a button")
            reading.store(session, self.practice.vault, self.sender, id or uuid4().hex, written, seen=0)

    def release(self) -> None:
        self._at_desk(booking.release)

    def cancel(self, visit: int) -> changing.Cancelled:
        return self._at_desk(lambda desk: changing.cancel(desk, visit, [self.patient_id]))

    def move(self, visit: int, slot: Slot, sequence: int | None = None) -> changing.Moved:
        return self._at_desk(lambda desk: changing.move(desk, visit, slot, [self.patient_id], sequence))

    def undo_move(self, visit: int, sequence: int | None = None) -> None:
        self._at_desk(lambda desk: changing.undo_move(desk, visit, [self.patient_id], sequence))

    def undo_cancel(self, visit: int) -> None:
        self._at_desk(lambda desk: changing.undo_cancel(desk, visit, [self.patient_id]))

    def undo_booking(self, visit: int) -> None:
        self._at_desk(lambda desk: changing.undo_booking(desk, visit, [self.patient_id]))

    def _at_desk(self, act: Callable[[Asker], T]) -> T:
        with self.desk() as desk:
            try:
                return act(desk)
            except Refusal as refusal:
                refused = refusal
        raise refused


# --- the practice ------------------------------------------------------------------------------------------------------


@dataclass
class Practice:
    """Dr Lee and Dr Kim see patients every day from nine to five; a visit may begin every five minutes.

    A check takes 20 minutes, a long check 40, a treatment 20 with ten minutes of buffer before and after.
    It is Monday, 9 March 2026, eight o'clock in New York, until a test says otherwise.
    """

    engine: Engine = field(repr=False)
    vault: Vault = field(repr=False)
    place: int
    lee: int
    kim: int
    check: int
    long_check: int
    treatment: int
    directory: Directory = field(repr=False)
    now: datetime = field(default_factory=lambda: at("08:00"))
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)

    def slot(self, wall_clock: str, *, kind: int | None = None, doctor: int | None = None, day: date = MONDAY) -> Slot:
        """A check with Dr Lee on Monday, or what is said."""
        return Slot(doctor or self.lee, kind or self.check, self.place, at(wall_clock, day))

    def person(self, address: str | None = None, channel: str = "web", name: str = "Pat Doe") -> Person:
        """A known patient, who writes from an address of their own."""
        person = self.newcomer(address, channel)
        with transaction(self.engine) as session:
            patient = patients.register(session, self.vault, name, date(1980, 1, 1), SETUP)
            identities.link(session, person.home.address_id, patient.id, "self", SETUP)
        return replace(person, patient_id=patient.id)

    def newcomer(self, address: str | None = None, channel: str = "web") -> Person:
        """Somebody who writes for the first time."""
        sender = Sender(channel, "chat", address or f"visitor-{next(self._numbers)}")
        with transaction(self.engine) as session:
            return Person(self, inbox.home(session, self.vault, sender), sender)

    def wait(self, **length: int) -> None:
        """Let time pass: `wait(minutes=10)`."""
        self.now += timedelta(**length)

    def start_clock(self) -> None:
        """Let the database's clock show the practice's time, for those who ask it."""
        with transaction(self.engine) as session:
            clock.set_now(session, self.now)

    def sweep(self) -> int:
        """What the tick does with holds that have run out."""
        with transaction(self.engine) as session:
            return booking.sweep_expired_holds(session, self.now)

    def sql(self, statement: str, **values: Any) -> list[Any]:
        """Run a statement in a transaction of its own; its rows, if it has any."""
        with transaction(self.engine) as session:
            cursor = run(session, statement, **values)
            return cursor.fetchall() if cursor.description else []

    def broken_promises(self) -> dict[str, tuple[str, ...]]:
        """What `frontdesk verify` finds."""
        with transaction(self.engine) as session:
            found = verify.check(session, self.vault)
        return {name: finding.broken for name, finding in found.items() if finding.broken}

    def forget_chats(self) -> None:
        """As if nobody had ever written."""
        self.sql("TRUNCATE conversations RESTART IDENTITY CASCADE; DELETE FROM audit WHERE entity = 'handoffs'")

    def wait_for_others(self) -> None:
        """Return once every transaction that runs now has ended, those of other tests on this server too: seals wait for them."""
        ((newest,),) = self.sql("SELECT pg_current_xact_id()::text::bigint")
        oldest = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
        wait_for(lambda: self.sql(oldest)[0][0] > newest)

    def somebody_waits_for_a_lock(self) -> bool:
        """Whether anything in this database cannot go on."""
        return bool(
            self.sql("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        )

    def changed(self) -> None:
        """Read the directory again."""
        with transaction(self.engine) as session:
            self.directory = directory.load(session)


def practice(engine: Engine, vault: Vault) -> Practice:
    """Open the practice in an empty database."""
    with transaction(engine) as session:
        _insert(session, organization, name="Main Street Practice", short_name="Main Street", locale="en_US")
        place = _insert(session, locations, name="Main", address="1 Main Street", zone=ZONE.key, emergency_number="911")
        for code in ("dentistry", "dermatology"):
            _insert(session, specialties, code=code, label=code.title())
        check = _insert(session, visit_types, label="Check", length=minutes(20))
        long_check = _insert(session, visit_types, label="Long check", length=minutes(40))
        buffer = minutes(10)
        treatment = _insert(
            session, visit_types, label="Treatment", length=minutes(20), buffer_before=buffer, buffer_after=buffer
        )
        kinds = (check, long_check, treatment)
        lee = add_practitioner(session, "Lee", place, kinds, specialty="dentistry")
        kim = add_practitioner(session, "Kim", place, kinds, specialty="dermatology")
        known = directory.load(session)
    return Practice(engine, vault, place, lee, kim, check, long_check, treatment, known)


def add_practitioner(
    session: Session,
    family_name: str,
    place: int,
    kinds: tuple[int, ...],
    *,
    specialty: str = "dentistry",
    seats: int = 1,
    opens: str = "09:00",
    closes: str = "17:00",
    step: int = 5,
) -> int:
    """Somebody who sees patients every day."""
    doctor: int = _insert(session, practitioners, title="Dr", given_name="Robin", family_name=family_name, seats=seats)
    _insert(session, practitioner_specialties, practitioner_id=doctor, specialty=specialty)
    for rank, kind in enumerate(kinds):
        _insert(session, practitioner_visit_types, practitioner_id=doctor, visit_type_id=kind, rank=rank)
    hours = {
        "practitioner_id": doctor,
        "location_id": place,
        "local_start": time.fromisoformat(opens),
        "local_end": time.fromisoformat(closes),
        "step": minutes(step),
        "valid_from": date(2000, 1, 1),
    }
    session.execute(insert(weekly_hours), [{**hours, "weekday": weekday} for weekday in EVERY_DAY])
    return doctor


def _insert(session: Session, table: Table, **values: Any) -> Any:
    """A row; returns the first column of its key."""
    key, *_ = table.primary_key.columns
    return session.execute(insert(table).values(**values).returning(key)).scalar_one()
