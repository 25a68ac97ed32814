"""Twilio's webhooks: who may bring messages and fates, what becomes of them, and that nothing which Twilio sends is refused."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import psycopg
import pytest
from sqlalchemy import Engine
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from channels.twilio.fates import Fates
from channels.twilio.receive import Fields, Mailbox
from core.compliance.retention import forget_words
from core.config import Settings
from core.database import open_engine, run, transaction
from frontdesk.worker import Worker
from tests.demo_clinic import VAULT
from tests.factories import Practice
from tests.fakes.bell import SilentBell
from tests.fakes.twilio.signing import SETTINGS, SIGNATURE, TOKEN_HEADER, signature
from tests.fakes.webchat import FakeWebChat
from webhooks.app import create_app
from webhooks.mail import Mail
from webhooks.security import LARGEST_BODY
from webhooks.twilio import FORM, STRANGERS

ACCOUNT, OTHER = f"AC{'0123456789abcdef' * 2}", f"AC{'f' * 32}"
TOKEN, KEY = "fedcba9876543210" * 2, "the key for webhooks alone"
HOME = "https://chat.example.org"
TWILIO = Settings(
    public_url=HOME,
    twilio_account_sid=ACCOUNT,
    twilio_auth_token=TOKEN,
    twilio_number=("+12065550100",),
)
MESSAGES, STATUS = f"/webhooks/twilio/{ACCOUNT}/messages", f"/webhooks/twilio/{ACCOUNT}/status"
HELLO: list[tuple[str, str]] = [
    ("ToCountry", "US"), ("SmsMessageSid", "SM1"), ("NumMedia", "0"), ("ToCity", ""), ("SmsSid", "SM1"), ("SmsStatus", "received"),
    ("Body", "hello"), ("FromCountry", "US"), ("To", "+12065550100"), ("NumSegments", "1"), ("MessageSid", "SM1"),
    ("AccountSid", ACCOUNT), ("From", "+12075550142"), ("ApiVersion", "2010-04-01"),
]  # fmt: skip


def hello(**changed: str) -> list[tuple[str, str]]:
    """The message, with some fields otherwise, or more of them."""
    return [*((name, changed.pop(name, value)) for name, value in HELLO), *changed.items()]


class Drawer(Mailbox):
    """A mailbox without a database."""

    def __init__(self) -> None:
        self.taken: list[dict[str, str]] = []

    def take(self, fields: Fields) -> None:
        self.taken.append(dict(fields))


class Notes(Fates):
    """Fates without a database."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.by_template: list[bool] = []

    def take(self, outbox_id: str, fields: dict[str, str], *, by_template: bool = False) -> None:
        self.taken.append((outbox_id, fields.get("MessageStatus", "")))
        self.by_template.append(by_template)


@dataclass
class Webhook:
    """The web process as Twilio and others meet it; its limits count by a clock that stands."""

    mailbox: Mailbox
    fates: Fates
    settings: Settings = TWILIO
    bell: SilentBell = field(default_factory=SilentBell)

    def __post_init__(self) -> None:
        mail = Mail(twilio=self.mailbox, fates=self.fates)
        self.client = create_app(self.settings, FakeWebChat(), lambda: 1000.0, mail).test_client()

    def post(
        self,
        fields: Sequence[tuple[str, str]] = HELLO,
        path: str = MESSAGES,
        *,
        signed: str | None = None,
        url: str | None = None,
        body: bytes | None = None,
        kind: str = f"{FORM}; charset=UTF-8",
        address: str = "54.172.60.1",
        headers: dict[str, str] | None = None,
    ) -> TestResponse:
        """As Twilio posts it; signed for `url`, or with `signed` instead."""
        signed = (
            signature(url or f"{self.settings.public_url}{path}", list(fields), TOKEN) if signed is None else signed
        )
        return self.client.post(
            path,
            data=urlencode(fields).encode() if body is None else body,
            headers={"Content-Type": kind, SIGNATURE: signed, **(headers or {})},
            environ_overrides={"REMOTE_ADDR": address},
        )


@pytest.fixture
def practice(lasting_practice: Practice) -> Practice:
    """To which nobody has written yet."""
    lasting_practice.forget_chats()
    return lasting_practice


@pytest.fixture
def webhook(practice: Practice) -> Webhook:
    """In front of the practice's own database."""
    return in_front_of(practice.engine)


def in_front_of(engine: Engine) -> Webhook:
    bell = SilentBell()
    return Webhook(Mailbox(engine, VAULT, bell), Fates(engine, bell), bell=bell)


@pytest.fixture
def drawer() -> Drawer:
    return Drawer()


@pytest.fixture
def light(drawer: Drawer) -> Webhook:
    """In front of a drawer."""
    return Webhook(drawer, Notes())


def kept(practice: Practice) -> list[tuple[str, ...]]:
    return [tuple(row) for row in practice.sql("SELECT channel, account, external_id, status FROM inbox ORDER BY id")]


# --- who may bring messages ------------------------------------------------------------------------------------------

RIGHT = signature(HOME + MESSAGES, HELLO, TOKEN)
WRONG = {
    "none": "",
    "a space": " ",
    "cut short": RIGHT[:-1],
    "longer": f"{RIGHT}=",
    "another letter": f"{'b' if RIGHT[0] == 'a' else 'a'}{RIGHT[1:]}",
    "another case": RIGHT.swapcase(),
    "of another account's token": signature(HOME + MESSAGES, HELLO, "0" * 32),
    "of an empty token": signature(HOME + MESSAGES, HELLO, ""),
    "by SHA-256 that is not announced": signature(HOME + MESSAGES, HELLO, TOKEN, "sha256"),
    "of other fields": signature(HOME + MESSAGES, hello(Body="hallo"), TOKEN),
    "without an empty field": signature(HOME + MESSAGES, [each for each in HELLO if each[1]], TOKEN),
    "of the address alone": signature(HOME + MESSAGES, [], TOKEN),
    "of the other address": signature(HOME + STATUS, HELLO, TOKEN),
    "of an address without TLS": signature(HOME.replace("https", "http") + MESSAGES, HELLO, TOKEN),
    "of another host": signature("https://evil.example" + MESSAGES, HELLO, TOKEN),
    "of another port": signature(f"{HOME}:8443{MESSAGES}", HELLO, TOKEN),
    "of a longer path": signature(f"{HOME}{MESSAGES}/", HELLO, TOKEN),
    "of a query": signature(f"{HOME}{MESSAGES}?a=1", HELLO, TOKEN),
    "no base64": "\xe9\xff" * 14,
    "very long": "x" * 10_000,
}


@pytest.mark.parametrize("signed", WRONG.values(), ids=WRONG.keys())
def test_whoever_does_not_sign_as_twilio_is_nobody(light: Webhook, drawer: Drawer, signed: str) -> None:
    assert (light.post(signed=signed).status_code, drawer.taken) == (401, [])


def test_a_request_without_a_signature_is_refused(light: Webhook, drawer: Drawer) -> None:
    for path in (MESSAGES, STATUS):
        assert light.client.post(path, data=dict(HELLO)).status_code == 401
    assert drawer.taken == []


@pytest.mark.parametrize("account", [OTHER, ACCOUNT[:-1], f"{ACCOUNT}0", ACCOUNT.lower(), "AC", "%00", "%F0%9F%98%80"])
def test_a_message_of_an_account_that_is_not_ours_is_refused_however_it_is_signed(
    light: Webhook, drawer: Drawer, account: str
) -> None:
    path = f"/webhooks/twilio/{account}/messages"
    assert [light.post(path=path).status_code, light.post(path=path, signed="no").status_code] == [401, 401]
    assert drawer.taken == []


def test_what_is_refused_leaves_nothing_in_the_database(webhook: Webhook, practice: Practice) -> None:
    webhook.post(signed="wrong")
    webhook.post(path=f"/webhooks/twilio/{OTHER}/messages")
    webhook.post(path=f"{STATUS}?outbox=1", signed="wrong")
    assert kept(practice) == []
    assert practice.sql("SELECT id FROM conversations") == []
    assert webhook.bell.rings == []


@pytest.mark.parametrize("signed", [RIGHT, "wrong"])
def test_twilios_own_library_judges_signatures(light: Webhook, monkeypatch: pytest.MonkeyPatch, signed: str) -> None:
    asked: list[tuple[str, str]] = []
    validate = RequestValidator.validate

    def judge(self: RequestValidator, uri: str, params: Any, given: str, algorithm: str | None = None) -> Any:
        asked.append((uri, given))
        return validate(self, uri, params, given, algorithm)

    monkeypatch.setattr(RequestValidator, "validate", judge)
    light.post(signed=signed)
    assert asked == [(HOME + MESSAGES, signed)]


@pytest.mark.parametrize(
    ("path", "method"), [(path, method) for path in (MESSAGES, STATUS) for method in ("GET", "PUT", "DELETE")]
)
def test_webhooks_are_posted(light: Webhook, path: str, method: str) -> None:
    answer = light.client.open(path, method=method, headers={SIGNATURE: RIGHT})
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_without_an_account_there_are_no_webhooks(drawer: Drawer) -> None:
    client = create_app(
        Settings(public_url=HOME), FakeWebChat(), vendors=Mail(twilio=drawer, fates=Notes())
    ).test_client()
    assert client.post(MESSAGES, data=dict(HELLO), headers={SIGNATURE: RIGHT}).status_code == 404
    with pytest.raises(ValueError, match="no signature can be checked"):
        Webhook(drawer, Notes(), replace(TWILIO, twilio_auth_token=""))


# --- the address that is signed --------------------------------------------------------------------------------------

FORGED = {
    "Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "81",
    "X-Forwarded-Prefix": "/evil", "X-Original-URL": "/evil", "Forwarded": "host=evil.example;proto=http",
}  # fmt: skip


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_the_address_is_that_of_the_settings_whatever_a_proxy_or_a_forger_says(drawer: Drawer, proxies: int) -> None:
    webhook = Webhook(drawer, Notes(), replace(TWILIO, trusted_proxies=proxies))
    assert webhook.post(headers=FORGED).status_code == 204
    assert webhook.post(url=f"http://evil.example{MESSAGES}", headers=FORGED).status_code == 401
    assert webhook.post(url=f"https://evil.example{MESSAGES}", headers={"Host": "evil.example"}).status_code == 401
    assert len(drawer.taken) == 1


@pytest.mark.parametrize(
    ("public", "signed", "status"),
    [
        (HOME, HOME, 204),
        (HOME, f"{HOME}:443", 204),  # Twilio has signed both ways: the library tries both
        (HOME, f"{HOME}:80", 401),
        (HOME, f"{HOME}:8443", 401),
        (f"{HOME}:443", HOME, 204),
        (f"{HOME}:443", f"{HOME}:443", 204),
        (f"{HOME}:8443", f"{HOME}:8443", 204),
        (f"{HOME}:8443", HOME, 204),
        (f"{HOME}:8443", f"{HOME}:443", 401),
        ("http://localhost:8080", "http://localhost:8080", 204),
        ("http://localhost", "http://localhost:80", 204),
        ("http://localhost", "https://localhost", 401),
    ],
)
def test_a_port_may_stand_in_the_address_or_not(drawer: Drawer, public: str, signed: str, status: int) -> None:
    webhook = Webhook(drawer, Notes(), replace(TWILIO, public_url=public))
    assert webhook.post(url=signed + MESSAGES).status_code == status


QUERIES = [
    "a=1",
    "a=%2B+%20b",
    "a=b%2fc%2Fd",
    "a=",
    "a",
    "a=1&a=1",
    "b=2&a=1",
    "a=%C3%A9",
    "a=?/:@",
    "outbox=17&x=%00",
    "a=1;b=2",
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_is_signed_as_it_stands(light: Webhook, query: str) -> None:
    assert light.post(path=f"{MESSAGES}?{query}").status_code == 204
    assert light.post(path=f"{MESSAGES}?{query}", url=HOME + MESSAGES).status_code == 401
    assert light.post(path=f"{MESSAGES}?{query}&more=1", url=f"{HOME}{MESSAGES}?{query}").status_code == 401


def test_another_spelling_of_a_query_is_another_address(light: Webhook) -> None:
    assert light.post(path=f"{MESSAGES}?a=%20", url=f"{HOME}{MESSAGES}?a=+").status_code == 401
    assert light.post(path=f"{MESSAGES}?a=%2F", url=f"{HOME}{MESSAGES}?a=%2f").status_code == 401


# --- the fields that are signed --------------------------------------------------------------------------------------

ODD_FIELDS: dict[str, list[tuple[str, str]]] = {
    "an empty one": hello(Body=""),
    "doubled with the same value": [*HELLO, ("Body", "hello")],
    "doubled with another value": [*HELLO, ("Body", "and this")],
    "new and unknown": hello(SomethingNew="1", another_one="é"),
    "spaces at the ends": hello(Body="  hello \t"),
    "line breaks": hello(Body="\r\nhello\n\n"),
    "not ASCII": hello(Body="Grüße, señor, Łódź", Köln="ß"),
    "emoji": hello(Body="\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467 \u2764\ufe0f"),
    "NUL": hello(Body="a\x00b\x00"),
    "signs of a form": hello(Body="a=b&c=d+e%20f;g"),
    "another order": HELLO[::-1],
    "small and large letters": hello(body="x", BODY="y", Body="z"),
    "an empty name": [*HELLO, ("", "x")],
    "many": [*HELLO, *((f"F{number}", str(number)) for number in range(2_000))],
}  # fmt: skip


def test_all_fields_are_signed_as_they_came_and_kept(webhook: Webhook, practice: Practice) -> None:
    for number, (name, fields) in enumerate(ODD_FIELDS.items(), start=1):
        answer = webhook.post([*fields, ("MessageSid", f"SM{number}")])
        assert (answer.status_code, answer.data, len(kept(practice))) == (204, b"", number), name
    assert Worker(practice.engine, VAULT).answer_waiting() == len(ODD_FIELDS)
    assert {status for *_, status in kept(practice)} == {"answered"}


@pytest.mark.parametrize("name", ["Body", "ToCity", "New"])
def test_a_field_that_was_changed_added_or_left_out_is_noticed(light: Webhook, drawer: Drawer, name: str) -> None:
    fields = hello(New="1")
    signed = signature(HOME + MESSAGES, fields, TOKEN)
    changed = [(known, f"{value} " if known == name else value) for known, value in fields]
    left_out = [each for each in fields if each[0] != name]
    doubled = [*fields, (name, "another")]
    assert {light.post(other, signed=signed).status_code for other in (changed, doubled)} == {401}
    assert light.post(left_out, signed=signed).status_code == 401
    assert drawer.taken == []


def test_a_key_for_webhooks_signs_by_sha256_and_says_so(drawer: Drawer) -> None:
    webhook = Webhook(drawer, Notes(), replace(TWILIO, twilio_webhook_key=KEY))
    by_key, by_token = (signature(HOME + MESSAGES, HELLO, secret, "sha256") for secret in (KEY, TOKEN))

    def answer(signed: str, settings: str) -> int:
        return webhook.client.post(
            MESSAGES, data=urlencode(HELLO), headers={"Content-Type": FORM, SIGNATURE: signed, SETTINGS: settings}
        ).status_code

    announced = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    assert answer(by_key, announced) == 204
    assert answer(by_key, "algorithm=hmac_sha256") == 204
    assert answer(RIGHT, "") == 204  # the token goes on to count
    assert answer(RIGHT, "algorithm=HMAC_SHA1") == 204
    assert {answer(by_token, announced), answer(RIGHT, announced), answer(by_key, ""), answer(by_key, "nonsense")} == {
        401
    }


def test_what_is_signed_by_a_key_that_we_do_not_have_is_refused(light: Webhook) -> None:
    for secret in ("", TOKEN, KEY):
        signed = signature(HOME + MESSAGES, HELLO, secret, "sha256")
        answer = light.post(signed=signed, headers={SETTINGS: "algorithm=HMAC_SHA256"})
        assert answer.status_code == 401


@pytest.mark.parametrize(
    "algorithm", ["HMAC_MD5", "none", "plumbago", "HMAC_SHA512", "HMAC_SHA256, algorithm=none", "\xe9"]
)
def test_an_algorithm_that_we_do_not_know_is_refused_and_not_repeated_in_the_log(
    light: Webhook, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, algorithm: str
) -> None:
    signed = [RIGHT, "", signature(HOME + MESSAGES, HELLO, ""), signature(HOME + MESSAGES, HELLO, TOKEN, "md5")]
    for each in signed:
        assert light.post(signed=each, headers={SETTINGS: f"algorithm={algorithm}"}).status_code == 401
    assert caplog.records == []
    assert "plumbago" not in capsys.readouterr().err


# --- bodies that are no form -----------------------------------------------------------------------------------------

MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="Body"\r\n\r\nhello\r\n'
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nnot signed\r\n--b--\r\n'
)
ONLY_BODY = signature(HOME + MESSAGES, [("Body", "hello")], TOKEN)
NOTHING = signature(HOME + MESSAGES, [], TOKEN)
OTHER_BODIES = {
    "several parts": ("multipart/form-data; boundary=b", MULTIPART, ONLY_BODY),
    "parts that break off": ("multipart/form-data; boundary=b", MULTIPART[:40], NOTHING),
    "parts without end": ("multipart/form-data", b"--", NOTHING),
    "too many parts": ("multipart/form-data; boundary=b", MULTIPART[:67] * 600 + b"--b--", NOTHING),
    "JSON": ("application/json", b'{"MessageSid": "SM1", "From": "+12075550142"}', NOTHING),
    "text": ("text/plain", urlencode(HELLO).encode(), NOTHING),
    "unnamed": ("", urlencode(HELLO).encode(), NOTHING),
}


@pytest.mark.parametrize("name", OTHER_BODIES)
def test_a_body_of_which_something_would_be_left_out_is_refused(light: Webhook, drawer: Drawer, name: str) -> None:
    kind, body, signed = OTHER_BODIES[name]
    assert light.post(kind=kind, body=body, signed=signed).status_code == 401
    assert drawer.taken == []


@pytest.mark.parametrize(
    "body", [b"\xff\xfe=\xfd", b"Body=%ff%fe&%ED%A0%80=1", b"%", b"&&&=&", b"Body=" + b"%" * 3_000]
)
def test_what_is_no_text_is_refused_without_an_error(light: Webhook, drawer: Drawer, body: bytes) -> None:
    assert light.post(body=body).status_code in (401, 413)
    assert drawer.taken == []


def test_a_body_may_have_64_kib_and_no_more(webhook: Webhook, practice: Practice) -> None:
    rest = LARGEST_BODY - len(urlencode(hello(Body="")))
    assert webhook.post(hello(Body="x" * rest)).status_code == 204
    assert webhook.post(hello(MessageSid="SM2", Body="x" * (rest + 1))).status_code == 413
    assert webhook.post(hello(MessageSid="SM3", Body="x" * 1_000_000)).status_code == 413
    assert [sid for _, _, sid, _ in kept(practice)] == ["SM1"]


def test_the_longest_message_of_whatsapp_fits(light: Webhook) -> None:
    assert light.post(hello(Body="\U0001f600" * 4096)).status_code == 204


# --- how often -------------------------------------------------------------------------------------------------------


def test_strangers_are_turned_away_and_twilio_never_is(light: Webhook, drawer: Drawer) -> None:
    def stranger(number: int) -> int:
        path = (MESSAGES, STATUS)[number % 2]
        return light.post(path=path, signed=f"guess-{number}", address=f"2001:db8::{number:x}").status_code

    codes = [stranger(number) for number in range(STRANGERS.most + 20)]
    assert codes == [401] * STRANGERS.most + [429] * 20
    assert light.post(signed="of another household").status_code == 401
    assert {light.post().status_code for _ in range(1_100)} == {204}
    assert light.post(address="2001:db8::1").status_code == 204
    assert len(drawer.taken) == 1_101


def test_a_stranger_who_asks_too_often_hears_when_to_come_back(light: Webhook) -> None:
    answers = [light.post(signed="a guess") for _ in range(STRANGERS.most + 1)]
    assert int(answers[-1].headers["Retry-After"]) > 0


# --- what becomes of them --------------------------------------------------------------------------------------------


def test_a_message_is_kept_and_acknowledged_with_nothing_more(webhook: Webhook, practice: Practice) -> None:
    answer = webhook.post()
    assert (answer.status_code, answer.data) == (204, b"")  # W5: TwiML in it would be a second answer
    assert kept(practice) == [("sms", "+12065550100", "SM1", "new")]
    assert webhook.bell.rings == ["inbox"]


def test_a_request_that_somebody_has_captured_changes_nothing_now_or_in_a_month(
    webhook: Webhook, practice: Practice
) -> None:
    assert {webhook.post().status_code for _ in range(200)} == {204}
    assert Worker(practice.engine, VAULT).answer_waiting() == 1
    with transaction(practice.engine) as session:
        run(session, "UPDATE inbox SET received_at = received_at - interval '31 days'")
        assert forget_words(session) == 1
    assert {webhook.post().status_code for _ in range(200)} == {204}
    assert kept(practice) == [("sms", "+12065550100", "SM1", "answered")]
    assert Worker(practice.engine, VAULT).answer_waiting() == 0


def test_a_message_that_twilio_brings_again_is_the_same_whatever_its_token(
    webhook: Webhook, practice: Practice
) -> None:
    for token in ("one", "one", "two"):
        assert webhook.post(headers={TOKEN_HEADER: token}).status_code == 204
    assert webhook.post(hello(RetryCount="1", FromCity="PORTLAND")).status_code == 204
    assert len(kept(practice)) == 1


def test_messages_of_one_second_are_all_kept(webhook: Webhook, practice: Practice) -> None:
    for number in range(3):
        webhook.post(hello(MessageSid=f"SM{number}"), headers={TOKEN_HEADER: "the same"})
    assert [sid for _, _, sid, _ in kept(practice)] == ["SM0", "SM1", "SM2"]
    assert practice.sql("SELECT DISTINCT conversation_id FROM inbox") == [(1,)]


def test_each_of_our_numbers_and_each_channel_is_a_world_of_its_own(webhook: Webhook, practice: Practice) -> None:
    webhook.post()
    webhook.post(hello(To="+12065550199"))
    webhook.post(hello(To="whatsapp:+12065550100", From="whatsapp:+12075550142", WaId="12075550142"))
    assert [row[:2] for row in kept(practice)] == [
        ("sms", "+12065550100"), ("sms", "+12065550199"), ("whatsapp", "+12065550100"),
    ]  # fmt: skip


ODD_MESSAGES: dict[str, list[tuple[str, str]]] = {
    "nothing": [],
    "no id": [each for each in HELLO if each[0] not in ("MessageSid", "SmsSid")],
    "an empty id": hello(MessageSid="", SmsSid=""),
    "a NUL in the id": hello(MessageSid="SM\x00"),
    "from nobody": hello(From=""),
    "from what is no number": hello(From="\x00"),
    "to nobody": hello(To=""),
    "to what is no number": hello(To="+1\x00"),
    "a call": [("CallSid", "CA1"), ("From", "+12075550142"), ("To", "+12065550100"), ("CallStatus", "ringing")],
}


def test_what_is_signed_and_no_message_is_acknowledged_and_dropped(
    webhook: Webhook, practice: Practice, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, fields in ODD_MESSAGES.items():
        answer = webhook.post(fields)
        assert (answer.status_code, answer.data, kept(practice)) == (204, b"", []), name
        assert "webhook_dropped" in capsys.readouterr().err


def test_what_became_of_a_message_is_handed_on_by_its_number(drawer: Drawer) -> None:
    notes = Notes()
    webhook = Webhook(drawer, notes)
    sent = [("MessageSid", "SM9"), ("MessageStatus", "sent")]
    for query in ("?outbox=17", "?outbox=17&outbox=18", "", "?outbox=", f"?outbox={quote('1 OR 1=1')}"):
        assert webhook.post(sent, path=STATUS + query).status_code == 204
    assert notes.taken == [(id, "sent") for id in ("17", "17", "", "", "1 OR 1=1")]
    assert drawer.taken == []


NONE_OF_OURS = ["", "0", "17", "-1", "1e3", "9" * 18, "9" * 19, "9" * 500, "٣", "²", "1 OR 1=1", "\x00", "é"]


def test_a_fate_of_what_is_none_of_ours_is_acknowledged(webhook: Webhook) -> None:
    for outbox in NONE_OF_OURS:
        for state, code, sid in [
            ("sent", "", "SM1"),
            ("failed", "30003", ""),
            ("failed", "²", "SM\x00"),
            ("?", "x", "1"),
        ]:
            fields = [("MessageSid", sid), ("MessageStatus", state), ("ErrorCode", code)]
            answer = webhook.post(fields, path=f"{STATUS}?outbox={quote(outbox)}")
            assert (answer.status_code, answer.data) == (204, b""), (outbox, state)
    assert webhook.bell.rings == []


# --- while the database is away --------------------------------------------------------------------------------------


def test_while_the_database_is_away_nothing_is_acknowledged(webhook: Webhook, practice: Practice) -> None:
    away = in_front_of(open_engine("postgresql://nobody@127.0.0.1:1/nothing"))
    fate = [("MessageSid", "SM9"), ("MessageStatus", "sent")]
    for answer in (away.post(), away.post(fate, path=f"{STATUS}?outbox=1")):
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    assert (webhook.post().status_code, len(kept(practice))) == (204, 1)


def test_what_could_not_be_committed_is_not_acknowledged(
    webhook: Webhook, practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(_connection: object) -> None:
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as broken:
        broken.setattr(psycopg.Connection, "commit", break_off)
        assert webhook.post().status_code == 503
    assert webhook.bell.rings == []
    assert (webhook.post().status_code, len(kept(practice))) == (204, 1)
