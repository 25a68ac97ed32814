"""What can go wrong with a call to any vendor, as a test orders it."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fault:
    """One call that does not go as it should."""

    name: str
    happens: bool = False  # the call is carried out all the same
    status: int = 200
    body: str | None = None  # said in place of the answer
    retry_after: int = 0
    seconds: float = 0  # by the clock, until it answers
    hangs: bool = False
    cuts: bool = False


NO_FAULT = Fault("none", happens=True)


def cut() -> Fault:
    """The call is carried out, and the connection ends without an answer."""
    return Fault("cut", happens=True, cuts=True)


def refuse() -> Fault:
    """The connection ends without an answer, and nothing has happened."""
    return Fault("refuse", cuts=True)


def hang(*, happens: bool = True) -> Fault:
    """No answer until the test lets go."""
    return Fault("hang", happens=happens, hangs=True)


def slow(seconds: float) -> Fault:
    """The call is carried out at once; its answer takes so long, by the clock."""
    return Fault("slow", happens=True, seconds=seconds)


@dataclass
class Script:
    """What the next calls of each method come to."""

    orders: dict[tuple[str, Hashable], deque[Fault | None]] = field(default_factory=dict)

    def order(self, method: str, faults: tuple[Fault | None, ...], to: Hashable) -> None:
        self.orders.setdefault((method.lower(), to), deque()).extend(faults)

    def take(self, method: str, to: Hashable) -> Fault | None:
        """The fault of this call; an order for its addressee goes before one for all."""
        for key in ((method.lower(), to), (method.lower(), None)):
            if self.orders.get(key):
                return self.orders[key].popleft()
        return None
