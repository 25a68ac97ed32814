"""Web chat: a visitor is a random token in a cookie; the page fetches for itself and needs no sender."""

import secrets
import threading
import time
from collections import Counter
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import Engine

from bot.messages import Say
from bot.texts import say
from channels import reading
from channels.reading import Written, decode
from channels.rendering import Button, with_buttons
from core import failpoints
from core.crypto import Vault
from core.database import UNAVAILABLE, Session, at_once, run, transaction
from core.messaging import inbox, readers
from core.messaging.inbox import Home, Sender
from core.messaging.waking import Bell, Ear
from core.people import personas
from core.people.personas import Persona
from core.scheduling import directory
from core.scheduling.directory import Directory

__all__ = ["CHANNEL", "Button", "Clinic", "Line", "Log", "Persona", "WebChat", "Written", "decode"]

CHANNEL = "web"
ACCOUNT = "chat"


class Line(NamedTuple):
    """One thing that was said. `id` is the client's for the patient's lines, the outbox's for the clinic's.

    `seq` is its place in the chat, None while it waits for its answer; `at` is when it was said, in UTC.
    """

    seq: int | None
    speaker: Literal["patient", "clinic"]
    id: str
    text: str
    buttons: tuple[Button, ...]
    at: datetime


class Log(NamedTuple):
    """What was said after some number; `cursor` is the number to ask with next, `waiting` says that an answer is due."""

    lines: tuple[Line, ...]
    cursor: int
    waiting: bool


class Clinic(NamedTuple):
    """The clinic, as the page is headed with it."""

    name: str
    emergency_number: str


class WebChat:
    """All that the web process may do with a chat."""

    def __init__(self, engine: Engine, vault: Vault, bell: Bell, ear: Ear) -> None:
        self._engine = engine
        self._vault = vault
        self._bell = bell
        self._ear = ear
        self._directory = directory.Cached()
        self._waiting_room = _WaitingRoom(engine, ear)

    def take(self, visitor: str, message_id: str, written: Written, *, seen: int, patience: float) -> Log:
        """Keep a message in the inbox, once per `message_id`; what came up to `seen` was shown before it was written.

        Returns the chat after number `seen`, with the answer if that comes within `patience` seconds.
        """
        heard = self._ear.rings
        sender = _sender(visitor)
        with at_once(self._engine) as session:
            home = inbox.find_home(session, self._vault, sender)
            is_new = home is not None and reading.keep(session, home, sender, message_id, written, seen)
        if home is None:  # who writes for the first time
            with transaction(self._engine) as session:
                home = inbox.home(session, self._vault, sender)
                is_new = reading.keep(session, home, sender, message_id, written, seen)
        failpoints.reach("inbox.after_commit")
        self._bell.ring("inbox")
        self._waiting_room.wait(home.conversation_id, heard if is_new else None, patience)
        with at_once(self._engine) as session:
            return self._log(session, home, seen)

    def poll(self, visitor: str, after: int) -> Log:
        """The chat after number `after`, all before which has been shown. Mostly there is nothing, and one question says so."""
        with at_once(self._engine) as session:
            has_news = readers.has_news(session, self._vault, _sender(visitor), after)
        return self.log(visitor, after, settle=True) if has_news else Log((), after, waiting=False)

    def log(self, visitor: str, after: int, *, settle: bool) -> Log:
        """The chat after number `after`; `settle` notes that everything up to there has been shown."""
        with at_once(self._engine) as session:
            home = inbox.find_home(session, self._vault, _sender(visitor))
            if home is None:
                return Log((), after, waiting=False)
            if settle and after:
                readers.seen(session, home.address_id, after)
            return self._log(session, home, after)

    def _log(self, session: Session, home: Home, after: int) -> Log:
        said = reading.said(session, home, after)
        if not said:
            return Log((), after, waiting=False)
        clinic = self._directory.current(session, said[-1].directory_version)
        lines = tuple(_shown(line, clinic) for line in said)
        cursor = max((line.seq for line in lines if line.seq is not None), default=after)
        return Log(lines, cursor, waiting=any(line.seq is None for line in lines))

    def personas(self) -> tuple[Persona, ...]:
        """Whom a visitor may play; nobody outside of the demo clinic."""
        with transaction(self._engine) as session:
            return personas.every(session)

    def begin(self, persona: str | None) -> str:
        """A token for a new visitor, who is nobody yet or plays a persona."""
        visitor = secrets.token_urlsafe(32)
        if persona is not None:
            with transaction(self._engine) as session:
                home = inbox.home(session, self._vault, _sender(visitor))
                personas.play(session, home.address_id, persona)
        return visitor

    def clinic(self) -> Clinic:
        """What the page says of the clinic."""
        with transaction(self._engine) as session:
            known = self._directory.current(session)
        return Clinic(known.organization.name, say(Say("emergency_number"), "en", known))

    def ready(self) -> bool:
        """Whether the database answers."""
        try:
            with transaction(self._engine) as session:
                run(session, "SELECT 1")
        except UNAVAILABLE:
            return False
        return True


class _WaitingRoom:
    """Where posts wait for their replies. A bell wakes everybody in it, so one of them asks for all."""

    def __init__(self, engine: Engine, ear: Ear) -> None:
        self._engine = engine
        self._ear = ear
        self._lock = threading.Lock()
        self._inside: Counter[int] = Counter()  # conversations, and how many wait for each
        self._asked = (-1, frozenset[int](), frozenset[int]())  # after which ring, for whom, and who is unanswered

    def wait(self, conversation_id: int, heard: int | None, seconds: float) -> None:
        """Return once nothing in this conversation waits for an answer, or when the time is up.

        One looks first after a bell that was not `heard` yet; at once where that is None.
        """
        deadline = time.monotonic() + seconds
        with self._lock:
            self._inside[conversation_id] += 1
        try:
            while heard is None or self._has_rung(heard, deadline - time.monotonic()):
                heard = self._ear.rings
                if not self._is_unanswered(heard, conversation_id):
                    return
        finally:
            with self._lock:
                self._inside[conversation_id] -= 1
                self._inside += Counter()  # forgets those whom nobody waits for

    def _has_rung(self, heard: int, seconds: float) -> bool:
        """Whether a bell came after `heard`, within some seconds."""
        if seconds > 0:
            self._ear.wait(heard, seconds)
        return seconds > 0 and self._ear.rings != heard

    def _is_unanswered(self, heard: int, conversation_id: int) -> bool:
        with self._lock:
            after, everybody, _ = self._asked
            if after != heard or conversation_id not in everybody:
                everybody = frozenset(self._inside)
                with at_once(self._engine) as session:
                    self._asked = heard, everybody, inbox.unanswered(session, everybody)
            return conversation_id in self._asked[2]


def _sender(visitor: str) -> Sender:
    return Sender(CHANNEL, ACCOUNT, visitor)


def _shown(line: reading.Line, clinic: Directory) -> Line:
    if line.payload is not None:
        rendered = with_buttons(line.payload, clinic)
        return Line(line.seq, line.speaker, line.id, rendered.text, rendered.buttons, line.at)
    assert line.written is not None
    text = line.written.text if line.written.text is not None else line.written.label or ""
    return Line(line.seq, line.speaker, line.id, text, (), line.at)
