"""What `frontdesk twilio` sets, and what it says, to somebody who has never read Twilio's pages; what Meta is to approve."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
import requests

from bot import texts
from bot.messages import NoticeKind
from channels.twilio import addresses, templates
from channels.twilio.kinds import kind_of
from core.config import Settings
from core.scheduling.directory import Directory, Location, Organization
from frontdesk import cli, twilio, whatsapp
from frontdesk.errors import CannotRun
from tests.fakes.twilio import FakeTwilio, ManualClock, Sender, faults
from tests.fakes.twilio.faults import Fault

NUMBER, TOLL_FREE = "+12065550100", "+18005550100"
PUBLIC = "https://chat.example.org"
CLINIC = Directory(
    locations=(Location(1, "Old Port", "12 Commercial Street", ZoneInfo("America/New_York"), "911"),),
    organization=Organization("Main Street Clinic", "Main Street", phone="(207) 555-0100"),
)
CHANGES = {"numbers.update", "services.update", "senders.update"}
MENDS = "`frontdesk twilio connect` sets that right"


@pytest.fixture
def api() -> Iterator[FakeTwilio]:
    with FakeTwilio(ManualClock()) as api:
        yield api
    assert (api.errors, api.violations) == ([], [])


@pytest.fixture
def number(api: FakeTwilio) -> Sender:
    """Our number, as Twilio knows it."""
    return api.number(NUMBER)


@pytest.fixture
def settings(api: FakeTwilio) -> Settings:
    return Settings(
        public_url=PUBLIC,
        twilio_account_sid=api.account,
        twilio_auth_token=api.token,
        twilio_number=(NUMBER,),
        twilio_api_url=api.url,
    )


def here(api: FakeTwilio, what: str) -> str:
    return f"{PUBLIC}/webhooks/twilio/{api.account}/{what}"


def wanted(api: FakeTwilio, what: str) -> str:
    """With the rules for tries, as Twilio's page on connection overrides has them."""
    return f"{here(api, what)}#rc=3&rp=ct,rt,5xx&rt=4000"


def said(api: FakeTwilio, capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert err == ""
    assert api.token not in out
    return out


def changes(api: FakeTwilio) -> list[str]:
    return [call.method for call in api.ledger if "update" in call.method or call.method in CHANGES]


# Numbers without a service.


def test_connect_sets_where_messages_of_a_number_come_and_says_so(
    api: FakeTwilio, number: Sender, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert twilio.connect(settings, CLINIC) == 0
    ours = wanted(api, "messages")
    assert (number.settings["sms_url"], number.settings["sms_fallback_url"]) == (ours, ours)
    assert said(api, capsys).splitlines() == [
        f"Account Clinic ({api.account})",
        "  It is active, and not on trial.",
        f"Number {NUMBER}, a long code: 1 segment a second, unless Twilio has granted more",
        f"  Messages went nowhere; from now on they come to {here(api, 'messages')}.",
        f"  Messages that failed 4 times went nowhere; from now on they come to {here(api, 'messages')}.",
        "  CANCEL counts as STOP; only a messaging service with Advanced Opt-Out could change that.",
        "STOP, START and HELP",
        "  Twilio answers them by itself, so the bot stays silent. Its answer to HELP does not name the clinic.",
        "  To change that: in Twilio's console make a messaging service (Messaging, Services), add the numbers to its Sender Pool, and set TWILIO_MESSAGING_SERVICE_SID. Then:",
        "  In Twilio's console open Messaging, Services, the service, Opt-Out Management; turn Advanced Opt-Out on, and let it answer HELP with this:",
        "    Main Street Clinic: for help call (207) 555-0100. To get no more messages, reply STOP.",
    ]


def test_where_calls_of_a_number_are_told_is_left_alone(api: FakeTwilio, number: Sender, settings: Settings) -> None:
    number.settings |= {"status_callback": "https://phone.example.org/calls", "voice_url": "https://phone.example.org"}
    twilio.connect(settings, CLINIC)
    (call,) = api.calls("numbers.update")
    assert set(call.parameters) - {"account", "sid"} == {"SmsUrl", "SmsFallbackUrl"}


def test_connecting_again_changes_nothing(
    api: FakeTwilio, number: Sender, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    twilio.connect(settings, CLINIC)
    said(api, capsys)
    assert twilio.connect(settings, CLINIC) == 0
    assert changes(api) == ["numbers.update"]
    assert f"  Messages come to {here(api, 'messages')}." in said(api, capsys).splitlines()


def test_only_what_differs_is_changed(
    api: FakeTwilio, number: Sender, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    twilio.connect(settings, CLINIC)
    number.settings |= {"sms_fallback_url": here(api, "messages"), "sms_method": "GET", "sms_application_sid": "AP1"}
    said(api, capsys)
    twilio.connect(settings, CLINIC)
    assert set(api.calls("numbers.update")[-1].parameters) == {
        "account", "sid", "SmsFallbackUrl", "SmsMethod", "SmsApplicationSid",
    }  # fmt: skip
    assert [number.settings[name] for name in ("sms_method", "sms_application_sid")] == ["POST", ""]
    assert said(api, capsys).splitlines()[3:7] == [
        f"  Messages come to {here(api, 'messages')}.",
        f"  Messages that failed 4 times come to {here(api, 'messages')}, but with other rules for tries; now they are ours.",
        "  Twilio does not bring messages by POST: that is set right.",
        "  An app of Twilio's (TwiML App) has the messages of this number: that is set right.",
    ]


def test_status_says_what_is_not_ours_and_changes_nothing(
    api: FakeTwilio, number: Sender, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    number.settings |= {"sms_url": "https://old.example.org/sms", "sms_fallback_method": "GET"}
    assert twilio.status(settings, CLINIC) == 0
    assert changes(api) == []
    assert said(api, capsys).splitlines()[3:6] == [
        f"  Messages go to https://old.example.org/sms, which is not here: {MENDS}.",
        f"  Messages that failed 4 times go nowhere: {MENDS}.",
        f"  Twilio does not bring what failed by POST: {MENDS}.",
    ]


def test_what_cannot_be_delivered_is_tried_four_times_and_then_as_often_at_the_fallback(
    api: FakeTwilio, number: Sender, settings: Settings
) -> None:
    nobody_there = replace(settings, public_url="http://127.0.0.1:9")
    twilio.connect(nobody_there, CLINIC)
    api.person("+12075550101").texts("hi")
    api.settle()
    assert [delivery.fallback for delivery in api.deliveries] == [False] * 4 + [True] * 4
    assert {delivery.url for delivery in api.deliveries} == {
        f"http://127.0.0.1:9/webhooks/twilio/{api.account}/messages"
    }


def test_a_number_that_is_not_ours_fails_alone(
    api: FakeTwilio, number: Sender, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    both = replace(settings, twilio_number=("+12065550199", NUMBER))
    assert twilio.connect(both, CLINIC) == 1
    out = said(api, capsys).splitlines()
    assert out[2].startswith("+12065550199 is not a number of this account: look under Phone Numbers")
    assert out[3].startswith(f"Number {NUMBER}")
    assert number.settings["sms_url"] == wanted(api, "messages")


KINDS = [
    (NUMBER, "long code", 1),
    ("+442071838750", "long code", 1),
    (TOLL_FREE, "toll-free number", 3),
    ("24365", "short code", 100),
]


@pytest.mark.parametrize(("number", "kind", "pace"), KINDS)
def test_what_kind_of_sender_a_number_is_shows(number: str, kind: str, pace: int) -> None:
    assert kind_of(number) == (kind, pace)


def test_of_toll_free_numbers_stop_is_the_networks(
    api: FakeTwilio, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    api.number(TOLL_FREE)
    twilio.status(replace(settings, twilio_number=(TOLL_FREE,)), CLINIC)
    out = said(api, capsys)
    assert f"Number {TOLL_FREE}, a toll-free number: 3 segments a second" in out
    assert "STOP and UNSTOP are the telephone network's, and its answers cannot be changed" in out
    assert "CANCEL counts as STOP too" in out


# A messaging service.


@pytest.fixture
def in_service(api: FakeTwilio, number: Sender, settings: Settings) -> Settings:
    """The number is in a service, which is named."""
    return replace(settings, twilio_messaging_service_sid=api.service(number, name="Front desk").sid)


def test_connect_sets_the_service_in_place_of_its_numbers(
    api: FakeTwilio, number: Sender, in_service: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert twilio.connect(in_service, CLINIC) == 0
    (service,) = api.world.services.values()
    names = "inbound_request_url", "fallback_url", "status_callback"
    assert [service.settings[name] for name in names] == [
        wanted(api, what) for what in ("messages", "messages", "status")
    ]
    assert changes(api) == ["services.update"]
    assert number.settings["sms_url"] == ""
    out = said(api, capsys)
    assert f"Messaging service Front desk ({service.sid})" in out
    assert f"  Receipts went nowhere; from now on they come to {here(api, 'status')}." in out
    assert "  It is in the messaging service." in out
    assert "  CANCEL counts as STOP, unless Advanced Opt-Out is on for the service" in out
    assert "make a messaging service" not in out
    assert twilio.connect(in_service, CLINIC) == 0
    assert changes(api) == ["services.update"]


def test_a_service_that_leaves_messages_to_its_numbers_is_said_and_the_numbers_are_set_too(
    api: FakeTwilio, number: Sender, in_service: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    (service,) = api.world.services.values()
    service.settings |= {"use_inbound_webhook_on_number": True, "us_app_to_person_registered": False}
    twilio.connect(in_service, CLINIC)
    assert changes(api) == ["services.update", "numbers.update"]
    out = said(api, capsys)
    assert "It leaves messages to the webhook of each number" in out
    assert "It is not registered for texts in the United States (A2P 10DLC)" in out


def test_a_number_outside_of_the_service_is_said_and_set_by_itself(
    api: FakeTwilio, number: Sender, in_service: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    api.number("+12065550177")
    twilio.connect(replace(in_service, twilio_number=("+12065550177",)), CLINIC)
    assert "  It is not in the messaging service: add it in Twilio's console" in said(api, capsys)
    assert api.number("+12065550177").settings["sms_url"] == wanted(api, "messages")


def test_a_service_that_is_not_there_is_said_once(
    api: FakeTwilio, number: Sender, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert twilio.connect(replace(settings, twilio_messaging_service_sid="MG" + "0" * 32), CLINIC) == 1
    assert said(api, capsys).count(f"This account has no messaging service MG{'0' * 32}: look it up") == 1
    assert changes(api) == []


# The account, and what goes wrong.


def account_is(api: FakeTwilio, **told: str) -> None:
    whole = {"sid": api.account, "friendly_name": "Clinic", "status": "active", "type": "Full", **told}
    api.will("account.fetch", Fault("as it is", body=json.dumps(whole)))


def test_an_account_on_trial_is_told(
    api: FakeTwilio, number: Sender, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    account_is(api, type="Trial")
    assert twilio.status(settings, CLINIC) == 0
    assert "It is on trial: it writes only to numbers that were verified" in said(api, capsys)


def test_an_account_that_is_suspended_is_all_there_is_to_say(
    api: FakeTwilio, number: Sender, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    account_is(api, status="suspended")
    assert twilio.connect(settings, CLINIC) == 1
    assert said(api, capsys).splitlines()[1:] == [
        "  Twilio has it as suspended: nothing is sent or brought. Its console says why."
    ]
    assert changes(api) == []


TROUBLES = [
    (faults.answers(401, 20003, "Authenticate"), "Twilio does not know the account AC0123456789abcdef"),
    (faults.busy(), "Twilio is asked too much at once: please try again in a minute."),
    (faults.server_error(503), "Twilio has trouble of its own (503): please try again in a minute."),
    (faults.bad_gateway(), "Twilio has trouble of its own (502): please try again in a minute."),
    (faults.garbage(), "Twilio's answer cannot be read."),
    (faults.refuse(), "Twilio does not answer at http://127.0.0.1:"),
    (
        faults.answers(403, 20008, f"Resource not accessible with {'fedcba9876543210' * 2}\nor so."),
        "Twilio said: 20008, Resource not accessible with ….",
    ),
]


@pytest.mark.parametrize(("fault", "sentence"), TROUBLES, ids=[fault.name for fault, _ in TROUBLES])
def test_what_goes_wrong_is_one_sentence_without_the_token(
    api: FakeTwilio,
    number: Sender,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
    fault: Fault,
    sentence: str,
) -> None:
    api.will("account.fetch", fault)
    assert twilio.connect(settings, CLINIC) == 1
    (line,) = said(api, capsys).splitlines()
    assert line.startswith(sentence)
    assert changes(api) == []


def test_a_change_that_twilio_refuses_is_not_told_as_made(
    api: FakeTwilio, number: Sender, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    api.will("numbers.update", faults.answers(400, 21402, "SmsUrl is not a valid URL"))
    assert twilio.connect(settings, CLINIC) == 1
    out = said(api, capsys)
    assert "Twilio said: 21402, SmsUrl is not a valid URL." in out
    assert "from now on" not in out


def test_a_demo_clinic_says_that_it_is_silent(
    api: FakeTwilio, number: Sender, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    demo = replace(CLINIC, organization=replace(CLINIC.organization, is_demo=True, phone=None))
    twilio.connect(settings, demo)
    out = said(api, capsys)
    assert "by SMS and WhatsApp it stays silent without --demo" in out
    assert "Main Street Clinic: please ask at the front desk for help." in out
    twilio.connect(replace(settings, demo=True), demo)
    assert "silent without" not in said(api, capsys)


# WhatsApp.


@pytest.fixture
def on_whatsapp(settings: Settings) -> Settings:
    return replace(settings, twilio_number=(), twilio_whatsapp_number=(NUMBER,))


def test_connect_sets_a_whatsapp_sender_and_says_what_only_the_console_does(
    api: FakeTwilio, on_whatsapp: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    sender = api.whatsapp(NUMBER)
    assert twilio.connect(on_whatsapp, CLINIC) == 0
    names = "sms_url", "sms_fallback_url", "status_callback"
    assert [sender.settings[name] for name in names] == [
        wanted(api, what) for what in ("messages", "messages", "status")
    ]
    out = said(api, capsys)
    assert f"WhatsApp sender {NUMBER}" in out
    assert "Only Twilio's console changes its name and its registration at Meta" in out
    assert "HELP" not in out
    before = len(changes(api))
    assert twilio.connect(on_whatsapp, CLINIC) == 0
    assert len(changes(api)) == before == 1


def test_a_whatsapp_sender_that_is_not_there_is_told_and_where_to_register_it(
    api: FakeTwilio, on_whatsapp: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert twilio.status(on_whatsapp, CLINIC) == 1
    assert f"{NUMBER} is not a WhatsApp sender of this account: register it in Twilio's console" in said(api, capsys)


def test_the_sandbox_is_set_in_the_console(
    api: FakeTwilio, on_whatsapp: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert twilio.connect(replace(on_whatsapp, twilio_whatsapp_number=(twilio.SANDBOX,)), CLINIC) == 0
    assert f"Sandbox settings, write {wanted(api, 'messages')} and {wanted(api, 'status')}." in said(api, capsys)


def printed(capsys: pytest.CaptureFixture[str], language: str | None = None) -> list[str]:
    whatsapp.print_templates(CLINIC, language)
    return capsys.readouterr().out.splitlines()


def test_the_content_api_takes_every_line_that_is_printed_and_meta_approves_it(
    api: FakeTwilio, on_whatsapp: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    api.whatsapp(NUMBER)
    who, json_type = (api.account, api.token), {"Content-Type": "application/json"}
    for line in printed(capsys):
        made = requests.post(f"{api.url}/v1/Content", data=line.encode(), headers=json_type, auth=who, timeout=5)
        assert made.status_code == 201, made.text
        asked = {"name": made.json()["friendly_name"], "category": "UTILITY"}
        where = f"{api.url}/v1/Content/{made.json()['sid']}/ApprovalRequests/whatsapp"
        assert requests.post(where, json=asked, auth=who, timeout=5).status_code == 201
    twilio.status(on_whatsapp, CLINIC)
    told = re.findall("^  (frontdesk_.*)$", said(api, capsys), re.MULTILINE)
    names = [templates.friendly_name(kind, code) for code in texts.languages() for kind in templates.TEMPLATES]
    assert told == [f"{name}: approved." for name in names]


def test_templates_are_told_with_what_meta_says_of_them(
    api: FakeTwilio, on_whatsapp: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    api.whatsapp(NUMBER)
    ours = {kind: templates.content(kind, "en", CLINIC) for kind in templates.TEMPLATES}
    name = {kind: content["friendly_name"] for kind, content in ours.items()}
    api.content(ours["bill"]["types"], name=name["bill"])
    api.content({"twilio/text": {"body": "old"}}, name=name["feedback"], approved=True)
    api.content(ours["agenda"]["types"], name=name["agenda"], approved=True)
    api.content({"twilio/text": {"body": "newer, not submitted"}}, name=name["agenda"])
    rejected = api.content(ours["message"]["types"], name=name["message"], approved=True)
    rejected.rejection = "Too vague"
    twilio.status(on_whatsapp, CLINIC)
    told = said(api, capsys)
    for kind, approval in {
        "reminder": "not there",
        "bill": "unsubmitted",
        "feedback": "approved, with other words than here",
        "agenda": "approved",
        "message": "rejected (Too vague)",
    }.items():
        assert f"  frontdesk_{kind}_en: {approval}.\n" in told


# What Meta is to approve.

EVERY = [(language, kind) for language in texts.languages() for kind in templates.TEMPLATES]


@pytest.mark.parametrize(("language", "kind"), EVERY)
def test_a_template_is_one_that_meta_takes(language: str, kind: NoticeKind) -> None:
    content = templates.content(kind, language, CLINIC)
    ((of_type, shown),) = content["types"].items()
    body, buttons = shown["body"], shown["actions"]
    numbers = re.findall(r"\{\{(\d+)\}\}", body)
    assert of_type == "twilio/quick-reply"
    assert re.fullmatch("[a-z0-9_]{1,512}", content["friendly_name"])
    assert numbers == [
        str(number) for number in range(1, len(content["variables"]))
    ]  # each once; the token last, in no body
    assert not re.search(r"^\s*\{\{|\}\}\s*$|\}\}\W*\{\{", body)
    assert len(re.sub(r"\{\{\d+\}\}", "", body).split()) > 3 * len(numbers)  # or there are too many for its length
    assert len(body) <= 1024 - 100 * len(numbers)
    assert all(content["variables"].values())
    assert 1 <= len(buttons) <= 3
    assert len({button["title"] for button in buttons}) == len(buttons)
    assert all(0 < len(button["title"]) <= 20 for button in buttons)
    token = f"{{{{{len(content['variables'])}}}}}"
    assert [button["id"] for button in buttons] == [f"{token}.{number}" for number in range(1, len(buttons) + 1)]


def test_no_template_tells_who_looks_on_what_the_visit_is_for() -> None:
    named = {name for template in templates.TEMPLATES.values() for name in template.variables}
    assert named == {"patient", "when", "was", "day", "place", "price"}
    assert named == set(templates.SAMPLES)
    bodies = [
        templates.content(kind, "en", CLINIC)["types"]["twilio/quick-reply"]["body"] for kind in templates.TEMPLATES
    ]
    assert not re.search(r"\b(Dr|doctor|specialty|dentist|reason)\b", " ".join(bodies))
    assert all("Main Street Clinic" in body for body in bodies)


def test_templates_of_one_language_are_printed_if_there_are_texts_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert [json.loads(line)["language"] for line in printed(capsys, "en")] == ["en"] * len(templates.TEMPLATES)
    with pytest.raises(CannotRun, match="There are no texts in tlh; there are in en"):
        whatsapp.print_templates(CLINIC, "tlh")


def test_the_rules_for_tries_are_not_part_of_an_address_that_people_read() -> None:
    settings = Settings(public_url=PUBLIC, twilio_account_sid="AC1")
    assert addresses.without_rules(addresses.receipts(settings)) == f"{PUBLIC}/webhooks/twilio/AC1/status"


# The command.


def run(monkeypatch: pytest.MonkeyPatch, settings: Settings, *words: str) -> int | None:
    """`frontdesk …`, of this clinic."""
    monkeypatch.setattr(cli, "_clinic", lambda _settings: CLINIC)
    options = cli._parser().parse_args(words)
    return cli.COMMANDS[options.command].run(options, settings)


def test_the_command_does_what_is_asked_for(
    api: FakeTwilio, number: Sender, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(monkeypatch, settings, "twilio", "status") == 0
    assert changes(api) == []
    assert run(monkeypatch, settings, "twilio", "connect") == 0
    assert changes(api) == ["numbers.update"]


def test_the_command_needs_an_account_and_templates_need_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CannotRun, match="There is no account: set TWILIO_ACCOUNT_SID"):
        run(monkeypatch, Settings(), "twilio", "status")
    run(monkeypatch, Settings(), "whatsapp", "templates", "--language", "en")
    assert len(capsys.readouterr().out.splitlines()) == len(templates.TEMPLATES)
