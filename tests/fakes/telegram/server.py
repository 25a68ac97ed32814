"""The Bot API over HTTP, on a port of this machine."""

import asyncio
import json
import re
import threading
import time
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from tests.fakes.telegram.faults import Fault, Script
from tests.fakes.telegram.ledger import Call, Ledger
from tests.fakes.telegram.methods import METHODS
from tests.fakes.telegram.parameters import Parameters, Upload
from tests.fakes.telegram.polling import Poll
from tests.fakes.telegram.postman import Postman
from tests.fakes.telegram.refusals import Refusal
from tests.fakes.telegram.state import BotAccount, World
from tests.fakes.telegram.updates import Json
from tests.fakes.telegram.waiting import Bell

PATH = re.compile(r"/(?P<file>file/)?bot(?P<token>[^/]+)/(?P<rest>.+)")
LARGEST_BODY = 64 * 1024 * 1024
NO_FAULT = Fault("none", happens=True)


class Server:
    """Runs in a thread with a loop of its own; serves a world that tests change from other threads."""

    def __init__(self, world: World, ledger: Ledger, script: Script) -> None:
        self.world = world
        self.ledger = ledger
        self.script = script
        self.releases = 0
        self.patience = 1.0  # real seconds for a webhook to answer, before time goes on without it
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self.bell = Bell(self._loop, world.clock)
        self.postman = Postman(world, self.bell)
        self._thread = threading.Thread(target=self._loop.run_forever, name="telegram", daemon=True)

    def start(self) -> None:
        """Listens on a free port from now on."""
        self._thread.start()
        self._do(self._open())
        self.world.ring = self.bell.ring
        self.world.clock.attach(self.bell.ring, self.settle)

    def stop(self) -> None:
        self.world.ring = lambda: None
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
        self._runner = web.ServerRunner(web.Server(self._answer), handle_signals=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await self._listen()
        self._serving = asyncio.ensure_future(self.postman.serve())

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
        self._serving.cancel()
        await asyncio.gather(self._serving, return_exceptions=True)
        await self._hang_up()
        await self._runner.cleanup()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

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

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        found = PATH.fullmatch(request.path)
        if found is None:
            return _json(404, Refusal(404, "Not Found").body)
        bot = self.world.bots.get(found["token"])
        if bot is None:
            self.world.errors.append("a call with a token of no bot")
            return _json(401, Refusal(401, "Unauthorized").body)
        if found["file"]:
            return self._download(bot, found["rest"])
        try:
            return await self._call(request, bot, found["rest"])
        except Exception as bug:  # of the caller, who sent what no library would, or of this fake
            self.world.errors.append(f"{found['rest']}: {bug!r}")
            return _json(500, Refusal(500, "Internal Server Error").body)

    def _download(self, bot: BotAccount, path: str) -> web.Response:
        with self.world.changed:
            stored = next((file for file in self.world.files.values() if file.path == path), None)
            answer = Refusal(404, "Not Found").body if stored is None else {"ok": True, "result": len(stored.content)}
            self._note(bot, "download", Parameters({"path": path}), 404 if stored is None else 200, answer, NO_FAULT)
        if stored is None:
            return _json(404, answer)
        return web.Response(body=stored.content, content_type="application/octet-stream")

    async def _call(self, request: web.BaseRequest, bot: BotAccount, method: str) -> web.StreamResponse:
        parameters = await read(request)
        releases = self.releases
        fault = self.script.take(method, parameters.chat_id) or NO_FAULT
        if not fault.happens:
            status, answer = fault.status, _read_json(fault.body)
            self._wait_as_told(bot, parameters, fault)
            self._note(bot, method, parameters, status, answer, fault)
        elif method.lower() == "getupdates":
            status, answer = await self._poll(bot, method, parameters, fault)
        else:
            status, answer = self._perform(bot, method, parameters, fault)
        await self._delay(fault, releases)
        if fault.cuts:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()  # which nobody gets
        if fault.body is None:
            return _json(status, answer)
        kind = "text/html" if fault.body.startswith("<") else "application/json"
        return web.Response(status=fault.status, text=fault.body, content_type=kind)

    def _wait_as_told(self, bot: BotAccount, parameters: Parameters, fault: Fault) -> None:
        if fault.retry_after and parameters.chat_id is not None:
            with self.world.changing() as now:
                self.world.limits.close((bot.id, parameters.chat_id), now + fault.retry_after)

    def _perform(self, bot: BotAccount, name: str, parameters: Parameters, fault: Fault) -> tuple[int, Json]:
        """Carries a call out, and notes it in the same breath."""
        method = METHODS.get(name.lower())
        with self.world.changing():
            try:
                if method is None:
                    self.world.errors.append(f"{name} is not known here")
                    raise Refusal(404, "Not Found")
                status, answer = 200, {"ok": True, "result": _copy(method(self.world, bot, parameters))}
            except Refusal as refusal:
                status, answer = refusal.code, refusal.body
            self._note(bot, name, parameters, status, answer, fault)
        return status, answer

    async def _poll(self, bot: BotAccount, name: str, parameters: Parameters, fault: Fault) -> tuple[int, Json]:
        try:
            batch = await Poll(self.world, self.bell, bot, parameters).answer()
            status, answer = 200, {"ok": True, "result": batch}
        except Refusal as refusal:
            status, answer = refusal.code, refusal.body
        self._note(bot, name, parameters, status, answer, fault)
        return status, answer

    def _note(
        self, bot: BotAccount, method: str, parameters: Parameters, status: int, answer: Any, fault: Fault
    ) -> None:
        with self.world.changing() as now:
            self.ledger.write(
                Call(
                    at=now,
                    monotonic=time.monotonic(),
                    bot_id=bot.id,
                    method=method,
                    parameters=parameters.for_the_ledger(),
                    chat_id=parameters.chat_id,
                    status=0 if fault.cuts else status,
                    answer=answer,
                    fault=None if fault is NO_FAULT else fault.name,
                    happened=fault.happens,
                )
            )

    async def _delay(self, fault: Fault, releases: int) -> None:
        """As late as was ordered; who hangs waits for the next release after his call came in."""
        if fault.hangs:
            await self.bell.until(lambda: self.releases > releases)
        if fault.seconds:
            await self.bell.until(lambda: False, self.world.clock.now() + fault.seconds)


def _json(status: int, body: Any) -> web.Response:
    headers = {"Retry-After": str(body["parameters"]["retry_after"])} if "parameters" in body else {}
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def _copy(result: Any) -> Any:
    """As it is at this moment."""
    return json.loads(json.dumps(result))


def _read_json(body: str | None) -> Any:
    try:
        return json.loads(body or "null")
    except (ValueError, RecursionError):
        return body


async def read(request: web.BaseRequest) -> Parameters:
    """Query and body, in any of the four forms that Telegram takes."""
    values: dict[str, Any] = dict(request.query)
    uploads: dict[str, Upload] = {}
    if request.content_type == "application/json":
        values |= json.loads(await request.read() or b"{}")
    else:
        posted = await request.clone(client_max_size=LARGEST_BODY).post()
        for name, value in posted.items():
            if isinstance(value, web.FileField):
                uploads[name] = Upload(value.file.read(), value.filename, value.content_type)
            else:
                values[name] = value if isinstance(value, str) else bytes(value).decode()
    return Parameters(values, uploads)
