"""Between granian and Flask: bodies are read here, in no time at all or not at all, before they may have a thread.

A WSGI server gives each request a thread and lets it wait there for the body: as many slow senders as threads stop everybody else.
"""

import asyncio
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication, WSGIEnvironment

from granian._granian import RSGIHTTPProtocol as HTTPProtocol
from granian.rsgi import Scope

from channels.telegram.receive import LARGEST as LARGEST_UPDATE
from webhooks.limits import household
from webhooks.security import LARGEST_BODY, MACHINES

BODY_PATIENCE = 10  # seconds for a whole body to arrive
BODIES_AT_ONCE = 64  # of one household, while they arrive

Headers = list[tuple[str, str]]

_GOODBYE: Headers = [("connection", "close"), ("retry-after", "10")]


class Answer(NamedTuple):
    """What the application said."""

    status: int
    headers: Headers
    body: bytes


class Front:
    """A WSGI application as granian's RSGI: small bodies, read with a deadline, and `threads` that never wait for a sender."""

    def __init__(self, app: WSGIApplication, threads: int, *, peers_are_people: bool) -> None:
        self._app = app
        self._threads = ThreadPoolExecutor(threads, "web")
        self._arriving = Counter[str]()
        self._most = BODIES_AT_ONCE if peers_are_people else None  # a proxy sends for many

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request."""
        peer = scope.client.rpartition(":")[0].strip("[]")
        try:
            length = _length(scope)
            body = await self._arrived(household(peer), protocol, length, _largest(scope)) if length else b""
        except TimeoutError:
            protocol.response_empty(408, _GOODBYE)
        except _Refused as refused:
            protocol.response_empty(refused.status, _GOODBYE)
        else:
            environ = _environ(scope, peer, length, body)
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, _answer, self._app, environ)
            protocol.response_bytes(*answer)

    async def _arrived(self, home: str, protocol: HTTPProtocol, length: int, largest: int) -> bytes:
        """The body, counted while it arrives: who looks at a page sends none, and is not kept from it by who does."""
        if self._most and self._arriving[home] >= self._most:
            raise _Refused(
                503 if largest == LARGEST_UPDATE else 429
            )  # a vendor tries a 503 again, and a 429 not always
        self._arriving[home] += 1
        try:
            return await asyncio.wait_for(_body(protocol, length, largest), BODY_PATIENCE)
        finally:
            self._arriving[home] -= 1
            if not self._arriving[home]:
                del self._arriving[home]


class _Refused(Exception):
    """Nothing of this request reaches the application. No page of ours causes it, so there are no words."""

    def __init__(self, status: int) -> None:
        self.status = status


def _length(scope: Scope) -> int:
    """How long the body is going to be. One that does not say so could be cut short without our noticing."""
    if "transfer-encoding" in scope.headers:
        raise _Refused(411)
    return int(scope.headers.get("content-length") or 0)


def _largest(scope: Scope) -> int:
    return LARGEST_UPDATE if scope.path.startswith(MACHINES) else LARGEST_BODY


async def _body(protocol: HTTPProtocol, length: int, largest: int) -> bytes:
    """The whole body, or nothing of one that is too large: Flask sees its length, and has the words.

    A vendor's is heard out all the same: whoever is cut short does not read our answer, and comes again.
    """
    if not 0 < length <= largest:
        if largest == LARGEST_UPDATE:
            async for _ in protocol:
                pass
        return b""
    body = b"".join([chunk async for chunk in protocol])
    if len(body) != length:  # the sender is gone; half a message must not pass for a whole one
        raise _Refused(400)
    return body


def _environ(scope: Scope, peer: str, length: int, body: bytes) -> WSGIEnvironment:
    """The request as PEP 3333 has it."""
    host, _, port = scope.server.rpartition(":")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope.path).decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "REMOTE_ADDR": peer,
        "HTTP_HOST": scope.authority or scope.server,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" not in name:  # "x_forwarded_for" would pass for "x-forwarded-for"
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ["CONTENT_LENGTH"] = str(length)
    environ["wsgi.input"] = BytesIO(body)
    return environ


def _answer(app: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    """What a WSGI application says, once it has said all of it."""
    begun: list[tuple[int, Headers]] = []

    def start_response(status: str, headers: Headers, _exc_info: object = None) -> Any:
        begun.append((int(status[:3]), [(name.lower(), value) for name, value in headers]))

    parts: Any = app(environ, start_response)
    try:
        body = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return Answer(*begun[-1], body)
