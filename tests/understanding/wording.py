"""Wishes for a time in words that a receptionist reads: "Tue 10 Mar, until 12:00; then Thu 12 Mar", and back.

A day is "Tue 10 Mar" (with its year where that is not 2026), a stretch "Mon 16 Mar to Fri 20 Mar" with both its ends,
"from Thu 12 Mar", "up to Fri 13 Mar"; every week's are "Mondays". Times of day are "10:00-12:00", "from 15:00",
"until 12:00"; "at 09:20" asks for what is nearest. "not" goes before days. A comma joins, "; then" is the next best
wish, "or" stands between two readings that the clinic has to ask about.
"""

import re
from calendar import month_abbr
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from msgspec.structs import replace

from bot.understanding.meaning import DayRange, TimeRange, When

YEAR = 2026
DAY = timedelta(days=1)
WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_DAY = re.compile(r"(?P<weekday>[A-Z][a-z]{2}) (?P<day>\d\d?) (?P<month>[A-Z][a-z]{2})(?: (?P<year>\d{4}))?")
_HOURS = re.compile(r"(\d\d:\d\d)-(\d\d:\d\d)|from (\d\d:\d\d)|until (\d\d:\d\d)")


def readings(text: str) -> tuple[When, ...]:
    """The wishes that `text` names, one for each reading."""
    return tuple(_in_order(reading.split("; then ")) for reading in text.split(" or "))


def _in_order(wishes: list[str]) -> When:
    first, *others = wishes
    return replace(wish(first), otherwise=_in_order(others) if others else None)


def wish(text: str) -> When:
    """One wish; a ValueError says what of it cannot be read."""
    said = When()
    for piece in text.split(", "):
        said = _with(said, piece)
    return said


def _with(said: When, piece: str) -> When:
    negated, name = piece.startswith("not "), piece.removeprefix("not ")
    if name in WEEKDAYS:
        field = "not_weekdays" if negated else "weekdays"
        return replace(said, **{field: (*getattr(said, field), WEEKDAYS.index(name))})
    if found := _HOURS.fullmatch(piece):
        start, end, since, until = (time.fromisoformat(at) if at else None for at in found.groups())
        return replace(said, times=(*said.times, TimeRange(start or since, end or until)))
    if piece == "any time":
        return said
    if piece == "first available":
        return replace(said, first_available=True)
    if piece.startswith("at "):
        return replace(said, at=time.fromisoformat(piece.removeprefix("at ")))
    field = "not_days" if negated else "days"
    return replace(said, **{field: (*getattr(said, field), _days(name))})


def _days(text: str) -> DayRange:
    if text.startswith("from "):
        return DayRange(day(text.removeprefix("from ")), None)
    if text.startswith("up to "):
        return DayRange(None, day(text.removeprefix("up to ")) + DAY)
    first, _, last = text.partition(" to ")
    return DayRange(day(first), day(last or first) + DAY)


def day(text: str) -> date:
    """A day with its weekday, which must be the right one."""
    found = _DAY.fullmatch(text)
    if found is None:
        raise ValueError(f"“{text}” is no day and no time")
    if found["month"] not in month_abbr:
        raise ValueError(f"“{found['month']}” is no month")
    read = date(int(found["year"] or YEAR), list(month_abbr).index(found["month"]), int(found["day"]))
    if f"{read:%a}" != found["weekday"]:
        raise ValueError(f"“{text}” is a {read:%A}")
    return read


def in_words(wishes: Iterable[When]) -> str:
    """The same text as `readings` reads."""
    return " or ".join("; then ".join(map(_wish_in_words, wish.in_order)) for wish in wishes)


def _wish_in_words(said: When) -> str:
    pieces = [
        *map(_days_in_words, said.days),
        *(WEEKDAYS[weekday] for weekday in said.weekdays),
        *(f"not {_days_in_words(days)}" for days in said.not_days),
        *(f"not {WEEKDAYS[weekday]}" for weekday in said.not_weekdays),
        *map(_hours_in_words, said.times),
        *([f"at {said.at:%H:%M}"] if said.at else []),
        *(["first available"] if said.first_available else []),
    ]
    return ", ".join(pieces) or "any time"


def _days_in_words(days: DayRange) -> str:
    if days.end is None:
        return f"from {_day_in_words(days.start)}" if days.start else "any time"
    last = days.end - DAY
    if days.start is None:
        return f"up to {_day_in_words(last)}"
    return _day_in_words(last) if days.start == last else f"{_day_in_words(days.start)} to {_day_in_words(last)}"


def _day_in_words(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}" + (f" {day.year}" if day.year != YEAR else "")


def _hours_in_words(hours: TimeRange) -> str:
    if hours.start and hours.end:
        return f"{hours.start:%H:%M}-{hours.end:%H:%M}"
    if hours.start:
        return f"from {hours.start:%H:%M}"
    return f"until {hours.end:%H:%M}" if hours.end else "any time"


def same(one: Iterable[When], other: Iterable[When], today: date) -> bool:
    """Whether both ask for the same starts from `today` on, in the same order of preference, however it is put."""
    return {_starts(wish, today) for wish in one} == {_starts(wish, today) for wish in other}


def _starts(wish: When, today: date) -> tuple[object, ...]:
    """What fits a wish, as something that can be compared: days of a year and more, times of day by the quarter hour."""
    days = [today + number * DAY for number in range(430)]
    midnight = datetime.combine(today, time(0))
    clocks = [(midnight + timedelta(minutes=minutes)).time() for minutes in range(0, 24 * 60, 15)]
    whole_day, any_day = (
        replace(wish, times=()),
        replace(wish, days=(), weekdays=(), not_days=(), not_weekdays=()),
    )
    return (
        tuple(whole_day.fits(datetime.combine(day, time(12))) for day in days),
        tuple(any_day.fits(datetime.combine(today, clock)) for clock in clocks),
        wish.at,
        wish.first_available,
        _starts(wish.otherwise, today) if wish.otherwise else None,
    )
