"""Rules that put tokens together: a pattern of kinds, and a function that reads what was said."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

from bot.understanding.scan import Token

_IN_THE_TEXT = (
    "unknown pause weekday shy_weekday weekdays month shy_month day_month number numeral long_number ordinal rank year date "
    "year_month decimal hour_mark length thousand clock fraction meridiem part unit day holiday edge this next coming last of in within ago hence later since week_of "
    "weekend every regularly from between and or to until on_the after before by or_later or_earlier around at past ish oclock "
    "oh more few counted count_of labelled scored ranked street called felt parting happy bad away not no now present first any same_day greeting"
)
_MADE_BY_RULES = "days hours instant stretch recurring excluded told count impossible"
KINDS = f"{_IN_THE_TEXT} {_MADE_BY_RULES}".split()
_LETTERS = {kind: chr(0x100 + place) for place, kind in enumerate(KINDS)}
_NAME = re.compile(r"[a-z_]+")


@dataclass(frozen=True)
class Scene:
    """When and where a message is read."""

    now: datetime  # local
    opens: time
    closes: time  # 00:00 is the end of the day
    month_first: bool  # 3/4 is in March

    @property
    def today(self) -> date:
        return self.now.date()


class Said:
    """The tokens that a rule matched."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens

    def all(self, *kinds: str) -> list[Any]:
        """The values of these kinds, in the order of the text."""
        return [token.value for token in self.tokens if token.kind in kinds]

    def one(self, *kinds: str, default: Any = None) -> Any:
        """The first value of these kinds."""
        return next(iter(self.all(*kinds)), default)

    def has(self, kind: str) -> bool:
        return any(token.kind == kind for token in self.tokens)


@dataclass(frozen=True)
class Rule:
    """Tokens that look like `pattern` become one of `kind`, unless `read` answers None."""

    pattern: re.Pattern[str]
    kind: str
    read: Callable[[Said, Scene], Any]


def rule(pattern: str, kind: str, read: Callable[[Said, Scene], Any]) -> Rule:
    """A rule from names of kinds and the signs of regular expressions: "weekday? month (number|ordinal)"."""
    return Rule(re.compile(_NAME.sub(lambda name: _LETTERS[name[0]], pattern).replace(" ", "")), kind, read)


def reduce(tokens: list[Token], rules: Sequence[Rule], scene: Scene) -> list[Token]:
    """`tokens` with every match replaced, from left to right, the longest first."""
    kinds = "".join(_LETTERS[token.kind] for token in tokens)
    reduced: list[Token] = []
    position = 0
    while position < len(tokens):
        made = None if tokens[position].kind == "unknown" else _longest(tokens, kinds, position, rules, scene)
        reduced.append(made[0] if made else tokens[position])
        position = made[1] if made else position + 1
    return reduced


def _longest(
    tokens: list[Token], kinds: str, position: int, rules: Sequence[Rule], scene: Scene
) -> tuple[Token, int] | None:
    matches = [(match.end(), rule) for rule in rules if (match := rule.pattern.match(kinds, position))]
    for end, rule in sorted(matches, key=lambda found: -found[0]):
        value = rule.read(Said(tokens[position:end]), scene)
        if value is not None:
            kind = "impossible" if isinstance(value, Impossible) else rule.kind
            return Token(kind, value, tokens[position].start, tokens[end - 1].end), end
    return None


class Impossible:
    """A day that no calendar has."""
