"""Days by the names that they are given: "the 14th", "next Friday", "in two weeks", "Easter Monday"."""

from datetime import date

from bot.understanding.days import (
    DAY,
    WEEK,
    Days,
    calendar_day,
    full_year,
    month_of,
    nearest,
    next_weekday,
    one,
    single,
    to_come,
    week_of,
)
from bot.understanding.grammar import Impossible, Rule, Said, Scene, rule
from bot.understanding.lengths import add_months
from bot.understanding.meaning import DayRange
from bot.understanding.moments import MOMENT_RULES, is_side_by_side, length_in
from bot.understanding.scan import Token


def _numeric(said: Said, scene: Scene) -> Days | Impossible | None:
    numbers, dotted = said.one("date")
    if numbers[0] > 31 and len(numbers) == 3:
        return _any_of([calendar_day(*_padded(numbers))], said, scene, dated=True)
    first, second, *year = numbers
    if year and year[0] >= 100 and not 1900 <= year[0] < 2100:
        return None  # "policy 12-31-4455"
    return _in_either_order(first, second, year[0] if year else None, said, scene, is_dotted=dotted)


def _in_either_order(
    first: int, second: int, year: int | None, said: Said, scene: Scene, *, is_dotted: bool = False
) -> Days | Impossible | None:
    """Day and month as the country writes them first, and the other way round where that is a day, too."""
    orders = [(first, second), (second, first)]
    orders = orders[1:] if is_dotted else orders if scene.month_first else orders[::-1]
    plausible = [order for order in dict.fromkeys(orders) if order[0] <= 12 and order[1] <= 31]
    if not plausible and year is None:
        return None
    return _any_of([_day(month, day, year, scene) for month, day in plausible], said, scene, dated=year is not None)


def _any_of(readings: list[date | None], said: Said, scene: Scene, *, dated: bool) -> Days | Impossible:
    days = [day for day in readings if day]
    return _checked(days, said, scene, dated=dated) if days else Impossible()


def _dashed(said: Said, scene: Scene) -> Days | Impossible | None:
    """ "15-2", or "2-15" where the month comes first: no hours of a day go so; "9-11" are hours."""
    first, dash, last = said.tokens
    low, high = sorted((first.value, last.value))
    is_in_order = first.value > last.value or scene.month_first
    is_date = dash.end - dash.start == 1 and 0 < low <= 12 < high <= 31 and is_in_order
    is_date = is_date and (first.value, last.value) != (24, 7)
    return _in_either_order(first.value, last.value, None, said, scene) if is_date else None


def _spaced(said: Said, scene: Scene) -> Days | Impossible | None:
    """ "31 10 1974"."""
    first, second = said.all("number")
    return (
        _in_either_order(first, second, said.one("year"), said, scene) if 0 < first < 32 and 0 < second < 32 else None
    )


def _quarter(said: Said, scene: Scene) -> Days | None:
    """ "next quarter"."""
    if said.one("fraction") != 15:
        return None
    start = add_months(scene.today.replace(day=1), -((scene.today.month - 1) % 3) + 3 * _step(said))
    return Days((DayRange(start, add_months(start, 3)),))


def _year(said: Said, _: Scene) -> Days | None:
    """ "in 2027", "the year 2027"."""
    year = said.one("year")
    if said.one("unit", default="year") != "year":
        return None
    return Days((DayRange(date(year, 1, 1), date(year + 1, 1, 1)),))


def _year_month(said: Said, _: Scene) -> Days:
    year, month = said.one("year_month")
    return Days((month_of(date(year, month, 1)),))


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
        days = [to_come(day, scene) for day in days]
    fitting = [day for day in days if weekday is None or day.weekday() == weekday]
    written = one(to_come(days[0], scene)) if not dated else None
    if fitting:
        days = fitting
    elif weekday is not None:
        days = [days[0], min((days[0] + shift * DAY for shift in range(-3, 4)), key=lambda d: d.weekday() != weekday)]
    others = (one(days[1]),) if len(days) > 1 else ()
    return Days((one(days[0]),), others, written, dated=dated, named=True)


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


def _in_short_year(said: Said, scene: Scene) -> Days | Impossible | None:
    """ "12 April 88"; but "12 April 9" has an hour."""
    year = said.tokens[-1]
    if year.value <= 31:
        return None
    return _in_month(
        Said([*said.tokens[:-1], Token("year", full_year(year.value, scene.today), year.start, year.end)]), scene
    )


def _in_month_on(said: Said, scene: Scene) -> Days | Impossible | None:
    """ "24 August 2018, Friday"; where the two disagree, they are two days: "born 3 May 1974, on Thursday please"."""
    found = _in_month(said, scene)
    return None if isinstance(found, Days) and found.others else found


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
    coming = next_weekday(weekday, scene.today)
    if weekday == scene.today.weekday():
        return Days((one(scene.today),), (one(coming),), usual=one(coming), weekday=weekday)
    return single(coming, weekday=weekday)


def _this_weekday(said: Said, scene: Scene) -> Days:
    return single(next_weekday(said.one(*_WEEKDAY), scene.today - DAY))


def _next_named(said: Said, scene: Scene) -> Days:
    """ "next Friday": doubtful while there is still a Friday in this week."""
    coming = next_weekday(said.one(*_WEEKDAY), scene.today)
    if coming < scene.today - scene.today.weekday() * DAY + WEEK:
        return Days((one(coming),), (one(coming + WEEK),), usual=one(coming + WEEK))
    return single(coming)


def _last_weekday(said: Said, scene: Scene) -> Days:
    return single(next_weekday(said.one(*_WEEKDAY), scene.today - DAY - WEEK))


def _after_next(said: Said, scene: Scene) -> Days:
    return single(next_weekday(said.one(*_WEEKDAY), scene.today) + WEEK)


def _weekday_of_week(said: Said, scene: Scene) -> Days | None:
    """ "Friday next week", "next week Tuesday or Thursday"."""
    if said.one("unit") != "week":
        return None
    monday = scene.today - scene.today.weekday() * DAY + _step(said) * WEEK
    ranges = tuple(one(monday + weekday * DAY) for weekday in said.all(*_WEEKDAY))
    return Days(ranges)


def _weekday_hence(said: Said, scene: Scene) -> Days | None:
    """ "a week from Friday", "Friday in two weeks"."""
    coming, length = next_weekday(said.one(*_WEEKDAY), scene.today), length_in(said)
    return single(length.later(coming)) if not length.has_hours else None


def _so_long_after(said: Said, scene: Scene) -> Days | None:
    """ "Tuesday week", "a week on Tuesday", "two weeks tomorrow"."""
    length = length_in(said)
    if length.has_hours or length.to_the_day or length.months:
        return None
    weekday = said.one(*_WEEKDAY)
    origin = scene.today + said.one("day") * DAY if weekday is None else next_weekday(weekday, scene.today)
    return single(length.later(origin)) if origin >= scene.today else None


def _weekdays_hence(said: Said, scene: Scene) -> Days:
    (weekday,) = said.one("weekdays")[:1]
    return single(next_weekday(weekday, scene.today) + (min(said.one("number", "numeral"), 60) - 1) * WEEK)


def _step(said: Said) -> int:
    return 1 if said.has("next") or said.has("coming") else -1 if said.has("last") else 0


def _unit(said: Said, scene: Scene) -> Days | None:
    """ "next week", "this month", "last week"."""
    step = _step(said)
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


def _week_after(said: Said, scene: Scene) -> Days | None:
    """ "Not next week, the week after", "next week or the week after"."""
    if said.all("unit") != ["week", "week"]:
        return None
    monday = scene.today - scene.today.weekday() * DAY + (WEEK if said.has("next") else 0 * DAY)
    after = week_of(monday + WEEK)
    return Days((after,)) if said.has("not") else Days((week_of(monday), after))


def _and_next(said: Said, scene: Scene) -> Days | None:
    """ "This week or next"."""
    first = _unit(Said([token for token in said.tokens[:2] if token.kind != "next"]), scene)
    second = _unit(Said(said.tokens[1:]), scene)
    return Days(first.ranges + second.ranges) if first and second and said.has("this") else None


def _next_units(said: Said, scene: Scene) -> Days | None:
    """ "the next three days"."""
    length, tomorrow = length_in(said), scene.today + DAY
    return Days((DayRange(tomorrow, length.later(tomorrow)),)) if not length.has_hours else None


def _within_units(said: Said, scene: Scene) -> Days | None:
    """ "within two weeks": from today on."""
    length = length_in(said)
    return Days((DayRange(scene.today, length.later(scene.today) + DAY),)) if not length.has_hours else None


def _last_units(said: Said, scene: Scene) -> Days | None:
    """ "the last three days"."""
    length = length_in(said)
    is_past = not length.has_hours and is_side_by_side(said)
    return Days((DayRange(length.later(scene.today, -1), scene.today),)) if is_past else None


def _in_units(said: Said, scene: Scene) -> Days | None:
    """ "in three days" is a day; "in two weeks" is the week about it."""
    length, origin = length_in(said), said.one("day", default=0)
    if length.has_hours:
        return None
    day = length.later(scene.today + origin * DAY)
    return single(day) if length.to_the_day or said.has("day") else Days((week_of(day),), usual=one(day))


def _workdays(said: Said, scene: Scene) -> Days | None:
    """ "in four business days", "the next four business days"."""
    weekdays, count = said.one("weekdays"), min(said.one("number", "numeral"), 100)
    if len(weekdays) < 2 or count < 1:
        return None
    coming = [day for ahead in range(1, 8 * count) if (day := scene.today + ahead * DAY).weekday() in weekdays][:count]
    return (
        single(coming[-1])
        if said.has("in") and not said.has("next")
        else Days((DayRange(coming[0], coming[-1] + DAY),))
    )


def _ago(said: Said, scene: Scene) -> Days | None:
    length = length_in(said)
    return single(length.later(scene.today, -1)) if not length.has_hours else None


def _relative(said: Said, scene: Scene) -> Days:
    return single(scene.today + said.one("day") * DAY)


def _relative_named(said: Said, scene: Scene) -> Days | None:
    """ "tomorrow, Tuesday"; where the two disagree, either may be meant."""
    return _checked([scene.today + said.one("day") * DAY], said, scene, dated=True)


def _holiday(said: Said, scene: Scene) -> Days | None:
    """ "Christmas", "Easter Monday 2027", "last Christmas"."""
    if said.has("last"):
        return single(max(d for y in (1, 0) if (d := said.one("holiday").on(scene.today.year - y)) < scene.today))
    year = said.one("year")
    days = [said.one("holiday").on(each) for each in ((year,) if year else (scene.today.year, scene.today.year + 1))]
    return single(next((day for day in days if day >= scene.today), days[0]), named=True)


def _weekend(said: Said, scene: Scene) -> Days:
    saturday = scene.today - scene.today.weekday() * DAY + 5 * DAY
    saturday += (2 if said.has("after") else _step(said) if not said.has("coming") else 0) * WEEK
    return Days((DayRange(saturday, saturday + 2 * DAY),))


def _nth_weekday(said: Said, scene: Scene) -> Days | None:
    """ "the first Monday of next month"."""
    month = _named_month(said, scene)
    if month is None or month.start is None or month.end is None:
        return None
    count, weekday = said.one("ordinal", "rank"), said.one(*_WEEKDAY)
    if count is None:
        return single(next_weekday(weekday, month.end - WEEK - DAY))
    found = next_weekday(weekday, month.start - DAY) + (count - 1) * WEEK
    return single(found) if found < month.end else None


def _nth_day(said: Said, scene: Scene) -> Days | None:
    """ "the last day of May", "the first day of next month"."""
    month, count = _named_month(said, scene), said.one("ordinal", "rank")
    if month is None or month.start is None or month.end is None or said.one("unit") != "day":
        return None
    found = month.end - DAY if count is None else month.start + (count - 1) * DAY
    return single(found) if found < month.end else None


def _named_month(said: Said, scene: Scene) -> DayRange | None:
    """The month that was said by its name, or as this one or the next."""
    if said.has("month") or said.has("shy_month"):
        return _month(said, scene).ranges[0]
    *_, unit = said.tokens
    turned = Said([token for token in said.tokens[1:] if token.kind != "last"])
    return month_of(scene.today, _step(turned)) if unit.value == "month" else None


def _partial_range(said: Said, scene: Scene) -> Days | Impossible | None:
    """ "13 to 15 July", "March 9-11"."""
    first, last = said.all(*_DOM)
    ends = [_day(said.one(*_MONTH), number, said.one("year"), scene) for number in (first, last)]
    if ends[0] is None or ends[1] is None:
        return Impossible()
    start, end = (to_come(day, scene) if not said.has("year") else day for day in (ends[0], ends[1]))
    if last < first and said.tokens[-1].kind in _MONTH:  # "from the 29th to the 16th of April"
        start = add_months(start, -1)
    elif last < first:  # "from April 27 to the 3rd"
        end = add_months(end, 1)
    return Days((DayRange(start, end + DAY),)) if start <= end else None


def _list_in_month(said: Said, scene: Scene) -> Days | Impossible | None:
    """ "18 and 19 June"."""
    found = [_day(said.one(*_MONTH), number, said.one("year"), scene) for number in said.all(*_DOM)]
    return Days(tuple(one(to_come(day, scene)) for day in found if day)) if all(found) else Impossible()


def _range_of_month(said: Said, scene: Scene) -> Days | None:
    """ "between the 4th and the 22nd of next month"."""
    first, last = said.all(*_DOM)
    month = month_of(scene.today, _step(said)).start
    if said.one("unit") != "month" or month is None:
        return None
    start, end = (calendar_day(month.year, month.month, day) for day in (first, last))
    return Days((DayRange(start, end + DAY),)) if start and end and start <= end else None


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
    start = add_months(day.replace(day=1), 1)
    return start.year, start.month


def _numbered_week(said: Said, scene: Scene) -> Days | None:
    """ "week 31", as calendars count."""
    number = said.one("number")
    if said.one("unit") != "week" or not 1 <= number <= 52:
        return None
    weeks = [week_of(date.fromisocalendar(year, number, 1)) for year in (scene.today.year, scene.today.year + 1)]
    return Days((next(week for week in weeks if week.end and week.end > scene.today),))


def _recurring(said: Said, _: Scene) -> tuple[int, ...]:
    return tuple(day for group in said.all("weekdays") for day in group) + tuple(said.all(*_WEEKDAY))


_D = "(number|numeral|ordinal|rank)"
_M = "(month|shy_month)"
_W = "(weekday|shy_weekday)"
_C = "(number|numeral)"
_SPAN = f"on_the? ({_D} (to|until)|(?<=between){_D} and|(?<=between.){_D} and) on_the? {_D}"
_TURN = "(this|next|coming|last)"
_L = "(length|unit)"
_MONTH_CUE = "in|of|next|coming|from|by|before|to|until|edge"  # after one of these, "may" is a month
DAY_RULES: tuple[Rule, ...] = (
    rule(f"{_W}? date {_W}?", "days", _numeric),
    rule(
        "(?<!from|between|days|weekday|number)number to number(?!unit|length|meridiem|counted|part|of)", "days", _dashed
    ),
    rule("number number year", "days", _spaced),
    rule("year_month", "days", _year_month),
    rule(f"(from|between)? {_SPAN} of? {_M} year?", "days", _partial_range),
    rule(f"(from|between)? {_M} {_SPAN}(?!{_M}|meridiem) year?", "days", _partial_range),
    rule(f"{_D} (and|or) on_the? {_D} of? {_M} year?", "days", _list_in_month),
    rule("(from|between)? ordinal (to|and|until) ordinal", "days", _ordinal_range),
    rule(f"(from|between)? {_SPAN} (of|in)? ({_TURN} unit|of unit)", "days", _range_of_month),
    rule(f"on_the? {_W}? on_the? {_D} of? {_M} year?(?!(ordinal|rank) year)", "days", _in_month),
    rule(f"on_the? ({_D} of? {_M}|{_M} {_D}) number", "days", _in_short_year),
    rule(f"on_the? {_W}? {_M} {_D} of? year?", "days", _in_month),
    rule(f"on_the? ({_D} of? {_M} year|{_M} {_D} of? year?) {_W}", "days", _in_month_on),
    rule(f"{_W}? day_month year?|number to month to year", "days", _in_month),
    rule(
        f"(in|this|next)? month of? year?|{_M} of? year|^shy_month$|(?<={_MONTH_CUE})shy_month",
        "days",
        _month,
    ),
    rule("(in|next) shy_month", "days", _month),
    rule(
        f"on_the? {_W}? (next|on_the)? ordinal (of? {_TURN} unit|of unit)?(?!week_of|unit|{_W} (of|after))",
        "days",
        _of_month,
    ),
    rule(f"{_W} (number|rank)(?!meridiem|to|unit|length|oclock|number|numeral)", "days", _of_month),
    rule(
        "(on_the|by|until|from|after|before) (rank|number)(?!unit|length|unknown|meridiem|to|and|or|number|counted|weekdays)",
        "days",
        lambda s, c: _of_month(s, c) if s.has("on_the") else None,
    ),
    rule(f"(on_the|next)? {_D} of {_TURN}? unit", "days", _of_month),
    rule(
        "weekday|shy_weekday(?=part|clock|number|at|or|and|to|until|after|before|by|meridiem|next|edge|shy_weekday (or|and))|(?<=at|this|next|coming|every|or|and|to|not|by|from)shy_weekday|^shy_weekday$|(?<=on_the)shy_weekday",
        "days",
        _weekday,
    ),
    rule(f"(this|coming) {_W}", "days", _this_weekday),
    rule(f"next {_W}", "days", _next_named),
    rule(f"last {_W}", "days", _last_weekday),
    rule(f"{_W} after next(?!{_W}|unit)", "days", _after_next),
    rule(f"{_W} (of|in)? {_TURN} unit", "days", _weekday_of_week),
    rule(f"(of|in)? {_TURN} unit {_W} ((or|and) {_W})*", "days", _weekday_of_week),
    rule(f"{_L} from {_W}|{_W} in {_L}", "days", _weekday_hence),
    rule(f"{_W} unit(?!number)|{_L} {_W}|{_L} day", "days", _so_long_after),
    rule(f"{_C} weekdays (hence|from day)", "days", _weekdays_hence),
    rule(f"{_TURN} unit|unit after next(?!{_W}|unit)|(?<=edge)unit|(?<=later.)unit", "days", _unit),
    rule(f"(in|within)? (next|coming) length|(in|within)? {_C} (next|coming) unit", "days", _next_units),
    rule(f"within {_L}", "days", _within_units),
    rule("(in|of)? (last|past) length", "days", _last_units),
    rule("in? unit year|in year", "days", _year),
    rule("(this|next|coming) fraction", "days", _quarter),
    rule(f"in {_L} (from day)?|{_L} (hence|later(?!this|day|of)|from day)", "days", _in_units),
    rule(f"in? next? {_C} weekdays", "days", lambda s, c: _workdays(s, c) if s.has("in") or s.has("next") else None),
    rule(f"{_L} ago", "days", _ago),
    rule("unit number(?!unit|length|meridiem|clock|to|oclock|number|counted)", "days", _numbered_week),
    rule("not (this|next) unit unit after$|(next|this) unit (and|or) unit after$", "days", _week_after),
    rule(
        "(this|next) unit (or|and) next(?!unit|weekday|shy_weekday|number|numeral|month|part|length)", "days", _and_next
    ),
    rule(f"{_TURN}? weekend", "days", _weekend),
    rule("weekend after next", "days", _weekend),
    rule(f"{_TURN}? holiday year?", "days", _holiday),
    rule("day", "days", _relative),
    rule(f"day {_W}|{_W} day", "days", _relative_named),
    rule(f"(ordinal|rank|last) {_W} (of|in) ({_M} year?|{_TURN}? unit)", "days", _nth_weekday),
    rule(f"(ordinal|rank|last) unit (of|in) ({_M} year?|{_TURN}? unit)", "days", _nth_day),
    *MOMENT_RULES,
    rule(f"every? weekdays ((and|or) weekdays)*|every {_W} ((and|or) {_W})*", "recurring", _recurring),
    rule("every (unit|part|length|weekend|fraction)|every(?=week_of)|regularly", "recurring", lambda _said, _scene: ()),
)
