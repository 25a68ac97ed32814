"""A web chat in memory, in place of the inbox and the outbox: what the page and its HTTP are tried against."""

import secrets
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from channels.webchat import Button, Clinic, Line, Log, Persona, WebChat, Written

Answer = Callable[[str], Sequence[tuple[str, Sequence[str]]]]


class Received(NamedTuple):
    """One message, as it was handed over."""

    visitor: str
    message_id: str
    text: str | None
    choice: str | None
    label: str | None
    seen: int


@dataclass
class Talk:
    """One visitor's chat."""

    lines: list[Line] = field(default_factory=list)
    waiting: list[Line] = field(default_factory=list)
    settled: int = 0


def echo(text: str) -> Sequence[tuple[str, Sequence[str]]]:
    return [(f"You said: {text}", ())]


class FakeWebChat(WebChat):
    """Answers with `answer(text)` after `delay` seconds, or when told to; raises and is not ready while `broken`."""

    def __init__(self, answer: Answer = echo, personas: Sequence[Persona] = (), delay: float | None = 0) -> None:
        self.answer = answer
        self.delay = delay
        self.broken = False
        self.received: list[Received] = []
        self.begun: list[str | None] = []
        self.talks: dict[str, Talk] = defaultdict(Talk)
        self.known_patients = tuple(personas)
        self._changed = threading.Condition()

    def take(self, visitor: str, message_id: str, written: Written, *, seen: int, patience: float) -> Log:
        if self.broken:
            raise ConnectionError("the database is away")
        received = Received(visitor, message_id, written.text, written.choice, written.label, seen)
        if not any((visitor, message_id) == known[:2] for known in self.received):
            self._receive(received)
        with self._changed:
            self._changed.wait_for(lambda: not self.talks[visitor].waiting, patience)
        return self.log(visitor, seen, settle=True)

    def _receive(self, received: Received) -> None:
        with self._changed:
            talk = self.talks[received.visitor]
            talk.settled = max(talk.settled, received.seen)
            self.received.append(received)
            said = received.text if received.text is not None else received.label or ""
            talk.waiting.append(Line(None, "patient", received.message_id, said, (), datetime.now(UTC)))
        if self.delay == 0:
            self.reply(received.visitor)
        elif self.delay is not None:
            threading.Timer(self.delay, self.reply, (received.visitor,)).start()

    def reply(self, visitor: str) -> None:
        """Answer the oldest message that waits."""
        with self._changed:
            talk = self.talks[visitor]
            asked = talk.waiting.pop(0)
            talk.lines.append(asked._replace(seq=len(talk.lines) + 1))
            for text, labels in self.answer(asked.text):
                self._say(talk, text, labels)
            self._changed.notify_all()

    def say(self, visitor: str, text: str, labels: Sequence[str] = ()) -> None:
        """A line of the clinic that answers nothing, such as a reminder."""
        with self._changed:
            self._say(self.talks[visitor], text, labels)
            self._changed.notify_all()

    def _say(self, talk: Talk, text: str, labels: Sequence[str]) -> None:
        buttons = tuple(Button(secrets.token_urlsafe(9), label) for label in labels)
        line_id = f"out-{secrets.token_hex(4)}"
        talk.lines.append(Line(len(talk.lines) + 1, "clinic", line_id, text, buttons, datetime.now(UTC)))

    def poll(self, visitor: str, after: int) -> Log:
        return self.log(visitor, after, settle=True)

    def log(self, visitor: str, after: int, *, settle: bool) -> Log:
        with self._changed:
            talk = self.talks.get(visitor, Talk())
            if settle:
                talk.settled = max(talk.settled, after)
            return Log((*talk.lines[after:], *talk.waiting), len(talk.lines), bool(talk.waiting))

    def personas(self) -> tuple[Persona, ...]:
        return self.known_patients

    def begin(self, persona: str | None) -> str:
        self.begun.append(persona)
        return secrets.token_urlsafe(32)

    def clinic(self) -> Clinic:
        return Clinic("Lindenhof Clinic", "112")

    def ready(self) -> bool:
        return not self.broken
