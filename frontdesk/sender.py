"""Deliver the outbox to the channels that have a vendor, and fetch what people sent. Run as many as needed.

One message per address is in flight, in order; one thread has one.
"""

import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Engine

from channels import CHANNELS, CHECKABLE, Speaker
from channels.delivery import deliver_next, fetch_next
from channels.errors import DeliveryFailed
from core import logs
from core.config import Settings
from core.crypto import Vault
from core.database import UNAVAILABLE, at_once, open_engine, transaction
from core.messaging import outbox
from core.messaging.waking import TICK, Ear
from core.scheduling.directory import Cached, Directory
from frontdesk.processes import stopped_by_signal

THREADS = 4  # messages of one process that are on their way at once: a vendor takes its time over each
RECONCILING, RECONCILE_EVERY = "reconciling", timedelta(minutes=10)
BRIEFLY = 0.01  # seconds, for what may go in an instant

_log = logs.get(__name__)


def main(settings: Settings) -> None:
    """Deliver until a signal comes. A database that is away is waited for."""
    opening = {name: channel.open for name, channel in CHANNELS.items() if channel.open is not None}
    speakers = {name: speaker for name, open_ in opening.items() if (speaker := open_(settings)) is not None}
    engine = open_engine(settings.database_url, pool_size=THREADS)
    ear = Ear(settings.database_url, "outbox")
    sender = Sender(engine, settings.vault, speakers, ear, stopped_by_signal(ear))
    with ThreadPoolExecutor(THREADS, "sender") as pool:
        working = [pool.submit(sender.work) for _ in range(THREADS)]
        wait(
            working, return_when=FIRST_EXCEPTION
        )  # a bug in one of them ends the process, to be seen and started again
        sender.stopping.set()
        ear.close()
    for speaker in speakers.values():
        speaker.close()
    engine.dispose()
    for work in working:
        work.result()


@dataclass
class Sender:
    """What the threads of a sender share."""

    engine: Engine
    vault: Vault
    speakers: Mapping[str, Speaker]
    ear: Ear
    stopping: threading.Event
    directory: Cached = field(default_factory=Cached)
    clinic: Directory = field(default_factory=Directory)
    _fresh_until: float = 0.0
    _ask_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self) -> None:
        """Deliver, one message at a time, until told to stop."""
        while not self.stopping.is_set():
            heard = self.ear.rings
            try:
                self._look_around()
                while not self.stopping.is_set() and self._deliver_next():
                    pass
                pause = self._pause()
            except UNAVAILABLE as error:
                _log.warning("database_away", error=type(error).__name__)
                self.engine.dispose()
                self.stopping.wait(1 + random.random())  # noqa: S311  # so that senders do not come back all at once
                continue
            self.ear.wait(heard, pause)

    def _deliver_next(self) -> bool:
        return deliver_next(self.engine, self.vault, self.clinic, self.speakers)

    def _pause(self) -> float:
        """Seconds until something may go that may not go yet."""
        with at_once(self.engine) as session:
            seconds = outbox.next_in(session, self.speakers)
        return TICK if seconds is None else min(max(seconds, BRIEFLY), TICK)

    def _look_around(self) -> None:
        """Once in a while, in one of the threads: fetch files, and see whether a sender has died.

        Senders see that by themselves: workers, who do so too, may be dying at the same time.
        """
        if not self._refreshed():
            return
        while not self.stopping.is_set() and fetch_next(self.engine, self.vault, self.speakers):
            pass
        with transaction(self.engine) as session:
            outbox.expire_leases(session, CHECKABLE)
            outbox.drop_late(session)
        if time.monotonic() >= self._ask_at:
            self._ask_at = time.monotonic() + RECONCILE_EVERY.total_seconds() / 10
            for channel, speaker in self.speakers.items():
                self._reconcile(channel, speaker)

    def _reconcile(self, channel: str, speaker: Speaker) -> None:
        """Now and then, in one of all senders: take in what its vendor has and never brought."""
        with at_once(self.engine) as session:
            if not outbox.its_turn(session, channel, RECONCILING, RECONCILE_EVERY):
                return
        try:
            for keep in speaker.missed():
                with transaction(self.engine) as session:
                    if keep(session, self.vault):
                        _log.warning("was_missed", channel=channel)
        except DeliveryFailed as error:
            _log.warning("not_reconciled", channel=channel, code=error.code)

    def _refreshed(self) -> bool:
        """Whether it was time to read the clinic anew. Nobody says a word before it has been read once."""
        with self._lock:
            if time.monotonic() < self._fresh_until:
                return False
            with transaction(self.engine) as session:
                self.clinic = self.directory.current(session)
            self._fresh_until = time.monotonic() + TICK
            return True
