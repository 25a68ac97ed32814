"""One clock for all processes: the database's, plus a stored offset that is zero in production.

Tests, the demo and replays set the offset. Leases do not use it: they follow the database's own clock.
"""

from datetime import UTC, datetime

from sqlalchemy import CheckConstraint, Column, Interval, SmallInteger, Table, text

from core.database import Session, metadata

clock = Table(
    "clock",
    metadata,
    Column("id", SmallInteger, primary_key=True, server_default="1"),
    Column("clock_offset", Interval, nullable=False, server_default=text("interval '0'")),
    CheckConstraint("id = 1", name="one_row"),
)

NOW = "(SELECT now() + clock_offset FROM clock)"
"""The clinic's time, as an expression for SQL."""

_READ = text(f"SELECT {NOW}")
_SET = text("UPDATE clock SET clock_offset = :wanted - clock_timestamp()")
_SET_RIGHT = text("UPDATE clock SET clock_offset = interval '0'")


def now(session: Session) -> datetime:
    """The clinic's time at the start of this transaction, in UTC. Read once per turn or tick, then passed along."""
    moment: datetime = session.execute(_READ).scalar_one()
    return moment.astimezone(UTC)


def set_now(session: Session, moment: datetime | None) -> None:
    """Let the clinic's clock go on from `moment` (aware); None sets it right again."""
    if moment is None:
        session.execute(_SET_RIGHT)
    else:
        session.execute(_SET, {"wanted": moment})
