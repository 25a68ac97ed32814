"""A vendor's server, on a port of this machine."""

import asyncio
import json
import threading
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from aiohttp import web

from tests.fakes.vendor.faults import Fault
from tests.fakes.vendor.waiting import Bell
from tests.fakes.vendor.world import World


class Postman(Protocol):
    """Who carries what happens to webhooks."""

    twice: bool  # what was taken is posted once more

    @property
    def deliveries(self) -> Sequence[Any]:
        """Every attempt."""

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing could be."""

    async def serve(self) -> None:
        """For ever."""


class Server:
    """Runs in a thread with a loop of its own; serves a world that tests change from other threads."""

    postman: Postman

    def __init__(self, world: World, name: str) -> None:
        self.releases = 0
        self.patience = 1.0  # real seconds for a webhook to answer, before time goes on without it
        self.port = 0
        self._clock = world.clock
        self._world = world
        self._loop = asyncio.new_event_loop()
        self.bell = Bell(self._loop, world.clock)
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """What a call is answered."""
        raise NotImplementedError

    def start(self) -> None:
        """Listens on a free port from now on."""
        self._thread.start()
        self._do(self._open())
        self._world.ring = self.bell.ring
        self._clock.attach(self.bell.ring, self.settle)

    def stop(self) -> None:
        self._world.ring = lambda: None
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def go_away(self) -> None:
        """Nobody can connect, and who was connected no longer is."""
        self._do(self._hang_up())

    def come_back(self) -> None:
        self._do(self._listen())

    def settle(self) -> None:
        """Returns when all that came due has been done, or does not get on."""
        if not self._loop.is_closed():
            self._do(self._settled())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _open(self) -> None:
        self._runner = web.ServerRunner(web.Server(self.answer), handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await self._listen()
        self._serving = asyncio.create_task(self.postman.serve())

    async def _listen(self) -> None:
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await self._site.start()
        self.port = self._runner.addresses[0][1]

    async def _hang_up(self) -> None:
        await self._site.stop()
        assert self._runner.server is not None
        for connection in self._runner.server.connections:
            connection.force_close()

    async def _close(self) -> None:
        await _ended({self._serving})
        await self._hang_up()
        await self._runner.cleanup()
        await _ended({task for task in asyncio.all_tasks() if task is not asyncio.current_task()})

    async def _settled(self) -> None:
        known, since = -1, 0.0
        while True:
            for _ in range(5):  # whoever was woken gets his turn
                await asyncio.sleep(0)
            if known != len(self.postman.deliveries):
                known, since = len(self.postman.deliveries), time.monotonic()
            if self.postman.idle or time.monotonic() - since > self.patience:
                return
            await asyncio.sleep(0.001)

    async def spoil(self, request: web.BaseRequest, fault: Fault, releases: int) -> web.Response | None:
        """Returns as late as was ordered, with what is said in place of the answer, if anything is.

        Who hangs waits for the next release after his call came in.
        """
        if fault.hangs:
            await self.bell.until(lambda: self.releases > releases)
        if fault.seconds:
            await self.bell.until(lambda: False, self._clock.now() + fault.seconds)
        if fault.cuts and request.transport is not None:
            request.transport.abort()  # nobody gets what is returned
        if fault.body is None:
            return None
        kind = "text/html" if fault.body.startswith("<") else "application/json"
        return web.Response(status=fault.status, text=fault.body, content_type=kind)


def read_json(body: str | None) -> Any:
    """What an answer says, for the ledger; one that is no JSON as it is."""
    try:
        return json.loads(body or "null")
    except (ValueError, RecursionError):
        return body


async def _ended(tasks: "set[asyncio.Task[Any]]") -> None:
    """Cancelled until they end: a post to nobody may take a cancellation for its own."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=0.1)
