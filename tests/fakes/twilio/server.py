"""Twilio's REST API over HTTP: all its hosts on one port of this machine, told apart by path."""

import base64
import json
import re
import time
from typing import Any
from urllib.parse import parse_qsl, quote

from aiohttp import web

from tests.fakes.twilio import routes
from tests.fakes.twilio.carrier import Carrier
from tests.fakes.twilio.ledger import Call
from tests.fakes.twilio.numbers import bare
from tests.fakes.twilio.postman import Postman
from tests.fakes.twilio.refusals import Refusal, not_for_test_credentials, not_found, too_many, unauthorized
from tests.fakes.twilio.requests import Request
from tests.fakes.twilio.rest import Rest
from tests.fakes.twilio.routes import Route
from tests.fakes.twilio.state import World
from tests.fakes.vendor import server
from tests.fakes.vendor.faults import NO_FAULT, Fault, Script
from tests.fakes.vendor.ledger import Ledger

FILE = re.compile(rf"{routes.MESSAGE}/Media/(?P<media>ME\w+)")
STORE = re.compile(r"/media-store/(?P<sid>\w+)/(?P<media>ME\w+)")
FILE_METHOD = "media.download"


class Server(server.Server):
    """Answers calls, and carries webhooks."""

    def __init__(self, world: World, ledger: Ledger[Call], script: Script) -> None:
        super().__init__(world, "twilio")
        self.world = world
        self.ledger = ledger
        self.script = script
        self.carrier = Carrier(world)
        self.rest = Rest(world, self.carrier)
        self.postman: Postman = Postman(world, self.bell)
        self.most_at_once: int | None = None
        self._at_once = 0

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self._at_once += 1
        try:
            return await self._answer(request)
        except Refusal as refusal:
            return _json(refusal.status, refusal.body)
        except Exception as bug:  # of the caller, who sent what no library would, or of this fake
            self.world.errors.append(f"{request.method} {request.path}: {bug!r}")
            return _json(500, Refusal(500, 20500, "An internal server error has occurred").body)
        finally:
            self._at_once -= 1

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if STORE.fullmatch(request.path):
            return self._stored_file(request)
        self._check_who(request)
        if request.method == "GET" and (found := FILE.fullmatch(request.path)):
            return await self._call(await read(request, found.groupdict()), FILE_METHOD, request)
        known = routes.find(request.method, request.path)
        if known is None:
            self.world.errors.append(f"{request.method} {request.path} is not known here")
            raise not_found(request.path)
        route, parts = known
        call = await read(request, parts)
        self._check_call(route, call)
        return await self._call(call, route.name, request)

    def _check_who(self, request: web.BaseRequest) -> None:
        """Basic authentication, by account and token or by a key and its secret [D]."""
        kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            user = password = ""
        known = {**self.world.keys, self.world.account: self.world.token}
        if kind.lower() != "basic" or not user or known.get(user) != password:
            self.world.errors.append("a call without the right account and token")
            raise unauthorized()

    def _check_call(self, route: Route, call: Request) -> None:
        unknown = {name for name in call.names if name not in route.parameters}
        if unknown:
            self.world.errors.append(f"{route.name} has no parameters {sorted(unknown)}")
        if call.parts.get("account", self.world.account) != self.world.account:
            raise not_found(call.path)

    async def _call(self, call: Request, name: str, request: web.BaseRequest) -> web.StreamResponse:
        releases = self.releases
        fault = self.script.take(name, bare(call.text("To")) or None) or NO_FAULT
        if not fault.happens:
            status, answer = fault.status, server.read_json(fault.body)
            self._note(call, name, status, answer, fault)
        else:
            status, answer = self._perform(call, name, fault)
        spoiled = await self.spoil(request, fault, releases)
        if spoiled is not None:
            return spoiled
        if name == FILE_METHOD and status == 307:
            return web.Response(status=307, headers={"Location": self._store_url(answer["file"])})
        return web.Response(status=204) if status == 204 else _json(status, answer)

    def _perform(self, call: Request, name: str, fault: Fault) -> tuple[int, Any]:
        """Carries a call out, and notes it in the same breath."""
        with self.world.changing():
            try:
                status, answer = self._do_call(call, name)
            except Refusal as refusal:
                status, answer = refusal.status, refusal.body
            answer = json.loads(json.dumps(answer))
            self._note(call, name, status, answer, fault)
        return status, answer

    def _do_call(self, call: Request, name: str) -> tuple[int, Any]:
        if self.most_at_once is not None and self._at_once > self.most_at_once:
            raise too_many()
        if name == FILE_METHOD:
            return 307, {"file": f"{call.parts['sid']}/{self.rest.media(call).sid}"}
        route = routes.BY_NAME[name]
        if self.world.test_credentials and not route.with_test_credentials:
            raise not_for_test_credentials()
        return route.method(self.rest, call)

    def _note(self, call: Request, name: str, status: int, answer: Any, fault: Fault) -> None:
        with self.world.changing() as now:
            self.ledger.write(
                Call(
                    at=now,
                    monotonic=time.monotonic(),
                    method=name,
                    parameters={**call.parts, **call.for_the_ledger()},
                    to=bare(call.text("To")) or None,
                    status=0 if fault.cuts else fault.status if fault.body is not None else status,
                    answer=answer,
                    fault=None if fault is NO_FAULT else fault.name,
                    happened=fault.happens,
                )
            )

    def _store_url(self, file: str) -> str:
        """Media lie on another host, which must not be sent our token [D]; here it has another name."""
        return f"http://localhost:{self.port}/media-store/{quote(file)}"

    def _stored_file(self, request: web.BaseRequest) -> web.StreamResponse:
        found = STORE.fullmatch(request.path)
        assert found is not None
        if "Authorization" in request.headers:
            with self.world.changing():
                self.world.violations.append("the token was sent to where media lie")
            return web.Response(status=400, text="Only one auth mechanism allowed")
        with self.world.changed:
            call = Request("GET", request.path, found.groupdict())
            file = self.rest.media(call)
        return web.Response(body=file.content, headers={"Content-Type": file.content_type})


def _json(status: int, body: Any) -> web.Response:
    challenge = {"WWW-Authenticate": 'Basic realm="Twilio API"'} if status == 401 else {}
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(status=status, text=text, content_type="application/json", headers=challenge)


async def read(request: web.BaseRequest, parts: dict[str, str]) -> Request:
    """Query and body, as a form or as JSON."""
    form, raw, parsed = parse_qsl(request.query_string, keep_blank_values=True), await request.read(), None
    if request.content_type == "application/json":
        parsed = json.loads(raw or b"{}")
    else:
        form += parse_qsl(raw.decode(), keep_blank_values=True)
    return Request(request.method, request.path, parts, form, parsed, dict(request.headers))
