"""A channel whose vendor is a list: it does what the test says, and remembers what it was given."""

import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bot.messages import Inbound, Manner, Payload
from channels import Channel
from channels.delivery import deliver_next
from core.config import load_settings
from core.database import open_engine
from core.messaging.outbox import Outcome, Owed
from core.scheduling.directory import Directory

CHANNEL = "recording"


class Call(NamedTuple):
    """One call of the vendor: for whom, and which text."""

    address: str
    key: str
    outbox_id: int


@dataclass
class Recording:
    """Messages come in as plain text; what goes out is in `calls`, even if the call then fails."""

    calls: list[Call] = field(default_factory=list)
    script: deque[BaseException | None] = field(default_factory=deque)
    hear: Callable[[str], None] = lambda _text: None
    in_flight: dict[str, int] = field(default_factory=dict)
    most_in_flight: int = 0  # at one address
    ledger: Path | None = None  # a file of what went out, for a vendor whose sender dies
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def will(self, *outcomes: BaseException | None) -> None:
        """What the next calls come to, in order; None, and every call afterwards, goes well."""
        self.script.extend(outcomes)

    def said_to(self, address: str) -> list[str]:
        """The texts that this address was given, in order."""
        return [call.key for call in self.calls if call.address == address]

    @property
    def channels(self) -> dict[str, Channel]:
        """The table of channels, with this one alone."""
        return {CHANNEL: Channel(self._decode, lambda _account: Manner(), self._send)}

    def _decode(self, body: bytes) -> Inbound:
        text = body.decode()
        self.hear(text)
        return Inbound(text)

    def _send(self, owed: Owed, payload: Payload, _directory: Directory) -> Outcome:
        with self._lock:
            self.in_flight[owed.address] = self.in_flight.get(owed.address, 0) + 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight[owed.address])
            self.calls.append(Call(owed.address, payload.reply.says[0].key, owed.id))
            trouble = self.script.popleft() if self.script else None
            if self.ledger is not None:
                with self.ledger.open("a") as file:
                    file.write(f"{self.calls[-1].key}\n")
        try:
            if trouble is not None:
                raise trouble
            return Outcome("sent", vendor_id=f"vendor-{owed.id}")
        finally:
            with self._lock:
                self.in_flight[owed.address] -= 1


def main(ledger: Path) -> None:
    """Send all that may go now, as a process of its own; each text that goes out is a line of the ledger."""
    settings = load_settings()
    vendor = Recording(ledger=ledger)
    engine = open_engine(settings.database_url, pool_size=1)
    while deliver_next(engine, settings.vault, Directory(), vendor.channels):
        pass
    engine.dispose()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
