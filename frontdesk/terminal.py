"""One person's chat without a browser: through the same inbox, worker and outbox as every other channel."""

import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sqlalchemy import Engine

from bot.messages import Payload
from channels import reading, terminal
from channels.reading import Written
from channels.rendering import RENDER, Rendered
from core.crypto import Vault
from core.database import transaction
from core.messaging import inbox, readers
from core.messaging.inbox import Sender
from frontdesk.ticks import TICKS, tick
from frontdesk.worker import Worker, nowhere

PATIENCE = 30  # seconds to wait for an answer, should another worker have taken the message


@dataclass(frozen=True)
class Answer:
    """One message of the clinic, as data and as this channel shows it."""

    payload: Payload
    rendered: Rendered


@dataclass
class Terminal:
    """A person at an address; answers come from whatever worker is fastest, this process included."""

    engine: Engine
    vault: Vault
    address: str
    account: str  # how choices are shown: see channels.rendering
    texts_to: Callable[[str], tuple[str, ...]] = nowhere  # the countries that SMS go to
    seen: int = 0
    tokens: dict[str, str] = field(default_factory=dict)  # the newest button of each label
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _session: str = field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        self.worker = Worker(self.engine, self.vault, texts_to=self.texts_to)

    def say(self, text: str) -> list[Answer]:
        """Write a line, or tap the button with that label; returns what the clinic answers."""
        label = text.removeprefix("[").removesuffix("]") if text.startswith("[") else text
        token = self.tokens.get(label)
        return self.write(Written(text) if token is None else Written(choice=token, label=label))

    def write(self, written: Written) -> list[Answer]:
        """Send words or a tap; returns what the clinic answers."""
        self.pass_time()
        with transaction(self.engine) as session:
            message_id = f"{self._session}-{next(self._numbers)}"
            home = reading.store(session, self.vault, self._sender, message_id, written, self.seen)
        return self._read(home)

    def read(self) -> list[Answer]:
        """What the clinic has said meanwhile."""
        with transaction(self.engine) as session:
            return self._read(inbox.home(session, self.vault, self._sender))

    @property
    def conversation_id(self) -> int:
        """This person's conversation, by its number."""
        with transaction(self.engine) as session:
            return inbox.home(session, self.vault, self._sender).conversation_id

    @property
    def _sender(self) -> Sender:
        return Sender(terminal.CHANNEL, self.account, self.address)

    def pass_time(self) -> None:
        """Let the clock do what is due, as a running worker would."""
        for name in TICKS:
            tick(self.engine, self.vault, name)
        self.worker.answer_waiting()

    def _read(self, home: inbox.Home) -> list[Answer]:
        deadline = time.monotonic() + PATIENCE
        while True:
            self.worker.answer_waiting()
            while self.worker.retry_failed():
                pass
            with transaction(self.engine) as session:
                lines = reading.said(session, home, self.seen)
            if all(line.seq is not None for line in lines):
                break
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.02)
        self.seen = max((line.seq or 0 for line in lines), default=self.seen)
        with transaction(self.engine) as session:
            readers.seen(session, home.address_id, self.seen)
            clinic = self.worker.directory.current(session)
        answers = [
            Answer(line.payload, RENDER[self.account](line.payload, clinic))
            for line in lines
            if line.payload is not None
        ]
        self.tokens |= {button.label: button.token for answer in answers for button in answer.rendered.buttons}
        return answers
