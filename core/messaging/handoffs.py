"""Conversations that need a person, and why. The console will list them; a row is closed by staff."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, ForeignKey, Identity, Index, Table, Text, text
from sqlalchemy.orm import Session

from core.compliance import audit
from core.database import metadata, run

handoffs = Table(
    "handoffs",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("conversation_id", BigInteger, ForeignKey("conversations.id"), nullable=False),
    Column("reason", Text, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    CheckConstraint("reason IN ('asked', 'not_understood', 'emergency', 'aside')", name="reason"),
    # One open row for each reason: asking twice does not queue twice.
    Index("handoffs_open_idx", "conversation_id", "reason", unique=True, postgresql_where=text("closed_at IS NULL")),
)

_OPEN = """
WITH h AS (
  INSERT INTO handoffs (conversation_id, reason, opened_at) VALUES (%(conversation_id)s, %(reason)s, %(now)s)
  ON CONFLICT (conversation_id, reason) WHERE closed_at IS NULL DO NOTHING RETURNING id)
INSERT INTO audit (actor, action, entity, entity_id) SELECT %(actor)s, 'handoff.opened', 'handoffs', h.id FROM h
"""


def hand_over(session: Session, conversation_id: int, reason: str, now: datetime) -> None:
    """Ask staff to look at a conversation, once for each reason until they have."""
    actor = str(audit.Actor("conversation", conversation_id))
    run(session, _OPEN, conversation_id=conversation_id, reason=reason, now=now, actor=actor)
