"""SMS: one text a message, in the fewest segments. Twilio's library is loaded in the sender alone."""

from collections.abc import Iterator
from datetime import timedelta

from twilio.base.values import unset
from twilio.rest import Client

from bot.messages import Payload, Say
from bot.texts import say
from channels import Capped, Keep
from channels.errors import Unreachable
from channels.rendering import parts, with_numbers
from channels.twilio import SMS, caps
from channels.twilio.addresses import fate_of
from channels.twilio.calls import attempt, fetch, said_before
from channels.twilio.client import open_client
from channels.twilio.gsm import LONGEST, as_gsm, segments
from channels.twilio.kinds import kind_of
from channels.twilio.reconcile import missed
from core.config import Settings
from core.messaging.outbox import Outcome, Owed, Rate
from core.messaging.texting import why_no_text
from core.scheduling.directory import Directory

USEFUL_FOR = timedelta(hours=1)  # an answer that comes later than that answers nothing
# How long Twilio keeps a message at most: https://www.twilio.com/docs/messaging/api/message-resource
LONGEST_QUEUE = timedelta(hours=10)


def open_sms(settings: Settings) -> "Sms":
    """What sends SMS from our numbers."""
    return Sms(open_client(settings), settings)


class Sms:
    """One text a message, with digits for its choices; threads share it."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings
        slowest = min((kind_of(number).segments_per_second for number in settings.twilio_number), default=1)
        self.account_rate = Rate(timedelta(seconds=1) / slowest)  # each segment counts

    def address_rate(self, _address: str) -> Rate:
        """As often as the account may: one number hears one message a turn."""
        return Rate()

    def draws(self, owed: Owed, payload: Payload, directory: Directory) -> list[Capped]:
        """Money; and of codes so many to one number and to one range of numbers."""
        return caps.of_sms(self._settings, owed, payload, sum(map(segments, _texts(owed, payload, directory))))

    def send(self, owed: Owed, payload: Payload, directory: Directory) -> Outcome:
        """Hand over one message, in the fewest segments that hold it. Raises DeliveryFailed."""
        require_mobile(owed.address, self._settings.sms_countries(directory.organization.region))
        texts = _texts(owed, payload, directory)
        told = [*[None] * (len(texts) - 1), fate_of(self._settings, owed.id)]  # the fate of the last one is that of all
        sids = [
            said_before(self._client, owed, text) or self._say(owed, text, to)
            for text, to in zip(texts, told, strict=True)
        ]
        return Outcome("sent", vendor_id=sids[-1], weight=sum(map(segments, texts)))

    def fetch(self, _account: str, reference: str, most: int) -> bytes:
        """A file that came with a message. Raises DeliveryFailed."""
        return fetch(self._settings, reference, most)

    def missed(self) -> Iterator[Keep]:
        """What Twilio has and may never have brought. Raises DeliveryFailed."""
        return missed(self._client, self._settings, SMS)

    def close(self) -> None:
        """Its connections end with the process."""

    def _say(self, owed: Owed, text: str, status_callback: str | None) -> str:
        """Create a message; returns Twilio's id of it."""
        message = attempt(
            lambda: self._client.messages.create(
                to=owed.address,
                from_=owed.account,
                body=text,
                status_callback=status_callback or unset,
                validity_period=_validity(owed),
            )
        )
        return str(message.sid)


def _texts(owed: Owed, payload: Payload, directory: Directory) -> list[str]:
    """The messages in which it is said; the first one to a number introduces us."""
    text = with_numbers(payload, directory).text
    if owed.last_message is None:
        text = f"{text}\n\n{introduction(payload.language, directory)}"
    return parts(text, LONGEST)


def _validity(owed: Owed) -> int:
    """In how many seconds from now it is of no use any more."""
    useful_for = owed.useful_for or (LONGEST_QUEUE if owed.is_vital else USEFUL_FOR)
    return max(1, int(min(useful_for, LONGEST_QUEUE).total_seconds()))


def introduction(language: str, directory: Directory) -> str:
    """What the first text to a number ends with, as the carriers demand: who writes, how to stop, where the privacy page is.

    https://www.twilio.com/docs/messaging/compliance/a2p-10dlc
    """
    pages = " ".join(dict.fromkeys(place.privacy_url for place in directory.locations if place.privacy_url))
    said = Say("sms.first_with_privacy", {"pages": pages}) if pages else Say("sms.first")
    return as_gsm(say(said, language, directory))


def require_mobile(number: str, countries: tuple[str, ...]) -> None:
    """Texts go to mobile numbers of these countries; others cost too much or take none. Raises Unreachable."""
    why = why_no_text(number, countries)
    if why is not None:
        raise Unreachable(why)
