"""What stands around days: "the end of", "two weeks after", "from … until", "not on"."""

from datetime import datetime
from typing import Any

from bot.understanding.days import DAY, WEEK, Days, calendar_day, next_weekday, single, to_come, week_of
from bot.understanding.grammar import Rule, Said, Scene, rule
from bot.understanding.lengths import Stretch
from bot.understanding.meaning import DayRange
from bot.understanding.moments import length_in

_L = "(length|unit)"


def _units_from(said: Said, _: Scene) -> Days | None:
    """ "two weeks after the 3rd", "two days before Christmas"."""
    length, days = length_in(said), said.one("days").written
    if length.has_hours or days.start is None:
        return None
    return single(length.later(days.start, -1 if said.has("before") else 1))


def _after_units(said: Said, scene: Scene) -> Days | None:
    """ "after five days": from then on."""
    length = length_in(said)
    return Days((DayRange(length.later(scene.today), None),)) if not length.has_hours else None


def _since(said: Said, _: Scene) -> Days | bool:
    """Since when something is so tells a story, and wishes nothing."""
    days = said.one("days")
    return Days((DayRange(days.written.start, None),)) if days else True


def _between(said: Said, scene: Scene) -> Days | None:
    """From one day to another, both within."""
    first, last = said.all("days")
    start, end = first.written.start, last.written.end
    if start is None or end is None:
        return None
    if first.weekday is not None:
        start = next_weekday(first.weekday, scene.today - DAY)
    if last.weekday is not None:
        end = next_weekday(last.weekday, start) + DAY
    if first.named and (end - start).days > 366:  # "26 June to 28 June 2020"
        start = calendar_day(end.year, start.month, start.day) or start
    if end <= start:
        end = to_come(end - DAY, scene) + DAY
    return Days((DayRange(start, end),)) if start < end else None


def _after(said: Said, _: Scene) -> Days:
    return _each(said, lambda days: DayRange(days.end, None))


def _from(said: Said, _: Scene) -> Days:
    return _each(said, lambda days: DayRange(days.start, None))


def _before(said: Said, _: Scene) -> Days:
    return _each(said, lambda days: DayRange(None, days.start))


def _until(said: Said, _: Scene) -> Days:
    return _each(said, lambda days: DayRange(None, days.end))


def _until_moment(said: Said, scene: Scene) -> Stretch | None:
    """ "until Friday noon"."""
    day, clock = said.one("days").written, said.one("clock")
    if day.start is None or day.end != day.start + DAY:
        return None
    end = datetime.combine(day.start, clock.readings[0])
    return Stretch(scene.now, end) if end > scene.now else None


def _each(said: Said, bound: Any) -> Days:
    days: Days = said.one("days")
    return Days(
        tuple(bound(days_range) for days_range in days.ranges),
        tuple(bound(days_range) for days_range in days.others),
        bound(days.written),
    )


def _from_now_until(said: Said, scene: Scene) -> Days | None:
    end = said.one("days").written.end
    return Days((DayRange(scene.today, end),)) if end and end > scene.today else None


def _lasting(said: Said, _: Scene) -> Days | None:
    """ "from 18 December for ten days"."""
    start, length = said.one("days").written.start, said.one("length")
    return Days((DayRange(start, length.later(start)),)) if start and not length.has_hours else None


def _week_of(said: Said, _: Scene) -> Days | None:
    start = said.one("days").written.start
    return Days((week_of(start),)) if start else None


def _nth_week(said: Said, _: Scene) -> Days | None:
    """ "the third week of May": of the weeks that have most of their days in it."""
    days = said.one("days").written
    if days.start is None or days.end is None or days.end - days.start < 28 * DAY:
        return None
    count = said.one("ordinal", "rank")
    if count is None:
        return Days((week_of(next_weekday(3, days.end - WEEK - DAY)),))
    middle = next_weekday(3, days.start - DAY) + (count - 1) * WEEK
    return Days((week_of(middle),)) if middle < days.end else None


def _weekday_after(said: Said, _: Scene) -> Days | None:
    """ "the Monday after Easter", "the second Tuesday after the 9th"."""
    weekday, days = said.all("days")
    if weekday.weekday is None or days.written.end is None:
        return None
    return single(
        next_weekday(weekday.weekday, days.written.end - DAY) + (said.one("ordinal", "rank", default=1) - 1) * WEEK
    )


def _of_year(said: Said, _: Scene) -> Days | None:
    """ "9 January this year"."""
    first, second = said.all("days")
    day, year = first.written.start, second.written
    if not first.named or day is None or None in (year.start, year.end) or year.end - year.start < 365 * DAY:
        return None
    found = calendar_day(year.start.year, day.month, day.day)
    return single(found, named=True) if found else None


def _edge(said: Said, scene: Scene) -> Days | None:
    """ "the end of next week", "early March", "the rest of the week"."""
    days = said.one("days").written
    if days.start is None or days.end is None or (days.end - days.start) < 7 * DAY:
        return None
    length = (days.end - days.start).days
    match said.one("edge"):
        case "rest":
            return Days((DayRange(max(days.start, scene.today), days.end),)) if days.end > scene.today else None
        case "start":
            return Days((DayRange(days.start, days.start + (3 if length == 7 else 10) * DAY),))
        case "mid":
            before, after = (1, 5) if length == 7 else (10, 20)
            return Days((DayRange(days.start + before * DAY, days.start + after * DAY),))
    return Days((DayRange(days.start + (4 if length == 7 else length - length // 3) * DAY, days.end),))


def _until_edge(said: Said, _: Scene) -> Days | None:
    """ "before the end of next week": its last days are before its end, too."""
    return _until(said, _) if said.one("edge") == "end" else None


def _later_in(said: Said, scene: Scene) -> Days | None:
    """ "later this week": in what is left of its second half."""
    days = said.one("days").written
    if days.start is None or days.end is None or days.end - days.start < 7 * DAY:
        return None
    start = max(days.start + (days.end - days.start) // 2, scene.today + DAY)
    return Days((DayRange(start, days.end),)) if start < days.end else None


def _excluded(said: Said, _: Scene) -> tuple[Any, ...] | None:
    """What shall not be: weekdays by their name, other days as they are, hours; but "I'm away, Tuesday works" wishes."""
    first, following = said.tokens[:2]
    if first.kind == "not" and following.start - first.end == _COMMA_AND_SPACE:
        return None
    return tuple(said.all("days", "hours", "recurring", "clock"))


PIECE_RULES: tuple[Rule, ...] = (
    rule("week_of days", "days", _week_of),
    rule(
        "(ordinal|rank) (week_of|unit of?) days",
        "days",
        lambda s, c: _nth_week(s, c) if s.one("unit", default="week") == "week" else None,
    ),
    rule("edge (of|in|around)?(of|in|around)? days", "days", _edge),
    rule("(ordinal|rank)? days after days", "days", _weekday_after),
    rule("before edge (of|in)? days", "days", _until_edge),
    rule("every days", "recurring", lambda _said, _scene: ()),
    rule("later (of|in)? days", "days", _later_in),
    rule("days days", "days", _of_year),
    rule(f"{_L} (after|from|before) days|length of days", "days", _units_from),
    rule("after length", "days", _after_units),
)
SPAN_RULES: tuple[Rule, ...] = (
    rule("(from|between) days (to|and|until) days", "days", _between),
    rule("days (to|until) days", "days", _between),
    rule("(from|between)? now (to|until|and) days|hence (to|until) days", "days", _from_now_until),
    rule("from days length", "days", _lasting),
    rule("from? days or_later", "days", _from),
    rule("days or_earlier", "days", _until),
    rule("since (days|clock|hours)", "told", _since),
    rule("after days", "days", _after),
    rule("from days(?!clock (to|until) (clock|number|numeral))", "days", _from),
    rule("before days", "days", _before),
    rule("(by|until) days", "days", _until),
    rule("(by|until|before) days at? clock", "stretch", _until_moment),
)
_AVOIDED = "(days|hours|clock|recurring)"
_COMMA_AND_SPACE = 2
EXCLUSION_RULES: tuple[Rule, ...] = (
    rule(f"not (at|in|of)? {_AVOIDED} ((or|and) {_AVOIDED})*", "excluded", _excluded),
    rule("no (recurring|hours)", "excluded", _excluded),
    rule(f"{_AVOIDED} ((or|and) {_AVOIDED})* bad", "excluded", _excluded),
)
