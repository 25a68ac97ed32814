"""Between vendors' formats and plain messages: what came in is decoded, what is owed is rendered and sent.

`CHANNELS` is the plugin system. A channel without `send` has a reader that fetches for itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.messages import Inbound, Manner, Payload
from channels import terminal, webchat
from channels.rendering import BUTTONS, NUMBERS
from core.messaging.outbox import Outcome, Owed
from core.scheduling.directory import Directory


@dataclass(frozen=True)
class Channel:
    """How one channel is read, and how one talks on it. `manner` goes by our account on that channel."""

    decode: Callable[[bytes], Inbound]
    manner: Callable[[str], Manner]
    send: Callable[[Owed, Payload, Directory], Outcome] | None = None


_SPACIOUS = Manner(reachable=False, most_options=6)
_BY_DIGITS = Manner(patience=2)  # people answer an SMS late

CHANNELS: dict[str, Channel] = {
    webchat.CHANNEL: Channel(webchat.decode, lambda _: _SPACIOUS),
    terminal.CHANNEL: Channel(terminal.decode, lambda account: {BUTTONS: _SPACIOUS, NUMBERS: _BY_DIGITS}[account]),
}


def sending(channels: Mapping[str, Channel]) -> list[str]:
    """The channels that a sender serves."""
    return [name for name, channel in channels.items() if channel.send is not None]
