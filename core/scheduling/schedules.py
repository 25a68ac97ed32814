"""When practitioners work: weekly wall-clock hours, extra hours, time off."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Index,
    Interval,
    SmallInteger,
    Table,
    Text,
    Time,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE

from core.database import metadata


def _hours_columns() -> tuple[Column[object] | CheckConstraint, ...]:
    return (
        Column("id", BigInteger, Identity(), primary_key=True),
        Column("practitioner_id", BigInteger, ForeignKey("practitioners.id"), nullable=False),
        Column("location_id", BigInteger, ForeignKey("locations.id"), nullable=False),
        Column("local_start", Time, nullable=False),
        Column("local_end", Time, nullable=False),  # 00:00 is the end of the day
        Column("step", Interval, nullable=False),  # visits may start every so often
        CheckConstraint("local_end > local_start OR local_end = '00:00'", name="order"),
        CheckConstraint("step >= interval '1 minute'", name="step"),
        CheckConstraint(
            "extract(second FROM step) = 0 AND extract(second FROM local_start) = 0 AND extract(second FROM local_end) = 0",
            name="whole_minutes",
        ),
    )


weekly_hours = Table(
    "weekly_hours",
    metadata,
    *_hours_columns(),
    Column("weekday", SmallInteger, nullable=False),  # 0 is Monday
    Column("valid_from", Date, nullable=False),
    Column("valid_until", Date),  # the first day on which it no longer holds
    CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
    CheckConstraint("valid_until > valid_from", name="validity"),
    Index("weekly_hours_practitioner_id_idx", "practitioner_id"),
)

extra_hours = Table(
    "extra_hours",
    metadata,
    *_hours_columns(),
    Column("on_date", Date, nullable=False),
    Index("extra_hours_practitioner_id_on_date_idx", "practitioner_id", "on_date"),
)

time_off = Table(
    "time_off",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("practitioner_id", BigInteger, ForeignKey("practitioners.id"), nullable=False),
    Column("during", TSTZRANGE, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    CheckConstraint("NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during)", name="half_open"),
    CheckConstraint(
        "NOT lower_inf(during) AND NOT upper_inf(during) AND isfinite(lower(during)) AND isfinite(upper(during))",
        name="bounded",
    ),
    Index("time_off_practitioner_id_idx", "practitioner_id"),
)
