"""Messages that Twilio took and we never heard of: it hardly repeats a webhook, but it tells what it has when it is asked."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from twilio.rest import Client

from channels import Keep
from channels.twilio import WHATSAPP, words
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
    """What people wrote to our numbers lately, in order, as webhooks would have brought it.

    What a button carried is lost, its words are not. Of leaving and coming back only the last word counts, as one that is known may be newer.
    """
    if settings.twilio_reconcile:
        recent = [*_recent(client, _numbers(settings, channel))]
        last = {fields["From"]: fields["MessageSid"] for fields in recent if _moves(fields)}
        for fields in recent:
            if not _moves(fields) or last[fields["From"]] == fields["MessageSid"]:
                yield partial(_keep, [*fields.items()])


def _moves(fields: dict[str, str]) -> bool:
    """Whether somebody leaves or comes back."""
    return words.sense_of(fields["Body"]) in ("out", "in")


def _keep(fields: Fields, session: Session, vault: Vault) -> bool:
    return store(session, vault, fields)


def _recent(client: Client, numbers: tuple[str, ...]) -> Iterator[dict[str, str]]:
    since = datetime.now(UTC) - LOOK_BACK
    for number in numbers:
        listed = attempt(partial(client.messages.list, to=number, date_sent_after=since, limit=MOST))
        yield from (
            _fields(message) for message in reversed(listed) if message.direction == "inbound"
        )  # the newest come first


def _numbers(settings: Settings, channel: str) -> tuple[str, ...]:
    """Our numbers on a channel, as Twilio names them."""
    on_whatsapp = tuple(f"{WHATSAPP_PREFIX}{number}" for number in settings.twilio_whatsapp_number)
    return on_whatsapp if channel == WHATSAPP else settings.twilio_number


def _fields(message: Any) -> dict[str, str]:
    known = {
        "MessageSid": message.sid,
        "AccountSid": message.account_sid,
        "From": message.from_,
        "To": message.to,
        "Body": message.body or "",
        "NumMedia": str(message.num_media or 0),
    }
    return known | dict(_media(message))


def _media(message: Any) -> Iterator[tuple[str, str]]:
    if not int(message.num_media or 0):
        return
    for n, media in enumerate(attempt(message.media.list)):
        yield f"MediaUrl{n}", f"{FILES_AT}{media.uri.removesuffix('.json')}"
        yield f"MediaContentType{n}", media.content_type
