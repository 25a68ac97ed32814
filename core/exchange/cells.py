"""One cell of a spreadsheet to a value: strict where a guess could book the wrong day, lenient in how people type."""

import difflib
import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import phonenumbers

Parse = Callable[[str], Any]
"""Raises ValueError with what is wanted instead, in words."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST = 2000  # characters of one cell

_TIME = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?\s*([ap])?\.?(?:m\.?)?", re.IGNORECASE)
_YES, _NO = ("yes", "y", "true", "1", "x"), ("no", "n", "false", "0")


def text(cell: str) -> str:
    """Any words; signs that nobody sees are refused, as they hide what is stored."""
    if len(cell) > LONGEST:
        raise ValueError(f"at most {LONGEST} characters")
    if any(ord(sign) < 32 and sign not in "\n\t" for sign in cell):
        raise ValueError("text without control characters")
    return cell


def choice(*allowed: str) -> Parse:
    """One of a few words."""

    def parse(cell: str) -> str:
        if cell.lower().replace(" ", "_") not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return cell.lower().replace(" ", "_")

    return parse


def yes(cell: str) -> bool:
    """Yes or no."""
    if cell.lower() not in (*_YES, *_NO):
        raise ValueError("yes or no")
    return cell.lower() in _YES


def number(least: int, most: int) -> Parse:
    """A whole number within limits."""

    def parse(cell: str) -> int:
        if not cell.isascii() or not cell.isdigit() or not least <= int(cell[:9]) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(cell)

    return parse


def minutes(least: int, most: int) -> Parse:
    """A length in minutes."""
    count = number(least, most)
    return lambda cell: timedelta(minutes=count(cell))


def hours(least: int, most: int) -> Parse:
    """A length in hours."""
    count = number(least, most)
    return lambda cell: timedelta(hours=count(cell))


def days(least: int, most: int) -> Parse:
    """A length in days."""
    count = number(least, most)
    return lambda cell: timedelta(days=count(cell))


def money(cell: str) -> Decimal:
    """An amount such as 120 or 120.50."""
    try:
        amount = Decimal(cell)
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or not 0 <= amount <= 1_000_000:
        raise ValueError("an amount such as 120 or 120.50, without the sign of the currency")
    return amount


def rating(cell: str) -> Decimal:
    """Stars, 1 to 5."""
    try:
        stars = Decimal(cell)
    except InvalidOperation:
        stars = Decimal(0)
    if not stars.is_finite() or not 1 <= stars <= 5:
        raise ValueError("a number from 1 to 5, such as 4.6")
    return round(stars, 2)


def day(cell: str) -> date:
    """A date as ISO 8601 writes it: 3/4 is the third of April to some and the fourth of March to others."""
    try:
        return date.fromisoformat(cell)
    except ValueError:
        raise ValueError("a date such as 2026-03-09 (year, month, day)") from None


def birth_date(today: date) -> Parse:
    """A date on which somebody who lives may have been born."""

    def parse(cell: str) -> date:
        born = day(cell)
        if not born.year >= 1900 or born > today:
            raise ValueError("a date of birth between 1900 and today, such as 1990-05-03")
        return born

    return parse


def moment(cell: str) -> datetime:
    """A local date and time, without a zone."""
    try:
        local = datetime.fromisoformat(cell.replace("T", " "))
    except ValueError:
        local = None
    if local is None or local.tzinfo is not None or local.second or len(cell) < 15:
        raise ValueError("a local date and time such as 2026-03-09 14:30") from None
    return local


def day_or_moment(cell: str) -> datetime | date:
    """A whole day, or a local date and time."""
    return day(cell) if len(cell) <= 10 else moment(cell)


def clock(cell: str) -> time:
    """A time of day: 9, 9:30, 14:30, 2:30 PM; 24:00 is midnight at the end of the day."""
    if cell in ("24:00", "24"):
        return time(0)
    found = _TIME.fullmatch(cell.strip())
    if found:
        hour, minute, half = int(found[1]), int(found[2] or 0), (found[3] or "").lower()
        if half and 1 <= hour <= 12:
            hour = hour % 12 + (12 if half == "p" else 0)
        elif half:
            hour = 99
        if hour < 24 and minute < 60:
            return time(hour, minute)
    raise ValueError("a time such as 9:00, 14:30 or 2:30 PM")


def weekdays(cell: str) -> tuple[int, ...]:
    """Days of the week: Monday, Mon-Fri, Mon Wed Fri; 0 is Monday."""
    found: list[int] = []
    for part in re.split(r"[,;|/\s]+(?:and\s+)?", re.sub(r"\s*[-–]\s*", "-", cell.strip().lower())):
        first, dash, last = part.partition("-")
        start, end = _weekday(first), _weekday(last) if dash else _weekday(first)
        found += [(start + n) % 7 for n in range((end - start) % 7 + 1)]
    return tuple(sorted(set(found)))


def _weekday(word: str) -> int:
    fitting = [number for number, name in enumerate(WEEKDAYS) if len(word) >= 2 and name.startswith(word)]
    if len(fitting) != 1:
        raise ValueError("weekdays such as Monday, Mon-Fri or Mon, Wed, Fri")
    return fitting[0]


def zone(cell: str) -> str:
    """The IANA name of a time zone."""
    known = available_timezones()
    if cell in known:
        ZoneInfo(cell)
        return cell
    by_city = {name.rpartition("/")[2].replace("_", " ").lower(): name for name in sorted(known)}
    wanted = cell.rpartition("/")[2].replace("_", " ").lower()
    near = [by_city[city] for city in difflib.get_close_matches(wanted, by_city, n=2, cutoff=0.6)]
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(f"the name of a time zone such as America/New_York{hint}")


def words(cell: str) -> tuple[str, ...]:
    """Several words or ids, separated by | or ;."""
    return tuple(dict.fromkeys(text(part.strip()) for part in re.split(r"[|;]", cell) if part.strip()))


def language(cell: str) -> tuple[str, ...]:
    """Languages by their ISO 639-1 codes."""
    codes = tuple(code.lower() for code in words(cell))
    if any(not re.fullmatch(r"[a-z]{2}", code) for code in codes):
        raise ValueError("codes of languages such as en|es|fr")
    return codes


def locale(cell: str) -> str:
    """How dates and prices are written, e.g. en_US."""
    if not re.fullmatch(r"[a-z]{2}_[A-Z]{2}", cell):
        raise ValueError("a language and a country such as en_US")
    return cell


def currency(cell: str) -> str:
    """ISO 4217."""
    if not re.fullmatch(r"[A-Z]{3}", cell):
        raise ValueError("the code of a currency such as USD")
    return cell


def link(cell: str) -> str:
    """A page that can be opened."""
    if not re.fullmatch(r"https?://[^\s<>\"]+", text(cell)):
        raise ValueError("an address of a page such as https://example.org/privacy")
    return cell


def email(cell: str) -> str:
    """An e-mail address."""
    if not re.fullmatch(r"[^@\s,;<>\"]{1,64}@[^@\s,;<>\"]+\.[^@\s,;<>\"]{2,}", text(cell)):
        raise ValueError("an e-mail address such as ana@example.org")
    return cell.lower()


def phone(region: str) -> Parse:
    """A phone number, to E.164; without a prefix it is one of `region`."""

    def parse(cell: str) -> str:
        try:
            read = phonenumbers.parse(cell, region)
        except phonenumbers.NumberParseException:
            read = None
        if read is None or not phonenumbers.is_possible_number(read):
            raise ValueError("a phone number such as +1 207 555 0100")
        return phonenumbers.format_number(read, phonenumbers.PhoneNumberFormat.E164)

    return parse
