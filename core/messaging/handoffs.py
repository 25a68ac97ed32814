"""Conversations that need a person, and why: opened by turns, listed for staff, closed by them."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, ForeignKey, Identity, Index, Table, Text, text

from core.compliance import audit
from core.database import Session, metadata, run

handoffs = Table(
    "handoffs",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("conversation_id", BigInteger, ForeignKey("conversations.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    CheckConstraint(
        "reason IN ('asked', 'not_understood', 'emergency', 'aside', 'file', 'undelivered', 'opted_out', 'cancel_or_stop')",
        name="reason",
    ),
    # One open row for each reason: asking twice does not queue twice.
    Index("handoffs_open_idx", "conversation_id", "reason", unique=True, postgresql_where=text("closed_at IS NULL")),
)

_OPEN = """
WITH h AS (
  INSERT INTO handoffs (conversation_id, reason, opened_at) VALUES (%(conversation_id)s, %(reason)s, %(now)s)
  ON CONFLICT (conversation_id, reason) WHERE closed_at IS NULL DO NOTHING RETURNING id)
INSERT INTO audit (actor, action, entity, entity_id) SELECT %(actor)s, 'handoff.opened', 'handoffs', h.id FROM h
"""


_CLOSE = """
WITH h AS (UPDATE handoffs SET closed_at = %(now)s WHERE conversation_id = %(conversation_id)s AND closed_at IS NULL RETURNING id)
INSERT INTO audit (actor, action, entity, entity_id) SELECT %(actor)s, 'handoff.closed', 'handoffs', h.id FROM h
"""

_WAITING = """
SELECT h.conversation_id, array_agg(h.reason ORDER BY h.id) AS reasons, min(h.opened_at) AS since, c.staff_id
FROM handoffs h JOIN conversations c ON c.id = h.conversation_id WHERE h.closed_at IS NULL
GROUP BY h.conversation_id, c.staff_id
ORDER BY bool_or(h.reason = 'emergency') DESC, c.staff_id IS NULL DESC, since LIMIT %(limit)s
"""


class Waiting(NamedTuple):
    """A conversation that needs a person."""

    conversation_id: int
    reasons: list[str]
    since: datetime
    staff_id: int | None  # who has taken over


def hand_over(session: Session, conversation_id: int, reason: str, now: datetime) -> None:
    """Ask staff to look at a conversation, once for each reason until they have."""
    actor = str(audit.Actor("conversation", conversation_id))
    run(session, _OPEN, conversation_id=conversation_id, reason=reason, now=now, actor=actor)


def close(session: Session, conversation_id: int, actor: audit.Actor, now: datetime) -> int:
    """Staff have looked at a conversation; returns how many handoffs that closed."""
    return run(session, _CLOSE, conversation_id=conversation_id, now=now, actor=str(actor)).rowcount


def waiting(session: Session, limit: int) -> list[Waiting]:
    """The conversations that need a person: emergencies first, then those that nobody has, longest first."""
    return [Waiting(*row) for row in run(session, _WAITING, limit=limit)]
