"""`frontdesk twilio`: tell Twilio where this clinic is, and say in plain words what Twilio knows of it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client
from twilio.rest.messaging.v2.channels_sender import ChannelsSenderList

from bot import texts
from bot.messages import Say
from channels.twilio import addresses, templates
from channels.twilio.client import open_client
from channels.twilio.kinds import LONG_CODE, TOLL_FREE, Kind, kind_of
from channels.twilio.library import approval
from channels.twilio.numbers import WHATSAPP_PREFIX
from core.config import Settings
from core.scheduling.directory import Directory

FIRST = "en"  # in which Twilio's own answers are
SANDBOX = "+14155238886"  # where WhatsApp is tried without a sender of one's own
LONGEST = 160  # letters of what Twilio says that are shown

Lines = Iterator[str]


def connect(settings: Settings, clinic: Directory) -> int:
    """Set where Twilio brings messages and receipts, and say what was found and what was set. Returns the exit code."""
    code = _tell(_Desk(settings, clinic, sets=True))
    if clinic.organization.is_demo and not settings.demo:
        print("This is the demo clinic: by SMS and WhatsApp it stays silent without --demo (or DEMO=true).")
    return code


def status(settings: Settings, clinic: Directory) -> int:
    """Say the same, and change nothing. Returns the exit code."""
    return _tell(_Desk(settings, clinic, sets=False))


# --- telling ---------------------------------------------------------------------------------------------------------


class _Wrong(Exception):
    """Something that must be mended first, in one sentence."""


@dataclass(frozen=True)
class _Desk:
    """Whom we ask, for which clinic, and whether anything is changed."""

    settings: Settings
    clinic: Directory
    sets: bool

    @cached_property
    def client(self) -> Client:
        return open_client(self.settings)

    @cached_property
    def service(self) -> Any:
        """The messaging service, if one is named."""
        if not (sid := self.settings.twilio_messaging_service_sid):
            return None
        try:
            return self.client.messaging.v1.services(sid).fetch()
        except TwilioRestException as error:
            if error.status == 404:
                raise _Wrong(
                    f"This account has no messaging service {sid}: look it up in Twilio's console under Messaging, "
                    "Services, and set TWILIO_MESSAGING_SERVICE_SID."
                ) from None
            raise

    @cached_property
    def pool(self) -> frozenset[str]:
        """The numbers of that service."""
        if self.service is None:
            return frozenset()
        listed = self.client.messaging.v1.services(self.service.sid).phone_numbers.list()
        return frozenset(number.phone_number for number in listed)


def _tell(desk: _Desk) -> int:
    """Print each part; one that fails does not keep the others from their turn, unless it is the account itself."""
    said: set[str] = set()
    if not _prints(_account(desk), desk.settings, said):
        return 1
    settings = desk.settings
    parts = [
        _service(desk),
        *(_number(desk, number) for number in settings.twilio_number),
        _help(desk),
        *(_whatsapp(desk, number) for number in settings.twilio_whatsapp_number),
        _templates(desk),
    ]
    went_well = [_prints(part, settings, said) for part in parts]
    return 0 if all(went_well) else 1


def _prints(lines: Lines, settings: Settings, said: set[str]) -> bool:
    """Whether all of it could be said; what went wrong is one more sentence, told once."""
    while True:
        try:
            line = next(lines, None)
        except (_Wrong, TwilioException, OSError, ValueError) as error:  # requests' errors are OSErrors
            sentence = _sentence(error, settings)
            if sentence not in said:
                print(sentence, flush=True)
            said.add(sentence)
            return False
        if line is None:
            return True
        print(line, flush=True)


def _sentence(error: Exception, settings: Settings) -> str:
    """What went wrong. An error's own words are shown only where they are Twilio's, and never with the token."""
    match error:
        case _Wrong():
            return str(error)
        case TwilioException():
            return _of_twilio(error, settings)
        case OSError():
            where = settings.twilio_api_url or "its usual addresses"
            return f"Twilio does not answer at {where}. Is this machine online?"
    return "Twilio's answer cannot be read. Is TWILIO_API_URL right, and nothing in between?"


def _of_twilio(error: TwilioException, settings: Settings) -> str:
    status, code = getattr(error, "status", 0), getattr(error, "code", 0)
    if status == 401:
        return (
            f"Twilio does not know the account {settings.twilio_account_sid} with this token: look both up in "
            "Twilio's console, and set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN."
        )
    if status == 429:
        return "Twilio is asked too much at once: please try again in a minute."
    if status >= 500:
        return f"Twilio has trouble of its own ({status}): please try again in a minute."
    words = str(getattr(error, "msg", "") or getattr(error, "title", ""))
    first = words.rpartition(" record: ")[2].replace(settings.twilio_auth_token, "…").partition("\n")[0]
    return f"Twilio said: {code}, {first[:LONGEST].rstrip('.')}."


# --- what is set, and said -------------------------------------------------------------------------------------------


class _Address(NamedTuple):
    """Where Twilio brings something; `name` as its library has it."""

    name: str
    what: str
    wanted: str


class _Fact(NamedTuple):
    """A setting that must be so for the addresses to count, and what to say where it is not."""

    name: str
    wanted: str
    trouble: str


Change = Callable[[dict[str, str]], object]

_FAILED = f"Messages that failed {addresses.TRIES} times"
_BY_POST = "Twilio does not bring {} by POST"


def _addresses(settings: Settings, messages: str, fallback: str, receipts: str = "") -> list[_Address]:
    """All that we want, under the names that they have here."""
    ours = addresses.messages(settings)
    wanted = [_Address(messages, "Messages", ours), _Address(fallback, _FAILED, ours)]
    return wanted + ([_Address(receipts, "Receipts", addresses.receipts(settings))] if receipts else [])


def _set_right(
    desk: _Desk, found: Mapping[str, Any], wanted: list[_Address], facts: list[_Fact], change: Change
) -> Lines:
    """Change what differs, and nothing else, if anything is to be changed; say how it was and how it is."""
    ours = {each.name: each.wanted for each in wanted} | {each.name: each.wanted for each in facts}
    differs = {name: value for name, value in ours.items() if (found.get(name) or "") != value}
    if differs and desk.sets:
        change(differs)
    yield from (f"  {_told(each, found.get(each.name) or '', sets=desk.sets)}" for each in wanted)
    for fact in facts:
        if fact.name in differs:
            yield f"  {fact.trouble}: {'that is set right' if desk.sets else _MENDS}."


_MENDS = "`frontdesk twilio connect` sets that right"


def _told(address: _Address, found: str, *, sets: bool) -> str:
    here = addresses.without_rules(address.wanted)
    if found == address.wanted:
        return f"{address.what} come to {here}."
    if addresses.without_rules(found) == here:
        trouble = f"{address.what} come to {here}, but with other rules for tries"
        return f"{trouble}; now they are ours." if sets else f"{trouble}: {_MENDS}."
    place = f"to {found}" if found else "nowhere"
    if sets:
        return f"{address.what} went {place}; from now on they come to {here}."
    return f"{address.what} go {place}{', which is not here' if found else ''}: {_MENDS}."


# --- the account, its service and its numbers ------------------------------------------------------------------------


def _account(desk: _Desk) -> Lines:
    account = desk.client.api.accounts(desk.settings.twilio_account_sid).fetch()
    yield f"Account {account.friendly_name} ({account.sid})"
    if account.status != "active":
        raise _Wrong(f"  Twilio has it as {account.status}: nothing is sent or brought. Its console says why.")
    if account.type == "Trial":
        yield (
            "  It is on trial: it writes only to numbers that were verified in Twilio's console, and Twilio puts "
            "words of its own before each text."
        )
    else:
        yield "  It is active, and not on trial."


def _service(desk: _Desk) -> Lines:
    service = desk.service
    if service is None:
        return
    yield f"Messaging service {service.friendly_name} ({service.sid})"
    wanted = _addresses(desk.settings, "inbound_request_url", "fallback_url", "status_callback")
    facts = [
        _Fact("inbound_method", "POST", _BY_POST.format("messages")),
        _Fact("fallback_method", "POST", _BY_POST.format("what failed")),
    ]
    change = desk.client.messaging.v1.services(service.sid).update
    yield from _set_right(desk, vars(service), wanted, facts, lambda changes: change(**changes))
    if service.use_inbound_webhook_on_number:
        yield "  It leaves messages to the webhook of each number (“Defer to sender's webhook”), so those count."
    if service.us_app_to_person_registered is False and any(map(_is_american, desk.settings.twilio_number)):
        yield (
            "  It is not registered for texts in the United States (A2P 10DLC), whose carriers refuse them then: "
            "register under Messaging, Regulatory Compliance in Twilio's console."
        )


def _is_american(number: str) -> bool:
    return number.startswith("+1") and kind_of(number) == LONG_CODE


def _number(desk: _Desk, number: str) -> Lines:
    listed = desk.client.incoming_phone_numbers.list(phone_number=number)  # which finds parts of numbers too
    ours = next((each for each in listed if each.phone_number == number), None)
    if ours is None:
        raise _Wrong(
            f"{number} is not a number of this account: look under Phone Numbers in Twilio's console, and set TWILIO_NUMBER."
        )
    kind, in_pool = kind_of(number), number in desk.pool
    pace = f"{kind.segments_per_second} segment{'s' if kind.segments_per_second > 1 else ''}"
    yield f"Number {number}, a {kind.name}: {pace} a second, unless Twilio has granted more"
    if not (ours.capabilities or {}).get("sms"):
        yield "  It cannot send texts: choose another in Twilio's console, and set TWILIO_NUMBER."
    if desk.service is not None:
        yield f"  It is {'' if in_pool else 'not '}in the messaging service{'.' if in_pool else _ADD_IT}"
    if not in_pool or desk.service.use_inbound_webhook_on_number:
        yield from _own_webhooks(desk, ours)
    yield f"  {_cancel(kind, has_service=in_pool)}"


_ADD_IT = ": add it in Twilio's console, under Messaging, Services, Sender Pool."


def _own_webhooks(desk: _Desk, number: Any) -> Lines:
    """A number's own addresses. Its StatusCallback is of calls; receipts go where each message says."""
    wanted = _addresses(desk.settings, "sms_url", "sms_fallback_url")
    facts = [
        _Fact("sms_method", "POST", _BY_POST.format("messages")),
        _Fact("sms_fallback_method", "POST", _BY_POST.format("what failed")),
        _Fact("sms_application_sid", "", "An app of Twilio's (TwiML App) has the messages of this number"),
    ]
    change = desk.client.incoming_phone_numbers(number.sid).update
    return _set_right(desk, vars(number), wanted, facts, lambda changes: change(**changes))


# --- STOP and HELP ---------------------------------------------------------------------------------------------------


def _cancel(kind: Kind, *, has_service: bool) -> str:
    """Whether CANCEL ends all messages there."""
    if kind == TOLL_FREE:
        return (
            "STOP and UNSTOP are the telephone network's, and its answers cannot be changed; CANCEL counts as STOP too."
        )
    if has_service:
        return (
            "CANCEL counts as STOP, unless Advanced Opt-Out is on for the service and CANCEL is not among its words; "
            "Twilio's API does not tell."
        )
    return "CANCEL counts as STOP; only a messaging service with Advanced Opt-Out could change that."


def _help(desk: _Desk) -> Lines:
    """Who answers HELP, and how that answer becomes the clinic's."""
    if not desk.settings.twilio_number:
        return
    yield "STOP, START and HELP"
    yield "  Twilio answers them by itself, so the bot stays silent. Its answer to HELP does not name the clinic."
    if desk.service is None:
        yield (
            "  To change that: in Twilio's console make a messaging service (Messaging, Services), add the numbers to its "
            "Sender Pool, and set TWILIO_MESSAGING_SERVICE_SID. Then:"
        )
    yield (
        "  In Twilio's console open Messaging, Services, the service, Opt-Out Management; turn Advanced Opt-Out on, "
        "and let it answer HELP with this:"
    )
    answer = Say("twilio.help") if desk.clinic.organization.phone else Say("twilio.help.no_phone")
    yield f"    {texts.say(answer, FIRST, desk.clinic)}"


# --- WhatsApp --------------------------------------------------------------------------------------------------------


def _whatsapp(desk: _Desk, number: str) -> Lines:
    if number == SANDBOX:
        yield from _sandbox(desk.settings)
        return
    listed = desk.client.messaging.v2.channels_senders.list(channel="whatsapp")
    ours = next((each for each in listed if each.sender_id == f"{WHATSAPP_PREFIX}{number}"), None)
    if ours is None:
        raise _Wrong(
            f"{number} is not a WhatsApp sender of this account: register it in Twilio's console under Messaging, Senders, "
            "WhatsApp senders, or set TWILIO_WHATSAPP_NUMBER."
        )
    yield f"WhatsApp sender {number}"
    yield from _sender(desk, ours)


def _sender(desk: _Desk, sender: Any) -> Lines:
    if not sender.status.startswith("ONLINE"):
        yield f"  It is not online: Twilio has it as {sender.status}, and its console says why."
    wanted = _addresses(desk.settings, "callback_url", "fallback_url", "status_callback_url")
    facts = [
        _Fact("callback_method", "POST", _BY_POST.format("messages")),
        _Fact("fallback_method", "POST", _BY_POST.format("what failed")),
        _Fact("status_callback_method", "POST", _BY_POST.format("receipts")),
    ]
    found = dict(sender.webhook or {})
    yield from _set_right(desk, found, wanted, facts, lambda changes: _change(desk, sender.sid, found | changes))
    yield (
        "  Only Twilio's console changes its name and its registration at Meta: Messaging, Senders, WhatsApp senders. "
        "A messaging service that has it in its pool takes its messages."
    )


def _change(desk: _Desk, sid: str, webhook: dict[str, str]) -> None:
    """The whole of it: what the library is not told, it sends as null."""
    asked = ChannelsSenderList.MessagingV2ChannelsSenderRequestsUpdate({"webhook": webhook})
    desk.client.messaging.v2.channels_senders(sid).update(asked)


def _sandbox(settings: Settings) -> Lines:
    """Twilio's own sender, to try things: its API does not know it."""
    yield f"WhatsApp sandbox {SANDBOX}"
    yield (
        "  Only Twilio's console sets it: under Messaging, Try it out, Send a WhatsApp message, Sandbox settings, write "
        f"{addresses.messages(settings)} and {addresses.receipts(settings)}."
    )


def _templates(desk: _Desk) -> Lines:
    """Which templates the account has, and what Meta says of them."""
    if not desk.settings.twilio_whatsapp_number:
        return
    listed = desk.client.content.v1.content_and_approvals.list()
    found: dict[str, list[Any]] = {}
    for each in listed:
        found.setdefault(each.friendly_name, []).append(each)
    yield "Templates, by which WhatsApp lets us write first (`frontdesk whatsapp templates` prints them)"
    for language in texts.languages():
        for kind in templates.TEMPLATES:
            wanted = templates.content(kind, language, desk.clinic)
            yield f"  {wanted['friendly_name']}: {_approval(wanted, found.get(wanted['friendly_name'], []))}."


def _approval(wanted: dict[str, Any], found: list[Any]) -> str:
    """How it stands with the best of those that have its name."""
    if not found:
        return "not there"
    best = max(found, key=lambda each: (approval(each) == "approved", each.date_created))
    reason = (best.approval_requests or {}).get("rejection_reason")
    said = f"{approval(best)} ({reason})" if reason else approval(best)
    return said if _shown(best.types) == _shown(wanted["types"]) else f"{said}, with other words than here"


def _shown(types: dict[str, Any]) -> tuple[str, list[tuple[str, str]]]:
    """What people see and tap; Twilio adds properties of its own."""
    content = types.get("twilio/quick-reply") or {}
    return content.get("body", ""), [(each["title"], each["id"]) for each in content.get("actions", ())]
