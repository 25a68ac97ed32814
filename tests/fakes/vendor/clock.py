"""Time for the fake: the real one, or one that goes on only when a test says so."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol

Notify = Callable[[], None]


class Clock(Protocol):
    """What the fake waits by; seconds since 1970."""

    def now(self) -> float: ...

    def real_wait(self, until: float | None) -> float | None:
        """The longest to sleep in real seconds; None: until somebody calls."""

    def attach(self, ring: Notify, settle: Notify) -> None:
        """Who is to be told when this clock jumps, and asked whether all work that came due is done."""


class RealClock:
    """The machine's own time."""

    def now(self) -> float:
        return time.time()

    def real_wait(self, until: float | None) -> float | None:
        return None if until is None else max(0.0, until - self.now())

    def attach(self, ring: Notify, settle: Notify) -> None:
        """It never jumps."""


class ManualClock:
    """Stands still until `advance`, which goes from one deadline to the next and lets each have its effect."""

    def __init__(self, start: datetime = datetime(2026, 3, 9, 8, 55, tzinfo=UTC)) -> None:
        self._now = start.timestamp()
        self._deadlines: list[float] = []
        self._attached: list[tuple[Notify, Notify]] = []
        self._lock = threading.Lock()

    def now(self) -> float:
        return self._now

    def real_wait(self, until: float | None) -> float | None:
        if until is not None:
            with self._lock:
                self._deadlines.append(until)
        return None

    def attach(self, ring: Notify, settle: Notify) -> None:
        self._attached.append((ring, settle))

    def is_awaited(self, moment: float) -> bool:
        """Whether anything is to happen at this moment, and not before."""
        with self._lock:
            return moment in self._deadlines

    def advance(self, seconds: float) -> None:
        """Let so many seconds go by; what fell due meanwhile has happened when this returns."""
        target = self._now + seconds
        self._settle()
        while (due := self._next(target)) is not None:
            self._go_to(due)
        self._go_to(target)

    def _next(self, target: float) -> float | None:
        with self._lock:
            self._deadlines = [due for due in self._deadlines if due > self._now]
            return min((due for due in self._deadlines if due <= target), default=None)

    def _go_to(self, moment: float) -> None:
        self._now = moment
        for ring, _ in self._attached:
            ring()
        self._settle()

    def _settle(self) -> None:
        for _, settle in self._attached:
            settle()
