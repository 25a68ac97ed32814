"""Keys and values to sentences: gettext catalogs, with dates, times and prices as CLDR writes them.

Catalogs are read from their `.po` files, so that there is nothing to compile and nothing that can be stale.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from functools import cache
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path
from string import Formatter
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time, format_timedelta, get_day_names
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, get_currency_precision
from babel.units import format_unit

from bot.messages import Countries, Day, Language, Moment, Parts, Price, Say, Span, Value, Wish
from core.scheduling.directory import Directory, Location
from core.scheduling.wishes import DayRange, When

LOCALES = Path(__file__).parent / "locales"


@cache
def catalog(language: str) -> GNUTranslations:
    """All sentences of one language."""
    with (LOCALES / language / "frontdesk.po").open("rb") as file:
        compiled = BytesIO()
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return GNUTranslations(compiled)


def languages() -> list[str]:
    """The languages that have a catalog."""
    return sorted(path.parent.name for path in LOCALES.glob("*/frontdesk.po"))


def say(said: Say, language: str, directory: Directory, variant: str = "") -> str:
    """Word one sentence; where the catalog has a wording of its own for the `variant`, `key.variant`, by that one.

    Raises KeyError for a key without words or a placeholder without a value: a bug, found by a test.
    """
    count = said.values.get("count")
    pattern = _pattern(said.key, language, variant, count if isinstance(count, int) else None)
    return _Sentence(language, directory, variant).vformat(pattern, (), said.values)


def _pattern(key: str, language: str, variant: str, count: int | None = None) -> str:
    words = catalog(language)
    for name in (f"{key}.{variant}", key):
        pattern = words.gettext(name) if count is None else words.ngettext(name, name, count)
        if pattern != name:
            return pattern
    raise KeyError(key)


def say_all(says: Iterable[Say], language: str, directory: Directory) -> str:
    """Word sentences that belong to one message, as paragraphs."""
    return "\n\n".join(say(said, language, directory) for said in says)


def word(value: Value, language: str, directory: Directory) -> str:
    """Word a value by itself, as sentences have it."""
    return _Sentence(language, directory).format_field(value, "")


class _Sentence(Formatter):
    """Fills placeholders: `{when}`, `{when:short}`; what is not among the values is a fact of the clinic."""

    def __init__(self, language: str, directory: Directory, variant: str = "") -> None:
        self.language = language
        self.directory = directory
        self.variant = variant
        self.locale = _locale(language, directory.organization.region)

    def get_field(self, field_name: str, _args: Any, kwargs: Any) -> tuple[Any, str]:
        """A plain name only: a catalog cannot reach into values."""
        if field_name in kwargs:
            return kwargs[field_name], field_name
        return _CLINIC[field_name](self), field_name

    def format_field(self, value: Value, format_spec: str) -> str:
        """A value in words; `format_spec` is short, day or time for moments, long for days, on or full for wishes."""
        match value:
            case Moment():
                return self.moment(value, format_spec)
            case Day(on):
                return self.day(on, format_spec)
            case Language(codes):
                return str(format_list([str(self.locale.languages.get(c, c)) for c in codes], locale=self.locale))
            case Countries(codes):
                return ", ".join(str(self.locale.territories.get(code, code)) for code in codes)
            case Price(amount, currency):
                return self.price(amount, currency)
            case Span(minutes):
                return self.span(minutes)
            case Say():
                return say(value, self.language, self.directory, self.variant)
            case Parts(says):
                return "".join(say(part, self.language, self.directory, self.variant) for part in says)
            case Wish(when):
                return self.wish(when, format_spec)
            case _:
                return str(value)

    def span(self, minutes: int) -> str:
        """A length of time: to the minute up to a fortnight, as a promise may hang on it; a longer one roughly."""
        if minutes > 14 * 24 * 60:
            return _plain(format_timedelta(timedelta(minutes=minutes), locale=self.locale))
        unit, size = next((unit, size) for unit, size in _UNITS.items() if minutes % size == 0)
        return _plain(format_unit(minutes // size, unit, locale=self.locale))

    def day(self, on: date, style: str = "") -> str:
        if style == "short":
            return _plain(format_skeleton("MMMEd", on, locale=self.locale))
        if style in ("long", "full"):
            return _plain(format_date(on, style, locale=self.locale))
        return _plain(format_date(on, _without_year(self.locale.date_formats["full"].pattern), locale=self.locale))

    def time(self, at: time | datetime) -> str:
        return _plain(format_time(at, "short", locale=self.locale))

    def moment(self, moment: Moment, style: str) -> str:
        if style == "day":
            return self.day(moment.local.date())
        if style == "time":
            return self.time(moment.local)
        key = "format.moment_short" if style == "short" else "format.moment"
        worded = self._word(key, day=self.day(moment.local.date(), style), time=self.time(moment.local))
        return worded if moment.zone is None else f"{worded} ({moment.zone})"

    def wish(self, when: When, style: str = "") -> str:
        days = [self._days(days, style) for days in when.days]
        names = get_day_names("wide", locale=self.locale)
        days += [self._on(names[weekday], style) for weekday in when.weekdays]
        parts = [format_list(days, "or", locale=self.locale)] if days else []
        if when.at is not None:
            parts.append(self._word("format.at", time=self.time(when.at)))
        for times in when.times:
            key = "format.between" if times.start and times.end else "format.after" if times.start else "format.before"
            named = {name: self.time(at) for name, at in (("start", times.start), ("end", times.end)) if at}
            parts.append(self._word(key, **named))
        but = [self._days(days, "on") for days in when.not_days]
        but += [self._on(names[weekday], "on") for weekday in when.not_weekdays]
        if but:
            parts.append(self._word("format.but_not", days=format_list(but, "or", locale=self.locale)))
        worded = " ".join(parts) or self._word("format.any_time")
        if when.otherwise is None:
            return worded
        return str(format_list([worded, self.wish(when.otherwise, style)], "or", locale=self.locale))

    def _days(self, days: DayRange, style: str) -> str:
        first, last = days.start, days.end and days.end - timedelta(days=1)
        if first is not None and first == last:
            return self._on(self.day(first, style), style)
        key = "format.days" if first and last else "format.from" if first else "format.until"
        return self._word(key, **{name: self.day(on) for name, on in (("start", first), ("end", last)) if on})

    def _on(self, day: str, style: str) -> str:
        return self._word("format.on", day=day) if style == "on" else day

    def _word(self, key: str, **values: str) -> str:
        return _pattern(key, self.language, self.variant).format(**values)

    def hours(self) -> str:
        """The opening hours of every location, a line for each stretch of days that are alike."""
        places = self.directory.locations
        blocks = ["\n".join(self._hours_of(place)) for place in places]
        if len(places) == 1:
            return blocks[0]
        return "\n".join(f"{place.name}:\n{block}" for place, block in zip(places, blocks, strict=True))

    def _hours_of(self, place: Location) -> list[str]:
        names = get_day_names("abbreviated", locale=self.locale)
        by_day = [
            ", ".join(
                f"{self.time(h.local_start)}–{self.time(h.local_end)}" for h in place.hours if h.weekday == weekday
            )
            for weekday in range(7)
        ]
        lines, first = [], 0
        for weekday in range(1, 8):
            if weekday < 7 and by_day[weekday] == by_day[first]:
                continue
            if by_day[first]:
                days = names[first] if weekday - 1 == first else f"{names[first]}–{names[weekday - 1]}"
                lines.append(f"{days} {by_day[first]}")
            first = weekday
        return lines

    def prices(self) -> str:
        """What each kind of visit costs, where the clinic says."""
        return "\n".join(
            f"{kind.label}: {self.price(kind.price, kind.currency)}"
            for kind in self.directory.visit_types
            if kind.price is not None and kind.currency is not None
        )

    def price(self, amount: int, currency: str) -> str:
        """A price given in the smallest unit of its currency."""
        return _plain(format_currency(amount / 10 ** get_currency_precision(currency), currency, locale=self.locale))

    def addresses(self) -> str:
        """Where every location is."""
        return "\n".join(f"{place.name}, {place.address}" for place in self.directory.locations)

    def emergency_numbers(self) -> str:
        """The emergency number; several where locations have different ones."""
        return format_list(
            sorted({place.emergency_number for place in self.directory.locations}), "or", locale=self.locale
        )

    def person(self) -> str:
        """What one writes to ask for a person."""
        return self._word("word.person")


_UNITS = {"duration-day": 24 * 60, "duration-hour": 60, "duration-minute": 1}

_CLINIC = {
    "clinic": lambda sentence: sentence.directory.organization.name,
    "phone": lambda sentence: sentence.directory.organization.phone or "",
    "hours": _Sentence.hours,
    "addresses": _Sentence.addresses,
    "prices": _Sentence.prices,
    "emergency_number": _Sentence.emergency_numbers,
    "person": _Sentence.person,
}
"""What every sentence may name without being given it."""


@cache
def _locale(language: str, region: str) -> Locale:
    """The reader's language as it is written in the clinic's country."""
    try:
        return Locale.parse(f"{language}_{region}")
    except UnknownLocaleError:
        return Locale.parse(language)


def _without_year(pattern: str) -> str:
    """CLDR has no full date without a year for every language, so the year is taken out of the one that it has."""
    return re.sub(r"[,،]?\s*(?:'[^']*'\s*)?y+(?:年|년\s?|\s?'г'\.)?", "", pattern).strip()


def _plain(worded: str) -> str:
    """Without the narrow and no-break spaces of CLDR, which cost an SMS its alphabet."""
    return worded.replace("\u202f", " ").replace("\xa0", " ")
