"""Rules of what is counted: lengths of time ("three weeks and two days"), and moments and stretches from now on."""

from datetime import datetime, time, timedelta
from itertools import pairwise

from bot.understanding.grammar import Rule, Said, Scene, rule
from bot.understanding.lengths import Length, Stretch


def length_in(said: Said) -> Length:
    """The length that was said ("five coming days"); a unit alone is one of it ("in a week")."""
    return said.one("length") or Length.of(said.one("number", "numeral", default=1), said.one("unit"))


_COUNTS = ("number", "numeral", "decimal")
_FEW = 3


def is_side_by_side(said: Said) -> bool:
    """Whether no small word stands in between: "the last three hours", but not "it will last for three hours"."""
    return all(following.start - token.end <= 1 for token, following in pairwise(said.tokens))


def _sum(said: Said, _: Scene) -> Length | None:
    """ "Three weeks and two days", "two and a half hours", "an hour and a half"; but "at 2 on that day" counts nothing."""
    if any(
        unit.kind == "unit" and unit.start - count.end > 1
        for count, unit in pairwise(said.tokens)
        if count.kind in _COUNTS
    ):
        return None
    total, count, unit = Length(), None, "day"
    for token in said.tokens:
        match token.kind:
            case "few":
                count = _FEW
            case "number" | "numeral" | "decimal":
                count = token.value
            case "fraction":
                count = (count or 0) + token.value / 60
            case "unit":
                unit, total, count = token.value, total + Length.of(1 if count is None else count, token.value), None
    return total if count is None else total + Length.of(count, unit)


def _hours(said: Said, _: Scene) -> Length:
    return Length.of(said.one("hour_mark"), "hour")


def _instant(said: Said, scene: Scene) -> datetime | None:
    """ "In two hours"."""
    length = length_in(said)
    return length.after(scene.now) if length.has_hours else None


def _from_now(said: Said, scene: Scene) -> Stretch | None:
    """ "Within two hours", "the next 30 minutes"."""
    length = length_in(said)
    return Stretch(scene.now, length.after(scene.now)) if length.has_hours else None


def _until_now(said: Said, scene: Scene) -> Stretch | None:
    """ "The last two hours"."""
    length = length_in(said)
    return Stretch(length.after(scene.now, -1), scene.now) if length.has_hours and is_side_by_side(said) else None


def _rest_of_day(said: Said, scene: Scene) -> Stretch | None:
    """ "The rest of the day", "later today"."""
    is_today = said.one("day", default=0) == 0 and said.one("unit", default="day") == "day"
    is_rest = (said.has("later") and said.has("day")) or said.one("edge") == "rest"  # "later in the day": in that one
    midnight = datetime.combine(scene.today, time(0)) + timedelta(days=1)
    return Stretch(scene.now, midnight) if is_today and is_rest else None


def _long_ago(said: Said, scene: Scene) -> datetime | None:
    length = length_in(said)
    return length.after(scene.now, -1) if length.has_hours else None


_C = "(number|numeral|decimal|few)"
_AMOUNT = f"({_C} more? unit|{_C} and fraction unit|{_C}? unit and fraction(?!past|to|clock|number)|fraction unit)"
_L = "(length|unit)"

# First what counts units, so that the other rules know it as one thing.
LENGTH_RULES: tuple[Rule, ...] = (
    rule(f"{_AMOUNT} (and? {_C} unit){{0,3}}", "length", _sum),
    rule(f"unit (and {_C} unit){{1,3}}", "length", _sum),
    rule("(?<=in|within|next|coming)hour_mark", "length", _hours),
)

# What is counted in hours and minutes from now.
MOMENT_RULES: tuple[Rule, ...] = (
    rule(f"in {_L}|{_L} (hence|later(?!this|day|of))", "instant", _instant),
    rule(f"within (next|coming)? {_L}|(in|of)? (next|coming) {_L}", "stretch", _from_now),
    rule("(in|of)? (number|numeral) (next|coming) unit", "stretch", _from_now),
    rule("(edge|later) of? in? (this? unit|day)", "stretch", _rest_of_day),
    rule(f"{_L} ago", "told", _long_ago),
    rule(f"(in|of)? (last|past) {_L}", "told", _until_now),
    rule("(not|no) (present|now)|(present|now) (no|not)", "told", lambda _said, _scene: True),
    rule("present", "told", lambda _said, scene: scene.now),
)
