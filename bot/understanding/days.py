"""Days and stretches of them, and the calendar that they are looked up in."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from bot.understanding.grammar import Scene
from bot.understanding.lengths import add_months
from bot.understanding.meaning import DayRange

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
HALF_A_YEAR = timedelta(days=183)


@dataclass(frozen=True)
class Days:
    """Days as said. `others` is a second reading where the words leave a doubt."""

    ranges: tuple[DayRange, ...]
    others: tuple[DayRange, ...] = ()
    usual: DayRange | None = None  # what dictionaries of dates say, where it differs
    weekday: int | None = None  # a bare weekday, for "Mon to Wed"
    dated: bool = False  # a full calendar date, as a birth date has
    named: bool = False  # a day of the calendar, with or without its year

    @property
    def written(self) -> DayRange:
        return self.usual or self.ranges[0]


def single(day: date, **more: Any) -> Days:
    return Days((one(day),), **more)


def one(day: date) -> DayRange:
    return DayRange(day, day + DAY)


def week_of(day: date) -> DayRange:
    monday = day - day.weekday() * DAY
    return DayRange(monday, monday + WEEK)


def month_of(day: date, months: int = 0) -> DayRange:
    """The month of `day`, or one `months` later."""
    return DayRange(add_months(day.replace(day=1), months), add_months(day.replace(day=1), months + 1))


def calendar_day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def full_year(year: int, today: date) -> int:
    """A year of two digits lies in this century, unless that is far ahead."""
    full = year if year >= 100 else today.year // 100 * 100 + year
    return full - 100 if year < 100 and full > today.year + 10 else full


def nearest(month: int, day: int, today: date) -> date | None:
    """The day of that name that is meant when no year is said: over by less than half a year, or the next one."""
    for year in (today.year, today.year + 1):
        found = calendar_day(year, month, day)
        if found and found + HALF_A_YEAR > today:
            return found
    return None


def next_weekday(weekday: int, after: date) -> date:
    """The first such day after `after`."""
    return after + ((weekday - after.weekday() - 1) % 7 + 1) * DAY


def to_come(day: date, scene: Scene) -> date:
    """`day`, or the same of next year once it is over."""
    return day if day >= scene.today else calendar_day(day.year + 1, day.month, day.day) or day
