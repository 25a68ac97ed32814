"""What a vendor knows, under one lock."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.fakes.vendor.clock import Clock


class World:
    """Changed by tests and by the server, never by two at once."""

    def __init__(self, clock: Clock, seed: int) -> None:
        self.clock = clock
        self.chance = random.Random(seed)
        self.changed = threading.Condition(threading.RLock())
        self.errors: list[str] = []
        self.violations: list[str] = []
        self.ring: Callable[[], None] = lambda: None

    @contextmanager
    def changing(self) -> Iterator[float]:
        """Nobody else changes or reads anything meanwhile; afterwards who waits looks again. Gives the time."""
        with self.changed:
            yield self.clock.now()
            self.changed.notify_all()
        self.ring()
