"""Telegram's webhook: who may bring updates, what becomes of them, and that nothing which they hold is refused."""

import gzip
import hmac
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psycopg
import pytest
from werkzeug.test import TestResponse

from channels.telegram.receive import LARGEST, Mailbox
from core import clock
from core.compliance.retention import forget_words
from core.config import Settings, as_environment
from core.database import open_engine, run, transaction
from frontdesk import lifeline
from frontdesk.worker import Worker
from tests.demo_clinic import VAULT
from tests.factories import Practice, wait_for
from tests.fakes.bell import SilentBell
from tests.fakes.telegram import updates
from tests.fakes.telegram.updates import Json
from tests.fakes.webchat import FakeWebChat
from webhooks.app import create_app
from webhooks.mail import Mail
from webhooks.telegram import SECRET_HEADER, STRANGERS

ACCOUNT, OTHER = "123456", "654321"
SECRET, OLD_SECRET = "the_newest-secret-of-all", "the_secret-before-that-1"
BOTS = Settings(
    telegram_bot_token=(f"{ACCOUNT}:TEST-TOKEN", f"{OTHER}:TEST-TOKEN"),
    telegram_webhook_secret=SECRET,
    public_url="https://chat.example.org",
)
AMY = updates.user(42)
HELLO = updates.update(
    871043521, message=updates.message(7, AMY, updates.private_chat(AMY), 1773064500, updates.text("hello"))
)


class Drawer(Mailbox):
    """A mailbox without a database."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes]] = []

    def take(self, account: str, body: bytes) -> None:
        self.taken.append((account, body))


DEEP = b'{"update_id": 1, "poll": ' + b"[" * 10_000 + b"]" * 10_000 + b"}"


@dataclass
class Webhook:
    """The web process as Telegram and others meet it; its limits count by a clock that stands."""

    mailbox: Mailbox
    bell: SilentBell = field(default_factory=SilentBell)

    def __post_init__(self) -> None:
        self.client = create_app(BOTS, FakeWebChat(), lambda: 1000.0, Mail(telegram=self.mailbox)).test_client()

    def post(
        self, update: Json | bytes, *, account: str = ACCOUNT, secret: str | None = SECRET, **options: Any
    ) -> TestResponse:
        body = update if isinstance(update, bytes) else json.dumps(update).encode()
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return self.client.post(
            f"/webhooks/telegram/{account}", data=body, headers=headers, **with_secret(secret), **options
        )


def with_secret(secret: str | None, address: str = "149.154.167.220") -> dict[str, Any]:
    """The secret as a WSGI server hands it over: every byte as one character."""
    name = "HTTP_" + SECRET_HEADER.upper().replace("-", "_")
    return {"environ_overrides": {"REMOTE_ADDR": address} | ({} if secret is None else {name: secret})}


@pytest.fixture
def webhook(practice: Practice) -> Webhook:
    """In front of the practice's own database."""
    bell = SilentBell()
    return Webhook(Mailbox(practice.engine, VAULT, bell), bell)


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


@pytest.fixture
def light(drawer: Drawer) -> Webhook:
    """In front of a drawer."""
    return Webhook(drawer)


def kept(practice: Practice) -> int:
    number: int = practice.sql("SELECT count(*) FROM inbox")[0][0]
    return number


def answered(practice: Practice) -> int:
    """How many messages a worker finds and answers."""
    return Worker(practice.engine, VAULT).answer_waiting()


# --- who may bring updates -------------------------------------------------------------------------------------------

WRONG = [
    None, "", " ", SECRET[:-1], SECRET[1:], f"{SECRET}x", f"{SECRET} ", f" {SECRET}", f"{SECRET},{SECRET}", SECRET.upper(),
    OLD_SECRET, "s\xe9cret", "\xff\xfe", "\x80" * 24, f"{SECRET}\xe9", "x" * 10_000,
]  # fmt: skip


@pytest.mark.parametrize("secret", WRONG, ids=lambda secret: ascii(secret)[:30])
def test_who_does_not_know_the_secret_is_nobody(light: Webhook, drawer: Drawer, secret: str | None) -> None:
    answer = light.post(HELLO, secret=secret)
    assert (answer.status_code, drawer.taken) == (401, [])


@pytest.mark.parametrize("account", ["1", f"{ACCOUNT}0", ACCOUNT[:-1], f"0{ACCOUNT}", f"{ACCOUNT}%00", "%F0%9F%98%80"])
def test_an_update_of_a_bot_that_is_not_ours_is_refused(light: Webhook, drawer: Drawer, account: str) -> None:
    assert light.post(HELLO, account=account).status_code == 401
    assert light.post(HELLO, account=account, secret="wrong").status_code == 401
    assert drawer.taken == []


def test_what_is_refused_leaves_nothing_in_the_database(webhook: Webhook, practice: Practice) -> None:
    webhook.post(HELLO, secret=OLD_SECRET)
    webhook.post(HELLO, account="1")
    assert kept(practice) == 0
    assert practice.sql("SELECT id FROM conversations") == []
    assert webhook.bell.rings == []


@pytest.mark.parametrize(("account", "secret"), [(ACCOUNT, SECRET), (ACCOUNT, "wrong"), ("1", SECRET), (ACCOUNT, None)])
def test_the_secret_is_compared_in_constant_time_whoever_asks(
    light: Webhook, monkeypatch: pytest.MonkeyPatch, account: str, secret: str | None
) -> None:
    compared: list[tuple[bytes, bytes]] = []
    compare = hmac.compare_digest

    def compare_and_note(given: bytes, known: bytes) -> bool:
        compared.append((given, known))
        return compare(given, known)

    monkeypatch.setattr(hmac, "compare_digest", compare_and_note)
    light.post(HELLO, account=account, secret=secret)
    assert compared == [((secret or "").encode(), SECRET.encode())]


def test_without_a_secret_there_is_no_webhook(drawer: Drawer) -> None:
    client = create_app(
        Settings(telegram_bot_token=BOTS.telegram_bot_token), FakeWebChat(), vendors=Mail(telegram=drawer)
    ).test_client()
    answer = client.post(f"/webhooks/telegram/{ACCOUNT}", json=HELLO, headers={SECRET_HEADER: ""})
    assert (answer.status_code, drawer.taken) == (404, [])


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_updates_are_posted(light: Webhook, method: str) -> None:
    answer = light.client.open(f"/webhooks/telegram/{ACCOUNT}", method=method, **with_secret(SECRET))
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_strangers_are_turned_away_and_telegram_never_is(light: Webhook, drawer: Drawer) -> None:
    def stranger(number: int) -> int:
        return light.client.post(
            f"/webhooks/telegram/{ACCOUNT}", json=HELLO, **with_secret(f"guess-{number}", f"2001:db8::{number:x}")
        ).status_code

    codes = [stranger(number) for number in range(STRANGERS.most + 20)]
    assert codes == [401] * STRANGERS.most + [429] * 20
    assert light.post(HELLO, secret="of another household").status_code == 401
    assert {light.post(HELLO).status_code for _ in range(2_000)} == {200}
    same_house = light.client.post(f"/webhooks/telegram/{ACCOUNT}", json=HELLO, **with_secret(SECRET, "2001:db8::1"))
    assert same_house.status_code == 200
    assert len(drawer.taken) == 2_001


def test_a_stranger_who_asks_too_often_hears_when_to_come_back(light: Webhook) -> None:
    answers = [light.post(HELLO, secret="a guess") for _ in range(STRANGERS.most + 1)]
    assert int(answers[-1].headers["Retry-After"]) > 0


# --- what becomes of them --------------------------------------------------------------------------------------------


def test_an_update_is_kept_and_acknowledged_with_nothing_more(webhook: Webhook, practice: Practice) -> None:
    answer = webhook.post(HELLO)
    assert (answer.status_code, answer.data) == (200, b"")  # T27: what stands in the answer is done unseen
    rows = practice.sql("SELECT channel, account, external_id, status FROM inbox")
    assert rows == [("telegram", ACCOUNT, "871043521", "new")]
    assert webhook.bell.rings == ["inbox"]


def test_a_request_that_somebody_has_captured_changes_nothing_now_or_in_a_month(
    webhook: Webhook, practice: Practice
) -> None:
    assert {webhook.post(HELLO).status_code for _ in range(500)} == {200}
    assert answered(practice) == 1
    with transaction(practice.engine) as session:
        clock.set_now(session, practice.now.replace(month=practice.now.month + 1))
        run(session, "UPDATE inbox SET received_at = received_at - interval '31 days'")
        assert forget_words(session) == 1
    assert {webhook.post(HELLO).status_code for _ in range(500)} == {200}
    assert practice.sql("SELECT external_id, status, body FROM inbox") == [("871043521", "answered", None)]
    assert answered(practice) == 0


def test_bots_are_worlds_of_their_own(webhook: Webhook, practice: Practice) -> None:
    assert [webhook.post(HELLO, account=account).status_code for account in (ACCOUNT, OTHER)] == [200, 200]
    rows = practice.sql("SELECT account, external_id FROM inbox ORDER BY id")
    assert rows == [(ACCOUNT, "871043521"), (OTHER, "871043521")]
    assert practice.sql("SELECT DISTINCT conversation_id, address_id FROM inbox ORDER BY 1") == [(1, 1), (2, 2)]


MESSAGE = HELLO["message"]
ODD: dict[str, bytes | Json] = {
    "nothing": b"",
    "no JSON": b"\xff\x00{",
    "half of it": json.dumps(HELLO).encode()[:-5],
    "a list": b"[]",
    "without a number": {"message": MESSAGE},
    "a kind that we do not know": {"update_id": 1, "thought_transfer": {}},
    "wrong types": {"update_id": 2, "message": {**MESSAGE, "text": 5, "chat": "Amy"}},
    "no content": {"update_id": 3},
    "far away": {"update_id": 4, "message": {**MESSAGE, "date": 2**38 - 1}},
    "a huge number": b'{"update_id": ' + b"9" * 4_000 + b"}",
    "a form": b"update_id=5",
    "as large as may be": json.dumps({"update_id": 6, "padding": "x" * LARGEST})[: LARGEST - 2].encode() + b'"}',
}


def test_whatever_telegram_brings_is_acknowledged_and_kept(webhook: Webhook, practice: Practice) -> None:
    for number, (name, body) in enumerate(ODD.items(), start=1):
        for _ in range(2):
            assert webhook.post(body).status_code == 200, name
        assert kept(practice) == number, name
    assert answered(practice) == len(ODD)
    assert practice.sql("SELECT DISTINCT status FROM inbox") == [("answered",)]


def test_a_body_may_call_itself_what_it_likes(webhook: Webhook, practice: Practice) -> None:
    for number, kind in enumerate(["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "?"]):
        update = HELLO | {"update_id": number}
        assert webhook.post(update, headers={"Content-Type": kind}).status_code == 200
        assert kept(practice) == number + 1


@pytest.mark.parametrize("body", [b"{" * (LARGEST + 1), b"x" * 10_000_000, DEEP], ids=len)
def test_what_only_an_attacker_sends_is_acknowledged_and_dropped(
    webhook: Webhook, practice: Practice, capsys: pytest.CaptureFixture[str], body: bytes
) -> None:
    answer = webhook.post(body)
    assert (answer.status_code, answer.data, kept(practice)) == (200, b"", 0)
    assert "update_dropped" in capsys.readouterr().err


def test_a_packed_body_shows_that_something_stands_between_telegram_and_us(light: Webhook, drawer: Drawer) -> None:
    """Telegram packs nothing. Refused, it comes again once that is mended, and getWebhookInfo tells of it."""
    answer = light.post(gzip.compress(json.dumps(HELLO).encode()), headers={"Content-Encoding": "gzip"})
    assert (answer.status_code, drawer.taken) == (415, [])


def test_while_the_database_is_away_nothing_is_acknowledged(webhook: Webhook, practice: Practice) -> None:
    away = Webhook(Mailbox(open_engine("postgresql://nobody@127.0.0.1:1/nothing"), VAULT, SilentBell()))
    answer = away.post(HELLO)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert (webhook.post(HELLO).status_code, kept(practice)) == (200, 1)


def test_what_could_not_be_committed_is_not_acknowledged(
    webhook: Webhook, practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(_connection: object) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as broken:
        broken.setattr(psycopg.Connection, "commit", break_off)
        assert webhook.post(HELLO).status_code == 503
    assert webhook.bell.rings == []
    assert (webhook.post(HELLO).status_code, kept(practice)) == (200, 1)


# --- through a server ------------------------------------------------------------------------------------------------


@dataclass
class Process:
    """The web process as it is in production."""

    port: int
    pid: int

    def post(self, body: bytes, **headers: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("POST", f"/webhooks/telegram/{ACCOUNT}", body, headers)
        status = connection.getresponse().status
        connection.close()
        return status

    def post_raw(self, secret: bytes) -> int:
        """A header that no client would let through."""
        head = f"POST /webhooks/telegram/{ACCOUNT} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n"
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(head.encode() + SECRET_HEADER.encode() + b": " + secret + b"\r\n\r\n{}")
            return int(connection.makefile("rb").readline().split()[1])

    @property
    def most_memory(self) -> int:
        """What the server and its child have taken at most, in KiB."""
        pids = [self.pid, *map(int, Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split())]
        states = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
        return sum(int(line.split()[1]) for state in states for line in state.splitlines() if line.startswith("VmHWM"))


@pytest.fixture
def process(practice: Practice) -> Iterator[Process]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = practice.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    settings = Settings(
        url,
        VAULT.master,
        VAULT.lookup,
        http_port=port,
        telegram_bot_token=BOTS.telegram_bot_token,
        telegram_webhook_secret=SECRET,
    )
    environment = {**os.environ, **as_environment(settings), **lifeline.environment()}
    command = [sys.executable, "-m", "frontdesk.serving", "frontdesk.application:create"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as served:
        try:
            wait_for(lambda: is_up(port), 20)
            yield Process(port, served.pid)
        finally:
            served.terminate()


def is_up(port: int) -> bool:
    try:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False


def test_a_real_server_keeps_what_it_should_and_nothing_else(process: Process, practice: Practice) -> None:
    known = {SECRET_HEADER: SECRET}
    before = process.most_memory if Path("/proc").exists() else 0
    assert process.post(json.dumps(HELLO).encode(), **known) == 200
    assert process.post(b"x" * 10_000_000, **known) == 200
    assert process.post(DEEP, **known) == 200
    assert process.post(b"x" * 10_000_000) == 401
    assert [process.post_raw(secret) for secret in (b"s\xe9cret", b"\xff\xfe", "schlüssel".encode(), b"")] == [401] * 4
    assert process.post_raw(SECRET.encode()) == 200  # {}
    assert kept(practice) == 2
    if before:
        assert process.most_memory - before < 20 * 1024
