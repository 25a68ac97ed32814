"""What is wrong with the clinic's own channels, so that somebody mends it: a token that is refused, a budget that is used up."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, DateTime, Identity, Table, Text, text

from core.compliance import audit
from core.database import Session, metadata, run

troubles = Table(
    "troubles",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
    Column("times", BigInteger, nullable=False, server_default=text("1")),
    Column("closed_at", DateTime(timezone=True)),
)


class Trouble(NamedTuple):
    """Something that is wrong, and how often it was met since when."""

    code: str
    since: datetime
    last_at: datetime
    times: int


_MEET = """
INSERT INTO troubles (code, since, last_at) VALUES (%(code)s, %(now)s, %(now)s)
ON CONFLICT (code) DO UPDATE SET last_at = excluded.last_at, closed_at = NULL,
  since = CASE WHEN troubles.closed_at IS NULL THEN troubles.since ELSE excluded.since END,
  times = CASE WHEN troubles.closed_at IS NULL THEN troubles.times + 1 ELSE 1 END
"""
_OPEN = "SELECT code, since, last_at, times FROM troubles WHERE closed_at IS NULL ORDER BY since"
_CLOSE = "UPDATE troubles SET closed_at = %(now)s WHERE code = %(code)s AND closed_at IS NULL RETURNING id"


def meet(session: Session, code: str, now: datetime) -> None:
    """It was met, perhaps again; staff see it until they close it."""
    run(session, _MEET, code=code, now=now)


def standing(session: Session) -> list[Trouble]:
    """What nobody has closed, the oldest first."""
    return [Trouble(*row) for row in run(session, _OPEN)]


def close(session: Session, code: str, actor: audit.Actor, now: datetime) -> bool:
    """Staff say that it is mended; false where it did not stand. It opens again when it is met again."""
    closed = run(session, _CLOSE, code=code, now=now).fetchone()
    if closed is not None:
        audit.record(session, actor, "trouble.closed", "troubles", closed.id, code=code)
    return closed is not None
