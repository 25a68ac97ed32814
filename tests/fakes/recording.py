"""A channel whose vendor is a list: it does what the test says, and remembers what it was given."""

import argparse
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from bot.messages import Inbound, Manner, Payload, Words
from channels import CHANNELS, Capped, Channel, Keep, Speaker
from core import logs
from core.config import load_settings
from core.messaging import conversations, outbox
from core.messaging.outbox import ANY_RATE, Outcome, Owed, Rate
from core.scheduling.directory import Directory
from frontdesk import lifeline, sender, ticks, worker

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
    ledger: Path | None = None  # a file of what it took, a JSON object a line, for a vendor whose senders die
    takes: float = 0  # seconds until it answers
    account_rate: Rate = ANY_RATE
    per_address: Rate = ANY_RATE
    capped: Sequence[Capped] = ()
    weight: int = 1  # of each message, in the account's intervals
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
        return {CHANNEL: Channel(self._decode, lambda _account: Manner(), lambda _settings: self)}

    @property
    def speakers(self) -> dict[str, Speaker]:
        """What a sender serves: this one alone."""
        return {CHANNEL: self}

    def address_rate(self, _address: str) -> Rate:
        """As the test says; as often as one likes otherwise."""
        return self.per_address

    def fetch(self, _account: str, reference: str, _most: int) -> bytes:
        """Every file holds its own name."""
        return reference.encode()

    def missed(self) -> tuple[Keep, ...]:
        """Everything was brought."""
        return ()

    def close(self) -> None:
        """Nothing to let go of."""

    def _decode(self, body: bytes) -> Inbound:
        text = body.decode()
        self.hear(text)
        return Words(text)

    def draws(self, _owed: Owed, _payload: Payload, _directory: Directory) -> Sequence[Capped]:
        return self.capped

    def send(self, owed: Owed, payload: Payload, _directory: Directory) -> Outcome:
        """Take it, or do what the script says."""
        with self._lock:
            self.in_flight[owed.address] = self.in_flight.get(owed.address, 0) + 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight[owed.address])
            self.calls.append(Call(owed.address, payload.reply.says[0].key, owed.id))
            trouble = self.script.popleft() if self.script else None
            if trouble is None and self.ledger is not None:
                _write(self.ledger, self.calls[-1])
        time.sleep(self.takes)
        try:
            if trouble is not None:
                raise trouble
            return Outcome("sent", vendor_id=f"vendor-{owed.id}", weight=self.weight)
        finally:
            with self._lock:
                self.in_flight[owed.address] -= 1


def _write(ledger: Path, call: Call) -> None:
    line = {
        "outbox_id": call.outbox_id,
        "at": datetime.now(UTC).isoformat(),
        "address_key": call.address,
        "key": call.key,
    }
    with ledger.open("a") as file:  # one write a line, so that senders do not disturb each other
        file.write(json.dumps(line) + "\n")


def main() -> None:
    """A worker or a sender as a process of its own, which knows this channel beside the real ones."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["worker", "sender"])
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--takes", type=float, default=0, help="seconds until the vendor answers")
    parser.add_argument("--leases", type=float, help="seconds after which others take over; ticks come as often")
    options = parser.parse_args()
    lifeline.follow()
    settings = load_settings()
    logs.set_up(options.role, "warning")
    CHANNELS.update(Recording(ledger=options.ledger, takes=options.takes).channels)
    if options.leases is not None:
        conversations.LEASE = outbox.LEASE = timedelta(seconds=options.leases)
        ticks.TICKS |= {
            name: (key, work, min(often, options.leases)) for name, (key, work, often) in ticks.TICKS.items()
        }
    {"worker": worker.main, "sender": sender.main}[options.role](settings)


if __name__ == "__main__":
    main()
