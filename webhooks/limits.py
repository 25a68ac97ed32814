"""How much an address and a visitor may ask: counted in memory, in a table that cannot grow without bounds."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil
from typing import NamedTuple

from werkzeug.exceptions import TooManyRequests

ROUNDING = 1e-6  # seconds
MOST_KEPT = 20_000  # allowances in use at once, 6 MB; beyond that the one asked of longest ago is whole again

Clock = Callable[[], float]
"""Seconds that only grow."""


class Rate(NamedTuple):
    """So many at once; each comes back after its share of so many seconds."""

    most: int
    seconds: float


Allowance = tuple[str, Rate]
"""Whose it is and for what, and how much."""


class Limits:
    """What is left of each allowance, as one number: the second at which it is whole again (GCRA).

    One number a key, no timer, no history: a storm costs what its first requests cost.
    """

    def __init__(self, clock: Clock = time.monotonic, most: int = MOST_KEPT) -> None:
        self._clock = clock
        self._most = most
        self._whole_at: OrderedDict[Allowance, float] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._whole_at)

    def take(self, allowances: Iterable[Allowance]) -> float:
        """Count one against each of these and return 0; or count nothing, and return the seconds to wait."""
        with self._lock:
            now = self._clock()
            taken = {}
            for allowance in allowances:
                _, rate = allowance
                taken[allowance] = max(self._whole_at.get(allowance, now), now) + rate.seconds / rate.most
                if (wait := taken[allowance] - now - rate.seconds) > ROUNDING:
                    return wait
            for allowance, whole_at in taken.items():
                self._whole_at[allowance] = whole_at
                self._whole_at.move_to_end(allowance)
            while len(self._whole_at) > self._most:
                self._whole_at.popitem(last=False)
        return 0


def too_many(wait: float) -> TooManyRequests:
    """The refusal of a request that may come again after `wait` seconds."""
    return TooManyRequests(retry_after=ceil(wait))


def household(address: str) -> str:
    """What an address is counted by: of IPv6 the network, as one household owns all of its addresses."""
    try:
        known = ip_address(address)
    except ValueError:  # a proxy's own notation
        return address or "unknown"
    if not isinstance(known, IPv6Address):
        return address
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(IPv6Network((known, 64), strict=False))
