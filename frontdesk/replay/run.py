"""Play arrivals against real workers on a database of its own, and say what came of it."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Engine

from bot.messages import unpack_payload
from channels import reading, terminal
from channels.reading import Written
from channels.rendering import NUMBERS
from core import clock
from core.compliance import seals
from core.config import Settings
from core.crypto import Vault
from core.database import migrate, open_engine, run, transaction
from core.messaging import readers
from core.messaging.inbox import Home, Sender
from core.messaging.waking import Bell, Ear, bell_and_ear
from frontdesk import verify
from frontdesk.own_place import own_database, processes
from frontdesk.replay import clinic
from frontdesk.replay.arrivals import Arrival
from frontdesk.replay.clinic import ZONE, Doctor
from frontdesk.replay.patient import Ending, Patient

CROWD = 16  # patients who chat at the same time for each worker, when it goes as fast as it can
# Nobody's clock may jump far in the middle of a chat: who comes later than this waits until the others are done.
JUMP = timedelta(minutes=5)
PATIENCE = 60  # seconds after which a patient has waited in vain

Progress = Callable[[str], None]


@dataclass
class Result:
    """What came of it. `refused` counts the reasons."""

    booked: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    turns: int = 0
    seconds: float = 0
    stopped: bool = False  # by Ctrl-C, before everybody had come

    @property
    def ended(self) -> int:
        """Arrivals that came to an end."""
        return self.booked + self.refused.total()

    def lines(self) -> Iterator[str]:
        """For people to read."""
        if self.stopped:
            yield "Stopped before everybody had come."
        yield f"{self.ended} arrivals, {self.booked} booked, {self.refused.total()} refused"
        for reason, count in self.refused.most_common():
            yield f"  {count:>6}  {reason}"
        yield f"{self.turns} turns in {self.seconds:.1f} s, {self.turns / self.seconds:.1f} turns a second"


@dataclass
class _Chat:
    """A patient who waits for an answer."""

    patient: Patient
    home: Home
    since: float


@dataclass
class _WallClock:
    """The clinic's clock, as last set: local wall time, naive, like the rows'."""

    shown: datetime
    at: float = field(default_factory=time.monotonic)

    def now(self) -> datetime:
        return self.shown + timedelta(seconds=time.monotonic() - self.at)


@dataclass
class Crowd:
    """All patients. `speed` is how many times faster than real the rows come, None as fast as it goes."""

    engine: Engine
    vault: Vault
    bell: Bell
    ear: Ear
    doctors: dict[str, list[Doctor]]
    most: int
    speed: float | None
    result: Result = field(default_factory=Result)
    chats: dict[int, _Chat] = field(default_factory=dict)  # by address

    def play(self, arrivals: Sequence[Arrival], progress: Progress) -> Result:
        """Let everybody come, chat and go."""
        self._began, self._first = time.monotonic(), arrivals[0].at
        self._length = (max(arrival.at for arrival in arrivals) - self._first).total_seconds()
        self._clock = _WallClock(self._first - timedelta(minutes=1))
        try:
            self._play(arrivals, progress)
        except KeyboardInterrupt:
            self.result.stopped = True
        self.result.seconds = time.monotonic() - self._began
        return self.result

    def _play(self, arrivals: Sequence[Arrival], progress: Progress) -> None:
        waiting = iter(arrivals)
        coming = next(waiting, None)
        while coming or self.chats:
            heard, busy = self.ear.rings, self._hear()
            while coming and self._may_come(coming):
                self._begin(coming)
                coming, busy = next(waiting, None), True
            progress(
                f"{self.result.ended} of {len(arrivals)}, {self._row_time():%Y-%m-%d %H:%M}, {self.result.turns} turns"
            )
            if not busy:
                self.ear.wait(heard, 0.1)
                self._give_up()

    def _row_time(self) -> datetime:
        """Which rows have come by now: what the clinic's clock shows, or between two rows will show."""
        if self.speed is None:
            return self._clock.now()
        gone = (time.monotonic() - self._began) * self.speed
        return self._first + timedelta(seconds=min(gone, self._length))

    def _may_come(self, arrival: Arrival) -> bool:
        if any(chat.patient.arrival.patient == arrival.patient for chat in self.chats.values()):
            return False  # nobody has two chats at once
        if self.chats and arrival.at - self._clock.now() >= JUMP:
            return False
        if self.speed is None:
            return len(self.chats) < self.most
        return arrival.at <= self._row_time()

    def _begin(self, arrival: Arrival) -> None:
        patient = Patient(arrival, self.doctors[arrival.place])
        if arrival.at > self._clock.now():
            with transaction(self.engine) as session:
                clock.set_now(session, arrival.at.replace(tzinfo=ZONE))
            self._clock = _WallClock(arrival.at)
        home = self._write(arrival, patient.begin(), seen=0)
        self.chats[home.address_id] = _Chat(patient, home, time.monotonic())

    def _write(self, arrival: Arrival, text: str, seen: int) -> Home:
        sender = Sender(terminal.CHANNEL, NUMBERS, arrival.address)
        with transaction(self.engine) as session:
            home = reading.store(session, self.vault, sender, uuid4().hex, Written(text), seen)
        self.bell.ring("inbox")
        return home

    def _hear(self) -> bool:
        """Read what the clinic has said, and answer it."""
        with transaction(self.engine) as session:
            unread = readers.unread(session, terminal.CHANNEL)
        for row in unread:
            chat = self.chats.get(row.address_id)
            if chat is None:  # they have given up
                self._close(row)
                continue
            payload = chat.home.key.open("outbox.payload", chat.home.conversation_id, row.payload)
            self.result.turns += 1
            says = chat.patient.answer(unpack_payload(payload))
            if isinstance(says, Ending):
                self._close(row)
                self._end(row.address_id, says)
            else:
                self._write(chat.patient.arrival, says, row.seq)
                chat.since = time.monotonic()
        return bool(unread)

    def _close(self, row: Any) -> None:
        with transaction(self.engine) as session:
            readers.seen(session, row.address_id, row.seq)

    def _give_up(self) -> None:
        late = time.monotonic() - PATIENCE
        for address_id in [id for id, chat in self.chats.items() if chat.since < late]:
            self._end(address_id, Ending("no_answer"))

    def _end(self, address_id: int, ending: Ending) -> None:
        del self.chats[address_id]
        if ending.reason:
            self.result.refused[ending.reason] += 1
        else:
            self.result.booked += 1


def replay(
    settings: Settings,
    arrivals: Sequence[Arrival],
    providers: Path,
    *,
    speed: float | None = None,
    workers: int = 1,
    progress: Progress = lambda _: None,
) -> tuple[Result, dict[str, verify.Finding]]:
    """Play `arrivals` with so many worker processes; what came of it, and what `verify` finds afterwards."""
    with own_database(settings, "replay") as own:
        migrate(own.database_url)
        engine = open_engine(own.database_url, pool_size=2)
        with transaction(engine) as session:
            doctors = clinic.make(session, arrivals, providers)
        with processes(own, *["frontdesk worker"] * workers), bell_and_ear(own.database_url, "outbox") as (bell, ear):
            crowd = Crowd(engine, own.vault, bell, ear, doctors, CROWD * workers, speed)
            result = crowd.play(arrivals, progress)
        with transaction(engine) as session:
            for setting in verify.SETTINGS:
                run(session, setting)
            found = verify.check(session, own.vault, noted=verify.read_noted(own.var_dir / seals.FILE), ledger=None)
        engine.dispose()
    return result, found
