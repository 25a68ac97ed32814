"""The demo clinic on a database of its own, and people who write to it through the real inbox, worker, dialog and outbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from channels import terminal
from core import clock
from core.config import parse_keyring
from core.crypto import Vault
from core.database import open_engine, transaction
from core.people import staff
from frontdesk import demo
from frontdesk.desk import Desk
from frontdesk.reminding import Reminding
from frontdesk.terminal import Answer, Terminal
from frontdesk.ticks import tick

MONDAY = datetime(2026, 3, 9, 8, 55)
"""When every demo clinic begins, by its own wall clock."""

_KEYS = parse_keyring(f"test:{'A' * 43}=")  # 32 bytes of nothing
VAULT = Vault(_KEYS, _KEYS)


@dataclass
class DemoClinic:
    """A clinic that people write to; `say` is what one message brings back."""

    engine: Engine
    people: dict[tuple[str, str], Terminal] = field(default_factory=dict)
    texts_to: tuple[str, ...] = ()  # the countries that SMS go to
    reminding: Reminding | None = None

    def set_clock(self, local: datetime) -> None:
        """Go on from this moment of the clinic's wall clock, with what fell due until then done."""
        tick(self.engine, VAULT, "plan_reminders")
        with transaction(self.engine) as session:
            clock.set_now(session, local.replace(tzinfo=ZoneInfo(demo.ZONE)))
        for person in self.people.values():
            person.pass_time()
        if self.reminding is not None:
            self.reminding.remind()

    def set_reminders(self, on: bool) -> None:
        """From now on people here are reminded of their visits, as if these were channels that can be written to first."""
        self.reminding = Reminding(self.engine, VAULT, channels=[terminal.CHANNEL], for_demo=True) if on else None

    def unasked(self, channel: str, address: str) -> list[Answer]:
        """What the clinic has said to somebody meanwhile, where it reminds people."""
        return [] if self.reminding is None else self.person(channel, address).read()

    def set_texts(self, countries: tuple[str, ...]) -> None:
        """From now on the clinic sends SMS, to these countries."""
        self.texts_to = countries

    def say(self, channel: str, address: str, text: str) -> list[Answer]:
        """What the clinic answers to somebody's message; `[label]` taps a button that they have seen."""
        person = self.person(channel, address)
        assert not text.startswith("[") or text[1:-1] in person.tokens, f"there is no button {text}"
        return person.say(text)

    def staff(self, channel: str, address: str, text: str) -> list[Answer]:
        """What the clinic says to somebody when Sam at the front desk types a line about their conversation."""
        person = self.person(channel, address)
        sam = self.desk("Sam")
        sam.current = person.conversation_id
        sam.do(text)
        return person.read()

    def desk(self, name: str) -> Desk:
        """A member of staff at the front desk."""
        with transaction(self.engine) as session:
            member = staff.called(session, VAULT, name) or staff.add(session, VAULT, name, "receptionist")
        return Desk(self.engine, VAULT, member, answers_for_demo=True)

    def person(self, channel: str, address: str) -> Terminal:
        """Somebody who writes from an address; always the same for the same address."""
        if (channel, address) not in self.people:
            self.people[channel, address] = Terminal(self.engine, VAULT, address, channel, lambda _: self.texts_to)
        return self.people[channel, address]


def fill(url: str) -> None:
    """Make the demo clinic in a fresh database, as of that Monday."""
    with _opened(url) as engine:
        DemoClinic(engine).set_clock(MONDAY)
        demo.load(engine, VAULT)


@contextmanager
def opened(url: str) -> Iterator[DemoClinic]:
    """The clinic in a filled database, on that Monday."""
    with _opened(url) as engine:
        clinic = DemoClinic(engine)
        clinic.set_clock(MONDAY)
        yield clinic


@contextmanager
def _opened(url: str) -> Iterator[Engine]:
    engine = open_engine(url, pool_size=2)
    try:
        yield engine
    finally:
        engine.dispose()
