"""WhatsApp speaks: whatever one likes within 24 hours of the patient's last message, an approved template or an SMS after that."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from twilio.rest import Client

from bot.messages import Payload, Say
from bot.texts import say
from channels import Capped, Keep
from channels.errors import Elsewhere, Permanent, Unreachable
from channels.rendering import parts
from channels.twilio import SMS, WHATSAPP, caps, contents, templates
from channels.twilio.addresses import fate_of
from channels.twilio.calls import attempt, fetch, said_before
from channels.twilio.client import open_client
from channels.twilio.codes import TEMPLATE_REFUSED, WINDOW_CLOSED
from channels.twilio.library import Library
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


def open_whatsapp(settings: Settings) -> "WhatsApp":
    """What sends on WhatsApp from our numbers."""
    return WhatsApp(open_client(settings), settings)


class WhatsApp:
    """Text with buttons or a list; threads share it."""

    account_rate = ACCOUNT

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        self._library = Library(client)

    def address_rate(self, _address: str) -> Rate:
        """How often one patient may be written to."""
        return PAIR

    def draws(self, owed: Owed, payload: Payload, _directory: Directory) -> list[Capped]:
        """Whoever is written to first counts; where WhatsApp lets us begin no more conversations today, it is an SMS."""
        begins = not _is_open(owed) and self._template(owed, payload) is not None
        return [caps.of_conversation(self._settings, owed, self._sms_number())] if begins else []

    def send(self, owed: Owed, payload: Payload, directory: Directory) -> Outcome:
        """Hand one message over. Raises DeliveryFailed; Elsewhere where only an SMS can reach them now."""
        if _is_open(owed):
            return self._say_freely(owed, payload, directory)
        template = self._template(owed, payload)
        if template is None:
            raise Elsewhere(WINDOW_CLOSED, SMS, self._sms_number())
        return self._say_by(template, owed, payload, directory)

    def _say_freely(self, owed: Owed, payload: Payload, directory: Directory) -> Outcome:
        rendered = listed(payload, directory)
        *before, last = parts(rendered.text, contents.LONGEST_BODY if rendered.items else LONGEST)
        for text in before:
            self._say(owed, text, body=text)
        content = self._choosable(last, rendered, payload, directory) if rendered.items else {"body": last}
        content["status_callback"] = fate_of(self._settings, owed.id)  # the fate of the last one is that of all
        return Outcome("sent", vendor_id=self._say(owed, last, **content))

    def _template(self, owed: Owed, payload: Payload) -> str | None:
        """What Twilio calls the approved text of a notice; None where there is none, or where it has failed."""
        if payload.notice is None or owed.error == TEMPLATE_REFUSED:
            return None
        return self._library.of_template(payload.notice, payload.language)

    def _say_by(self, template: str, owed: Owed, payload: Payload, directory: Directory) -> Outcome:
        text, values = templates.filled(payload, directory)
        content = {"content_sid": template, "content_variables": json.dumps(values)}
        content["status_callback"] = fate_of(self._settings, owed.id, by_template=True)
        try:
            return Outcome("sent", vendor_id=self._say(owed, text, **content))
        except Unreachable:
            raise
        except Permanent as error:
            raise Elsewhere(TEMPLATE_REFUSED, SMS, self._sms_number()) from error

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
        return {"content_sid": self._library.of_shape(shape), "content_variables": json.dumps(filled)}

    def _sms_number(self) -> str:
        return next(iter(self._settings.twilio_number), "")


def _is_open(owed: Owed) -> bool:
    """Whether WhatsApp lets us write what we like: within 24 hours of their last message, unless it has just said no."""
    if owed.error in (WINDOW_CLOSED, TEMPLATE_REFUSED) or owed.heard_at is None:
        return False
    return datetime.now(UTC) - owed.heard_at < WINDOW
