"""Answer the inbox. A worker is one thread with one connection; run several processes of it.

Claims are committed before anything is answered. Then every message is one transaction: lock, dialog, booking, replies, state.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import psycopg
from sqlalchemy import Engine

from bot.messages import Happened, Inbound, Manner, Payload, Reply, Say
from bot.turn import Answering, answer, outgoing
from bot.understanding import warm_up
from channels import CHANNELS, Channel
from core import failpoints, logs
from core.config import Settings
from core.crypto import Vault
from core.database import IDLE_LIMIT, UNAVAILABLE, Session, at_once, open_engine, transaction
from core.messaging import conversations, handoffs, inbox
from core.messaging.conversations import Claim, Turn
from core.messaging.waking import Bell, bell_and_ear
from core.scheduling.directory import Cached, Directory
from frontdesk.processes import stopped_by_signal
from frontdesk.ticks import ticking

_PAUSES = (timedelta(milliseconds=200), timedelta(milliseconds=400))  # before the second and the third attempt
_BRIEFLY = timedelta(milliseconds=50)

_log = logs.get(__name__)


def nowhere(_region: str) -> tuple[str, ...]:
    """The countries that SMS go to where there is no number to write from."""
    return ()


@dataclass
class Worker:
    """One thread that answers, with one connection; beside it are a bell, an ear, and a thread of ticks."""

    engine: Engine
    vault: Vault
    bell: Bell | None = None
    channels: Mapping[str, Channel] = field(default_factory=lambda: CHANNELS)
    stopping: threading.Event = field(default_factory=threading.Event)
    directory: Cached = field(default_factory=Cached)
    answers_for_demo: bool = False  # on channels that have a vendor
    texts_to: Callable[[str], tuple[str, ...]] = nowhere  # the countries that SMS go to, of a clinic in a region
    _claimed: deque[Claim] = field(default_factory=deque)
    _retry_at: float = field(default_factory=lambda: time.monotonic() + 1)

    def answer_waiting(self) -> int:
        """Answer until nobody waits; returns how many messages were answered."""
        self._give_back()
        answered = 0
        while not self.stopping.is_set():
            self._retry_now_and_then()
            claims = self._claim()
            if not claims:
                break
            answered += self._answer_all(claims)
        return answered

    def retry_failed(self) -> int:
        """Try one conversation whose last attempt did not end well, alone; returns how many messages were answered."""
        with at_once(self.engine) as session:
            claim = conversations.claim_failed(session)
        return 0 if claim is None else self._answer_all([claim])

    def _retry_now_and_then(self) -> None:
        """However many wait, those that failed have their turn once a second."""
        if time.monotonic() >= self._retry_at:
            self._retry_at = time.monotonic() + 1
            self.retry_failed()

    def _claim(self) -> list[Claim]:
        with at_once(self.engine) as session:
            return conversations.claim(session)

    def _answer_all(self, claims: list[Claim]) -> int:
        """Answer conversation by conversation. What is not answered when the database goes away is given back later."""
        failpoints.reach("worker.after_claim")
        self._claimed.extend(claims)
        answered = 0
        while self._claimed:
            answered += self._answer_conversation(self._claimed[0])
            self._claimed.popleft()
        return answered

    def _give_back(self) -> None:
        """The database was away: no message was at fault, and nobody has to wait for our leases to run out."""
        while self._claimed:
            self._let_go(self._claimed[0], timedelta(0), forgiven=True)
            self._claimed.popleft()

    def _answer_conversation(self, claim: Claim) -> int:
        """Answer all that waits in one conversation; returns how many messages that were."""
        answered = 0
        while True:
            if self.stopping.is_set():
                self._let_go(claim, timedelta(0), forgiven=True)
                return answered
            began = time.monotonic()
            try:
                turn = self._answer_one(claim)
            except (psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable):
                self._let_go(claim, _BRIEFLY, forgiven=True)
                return answered
            except Exception as error:
                # What took too long is the message's own fault, though it looks as if the database had gone away.
                slow = isinstance(error, psycopg.errors.QueryCanceled) or time.monotonic() - began >= IDLE_LIMIT
                if isinstance(error, UNAVAILABLE) and not slow:
                    raise
                _log.exception("turn_failed", conversation_id=claim.conversation_id, attempts=claim.attempts)
                turn = self._failed(claim)
            if turn is None:
                return answered
            answered += 1
            if self.bell is not None:
                self.bell.ring("outbox")
            if not turn.more:
                return answered
            claim = Claim(claim.conversation_id, claim.lease, 1)

    def _answer_one(self, claim: Claim) -> Turn | None:
        """One message, one transaction. None when the lease was lost or nothing waits."""
        if claim.attempts > conversations.ATTEMPTS:
            return self._put_aside(claim)  # its worker died every time
        with transaction(self.engine) as session:
            turn = conversations.lock(session, self.vault, claim)
            if turn is not None:
                failpoints.reach("turn.after_lock")
                self._answer_within(session, turn)
        failpoints.reach("turn.after_commit")
        return turn

    def _answer_within(self, session: Session, turn: Turn) -> None:
        answering = self._answering(session, turn)
        if answering.manner.is_demo and not self.answers_for_demo:
            _log.warning("demo_is_silent", conversation_id=turn.conversation_id, reason="a real channel needs --demo")
            conversations.finish(session, turn, None, turn.staff_id)
            return
        answer(answering, self._decoded(session, turn))

    def _answering(self, session: Session, turn: Turn) -> Answering:
        message = turn.message
        clinic = self.directory.current(session, turn.directory_version)
        at = message.address
        if message.channel == inbox.STAFF:
            at = inbox.address_of(session, turn.conversation_id)
        manner = Manner() if at is None else self._manner(at, clinic)
        return Answering(session, self.vault, clinic, turn, manner, None if at is None else at.id)

    def _manner(self, at: inbox.Address, clinic: Directory) -> Manner:
        """How one talks there; an invented clinic on a real channel must not be taken for a real one."""
        channel = self.channels[at.channel]
        is_demo = clinic.organization.is_demo and channel.open is not None
        texts_to = self.texts_to(clinic.organization.region)
        return replace(channel.manner(at.account), is_demo=is_demo, texts_to=texts_to)

    def _decoded(self, session: Session, turn: Turn) -> Inbound | None:
        if turn.message.address is None:
            return None
        channel, body = self.channels[turn.message.channel], turn.body
        if channel.amended is not None and turn.more:
            body = channel.amended(body, conversations.bodies_behind(session, turn))
        return channel.decode(body)

    def _failed(self, claim: Claim) -> Turn | None:
        """Try again a little later; after the third time the message is put aside and the next one has its turn."""
        if claim.attempts >= conversations.ATTEMPTS:
            return self._put_aside(claim)
        self._let_go(claim, _PAUSES[claim.attempts - 1])
        return None

    def _let_go(self, claim: Claim, pause: timedelta, *, forgiven: bool = False) -> None:
        with at_once(self.engine) as session:
            conversations.let_go(session, claim, pause, forgiven=forgiven)

    def _put_aside(self, claim: Claim) -> Turn | None:
        """Three attempts were too many: staff look at the message, the patient is told, the conversation goes on."""
        with transaction(self.engine) as session:
            turn = conversations.lock(session, self.vault, claim)
            if turn is None:
                return None
            at = turn.message.address
            _log.error("put_aside", conversation_id=claim.conversation_id, inbox_id=turn.message.id)
            handoffs.hand_over(session, turn.conversation_id, "aside", turn.now)
            told = Reply((Say("error.aside"),), (), (Happened("handed_over", {"reason": "aside"}),))
            owed = [] if at is None else [outgoing(turn, turn.seq + 1, Payload(told, "en"))]
            conversations.finish(session, turn, None, turn.staff_id, None if at is None else at.id, owed, aside=True)
        return turn


def main(settings: Settings) -> None:
    """Answer until a signal comes. A database that is away is waited for."""
    warm_up(Directory())
    url = settings.database_url
    engine = open_engine(url, pool_size=2)
    ticks = partial(ticking, engine, settings.vault, var_dir=settings.var_dir, for_demo=settings.demo)
    with bell_and_ear(url, "inbox") as (bell, ear), ticks(bell):
        worker = Worker(
            engine,
            settings.vault,
            bell,
            stopping=stopped_by_signal(ear),
            answers_for_demo=settings.demo,
            texts_to=settings.texts_to,
        )
        while not worker.stopping.is_set():
            heard = ear.rings
            try:
                worker.answer_waiting()
                while worker.retry_failed():
                    pass
            except UNAVAILABLE as error:
                _log.warning("database_away", error=type(error).__name__)
                engine.dispose()
                worker.stopping.wait(1 + random.random())  # noqa: S311  # so that workers do not come back all at once
                continue
            ear.wait(heard)
    engine.dispose()
