"""Messages that Twilio took and we never heard of: it hardly repeats a webhook, but it tells what it has when it is asked."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from twilio.rest import Client

from channels import Keep
from channels.twilio import WHATSAPP
from channels.twilio.calls import attempt
from channels.twilio.numbers import WHATSAPP_PREFIX
from channels.twilio.receive import Fields, store
from core.config import Settings
from core.crypto import Vault
from core.database import Session

LOOK_BACK = timedelta(hours=6)
MOST = 1000  # messages to one number in that time
FILES_AT = "https://api.twilio.com"


def missed(client: Client, settings: Settings, channel: str) -> Iterator[Keep]:
    """What people wrote to our numbers lately, as webhooks would have brought it; what a button carried is lost, its words are not."""
    if settings.twilio_reconcile:
        for fields in _recent(client, _numbers(settings, channel)):
            yield partial(_keep, fields)


def _keep(fields: Fields, session: Session, vault: Vault) -> bool:
    return store(session, vault, fields)


def _recent(client: Client, numbers: tuple[str, ...]) -> Iterator[Fields]:
    since = datetime.now(UTC) - LOOK_BACK
    for number in numbers:
        for message in attempt(partial(client.messages.list, to=number, date_sent_after=since, limit=MOST)):
            if message.direction == "inbound":
                yield _fields(message)


def _numbers(settings: Settings, channel: str) -> tuple[str, ...]:
    """Our numbers on a channel, as Twilio names them."""
    on_whatsapp = tuple(f"{WHATSAPP_PREFIX}{number}" for number in settings.twilio_whatsapp_number)
    return on_whatsapp if channel == WHATSAPP else settings.twilio_number


def _fields(message: Any) -> Fields:
    known = {
        "MessageSid": message.sid,
        "AccountSid": message.account_sid,
        "From": message.from_,
        "To": message.to,
        "Body": message.body or "",
        "NumMedia": str(message.num_media or 0),
    }
    return list((known | dict(_media(message))).items())


def _media(message: Any) -> Iterator[tuple[str, str]]:
    if not int(message.num_media or 0):
        return
    for n, media in enumerate(attempt(message.media.list)):
        yield f"MediaUrl{n}", f"{FILES_AT}{media.uri.removesuffix('.json')}"
        yield f"MediaContentType{n}", media.content_type
