"""By how much a visit is to move: "half an hour later", "2 days earlier"."""

from datetime import timedelta
from itertools import pairwise

from bot.understanding.lexicon import Lexicon

_LENGTHS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "fortnight": timedelta(weeks=2),
}


def shift(words: str, lexicon: Lexicon) -> timedelta | None:
    """How much later, or earlier, somebody wants to come; None where that is not said, or not by how much."""
    spoken = words.split()
    for place, (unit, direction) in enumerate(pairwise(spoken)):
        length = _LENGTHS.get(lexicon.units.get(unit, ""))
        sign = 1 if direction in lexicon.shift["later"] else -1 if direction in lexicon.shift["earlier"] else 0
        amount = _amount(spoken[:place], lexicon)
        if length is not None and sign and amount is not None:
            return sign * amount * length
    return _put_off(spoken, lexicon)


def _put_off(spoken: list[str], lexicon: Lexicon) -> timedelta | None:
    """ "Push it back an hour", "postpone my visit a week"."""
    while spoken and spoken[-1] in lexicon.polite:
        spoken = spoken[:-1]
    length = _LENGTHS.get(lexicon.units.get(spoken[-1], "")) if spoken else None
    amount = _amount(spoken[:-1], lexicon)
    if length is None or amount is None:
        return None
    before = spoken[: -3 if amount == 0.5 and spoken[-2] in lexicon.shift["one"] else -2]
    if before and before[-1] in lexicon.shift["by"]:
        before = before[:-1]
    if lexicon.shift["put_off"] & set(before) or set(before[-1:]) & lexicon.shift["back"]:
        return amount * length
    return -amount * length if set(before[-1:]) & lexicon.shift["forward"] else None


def _amount(before: list[str], lexicon: Lexicon) -> float | None:
    """The number that the words before a unit end with: "30", "two", "an", "half an"."""
    if not before:
        return None
    *more, last = before
    if last in lexicon.shift["one"]:
        return 0.5 if more and more[-1] in lexicon.shift["half"] else 1
    if last in lexicon.shift["half"]:
        return 0.5
    if last.isdecimal() and len(last) <= 3:
        return int(last)
    return lexicon.numbers.get(last)
