"""What Twilio's fields mean, free of Twilio: https://www.twilio.com/docs/messaging/guides/webhook-request"""

from typing import Literal

import msgspec

from bot.messages import Inbound, Nothing, OptIn, OptOut, Other, Upload, Words
from channels.reading import tap
from channels.twilio import words
from channels.twilio.numbers import WHATSAPP_PREFIX

MOST_FILES = 10  # that one message may bring

_FIELDS = msgspec.json.Decoder(list[tuple[str, str]])


def decode(body: bytes) -> Inbound:
    """A message as its fields were stored."""
    fields = dict(_FIELDS.decode(body))
    choice = fields.get("ButtonPayload") or fields.get("ListId")
    text = fields.get("Body", "")
    heard = _heard(fields, text)
    if _is_law(heard):
        return heard
    if choice and "." in choice:
        return tap(choice)
    if files := _files(fields):
        return msgspec.structs.replace(files[0], caption=text, others=files[1:])
    if fields.get("Latitude"):
        return Other("place", text)
    return heard if text.strip() else Other("unsupported")


def _is_law(heard: Inbound) -> bool:
    """Whether somebody left or came back, whatever else came with it: Twilio has acted on it already."""
    return isinstance(heard, OptOut) or (isinstance(heard, OptIn) and heard.otherwise is None)


def _heard(fields: dict[str, str], text: str) -> Inbound:
    """Words, unless they are the law's. On WhatsApp these mean something only where Twilio says so."""
    kind = fields.get("OptOutType", "")
    on_whatsapp = fields.get("From", "").startswith(WHATSAPP_PREFIX)
    sense = words.sense_of("" if on_whatsapp else text, kind)
    word = text.strip().upper()
    # Their own words may be anything where only Twilio says what they mean, and a consent is not sealed.
    edition = f"{word if word in words.words().senses else kind.upper()} ({words.words().version})"
    match sense:
        case "out":
            return OptOut(edition, is_cancel=word == "CANCEL")
        case "in":
            return OptIn(edition)
        case "in_if_out":
            return OptIn(edition, otherwise=text)
        case "help":  # Twilio answers by itself
            return Nothing()
    return Words(text)


def _files(fields: dict[str, str]) -> tuple[Upload, ...]:
    count = fields.get("NumMedia", "")
    numbers = range(min(int(count), MOST_FILES) if count.isascii() and count.isdigit() and len(count) < 3 else 0)
    found = ((fields.get(f"MediaUrl{n}", ""), fields.get(f"MediaContentType{n}", "")) for n in numbers)
    return tuple(Upload(_kind(media_type), url, media_type.partition(";")[0]) for url, media_type in found if url)


_KINDS: dict[str, Literal["photo", "voice", "document"]] = {"image": "photo", "audio": "voice"}


def _kind(media_type: str) -> Literal["photo", "voice", "document"]:
    """What staff would call it."""
    return _KINDS.get(media_type.partition("/")[0], "document")
