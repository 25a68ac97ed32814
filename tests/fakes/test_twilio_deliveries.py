"""The fake Twilio posts what Twilio posts: signed as its own library checks it, in time, and to the fallback."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import pytest
from twilio.request_validator import RequestValidator, get_signature_algorithm
from twilio.rest import Client
from werkzeug.datastructures import MultiDict

from tests.fakes.twilio import FakeTwilio, ManualClock, Person
from tests.fakes.twilio_library import connect
from tests.fakes.vendor import webhook

OURS, AMY = "+12065550100", "+12075550101"
ON_WHATSAPP = f"whatsapp:{AMY}"
NOWHERE = "http://127.0.0.1:9/sms"
TWIML = "<?xml version='1.0' encoding='UTF-8'?><Response>{}</Response>"


@dataclass(frozen=True)
class Said:
    """What a webhook answers."""

    status: int = 204
    body: str = ""
    kind: str = "text/xml"


@dataclass(frozen=True)
class Post:
    """What a webhook was sent, and when."""

    at: float
    method: str
    url: str
    fields: list[tuple[str, str]]
    headers: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return dict(self.fields)[name]

    @property
    def token(self) -> str:
        return self.headers["I-Twilio-Idempotency-Token"]

    @property
    def path(self) -> str:
        return self.url.partition("/hook")[2]

    def is_signed(self, secret: str, url: str | None = None) -> bool:
        """As Twilio's own library sees it, with the fields as a framework gives them."""
        settings = self.headers.get("X-Twilio-Webhooks-Signature-Settings")
        signature, algorithm = self.headers["X-Twilio-Signature"], get_signature_algorithm(settings)
        checked = RequestValidator(secret).validate(url or self.url, MultiDict(self.fields), signature, algorithm)
        return bool(checked)


class Door(webhook.Door[Post, Said]):
    """The webhook of a number, and of what becomes of messages."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(Handler, clock, Said())

    @property
    def paths(self) -> list[str]:
        return [post.path for post in self.posts]

    @property
    def texts(self) -> list[str]:
        return [post["Body"] for post in self.posts]

    @property
    def states(self) -> list[str]:
        return [post["MessageStatus"] for post in self.posts]


class Handler(webhook.Handler):
    server: Door

    def let_in(self) -> None:
        body = self.read_body().decode()
        url = f"http://{self.headers['Host']}{self.path}"
        fields = parse_qsl(body, keep_blank_values=True, strict_parsing=bool(body))
        said = self.server.takes(Post(self.server.age, self.command, url, fields, dict(self.headers)))
        self.answer(said.status, {"Content-Type": said.kind}, said.body.encode())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def door(clock: ManualClock) -> Iterator[Door]:
    with Door(clock).serving() as door:
        yield door


@pytest.fixture
def twilio(clock: ManualClock, door: Door) -> Iterator[FakeTwilio]:
    with FakeTwilio(clock) as twilio:
        twilio.number(OURS).settings["sms_url"] = door.url
        twilio.whatsapp(OURS).settings["sms_url"] = door.url
        yield twilio


@pytest.fixture
def amy(twilio: FakeTwilio) -> Person:
    return twilio.person(AMY)


@pytest.fixture
def client(twilio: FakeTwilio) -> Client:
    return connect(twilio)


def hook(twilio: FakeTwilio, url: str, fallback: str = "", method: str = "POST") -> None:
    settings = twilio.number(OURS).settings
    settings.update(sms_url=url, sms_fallback_url=fallback, sms_method=method)


# What is posted when somebody writes.

SHARED = {"MessageSid", "SmsSid", "SmsMessageSid", "AccountSid", "From", "To", "Body", "NumMedia", "NumSegments"}
SHARED |= {"SmsStatus", "ApiVersion"}
GEOGRAPHY = {f"{end}{part}" for end in ("From", "To") for part in ("City", "State", "Zip", "Country")}
WHATSAPP = {"ProfileName", "WaId", "MessageType", "ChannelMetadata", "ReferralNumMedia"}


def test_an_sms_is_posted_as_a_signed_form(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    told = amy.texts("Hi & “you” ñ 😀\n ")
    twilio.settle()
    (post,) = door.posts
    assert (dict(post.fields), post.method, set(told)) == (told, "POST", SHARED | GEOGRAPHY)
    assert (post["Body"], post["From"], post["To"]) == ("Hi & “you” ñ 😀\n ", AMY, OURS)
    assert (post["FromCountry"], post["SmsStatus"], post["NumMedia"]) == ("US", "received", "0")
    assert len({post["MessageSid"], post["SmsSid"], post["SmsMessageSid"]}) == 1
    assert post.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert post.headers["User-Agent"] == "TwilioProxy/1.1"
    assert post.is_signed(twilio.token)
    assert not post.is_signed("another token")


def test_on_whatsapp_it_says_who_writes(twilio: FakeTwilio, door: Door) -> None:
    twilio.person(AMY, "Amy 🌼").texts_on_whatsapp("hi")
    twilio.settle()
    (post,) = door.posts
    assert {name for name, _ in post.fields} == SHARED | WHATSAPP
    assert (post["From"], post["To"], post["WaId"]) == (ON_WHATSAPP, f"whatsapp:{OURS}", AMY[1:])
    assert (post["ProfileName"], post["MessageType"]) == ("Amy 🌼", "text")
    assert post.is_signed(twilio.token)


def test_taps_picks_and_files_have_fields_of_their_own(
    twilio: FakeTwilio, clock: ManualClock, door: Door, amy: Person, client: Client
) -> None:
    amy.texts_on_whatsapp("hi")
    buttons = {"twilio/quick-reply": {"body": "Sure?", "actions": [{"title": "Yes", "id": "token-1"}]}}
    items = {"twilio/list-picker": {"body": "When?", "button": "Times", "items": [{"item": "9:00", "id": "slot-1"}]}}
    for types in (buttons, items):
        sid = twilio.content(types).sid
        client.messages.create(to=ON_WHATSAPP, from_=f"whatsapp:{OURS}", content_sid=sid)
    clock.advance(1)
    amy.taps("Yes")
    amy.picks("9:00")
    amy.sends_media(b"%PDF", "application/pdf", whatsapp=True)
    twilio.settle()
    tap, pick, file = door.posts[1:]
    shared = {"OriginalRepliedMessageSid", "OriginalRepliedMessageSender"}
    assert {name for name, _ in tap.fields} - SHARED - WHATSAPP == shared | {"ButtonText", "ButtonPayload"}
    assert {name for name, _ in pick.fields} - SHARED - WHATSAPP == shared | {"ListId", "ListTitle"}
    assert {name for name, _ in file.fields} - SHARED - WHATSAPP == {"MediaUrl0", "MediaContentType0"}
    assert (file["Body"], file["NumMedia"], file["MediaContentType0"]) == ("", "1", "application/pdf")
    assert file["MediaUrl0"].startswith(f"https://api.twilio.com/2010-04-01/Accounts/{twilio.account}/Messages/")
    assert all(post.is_signed(twilio.token) for post in door.posts)


def test_a_service_says_where_and_who_it_is(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    service = twilio.service(twilio.number(OURS), inbound_request_url=f"{door.url}/service")
    amy.texts("one")
    twilio.settle()
    service.settings["use_inbound_webhook_on_number"] = True
    amy.texts("two")
    twilio.settle()
    assert door.paths == ["/service", ""]
    assert [post["MessagingServiceSid"] for post in door.posts] == [service.sid] * 2


def test_without_an_address_nobody_is_told(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    hook(twilio, "")
    assert amy.texts("hello?")["Body"] == "hello?"
    twilio.settle()
    assert (door.posts, twilio.alerts) == ([], [])


def test_words_for_opting_out_are_forwarded_too(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    service = twilio.service(twilio.number(OURS), inbound_request_url=door.url)
    amy.texts("STOP")
    twilio.advanced_opt_out(service)
    amy.texts("START")
    twilio.settle()
    assert door.texts == ["STOP", "START"]
    assert "OptOutType" not in dict(door.posts[0].fields)
    assert door.posts[1]["OptOutType"] == "START"


# Signatures.


def test_queries_and_ports_are_signed(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    hook(twilio, f"{door.url}?clinic=a%20b&x=&y=1")
    amy.texts("hi")
    twilio.settle()
    assert door.posts[0].path == "?clinic=a%20b&x=&y=1"
    assert door.posts[0].is_signed(twilio.token)
    assert not door.posts[0].is_signed(twilio.token, door.url)
    twilio.signs_port = False
    amy.texts("hi")
    twilio.settle()
    assert door.posts[1].is_signed(twilio.token)
    assert door.posts[0].headers["X-Twilio-Signature"] != door.posts[1].headers["X-Twilio-Signature"]


def test_fields_that_are_empty_doubled_or_unknown_are_signed(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    twilio.more_fields = [("Zebra", "2"), ("Zebra", "1"), ("Zebra", "2"), ("Brandnew", ""), ("ä b", "=&+ ")]
    amy.texts("")
    twilio.settle()
    (post,) = door.posts
    assert post.fields[-5:] == twilio.more_fields
    assert (post["Body"], post["Brandnew"]) == ("", "")
    assert post.is_signed(twilio.token)


def test_a_shared_key_signs_by_sha256_and_says_so(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    twilio.sign_with_shared_key("webhooks_sharedkey_1", "shhh")
    amy.texts("hi")
    twilio.settle()
    (post,) = door.posts
    settings = post.headers["X-Twilio-Webhooks-Signature-Settings"]
    assert settings == "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    assert post.is_signed("shhh")
    assert not post.is_signed(twilio.token)


def test_a_forgery_is_seen(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    with twilio.forged():
        amy.texts("hi")
    amy.texts("hi")
    twilio.settle()
    assert [post.is_signed(twilio.token) for post in door.posts] == [False, True]


def test_a_webhook_may_be_fetched(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    hook(twilio, f"{door.url}?x=1", method="GET")
    amy.texts("ä & b")
    twilio.settle()
    (post,) = door.posts
    assert (post.method, post.fields, "Body=%C3%A4+%26+b" in post.url) == ("GET", [], True)
    assert post.is_signed(twilio.token)


# Failures.


@pytest.mark.parametrize("status", [500, 503, 404, 302])
def test_a_failure_is_not_tried_again_but_goes_to_the_fallback(
    twilio: FakeTwilio, door: Door, amy: Person, status: int
) -> None:
    hook(twilio, door.url, f"{door.url}/fallback")
    door.script.append(Said(status))
    amy.texts("hi")
    twilio.settle()
    assert door.paths == ["", "/fallback"]
    first, second = door.posts
    assert (second["ErrorCode"], second["ErrorUrl"], second["Body"]) == ("11200", door.url, "hi")
    assert (second["MessageSid"], second.token) == (first["MessageSid"], first.token)
    assert second.is_signed(twilio.token)
    assert twilio.alerts == [f"11200 {status // 100}xx {door.url}"]


def test_without_a_fallback_the_message_is_lost(
    twilio: FakeTwilio, clock: ManualClock, door: Door, amy: Person
) -> None:
    door.script.append(Said(500))
    amy.texts("lost")
    twilio.settle()
    clock.advance(24 * 3600)
    amy.texts("heard")
    twilio.settle()
    assert door.texts == ["lost", "heard"]


def test_who_cannot_be_reached_is_tried_once_more(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    hook(twilio, NOWHERE, f"{door.url}/fallback")
    amy.texts("hi")
    twilio.settle()
    assert [delivery.url for delivery in twilio.deliveries] == [NOWHERE, NOWHERE, f"{door.url}/fallback"]
    assert len({delivery.token for delivery in twilio.deliveries}) == 1
    assert [delivery.fine for delivery in twilio.deliveries] == [False, False, True]


@pytest.mark.parametrize(
    ("fragment", "status", "tries"),
    [
        ("rc=3&rp=5xx", 500, 4),
        ("rc=3&rp=4xx,5xx", 404, 4),
        ("rc=3&rp=all", 503, 4),
        ("rc=9&rp=all", 503, 6),
        ("rc=3&rp=4xx", 500, 1),
        ("rc=3", 500, 1),
        ("rc=0&rp=5xx", 500, 1),
    ],
)
def test_an_address_says_itself_how_often_to_try(
    twilio: FakeTwilio, door: Door, amy: Person, fragment: str, status: int, tries: int
) -> None:
    hook(twilio, f"{door.url}?x=1#{fragment}")
    door.otherwise = Said(status)
    amy.texts("hi")
    twilio.settle()
    assert door.paths == ["?x=1"] * tries
    assert all(post.is_signed(twilio.token) for post in door.posts)
    assert len({post.token for post in door.posts}) == 1


def test_a_webhook_has_fifteen_seconds(twilio: FakeTwilio, clock: ManualClock, door: Door, amy: Person) -> None:
    twilio.patience = 0.05
    hook(twilio, door.url, f"{door.url}/fallback")
    door.open.clear()
    amy.texts("hi")
    twilio.wait_until(lambda: door.posts)
    clock.advance(14.9)
    assert door.paths == [""]
    clock.advance(0.1)
    twilio.wait_until(lambda: len(door.posts) == 2)
    assert [(post.path, post.at) for post in door.posts] == [("", 0), ("/fallback", pytest.approx(15))]


def test_an_address_says_itself_how_long_to_wait(
    twilio: FakeTwilio, clock: ManualClock, door: Door, amy: Person
) -> None:
    twilio.patience = 0.05
    hook(twilio, f"{door.url}#rc=5&rp=rt&rt=2000&tt=5000")
    door.open.clear()
    amy.texts("hi")
    for tries, at in ((1, 0), (2, 2), (3, 4)):
        twilio.wait_until(partial(door.came, tries))
        assert door.posts[-1].at == pytest.approx(at)
        clock.advance(2 if tries < 3 else 1)
    clock.advance(10)
    assert len(door.posts) == 3


# Answers.


@pytest.mark.parametrize(
    "answer",
    [Said(), Said(200), Said(200, TWIML.format("")), Said(200, "<Response/>", "application/xml")],
    ids=["204", "nothing", "empty TwiML", "shorter"],
)
def test_an_answer_may_say_nothing(twilio: FakeTwilio, door: Door, amy: Person, answer: Said) -> None:
    door.otherwise = answer
    amy.texts("hi")
    twilio.settle()
    assert (twilio.violations, twilio.alerts) == ([], [])


@pytest.mark.parametrize(
    "answer", [Said(200, TWIML.format("<Message>Hi</Message>")), Said(200, "Hi", "text/plain")], ids=["TwiML", "text"]
)
def test_a_message_in_the_answer_is_noted(twilio: FakeTwilio, door: Door, amy: Person, answer: Said) -> None:
    door.otherwise = answer
    amy.texts("hi")
    twilio.settle()
    (noted,) = twilio.violations
    assert "a second answer" in noted


def test_an_answer_that_is_no_twiml_is_noted(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    door.otherwise = Said(200, '{"ok": true}', "application/json")
    amy.texts("hi")
    twilio.settle()
    assert twilio.alerts == ["12100 what a webhook answered is no TwiML"]


# What becomes of a message.


def send(client: Client, door: Door, to: str = AMY, body: str = "Hello", **more: Any) -> str:
    from_ = {} if "messaging_service_sid" in more else {"from_": to.replace(AMY, OURS)}
    callback = {"status_callback": f"{door.url}/status?id=7", **more}
    sid: str = client.messages.create(to=to, body=body, **from_, **callback).sid
    return sid


def test_a_message_gets_on_and_the_first_state_is_not_said(
    twilio: FakeTwilio, door: Door, amy: Person, client: Client
) -> None:
    sid = send(client, door)
    twilio.settle()
    assert (door.states, door.paths) == (["sent", "delivered"], ["/status?id=7"] * 2)
    post = door.posts[0]
    told = {"MessageSid", "SmsSid", "AccountSid", "From", "To", "ApiVersion", "MessageStatus", "SmsStatus"}
    assert {name for name, _ in post.fields} == told
    assert (post["MessageSid"], post["SmsStatus"], post["From"], post["To"]) == (sid, "sent", OURS, AMY)
    assert all(post.is_signed(twilio.token) for post in door.posts)


def test_a_message_of_a_service_is_queued_first(
    twilio: FakeTwilio, clock: ManualClock, door: Door, amy: Person, client: Client
) -> None:
    service = twilio.service(twilio.number(OURS), status_callback=f"{door.url}/service")
    sid = send(client, door, messaging_service_sid=service.sid)
    twilio.settle()
    assert (door.states, set(door.paths)) == (["queued", "sent", "delivered"], {"/status?id=7"})
    assert {(post["MessagingServiceSid"], post["MessageSid"]) for post in door.posts} == {(service.sid, sid)}
    client.messages.create(to=AMY, messaging_service_sid=service.sid, body="again")
    clock.advance(1)
    assert door.paths[3:] == ["/service"] * 3


def test_failures_come_with_their_code(twilio: FakeTwilio, door: Door, amy: Person, client: Client) -> None:
    amy.handset_off()
    send(client, door)
    twilio.settle()
    assert (door.states, door.posts[1]["ErrorCode"]) == (["sent", "undelivered"], "30003")
    amy.texts("STOP")
    twilio.settle()
    door.posts.clear()
    send(client, door, ON_WHATSAPP)
    twilio.settle()
    assert (door.states, door.posts[0]["ErrorCode"]) == (["undelivered"], "63016")


def test_whatsapp_tells_more(twilio: FakeTwilio, door: Door, amy: Person, client: Client) -> None:
    twilio.whatsapp(OURS).settings["sms_url"] = ""
    amy.texts_on_whatsapp("hi")
    send(client, door, ON_WHATSAPP)
    twilio.settle()
    amy.reads()
    twilio.settle()
    assert door.states == ["sent", "delivered", "read"]
    post = door.posts[-1]
    assert (post["ChannelPrefix"], post["EventType"], post["To"]) == ("whatsapp", "READ", ON_WHATSAPP)
    assert all(post.is_signed(twilio.token) for post in door.posts)


def test_a_whatsapp_sender_may_have_a_callback_of_its_own(
    twilio: FakeTwilio, door: Door, amy: Person, client: Client
) -> None:
    twilio.whatsapp(OURS).settings["status_callback"] = f"{door.url}/sender"
    client.messages.create(to=ON_WHATSAPP, from_=f"whatsapp:{OURS}", body="Hi")
    twilio.settle()
    assert door.paths == ["/sender"]


def test_states_come_in_order_however_slow_the_webhook_is(
    twilio: FakeTwilio, door: Door, amy: Person, client: Client
) -> None:
    door.open.clear()
    sid = send(client, door)
    twilio.wait_until(lambda: client.messages(sid).fetch().status == "delivered")
    send(client, door, ON_WHATSAPP)  # what is told of it would come behind anything that did not wait
    twilio.wait_until(lambda: len(door.posts) == 2)
    assert sorted(door.states) == ["sent", "undelivered"]
    door.open.set()
    twilio.settle()
    assert door.states[2] == "delivered"


# By order of the test.


def test_states_can_come_late_twice_and_in_disorder(
    twilio: FakeTwilio, clock: ManualClock, door: Door, amy: Person, client: Client
) -> None:
    with twilio.swapped():
        send(client, door)
    twilio.settle()
    assert door.states == ["delivered", "sent"]
    twilio.callback_delay = 60
    sid = send(client, door)
    clock.advance(60)
    assert (len(door.posts), client.messages(sid).fetch().status) == (2, "delivered")
    clock.advance(1)
    assert (door.states[2:], door.posts[-1].at) == (["sent", "delivered"], 61)
    twilio.callback_delay = 0
    twilio.deliver_twice = True
    clock.advance(1)
    send(client, door)
    twilio.settle()
    assert door.states[4:] == ["sent", "sent", "delivered", "delivered"]


def test_a_webhook_can_come_again_and_again(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    told = amy.texts("hi")
    twilio.settle()
    twilio.repeat(told, 5)
    twilio.settle()
    assert [dict(post.fields) for post in door.posts] == [told] * 6
    assert len({post.token for post in door.posts}) == 1
    assert all(post.is_signed(twilio.token) for post in door.posts)


def test_a_tap_and_a_text_can_be_swapped(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    with twilio.swapped():
        amy.texts("first")
        amy.texts("second")
    twilio.settle()
    assert door.texts == ["second", "first"]


def test_several_texts_can_come_at_once(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    door.open.clear()
    with twilio.held():
        for body in ("one", "two", "three"):
            amy.texts(body)
    twilio.wait_until(lambda: len(door.posts) == 3)
    assert sorted(door.texts) == ["one", "three", "two"]
    door.open.set()
    twilio.settle()


def test_otherwise_texts_of_one_person_come_one_after_the_other(twilio: FakeTwilio, door: Door, amy: Person) -> None:
    for n in range(5):
        amy.texts(f"{n}")
    twilio.settle()
    assert door.texts == ["0", "1", "2", "3", "4"]


# With the real clock, and from other processes.

PROGRAM = """
import sys
from tests.fakes.twilio_library import OneServer
from twilio.rest import Client
url, account, token, to, from_, callback = sys.argv[1:]
client = Client(account, token, http_client=OneServer(url))
for n in range(3):
    client.messages.create(to=to, from_=from_, body=str(n), status_callback=callback)
"""


def test_other_processes_talk_to_it(door: Door) -> None:
    with FakeTwilio() as twilio:
        twilio.number(OURS, rate=100)
        amy = twilio.person(AMY)
        arguments = [twilio.url, twilio.account, twilio.token, AMY, OURS, door.url]
        subprocess.run([sys.executable, "-c", PROGRAM, *arguments], check=True, timeout=30)
        amy.waits_for(3)
        twilio.wait_until(lambda: len(door.posts) == 6)
        assert amy.sees == ["0", "1", "2"]
        assert (twilio.errors, twilio.violations) == ([], [])
