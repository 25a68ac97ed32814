"""A message as a row of tokens: words of time, numbers, clock times and numeric dates, each at its place."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import time
from typing import Any

from bot.understanding.lexicon import WORD, Lexicon, Term


@dataclass(frozen=True)
class Token:
    """A piece of the text: what kind it is, what it is worth, and where it stands."""

    kind: str
    value: Any
    start: int
    end: int


@dataclass(frozen=True)
class Clock:
    """A time of day as said. Two readings where it may be before or after noon."""

    readings: tuple[time, ...]


_MERIDIEM = r"(?: ?([ap])(?:\. ?m\b\.?|m\b)| ?(p)\b\.?)"
_CLOCK = rf"\d{{1,2}}(?:[:h.][0-5]\d(?::[0-5]\d)?| [0-5]\d(?={_MERIDIEM}))"
_SHAPES = re.compile(
    "|".join(
        (
            r"(?P<iso>(?<![\w/.-])\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?=$|[^\w/]|t\d))",
            r"(?P<date>(?<![\w/.$£€])\d{1,2} ?(?P<mark>[/.-]) ?\d{1,2}(?P=mark) ?(?:\d{4}|\d{2})(?![\w/:]))",
            r"(?P<dotted>(?<![\w/.$£€])\d{1,2}\. ?\d{1,2}\.(?![\w/]))",
            r"(?P<slashed>(?<![\w/.$£€])(?!24/7)\d{1,2} ?/ ?\d{1,2}(?![\w/]|\.\d))",
            rf"(?P<clock>(?<![\w/.$£€:]){_CLOCK}(?:{_MERIDIEM}|(?![\w/:%]|\.\d)))",
            rf"(?P<hour>(?<![\w/.$£€:])\d{{1,4}}(?:{_MERIDIEM}|h\b))",
            r"(?P<ordinal>(?<![\w/.$£€:])\d{1,2}(?P<suffix>[^\W\d_]{1,3})\b)",
            r"(?P<number>(?<![\w/.$£€:])\d{1,4}(?![\w/:%]|[.,]\d))",
            r"(?P<other>\d\S*)",
            rf"(?P<word>{WORD})",
        )
    )
)


def scan(text: str, lexicon: Lexicon) -> list[Token]:
    """The tokens of `text`, which is in lower case."""
    words = [(match[0], match) for match in _SHAPES.finditer(text)]
    found: list[Token] = []
    position = 0
    while position < len(words):
        match = words[position][1]
        if match.lastgroup == "word":
            term, length = _term(words, position, lexicon)
            end = words[position + length - 1][1].end()
            found += _word(term, match, end, lexicon, found)
            position += length
        else:
            read = _SHAPED[match.lastgroup or "other"]
            kind, value = read(match, lexicon)
            found.append(Token(kind, value, match.start(), match.end()))
            position += 1
    return list(_joined(found))


def _term(words: list[tuple[str, re.Match[str]]], position: int, lexicon: Lexicon) -> tuple[Term | None, int]:
    """The longest term that begins here, and how many words it takes."""
    for term in lexicon.terms.get(words[position][0].removesuffix("'s"), ()):
        length = len(term.words)
        said = tuple(word for word, _ in words[position : position + length])
        if said == term.words or (length == 1 and said[0].removesuffix("'s") == term.words[0]):
            return term, length
    return None, 1


def _word(term: Term | None, match: re.Match[str], end: int, lexicon: Lexicon, before: list[Token]) -> Iterator[Token]:
    start = match.start()
    if term is None:
        abbreviated = match[0] == "." and before and before[-1].end == start and before[-1].kind in _ABBREVIATED
        if not abbreviated:
            yield Token("unknown", match[0], start, end)
    elif term.kind == "number":
        yield Token("numeral", term.value, start, end)
    elif term.kind == "ordinal":
        yield Token("rank", term.value, start, end)
    elif term.kind in ("month", "weekday") and match[0] in lexicon.shy:
        yield Token(f"shy_{term.kind}", term.value, start, end)
    elif term.kind == "clock":
        yield Token("clock", Clock((term.value,)), start, end)
    elif term.kind == "today_part":  # "tonight"
        yield Token("day", 0, start, end)
        yield Token("part", term.value, start, end)
    elif term.kind != "glue":
        yield Token(term.kind, term.value, start, end)


_ABBREVIATED = {"number", "weekday", "shy_weekday", "month", "shy_month", "meridiem"}


def _joined(tokens: list[Token]) -> Iterator[Token]:
    """Numbers of two words ("twenty five", "twenty-fifth") as one."""
    waiting: list[Token] = []
    for token in tokens:
        waiting.append(token)
        kinds = [t.kind for t in waiting]
        if kinds[0] == "numeral" and waiting[0].value in (20, 30, 40, 50):
            dash = len(waiting) > 1 and kinds[1] == "to" and waiting[1].end - waiting[1].start == 1
            last = waiting[-1]
            if len(waiting) == 1 or (len(waiting) == 2 and dash):
                continue
            if last.kind in ("numeral", "rank") and last.value < 10 and len(waiting) == (3 if dash else 2):
                waiting = [Token(last.kind, waiting[0].value + last.value, waiting[0].start, last.end)]
        yield from waiting
        waiting = []
    yield from waiting


def clock(hour: int, minute: int, *, sure: bool = False, half: int | None = None) -> Clock | None:
    """The time as said; `half` is 0 for a.m. and 12 for p.m.; `sure` says it was written with 24 hours."""
    if half is not None and hour <= 12:
        hour, sure = hour % 12 + half, True
    if hour == 24 and minute == 0:
        hour, sure = 0, True
    if not (0 <= hour < 24 and 0 <= minute < 60):
        return None
    if sure or hour == 0 or hour > 12:
        return Clock((time(hour, minute),))
    early, late = time(hour % 12, minute), time(hour % 12 + 12, minute)
    return Clock((late, early) if hour == 12 else (early, late))


def _clock(match: re.Match[str], _: Lexicon) -> tuple[str, Any]:
    digits = re.findall(r"\d+", match[0])
    half = {"a": 0, "p": 12}.get(match[0].rstrip("m. ")[-1:])
    said = clock(int(digits[0]), int(digits[1]), sure=len(digits[0]) == 2 and digits[0][0] == "0", half=half)
    return ("clock", said) if said else ("unknown", match[0])


def _hour(match: re.Match[str], _: Lexicon) -> tuple[str, Any]:
    digits = re.findall(r"\d+", match[0])[0]
    hour, minute = (int(digits), 0) if len(digits) < 3 else (int(digits[:-2]), int(digits[-2:]))
    half = {"a": 0, "p": 12}.get(match[0].rstrip("m. ")[-1:])
    said = clock(hour, minute, half=half, sure=match[0].endswith("h") and hour > 12)
    return ("clock", said) if said else ("unknown", match[0])


def _ordinal(match: re.Match[str], lexicon: Lexicon) -> tuple[str, Any]:
    suffix, number = match["suffix"], int(match[0][: -len(match["suffix"])])
    if suffix in lexicon.ordinal_suffixes:
        return "ordinal", number
    if any(term.kind == "ish" for term in lexicon.terms.get(suffix, ())) and (said := clock(number, 0)):
        return "clock", said
    if any(term.kind == "month" for term in lexicon.terms.get(suffix, ())):
        return "day_month", (number, lexicon.terms[suffix][0].value)
    return "unknown", match[0]


def _number(match: re.Match[str], _: Lexicon) -> tuple[str, Any]:
    number = int(match[0])
    if len(match[0]) == 4 and 1900 <= number < 2100:
        return "year", number
    return ("number" if len(match[0]) < 3 else "long_number"), number


def _numeric(match: re.Match[str], _: Lexicon) -> tuple[str, Any]:
    return "date", (tuple(int(part) for part in re.findall(r"\d+", match[0])), "." in match[0])


_SHAPED: dict[str, Callable[[re.Match[str], Lexicon], tuple[str, Any]]] = {
    "iso": _numeric,
    "date": _numeric,
    "dotted": _numeric,
    "slashed": _numeric,
    "clock": _clock,
    "hour": _hour,
    "ordinal": _ordinal,
    "number": _number,
    "other": lambda match, _: ("unknown", match[0]),
}
