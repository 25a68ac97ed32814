"""Days and stretches of them: what the rules of the calendar make of the tokens."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from bot.understanding.grammar import Impossible, Rule, Said, Scene, rule
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
    return DayRange(_add_months(day.replace(day=1), months), _add_months(day.replace(day=1), months + 1))


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


def _add_months(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year = min(max(day.year + years, 1), 9998)
    return next(found for last in range(day.day, 0, -1) if (found := calendar_day(year, month + 1, last)))


def _next_weekday(weekday: int, after: date) -> date:
    """The first such day after `after`."""
    return after + ((weekday - after.weekday() - 1) % 7 + 1) * DAY


def _numeric(said: Said, scene: Scene) -> Days | Impossible | None:
    numbers, dotted = said.one("date")
    if numbers[0] > 31:
        readings = [calendar_day(*_padded(numbers))]
    else:
        first, second, *year = numbers
        orders = [(second, first)] if dotted else [(first, second), (second, first)]
        plausible = [order for order in dict.fromkeys(orders) if order[0] <= 12 and order[1] <= 31]
        if not plausible and not year:
            return None
        readings = [_day(month, day, year[0] if year else None, scene) for month, day in plausible]
    days = [day for day in readings if day]
    if not days:
        return Impossible()
    return _checked(days, said, scene, dated=len(numbers) == 3)


def _padded(numbers: tuple[int, ...]) -> tuple[int, int, int]:
    return numbers[0], numbers[1], numbers[2]


def _day(month: int, day: int, year: int | None, scene: Scene) -> date | None:
    if year is None:
        return nearest(month, day, scene.today)
    return calendar_day(full_year(year, scene.today), month, day)


def _checked(days: list[date], said: Said, scene: Scene, *, dated: bool) -> Days:
    """The days with the weekday that was said beside them; where the two disagree, either may be meant."""
    weekday = said.one("weekday", "shy_weekday")
    if len(days) > 1 and not dated:
        days = [_coming(day, scene) for day in days]
    fitting = [day for day in days if weekday is None or day.weekday() == weekday]
    written = one(_coming(days[0], scene)) if not dated else None
    if fitting:
        days = fitting
    elif weekday is not None:
        days = [days[0], min((days[0] + shift * DAY for shift in range(-3, 4)), key=lambda d: d.weekday() != weekday)]
    others = (one(days[1]),) if len(days) > 1 else ()
    return Days((one(days[0]),), others, written, dated=dated, named=True)


def _coming(day: date, scene: Scene) -> date:
    return day if day >= scene.today else calendar_day(day.year + 1, day.month, day.day) or day


_DOM = ("number", "numeral", "ordinal", "rank")
_MONTH = ("month", "shy_month")
_WEEKDAY = ("weekday", "shy_weekday")


def _in_month(said: Said, scene: Scene) -> Days | Impossible | None:
    """ "March 9", "the 9th of March 2026", "Mon 9 March"."""
    month, number, year = said.one(*_MONTH), said.one(*_DOM), said.one("year")
    if said.has("day_month"):
        number, month = said.one("day_month")
    if said.has("shy_month") and (said.has("numeral") or (said.has("rank") and not said.has("of"))) and number <= 2:
        return None  # "may one of us come?"
    if not 1 <= number <= 31:
        return None
    found = _day(month, number, year, scene)
    return _checked([found], said, scene, dated=year is not None) if found else Impossible()


def _month(said: Said, scene: Scene) -> Days:
    number, year = said.one(*_MONTH), said.one("year")
    if year is None:
        year = scene.today.year + (number < scene.today.month)
    return Days((month_of(date(year, number, 1)),))


def _of_month(said: Said, scene: Scene) -> Days | None:
    """ "the 14th", "the 20th of next month", "Friday the 13th"."""
    number, weekday = said.one(*_DOM), said.one(*_WEEKDAY)
    starts = [month_of(scene.today, months).start for months in range(13)]
    if said.has("unit"):
        if said.one("unit") != "month":
            return None
        starts = [starts[1] if said.has("next") else starts[0]]
    days = [
        d
        for s in starts
        if s and (d := calendar_day(s.year, s.month, number)) and (d >= scene.today or len(starts) == 1)
    ]
    fitting = [day for day in days if day.weekday() == weekday] if weekday is not None else days
    if weekday is not None and number <= 12 and said.has("number") and fitting[:1] != days[:1]:
        return None  # "Tuesday 10" is ten o'clock, unless it is the tenth
    return single((fitting or days)[0], named=True) if days else None


def _weekday(said: Said, scene: Scene) -> Days:
    weekday = said.one(*_WEEKDAY)
    coming = _next_weekday(weekday, scene.today)
    if weekday == scene.today.weekday():
        return Days((one(scene.today),), (one(coming),), usual=one(coming), weekday=weekday)
    return single(coming, weekday=weekday)


def _this_weekday(said: Said, scene: Scene) -> Days:
    return single(_next_weekday(said.one(*_WEEKDAY), scene.today - DAY))


def _next_named(said: Said, scene: Scene) -> Days:
    """ "next Friday": doubtful while there is still a Friday in this week."""
    coming = _next_weekday(said.one(*_WEEKDAY), scene.today)
    if coming < scene.today - scene.today.weekday() * DAY + WEEK:
        return Days((one(coming),), (one(coming + WEEK),), usual=one(coming + WEEK))
    return single(coming)


def _last_weekday(said: Said, scene: Scene) -> Days:
    return single(_next_weekday(said.one(*_WEEKDAY), scene.today - DAY - WEEK))


def _after_next(said: Said, scene: Scene) -> Days:
    return single(_next_weekday(said.one(*_WEEKDAY), scene.today) + WEEK)


def _weekday_of_week(said: Said, scene: Scene) -> Days | None:
    """ "Friday next week", "next week Tuesday or Thursday"."""
    if said.one("unit") != "week":
        return None
    monday = (
        scene.today
        - scene.today.weekday() * DAY
        + (WEEK if said.has("next") else -WEEK if said.has("last") else 0 * DAY)
    )
    ranges = tuple(one(monday + weekday * DAY) for weekday in said.all(*_WEEKDAY))
    return Days(ranges)


def _weekday_hence(said: Said, scene: Scene) -> Days | None:
    """ "a week from Friday", "two Fridays from now"."""
    count = said.one("number", "numeral", default=1)
    coming = _next_weekday(said.one(*_WEEKDAY, "weekdays"), scene.today)
    unit = {"week": 7, "day": 1, "fortnight": 14}.get(said.one("unit", default=""))
    return single(coming + min(count, 400) * unit * DAY) if unit else None


def _weekdays_hence(said: Said, scene: Scene) -> Days:
    (weekday,) = said.one("weekdays")[:1]
    return single(_next_weekday(weekday, scene.today) + (min(said.one("number", "numeral"), 60) - 1) * WEEK)


def _unit(said: Said, scene: Scene) -> Days | None:
    """ "next week", "this month", "last week"."""
    step = 1 if said.has("next") else -1 if said.has("last") else 0
    if said.has("after"):
        step = 2
    today = scene.today
    match said.one("unit"):
        case "week":
            return Days((week_of(today + step * WEEK),))
        case "month":
            return Days((month_of(today, step),))
        case "day" if step:
            return single(today + step * DAY)
        case "year":
            return Days((DayRange(date(today.year + step, 1, 1), date(today.year + step + 1, 1, 1)),))
    return None


def _next_units(said: Said, scene: Scene) -> Days | None:
    """ "the next three days"."""
    end = _later(scene.today + DAY, said.one("number", "numeral"), said.one("unit"))
    return Days((DayRange(scene.today + DAY, end),)) if end else None


def _later(day: date, count: int, unit: str) -> date | None:
    count = min(count, 400)
    match unit:
        case "day" | "week" | "fortnight":
            return day + count * {"day": 1, "week": 7, "fortnight": 14}[unit] * DAY
        case "month" | "year":
            return _add_months(day, min(count, 48) * {"month": 1, "year": 12}[unit])
    return None


def _in_units(said: Said, scene: Scene) -> Days | None:
    """ "in three days" is a day; "in two weeks" is the week about it."""
    unit = said.one("unit")
    count = said.one("number", "numeral", default=1)
    origin = said.one("day", default=0)
    day = _later(scene.today + origin * DAY, count, unit)
    if day is None or unit == "day" or said.has("day"):
        return single(day) if day else None
    return Days((week_of(day),), usual=one(day))


def _ago(said: Said, scene: Scene) -> Days | None:
    days = {"day": 1, "week": 7, "fortnight": 14, "month": 30, "year": 365}.get(said.one("unit"))
    return single(scene.today - min(said.one("number", "numeral", default=1), 100) * days * DAY) if days else None


def _instant(said: Said, scene: Scene) -> datetime | None:
    """ "in two hours"."""
    minutes = {"hour": 60, "minute": 1}.get(said.one("unit"))
    if minutes is None:
        return None
    count = said.one("fraction", default=0) / 60 if said.has("fraction") else said.one("number", "numeral", default=1)
    return scene.now + timedelta(minutes=min(count * minutes, 10_000))


def _relative(said: Said, scene: Scene) -> Days:
    return single(scene.today + said.one("day") * DAY)


def _relative_named(said: Said, scene: Scene) -> Days | None:
    """ "tomorrow, Tuesday"; where the two disagree, either may be meant."""
    return _checked([scene.today + said.one("day") * DAY], said, scene, dated=True)


def _holiday(said: Said, scene: Scene) -> Days:
    month, day = said.one("holiday")
    found = calendar_day(scene.today.year, month, day)
    assert found is not None
    return single(_coming(found, scene))


def _weekend(said: Said, scene: Scene) -> Days:
    saturday = scene.today - scene.today.weekday() * DAY + 5 * DAY
    saturday += WEEK if said.has("next") else -WEEK if said.has("last") else 0 * DAY
    return Days((DayRange(saturday, saturday + 2 * DAY),))


def _nth_weekday(said: Said, scene: Scene) -> Days | None:
    """ "the first Monday of next month"."""
    if said.has("unit") and said.one("unit") != "month":
        return None
    month = month_of(scene.today, 1 if said.has("next") else 0)
    if said.has("month") or said.has("shy_month"):
        month = _month(said, scene).ranges[0]
    count = said.one("ordinal", "rank")
    assert month.start is not None
    found = _next_weekday(said.one(*_WEEKDAY), month.start - DAY) + (count - 1) * WEEK
    return single(found) if month.end and found < month.end else None


def _partial_range(said: Said, scene: Scene) -> Days | Impossible | None:
    """ "13 to 15 July", "March 9-11"."""
    first, last = said.all(*_DOM)
    ends = [_day(said.one(*_MONTH), number, said.one("year"), scene) for number in (first, last)]
    if ends[0] is None or ends[1] is None:
        return Impossible()
    start, end = (_coming(day, scene) if not said.has("year") else day for day in (ends[0], ends[1]))
    return Days((DayRange(start, end + DAY),)) if start <= end else None


def _list_in_month(said: Said, scene: Scene) -> Days | Impossible | None:
    """ "18 and 19 June"."""
    found = [_day(said.one(*_MONTH), number, said.one("year"), scene) for number in said.all(*_DOM)]
    return Days(tuple(one(_coming(day, scene)) for day in found if day)) if all(found) else Impossible()


def _ordinal_range(said: Said, scene: Scene) -> Days | None:
    """ "the 10th to the 12th"."""
    first, last = said.all("ordinal")
    start = _of_month(
        Said(said.tokens[said.tokens.index(next(t for t in said.tokens if t.kind == "ordinal")) :][:1]), scene
    )
    if start is None or start.ranges[0].start is None:
        return None
    begin = start.ranges[0].start
    end = calendar_day(begin.year, begin.month, last) if last >= first else calendar_day(*_month_after(begin), last)
    return Days((DayRange(begin, end + DAY),)) if end else None


def _month_after(day: date) -> tuple[int, int]:
    start = _add_months(day.replace(day=1), 1)
    return start.year, start.month


def _between(said: Said, scene: Scene) -> Days | None:
    """From one day to another, both within."""
    first, last = said.all("days")
    start, end = first.written.start, last.written.end
    if start is None or end is None:
        return None
    if first.weekday is not None:
        start = _next_weekday(first.weekday, scene.today - DAY)
    if last.weekday is not None:
        end = _next_weekday(last.weekday, start) + DAY
    if end <= start:
        end = _coming(end - DAY, scene) + DAY
    return Days((DayRange(start, end),)) if start < end else None


def _after(said: Said, _: Scene) -> Days:
    return _each(said, lambda days: DayRange(days.end, None))


def _from(said: Said, _: Scene) -> Days:
    return _each(said, lambda days: DayRange(days.start, None))


def _before(said: Said, _: Scene) -> Days:
    return _each(said, lambda days: DayRange(None, days.start))


def _until(said: Said, _: Scene) -> Days:
    return _each(said, lambda days: DayRange(None, days.end))


def _each(said: Said, bound: Any) -> Days:
    days: Days = said.one("days")
    return Days(
        tuple(bound(days_range) for days_range in days.ranges),
        tuple(bound(days_range) for days_range in days.others),
        bound(days.written),
    )


def _week_of(said: Said, _: Scene) -> Days | None:
    start = said.one("days").written.start
    return Days((week_of(start),)) if start else None


def _edge(said: Said, _: Scene) -> Days | None:
    """ "the end of next week", "early March"."""
    days = said.one("days").written
    if days.start is None or days.end is None or (days.end - days.start) < 7 * DAY:
        return None
    length = (days.end - days.start).days
    third = 3 if length == 7 else 10
    match said.one("edge"):
        case "start":
            return Days((DayRange(days.start, days.start + third * DAY),))
        case "mid":
            return Days(
                (DayRange(days.start + (1 if length == 7 else 9) * DAY, days.start + (5 if length == 7 else 20) * DAY),)
            )
    return Days((DayRange(days.end - third * DAY, days.end),))


def _recurring(said: Said, _: Scene) -> tuple[int, ...]:
    return tuple(day for group in said.all("weekdays") for day in group) + tuple(said.all(*_WEEKDAY))


def _excluded(said: Said, _: Scene) -> tuple[Any, ...]:
    """What shall not be: weekdays by their name, other days as they are, hours."""
    return tuple(said.all("days", "hours", "recurring"))


_D = "(number|numeral|ordinal|rank)"
_M = "(month|shy_month)"
_W = "(weekday|shy_weekday)"
_C = "(number|numeral)"
_TURN = "(this|next|last)"
_MONTH_CUE = "in|of|next|from|by|before|to|until|edge"  # after one of these, "may" is a month

DAY_RULES: tuple[Rule, ...] = (
    rule(f"{_W}? date {_W}?", "days", _numeric),
    rule(f"(from|between)? {_D} (to|and|until) {_D} of? {_M} year?", "days", _partial_range),
    rule(f"(from|between)? {_M} {_D} (to|and|until) {_D}(?!{_M}|meridiem) year?", "days", _partial_range),
    rule(f"{_D} (and|or) {_D} of? {_M} year?", "days", _list_in_month),
    rule("(from|between)? ordinal (to|and|until) ordinal", "days", _ordinal_range),
    rule(f"on_the? {_W}? on_the? {_D} of? {_M} year?", "days", _in_month),
    rule(f"on_the? {_W}? {_M} {_D} of? year? {_W}?", "days", _in_month),
    rule(f"{_W}? day_month year?|number to month to year", "days", _in_month),
    rule(
        f"(in|this|next)? month of? year?|{_M} of? year|^shy_month$|(?<={_MONTH_CUE})shy_month",
        "days",
        _month,
    ),
    rule("(in|next) shy_month", "days", _month),
    rule(f"on_the? {_W}? (next|on_the)? ordinal (of? {_TURN} unit|of unit)?", "days", _of_month),
    rule(f"{_W} (number|rank)(?!meridiem|to|unit|oclock|clock|number|numeral)", "days", _of_month),
    rule(
        "(on_the|by|until|from|after|before) (rank|number)(?!unit|unknown|meridiem|clock|to|and)",
        "days",
        lambda s, c: _of_month(s, c) if s.has("on_the") else None,
    ),
    rule(f"(on_the|next)? {_D} of {_TURN}? unit", "days", _of_month),
    rule(
        "weekday|shy_weekday(?=part|clock|number|at|or|and|to|after|before)|(?<=at|this|next|every|or|and|to|not|by|from)shy_weekday|^shy_weekday$|(?<=on_the)shy_weekday",
        "days",
        _weekday,
    ),
    rule(f"this {_W}", "days", _this_weekday),
    rule(f"next {_W}", "days", _next_named),
    rule(f"last {_W}", "days", _last_weekday),
    rule(f"{_W} after next(?!{_W}|unit)", "days", _after_next),
    rule(f"{_W} (of|in)? {_TURN} unit", "days", _weekday_of_week),
    rule(f"(of|in)? {_TURN} unit {_W} ((or|and) {_W})*", "days", _weekday_of_week),
    rule(f"{_C}? unit from {_W}|{_W} in {_C}? unit", "days", _weekday_hence),
    rule(f"{_C} weekdays hence", "days", _weekdays_hence),
    rule(f"(this|next|last) unit|unit after next(?!{_W}|unit)|(?<=edge)unit", "days", _unit),
    rule(f"next {_C} unit|{_C} next unit|in next {_C} unit", "days", _next_units),
    rule(f"in {_C}? unit|{_C}? unit (hence|from day)", "days", _in_units),
    rule(f"{_C}? unit ago", "days", _ago),
    rule(f"in ({_C}|fraction)? unit|({_C}|fraction)? unit hence", "instant", _instant),
    rule(f"{_TURN}? weekend", "days", _weekend),
    rule("holiday", "days", _holiday),
    rule("day", "days", _relative),
    rule(f"day {_W}|{_W} day", "days", _relative_named),
    rule(f"(ordinal|rank) {_W} of ({_M} year?|{_TURN} unit)", "days", _nth_weekday),
    rule(f"every? weekdays ((and|or) weekdays)*|every {_W} ((and|or) {_W})*", "recurring", _recurring),
    rule("every (unit|part|hours|days)?|every number unit", "recurring", lambda _said, _scene: ()),
)

PIECE_RULES: tuple[Rule, ...] = (
    rule("week_of days", "days", _week_of),
    rule("edge (of|in)? days", "days", _edge),
)

SPAN_RULES: tuple[Rule, ...] = (
    rule("(from|between) days (to|and|until) days", "days", _between),
    rule("days (to|until) days", "days", _between),
    rule("since (days|clock|hours)", "told", lambda _said, _scene: True),
    rule("after days", "days", _after),
    rule("from days", "days", _from),
    rule("before days", "days", _before),
    rule("(by|until) days", "days", _until),
)

EXCLUSION_RULES: tuple[Rule, ...] = (
    rule("not (at|in|of)? (days|hours|recurring) ((or|and) (days|hours|recurring))*", "excluded", _excluded),
    rule("no (recurring|hours)", "excluded", _excluded),
)
