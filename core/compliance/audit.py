"""Who did what to whose data: a row for every change and every read of a patient, written in the same transaction."""

from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from core.database import Session, metadata, run

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("actor", Text, nullable=False),  # conversation:17, staff:3, clock, setup
    Column("action", Text, nullable=False),
    Column("entity", Text, nullable=False),  # a table
    Column("entity_id", BigInteger, nullable=False),
    Column("detail", JSONB),  # ids, codes and times; never what a person wrote
    Index("audit_entity_entity_id_idx", "entity", "entity_id"),
)


@dataclass(frozen=True)
class Actor:
    """Who acts: a conversation, a member of staff, the clock, or the setup."""

    kind: str
    id: int | None = None

    def __str__(self) -> str:
        return self.kind if self.id is None else f"{self.kind}:{self.id}"


CLOCK = Actor("clock")
SETUP = Actor("setup")

# The transaction has its number before the row has its own: what was numbered and is not to be seen is then known to be under way.
_RECORD = """
INSERT INTO audit (actor, action, entity, entity_id, detail)
SELECT %(actor)s, %(action)s, %(entity)s, %(entity_id)s, %(detail)s FROM pg_current_xact_id()
"""


def record(session: Session, actor: Actor, action: str, entity: str, entity_id: int, **detail: Any) -> None:
    """Write down that `actor` did `action`; `detail` holds ids, codes and ISO times only."""
    run(
        session,
        _RECORD,
        actor=str(actor),
        action=action,
        entity=entity,
        entity_id=entity_id,
        detail=Jsonb(detail) if detail else None,
    )
