"""Times of day and stretches of them: what the rules of time make of the tokens."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise, product
from typing import TypeVar

from bot.understanding.grammar import Rule, Said, Scene, rule
from bot.understanding.lexicon import Part
from bot.understanding.meaning import TimeRange
from bot.understanding.moments import is_side_by_side
from bot.understanding.scan import Clock, Token, clock


@dataclass(frozen=True)
class Hours:
    """A stretch of the day. Two readings where it may be before or after noon."""

    readings: tuple[TimeRange, ...]
    usual: TimeRange | None = None  # what dictionaries of dates say, where it differs
    holds: TimeRange | None = None  # where clock times beside it lie, if that is more: three at night is after midnight


Time = Clock | Hours
T = TypeVar("T")

_DAY_END = 24 * 60
_MIDNIGHT = time(23, 59, 59)
_LONGEST_DAY = 8  # hours that somebody is free in one go: "10 to 9" is 8:50


def possible(said: Time, part: Hours | None, scene: Scene) -> Time:
    """`said` with the readings that the part of the day and the opening hours leave.

    Both stay when both are possible; when none is, the one nearest to the opening hours.
    """
    kept: tuple[time, ...] | tuple[TimeRange, ...]
    if isinstance(said, Clock):
        kept = said.readings
        if part is not None and len(kept) > 1:
            kept = _within(kept, part)
        return Clock(_open(kept, [_minutes(at) for at in kept], scene), said.length)
    ranges = said.readings
    if part is not None and len(ranges) > 1:
        ranges = tuple(r for r in ranges if _outside(_edge(r), part.readings[0]) == 0) or ranges[-1:]
    return Hours(_open(ranges, [_minutes(_edge(r)) for r in ranges], scene), said.usual, said.holds)


def _within(readings: tuple[time, ...], part: Hours) -> tuple[time, ...]:
    """Those that the part of the day leaves; the later one if it leaves none."""
    hours = part.holds or part.readings[0]
    return tuple(at for at in readings if _outside(at, hours) == 0) or readings[-1:]


def complement(hours: TimeRange) -> tuple[TimeRange, ...]:
    """The rest of the day."""
    before = (TimeRange(None, hours.start),) if hours.start else ()
    after = (TimeRange(hours.end, None),) if hours.end else ()
    return before + after


def from_part(part: Part) -> Hours:
    return Hours((TimeRange(*part.means),), TimeRange(*part.usual), TimeRange(*part.holds) if part.holds else None)


def _open(readings: tuple[T, ...], minutes: list[int], scene: Scene) -> tuple[T, ...]:
    opens, closes = _minutes(scene.opens), _minutes(scene.closes) or _DAY_END
    distance = [max(opens - minute, minute - closes, 0) for minute in minutes]
    nearest = min(distance)
    kept = tuple(reading for reading, far in zip(readings, distance, strict=True) if far == nearest)
    return kept if nearest == 0 else kept[:1]


def _outside(at: time, hours: TimeRange) -> int:
    start, end = _minutes(hours.start or time(0)), _minutes(hours.end) if hours.end else _DAY_END
    if end < start:  # over midnight
        return 0 if not end < _minutes(at) < start else _minutes(at) - end
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


def _hour_named(said: Said, scene: Scene) -> Clock | None:
    """ "At one"; but not "at that one"."""
    before, hour = next(pair for pair in pairwise(said.tokens) if pair[1].kind in _HOUR)
    is_choice = hour.value == 1 and hour.kind == "numeral" and hour.start - before.end > 1
    return None if is_choice else _hour(said, scene)


def _hour_after_part(said: Said, scene: Scene) -> Clock | None:
    """ "Morning, 9"; but "the morning one" is a choice."""
    return None if said.one("numeral") == 1 and not said.has("at") else _hour(said, scene)


def _half_of_day(said: Said, _: Scene) -> Clock | None:
    if said.tokens[-1].start - said.tokens[-2].end > 1:
        return None  # "2, am I in time?"
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


def _any_two_numbers(said: Said, _: Scene) -> Clock | None:
    """ "Nine oh five"."""
    hour, minute = said.all("number", "numeral")
    return clock(hour, minute) if minute < 10 else None


def _spoken(said: Said, _: Scene) -> Clock | None:
    """ "Eight forty"."""
    hour, minute = said.all("numeral")
    return clock(hour, minute) if hour <= 12 and minute >= 10 else None


def _spoken_year(said: Said, _: Scene) -> int | None:
    """ "Nineteen eighty six"."""
    century, rest = said.all("numeral")
    return century * 100 + rest if century in (19, 20) and rest >= 10 else None


def _thousand(said: Said, _: Scene) -> int | None:
    """ "Two thousand and eighteen"."""
    thousands, rest = (*said.all("numeral"), 0)[:2]
    return thousands * 1000 + rest if thousands == 2 and rest < 100 else None


def _round_hour(said: Said, scene: Scene) -> Clock | None:
    """ "1815"; but "4711" is a number, and so is "1813"."""
    return _hour(said, scene) if said.one("long_number", "year") % 5 == 0 else None


def _marked_hour(said: Said, _: Scene) -> Clock | None:
    """ "14h"."""
    return clock(said.one("hour_mark"), 0, sure=said.one("hour_mark") > 12)


def _in_part(said: Said, _: Scene) -> Clock:
    """ "3 in the afternoon"."""
    at: Clock = said.one("clock")
    return Clock(_within(at.readings, from_part(said.one("part"))), at.length) if len(at.readings) > 1 else at


def _with_length(said: Said, _: Scene) -> Clock | None:
    """ "At 4 for 30 minutes": that a visit shall begin then, whatever it takes."""
    length = said.one("length")
    return Clock(said.one("clock").readings, timedelta(minutes=length.minutes)) if length.has_hours else None


def _lasting(said: Said, _: Scene) -> Hours | None:
    """ "From 10 for three hours"."""
    at, length = _clock(said.one(*_HOUR)), said.one("length")
    if at is None or not length.has_hours:
        return None
    ends = [(start, _moved(start, length.minutes)) for start in at.readings]
    return Hours(tuple(TimeRange(start, end if end > start else None) for start, end in ends))


def _shifted(sign: int, said: Said, *, half: int | None = None) -> Clock | None:
    """ "Quarter to four", "twenty past nine"."""
    if said.one("unit", default="minute") != "minute":
        return None
    minutes, *rest = said.all("fraction", "number", "numeral", "clock")
    at = _clock(rest[0]) if rest else None
    if not isinstance(minutes, int) or at is None or not 0 < minutes < 60:
        return None
    if half is not None and (at := clock(at.readings[0].hour, at.readings[0].minute, half=half)) is None:
        return None
    moved = {_moved(reading, sign * minutes) for reading in at.readings}
    return Clock(tuple(sorted(moved)))


def _moved(at: time, minutes: float) -> time:
    return (datetime.combine(date(2000, 1, 1), at) + timedelta(minutes=minutes)).time()


def _past(said: Said, _: Scene) -> Clock | None:
    return _shifted(1, said, half=said.one("meridiem"))


def _to(said: Said, _: Scene) -> Clock | None:
    return _shifted(-1, said, half=said.one("meridiem"))


def _minutes_past(said: Said, scene: Scene) -> Clock | None:
    """ "Ten after three"; but "two after three" are two of something."""
    is_minutes = said.has("unit") or said.has("past") or said.one("number", "numeral") % 5 == 0
    return _past(said, scene) if is_minutes else None


def _minutes_before(said: Said, scene: Scene) -> Clock | None:
    """ "Ten before noon"."""
    return _to(said, scene) if said.one("numeral") % 5 == 0 else None


def _minutes_to(said: Said, scene: Scene) -> Clock | None:
    return _to(said, scene) if said.one("number", "numeral") in (5, 10, 15, 20, 25) else None


def _many_minutes_to(said: Said, scene: Scene) -> Clock | None:
    """ "20 to 2", "five to three": what no working day would be; "10 to 2" may be either, and is taken for hours."""
    minutes, to, at = said.tokens
    if to.end - to.start == 1 or minutes.value not in (5, 10, 20, 25):
        return None
    hour = at.value.readings[0].hour if isinstance(at.value, Clock) else at.value
    is_hour = isinstance(at.value, Clock) or 0 < hour <= 12
    is_spoken = minutes.kind == at.kind == "numeral"
    is_too_long = not 0 < (hour - minutes.value) % 12 <= _LONGEST_DAY
    return _to(said, scene) if is_hour and (is_spoken or is_too_long or minutes.value >= 20) else None


def _dashed(said: Said, _: Scene) -> Clock | None:
    """ "Ten-thirty"; "two-four" are hours."""
    hour, dash, minute = said.tokens[:3]
    is_clock = dash.end - dash.start == 1 and hour.value <= 12 < minute.value < 60
    return clock(hour.value, minute.value, half=said.one("meridiem")) if is_clock else None


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


def _hours_alone(said: Said, scene: Scene) -> Hours | None:
    """ "9-11"; but "24-7" is always."""
    first, last = said.all("number", "numeral")
    return _between(said, scene) if first <= 12 or first < last else None


def _between_two_numbers(said: Said, scene: Scene) -> Hours | None:
    """ "Between 9 15 and 10 30"."""
    numbers = [token for token in said.tokens if token.kind in ("number", "numeral")]
    ends = [_two_numbers(Said(pair), scene) for pair in (numbers[:2], numbers[2:])]
    return _between(Said([Token("clock", end, 0, 0) for end in ends if end]), scene) if all(ends) else None


def _from(said: Said, _: Scene) -> Hours | None:
    at = _clock(said.one(*_HOUR))
    return Hours(tuple(TimeRange(reading, None) for reading in at.readings)) if at else None


def _either(said: Said, scene: Scene) -> Hours | None:
    """ "Nine or ten": from the first until the hour after the second."""
    hours = _between(said, scene)
    ends = [(r.start, _moved(r.end, 60)) for r in hours.readings if r.end] if hours else []
    return Hours(tuple(TimeRange(start, end) for start, end in ends)) if ends else None


def _until(said: Said, _: Scene) -> Hours | None:
    if said.has("before") and not said.has("clock") and said.tokens[0].end - said.tokens[0].start == 1:
        return None  # "<3" is a heart
    at = _clock(said.one(*_HOUR))
    return Hours(tuple(TimeRange(None, reading) for reading in at.readings)) if at else None


def _part(said: Said, _: Scene) -> Hours:
    return from_part(said.one("part"))


def _half(said: Said, _: Scene) -> Hours:
    """ "Tuesday AM"."""
    morning, noon, evening = time(6), time(12), time(18)
    if said.one("meridiem"):
        return Hours((TimeRange(noon, None),), TimeRange(noon, evening))
    return Hours((TimeRange(None, noon),), TimeRange(morning, noon))


def _edge_of_part(said: Said, _: Scene) -> Hours | None:
    """ "Late afternoon", "early evening": one half of it."""
    part: Part = said.one("part")
    if own := dict(part.edges).get(said.one("edge")):
        return from_part(own)
    half = {"start": 0, "end": 1, "late": 1}.get(said.one("edge"))
    if half is None:
        return None
    edges = part.means[0] or part.usual[0], part.means[1] or part.usual[1]
    middle, usual_middle = _middle(*edges), _middle(*part.usual)
    if half == 0:
        return Hours((TimeRange(part.means[0], middle),), TimeRange(part.usual[0], usual_middle))
    return Hours((TimeRange(middle, part.means[1]),), TimeRange(usual_middle, part.usual[1]))


def _middle(start: time, end: time) -> time:
    minutes = (_minutes(start) + _minutes(end) + 1) // 2  # 23:59:59 is the end of the day
    return time(*divmod(minutes, 60))


def _edge_of_day(said: Said, _: Scene) -> Hours | None:
    """ "Early on Monday", "the end of this Friday"."""
    match said.one("edge"):
        case "start":
            return Hours((TimeRange(None, time(10)),), TimeRange(time(8), time(10)))
        case "end":
            return Hours((TimeRange(time(16), None),), TimeRange(_MIDNIGHT, _MIDNIGHT))
        case "late":
            return Hours((TimeRange(time(16), None),), TimeRange(time(16), _MIDNIGHT))
    return None


def _by_the_end(said: Said, _: Scene) -> bool | None:
    """ "By the end of the day" leaves the whole of it."""
    start, end = said.one("part").usual
    return True if start == end else None


def _after_part(said: Said, _: Scene) -> Hours:
    return Hours((TimeRange(said.one("part").means[1], None),), TimeRange(said.one("part").usual[1], None))


def _before_part(said: Said, _: Scene) -> Hours:
    return Hours((TimeRange(None, said.one("part").means[0]),), TimeRange(None, said.one("part").usual[0]))


def _is_no_time(said: Said, _: Scene) -> bool:
    """What has numbers or words of time in it, and is something else."""
    return bool(said.tokens)


def _out_of_ten(said: Said, _: Scene) -> bool | None:
    """ "7/10 pain"."""
    numbers, _dotted = said.one("date")
    return True if len(numbers) == 2 and numbers[1] == 10 else None


def _first_or_second(said: Said, _: Scene) -> bool | None:
    """ "The 2nd 1"."""
    return True if said.all("number", "numeral") == [1] else None


def _habit(said: Said, _: Scene) -> bool | None:
    """ "It hurts at night"; but "it hurts, in the morning please" wishes."""
    return True if is_side_by_side(said) else None


def _to_the_hour(said: Said, scene: Scene) -> Clock | None:
    """ "Move it to 3"; but "-3" is a number."""
    return None if said.tokens[0].end - said.tokens[0].start == 1 else _hour(said, scene)


_N = "(number|numeral)"
_T = "(clock|number|numeral)"
_AT = "(at|around)?(at|around)?"  # "around about 9": no more, so that a row of them costs little
_NO_UNIT = "(?!unit|length|month|shy_month|weekdays|of|ordinal|counted|more)"
_BEFORE_A_CLOCK = "between|from|after|before|by|until|past"

# First what is surely a time of day, and what only looks like one.
CLOCK_RULES: tuple[Rule, ...] = (
    rule(f"{_AT} fraction to? (past|after) {_T} oclock? meridiem?", "clock", _past),
    rule(f"{_AT} fraction (to|before|of) {_T} oclock? meridiem?", "clock", _to),
    rule(f"{_AT} numeral to numeral meridiem?{_NO_UNIT}", "clock", _dashed),
    rule(f"{_AT} {_N} unit? (past|after) {_T} meridiem?", "clock", _minutes_past),
    rule(f"{_AT} {_N} unit (to|before) {_T} meridiem?", "clock", _to),
    rule(f"{_AT} numeral before {_T} meridiem?", "clock", _minutes_before),
    rule(f"at {_N} to {_T} meridiem?(?!meridiem)", "clock", _minutes_to),
    rule(f"(?<!from|on_the|between|month|shy_month){_N} to {_T}{_NO_UNIT}", "clock", _many_minutes_to),
    rule(f"{_T} oclock? meridiem", "clock", _half_of_day),
    rule(f"{_N} {_N} meridiem", "clock", _half_of_day),
    rule(f"{_AT} {_N} oclock", "clock", _hour),
    rule(f"{_AT} {_N} oh {_N}", "clock", _any_two_numbers),
    rule(f"(at|around) {_N} {_N} {_NO_UNIT}", "clock", _two_numbers),
    rule(f"(?<={_BEFORE_A_CLOCK}){_N} {_N} {_NO_UNIT}(?!{_N}|meridiem)", "clock", _two_numbers),
    rule(f"{_AT} {_N} {_N}(?=of? part)", "clock", _two_numbers),
    rule("(?<!month|shy_month)numeral numeral(?!number|numeral|meridiem|year)" + _NO_UNIT, "clock", _spoken),
    rule(f"(between|from) {_N} {_N} (and|to|until) {_N} {_N}{_NO_UNIT}", "hours", _between_two_numbers),
    rule("^number number pause*$", "clock", _two_numbers),
    rule("(?<=number|ordinal|numeral|rank|month|shy_month)numeral numeral", "year", _spoken_year),
    rule("numeral thousand (and? numeral)?", "year", _thousand),
    rule(f"fraction {_N} {_NO_UNIT}", "clock", _half_hour),
    rule(f"(at|around)(at|around)? {_T} {_NO_UNIT}(?!to|and)", "clock", _hour_named),
    rule("(at|around)(at|around)? (long_number|year)(?!unknown)", "clock", _hour),
    rule(f"(?<={_BEFORE_A_CLOCK}|day|weekday)long_number(?!unknown|unit|counted|to|until|and)", "clock", _round_hour),
    rule("^(long_number|year) pause*$", "clock", _round_hour),
    rule(f"{_AT} {_T} to? ish", "clock", _hour),
    rule("(at|around)? (?<!in|within|next|coming)hour_mark(?!unknown)", "clock", _marked_hour),
    # "December 3 in the morning" is a day and its morning.
    rule("(?<!month|shy_month)(number(?=of? part)|numeral(?=of part))", "clock", _hour),
    rule(f"(?<=part)at? {_N}{_NO_UNIT}(?!to|number|numeral)", "clock", _hour_after_part),
    rule(
        f"{_AT} on_the? {_N} counted|count_of {_N}{_NO_UNIT}(?!oclock|meridiem|to|past)",
        "count",
        lambda _said, _scene: True,
    ),
    rule(f"(from|between)? {_N} (to|or|and) {_N} counted|(date|clock) counted", "count", _is_no_time),
    rule(f"labelled (at|around|of)? (date|clock|{_N})(?!meridiem|oclock|unit)", "count", _is_no_time),
    rule("date scored", "count", _out_of_ten),
    rule(f"on_the? (ordinal|rank) ranked|(at|in)? {_N}? (month|shy_month|ordinal|rank) street", "count", _is_no_time),
    rule(f"on_the? ordinal {_N} pause*$", "count", _first_or_second),
    rule(f"called (month|shy_month)(?!{_N}|ordinal|rank)", "count", _is_no_time),
    rule("felt (at|in|of|every)? part(?!day|weekday)", "told", _habit),
    rule("(not|no) (now|first)", "told", _is_no_time),
    rule("happy unit? (this|next|coming)? (weekday|shy_weekday|day|holiday|weekend|part)", "told", _is_no_time),
    rule(
        "parting (on_the|at|this|next)? (weekday|shy_weekday|day|unit|part)( part)? pause*$",
        "told",
        _is_no_time,
    ),
)

# Then what is told apart by the part of the day that stands beside it.
PART_RULES: tuple[Rule, ...] = (rule("clock of part|clock part(?!unknown|counted)", "clock", _in_part),)

# Then stretches, once the days are known.
HOURS_RULES: tuple[Rule, ...] = (
    rule("(from|between|(?<=days)) long_number (to|until|and) long_number(?!to|unit|unknown)", "hours", _between),
    rule(f"{_AT} between {_T} (and|to|until) {_T}{_NO_UNIT}", "hours", _between),
    rule(f"{_AT} from? {_AT} {_T} (to|until) clock", "hours", _between),
    rule(f"{_AT} from? clock (to|until) {_T}{_NO_UNIT}", "hours", _between),
    rule(f"(from|at|around) {_T} (to|until) {_T}{_NO_UNIT}", "hours", _between),
    rule(f"(?<=days|part){_N} (to|until) {_N}{_NO_UNIT}", "hours", _between),
    rule(f"{_N} (to|until) {_N}(?=days|part)", "hours", _between),
    rule(f"from {_AT} {_T} length|length from {_AT} {_T}{_NO_UNIT}", "hours", _lasting),
    rule("clock length", "clock", _with_length),
    rule(f"clock or {_T}{_NO_UNIT}|{_N} or clock", "hours", _either),
    rule(f"(after|past|from) {_AT} {_T}{_NO_UNIT}|from? {_AT} {_T} or_later", "hours", _from),
    rule(f"not (before|until) {_T}{_NO_UNIT}", "hours", _from),
    rule(f"(before|by|until) {_AT} {_T}{_NO_UNIT}|{_AT} {_T} or_earlier", "hours", _until),
    rule(f"not (after|past) {_T}{_NO_UNIT}", "hours", _until),
    rule("(after|from) part", "hours", _after_part),
    rule("(by|until) part(?!clock)", "told", _by_the_end),
    rule("(before|by|until) part(?!clock)", "hours", _before_part),
    rule("edge to? part", "hours", _edge_of_part),
    rule("edge(?=days)", "hours", _edge_of_day),
    rule("part", "hours", _part),
    rule("(?<=days)meridiem|^(at|on_the|in)?meridiem$", "hours", _half),
    rule("(?<!unknown)long_number(?=days)", "clock", _round_hour),
    rule(f"(?<=days){_N}{_NO_UNIT}(?!to|number|numeral|unknown)", "clock", _hour),
    rule(f"(?<!unknown){_N}(?=days)", "clock", _hour),
    rule(f"(?<=or|and){_N}(?=clock)", "clock", _hour),
    rule(f"{_N} (?=(or|and) clock)", "clock", _hour),
    rule(f"^{_N} to {_N} pause*$", "hours", _hours_alone),
    rule(f"(?<!number|numeral)to {_N}$", "clock", _to_the_hour),
)
