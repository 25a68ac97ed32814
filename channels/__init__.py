"""Between vendors' formats and plain messages: what came in is decoded, what is owed is rendered and sent.

`CHANNELS` is the plugin system. A channel without `open` has a reader that fetches for itself.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bot.messages import Inbound, Manner, Payload
from channels import telegram, terminal, twilio, webchat
from channels.errors import DeliveryFailed
from channels.rendering import BUTTONS, NUMBERS
from channels.telegram import decode as telegram_decode
from channels.twilio import decode as twilio_decode
from core.config import Settings
from core.crypto import Vault
from core.database import Session
from core.messaging.outbox import Outcome, Owed, Rate
from core.messaging.quotas import Draw
from core.scheduling.directory import Directory

Keep = Callable[[Session, Vault], bool]
"""Stores one message; false where it is there already."""


class Capped(NamedTuple):
    """Something of which only so much may go out, and what becomes of a message where that is used up."""

    draw: Draw
    otherwise: DeliveryFailed


class Speaker(Protocol):
    """A way to a vendor, open for as long as a sender lives. Its failures are `channels.errors`."""

    account_rate: Rate  # at which each of our accounts may talk

    def address_rate(self, address: str) -> Rate:
        """At which one address may be written to."""

    def draws(self, owed: Owed, payload: Payload, directory: Directory) -> "Sequence[Capped]":
        """What one message takes of what may go out."""

    def send(self, owed: Owed, payload: Payload, directory: Directory) -> Outcome:
        """Hand one message over."""

    def fetch(self, account: str, reference: str, most: int) -> bytes:
        """A file that somebody sent, of at most so many bytes."""

    def missed(self) -> Iterable[Keep]:
        """What people wrote and its vendor never brought, as far as it can be asked; each is kept unless it is known."""

    def close(self) -> None:
        """Let go of it."""


@dataclass(frozen=True)
class Channel:
    """How one channel is read, and how one talks on it. `manner` goes by our account on that channel.

    `amended` is a message's body as its writer has changed it since, where the channel can do that: given what came behind it.
    Where it is `checkable`, its vendor can be asked whether it has a message that may have arrived.
    `open` is for senders alone: it loads a vendor's library; nothing comes of it where the settings name no account.
    """

    decode: Callable[[bytes], Inbound]
    manner: Callable[[str], Manner]
    open: Callable[[Settings], Speaker | None] | None = None
    amended: Callable[[bytes, Sequence[bytes]], bytes] | None = None
    checkable: bool = False


def _open_telegram(settings: Settings) -> Speaker | None:
    if not settings.telegram_bots:
        return None
    from channels.telegram.send import open_speaker  # 60 MB that only a sender needs

    return open_speaker(settings)


def _open_sms(settings: Settings) -> Speaker | None:
    if not settings.twilio_account_sid:
        return None
    from channels.twilio.send import open_sms

    return open_sms(settings)


def _open_whatsapp(settings: Settings) -> Speaker | None:
    if not settings.twilio_whatsapp_number:
        return None
    from channels.twilio.whatsapp import open_whatsapp

    return open_whatsapp(settings)


_SPACIOUS = Manner(reachable=False, most_options=6)
_BY_DIGITS = Manner(patience=2)  # people answer an SMS late
_LISTED = Manner(most_options=6)  # with more, another day and back, a list of at most ten
_TAPPED = Manner(most_options=6)

CHANNELS: dict[str, Channel] = {
    webchat.CHANNEL: Channel(webchat.decode, lambda _: _SPACIOUS),
    terminal.CHANNEL: Channel(terminal.decode, lambda account: {BUTTONS: _SPACIOUS, NUMBERS: _BY_DIGITS}[account]),
    telegram.CHANNEL: Channel(telegram_decode.decode, lambda _: _TAPPED, _open_telegram, telegram_decode.amended),
    twilio.SMS: Channel(twilio_decode.decode, lambda _: _BY_DIGITS, _open_sms, checkable=True),
    twilio.WHATSAPP: Channel(twilio_decode.decode, lambda _: _LISTED, _open_whatsapp, checkable=True),
}

CHECKABLE = frozenset(name for name, channel in CHANNELS.items() if channel.checkable)
