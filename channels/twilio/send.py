"""Twilio speaks: SMS in the fewest segments, WhatsApp with its two kinds of buttons. Its library is loaded in the sender alone."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import phonenumbers
import requests
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from bot.messages import Payload
from channels.errors import Permanent, Temporary, Unknown, Unreachable
from channels.rendering import with_numbers
from channels.telegram.layout import parts
from channels.twilio import codes
from channels.twilio.client import open_client
from channels.twilio.gsm import segments
from core import logs
from core.config import Settings
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
        *before, last = parts(with_numbers(payload, directory).text, LONGEST)
        for text in before:
            self._say(owed, text)
        sid = self._said_before(owed, last) or self._say(owed, last)
        return Outcome("sent", vendor_id=sid, weight=sum(map(segments, [*before, last])))

    def fetch(self, _account: str, reference: str, most: int) -> bytes:
        """A file that came with a message. Raises DeliveryFailed."""
        return fetch(self._settings, reference, most)

    def close(self) -> None:
        """Its connections end with the process."""

    def _say(self, owed: Owed, text: str) -> str:
        """Create a message; its fate comes to an address that holds our own number for it. Returns Twilio's id."""
        settings = self._settings
        status = f"{settings.public_url}/webhooks/twilio/{settings.twilio_account_sid}/status?outbox={owed.id}"
        return attempt(
            lambda: (
                self._client.messages.create(
                    to=owed.address,
                    from_=owed.account,
                    body=text,
                    status_callback=status,
                    validity_period=int(USEFUL_FOR.total_seconds()),
                ).sid
            )
        )

    def _said_before(self, owed: Owed, text: str) -> str | None:
        """Twilio's id of this message, where an earlier try of which nobody knew has arrived there: creating one is not idempotent."""
        if not owed.doubts:
            return None
        since = datetime.now(UTC) - LOOK_BACK
        sent = attempt(
            lambda: self._client.messages.list(to=owed.address, from_=owed.account, date_sent_after=since, limit=20)
        )
        return next((message.sid for message in sent if message.body == text), None)


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
    host = url.partition("://")[2].partition("/")[0]
    ours = settings.twilio_api_url.partition("://")[2]
    if not (host == ours or host.endswith(".twilio.com")):
        raise Permanent("strange_place")
    credentials = settings.twilio_account_sid, settings.twilio_auth_token
    with requests.get(url, auth=credentials, timeout=(5, 20), stream=True) as answer:
        if answer.status_code != 200:
            raise Permanent("not_there") if answer.status_code == 404 else Temporary("not_fetched", LATER)
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
