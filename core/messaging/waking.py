"""Waking those who wait for work: NOTIFY after the commit, from a connection of its own.

NOTIFY inside a business transaction would serialise commits. What a lost bell does not wake, a tick of one second does.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Literal

import psycopg

from core.database import listening_connection

Topic = Literal["inbox", "outbox"]

PAUSE = 0.01  # seconds between two rings
TICK = 1.0  # seconds after which one looks without having been woken


class Bell:
    """Rings for all processes. `ring` never waits and never fails: it is a courtesy, not a promise."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._wanted: set[Topic] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name="bell", daemon=True)
        self._thread.start()

    def ring(self, topic: Topic) -> None:
        """Somebody should look at this queue, after the commit that has just happened."""
        with self._changed:
            self._wanted.add(topic)
            self._changed.notify()

    def close(self) -> None:
        """Stop ringing."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout=2)

    def _serve(self) -> None:
        connection = None
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._closed)
                if self._closed:
                    break
                topics, self._wanted = self._wanted, set()
            try:
                connection = connection or listening_connection(self._url)
                for topic in topics:
                    connection.execute(f"NOTIFY {topic}")
            except psycopg.Error:
                connection = None  # the tick wakes everybody until the database is back
            threading.Event().wait(PAUSE)
        if connection is not None:
            connection.close()


class Ear:
    """Hears bells of one topic. Threads of one process share an ear."""

    def __init__(self, url: str, topic: Topic) -> None:
        self._url, self._topic = url, topic
        self._rings = 0
        self._heard = threading.Condition()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._serve, name=f"ear-{topic}", daemon=True)
        self._thread.start()

    @property
    def rings(self) -> int:
        """How often a bell was heard: take it before looking at the queue, give it to `wait` afterwards."""
        return self._rings

    def wait(self, since: int, seconds: float = TICK) -> None:
        """Return when a bell has been heard after `since`, or after some seconds."""
        with self._heard:
            self._heard.wait_for(lambda: self._rings != since or self._closed.is_set(), timeout=seconds)

    def close(self) -> None:
        """Hear no more."""
        self._closed.set()
        with self._heard:
            self._heard.notify_all()
        self._thread.join(timeout=2)

    def _serve(self) -> None:
        while not self._closed.is_set():
            with contextlib.suppress(psycopg.Error), listening_connection(self._url) as connection:
                connection.execute(f"LISTEN {self._topic}")
                self._hear()
                self._listen(connection)
            self._closed.wait(TICK)

    def _listen(self, connection: psycopg.Connection) -> None:
        while not self._closed.is_set():
            for _ in connection.notifies(timeout=TICK, stop_after=1):
                self._hear()

    def _hear(self) -> None:
        with self._heard:
            self._rings += 1
            self._heard.notify_all()


@contextlib.contextmanager
def bell_and_ear(url: str, topic: Topic) -> Iterator[tuple[Bell, Ear]]:
    """What a process needs that both rings and listens."""
    bell, ear = Bell(url), Ear(url, topic)
    try:
        yield bell, ear
    finally:
        ear.close()
        bell.close()
