"""The chat on a clinic's own website: there, and nowhere else."""

import pytest
from flask.testing import FlaskClient

from tests.fakes.webchat import FakeWebChat
from tests.webhooks.conftest import MakeClient

CLINIC = "https://www.example.org"
CHAT = "https://chat.example.net"
MESSAGE = {"id": "message-1", "text": "hello"}


@pytest.fixture
def embedded(make_client: MakeClient) -> FlaskClient:
    """A browser at a web process whose chat the clinic's website may show."""
    return make_client(public_url=CHAT, embed_origins=(CLINIC, "https://example.org"))


def test_without_a_website_there_is_no_script_and_no_frame(client: FlaskClient) -> None:
    assert client.get("/chat/embed.js").status_code == 404
    assert "frame-ancestors 'none'" in client.get("/chat").headers["Content-Security-Policy"]


def test_the_named_websites_may_frame_the_chat_page_and_nothing_else(embedded: FlaskClient) -> None:
    for framed in (embedded.get("/chat"), embedded.post("/chat", data={"text": ""})):
        assert f"frame-ancestors {CLINIC} https://example.org;" in framed.headers["Content-Security-Policy"]
    for path in ("/chat/messages", "/chat/poll", "/chat/embed.js", "/healthz", "/static/chat.js", "/nowhere", "/chat/"):
        assert "frame-ancestors 'none'" in embedded.get(path).headers["Content-Security-Policy"]


def test_the_script_may_be_loaded_elsewhere_is_kept_for_a_while_and_knows_where_it_may_work(
    embedded: FlaskClient,
) -> None:
    answer = embedded.get("/chat/embed.js")
    assert answer.mimetype == "text/javascript"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Cache-Control"] == "public, max-age=600"
    assert f'"origins": ["{CLINIC}", "https://example.org"]' in answer.text
    assert "Set-Cookie" not in answer.headers
    for forbidden in ("innerHTML", "eval(", "insertAdjacentHTML", ".style = "):
        assert forbidden not in answer.text


def test_what_a_frame_needs_is_for_nobody_else_to_load(embedded: FlaskClient) -> None:
    for path in ("/chat", "/static/chat.js", "/static/chat.css"):
        assert embedded.get(path).headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_in_a_frame_the_cookie_belongs_to_the_website_around_it(embedded: FlaskClient) -> None:
    cookie = embedded.post("/chat/messages", json=MESSAGE).headers["Set-Cookie"]
    assert cookie.startswith("__Host-chat=")
    assert {"Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"} <= set(cookie.split("; "))


def test_without_https_the_cookie_stays_as_strict_as_ever(make_client: MakeClient) -> None:
    cookie = make_client(embed_origins=(CLINIC,)).post("/chat/messages", json=MESSAGE).headers["Set-Cookie"]
    assert "SameSite=Strict" in cookie
    assert "Partitioned" not in cookie


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site", "Origin": CLINIC},
        {"Origin": CLINIC},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://example.org"},
    ],
)
def test_the_website_around_it_cannot_speak_for_a_patient(
    embedded: FlaskClient, chat: FakeWebChat, headers: dict[str, str]
) -> None:
    for path in ("/chat/messages", "/chat/poll"):
        assert embedded.post(path, json=MESSAGE, headers=headers).status_code == 403
    assert embedded.post("/chat/begin", headers=headers).status_code == 403
    assert chat.received == []
