"""The fake Twilio is judged by Twilio's own library, which has talked to the real one for years: it understands all answers."""

import inspect
import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from math import inf
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.exceptions import ConnectionError as NoConnection
from requests.exceptions import Timeout
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client
from twilio.rest.api.v2010.account import AccountInstance
from twilio.rest.api.v2010.account.incoming_phone_number import IncomingPhoneNumberContext, IncomingPhoneNumberInstance
from twilio.rest.api.v2010.account.message import MessageInstance, MessageList
from twilio.rest.api.v2010.account.message.media import MediaInstance
from twilio.rest.content.v1.content import ContentInstance, ContentList
from twilio.rest.content.v1.content.approval_create import ApprovalCreateInstance
from twilio.rest.content.v1.content.approval_fetch import ApprovalFetchInstance
from twilio.rest.lookups.v2.phone_number import PhoneNumberInstance
from twilio.rest.messaging.v1.service import ServiceContext, ServiceInstance
from twilio.rest.messaging.v1.service.phone_number import PhoneNumberInstance as ServiceNumberInstance
from twilio.rest.messaging.v2.channels_sender import ChannelsSenderInstance, ChannelsSenderList

from tests.fakes.twilio import FakeTwilio, ManualClock, Person, faults, refusals, routes, segments
from tests.fakes.twilio.state import Message
from tests.fakes.twilio_library import connect

OURS, TOLL_FREE, SHORT = "+12065550100", "+18005550100", "24365"
AMY, BEN = "+12075550101", "+12075550102"
HOUR = 3600
START = datetime(2026, 3, 9, 8, 55, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def twilio(clock: ManualClock) -> Iterator[FakeTwilio]:
    with FakeTwilio(clock) as twilio:
        twilio.number(OURS)
        twilio.whatsapp(OURS, rate=inf)  # so that nothing waits
        yield twilio


@pytest.fixture
def client(twilio: FakeTwilio) -> Client:
    return connect(twilio)


@pytest.fixture
def amy(twilio: FakeTwilio) -> Person:
    return twilio.person(AMY)


def send(client: Client, to: str = AMY, body: str | None = "Hello", **more: Any) -> Any:
    """A message by SMS, unless `to` or `from_` says otherwise."""
    whatsapp = "whatsapp:" if to.startswith("whatsapp:") else ""
    from_ = {} if {"from_", "messaging_service_sid"} & set(more) else {"from_": whatsapp + OURS}
    said = {} if body is None else {"body": body}
    return client.messages.create(to=to, **from_, **said, **more)


def refused(client: Client, *args: Any, **more: Any) -> tuple[int, int]:
    """Status and code."""
    with pytest.raises(TwilioRestException) as told:
        send(client, *args, **more)
    return told.value.status, told.value.code


def outcome(twilio: FakeTwilio, client: Client, sent: Any) -> tuple[str, int | None]:
    """What became of it."""
    twilio.settle()
    now = client.messages(sent.sid).fetch()
    return now.status, now.error_code


# Who calls.


def test_an_account_is_who_it_says(twilio: FakeTwilio, client: Client) -> None:
    account = client.api.accounts(twilio.account).fetch()
    assert (account.sid, account.status, account.friendly_name) == (twilio.account, "active", "Clinic")


def test_a_wrong_token_is_refused_and_noted(twilio: FakeTwilio) -> None:
    assert refused(connect(twilio, password="wrong")) == (401, 20003)
    assert twilio.errors == ["a call without the right account and token"]


def test_a_key_is_as_good_as_the_token(twilio: FakeTwilio) -> None:
    twilio.api_key("SK1", "secret")
    assert send(connect(twilio, "SK1", "secret")).status == "queued"


def test_another_account_is_not_there(twilio: FakeTwilio, client: Client) -> None:
    with pytest.raises(TwilioRestException) as told:
        client.api.accounts("AC" + "f" * 32).fetch()
    assert (told.value.status, told.value.code) == (404, 20404)


# Messages.


def test_a_message_is_taken_sent_and_delivered(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    sent = send(client, body="Hello Amy")
    assert (sent.status, sent.direction, sent.from_, sent.to) == ("queued", "outbound-api", OURS, AMY)
    assert (sent.num_segments, sent.num_media, sent.error_code, sent.date_sent) == ("1", "0", None, None)
    assert re.fullmatch(r"SM[0-9a-f]{32}", sent.sid)
    assert (sent.date_created, sent.account_sid) == (START, twilio.account)
    twilio.settle()
    now = client.messages(sent.sid).fetch()
    assert (now.status, now.date_sent, now.price, now.price_unit) == ("delivered", START, "-0.00790", "USD")
    assert (amy.sees, amy.last.sid, amy.last.sender) == (["Hello Amy"], sent.sid, OURS)


def test_a_service_chooses_who_sends_and_keeps_to_it(
    twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person
) -> None:
    service = twilio.service(twilio.number(OURS), twilio.number(TOLL_FREE))
    sent = send(client, messaging_service_sid=service.sid)
    assert (sent.status, sent.num_segments, sent.from_) == ("accepted", "0", None)
    twilio.settle()
    now = client.messages(sent.sid).fetch()
    assert (now.status, now.num_segments, now.messaging_service_sid) == ("delivered", "1", service.sid)
    again = send(client, messaging_service_sid=service.sid)
    clock.advance(1)
    assert client.messages(again.sid).fetch().from_ == now.from_


def test_messages_are_listed_newest_first_page_by_page(
    twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person
) -> None:
    for n in range(5):
        send(client, body=f"{n}")
        clock.advance(60)
    assert [message.body for message in client.messages.list(page_size=2)] == ["4", "3", "2", "1", "0"]
    assert [message.body for message in client.messages.list(limit=3)] == ["4", "3", "2"]
    listed = twilio.calls("list")
    assert [call.parameters.get("Page") for call in listed[:3]] == [None, "1", "2"]
    page = client.messages.page(page_size=2)
    assert page.next_page().previous_page().next_page_url == page.next_page_url


def test_messages_are_found_by_who_and_when(clock: ManualClock, client: Client, twilio: FakeTwilio) -> None:
    twilio.person(BEN).texts("from Ben")
    send(client, body="to Amy")
    clock.advance(24 * HOUR)
    send(client, BEN, body="to Ben")
    twilio.settle()
    tomorrow = START + timedelta(days=1)
    found: list[tuple[dict[str, Any], set[str]]] = [
        ({"to": BEN}, {"to Ben"}),
        ({"from_": BEN}, {"from Ben"}),
        ({"from_": OURS}, {"to Amy", "to Ben"}),
        ({"date_sent_after": tomorrow}, {"to Ben"}),
        ({"date_sent_before": tomorrow - timedelta(seconds=1)}, {"to Amy", "from Ben"}),
        ({"date_sent": START}, {"to Amy", "from Ben"}),
        ({"date_sent": date(2026, 3, 10).isoformat()}, {"to Ben"}),
        ({"date_sent_after": "2026-03-09", "date_sent_before": "2026-03-09"}, {"to Amy", "from Ben"}),
        ({"to": BEN, "date_sent_before": START}, set()),
    ]
    for filters, bodies in found:
        assert {message.body for message in client.messages.list(**filters)} == bodies, filters
    inbound = client.messages.list(from_=BEN)[0]
    assert (inbound.direction, inbound.status, inbound.to) == ("inbound", "received", OURS)


def test_what_waits_has_no_date_to_be_found_by(clock: ManualClock, client: Client) -> None:
    send(client, body="x" * 1600)
    send(client, body="waits")
    assert {message.body for message in client.messages.list(date_sent_after=START)} == {"x" * 1600}
    assert "waits" in {message.body for message in client.messages.list(to=AMY)}


def test_words_are_taken_out_of_the_log_when_a_message_is_finished(
    twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person
) -> None:
    send(client, body="x" * 200)
    sent = send(client, body="private")
    for act in (client.messages(sent.sid).delete, lambda: client.messages(sent.sid).update(body="")):
        with pytest.raises(TwilioRestException) as told:
            act()
        assert (told.value.status, told.value.code) == (409, 20009)
    clock.advance(10)
    assert client.messages(sent.sid).update(body="").body == ""
    assert amy.last.text == "private"
    assert client.messages(sent.sid).delete() is True
    with pytest.raises(TwilioRestException) as told:
        client.messages(sent.sid).fetch()
    assert (told.value.status, told.value.code) == (404, 20404)


def test_what_is_scheduled_can_be_canceled(twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person) -> None:
    service = twilio.service(twilio.number())
    at: dict[str, Any] = {
        "messaging_service_sid": service.sid,
        "schedule_type": "fixed",
        "send_at": START + timedelta(hours=1),
    }
    stays, goes = send(client, body="stays", **at), send(client, body="goes", **at)
    assert stays.status == "scheduled"
    assert client.messages(goes.sid).update(status="canceled").status == "canceled"
    clock.advance(HOUR - 1)
    assert amy.sees == []
    clock.advance(1)
    assert amy.sees == ["stays"]
    with pytest.raises(TwilioRestException) as told:
        client.messages(stays.sid).update(status="canceled")
    assert told.value.status == 400


def test_media_are_listed_and_lie_elsewhere(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    told = amy.sends_media(b"\xff\xd8\xff", "image/jpeg", "my tooth")
    assert told["MessageSid"].startswith("MM")
    (file,) = client.messages(told["MessageSid"]).media.list()
    assert (file.content_type, file.parent_sid) == ("image/jpeg", told["MessageSid"])
    assert client.messages(file.parent_sid).media(file.sid).fetch().date_created == START
    url = told["MediaUrl0"].replace("https://api.twilio.com", twilio.url)
    who = (twilio.account, twilio.token)
    assert requests.get(url, timeout=5).status_code == 401
    first = requests.get(url, auth=who, allow_redirects=False, timeout=5)
    assert (first.status_code, first.headers["Location"].startswith("http://localhost:")) == (307, True)
    got = requests.get(url, auth=who, timeout=5)
    assert (got.content, got.headers["Content-Type"]) == (b"\xff\xd8\xff", "image/jpeg")
    assert twilio.violations == []
    assert requests.get(first.headers["Location"], auth=who, timeout=5).status_code == 400
    assert twilio.violations == ["the token was sent to where media lie"]
    assert client.messages(file.parent_sid).media(file.sid).delete() is True
    assert client.messages(file.parent_sid).media.list() == []


# What is refused at once.


def test_what_twilio_refuses_has_its_code(twilio: FakeTwilio, client: Client) -> None:
    twilio.number(SHORT)
    twilio.person("+12075550103").texts("stop")
    twilio.allow_countries("US", "GB")
    twilio.world.refuses_landlines = True
    twilio.person("+12075550104", line="landline")
    empty, alone = twilio.service(), twilio.service(twilio.number(TOLL_FREE))
    in_a_minute, in_an_hour = START + timedelta(minutes=1), START + timedelta(hours=1)
    cases: list[tuple[dict[str, Any], int]] = [
        ({"to": ""}, 21604),
        ({"to": "+1555"}, 21211),
        ({"to": "0207 555"}, 21211),
        ({"to": "whatsapp:+1555"}, 21211),
        ({"to": "+491711234567"}, 21408),
        ({"to": "+447400123456", "from_": SHORT}, 21612),
        ({"to": "+12075550103"}, 21610),
        ({"to": "+12075550104"}, 21614),
        ({"to": OURS}, 21266),
        ({"from_": ""}, 21603),
        ({"from_": "+1555"}, 21212),
        ({"from_": "+12065550199"}, 21606),
        ({"from_": OURS, "messaging_service_sid": alone.sid}, 21606),
        ({"from_": "whatsapp:+12065550199"}, 63007),
        ({"from_": f"whatsapp:{OURS}"}, 21910),
        ({"body": ""}, 21619),
        ({"body": "  "}, 21619),
        ({"body": None}, 21619),
        ({"body": "x" * 1601}, 21617),
        ({"media_url": ["ftp://x.example/a"]}, 21620),
        ({"media_url": ["https://x.example/a"] * 11}, 21620),
        ({"messaging_service_sid": "MG1"}, 21705),
        ({"messaging_service_sid": empty.sid}, 21703),
        ({"body": None, "content_sid": "HX1"}, 21655),
        ({"content_variables": "{}"}, 21655),
        ({"status_callback": "nowhere"}, 21609),
        ({"status_callback": "https://under_score.example/"}, 21609),
        ({"validity_period": 0}, 20001),
        ({"validity_period": 36001}, 20001),
        ({"schedule_type": "fixed"}, 35118),
        ({"schedule_type": "fixed", "messaging_service_sid": alone.sid}, 35111),
        ({"schedule_type": "fixed", "messaging_service_sid": alone.sid, "send_at": in_a_minute}, 35114),
    ]
    for arguments, code in cases:
        assert refused(client, **arguments) == (400, code), arguments
    send(client, messaging_service_sid=alone.sid, schedule_type="fixed", send_at=in_an_hour)
    assert len(twilio.world.messages) == 2  # this one, and "stop"
    assert (twilio.errors, twilio.violations) == ([], [])


def test_an_account_on_trial_writes_to_whom_it_has_verified(twilio: FakeTwilio, client: Client) -> None:
    twilio.trial(AMY)
    assert refused(client, BEN) == (400, 21608)
    assert send(client, AMY).status == "queued"


def test_a_refusal_says_where_to_read_more(twilio: FakeTwilio, client: Client) -> None:
    refused(client, "+1555")
    answer = twilio.ledger[-1].answer
    assert answer["more_info"] == "https://www.twilio.com/docs/errors/21211"
    assert set(answer) == {"code", "message", "more_info", "status"}


MAGIC_TO = {"0001": 21211, "0002": 21612, "0003": 21408, "0004": 21610, "0009": 21614}
MAGIC_FROM = {"0001": 21212, "0007": 21606, "0008": 21611, "0005": 21606}
GOOD = "+15005550006"


def test_test_credentials_know_the_published_numbers(clock: ManualClock) -> None:
    with FakeTwilio(clock, test_credentials=True) as twilio:
        client = connect(twilio)
        for ending, code in MAGIC_TO.items():
            assert refused(client, f"+1500555{ending}", from_=GOOD) == (400, code)
        for ending, code in MAGIC_FROM.items():
            assert refused(client, AMY, from_=f"+1500555{ending}") == (400, code)
        assert refused(client, AMY, None, from_=GOOD) == (400, 21619)
        assert refused(client, AMY, messaging_service_sid="MG1") == (403, 20008)
        assert send(client, AMY, from_=GOOD).status == "queued"
        twilio.settle()
        assert twilio.person(AMY).sees == []
        with pytest.raises(TwilioRestException) as told:
            client.messages("SM1").fetch()
        assert (told.value.status, told.value.code) == (403, 20008)


# Segments.

DATA = Path(__file__).parents[1] / "data"
VECTORS = [json.loads(line) for line in (DATA / "segments.jsonl").read_text("utf-8").splitlines()]


def test_segments_are_those_of_twilios_own_calculator() -> None:
    assert len(VECTORS) == 200
    for text, plain, smart in VECTORS:
        assert (segments.count(text), segments.count(segments.smart(text))) == (plain, smart), text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("", 1), ("x" * 160, 1), ("x" * 161, 2), ("x" * 306, 2), ("x" * 307, 3), ("é" * 160, 1), ("€" * 80, 1)),
        *(
            ("€" * 81, 2),
            ("x" * 152 + "€" + "x" * 153, 3),
            ("’" * 70, 1),
            ("’" * 71, 2),
            ("😀" * 35, 1),
            ("😀" * 36, 2),
        ),
    ],
)
def test_segments_end_where_they_must(text: str, number: int) -> None:
    assert segments.count(text) == number


def test_toll_free_numbers_have_a_character_less(
    twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person
) -> None:
    assert segments.count("x" * 305, toll_free=True) == 3
    twilio.number(TOLL_FREE)
    assert send(client, body="x" * 305, from_=TOLL_FREE).num_segments == "3"
    assert send(client, body="x" * 305).num_segments == "2"
    service = twilio.service(twilio.number(TOLL_FREE))
    send(client, BEN, body="x" * 305, messaging_service_sid=service.sid)
    clock.advance(10)
    assert twilio.person(BEN).last.segments == 3


def test_smart_encoding_saves_segments_if_asked(
    twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person
) -> None:
    body = "“9:00” – Dr Lee’s " * 6
    plain, smart = send(client, body=body), send(client, body=body, smart_encoded=True)
    assert (plain.num_segments, smart.num_segments) == ("2", "1")
    service = twilio.service(twilio.number(), smart_encoding=True)
    send(client, body="it’s", messaging_service_sid=service.sid)
    clock.advance(10)
    assert (amy.last.text, amy.last.segments) == ("it's", 1)


# The queue.


def test_a_long_code_sends_a_segment_a_second(twilio: FakeTwilio, clock: ManualClock, client: Client) -> None:
    for body in ("one", "x" * 161, "three"):
        send(client, body=body)
    clock.advance(5)
    began = START.timestamp()
    assert [shown.at - began for shown in twilio.person(AMY).messages] == [0, 1, 3]


@pytest.mark.parametrize(("number", "rate"), [(TOLL_FREE, 3), (SHORT, 100), ("whatsapp:+18885550100", 80)])
def test_others_send_faster(twilio: FakeTwilio, clock: ManualClock, client: Client, number: str, rate: int) -> None:
    twilio.number(TOLL_FREE)
    twilio.number(SHORT)
    twilio.whatsapp("+18885550100")
    amy = twilio.person(AMY)
    amy.texts_on_whatsapp("hi", to="+18885550100")
    for _ in range(3):
        send(client, f"whatsapp:{AMY}" if "whatsapp" in number else AMY, from_=number)
    clock.advance(1)
    times = [shown.at - START.timestamp() for shown in amy.messages]
    assert times == pytest.approx([0, 1 / rate, 2 / rate], abs=1e-6)


def test_a_service_spreads_what_it_sends(twilio: FakeTwilio, clock: ManualClock, client: Client) -> None:
    service = twilio.service(twilio.number(OURS), twilio.number("+12065550101"), twilio.number("+12065550102"))
    people = [twilio.person(f"+120755501{n}") for n in range(10, 16)]
    for person in people:
        send(client, person.number, messaging_service_sid=service.sid)
    clock.advance(1)
    assert {person.last.sender for person in people} == {sender.address for sender in service.senders}


def test_what_waits_too_long_is_not_sent(twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person) -> None:
    first = send(client, body="x" * 1600)  # eleven seconds
    late, in_time = send(client, body="late", validity_period=10), send(client, body="in time", validity_period=11)
    clock.advance(30)
    assert [message.text for message in amy.messages] == ["x" * 1600, "in time"]
    assert outcome(twilio, client, first) == ("delivered", None)
    assert outcome(twilio, client, late) == ("failed", 30001)
    assert outcome(twilio, client, in_time) == ("delivered", None)


def test_a_service_has_a_validity_of_its_own(twilio: FakeTwilio, clock: ManualClock, client: Client) -> None:
    service = twilio.service(twilio.number(), validity_period=5)
    send(client, body="x" * 1600)
    late = send(client, messaging_service_sid=service.sid)
    clock.advance(5)
    assert outcome(twilio, client, late) == ("failed", 30001)


def test_a_queue_can_be_full(twilio: FakeTwilio, clock: ManualClock, client: Client) -> None:
    twilio.world.longest_queue = 3
    sent = [send(client, body=f"{n}") for n in range(2)]
    twilio.settle()
    sent += [send(client, body=f"{n}") for n in range(2)]
    assert refused(client) == (400, 21611)
    clock.advance(1)
    send(client)
    service = twilio.service(twilio.number())
    late = send(client, messaging_service_sid=service.sid)
    assert outcome(twilio, client, late) == ("failed", 30001)


# Opting out.


@pytest.mark.parametrize(
    "word", ["STOP", "stop", " Cancel ", "end", "QUIT", "revoke", "OptOut", "StopAll", "unsubscribe"]
)
def test_a_word_opts_out_until_another_opts_in(
    twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person, word: str
) -> None:
    told = amy.texts(word)
    assert (told["Body"], "OptOutType" in told) == (word, False)
    assert (len(amy.messages), amy.last.by_twilio) == (1, True)
    assert "unsubscribed" in amy.last.text
    amy.texts(word)
    assert len(amy.messages) == 1
    assert refused(client) == (400, 21610)
    assert send(client, BEN).status == "queued"
    assert [message.body for message in client.messages.list(to=AMY)] == []
    amy.texts("yes")
    assert "re-subscribed" in amy.last.text
    assert send(client).status == "queued"


@pytest.mark.parametrize("words", ["STOP PLEASE", "cancel please", "STOP 12345", "YES", "1", "Start", "stop."])
def test_other_words_do_not(client: Client, amy: Person, words: str) -> None:
    amy.texts(words)
    assert amy.sees == []
    assert send(client).status == "queued"


def test_help_is_answered_by_twilio(amy: Person) -> None:
    amy.texts("info")
    assert amy.sees == ["Reply STOP to unsubscribe. Msg&Data Rates May Apply."]


def test_on_whatsapp_words_are_just_words(client: Client, amy: Person) -> None:
    amy.texts_on_whatsapp("STOP")
    assert send(client, f"whatsapp:{AMY}").status == "queued"


def test_opting_out_is_for_all_of_a_service(
    twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person
) -> None:
    other = twilio.number("+12065550101")
    service = twilio.service(twilio.number(OURS), other)
    amy.texts("STOP", to=OURS)
    assert refused(client, from_=other.address) == (400, 21610)
    assert refused(client, messaging_service_sid=service.sid) == (400, 21610)
    twilio.world.opt_outs_come_late = True
    assert outcome(twilio, client, send(client, messaging_service_sid=service.sid)) == ("failed", 21610)


def test_without_a_service_it_is_for_one_number(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    twilio.number("+12065550101")
    amy.texts("STOP", to=OURS)
    assert send(client, from_="+12065550101").status == "queued"


def test_who_opts_out_gets_nothing_that_waits(
    clock: ManualClock, client: Client, amy: Person, twilio: FakeTwilio
) -> None:
    send(client, body="x" * 200)
    waits = send(client, body="waits")
    amy.texts("STOP")
    clock.advance(10)
    assert outcome(twilio, client, waits) == ("failed", 21610)


def test_on_toll_free_numbers_the_network_does_it(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    twilio.number(TOLL_FREE)
    amy.texts("CANCEL", to=TOLL_FREE)
    assert amy.sees == []
    amy.texts("Stop", to=TOLL_FREE)
    assert amy.last.text.startswith("NETWORK MSG")
    assert refused(client, from_=TOLL_FREE) == (400, 21610)
    amy.texts("unstop", to=TOLL_FREE)
    assert send(client, from_=TOLL_FREE).status == "queued"


def test_advanced_opt_out_has_words_of_its_own_and_counts_on_whatsapp_too(
    twilio: FakeTwilio, client: Client, amy: Person
) -> None:
    service = twilio.service(twilio.number(), twilio.whatsapp())
    twilio.advanced_opt_out(service, stop=["STOP", "alto"], help=["HELP", "ayuda"], answers={"HELP": "Llame al 1."})
    assert "OptOutType" not in amy.texts("CANCEL")
    assert amy.texts("Ayuda")["OptOutType"] == "HELP"
    assert amy.sees == ["Llame al 1."]
    told = amy.texts_on_whatsapp("ALTO")
    assert (told["OptOutType"], told["From"]) == ("STOP", f"whatsapp:{AMY}")
    assert refused(client, f"whatsapp:{AMY}") == (400, 21610)
    assert amy.texts_on_whatsapp("start")["OptOutType"] == "START"


# What becomes of an SMS.


def _off(amy: Person) -> None:
    amy.handset_off()


TROUBLES: list[tuple[Callable[[Person], None], int]] = [
    (_off, 30003),
    (Person.blocks, 30004),
    (Person.is_gone, 30005),
    (lambda amy: setattr(amy.handset, "line", "landline"), 30006),
    (lambda amy: amy.twilio.filter_spam(lambda body: "Hello" in body), 30007),
    (lambda amy: amy.cannot_get(30008), 30008),
    (lambda amy: setattr(amy.twilio.number(), "registered", False), 30034),
]


@pytest.mark.parametrize(("happens", "code"), TROUBLES, ids=[str(code) for _, code in TROUBLES])
def test_what_does_not_arrive_is_said_later(
    twilio: FakeTwilio, client: Client, amy: Person, happens: Callable[[Person], None], code: int
) -> None:
    happens(amy)
    sent = send(client)
    assert outcome(twilio, client, sent) == ("undelivered", code)
    assert client.messages(sent.sid).fetch().error_message == refusals.LATER[code]
    assert amy.sees == []


def test_trouble_can_pass(twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person) -> None:
    amy.handset_off()
    amy.cannot_get(30008, 0)
    send(client, body="one")
    clock.advance(1)
    amy.handset_on()
    for body in ("two", "three"):
        send(client, body=body)
        clock.advance(1)
    assert amy.sees == ["two", "three"]


# WhatsApp.

ON_WHATSAPP = f"whatsapp:{AMY}"
TEXT = {"twilio/text": {"body": "Hi {{1}}, see you {{2}} at ours."}}
SAMPLES = {"1": "Amy", "2": "Tuesday"}


def quick_reply(*titles: str, body: str = "Tuesday at 9:00?") -> dict[str, Any]:
    actions = [{"type": "QUICK_REPLY", "title": title, "id": title.lower()} for title in titles]
    return {"twilio/quick-reply": {"body": body, "actions": actions}}


def list_picker(*items: str, description: str = "Dr Lee", body: str = "When?") -> dict[str, Any]:
    every = [{"item": item, "id": f"slot-{n}", "description": description} for n, item in enumerate(items)]
    return {"twilio/list-picker": {"body": body, "button": "Times", "items": every}}


def test_free_words_reach_whatsapp_within_a_day(
    twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person
) -> None:
    assert outcome(twilio, client, send(client, ON_WHATSAPP)) == ("undelivered", 63016)
    amy.texts_on_whatsapp("hi")
    assert outcome(twilio, client, send(client, ON_WHATSAPP)) == ("delivered", None)
    clock.advance(24 * HOUR - 1)
    assert outcome(twilio, client, send(client, ON_WHATSAPP, "in time")) == ("delivered", None)
    clock.advance(1)
    sent = send(client, ON_WHATSAPP, "late")
    assert sent.status == "queued"
    assert outcome(twilio, client, sent) == ("undelivered", 63016)
    assert amy.sees == ["Hello", "in time"]
    assert amy.last.whatsapp


def test_an_sms_opens_no_window(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    amy.texts("hi")
    assert outcome(twilio, client, send(client, ON_WHATSAPP)) == ("undelivered", 63016)


def test_an_approved_template_comes_at_any_time(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    approved = twilio.content(TEXT, variables=SAMPLES, approved=True)
    sent = send(client, ON_WHATSAPP, None, content_sid=approved.sid, content_variables='{"1": "Ms Lee"}')
    assert sent.body == "Hi Ms Lee, see you Tuesday at ours."
    assert outcome(twilio, client, sent) == ("delivered", None)
    assert (amy.sees, amy.last.template) == ([sent.body], True)


def test_a_template_that_is_not_approved_needs_the_window(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    draft = twilio.content(TEXT, variables=SAMPLES)
    assert outcome(twilio, client, send(client, ON_WHATSAPP, None, content_sid=draft.sid)) == ("undelivered", 63016)
    amy.texts_on_whatsapp("hi")
    assert outcome(twilio, client, send(client, ON_WHATSAPP, None, content_sid=draft.sid)) == ("delivered", None)


def test_by_sms_a_template_is_its_text(twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person) -> None:
    both = twilio.content({**TEXT, **quick_reply("Yes")}, variables=SAMPLES)
    assert outcome(twilio, client, send(client, body=None, content_sid=both.sid)) == ("delivered", None)
    assert amy.sees == ["Hi Amy, see you Tuesday at ours."]
    buttons = twilio.content(quick_reply("Yes"))
    sent = send(client, BEN, None, content_sid=buttons.sid)
    clock.advance(1)
    assert outcome(twilio, client, sent) == ("failed", 63005)


@pytest.mark.parametrize("variables", ["no json", "[]", '{"1": ""}', '{"1": 3}', '{"1": null}'])
def test_variables_are_a_json_object_of_strings(twilio: FakeTwilio, client: Client, variables: str) -> None:
    content = twilio.content(TEXT, variables=SAMPLES, approved=True)
    told = refused(client, ON_WHATSAPP, None, content_sid=content.sid, content_variables=variables)
    assert told == (400, 21656)


def test_a_body_beside_a_template_is_noted(twilio: FakeTwilio, client: Client) -> None:
    content = twilio.content(TEXT, variables=SAMPLES, approved=True)
    send(client, ON_WHATSAPP, "lost", content_sid=content.sid)
    assert twilio.violations == [f"a Body beside {content.sid} is not sent"]


def test_buttons_are_shown_and_tapped(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    amy.texts_on_whatsapp("hi")
    content = twilio.content(quick_reply("Yes", "{{1}}", "Other day"))
    sent = send(client, ON_WHATSAPP, None, content_sid=content.sid, content_variables='{"1": "No"}')
    twilio.settle()
    assert amy.sees == ["Tuesday at 9:00? [Yes] [No] [Other day]"]
    told = amy.taps("Yes")
    assert (told["ButtonText"], told["ButtonPayload"], told["Body"]) == ("Yes", "yes", "Yes")
    assert (told["OriginalRepliedMessageSid"], told["MessageType"]) == (sent.sid, "interactive")
    with pytest.raises(LookupError):
        amy.taps("Maybe")
    with pytest.raises(LookupError):
        amy.picks("Yes")


def test_a_list_is_shown_and_picked_from_within_the_window_only(
    twilio: FakeTwilio, client: Client, amy: Person
) -> None:
    content = twilio.content(list_picker("Tue 9:00", "Tue 9:30"))
    assert outcome(twilio, client, send(client, ON_WHATSAPP, None, content_sid=content.sid)) == ("undelivered", 63016)
    amy.texts_on_whatsapp("hi")
    send(client, ON_WHATSAPP, None, content_sid=content.sid)
    twilio.settle()
    assert (amy.sees, amy.last.opens) == (["When? [Tue 9:00] [Tue 9:30]"], "Times")
    assert amy.last.descriptions == ("Dr Lee", "Dr Lee")
    told = amy.picks((amy.last, "Tue 9:30"))
    assert (told["ListId"], told["ListTitle"], told["Body"]) == ("slot-1", "Tue 9:30", "Tue 9:30")


def test_a_button_of_an_approved_template_is_of_another_type(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    content = twilio.content(quick_reply("Confirm", "Change", "Cancel visit", "Call me"), approved=True)
    send(client, ON_WHATSAPP, None, content_sid=content.sid)
    twilio.settle()
    assert amy.taps("Call me")["MessageType"] == "button"


@pytest.mark.parametrize(
    ("types", "variables"),
    [
        (quick_reply("1", "2", "3", "4"), {}),
        (quick_reply("{{1}}"), {"1": "x" * 21}),
        (quick_reply("{{1}}", "No"), {"1": "No"}),
        (quick_reply("Yes", body="{{1}}!"), {"1": "x" * 1024}),
        (list_picker("{{1}}"), {"1": "x" * 25}),
        (list_picker("9:00", description="{{1}}"), {"1": "x" * 73}),
    ],
    ids=["four buttons", "a long title", "a title twice", "a long body", "a long item", "a long description"],
)
def test_what_becomes_too_much_when_filled_in_is_refused_by_meta(
    twilio: FakeTwilio, client: Client, amy: Person, types: dict[str, Any], variables: dict[str, str]
) -> None:
    amy.texts_on_whatsapp("hi")
    content = twilio.content(types)
    sent = send(client, ON_WHATSAPP, None, content_sid=content.sid, content_variables=json.dumps(variables))
    assert outcome(twilio, client, sent) == ("undelivered", 63021)


@pytest.mark.parametrize(
    ("happens", "code", "status"),
    [
        (Person.blocks, 63014, "undelivered"),
        (Person.leaves_whatsapp, 63024, "undelivered"),
        (lambda amy: amy.cannot_get(63018), 63018, "failed"),
    ],
    ids=["blocked", "not there", "too many"],
)
def test_whatsapp_refuses_later(
    twilio: FakeTwilio, client: Client, amy: Person, happens: Callable[[Person], None], code: int, status: str
) -> None:
    amy.texts_on_whatsapp("hi")
    happens(amy)
    assert outcome(twilio, client, send(client, ON_WHATSAPP)) == (status, code)


def test_one_person_may_be_written_to_every_six_seconds(
    twilio: FakeTwilio, clock: ManualClock, client: Client, amy: Person
) -> None:
    twilio.world.pair_seconds = 6
    amy.texts_on_whatsapp("hi")
    assert outcome(twilio, client, send(client, ON_WHATSAPP)) == ("delivered", None)
    clock.advance(5)
    assert outcome(twilio, client, send(client, ON_WHATSAPP)) == ("failed", 63018)
    clock.advance(1)
    assert outcome(twilio, client, send(client, ON_WHATSAPP)) == ("delivered", None)


def test_whatsapp_waits_for_a_handset_and_tells_when_it_was_read(
    twilio: FakeTwilio, client: Client, amy: Person
) -> None:
    amy.texts_on_whatsapp("hi")
    amy.handset_off()
    sent = send(client, ON_WHATSAPP)
    assert outcome(twilio, client, sent) == ("sent", None)
    amy.reads()
    amy.handset_on()
    assert outcome(twilio, client, sent) == ("delivered", None)
    amy.reads()
    assert outcome(twilio, client, sent) == ("read", None)


@pytest.mark.parametrize(
    ("number", "spelling"),
    [
        ("+541123456789", "+5491123456789"),
        ("+525512345678", "+5215512345678"),
        ("+5511987654321", "+551187654321"),
    ],
    ids=["Argentina", "Mexico", "Brazil"],
)
def test_a_number_can_be_spelled_in_two_ways(
    twilio: FakeTwilio, clock: ManualClock, client: Client, number: str, spelling: str
) -> None:
    ana = twilio.person(number, "Ana")
    ana.is_spelled(spelling, only_wa_id=True)
    told = ana.texts_on_whatsapp("hola")
    assert (told["WaId"], told["From"]) == (spelling[1:], f"whatsapp:{number}")
    ana.is_spelled(spelling)
    assert ana.texts_on_whatsapp("hola")["From"] == f"whatsapp:{spelling}"
    for to in (number, spelling):
        assert outcome(twilio, client, send(client, f"whatsapp:{to}")) == ("delivered", None)
        clock.advance(1)
    assert len(ana.messages) == 2
    with pytest.raises(ValueError, match="somebody else"):
        ana.is_spelled("+12075550199")


# Numbers, services, templates, look-ups.


def test_a_number_is_found_and_told_its_webhook(twilio: FakeTwilio, client: Client) -> None:
    (number,) = client.incoming_phone_numbers.list(phone_number=OURS)
    assert (number.phone_number, number.sms_url, number.capabilities["sms"]) == (OURS, "", True)
    changed = number.update(sms_url="https://x.example/sms", sms_method="POST", sms_fallback_url="https://y.example/")
    assert (changed.sms_url, changed.sms_fallback_url) == ("https://x.example/sms", "https://y.example/")
    assert client.incoming_phone_numbers(number.sid).fetch().sms_url == "https://x.example/sms"
    assert client.incoming_phone_numbers.list(phone_number="+44") == []
    for wrong in ({"sms_url": "x.example"}, {"sms_method": "PUT"}):
        with pytest.raises(TwilioRestException):
            number.update(**wrong)
    with pytest.raises(TwilioRestException) as told:
        client.incoming_phone_numbers("PN1").fetch()
    assert told.value.status == 404


def test_a_whatsapp_sender_is_told_its_webhook(twilio: FakeTwilio, client: Client) -> None:
    senders = client.messaging.v2.channels_senders
    (listed,) = senders.list(channel="whatsapp")
    assert (listed.sender_id, listed.status, listed.webhook["callback_url"]) == (f"whatsapp:{OURS}", "ONLINE", "")
    webhook = {"callback_url": "https://x.example/in", "status_callback_url": "https://x.example/s"}
    changed = senders(listed.sid).update(_webhook(webhook))
    assert (changed.webhook["callback_url"], changed.webhook["callback_method"]) == ("https://x.example/in", "POST")
    assert senders(listed.sid).fetch().webhook["status_callback_url"] == "https://x.example/s"
    with pytest.raises(TwilioRestException):
        senders(listed.sid).update(_webhook({"callback_url": "x.example"}))
    with pytest.raises(TwilioRestException):
        senders("XE1").fetch()


def _webhook(webhook: dict[str, str]) -> Any:
    return ChannelsSenderList.MessagingV2ChannelsSenderRequestsUpdate({"webhook": webhook})


def test_a_service_is_made_changed_and_given_numbers(twilio: FakeTwilio, client: Client) -> None:
    services = client.messaging.v1.services
    made = services.create(friendly_name="Clinic", inbound_request_url="https://x.example/in", smart_encoding=False)
    assert (made.friendly_name, made.smart_encoding, made.validity_period) == ("Clinic", False, 36000)
    changed = services(made.sid).update(status_callback="https://x.example/s", validity_period=600, fallback_url="")
    assert (changed.status_callback, changed.validity_period) == ("https://x.example/s", 600)
    fetched = services(made.sid).fetch()
    assert (fetched.inbound_request_url, fetched.use_inbound_webhook_on_number) == ("https://x.example/in", False)
    number = twilio.number()
    added = services(made.sid).phone_numbers.create(phone_number_sid=number.sid)
    assert (added.phone_number, added.country_code, added.capabilities) == (OURS, "US", ["SMS", "MMS"])
    with pytest.raises(TwilioRestException) as told:
        services(made.sid).phone_numbers.create(phone_number_sid=number.sid)
    assert (told.value.status, told.value.code) == (409, 21710)
    assert [each.sid for each in services(made.sid).phone_numbers.list()] == [number.sid]
    assert services(made.sid).phone_numbers(number.sid).delete() is True
    assert services(made.sid).phone_numbers.list() == []
    for wrong in ({"validity_period": 0}, {"inbound_request_url": "x.example"}):
        with pytest.raises(TwilioRestException):
            services(made.sid).update(**wrong)


def test_newer_lists_have_pages_too(twilio: FakeTwilio, client: Client) -> None:
    sids = [twilio.service(name=f"{n}").sid for n in range(5)]
    assert [service.sid for service in client.messaging.v1.services.list(page_size=2)] == sids
    assert len(twilio.calls("services.list")) == 3


def request_of(types: dict[str, Any], **more: Any) -> Any:
    given = {"friendly_name": "visit", "language": "en", "variables": {}, "types": types, **more}
    return ContentList.ContentCreateRequest(given)


def test_a_template_is_made_submitted_and_approved(twilio: FakeTwilio, clock: ManualClock, client: Client) -> None:
    twilio.world.approval_takes = 60
    contents = client.content.v1.contents
    made = contents.create(request_of(TEXT, variables=SAMPLES, language="es"))
    assert (made.language, made.types, made.variables, made.friendly_name) == ("es", TEXT, SAMPLES, "visit")
    assert made.date_created == START
    asked = contents(made.sid).approval_create.create(_approval("visit_1"))
    assert (asked.status, asked.name, asked.content_type) == ("received", "visit_1", "twilio/text")
    assert _status(client, made.sid) == "received"
    clock.advance(60)
    assert _status(client, made.sid) == "approved"
    (listed,) = client.content.v1.content_and_approvals.list()
    assert (listed.sid, listed.approval_requests["status"]) == (made.sid, "approved")
    assert [each.sid for each in contents.list()] == [contents(made.sid).fetch().sid]
    assert contents(made.sid).delete() is True
    assert contents.list() == []


def _approval(name: str = "visit", category: str = "UTILITY") -> Any:
    return ApprovalCreateInstance.ContentApprovalRequest({"name": name, "category": category})


def _status(client: Client, sid: str) -> Any:
    return client.content.v1.contents(sid).approval_fetch().fetch().whatsapp["status"]


@pytest.mark.parametrize(
    "body", ["{{1}}, hello", "hello {{1}}", "see {{1}}{{2}} there", "see {{1}} {{2}} there", "see {{9}} there"]
)
def test_meta_rejects_some_templates(twilio: FakeTwilio, client: Client, body: str) -> None:
    made = client.content.v1.contents.create(request_of({"twilio/text": {"body": body}}, variables=SAMPLES))
    client.content.v1.contents(made.sid).approval_create.create(_approval())
    whatsapp = client.content.v1.contents(made.sid).approval_fetch().fetch().whatsapp
    assert (whatsapp["status"], bool(whatsapp["rejection_reason"])) == ("rejected", True)
    assert outcome(twilio, client, send(client, ON_WHATSAPP, None, content_sid=made.sid)) == ("undelivered", 63016)


def test_some_templates_cannot_be_submitted(client: Client, twilio: FakeTwilio) -> None:
    picker, text = twilio.content(list_picker("9:00")), twilio.content(TEXT)
    for content, asked in ((picker, _approval()), (text, _approval("No!")), (text, _approval(category="NEWS"))):
        with pytest.raises(TwilioRestException) as told:
            client.content.v1.contents(content.sid).approval_create.create(asked)
        assert told.value.status == 400


NO_TEMPLATES: list[dict[str, Any]] = [
    {},
    {"twilio/unknown": {"body": "x"}},
    {"twilio/text": {"body": ""}},
    quick_reply(),
    quick_reply(*"abcdefghijk"),
    quick_reply("x" * 21),
    quick_reply("Yes", "Yes"),
    quick_reply(""),
    {"twilio/quick-reply": {"body": "x", "actions": [{"title": "x", "id": "x" * 257}]}},
    list_picker(),
    list_picker(*"abcdefghijk"),
    list_picker("x" * 25),
    list_picker("x", description="x" * 73),
    {"twilio/list-picker": {"body": "x", "button": "y", "items": [{"item": "x", "id": "x" * 201}]}},
    {"twilio/list-picker": {"body": "x", "button": "", "items": [{"item": "x", "id": "x"}]}},
]


def test_what_can_be_no_template_is_refused(twilio: FakeTwilio, client: Client) -> None:
    for types in NO_TEMPLATES:
        with pytest.raises(TwilioRestException) as told:
            client.content.v1.contents.create(request_of(types))
        assert told.value.status == 400, types
    for types in (quick_reply(*"abcdefghij"), quick_reply("x" * 20), list_picker(*"abcdefghij"), list_picker("x" * 24)):
        client.content.v1.contents.create(request_of(types))


@pytest.mark.parametrize("line", ["mobile", "landline", "nonFixedVoip", "premium"])
def test_a_number_is_looked_up(twilio: FakeTwilio, client: Client, line: str) -> None:
    assert twilio.person(AMY, line=line).is_landline is (line == "landline")
    found = client.lookups.v2.phone_numbers(AMY).fetch(fields="line_type_intelligence")
    assert (found.valid, found.country_code, found.line_type_intelligence["type"]) == (True, "US", line)
    plain = client.lookups.v2.phone_numbers("(207) 555-0101").fetch(country_code="US")
    assert (plain.phone_number, plain.national_format, plain.line_type_intelligence) == (AMY, "(207) 555-0101", None)


def test_what_is_no_number_is_said_to_be_none(client: Client) -> None:
    assert client.lookups.v2.phone_numbers("+1555").fetch().valid is False
    with pytest.raises(TwilioRestException) as told:
        client.lookups.v2.phone_numbers("nobody").fetch()
    assert told.value.status == 404


# What goes wrong by order.


def test_a_server_that_fails_does_nothing(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    orders = [faults.server_error(), faults.server_error(503), faults.busy(), faults.bad_gateway()]
    twilio.will("create", *orders, faults.answers(400, 21612), None)
    codes = [refused(client) for _ in range(5)]
    assert codes == [(500, 20500), (503, 20503), (429, 20429), (502, 502), (400, 21612)]
    send(client, body="at last")
    twilio.settle()
    assert amy.sees == ["at last"]
    assert [call.status for call in twilio.calls("create")] == [500, 503, 429, 502, 400, 201]


def test_faults_can_be_for_one_person(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    twilio.will("create", faults.busy(), to=amy)
    send(client, BEN)
    assert refused(client, f"whatsapp:{AMY}") == (429, 20429)
    assert [call.to for call in twilio.calls("create", to=amy)] == [AMY]
    with pytest.raises(ValueError, match="no method"):
        twilio.will("sendMessage", faults.busy())


def test_an_answer_can_be_lost_though_the_message_was_taken(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    twilio.will("create", faults.cut(), faults.refuse(), faults.server_error(happens=True))
    for body in ("taken", "never seen"):
        with pytest.raises(NoConnection):
            send(client, body=body)
    assert refused(client, body="taken too") == (500, 20500)
    assert {message.body for message in client.messages.list(to=AMY)} == {"taken", "taken too"}
    assert [(call.fault, call.happened, call.ok, call.status) for call in twilio.calls("create")] == [
        ("cut", True, True, 0),
        ("refuse", False, False, 0),
        ("server error 500", True, True, 500),
    ]


def test_a_server_can_hang_until_it_is_released(twilio: FakeTwilio, amy: Person) -> None:
    twilio.will("create", faults.hang(), faults.hang())
    with pytest.raises(Timeout):
        send(connect(twilio, timeout=0.1), body="one")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, connect(twilio), AMY, "two")
        twilio.wait_until(lambda: len(twilio.calls("create")) == 2)
        assert not waiting.done()
        twilio.release()
        assert waiting.result(5).body == "two"


def test_a_server_can_be_slow(twilio: FakeTwilio, clock: ManualClock, client: Client) -> None:
    twilio.will("create", faults.slow(5))
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, client)
        twilio.wait_until(lambda: twilio.calls("create"))
        clock.advance(4)
        assert not waiting.done()
        clock.advance(1)
        assert waiting.result(5).status == "queued"


def test_an_answer_can_be_garbled(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    twilio.will("create", faults.garbage())
    with pytest.raises(ValueError, match="Unterminated"):
        send(client)
    twilio.settle()
    assert amy.sees == ["Hello"]


def test_a_server_can_be_unreachable(twilio: FakeTwilio, client: Client) -> None:
    send(client)
    with twilio.unreachable(), pytest.raises(NoConnection):
        send(client)
    send(client)


def test_too_many_calls_at_once_are_told_to_come_later(twilio: FakeTwilio, client: Client) -> None:
    twilio.takes_at_once(1)
    twilio.will("create", faults.hang())
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(send, connect(twilio))
        twilio.wait_until(lambda: twilio.calls("create"))
        assert refused(client) == (429, 20429)
        twilio.release()
        assert waiting.result(5).status == "queued"


def test_the_ledger_survives_as_lines(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with FakeTwilio(ledger=path) as twilio:
        twilio.number(OURS)
        send(connect(twilio), media_url=["https://x.example/a", "https://x.example/b"])
    line = json.loads(path.read_text())
    assert (line["method"], line["to"], line["status"]) == ("create", AMY, 201)
    assert line["parameters"]["MediaUrl"] == ["https://x.example/a", "https://x.example/b"]
    assert line["answer"]["num_media"] == "2"


def test_what_does_not_happen_is_named(client: Client, amy: Person) -> None:
    send(client, body="Sure?")
    amy.waits_for("Sure")
    with pytest.raises(TimeoutError, match=r"'Done'; shown are \['Sure\?'\]"):
        amy.waits_for("Done", seconds=0.01)
    assert amy.waits_for(lambda person: len(person.messages) == 1, seconds=0.01).text == "Sure?"


# What the library reads and sends, by its source.


def _read_by(instance: type) -> set[str]:
    return set(re.findall(r'payload\.get\(\s*"(\w+)"', inspect.getsource(vars(instance)["__init__"])))


def _sent_by(method: Callable[..., Any]) -> set[str]:
    return set(re.findall(r'^ +"([A-Z]\w+[<>]?)":', inspect.getsource(method), re.MULTILINE))


LEFT_OUT = {
    IncomingPhoneNumberInstance: {
        *("address_sid", "address_requirements", "identity_sid", "origin", "trunk_sid", "voice_application_sid"),
        *("voice_caller_id_lookup", "voice_fallback_method", "voice_fallback_url", "voice_receive_mode"),
        *("emergency_status", "emergency_address_sid", "emergency_address_status", "bundle_sid", "type"),
    },
    ChannelsSenderInstance: {
        *("pending_display_name", "pending_display_name_status", "pending_display_name_status_date"),
        "display_name_status",
    },
    AccountInstance: {"subresource_uris", "uri"},
    ApprovalCreateInstance: {"send_ttl_seconds", "bid_amount"},
    PhoneNumberInstance: {
        *("caller_name", "sim_swap", "call_forwarding", "line_status", "identity_match", "reassigned_number"),
        *("sms_pumping_risk", "phone_number_quality_score", "pre_fill"),
    },
}


def test_answers_have_what_the_library_reads(twilio: FakeTwilio, client: Client, amy: Person) -> None:
    service, number = twilio.service(twilio.number()), twilio.number()
    sid = amy.sends_media(b"x")["MessageSid"]
    content = twilio.content(TEXT, variables=SAMPLES)
    calls: list[tuple[type, Callable[[], object]]] = [
        (MessageInstance, client.messages(sid).fetch),
        (MediaInstance, client.messages(sid).media(client.messages(sid).media.list()[0].sid).fetch),
        (AccountInstance, client.api.accounts(twilio.account).fetch),
        (IncomingPhoneNumberInstance, client.incoming_phone_numbers(number.sid).fetch),
        (ChannelsSenderInstance, client.messaging.v2.channels_senders(twilio.whatsapp().sid).fetch),
        (ServiceInstance, client.messaging.v1.services(service.sid).fetch),
        (ContentInstance, client.content.v1.contents(content.sid).fetch),
        (ApprovalFetchInstance, client.content.v1.contents(content.sid).approval_fetch().fetch),
        (PhoneNumberInstance, client.lookups.v2.phone_numbers(AMY).fetch),
        (ApprovalCreateInstance, lambda: client.content.v1.contents(content.sid).approval_create.create(_approval())),
    ]
    for instance, call in calls:
        call()
        answer = twilio.ledger[-1].answer
        assert _read_by(instance) - LEFT_OUT.get(instance, set()) == set(answer), instance
    client.messaging.v1.services(service.sid).phone_numbers.list()
    assert _read_by(ServiceNumberInstance) == set(twilio.ledger[-1].answer["phone_numbers"][0])
    assert (twilio.errors, twilio.violations) == ([], [])


def test_parameters_are_those_that_the_library_sends() -> None:
    assert _sent_by(MessageList._create) == routes.MESSAGE_PARAMETERS
    assert _sent_by(MessageList.page) == routes.BY_NAME["list"].parameters
    assert routes.BY_NAME["numbers.update"].parameters <= _sent_by(IncomingPhoneNumberContext._update)
    assert routes.BY_NAME["services.update"].parameters == _sent_by(ServiceContext._update)


def test_parameters_that_it_would_not_send_are_noted(twilio: FakeTwilio) -> None:
    url = f"{twilio.url}/2010-04-01/Accounts/{twilio.account}/Messages.json"
    said = {"To": AMY, "From": OURS, "Body": "Hi", "body": "Hi"}
    answer = requests.post(url, data=said, auth=(twilio.account, twilio.token), timeout=5)
    assert answer.status_code == 201
    assert twilio.errors == ["create has no parameters ['body']"]
    assert requests.get(f"{twilio.url}/v1/Nothing", auth=(twilio.account, twilio.token), timeout=5).status_code == 404
    assert twilio.errors[1:] == ["GET /v1/Nothing is not known here"]


def test_with_the_real_clock_things_happen_by_themselves() -> None:
    with FakeTwilio() as twilio:
        twilio.number(OURS, rate=20)
        amy = twilio.person(AMY)
        for n in range(3):
            send(connect(twilio), body=f"{n}")
        amy.waits_for(3, seconds=5)
        assert amy.messages[2].at - amy.messages[0].at >= 0.09
        assert abs(time.time() - amy.last.at) < 5
    assert isinstance(twilio.world.messages[amy.last.sid], Message)
