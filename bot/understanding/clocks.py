"""Times of day and stretches of them: what the rules of time make of the tokens."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import product
from typing import TypeVar

from bot.understanding.grammar import Rule, Said, Scene, rule
from bot.understanding.lexicon import Part
from bot.understanding.meaning import TimeRange
from bot.understanding.scan import Clock, clock


@dataclass(frozen=True)
class Hours:
    """A stretch of the day. Two readings where it may be before or after noon."""

    readings: tuple[TimeRange, ...]
    usual: TimeRange | None = None  # what dictionaries of dates say, where it differs


Time = Clock | Hours
T = TypeVar("T")

_DAY_END = 24 * 60


def possible(said: Time, part: Hours | None, scene: Scene) -> Time:
    """`said` with the readings that the part of the day and the opening hours leave.

    Both stay when both are possible; when none is, the one nearest to the opening hours.
    """
    kept: tuple[time, ...] | tuple[TimeRange, ...]
    if isinstance(said, Clock):
        kept = said.readings
        if part is not None and len(kept) > 1:
            kept = tuple(at for at in kept if _outside(at, part.readings[0]) == 0) or kept[-1:]
        return Clock(_open(kept, [_minutes(at) for at in kept], scene))
    ranges = said.readings
    if part is not None and len(ranges) > 1:
        ranges = tuple(r for r in ranges if _outside(_edge(r), part.readings[0]) == 0) or ranges[-1:]
    return Hours(_open(ranges, [_minutes(_edge(r)) for r in ranges], scene), said.usual)


def complement(hours: TimeRange) -> tuple[TimeRange, ...]:
    """The rest of the day."""
    before = (TimeRange(None, hours.start),) if hours.start else ()
    after = (TimeRange(hours.end, None),) if hours.end else ()
    return before + after


def from_part(part: Part) -> Hours:
    return Hours((TimeRange(*part.means),), TimeRange(*part.usual))


def _open(readings: tuple[T, ...], minutes: list[int], scene: Scene) -> tuple[T, ...]:
    opens, closes = _minutes(scene.opens), _minutes(scene.closes) or _DAY_END
    distance = [max(opens - minute, minute - closes, 0) for minute in minutes]
    nearest = min(distance)
    kept = tuple(reading for reading, far in zip(readings, distance, strict=True) if far == nearest)
    return kept if nearest == 0 else kept[:1]


def _outside(at: time, hours: TimeRange) -> int:
    start, end = _minutes(hours.start or time(0)), _minutes(hours.end) if hours.end else _DAY_END
    return max(start - _minutes(at), _minutes(at) - end, 0)


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def _edge(hours: TimeRange) -> time:
    return hours.start or hours.end or time(0)


def _clock(value: Clock | int | None) -> Clock | None:
    if isinstance(value, Clock) or value is None:
        return value
    return clock(value, 0) if value < 100 else clock(*divmod(value, 100), sure=value < 100)


_HOUR = ("clock", "number", "numeral", "long_number", "year")


def _hour(said: Said, _: Scene) -> Clock | None:
    return _clock(said.one(*_HOUR))


def _hour_after_part(said: Said, scene: Scene) -> Clock | None:
    """ "Morning, 9"; but "the morning one" is a choice."""
    return None if said.one("numeral") == 1 and not said.has("at") else _hour(said, scene)


def _half_of_day(said: Said, _: Scene) -> Clock | None:
    at = _clock(said.one(*_HOUR))
    minute = said.all("number", "numeral")[1] if len(said.all("number", "numeral")) > 1 else None
    if at is None:
        return None
    first = at.readings[0]
    return clock(first.hour, first.minute if minute is None else minute, half=said.one("meridiem"))


def _two_numbers(said: Said, _: Scene) -> Clock | None:
    hour, minute = (token for token in said.tokens if token.kind in ("number", "numeral"))
    two_digits = minute.value >= 10 or minute.end - minute.start == 2
    return clock(hour.value, minute.value) if two_digits else None


def _shifted(sign: int, said: Said, *, half: int | None = None) -> Clock | None:
    """ "Quarter to four", "twenty past nine"."""
    minutes, *rest = said.all("fraction", "number", "numeral", "clock")
    at = _clock(rest[0]) if rest else None
    if not isinstance(minutes, int) or at is None or not 0 < minutes < 60:
        return None
    if half is not None and (at := clock(at.readings[0].hour, at.readings[0].minute, half=half)) is None:
        return None
    moved = {_moved(reading, sign * minutes) for reading in at.readings}
    return Clock(tuple(sorted(moved)))


def _moved(at: time, minutes: int) -> time:
    return (datetime.combine(date(2000, 1, 1), at) + timedelta(minutes=minutes)).time()


def _past(said: Said, _: Scene) -> Clock | None:
    return _shifted(1, said, half=said.one("meridiem"))


def _to(said: Said, _: Scene) -> Clock | None:
    return _shifted(-1, said, half=said.one("meridiem"))


def _minutes_to(said: Said, scene: Scene) -> Clock | None:
    return _to(said, scene) if said.one("number", "numeral") in (5, 10, 20, 25) else None


def _half_hour(said: Said, _: Scene) -> Clock | None:
    return clock(said.one("number", "numeral"), 30) if said.one("fraction") == 30 else None


def _between(said: Said, _: Scene) -> Hours | None:
    """From one time to a later one, the shorter way where there are two."""
    values = [_clock(value) for value in said.all(*_HOUR)]
    first, last = values[0], values[1]
    if first is None or last is None:
        return None
    pairs = [(a, b) for a, b in product(first.readings, last.readings) if a < b]
    if last.readings == (time(0),):
        pairs = [(a, last.readings[0]) for a in first.readings]
    if len(first.readings) > 1 and len(last.readings) == 1:
        pairs = pairs[-1:]
    shortest = dict(reversed(pairs))
    ranges = tuple(TimeRange(a, b if b != time(0) else None) for a, b in sorted(shortest.items()))
    return Hours(ranges) if ranges else None


def _from(said: Said, _: Scene) -> Hours | None:
    at = _clock(said.one(*_HOUR))
    return Hours(tuple(TimeRange(reading, None) for reading in at.readings)) if at else None


def _either(said: Said, scene: Scene) -> Hours | None:
    """ "Nine or ten": from the first until the hour after the second."""
    hours = _between(said, scene)
    ends = [(r.start, _moved(r.end, 60)) for r in hours.readings if r.end] if hours else []
    return Hours(tuple(TimeRange(start, end) for start, end in ends)) if ends else None


def _until(said: Said, _: Scene) -> Hours | None:
    at = _clock(said.one(*_HOUR))
    return Hours(tuple(TimeRange(None, reading) for reading in at.readings)) if at else None


def _part(said: Said, _: Scene) -> Hours:
    return from_part(said.one("part"))


def _half(said: Said, _: Scene) -> Hours:
    """ "Tuesday AM"."""
    noon = time(12)
    return Hours((TimeRange(noon, None) if said.one("meridiem") else TimeRange(None, noon),))


def _after_part(said: Said, _: Scene) -> Hours:
    return Hours((TimeRange(said.one("part").means[1], None),), TimeRange(said.one("part").usual[1], None))


def _before_part(said: Said, _: Scene) -> Hours:
    return Hours((TimeRange(None, said.one("part").means[0]),), TimeRange(None, said.one("part").usual[0]))


_N = "(number|numeral)"
_T = "(clock|number|numeral)"
_NO_UNIT = "(?!unit|month|shy_month|weekdays|of|ordinal)"

# First what is surely a time of day.
CLOCK_RULES: tuple[Rule, ...] = (
    rule(f"(at|around)? fraction (past|after) {_T} oclock? meridiem?", "clock", _past),
    rule(f"(at|around)? fraction to {_T} oclock? meridiem?", "clock", _to),
    rule(f"(at|around)? {_N} unit? past {_T} meridiem?", "clock", _past),
    rule(f"(at|around)? {_N} unit to {_T} meridiem?", "clock", _to),
    rule(f"at {_N} to {_T} meridiem?(?!meridiem)", "clock", _minutes_to),
    rule(f"{_T} oclock? meridiem", "clock", _half_of_day),
    rule(f"{_N} {_N} meridiem", "clock", _half_of_day),
    rule(f"{_N} oclock", "clock", _hour),
    rule(f"(at|around) {_N} {_N} {_NO_UNIT}", "clock", _two_numbers),
    rule(f"(at|around)? {_N} {_N}(?=of? part)", "clock", _two_numbers),
    rule(f"fraction {_N} {_NO_UNIT}", "clock", _half_hour),
    rule(f"(at|around) {_T} oclock? {_NO_UNIT}(?!to|and)", "clock", _hour),
    rule("(at|around) (long_number|year)", "clock", _hour),
    rule(f"(at|around)? {_T} to? ish", "clock", _hour),
    rule("number(?=of? part)|numeral(?=of part)", "clock", _hour),
    rule(f"(?<=part)at? {_N}{_NO_UNIT}(?!to|number|numeral)", "clock", _hour_after_part),
)

# Then stretches, once the days are known.
HOURS_RULES: tuple[Rule, ...] = (
    rule(f"(at|around)? between {_T} (and|to|until) {_T}{_NO_UNIT}", "hours", _between),
    rule(f"(at|around)? from? (at|around)? {_T} (to|until) clock", "hours", _between),
    rule(f"(at|around)? from? clock (to|until) {_T}{_NO_UNIT}", "hours", _between),
    rule(f"(from|at|around) {_T} (to|until) {_T}{_NO_UNIT}", "hours", _between),
    rule(f"(?<=days|part){_N} (to|until) {_N}{_NO_UNIT}", "hours", _between),
    rule(f"{_N} (to|until) {_N}(?=days|part)", "hours", _between),
    rule(f"clock or {_T}{_NO_UNIT}|{_N} or clock", "hours", _either),
    rule(f"(after|past|from) (at|around)? {_T}{_NO_UNIT}", "hours", _from),
    rule(f"not (before|until) {_T}{_NO_UNIT}", "hours", _from),
    rule(f"(before|by|until) (at|around)? {_T}{_NO_UNIT}", "hours", _until),
    rule(f"not (after|past) {_T}{_NO_UNIT}", "hours", _until),
    rule("(after|from) part", "hours", _after_part),
    rule("before part", "hours", _before_part),
    rule("part", "hours", _part),
    rule("(?<=days)meridiem|^(at|on_the|in)?meridiem$", "hours", _half),
    rule(f"(?<=days){_N}{_NO_UNIT}(?!to|number|numeral|unknown)", "clock", _hour),
    rule(f"(?<!unknown){_N}(?=days)", "clock", _hour),
    rule(f"(?<=or|and){_N}(?=clock)", "clock", _hour),
    rule(f"{_N} (?=(or|and) clock)", "clock", _hour),
    rule(f"to {_N}$", "clock", _hour),
)
