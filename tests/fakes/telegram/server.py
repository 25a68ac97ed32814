"""The Bot API over HTTP, on a port of this machine."""

import json
import re
import time
from typing import Any

from aiohttp import web

from tests.fakes.telegram.ledger import Call
from tests.fakes.telegram.methods import METHODS
from tests.fakes.telegram.parameters import Parameters, Upload
from tests.fakes.telegram.polling import Poll
from tests.fakes.telegram.postman import Postman
from tests.fakes.telegram.refusals import Refusal
from tests.fakes.telegram.state import BotAccount, World
from tests.fakes.telegram.updates import Json
from tests.fakes.vendor import server
from tests.fakes.vendor.faults import NO_FAULT, Fault, Script
from tests.fakes.vendor.ledger import Ledger

PATH = re.compile(r"/(?P<file>file/)?bot(?P<token>[^/]+)/(?P<rest>.+)")
LARGEST_BODY = 64 * 1024 * 1024


class Server(server.Server):
    """Answers calls and carries updates."""

    def __init__(self, world: World, ledger: Ledger[Call], script: Script) -> None:
        super().__init__(world, "telegram")
        self.world = world
        self.ledger = ledger
        self.script = script
        self.postman: Postman = Postman(world, self.bell)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
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
            status, answer = fault.status, server.read_json(fault.body)
            self._wait_as_told(bot, parameters, fault)
            self._note(bot, method, parameters, status, answer, fault)
        elif method.lower() == "getupdates":
            status, answer = await self._poll(bot, method, parameters, fault)
        else:
            status, answer = self._perform(bot, method, parameters, fault)
        spoiled = await self.spoil(request, fault, releases)
        return _json(status, answer) if spoiled is None else spoiled

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


def _json(status: int, body: Any) -> web.Response:
    headers = {"Retry-After": str(body["parameters"]["retry_after"])} if "parameters" in (body or {}) else {}
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)


def _copy(result: Any) -> Any:
    """As it is at this moment."""
    return json.loads(json.dumps(result))


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
