"""Between granian and Flask: slow, large and forged requests, and what the application is told."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from channels.telegram.receive import LARGEST as LARGEST_UPDATE
from frontdesk import front
from frontdesk.front import BODIES_AT_ONCE, Front


class Scope:
    """A request's head, as granian hands it over."""

    proto, http_version, scheme, authority = "http", "1.1", "http", None
    server, query_string = "127.0.0.1:8080", "a=b"

    def __init__(
        self,
        method: str = "POST",
        path: str = "/chat%C3%A9",
        headers: dict[str, str] | None = None,
        client: str = "203.0.113.7:5123",
    ) -> None:
        self.method, self.path, self.client = method, path, client
        self.headers = {"content-length": "5"} if headers is None else headers


class Protocol:
    """A request's body, and where its answer goes; a body without an end never arrives."""

    def __init__(self, *chunks: bytes, ends: bool = True) -> None:
        self.chunks, self.ends, self.taken = chunks, ends, 0
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.taken += 1
            yield chunk
        if not self.ends:
            await asyncio.Event().wait()

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        self.response_bytes(status, headers, b"")

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, dict(headers), body


class Application:
    """Repeats the body, and remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[WSGIEnvironment] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.told.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read()]


def serve(*requests: tuple[Scope, Protocol], people: bool = True) -> list[Any]:
    """Let these requests come at the same time; returns what the application was told."""
    application = Application()
    served = Front(application, 2, peers_are_people=people)

    async def all_at_once() -> None:
        await asyncio.gather(*(served.__rsgi__(cast(Any, scope), cast(Any, protocol)) for scope, protocol in requests))

    with ThreadPoolExecutor(
        1
    ) as elsewhere:  # in this thread the browser of other tests may have a loop that never ends
        elsewhere.submit(asyncio.run, all_at_once()).result()
    return application.told


def test_a_request_reaches_the_application_and_its_answer_comes_back() -> None:
    headers = {
        "content-length": "5",
        "content-type": "text/plain",
        "x-forwarded-for": "198.51.100.1",
        "x_forwarded_for": "forged",
    }
    protocol = Protocol(b"hel", b"lo")
    (told,) = serve((Scope(headers=headers), protocol))
    assert (protocol.status, protocol.headers, protocol.body) == (200, {"content-type": "text/plain"}, b"hello")
    known = {"REQUEST_METHOD": "POST", "QUERY_STRING": "a=b", "REMOTE_ADDR": "203.0.113.7", "CONTENT_LENGTH": "5"}
    assert told.items() >= known.items()
    assert told["PATH_INFO"].encode("latin-1").decode() == "/chaté"
    assert (told["HTTP_HOST"], told["CONTENT_TYPE"]) == ("127.0.0.1:8080", "text/plain")
    assert told["HTTP_X_FORWARDED_FOR"] == "198.51.100.1"


def test_a_body_that_does_not_come_keeps_nobody_else_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "BODY_PATIENCE", 0.05)
    slow = [Protocol(b"{", ends=False) for _ in range(10)]
    quick = Protocol(b"hello")
    told = serve(*((Scope(), protocol) for protocol in (*slow, quick)))
    assert (quick.status, len(told)) == (200, 1)
    assert {(protocol.status, protocol.headers["connection"]) for protocol in slow} == {(408, "close")}


def test_a_body_that_is_too_large_is_not_read_and_flask_is_told_its_length() -> None:
    protocol = Protocol(*[b"a" * 1024] * 1000)
    (told,) = serve((Scope(headers={"content-length": "1024000"}), protocol))
    assert protocol.taken == 0
    assert (told["CONTENT_LENGTH"], protocol.body) == ("1024000", b"")


HOOK = "/webhooks/telegram/123456"


def test_a_vendor_may_bring_more_than_a_page() -> None:
    body = b"a" * LARGEST_UPDATE
    protocol = Protocol(body[:1000], body[1000:])
    serve((Scope(path=HOOK, headers={"content-length": str(LARGEST_UPDATE)}), protocol))
    assert protocol.body == body


def test_a_vendor_who_brings_too_much_is_heard_out_and_nothing_of_it_is_kept() -> None:
    """Whoever is cut short does not read our answer, and comes again."""
    protocol = Protocol(*[b"a" * 1024] * 10_000)
    scope = Scope(path=HOOK, headers={"content-length": "10240000"})
    tracemalloc.start()
    try:
        (told,) = serve((scope, protocol))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (protocol.taken, protocol.body, told["CONTENT_LENGTH"]) == (10_000, b"", "10240000")
    assert most < 1024 * 1024


@pytest.mark.parametrize(
    ("headers", "status"), [({"content-length": "500"}, 400), ({"transfer-encoding": "chunked"}, 411)]
)
def test_half_a_message_does_not_pass_for_a_whole_one(headers: dict[str, str], status: int) -> None:
    protocol = Protocol(b"id=message-1&text=do+not+")
    assert serve((Scope(headers=headers), protocol)) == []
    assert (protocol.status, protocol.headers["connection"]) == (status, "close")


@pytest.mark.parametrize(("people", "refused"), [(True, 5), (False, 0)])
@pytest.mark.parametrize(("path", "status"), [("/chat", 429), ("/webhooks/twilio/AC1/messages", 503)])
def test_one_peer_cannot_have_bodies_without_number_under_way_but_a_proxy_can_and_a_vendor_is_told_to_come_again(
    monkeypatch: pytest.MonkeyPatch, people: bool, refused: int, path: str, status: int
) -> None:
    monkeypatch.setattr(front, "BODY_PATIENCE", 0.05)
    slow = [Protocol(ends=False) for _ in range(BODIES_AT_ONCE + 5)]
    serve(*((Scope(path=path), protocol) for protocol in slow), people=people)
    assert [protocol.status for protocol in slow].count(status) == refused


def test_who_looks_is_not_kept_out_by_who_sends_from_the_same_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "BODY_PATIENCE", 0.05)
    slow = [Protocol(ends=False) for _ in range(BODIES_AT_ONCE + 1)]
    look = Protocol()
    serve(*((Scope(), protocol) for protocol in slow), (Scope("GET", headers={}), look))
    assert (look.status, slow[-1].status) == (200, 429)


def test_a_household_has_as_many_bodies_as_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "BODY_PATIENCE", 0.05)
    slow = [Protocol(ends=False) for _ in range(BODIES_AT_ONCE + 5)]
    serve(*((Scope(client=f"[2001:db8::{n:x}]:5123"), protocol) for n, protocol in enumerate(slow)))
    assert [protocol.status for protocol in slow].count(429) == 5
