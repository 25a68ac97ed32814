"""What the clinic allows: how soon, how far ahead, how late a change, how many visits, who may book, and when patients are written to."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Interval,
    SmallInteger,
    Table,
    Text,
    Time,
    UniqueConstraint,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY

from core.database import Session, metadata

BookedBy = Literal["anybody", "known", "staff"]
"""Who may book a kind of visit: anybody who writes, patients who are known here, staff alone."""

# One row for the clinic, and one for each kind of visit that has rules of its own. What a row leaves out is as the clinic has it.
policies = Table(
    "policies",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("visit_type_id", BigInteger, ForeignKey("visit_types.id")),  # absent: the clinic's own
    Column("lead", Interval),
    Column("horizon", Interval),
    Column("notice", Interval),
    Column("hold", Interval),
    Column("most_ahead", SmallInteger),  # of this kind; in the clinic's row of all kinds together
    Column("booked_by", Text),
    Column("reminders", ARRAY(Interval)),  # how long before a visit
    # Between which hours of their wall clock patients are written to unasked.
    Column("local_write_from", Time),
    Column("local_write_until", Time),
    UniqueConstraint("visit_type_id", postgresql_nulls_not_distinct=True),
    CheckConstraint("lead >= interval '0'", name="lead"),
    CheckConstraint("horizon > interval '0'", name="horizon"),
    CheckConstraint("notice >= interval '0'", name="notice"),
    CheckConstraint("hold > interval '0'", name="hold"),
    CheckConstraint("most_ahead >= 0", name="most_ahead"),
    CheckConstraint("booked_by IN ('anybody', 'known', 'staff')", name="booked_by"),
    CheckConstraint("interval '0' < ALL (reminders)", name="reminders"),
    CheckConstraint("local_write_from < local_write_until", name="write"),
)


@dataclass(frozen=True)
class Policy:
    """The rules for one kind of visit, each of them settled."""

    lead: timedelta = timedelta(minutes=30)  # nothing is offered that begins sooner
    horizon: timedelta = timedelta(days=90)  # nor later
    notice: timedelta = timedelta(0)  # patients may move or cancel until so long before
    hold: timedelta = timedelta(minutes=10)  # how long a time is kept while somebody answers
    most_ahead: int = 10  # visits of all kinds that one patient may have ahead
    most_of_kind: int | None = None  # of this kind alone
    booked_by: BookedBy = "anybody"
    reminders: tuple[timedelta, ...] = (timedelta(days=5), timedelta(days=1), timedelta(hours=2))  # before a visit
    write_from: time = time(9)  # patients are written to unasked from here, by their wall clock
    write_until: time = time(20)  # to here


DEFAULT = Policy()
"""The rules of a clinic that has said nothing."""


def settled(clinic: Any | None, kind: Any | None = None) -> Policy:
    """The policy of a kind of visit, from the row of the clinic and its own; either may be missing, and fields of both."""
    rules: dict[str, Any] = {}
    for row in (clinic, kind):
        if row is not None:
            said = {name: getattr(row, name) for name in ("lead", "horizon", "notice", "hold", "booked_by")}
            rules |= {name: value for name, value in said.items() if value is not None}
            if row.reminders is not None:
                rules["reminders"] = tuple(row.reminders)
            if row.local_write_from is not None:
                rules["write_from"] = row.local_write_from
            if row.local_write_until is not None:
                rules["write_until"] = row.local_write_until
    if clinic is not None and clinic.most_ahead is not None:
        rules["most_ahead"] = clinic.most_ahead
    if kind is not None:
        rules["most_of_kind"] = kind.most_ahead
    return Policy(**rules)


def by_kind(session: Session) -> Callable[[int], Policy]:
    """The policy of each kind of visit, as it is now."""
    rules = {row.visit_type_id: row for row in session.execute(select(policies))}
    return lambda visit_type_id: settled(rules.get(None), rules.get(visit_type_id))
