"""What holds for every answer of the web process, whoever asks for what."""

import gzip
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.exc import DBAPIError

from channels.webchat import Log
from core import logs
from core.database import UNAVAILABLE
from tests.fakes.webchat import FakeWebChat
from tests.webhooks.conftest import MakeClient, settings
from webhooks.app import create_app

MESSAGE = {"id": "message-1", "text": "hello", "after": 0}
EVERYWHERE = ["/chat", "/healthz", "/chat/messages", "/nowhere", "/static/chat.js", "/static/chat.css"]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    for answer in (client.get(path), client.post(path, json=MESSAGE)):
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        for part in ("default-src 'none'", "frame-ancestors 'none'", "object-src 'none'", "base-uri 'none'"):
            assert part in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] in ("no-store", "no-cache")


def test_chats_are_not_kept_by_caches(client: FlaskClient) -> None:
    for answer in (
        client.get("/chat"),
        client.post("/chat/messages", json=MESSAGE),
        client.post("/chat/poll", json={}),
    ):
        assert answer.headers["Cache-Control"] == "no-store"


def test_https_is_demanded_where_it_is_public(client: FlaskClient, make_client: MakeClient) -> None:
    assert "Strict-Transport-Security" not in client.get("/chat").headers
    secure = make_client(public_url="https://clinic.example").get("/chat")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_nothing_on_the_page_is_inline(client: FlaskClient) -> None:
    html = client.get("/chat").text
    assert "<style" not in html
    assert " style=" not in html
    assert " onclick=" not in html
    assert html.count("<script") == html.count("<script src=")


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:8000"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
]
OWN: list[dict[str, str]] = [
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
    {"Origin": "https://clinic.example"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_site_changes_nothing(client: FlaskClient, chat: FakeWebChat, headers: dict[str, str]) -> None:
    for path, body in [("/chat/messages", MESSAGE), ("/chat/poll", {})]:
        assert client.post(path, json=body, headers=headers).status_code == 403
    for path in ("/chat", "/chat/begin"):
        assert client.post(path, data=MESSAGE, headers=headers).status_code == 403
    assert (chat.received, chat.begun) == ([], [])


@pytest.mark.parametrize("headers", OWN)
def test_our_own_page_may_write(make_client: MakeClient, chat: FakeWebChat, headers: dict[str, str]) -> None:
    client = make_client(public_url="https://clinic.example")
    assert client.post("/chat/messages", json=MESSAGE, headers=headers).status_code == 200


def test_oversized_bodies_are_refused(client: FlaskClient, chat: FakeWebChat) -> None:
    answer = client.post("/chat/messages", json=MESSAGE | {"text": "a" * 70_000})
    assert (answer.status_code, chat.received) == (413, [])
    assert client.post("/chat", data=MESSAGE | {"text": "a" * 70_000}).status_code == 413


def test_packed_bodies_are_refused(client: FlaskClient, chat: FakeWebChat) -> None:
    packed = gzip.compress(b'{"id": "message-1", "text": "hello"}')
    answer = client.post(
        "/chat/messages", data=packed, content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    assert (answer.status_code, chat.received) == (415, [])


REFUSALS: list[tuple[str, str, int, dict[str, Any]]] = [
    ("GET", "/nowhere", 404, {}),
    ("GET", "/chat/messages", 405, {}),
    ("TRACE", "/chat", 405, {}),
    ("POST", "/chat", 415, {"json": MESSAGE}),
    ("POST", "/chat", 400, {"data": {"text": "hello"}}),
    ("POST", "/chat/messages", 415, {"data": MESSAGE}),
    ("POST", "/chat/messages", 400, {"json": {}}),
    ("POST", "/chat/begin", 400, {"data": {"persona": "nobody"}}),
]


@pytest.mark.parametrize(("method", "path", "status", "body"), REFUSALS)
def test_refusals_are_json_for_a_fetch_and_a_page_for_a_person(
    client: FlaskClient, method: str, path: str, status: int, body: dict[str, Any]
) -> None:
    fetched = client.open(path, method=method, headers={"Accept": "application/json"}, **body)
    assert fetched.status_code == status
    assert fetched.get_json().keys() == {"error"}
    assert fetched.get_json()["error"].endswith(".")
    browsed = client.open(path, method=method, headers={"Accept": "text/html,*/*;q=0.8"}, **body)
    assert browsed.status_code == status
    assert fetched.get_json()["error"] in browsed.text


def test_a_wrong_method_names_the_right_ones(client: FlaskClient) -> None:
    assert "POST" in client.get("/chat/messages").headers["Allow"]


def test_a_failure_of_ours_tells_nothing_about_itself(
    client: FlaskClient, chat: FakeWebChat, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    chat.broken = True
    logs.set_up("web")
    answer = client.post("/chat/messages", json=MESSAGE)
    assert answer.status_code == 500
    assert answer.get_json() == {"error": "Something went wrong on our side. Please try again in a moment."}
    written = capsys.readouterr()
    assert "request_failed" in written.err
    assert "the database is away" not in written.err + written.out + caplog.text


@pytest.mark.parametrize("error", UNAVAILABLE)
def test_while_the_database_is_away_we_ask_to_come_back_soon(
    error: type[Exception],
) -> None:
    class Away(FakeWebChat):
        def log(self, visitor: str, after: int, *, settle: bool) -> Log:
            raise (
                error("connection to …, user … failed", None, Exception()) if issubclass(error, DBAPIError) else error()
            )

    client = create_app(settings(), Away()).test_client()
    client.set_cookie("chat", "v" * 43)
    answer = client.get("/chat", headers={"Accept": "application/json"})
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.get_json()["error"].startswith("We cannot reach our appointment book")


def test_health_is_the_database(client: FlaskClient, chat: FakeWebChat) -> None:
    healthy = client.get("/healthz")
    assert (healthy.status_code, healthy.text) == (200, "ok")
    chat.broken = True
    assert client.get("/healthz").status_code == 503
