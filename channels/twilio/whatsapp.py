"""WhatsApp speaks: whatever one likes within 24 hours of the patient's last message, an approved template or an SMS after that."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from twilio.rest import Client
from twilio.rest.content.v1.content import ContentList

from bot.messages import Payload, Say
from bot.texts import say
from channels import Keep
from channels.errors import Elsewhere
from channels.rendering import parts
from channels.twilio import SMS, WHATSAPP, contents
from channels.twilio.addresses import fate_of
from channels.twilio.calls import ask, attempt, fetch, said_before
from channels.twilio.client import open_client
from channels.twilio.listing import Listed, listed
from channels.twilio.numbers import WHATSAPP_PREFIX
from channels.twilio.reconcile import missed
from core.config import Settings
from core.messaging.outbox import Outcome, Owed, Rate
from core.scheduling.directory import Directory

LONGEST = 1600
WINDOW = timedelta(hours=24) - timedelta(
    minutes=5
)  # https://www.twilio.com/docs/whatsapp/key-concepts#the-customer-service-window
ACCOUNT = Rate(timedelta(seconds=1) / 60)  # Meta allows 80 a second of a number, what comes in included
PAIR = Rate(timedelta(seconds=6), burst=5)  # to one patient: code 131056 at Meta
LANGUAGE = "en"  # of contents that are nothing but variables

WINDOW_CLOSED = "window_closed"


def open_whatsapp(settings: Settings) -> "WhatsApp":
    """What sends on WhatsApp from our numbers."""
    return WhatsApp(open_client(settings), settings)


class WhatsApp:
    """Text with buttons or a list; threads share it."""

    account_rate = ACCOUNT

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._sids: dict[str, str] = {}  # what Twilio calls each shape
        self._lock = threading.Lock()

    def address_rate(self, _address: str) -> Rate:
        """How often one patient may be written to."""
        return PAIR

    def send(self, owed: Owed, payload: Payload, directory: Directory) -> Outcome:
        """Hand one message over. Raises DeliveryFailed; Elsewhere where only an SMS can reach them now."""
        if not _is_open(owed):
            raise Elsewhere(WINDOW_CLOSED, SMS, self._sms_number())
        rendered = listed(payload, directory)
        *before, last = parts(rendered.text, contents.LONGEST_BODY if rendered.items else LONGEST)
        for text in before:
            self._say(owed, text, body=text)
        content = self._choosable(last, rendered, payload, directory) if rendered.items else {"body": last}
        content["status_callback"] = fate_of(self._settings, owed.id)  # the fate of the last one is that of all
        return Outcome("sent", vendor_id=self._say(owed, last, **content))

    def fetch(self, _account: str, reference: str, most: int) -> bytes:
        """A file that came with a message. Raises DeliveryFailed."""
        return fetch(self._settings, reference, most)

    def missed(self) -> Iterator[Keep]:
        """What Twilio has and may never have brought. Raises DeliveryFailed."""
        return missed(self._client, self._settings, WHATSAPP)

    def close(self) -> None:
        """Its connections end with the process."""

    def _say(self, owed: Owed, text: str, **content: str) -> str:
        """Create a message that reads `text`, unless it is there; returns Twilio's id of it."""
        return said_before(self._client, owed, text, WHATSAPP_PREFIX) or self._create(owed, **content)

    def _create(self, owed: Owed, **content: str) -> str:
        message = attempt(
            lambda: self._client.messages.create(
                to=f"{WHATSAPP_PREFIX}{owed.address}",
                from_=f"{WHATSAPP_PREFIX}{owed.account}",
                **content,
            )
        )
        return str(message.sid)

    def _choosable(self, text: str, rendered: Listed, payload: Payload, directory: Directory) -> dict[str, str]:
        opens = say(Say("choice.open_list"), payload.language, directory)
        shape = contents.shape(rendered.items)
        filled = contents.values(text, rendered.items, opens)
        return {"content_sid": self._content(shape), "content_variables": json.dumps(filled)}

    def _content(self, shape: contents.Shape) -> str:
        """What Twilio calls this shape; it is made there once."""
        with self._lock:
            if not self._sids:
                known = ask(lambda: self._client.content.v1.contents.list(limit=1000))
                self._sids = {content.friendly_name: content.sid for content in known}
            if shape.name not in self._sids:
                made: Any = ask(lambda: self._client.content.v1.contents.create(_request(shape)))
                self._sids[shape.name] = made.sid
            return self._sids[shape.name]

    def _sms_number(self) -> str:
        return next(iter(self._settings.twilio_number), "")


def _request(shape: contents.Shape) -> Any:
    given = {"friendly_name": shape.name, "language": LANGUAGE, "variables": shape.variables}
    return ContentList.ContentCreateRequest({**given, "types": ContentList.Types(shape.types)})


def _is_open(owed: Owed) -> bool:
    """Whether WhatsApp lets us write what we like: within 24 hours of their last message, unless it has just said no."""
    if owed.error == WINDOW_CLOSED or owed.heard_at is None:
        return False
    return datetime.now(UTC) - owed.heard_at < WINDOW
