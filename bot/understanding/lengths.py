"""Lengths of time, as something lasts or is away, and stretches from one moment to another."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta

_LONGEST = 400  # of any unit: what is farther away is no wish


@dataclass(frozen=True)
class Length:
    """How long something is, or how far away."""

    months: int = 0
    days: int = 0
    minutes: float = 0
    to_the_day: bool = False  # days were counted: "in 14 days" is a day, "in two weeks" the week about it

    @classmethod
    def of(cls, count: float, unit: str) -> "Length":
        return _UNITS[unit].times(min(count, _LONGEST))

    def times(self, count: float) -> "Length":
        months, days, minutes = int(self.months * count), int(self.days * count), self.minutes * count
        return Length(min(months, 48), min(days, 4 * _LONGEST), min(minutes, 10_000), self.to_the_day)

    def __add__(self, other: "Length") -> "Length":
        to_the_day = self.to_the_day or other.to_the_day or bool(self.days and other.months)
        return Length(self.months + other.months, self.days + other.days, self.minutes + other.minutes, to_the_day)

    @property
    def has_hours(self) -> bool:
        return self.minutes > 0

    def later(self, day: date, sign: int = 1) -> date:
        """The day that is so far from `day`, in whole days."""
        return add_months(day, sign * self.months) + sign * timedelta(days=self.days)

    def after(self, moment: datetime, sign: int = 1) -> datetime:
        """The moment that is so far from `moment`."""
        day = self.later(moment.date(), sign)
        return datetime.combine(day, moment.time()) + sign * timedelta(minutes=self.minutes)


@dataclass(frozen=True)
class Stretch:
    """From one moment until another."""

    start: datetime
    end: datetime


_UNITS = {
    "second": Length(minutes=1 / 60),
    "minute": Length(minutes=1),
    "hour": Length(minutes=60),
    "day": Length(days=1, to_the_day=True),
    "week": Length(days=7),
    "fortnight": Length(days=14),
    "month": Length(months=1),
    "year": Length(months=12),
}


def add_months(day: date, months: int) -> date:
    """The same day of a later month, or the last one that it has."""
    years, month = divmod(day.month - 1 + months, 12)
    year = min(max(day.year + years, 1), 9998)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
