"""Remind whoever has a visit ahead: what is due becomes messages, a conversation and a transaction at a time."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from secrets import token_urlsafe

import psycopg
from sqlalchemy import Engine

from bot import state as states
from bot.events import Facts
from bot.flows.confirming import reminder
from bot.messages import Payload, pack
from channels import CHANNELS
from core import clock, failpoints, logs
from core.compliance import audit
from core.crypto import DataKey, Unreadable, Vault
from core.database import UNAVAILABLE, Session, transaction
from core.messaging import conversations, outbox, reminders, reminding
from core.messaging.inbox import Home
from core.messaging.reminders import Chat
from core.messaging.reminding import Due, Text
from core.messaging.waking import Bell
from core.people import patients
from core.scheduling.directory import Cached, Directory
from core.scheduling.policies import Policy

_log = logs.get(__name__)


def written_to() -> frozenset[str]:
    """The channels on which somebody can be written to first; a web chat is nowhere that a reminder reaches them."""
    return frozenset(name for name, channel in CHANNELS.items() if channel.open is not None)


@dataclass
class Reminding:
    """What one process does about reminders, tick by tick. Any number of them may be at it."""

    engine: Engine
    vault: Vault
    bell: Bell | None = None
    channels: Collection[str] = field(default_factory=written_to)
    for_demo: bool = False  # an invented clinic reminds people on real channels
    directory: Cached = field(default_factory=Cached)

    def remind(self) -> int:
        """Settle what is due; returns how many messages are owed by that."""
        with transaction(self.engine) as session:
            clinic = self.directory.current(session)
            channels = self.channels if self.for_demo or not clinic.organization.is_demo else ()
            dropped = reminders.drop(session, channels, clock.now(session))
        seen: list[int] = []
        owed = 0
        while (said := self._remind_next(channels, seen)) is not None:
            owed += said
        if owed or dropped:
            _log.info("remind", count=owed, dropped=dropped)
        if owed and self.bell is not None:
            self.bell.ring("outbox")
        return owed

    def _remind_next(self, channels: Collection[str], seen: list[int]) -> int | None:
        """One conversation that was not `seen`, in one transaction; returns how many messages it is owed, or None where none is left.

        What fails is left as it was, for the next tick, and holds up nobody else.
        """
        before = len(seen)
        try:
            with transaction(self.engine) as session:
                now = clock.now(session)
                chat = reminders.next_chat(session, channels, now, seen)
                if chat is None:
                    return None
                seen.append(chat.id)
                owed = self._remind_in(session, chat, channels, now)
                failpoints.reach("remind.before_commit")
            failpoints.reach("remind.after_commit")
            return owed
        except Exception as error:
            is_busy = isinstance(error, psycopg.errors.DeadlockDetected | psycopg.errors.LockNotAvailable)
            if len(seen) == before or (isinstance(error, UNAVAILABLE) and not is_busy):
                raise
            _log.exception("remind_failed", conversation_id=seen[-1])
            return 0

    def _remind_in(self, session: Session, chat: Chat, channels: Collection[str], now: datetime) -> int:
        clinic = self.directory.current(session)
        dues = reminders.due_in(session, chat, channels, now)
        sent = reminders.sent_lately(session, dues, now)
        decided = reminding.decide(dues, partial(_policy, clinic), sent, chat.asked_at, now)
        try:
            worded = [self._worded(session, chat, text, clinic, now) for text in decided.texts]
        except Unreadable:
            reminders.failed(session, dues, "unreadable", now)
            return 0
        reminders.settle(session, decided, now)
        for text, (home, message) in zip(decided.texts, worded, strict=True):
            reminders.owed(session, text, conversations.owe(session, home, message), now)
        return len(worded)

    def _worded(
        self, session: Session, chat: Chat, text: Text, clinic: Directory, now: datetime
    ) -> tuple[Home, outbox.Message]:
        """A text as the outbox takes it, and to whom it goes. Raises Unreadable."""
        key = chat.key(self.vault)
        known = patients.known_at(session, self.vault, text.address_id, audit.CLOCK)
        names = tuple((patient.id, patient.first_name) for patient in known)
        facts = Facts(clinic, now.astimezone(clinic.zone).date(), names)
        language = states.unpack(chat.state(key)).language
        payload = Payload(reminder(text.visits, facts), language, token_urlsafe(9), notice="reminder")
        return Home(text.address_id, chat.id, key), _sealed(chat, key, payload, text, now)


def _sealed(chat: Chat, key: DataKey, payload: Payload, text: Text, now: datetime) -> outbox.Message:
    """A digit answers it until the last of its visits begins; it is of use until the first one is too near."""
    starts = [due.visit.slot.start for due in text.visits]
    return outbox.Message(
        conversations.NEXT,
        key.seal("outbox.payload", chat.id, pack(payload)),
        payload.token,
        key.seal("prompts.choices", chat.id, pack(payload.reply.choices)),
        max(starts),
        lasts=True,
        priority=outbox.REMINDER,
        useful_for=min(starts) - reminding.TOO_NEAR - now,
    )


def _policy(clinic: Directory, due: Due) -> Policy:
    kind = clinic.visit_type.get(due.visit.slot.visit_type_id)
    return clinic.organization.policy if kind is None else kind.policy
