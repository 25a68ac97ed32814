"""Twilio speaks: SMS in the fewest segments, WhatsApp with its two kinds of buttons. Its library is loaded in the sender alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, TypeVar
from urllib.parse import urlsplit

import phonenumbers
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from bot.messages import Payload
from channels.errors import Permanent, Temporary, Unknown, Unreachable
from channels.rendering import with_numbers
from channels.telegram.layout import parts
from channels.twilio import codes
from channels.twilio.client import at, open_client
from channels.twilio.gsm import segments
from core import logs
from core.config import Settings
from core.messaging.fates import FAILED
from core.messaging.outbox import Outcome, Owed, Rate
from core.scheduling.directory import Directory

LONGEST = 1600  # characters of a message: https://www.twilio.com/docs/messaging/api/message-resource#body
USEFUL_FOR = timedelta(hours=1)  # an answer that comes later than that answers nothing
LOOK_BACK = timedelta(minutes=10)  # in which a message may stand that nobody knows to have been taken
SEGMENTS = Rate(timedelta(seconds=1))  # of a long code, the slowest kind of number; each segment counts

SOON = timedelta(seconds=5)
LATER = timedelta(minutes=1)

T = TypeVar("T")

_log = logs.get(__name__)


def open_sms(settings: Settings) -> "Sms":
    """What sends SMS from our numbers."""
    return Sms(open_client(settings), settings)


class Sms:
    """One text a message, with digits for its choices; threads share it."""

    account_rate = SEGMENTS

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    def address_rate(self, _address: str) -> Rate:
        """As often as the account may: one number hears one message a turn."""
        return Rate()

    def send(self, owed: Owed, payload: Payload, directory: Directory) -> Outcome:
        """Hand over one message, in the fewest segments that hold it. Raises DeliveryFailed."""
        countries = self._settings.twilio_countries or (directory.organization.region,)
        require_mobile(owed.address, countries)
        texts = parts(with_numbers(payload, directory).text, LONGEST)
        *_, sid = [said_before(self._client, owed, text) or self._say(owed, text) for text in texts]
        return Outcome("sent", vendor_id=sid, weight=sum(map(segments, texts)))

    def fetch(self, _account: str, reference: str, most: int) -> bytes:
        """A file that came with a message. Raises DeliveryFailed."""
        return fetch(self._settings, reference, most)

    def close(self) -> None:
        """Its connections end with the process."""

    def _say(self, owed: Owed, text: str) -> str:
        """Create a message; returns Twilio's id of it."""
        message = attempt(
            lambda: self._client.messages.create(
                to=owed.address,
                from_=owed.account,
                body=text,
                status_callback=status_address(self._settings, owed),
                validity_period=int(USEFUL_FOR.total_seconds()),
            )
        )
        return str(message.sid)


def said_before(client: Client, owed: Owed, text: str, prefix: str = "") -> str | None:
    """Twilio's id of this message, where an earlier try of which nobody knew has arrived there: creating one is not idempotent.

    The same words in an answer before that are another message. What still waits in a queue has no date of sending to be found by.
    """
    if not owed.doubts:
        return None
    to, from_ = f"{prefix}{owed.address}", f"{prefix}{owed.account}"
    listed = ask(lambda: client.messages.list(to=to, from_=from_, limit=20))  # the newest first
    since = datetime.now(UTC) - LOOK_BACK
    tried = takewhile(lambda each: each.sid != owed.last_message and each.date_created >= since, listed)
    return next((each.sid for each in tried if each.body == text and each.status not in FAILED), None)


def status_address(settings: Settings, owed: Owed) -> str:
    """Where Twilio tells what became of a message: our own number for it stands in the address."""
    return f"{settings.public_url}/webhooks/twilio/{settings.twilio_account_sid}/status?outbox={owed.id}"


def require_mobile(number: str, countries: tuple[str, ...]) -> None:
    """Texts go to mobile numbers of these countries; others cost too much or take none. Raises Unreachable."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        raise Unreachable("bad_number") from None
    if phonenumbers.region_code_for_number(parsed) not in countries:
        raise Unreachable("country_closed")
    if phonenumbers.number_type(parsed) not in _MOBILE:
        raise Unreachable("no_mobile")


_MOBILE = frozenset(
    {
        phonenumbers.PhoneNumberType.MOBILE,
        phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE,  # of the North American plan nobody can tell
        phonenumbers.PhoneNumberType.UNKNOWN,
    }
)


def attempt(call: Callable[[], T]) -> T:
    """A call of Twilio's API; what does not go well is a DeliveryFailed."""
    try:
        return call()
    except TwilioRestException as error:
        raise _meaning(error) from error
    except requests.exceptions.ConnectTimeout as error:
        raise Temporary("not_reached", SOON, forgiven=True) from error
    except requests.exceptions.ConnectionError as error:
        if _never_left(error):
            raise Temporary("not_reached", SOON, forgiven=True) from error
        raise Unknown("no_answer", checkable=True) from error
    except (requests.exceptions.RequestException, TwilioException, ValueError) as error:
        raise Unknown("no_answer", checkable=True) from error


def ask(call: Callable[[], T]) -> T:
    """The same of a call that says nothing to anybody: whatever became of it, it may be made again."""
    try:
        return attempt(call)
    except Unknown as error:
        raise Temporary(error.code, SOON, forgiven=True) from error


def _never_left(error: requests.exceptions.ConnectionError) -> bool:
    """Whether there was no connection to send anything by."""
    reason = getattr(error.args[0] if error.args else None, "reason", None)
    return type(reason).__name__ in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")


def _meaning(error: TwilioRestException) -> Exception:
    found = codes.verdict(error.code)
    if error.status >= 500:
        return Unknown("no_answer", checkable=True)
    if error.status == 429:
        return Temporary("busy", found.again_in or SOON, forgiven=True)
    match found.blame:
        case "number":
            return Unreachable(found.code)
        case "passing":
            return Temporary(found.code, found.again_in)
        case "ours":
            _log.error("twilio_refuses", code=found.code)
            return Temporary(found.code, LATER)
    return Permanent(found.code)


def fetch(settings: Settings, url: str, most: int) -> bytes:
    """A file at Twilio, of at most so many bytes; only from where Twilio keeps them. Raises DeliveryFailed."""
    if not (urlsplit(url).hostname or "").endswith(".twilio.com"):
        raise Permanent("strange_place")
    credentials = settings.twilio_account_sid, settings.twilio_auth_token
    with requests.get(at(settings.twilio_api_url, url), auth=credentials, timeout=(5, 20), stream=True) as answer:
        if answer.status_code == 404:
            raise Permanent("not_there")
        if answer.status_code != 200:
            raise Temporary("not_fetched", LATER)
        content = b"".join(_until(answer, most + 1))
    if len(content) > most:
        raise Permanent("too_large")
    return content


def _until(answer: Any, most: int) -> Any:
    taken = 0
    for chunk in answer.iter_content(64 * 1024):
        taken += len(chunk)
        yield chunk
        if taken >= most:
            return
