"""What Twilio posts to us, field by field: pure functions, after its pages [D] and what it was seen to send [I].

Fields that are empty are sent all the same, and belong to the signature.
"""

import json
from dataclasses import dataclass

from tests.fakes.twilio.numbers import bare, region
from tests.fakes.twilio.said import API, VERSION, message_uri
from tests.fakes.twilio.state import Fields, Handset, Message

PLACES = {"+1207": ("PORTLAND", "ME", "04101"), "+1206": ("SEATTLE", "WA", "98101")}
EVENTS = {"delivered": "DELIVERED", "undelivered": "UNDELIVERED", "failed": "FAILED", "read": "READ", "sent": "SENT"}


@dataclass(frozen=True)
class Choice:
    """A tap on a button, or an item picked from a list."""

    label: str
    payload: str
    of: Message  # which showed it
    listed: bool = False


def incoming(
    account: str, message: Message, handset: Handset, choice: Choice | None = None, opting: str = ""
) -> Fields:
    """Somebody has written."""
    fields = [*_whatsapp(handset, message, choice)] if message.whatsapp else [*_geography(message)]
    fields += _shared(account, message)
    fields += [("SmsMessageSid", message.sid), ("SmsStatus", "received"), ("Body", message.body)]
    fields += [("NumSegments", str(message.segments)), *_media(account, message)]
    return fields + ([("OptOutType", opting)] if opting else [])


def _shared(account: str, message: Message) -> Fields:
    service = [("MessagingServiceSid", message.service.sid)] if message.service else []
    sids = [("MessageSid", message.sid), ("SmsSid", message.sid), ("AccountSid", account), *service]
    return [*sids, ("From", message.from_ or ""), ("To", message.to), ("ApiVersion", VERSION)]


def _geography(message: Message) -> Fields:
    return [*_place("From", message.from_ or ""), *_place("To", message.to)]


def _place(end: str, number: str) -> Fields:
    city, state, zip_code = PLACES.get(number[:5], ("", "", ""))
    told = {"City": city, "State": state, "Zip": zip_code, "Country": region(number)}
    return [(end + name, value) for name, value in told.items()]


def _media(account: str, message: Message) -> Fields:
    fields = [("NumMedia", str(len(message.media)))]
    for number, file in enumerate(message.media):
        url = f"{API}{message_uri(account, message.sid)}/Media/{file.sid}"
        fields += [(f"MediaContentType{number}", file.content_type), (f"MediaUrl{number}", url)]
    return fields


def _whatsapp(handset: Handset, message: Message, choice: Choice | None) -> Fields:
    wa_id = handset.spelling or bare(handset.number).removeprefix("+")
    told = {"type": "whatsapp", "data": {"context": {"ProfileName": handset.name, "WaId": wa_id}}}
    fields = [("ProfileName", handset.name), ("WaId", wa_id), ("ReferralNumMedia", "0")]
    fields += [("ChannelMetadata", json.dumps(told)), ("MessageType", _message_type(message, choice))]
    return fields + (_chosen(choice) if choice else [])


def _message_type(message: Message, choice: Choice | None) -> str:
    """A button of an approved template is a `button`, what is chosen within the window `interactive` [R]."""
    if choice is not None:
        rendered = choice.of.rendered
        return "button" if rendered is not None and rendered.template else "interactive"
    return message.media[0].content_type.partition("/")[0] if message.media else "text"


def _chosen(choice: Choice) -> Fields:
    replied = [("OriginalRepliedMessageSid", choice.of.sid), ("OriginalRepliedMessageSender", choice.of.from_ or "")]
    if choice.listed:
        return [("ListId", choice.payload), ("ListTitle", choice.label), *replied]  # [R]
    return [("ButtonText", choice.label), ("ButtonPayload", choice.payload), *replied]


def status(account: str, message: Message) -> Fields:
    """A message has got on."""
    fields = [*_shared(account, message), ("SmsStatus", message.status), ("MessageStatus", message.status)]
    fields += [("ErrorCode", str(message.error))] if message.error else []
    if not message.whatsapp:
        return fields
    known = [("ChannelPrefix", "whatsapp"), ("ChannelToAddress", f"{bare(message.to)[:-4]}XXXX")]
    event = [("EventType", EVENTS[message.status])] if message.status in EVENTS else []
    installed = message.sender.sid if message.sender else ""
    return [*fields, *known, ("ChannelInstallSid", installed), ("StructuredMessage", "false"), *event]
