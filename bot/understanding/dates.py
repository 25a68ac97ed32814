"""Dates, times, ranges and exclusions in a message: what a patient wishes, and where the words leave a doubt."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from itertools import chain, groupby, islice, product, zip_longest
from typing import Any, cast

import dateparser

from bot.understanding.clocks import CLOCK_RULES, HOURS_RULES, PART_RULES, Hours, Time, complement, possible
from bot.understanding.days import Days, one, single
from bot.understanding.grammar import Scene, reduce
from bot.understanding.lengths import Stretch
from bot.understanding.lexicon import Lexicon
from bot.understanding.meaning import DayRange, Entity, TimeRange, When
from bot.understanding.moments import LENGTH_RULES
from bot.understanding.named_days import DAY_RULES
from bot.understanding.scan import Clock, Token, scan
from bot.understanding.spans import EXCLUSION_RULES, PIECE_RULES, SPAN_RULES
from bot.understanding.text import lower

MOST_READINGS = 4
_LONGEST_FOR_DATEPARSER = 100
_BETWEEN = {"at", "around", "on_the", "of", "in", "this", "from", "same_day"}  # may stand between a day and its time


@dataclass(frozen=True)
class FullDate:
    """A day with its year, as it stands in the text; `other` where day and month can be exchanged, day first."""

    day: date
    other: date | None
    start: int
    end: int


@dataclass(frozen=True)
class Times:
    """All that a message says about time."""

    when: When | None = None
    readings: tuple[When, ...] = ()
    impossible: str | None = None
    past: str | None = None
    entities: tuple[Entity, ...] = ()
    dates: tuple[FullDate, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()


def read(text: str, lexicon: Lexicon, scene: Scene, *, calendar: bool = True) -> Times:
    """What `text` says about time. Without `calendar`, days of the calendar are collected, but are no wish."""
    tokens = _tokens(text, lexicon, scene)
    dates = tuple(_full_date(token, scene) for token in tokens if token.kind == "days" and token.value.dated)
    if not calendar:
        tokens = [token for token in tokens if not _may_be_birth(token, text)]
    past = [token for token in tokens if _is_past(token, scene)]
    over = next((token for token in past if _is_one_day(token.value.ranges[0])), None)
    wished = [token for token in tokens if token.kind in _READ and token not in past]
    impossible = next((token for token in tokens if token.kind == "impossible"), None)
    groups = [_settled(group, scene) for group in _groups([token for token in tokens if token not in past])]
    standing = [_beside_a_clock(token, groups) for token in tokens if token.kind in _STANDING]
    wishes = [_wishes(token) for token in standing] + [_wishes(token) for group in groups for token in group]
    wishes = [wish for wish, token in zip(wishes, [*standing, *chain(*groups)], strict=True) if not _is_habit(token)]
    readings = tuple(dict.fromkeys(_merged(choice) for choice in islice(product(*wishes), MOST_READINGS)))
    if len(readings) > 1:
        readings = tuple(wish for wish in readings if not _is_over(wish, scene)) or readings[-1:]
    certain = len(readings) == 1 and bool(wishes) and (not past or _days_among(wished)) and impossible is None
    return Times(
        when=readings[0] if certain else None,
        readings=readings if len(readings) > 1 else (),
        impossible=text[impossible.start : impossible.end] if impossible else None,
        past=text[over.start : over.end]
        if over and not _days_among(wished) and lexicon.story.search(text[: over.start]) is None
        else None,
        entities=tuple(_entities(groups, past, tokens, text)),
        dates=dates,
        spans=tuple((token.start, token.end) for token in tokens if token.kind in _READ),
    )


_STANDING = {"first", "now", "any", "excluded"}
_TIMED = {"days", "clock", "hours", "instant", "stretch", "recurring"}
_READ = _STANDING | _TIMED | {"impossible"}


def _tokens(text: str, lexicon: Lexicon, scene: Scene) -> list[Token]:
    tokens = scan(lower(text), lexicon)
    for rules in (CLOCK_RULES, PART_RULES, LENGTH_RULES, DAY_RULES):
        tokens = reduce(tokens, rules, scene)
    tokens = [token for token, following in zip_longest(tokens, tokens[1:]) if not _changes_nothing(token, following)]
    tokens = _read_elsewhere(tokens, text, lexicon, scene)
    for rules in (PIECE_RULES, SPAN_RULES):
        tokens = reduce(tokens, rules, scene)
    tokens = _edges_at_parts(tokens)
    for rules in (HOURS_RULES, EXCLUSION_RULES):
        tokens = reduce(tokens, rules, scene)
    return tokens


def _changes_nothing(token: Token, following: Token | None) -> bool:
    """ "Any day on Tuesday or Wednesday"; but "the day after Easter" is another."""
    if token.kind == "on_the":
        return True
    is_day = token.kind == "unit" and token.value == "day"
    return is_day and not (following and following.kind in ("after", "before"))


def _edges_at_parts(tokens: list[Token]) -> list[Token]:
    """`tokens` with "late Monday afternoon" as "Monday late afternoon"."""
    moved = list(tokens)
    for place in range(len(moved) - 2):
        if [token.kind for token in moved[place : place + 3]] == ["edge", "days", "part"]:
            moved[place], moved[place + 1] = moved[place + 1], moved[place]
    return moved


def _read_elsewhere(tokens: list[Token], text: str, lexicon: Lexicon, scene: Scene) -> list[Token]:
    """`tokens` with the days that were left with a year beside them ("2026 March 9") read by dateparser."""
    read: list[Token] = []
    for unread, group in groupby(tokens, lambda token: token.kind in ("days", "year")):
        run = list(group)
        start, end = run[0].start, run[-1].end
        kinds = {token.kind for token in run}
        if (
            unread
            and kinds == {"days", "year"}
            and len(run) == 2
            and _is_one_day(run[run[0].kind == "year"].value.written)
            and end - start <= _LONGEST_FOR_DATEPARSER
        ):
            found = _dateparser(text[start:end], lexicon.language, scene.now)
            run = [Token("days", single(found, dated=True, named=True), start, end)] if found else run
        read += run
    return read


@lru_cache(128)  # parts of a message are read several times
def _dateparser(text: str, language: str, now: datetime) -> date | None:
    settings = {"RELATIVE_BASE": now, "PREFER_DATES_FROM": "future"}
    found = dateparser.parse(text, languages=[language], settings=settings)
    return cast(date, found.date()) if found else None


def _may_be_birth(token: Token, text: str) -> bool:
    """Whether it may be of a birth date: a day of the calendar, or a bare year such as "1945"."""
    is_day = token.kind == "days" and token.value.named
    return is_day or (token.kind == "clock" and len(text) >= 4 and text[token.start : token.end].isdecimal())


def _full_date(token: Token, scene: Scene) -> FullDate:
    days: Days = token.value
    day, other = days.ranges[0].start, days.others[0].start if days.others else None
    assert day is not None
    if other is not None and not scene.month_first:
        day, other = other, day
    return FullDate(day, other, token.start, token.end)


def _is_past(token: Token, scene: Scene) -> bool:
    if token.kind != "days":
        return False
    ends = [days.end for days in token.value.ranges + token.value.others]
    return all(end is not None and end <= scene.today for end in ends)


def _days_among(tokens: list[Token]) -> bool:
    """Whether a day was said: then an earlier one beside it only tells a story."""
    return any(token.kind in ("days", "recurring", "first", "now", "instant", "stretch") for token in tokens)


def _is_habit(token: Token) -> bool:
    """ "Every week" says how often, and not when."""
    return token.kind == "recurring" and token.value == ()


def _is_over(wish: When, scene: Scene) -> bool:
    """Whether it asks for an hour of today that has gone by, or for today when the clinic has closed."""
    ends = [hours.end or scene.closes for hours in wish.times] + [wish.at] * (wish.at is not None)
    last = max((end for end in ends if end), default=scene.closes)
    return wish.days == (one(scene.today),) and time(0) < last <= scene.now.time()


def _groups(tokens: list[Token]) -> Iterator[list[Token]]:
    """Days and times that stand side by side."""
    group: list[Token] = []
    for token in tokens:
        if token.kind in _TIMED:
            group.append(token)
        elif token.kind not in _BETWEEN and group:
            yield group
            group = []
    if group:
        yield group


def _settled(group: list[Token], scene: Scene) -> list[Token]:
    """The group with its parts of the day used to tell morning from evening: "in the morning at 9"."""
    parts = [token for token in group if token.kind == "hours" and token.value.usual]
    part = parts[0].value if len(parts) == 1 else None
    times = [token for token in group if token.kind in ("clock", "hours") and token not in parts]
    return [
        Token(t.kind, possible(t.value, part, scene) if t in times else t.value, t.start, t.end)
        for t in group
        if not (times and part and t in parts)
    ]


def _beside_a_clock(token: Token, groups: list[list[Token]]) -> Token:
    """What is excluded, where another time of day is wished: "2pm, not 3pm" says no more than "2pm"."""
    if token.kind != "excluded" or not any(other.kind == "clock" for group in groups for other in group):
        return token
    values = tuple(value for value in token.value if not isinstance(value, Clock))
    return Token(token.kind, values, token.start, token.end)


def _wishes(token: Token) -> tuple[When, ...]:
    """What one token asks for; two where it has two readings."""
    value = token.value
    match token.kind:
        case "days":
            return tuple(When(days=days) for days in (value.ranges, value.others) if days)
        case "clock":
            return tuple(When(at=at) for at in value.readings)
        case "hours":
            return tuple(When(times=(hours,)) for hours in value.readings)
        case "instant":
            return (When(days=(one(value.date()),), at=value.time().replace(microsecond=0)),)
        case "stretch":
            return (_during(value),)
        case "recurring":
            return (When(weekdays=value),)
        case "first" | "now":
            return (When(first_available=True),)
        case "excluded":
            return (_without(value),)
    return (When(),)


def _during(stretch: Stretch) -> When:
    """The wish for a time in a stretch. Of one over midnight the last day is the next best wish: it ends at an hour."""
    start, end = stretch.start, stretch.end
    last = (end - timedelta(microseconds=1)).date()
    until = end.time() if end.date() == last else None
    if start.date() == last:
        return When(days=(one(last),), times=(TimeRange(start.time().replace(microsecond=0), until),))
    if until is None:
        return When(days=(DayRange(start.date(), last + timedelta(days=1)),))
    return When(
        days=(DayRange(start.date(), last),), otherwise=When(days=(one(last),), times=(TimeRange(None, until),))
    )


def _without(values: tuple[Any, ...]) -> When:
    wish = When()
    for value in values:
        match value:
            case Days(weekday=int(weekday)):
                wish = _both(wish, When(not_weekdays=(weekday,)))
            case Days():
                wish = _both(wish, When(not_days=value.ranges))
            case Clock():
                wish = _both(wish, When(times=complement(_about(value.readings[0]))))
            case Hours():
                wish = _both(wish, When(times=complement(value.readings[0])))
            case tuple():
                wish = _both(wish, When(not_weekdays=value))
    return wish


def _merged(wishes: tuple[When, ...]) -> When:
    merged = When()
    for wish in wishes:
        merged = _both(merged, wish)
    return merged


def _both(a: When, b: When) -> When:
    times, at = a.times + b.times, a.at or b.at
    if a.at is not None and b.at is not None and a.at != b.at:
        times, at = (*times, _about(a.at), _about(b.at)), None
    return When(
        days=_unique(a.days + b.days),
        weekdays=_unique(a.weekdays + b.weekdays),
        times=_unique(times),
        at=at,
        not_days=_unique(a.not_days + b.not_days),
        not_weekdays=_unique(a.not_weekdays + b.not_weekdays),
        first_available=a.first_available or b.first_available,
        otherwise=a.otherwise or b.otherwise,
    )


def _about(at: time) -> TimeRange:
    later = (datetime.combine(date(2000, 1, 1), at) + timedelta(minutes=30)).time()
    return TimeRange(at, later if later > at else None)


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def _entities(groups: list[list[Token]], past: list[Token], tokens: list[Token], text: str) -> Iterator[Entity]:
    for group in sorted([*groups, *([token] for token in past)], key=lambda group: group[0].start):
        yield from _entities_of(group, text)
    excluded = [value for token in tokens if token.kind == "excluded" for value in _beside_a_clock(token, groups).value]
    yield from (_days_entity("", value.written) for value in excluded if isinstance(value, Days))
    yield from (
        _told_entity(token.value, text[token.start : token.end])
        for token in tokens
        if token.kind == "told" and token.value is not True
    )
    yield from (_entity("", None, value) for value in excluded if isinstance(value, Clock))
    yield from (Entity("set", text[t.start : t.end]) for t in tokens if t.kind == "recurring")


def _entities_of(group: list[Token], text: str) -> Iterator[Entity]:
    days = [token for token in group if token.kind == "days"]
    times = [token for token in group if token.kind in ("clock", "hours")]
    written = text[group[0].start : group[-1].end]
    if len(days) == 1 and len(times) == 1 and _is_one_day(days[0].value.written):
        yield _entity(written, days[0].value.written.start, times[0].value)
        return
    for token in group:
        words = text[token.start : token.end]
        match token.kind:
            case "days":
                yield from (_days_entity(words, days) for days in _written(token.value))
            case "clock" | "hours":
                yield _entity(words, None, token.value)
            case "instant":
                yield Entity("datetime", words, _moment(token.value))
            case "stretch":
                yield _stretch_entity(words, token.value)


def _told_entity(told: Days | Stretch | datetime, words: str) -> Entity:
    if isinstance(told, Stretch):
        return _stretch_entity(words, told)
    return _days_entity(words, told.written) if isinstance(told, Days) else Entity("datetime", words, _moment(told))


def _stretch_entity(words: str, stretch: Stretch) -> Entity:
    return Entity("datetimerange", words, start=_moment(stretch.start), end=_moment(stretch.end))


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="minutes")


def _written(days: Days) -> tuple[DayRange, ...]:
    return days.ranges if len(days.ranges) > 1 else (days.written,)


def _is_one_day(days: DayRange) -> bool:
    return days.start is not None and days.end is not None and days.end - days.start == timedelta(days=1)


def _days_entity(words: str, days: DayRange) -> Entity:
    start, end = (str(edge) if edge else None for edge in (days.start, days.end))
    if _is_one_day(days):
        return Entity("date", words, start)
    return Entity("daterange", words, start=start, end=end)


def _entity(words: str, day: date | None, said: Time) -> Entity:
    kind = "datetime" if day else "time"
    if isinstance(said, Clock) and said.length is None:
        return Entity(kind, words, _iso(day, said.readings[0]))
    hours = _lasting(said) if isinstance(said, Clock) else said.usual or said.readings[0]
    if hours.start == hours.end:
        return Entity(kind, words, _iso(day, hours.start))
    return Entity(f"{kind}range", words, start=_iso(day, hours.start), end=_iso(day, hours.end))


def _lasting(said: Clock) -> TimeRange:
    start = said.readings[0]
    end = (datetime.combine(date(2000, 1, 1), start) + (said.length or timedelta(0))).time()
    return TimeRange(start, end if end > start else None)


def _iso(day: date | None, at: time | None) -> str | None:
    if at is None:
        return None
    return (datetime.combine(day, at) if day else at).isoformat()
