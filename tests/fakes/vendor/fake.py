"""What tests do with every fake vendor."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from tests.fakes.vendor.ledger import Call, Ledger
from tests.fakes.vendor.server import Server
from tests.fakes.vendor.world import World

Delivery = TypeVar("Delivery")


class Fake(Generic[Call, Delivery]):
    """A vendor on this machine.

    `errors` are calls that no real client should make, `violations` are broken rules that the vendor only frowns at.
    """

    def __init__(self, world: World, server: Server, ledger: Ledger[Call]) -> None:
        self._world = world
        self._server = server
        self._ledger = ledger
        self.clock = world.clock

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop()

    @property
    def url(self) -> str:
        """The base address of the API."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def errors(self) -> list[str]:
        return self._world.errors

    @property
    def violations(self) -> list[str]:
        return self._world.violations

    @property
    def ledger(self) -> list[Call]:
        """Every call, in the order in which they took effect."""
        with self._world.changed:
            return list(self._ledger.calls)

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt to post to a webhook."""
        with self._world.changed:
            return list(self._server.postman.deliveries)

    @property
    def deliver_twice(self) -> bool:
        """Whether webhooks get what they have taken once more, as when their answer was lost."""
        return self._server.postman.twice

    @deliver_twice.setter
    def deliver_twice(self, twice: bool) -> None:
        self._server.postman.twice = twice

    @contextmanager
    def held(self) -> Iterator[None]:
        """What people do meanwhile reaches webhooks when it ends, all at once."""
        yield from self._hold(swap=False)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """What people do meanwhile reaches webhooks when it ends: the last first, one after the other."""
        yield from self._hold(swap=True)

    def _hold(self, *, swap: bool) -> Iterator[None]:
        """Keep back what people do meanwhile, and let it go."""
        raise NotImplementedError

    def release(self) -> None:
        """Whoever hangs gets an answer."""
        with self._world.changing():
            self._server.releases += 1

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Meanwhile connections are refused."""
        self._server.go_away()
        try:
            yield
        finally:
            self._server.come_back()

    def wait_until(
        self, true: Callable[[], Any], seconds: float = 10, what: Callable[[], str] = lambda: "what was awaited"
    ) -> None:
        """Returns as soon as it is true; raises if it does not become so in real seconds."""
        end = time.monotonic() + seconds
        while not true():
            if time.monotonic() >= end:
                raise TimeoutError(f"{seconds} s went by without {what()}")
            with self._world.changed:
                self._world.changed.wait(0.05)  # it may depend on more than this fake

    def settle(self) -> None:
        """Returns when nothing is on its way to a webhook, or the webhook says nothing for `patience` real seconds."""
        self._server.settle()

    @property
    def patience(self) -> float:
        return self._server.patience

    @patience.setter
    def patience(self, seconds: float) -> None:
        self._server.patience = seconds
