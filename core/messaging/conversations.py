"""Conversations: whose turn it is, on a lease, and the sealed state of each dialog.

A claim is a committed statement of its own and counts an attempt, so that a message which kills its worker is noticed. A turn then
locks the conversation's row, message by message, and checks that the lease is still its own.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Integer,
    LargeBinary,
    Sequence,
    SmallInteger,
    Table,
    text,
)

from core import failpoints
from core.clock import NOW
from core.crypto import DataKey, Vault
from core.database import Session, metadata, run, scalar
from core.messaging import inbox, outbox

LEASE = timedelta(seconds=30)
ATTEMPTS = 3

NEXT = 0
"""The place of what is owed unasked: whichever comes next."""

_NEVER = text("'-infinity'")

lease_numbers = Sequence("lease_numbers", metadata=metadata)

conversations = Table(
    "conversations",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("data_key_id", BigInteger, ForeignKey("data_keys.id"), nullable=False),
    Column("state", LargeBinary),  # absent until the first turn
    Column("version", Integer, nullable=False, server_default="0"),
    Column(
        "last_seq", BigInteger, nullable=False, server_default="0"
    ),  # numbers what was said, given under the row's lock
    Column("lease", BigInteger),
    Column("leased_until", DateTime(timezone=True), nullable=False, server_default=_NEVER),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("not_before", DateTime(timezone=True), nullable=False, server_default=_NEVER),
    Column("staff_id", BigInteger, ForeignKey("staff.id")),  # who has taken over
    Column("asked_at", DateTime(timezone=True)),  # when, by the clinic's time, a question was asked that is still open
    postgresql_with={"fillfactor": 70},
)


@dataclass(frozen=True)
class Claim:
    """The right to answer one conversation until the lease runs out."""

    conversation_id: int
    lease: int
    attempts: int


@dataclass(frozen=True)
class Turn:
    """A conversation locked for one message: its key, what it remembers, and what is to be answered."""

    conversation_id: int
    key: DataKey
    sealed_state: bytes | None
    version: int
    last_seq: int
    now: datetime  # the clinic's time, UTC
    directory_version: int
    message: inbox.Message
    more: bool  # another message waits behind this one
    sealed_choices: bytes | None  # of the newest prompt sent before the message came, if a digit may still answer it
    staff_id: int | None  # who has taken over, and answers instead of us
    sealed_crossed: bytes | None = None  # of the prompt before that one, where the two may have crossed
    unreachable: str | None = None  # why nothing has reached the address from which it came

    @property
    def seq(self) -> int:
        """The message's own place in the conversation; replies follow it."""
        return self.last_seq + 1

    @property
    def state(self) -> bytes | None:
        """What the dialog remembers; None at the first turn."""
        return self.sealed_state and self.opened("conversations.state", self.sealed_state)

    @property
    def body(self) -> bytes:
        """What is to be answered; nothing where nobody wrote."""
        sealed = self.message.sealed_body
        return b"" if sealed is None else self.opened("inbox.body", sealed)

    @property
    def choices(self) -> bytes | None:
        """What a digit would choose from; None where nothing is on offer."""
        return self.sealed_choices and self.opened("prompts.choices", self.sealed_choices)

    @property
    def crossed(self) -> bytes | None:
        """What a digit may have meant all the same, as the newest choices had only just come."""
        return self.sealed_crossed and self.opened("prompts.choices", self.sealed_crossed)

    def sealed(self, place: str, clear: bytes) -> bytes:
        """Encrypt for a column of this conversation."""
        return self.key.seal(place, self.conversation_id, clear)

    def opened(self, place: str, sealed: bytes) -> bytes:
        """Decrypt a column of this conversation."""
        return self.key.open(place, self.conversation_id, sealed)


# `= ANY (ARRAY(SELECT …))` keeps the limit and costs half of `IN (SELECT …)`.
_CLAIM = """
UPDATE conversations c
SET lease = nextval('lease_numbers'), leased_until = clock_timestamp() + %(lease)s, attempts = attempts + 1
WHERE c.id = ANY (ARRAY(
  SELECT c.id FROM inbox m JOIN conversations c ON c.id = m.conversation_id
  WHERE m.status = 'new' AND c.leased_until < clock_timestamp() AND c.not_before <= clock_timestamp() AND {which}
  ORDER BY m.id LIMIT %(limit)s FOR NO KEY UPDATE OF c SKIP LOCKED))
RETURNING c.id, c.lease, c.attempts
"""
_CLAIM_FRESH = _CLAIM.format(which="c.attempts = 0")
_CLAIM_FAILED = _CLAIM.format(which="c.attempts > 0")

# Only whoever has the lease answers, so what waits cannot change while the lock is waited for; the lease itself is looked at
# again afterwards. What staff do goes first: a message that was typed in the very moment of taking over is theirs to answer.
_LOCK = f"""
SELECT c.state, c.version, c.last_seq, c.staff_id, k.id AS key_id, k.wrapped, {NOW} AS now,
       (SELECT directory_version FROM organization) AS directory_version,
       m.id, m.channel, m.account, m.external_id, m.address_id, m.body, m.received_at,
       EXISTS (SELECT FROM inbox b WHERE b.conversation_id = c.id AND b.status = 'new' AND b.id <> m.id) AS more,
       CASE WHEN p.expires_at > {NOW} THEN p.choices END AS choices, q.choices AS crossed,
       (SELECT unreachable FROM addresses WHERE id = m.address_id) AS unreachable
FROM conversations c JOIN data_keys k ON k.id = c.data_key_id LEFT JOIN LATERAL (
  SELECT * FROM inbox WHERE conversation_id = c.id AND status = 'new' ORDER BY channel <> '{inbox.STAFF}', id LIMIT 1) m ON true
LEFT JOIN LATERAL ({outbox.NEWEST_PROMPT}) p ON true
LEFT JOIN LATERAL ({outbox.CROSSED_PROMPT}) q ON true
WHERE c.id = %(id)s AND c.lease = %(lease)s FOR NO KEY UPDATE OF c
"""

_BEHIND = """
SELECT body FROM inbox WHERE conversation_id = %(id)s AND status = 'new' AND id > %(message_id)s AND address_id = %(address_id)s
  AND body IS NOT NULL ORDER BY id LIMIT 20
"""

# While more messages wait, the lease goes on and counts the attempt at the next one.
_FINISH = """
WITH {owing} m AS (UPDATE inbox SET status = %(status)s, seq = %(seq)s WHERE id = %(message_id)s)
UPDATE conversations
SET state = coalesce(%(state)s, state), version = version + 1, last_seq = %(last_seq)s, staff_id = %(staff_id)s,
    asked_at = %(asked_at)s,
    attempts = CASE WHEN %(more)s THEN 1 ELSE 0 END,
    leased_until = CASE WHEN %(more)s THEN clock_timestamp() + %(lease)s ELSE '-infinity' END
WHERE id = %(id)s
"""

_NEXT_SEQ = "UPDATE conversations SET last_seq = last_seq + 1 WHERE id = %(id)s RETURNING last_seq"
_OWE = f"WITH {outbox.owing(1)} none AS (SELECT) SELECT id FROM o"

_LET_GO = """
UPDATE conversations
SET leased_until = '-infinity', not_before = clock_timestamp() + %(pause)s,
    attempts = greatest(0, attempts - CASE WHEN %(forgiven)s THEN 1 ELSE 0 END)
WHERE id = %(id)s AND lease = %(lease)s
"""


_OPEN = """
SELECT c.id, c.staff_id, k.id AS key_id, k.wrapped FROM conversations c JOIN data_keys k ON k.id = c.data_key_id WHERE c.id = %(id)s
"""

_LATELY = f"""
SELECT m.conversation_id, max(m.received_at) + (SELECT clock_offset FROM clock) AS at, c.staff_id
FROM (SELECT conversation_id, received_at FROM inbox WHERE body IS NOT NULL AND channel <> '{inbox.STAFF}'
      ORDER BY received_at DESC LIMIT 1000) m JOIN conversations c ON c.id = m.conversation_id
GROUP BY m.conversation_id, c.staff_id ORDER BY at DESC LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Open:
    """A conversation as staff see it: its key, and who of them has taken over."""

    id: int
    key: DataKey
    staff_id: int | None


class Lately(NamedTuple):
    """A conversation in which somebody wrote lately."""

    conversation_id: int
    at: datetime
    staff_id: int | None


def open_(session: Session, vault: Vault, id: int) -> Open | None:
    """A conversation for staff to read; None when there is none of that number. Reading it is for the caller to audit."""
    row = run(session, _OPEN, id=id).fetchone()
    return None if row is None else Open(row.id, vault.unwrap(row.key_id, row.wrapped), row.staff_id)


def lately(session: Session, limit: int) -> list[Lately]:
    """The conversations in which somebody wrote last."""
    return [Lately(*row) for row in run(session, _LATELY, limit=limit)]


def claim(session: Session, limit: int = 16) -> list[Claim]:
    """Take the conversations that have waited longest for an answer. Commit before answering."""
    return [Claim(*row) for row in run(session, _CLAIM_FRESH, lease=LEASE, limit=limit)]


def claim_failed(session: Session) -> Claim | None:
    """Take one conversation whose last attempt did not end well: it is tried alone."""
    row = run(session, _CLAIM_FAILED, lease=LEASE, limit=1).fetchone()
    return None if row is None else Claim(*row)


def lock(session: Session, vault: Vault, claimed: Claim) -> Turn | None:
    """Lock the conversation and take its oldest unanswered message; None when the lease is not ours any more or all is answered."""
    row = run(session, _LOCK, id=claimed.conversation_id, lease=claimed.lease).fetchone()
    if row is None:
        return None
    if row.id is None:  # somebody answered in the very instant of our claim
        let_go(session, claimed, timedelta(0), forgiven=True)
        return None
    return Turn(
        claimed.conversation_id,
        vault.unwrap(row.key_id, row.wrapped),
        row.state,
        row.version,
        row.last_seq,
        row.now,
        row.directory_version,
        inbox.Message(row.id, row.channel, row.account, row.external_id, row.address_id, row.body, row.received_at),
        row.more,
        row.choices,
        row.staff_id,
        row.crossed,
        row.unreachable,
    )


def bodies_behind(session: Session, turn: Turn) -> list[bytes]:
    """What has come next from the same address and waits for its own turn; in order, and of a flood the first."""
    message = turn.message
    rows = run(session, _BEHIND, id=turn.conversation_id, message_id=message.id, address_id=message.address_id)
    return [turn.opened("inbox.body", row.body) for row in rows]


def finish(
    session: Session,
    turn: Turn,
    state: bytes | None,
    staff_id: int | None,
    address_id: int | None = None,
    owed: Collection[outbox.Message] = (),
    *,
    aside: bool = False,
    asks: bool = False,
) -> None:
    """The message is answered, or put aside for staff: owe the address what is said, save what the dialog remembers, let go or go on.

    `asks` says that a question is open now: for a while nothing else is said unasked. None keeps the state as it was; as `staff_id` it says that nobody has taken over. `owed` is numbered on from the turn's own place.
    """
    failpoints.reach("outbox.before_insert")
    run(
        session,
        _finish(len(owed)),
        id=turn.conversation_id,
        message_id=turn.message.id,
        status="aside" if aside else "answered",
        seq=turn.seq,
        state=None if state is None else turn.sealed("conversations.state", state),
        last_seq=turn.seq + len(owed),
        staff_id=staff_id,
        asked_at=turn.now if asks else None,
        more=turn.more,
        lease=LEASE,
        **outbox.owed(address_id, owed),
    )


@cache
def _finish(messages: int) -> str:
    return _FINISH.format(owing=outbox.owing(messages))


def owe(session: Session, home: inbox.Home, unasked: outbox.Message) -> int:
    """Owe somebody what answers no message of theirs, at the next place of their conversation (NEXT); returns its number.

    The conversation is locked from here on until the transaction ends, as a turn would lock it.
    """
    seq = scalar(session, _NEXT_SEQ, id=home.conversation_id)
    owed = outbox.owed(home.address_id, [replace(unasked, seq=seq)])
    return int(scalar(session, _OWE, id=home.conversation_id, **owed))


def let_go(session: Session, claimed: Claim, pause: timedelta, *, forgiven: bool = False) -> None:
    """Give the conversation back after a failure; `forgiven` does not count the attempt (a deadlock, a lost connection).

    Without effect once the lease is somebody else's, or when it has been given back already.
    """
    run(session, _LET_GO, id=claimed.conversation_id, lease=claimed.lease, pause=pause, forgiven=forgiven)
