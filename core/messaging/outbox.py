"""What the clinic owes: written in the transaction that decided it, delivered afterwards.

Rows hold keys and values, worded only when they are sent. One row per address is in flight, in order; the database keeps that.
Web chat and the terminal fetch for themselves: see `readers`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)

from core.crypto import Unreadable, Vault
from core.database import Session, metadata, run, scalar

LEASE = timedelta(seconds=45)  # longer than a vendor call's whole deadline; an address goes on within a minute

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("conversation_id", BigInteger, ForeignKey("conversations.id"), nullable=False),
    Column("address_id", BigInteger, ForeignKey("addresses.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),  # its place in the conversation
    Column("payload", LargeBinary),  # gone when its time is over
    Column("status", Text, nullable=False, server_default="due"),
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("leased_until", DateTime(timezone=True)),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("vendor_id", Text),
    Column("error", Text),  # a code, never a vendor's words about a person
    Column("settled_at", DateTime(timezone=True)),
    CheckConstraint("status IN ('due', 'sending', 'sent', 'failed', 'unknown')", name="status"),
    Index("outbox_queue_idx", "address_id", "id", postgresql_where=text("status IN ('due', 'sending')")),
    Index("outbox_due_idx", "id", postgresql_where=text("status = 'due'")),
    Index("outbox_in_flight_idx", "address_id", unique=True, postgresql_where=text("status = 'sending'")),
    Index("outbox_conversation_id_seq_idx", "conversation_id", "seq"),
    Index("outbox_kept_idx", "due_at", postgresql_where=text("payload IS NOT NULL")),
)

prompts = Table(
    "prompts",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("conversation_id", BigInteger, ForeignKey("conversations.id"), nullable=False),
    Column("outbox_id", BigInteger, ForeignKey("outbox.id"), nullable=False),
    Column("token", Text, nullable=False),
    Column("choices", LargeBinary, nullable=False),
    Column("sent_at", DateTime(timezone=True)),  # by the database's own clock, like the inbox's received_at
    Column("expires_at", DateTime(timezone=True), nullable=False),  # for digits; a tap says for itself what it means
    Index("prompts_conversation_id_token_idx", "conversation_id", "token", unique=True),
    Index("prompts_conversation_id_sent_at_idx", "conversation_id", "sent_at"),
    Index("prompts_outbox_id_idx", "outbox_id"),
)


@dataclass(frozen=True)
class Owed:
    """One message to hand over to a channel."""

    id: int
    conversation_id: int
    address: str
    attempts: int
    payload: bytes


@dataclass(frozen=True)
class Outcome:
    """How a hand-over ended; `retry_in` sends it back to the queue."""

    status: Literal["sent", "failed", "unknown", "due"]
    vendor_id: str | None = None
    error: str | None = None
    retry_in: timedelta = timedelta(0)


@dataclass(frozen=True)
class Message:
    """What is owed at one place in the conversation, sealed; where there is something to choose, its prompt says what each choice means.

    A digit may choose until `expires_at`.
    """

    seq: int
    payload: bytes
    token: str | None = None
    choices: bytes | None = None
    expires_at: datetime | None = None


# What a turn owes, in the statement that ends it: rows of VALUES, as arrays cost the client more than a statement of their own.
_OWING = """
said (seq, payload, token, choices, expires_at) AS (VALUES {rows}),
o AS (
  INSERT INTO outbox (conversation_id, address_id, channel, seq, payload)
  SELECT %(id)s, a.id, a.channel, said.seq, said.payload FROM said, addresses a
  WHERE a.id = %(address_id)s ORDER BY said.seq RETURNING id, seq),
p AS (
  INSERT INTO prompts (conversation_id, outbox_id, token, choices, expires_at)
  SELECT %(id)s, o.id, token, choices, expires_at FROM said JOIN o USING (seq) WHERE token IS NOT NULL),
"""
_ROW = "(%(seq{n})s::bigint, %(payload{n})s::bytea, %(token{n})s::text, %(choices{n})s::bytea, %(expires_at{n})s::timestamptz)"

# The prompt that a typed digit answers: the newest that was sent to the address of message `m` before that came. Whether it is
# young enough is for the reader to see, so that an older one does not take its place.
NEWEST_PROMPT = """
SELECT p.choices, p.expires_at FROM prompts p JOIN outbox o ON o.id = p.outbox_id
WHERE p.conversation_id = m.conversation_id AND o.address_id = m.address_id AND p.sent_at <= m.received_at
ORDER BY p.id DESC LIMIT 1
"""

# One in flight per address, and only the oldest: four senders that claimed plain rows delivered reply 2 first in 61 of 200 chats.
_CLAIM = """
UPDATE outbox o SET status = 'sending', leased_until = clock_timestamp() + %(lease)s, attempts = attempts + 1
WHERE o.id = ANY (ARRAY(
  SELECT h.id FROM outbox h WHERE h.status = 'due' AND h.due_at <= clock_timestamp() AND h.channel = ANY (%(channels)s)
    AND h.id = (SELECT e.id FROM outbox e WHERE e.address_id = h.address_id AND e.status IN ('due', 'sending')
                ORDER BY e.id LIMIT 1)
  ORDER BY h.id LIMIT 1 FOR UPDATE SKIP LOCKED))
RETURNING o.id, o.conversation_id, o.address_id, o.attempts, o.payload, o.channel
"""

_OPEN = """
SELECT o.id, a.value, k.id AS key_id, k.wrapped
FROM outbox o JOIN addresses a ON a.id = o.address_id
JOIN conversations c ON c.id = o.conversation_id JOIN data_keys k ON k.id = c.data_key_id
WHERE o.id = %(id)s
"""

_SETTLE = """
WITH o AS (
  UPDATE outbox SET status = %(status)s, vendor_id = %(vendor_id)s, error = %(error)s, leased_until = NULL,
    due_at = clock_timestamp() + %(retry_in)s, settled_at = CASE WHEN %(status)s = 'due' THEN NULL ELSE clock_timestamp() END
  WHERE id = %(id)s AND status = 'sending' AND attempts = %(attempts)s RETURNING id)
UPDATE prompts SET sent_at = clock_timestamp() FROM o WHERE outbox_id = o.id AND %(status)s IN ('sent', 'unknown')
"""

_EXPIRED = """
WITH o AS (
  UPDATE outbox SET status = 'unknown', error = 'lease_expired', leased_until = NULL, settled_at = clock_timestamp()
  WHERE status = 'sending' AND leased_until < clock_timestamp() RETURNING id),
p AS (UPDATE prompts SET sent_at = clock_timestamp() FROM o WHERE outbox_id = o.id)
SELECT id FROM o
"""

_ALL_SAID = """
SELECT m.seq, a.channel, m.body, m.received_at + o.clock_offset AS at, m.id
FROM inbox m JOIN addresses a ON a.id = m.address_id, clock o
WHERE m.conversation_id = %(conversation_id)s AND m.body IS NOT NULL
UNION ALL
SELECT m.seq, NULL, m.payload, m.due_at + o.clock_offset, m.id FROM outbox m, clock o
WHERE m.conversation_id = %(conversation_id)s AND m.payload IS NOT NULL
ORDER BY seq DESC NULLS FIRST, id DESC LIMIT %(limit)s
"""

_FOLLOWED = """
SELECT EXISTS (SELECT FROM inbox m JOIN outbox o ON o.conversation_id = m.conversation_id AND o.seq = m.seq + 1 WHERE m.id = %(id)s)
"""

_PROMPT = "SELECT choices FROM prompts WHERE conversation_id = %(conversation_id)s AND token = %(token)s"


@cache
def owing(count: int) -> str:
    """What goes behind the WITH of a statement about conversation `id`, so that it also promises so many messages in one round trip."""
    rows = ", ".join(_ROW.format(n=n) for n in range(count))
    return _OWING.format(rows=rows) if rows else ""


def owed(address_id: int | None, messages: Collection[Message]) -> dict[str, Any]:
    """The values of `owing`: what is said, and to which address."""
    values = {"address_id": address_id}
    for n, message in enumerate(messages):
        values |= {f"{name}{n}": value for name, value in vars(message).items()}
    return values


def claim(session: Session, vault: Vault, channels: list[str]) -> tuple[str, Owed] | None:
    """Take the next message that may go now, with its channel. Commit, then call the vendor, then `settle`.

    Raises UniqueViolation when another sender was faster with its address: claim again.
    """
    while (row := run(session, _CLAIM, lease=LEASE, channels=channels).fetchone()) is not None:
        try:
            return row.channel, _opened(vault, row, run(session, _OPEN, id=row.id).fetchone())
        except Unreadable:  # alone: whoever else is owed something must not wait for it
            _settle(session, row.id, row.attempts, Outcome("failed", error="unreadable"))
    return None


def _opened(vault: Vault, row: Any, home: Any) -> Owed:
    if row.payload is None:
        raise Unreadable("outbox.payload")
    key = vault.unwrap(home.key_id, home.wrapped)
    address = key.open_text("addresses.value", row.conversation_id, home.value)
    payload = key.open("outbox.payload", row.conversation_id, row.payload)
    return Owed(row.id, row.conversation_id, address, row.attempts, payload)


def settle(session: Session, owed: Owed, outcome: Outcome) -> None:
    """Write down how the hand-over ended; without effect when the lease had run out meanwhile."""
    _settle(session, owed.id, owed.attempts, outcome)


def _settle(session: Session, outbox_id: int, attempts: int, outcome: Outcome) -> None:
    run(
        session,
        _SETTLE,
        id=outbox_id,
        attempts=attempts,
        status=outcome.status,
        vendor_id=outcome.vendor_id,
        error=outcome.error,
        retry_in=outcome.retry_in,
    )


def expire_leases(session: Session) -> int:
    """A hand-over whose sender died is *unknown*: bytes may have gone out. Returns how many there were."""
    return run(session, _EXPIRED).rowcount


def all_said(session: Session, conversation_id: int, limit: int) -> list[Any]:
    """The last lines of a conversation on whatever address, in order, for staff; `channel` is None where the clinic spoke."""
    return run(session, _ALL_SAID, conversation_id=conversation_id, limit=limit).fetchall()[::-1]


def followed(session: Session, message_id: int) -> bool:
    """Whether the turn of an inbox message said anything."""
    return bool(scalar(session, _FOLLOWED, id=message_id))


def prompt(session: Session, conversation_id: int, token: str) -> bytes | None:
    """What the choices of a tapped button meant, however old, still sealed; None when it is not of this conversation."""
    row = run(session, _PROMPT, conversation_id=conversation_id, token=token).fetchone()
    return None if row is None else bytes(row.choices)
