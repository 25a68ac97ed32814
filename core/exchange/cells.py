"""One cell of a spreadsheet to a value: strict where a guess could book the wrong day, lenient in how people type."""

import difflib
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import available_timezones

import phonenumbers
from babel import Locale, UnknownLocaleError
from babel.numbers import is_currency

from core.scheduling import vocabulary

Parse = Callable[[str], Any]
"""Raises ValueError with what is wanted instead, in words."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
LONGEST, LONGEST_KEY = 2000, 100  # characters of one cell
FIRST_YEAR, LAST_YEAR = 1900, 2199

_TIME = re.compile(r"(\d{1,2})(?:[:.h](\d{2})(?:[:.]00)?)?\s*(?:([ap])\.?\s?(?:m\.?)?)?", re.IGNORECASE)
_MIDNIGHT = re.compile(r"(.+?)[T ]00:00(?::00(?:\.0+)?)?")  # what a program adds to a date that has no time
_COUNT = re.compile(r"(\d{1,9})(?:[.,]0+)?")
_AMOUNT = re.compile(r"\d{1,12}(?:\.\d{1,6})?")
_LOCAL_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{4}")
# As spreadsheets write a ticked box in the language of their user.
_YES = ("yes", "y", "true", "1", "x", "ja", "wahr", "oui", "vrai", "si", "sí", "verdadero", "vero")
_NO = ("no", "n", "false", "0", "nein", "falsch", "non", "faux", "falso")
_NO_PLACES = {"Factory", "localtime"}  # in the list of zones, and nowhere on Earth
_UNSEEN = dict.fromkeys(map(ord, "\u200b\u200e\u200f\u2060\ufeff"))
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def tidy(cell: str) -> str:
    """A cell in one form of writing, without blanks around it and the invisible marks that programs leave in copied text."""
    lines = cell.replace("\r\n", "\n").replace("\r", "\n")
    return unicodedata.normalize("NFC", lines.translate(_UNSEEN)).strip()


def text(cell: str) -> str:
    """Any words; signs that nobody sees are refused, as they hide what is stored."""
    if len(cell) > LONGEST:
        raise ValueError(f"at most {LONGEST} characters")
    if any(sign in _TURNING or unicodedata.category(sign) in ("Cc", "Cs") for sign in cell if sign not in "\n\t"):
        raise ValueError("text without control characters")
    return cell


def key(cell: str) -> str:
    """What another system calls something; several may stand in one cell elsewhere, so | and ; are no part of it."""
    if len(cell) > LONGEST_KEY or set("|;\n\t") & set(cell):
        raise ValueError(f"at most {LONGEST_KEY} characters on one line, without | and ;")
    return text(cell)


def keys(cell: str) -> tuple[str, ...]:
    """Several ids, separated by | or ;."""
    return tuple(key(word) for word in words(cell))


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
        found = _COUNT.fullmatch(cell)
        if not found or not least <= int(found[1]) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(found[1])

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
    """An amount such as 120 or 120.50; 1,200 is more than a thousand to some and little more than one to others."""
    amount = _decimal(cell)
    if amount is None:
        raise ValueError("an amount such as 120 or 1200.50, without the sign of the currency")
    return amount


def rating(cell: str) -> Decimal:
    """Stars, 1 to 5."""
    stars = _decimal(cell)
    if stars is None or not 1 <= stars <= 5:
        raise ValueError("a number from 1 to 5, such as 4.6")
    return round(stars, 2)


def _decimal(cell: str) -> Decimal | None:
    """A number with a point or a comma before its decimals, and what may stand between thousands; None if it is in doubt."""
    plain = re.sub(r"[\s'’]", "", cell)
    sign = max(".,", key=plain.rfind)  # the last one is that of the decimals
    whole, _, decimals = plain.rpartition(sign) if sign in plain else (plain, "", "")
    thousands = "." if sign == "," else ","
    if sign == "," and len(decimals) == 3 and thousands not in whole:
        return None
    grouped = thousands in whole
    if sign in whole or (grouped and not re.fullmatch(rf"\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+", whole)):
        return None
    number = whole.replace(thousands, "") + (f".{decimals}" if sign in plain else "")
    return Decimal(number) if _AMOUNT.fullmatch(number) else None


def day(cell: str) -> date:
    """A date as ISO 8601 writes it: 3/4 is the third of April to some and the fourth of March to others."""
    without_time = _MIDNIGHT.fullmatch(cell)
    try:
        found = date.fromisoformat(without_time[1] if without_time else cell)
    except ValueError:
        doubt = ", as nothing in this file tells whether the day or the month comes first"
        hint = doubt if _LOCAL_DATE.match(cell) else ""
        raise ValueError(f"a date such as 2026-03-09 (year, month, day){hint}") from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise ValueError(f"a date between {FIRST_YEAR} and {LAST_YEAR}")
    return found


def birth_date(today: date) -> Parse:
    """A date on which somebody who lives may have been born."""

    def parse(cell: str) -> date:
        born = day(cell)
        if born > today:
            raise ValueError("a date of birth, and not in the future")
        return born

    return parse


def moment(cell: str) -> datetime:
    """A local date and time, without a zone."""
    on, _, at = cell.replace("T", " ", 1).partition(" ")
    try:
        if at.startswith("24"):
            raise ValueError
        return datetime.combine(day(on), clock(at.strip()))
    except ValueError as error:
        doubt = str(error).partition(", as ")[2]
        hint = f", as {doubt}" if doubt else ""
        raise ValueError(f"a local date and time such as 2026-03-09 14:30{hint}") from None


def day_or_moment(cell: str) -> datetime | date:
    """A whole day, or a local date and time."""
    return moment(cell) if re.search(r"[T ]", cell) else day(cell)


def clock(cell: str) -> time:
    """A time of day: 9, 9:30, 14:30, 2:30 PM; 24:00 is midnight at the end of the day."""
    if cell in ("24", "24:00", "24:00:00"):
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
    known = available_timezones() - _NO_PLACES
    if cell in known:
        return cell
    by_city = {name.rpartition("/")[2].replace("_", " ").lower(): name for name in sorted(known)}
    wanted = cell.rpartition("/")[2].replace("_", " ").lower()
    near = [by_city[city] for city in difflib.get_close_matches(wanted, by_city, n=2, cutoff=0.6)]
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise ValueError(f"the name of a time zone such as America/New_York{hint}")


@cache
def _specialties() -> Mapping[str, str]:
    """Codes of specialties by all that they are called."""
    return {
        word.lower(): each.code for each in vocabulary.specialties() for word in (each.code, each.label, *each.words)
    }


def specialty(cell: str) -> str:
    """A specialty by its code, its name or the words of lay people, as its code."""
    code = _specialties().get(cell.lower())
    if code is None:
        raise ValueError("a specialty such as dermatology, dentist or skin doctor (`frontdesk setup --specialties`)")
    return code


def specialties(cell: str) -> tuple[str, ...]:
    """Several specialties, separated by | or ;."""
    return tuple(dict.fromkeys(specialty(word) for word in words(cell)))


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
    language, _, country = cell.replace("-", "_").partition("_")
    name = f"{language.lower()}_{country.upper()}"
    try:
        Locale.parse(name if re.fullmatch(r"[a-z]{2}_[A-Z]{2}", name) else "")
    except (UnknownLocaleError, ValueError):
        raise ValueError("a language and a country such as en_US") from None
    return name


def currency(cell: str) -> str:
    """ISO 4217."""
    if not is_currency(cell.upper()):
        raise ValueError("the code of a currency such as USD")
    return cell.upper()


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


def dialled(cell: str) -> str:
    """A number as people read and dial it, with whatever makes it easy to read."""
    if sum(sign.isdigit() for sign in text(cell)) < 2 or len(cell) > LONGEST_KEY:
        raise ValueError("a phone number such as (207) 555-0199")
    return cell


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
