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
    return None


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
