"""How much a bot may send: the numbers of Telegram's FAQ, made exact."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.fakes.telegram.refusals import Refusal, too_many

CLOCKS_DIFFER = 0.05  # seconds; who waits exactly as long as told is not to blame for rounding

Place = tuple[int, int]  # a bot and a chat


@dataclass
class Limits:
    """About thirty messages a second for a bot, one a second for a chat with some more at once, twenty a minute for a group."""

    on: bool
    burst: int  # beyond the one a second
    a_second: int = 30
    a_minute_in_groups: int = 20
    recent: dict[int, deque[float]] = field(default_factory=dict)
    in_chat: dict[Place, tuple[float, float]] = field(default_factory=dict)  # what is left, and as of when
    in_group: dict[Place, deque[float]] = field(default_factory=dict)
    closed_until: dict[Place, float] = field(default_factory=dict)

    def close(self, place: Place, until: float) -> None:
        """Whoever has been told to wait sends nothing there before."""
        self.closed_until[place] = max(until, self.closed_until.get(place, 0))

    def count(self, place: Place, now: float, blame: Callable[[str], None]) -> None:
        """One message more; refuses it when it is one too many, and blames who did not wait as told."""
        closed = self.closed_until.get(place, 0) - now
        if closed > CLOCKS_DIFFER:
            blame(f"sent to chat {place[1]} {closed:.1f} s before retry_after was over")
            raise too_many(math.ceil(closed))
        wait = self._wait(place, now) if self.on else 0
        if wait > 0:
            raise self._refuse(place, now, math.ceil(wait))
        self._remember(place, now)

    def _refuse(self, place: Place, now: float, seconds: int) -> Refusal:
        self.close(place, now + seconds)
        return too_many(seconds)

    def _wait(self, place: Place, now: float) -> float:
        waits = [_full(self.recent.setdefault(place[0], deque()), self.a_second, 1, now)]
        waits.append(1 - self._left(place, now))
        if place[1] < 0:
            waits.append(_full(self.in_group.setdefault(place, deque()), self.a_minute_in_groups, 60, now))
        return max(waits)

    def _left(self, place: Place, now: float) -> float:
        left, since = self.in_chat.get(place, (1.0 + self.burst, now))
        return min(1.0 + self.burst, left + (now - since)) + CLOCKS_DIFFER

    def _remember(self, place: Place, now: float) -> None:
        self.recent.setdefault(place[0], deque()).append(now)
        self.in_chat[place] = (self._left(place, now) - CLOCKS_DIFFER - 1, now)
        if place[1] < 0:
            self.in_group.setdefault(place, deque()).append(now)


def _full(times: deque[float], most: int, seconds: float, now: float) -> float:
    """How long until there is room for one more within so many seconds."""
    while times and times[0] <= now - seconds:
        times.popleft()
    return times[len(times) - most] + seconds - now if len(times) >= most else 0
