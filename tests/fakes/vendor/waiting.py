"""Waiting in the server's loop for something that another thread does, or for the clock."""

import asyncio
from collections.abc import Callable

from tests.fakes.vendor.clock import Clock


class Bell:
    """Wakes everybody who waits in the loop; may be rung from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    async def heard(self, until: float | None) -> None:
        """Returns when the bell has rung, or at this time by the clock."""
        ring = self._loop.create_future()
        self._waiting.add(ring)
        try:
            await asyncio.wait_for(ring, self._clock.real_wait(until))
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(ring)

    async def until(self, true: Callable[[], bool], deadline: float | None = None) -> bool:
        """Whether it came true before the deadline."""
        while not true():
            if deadline is not None and self._clock.now() >= deadline:
                return False
            await self.heard(deadline)
        return True
