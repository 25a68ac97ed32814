"""A message as a row of tokens: words of time, numbers, clock times and numeric dates, each at its place."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import time, timedelta
from itertools import zip_longest
from typing import Any

from bot.understanding.lengths import Length
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
    length: timedelta | None = None  # how long a visit shall take from then


_MERIDIEM = r"(?: ?([ap])(?:\. ?m\b\.?|m\b)| ?(p)\b\.?)"
_CLOCK = rf"\d{{1,2}}(?:[:h.][0-5]\d(?::[0-5]\d)?| [0-5]\d(?={_MERIDIEM}))"
_GLUED = r"[^\W\d_]{2,4}"
_YEAR = r"(?:19|20)\d{2}"
_SHAPES = re.compile(
    "|".join(
        (
            r"(?P<iso>(?<![\w/.-])\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?=$|[^\w/]|t\d))",
            rf"(?P<year_month>(?<![\w/.-]){_YEAR}(?: ?/ ?|-)(?:0?[1-9]|1[0-2])(?![\w/:.-]))",
            r"(?P<date>(?<![\w/.$£€])\d{1,2} ?(?P<mark>[/.-]) ?\d{1,2}(?P=mark) ?(?:\d{4}|\d{2})(?![\w/:]))",
            r"(?P<dotted>(?<![\w/.$£€])\d{1,2}\. ?\d{1,2}\.(?![\w/]))",
            r"(?P<slashed>(?<![\w/.$£€])(?!24/7)\d{1,2} ?/ ?\d{1,2}(?![\w/]|\.\d))",
            rf"(?P<clock>(?:(?<=\dt)|(?<![\w/.$£€:])){_CLOCK}(?:{_MERIDIEM}|(?P<glued>{_GLUED})?(?![\w/:%]|\.\d)))",
            rf"(?P<hour>(?<![\w/.$£€:])\d{{1,4}}(?:{_MERIDIEM}|h\b))",
            r"(?P<ordinal>(?<![\w/.$£€:])\d{1,2}(?P<suffix>[^\W\d_]{1,6})\b)",
            r"(?P<half>(?<![\w/.$£€:])\d{1,2}\.5(?![\w/:%.]))",
            rf"(?P<number>(?<![\w/.$£€:])\d{{1,4}}(?![\w/:%]|\.\d|,(?!{_YEAR}\b)\d))",
            r"(?P<month_day>(?<!\w)[^\W\d_]{1,9}\d{1,2}(?!\w))",
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
        term, length = _term(words, position, lexicon) if match.lastgroup in _MAY_BE_TERMS else (None, 1)
        if term or match.lastgroup == "word":
            end = words[position + length - 1][1].end()
            found += _word(term, match, end, lexicon, found)
            position += length
        else:
            read = _SHAPED[match.lastgroup or "other"]
            kind, value = read(match, lexicon)
            found.append(Token(kind, value, match.start(), match.end()))
            position += 1
    return list(_joined(list(_beside_numbers(found))))


def _term(words: list[tuple[str, re.Match[str]]], position: int, lexicon: Lexicon) -> tuple[Term | None, int]:
    """The longest term that begins here, and how many words it takes."""
    word = words[position][0]
    bare = word.removesuffix("'s")
    for term in (*lexicon.terms.get(word, ()), *(lexicon.terms.get(bare, ()) if bare != word else ())):
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
            yield Token("pause" if match[0] in _PAUSES else "unknown", match[0], start, end)
    elif term.kind == "number":
        yield Token("numeral", term.value, start, end)
    elif term.kind == "ordinal":
        yield Token("rank", term.value, start, end)
    elif term.kind in ("month", "weekday") and match[0] in lexicon.shy and not _is_last(match, end, lexicon):
        yield Token(f"shy_{term.kind}", term.value, start, end)
    elif term.kind == "weekdays" and len(term.value) == 1 and _owns(match.string[end:], lexicon):
        yield Token("weekday", term.value[0], start, end)  # "Tuesdays cleaning"
    elif term.kind == "clock":
        yield Token("clock", Clock((term.value,)), start, end)
    elif term.kind == "today_part":  # "tonight"
        yield Token("day", 0, start, end)
        yield Token("part", term.value, start, end)
    elif term.kind != "glue":
        yield Token(term.kind, term.value, start, end)


def _owns(after: str, lexicon: Lexicon) -> bool:
    following = re.match(r" (\w+)", after)
    return following is not None and following[1] in lexicon.of_a_day


def _is_last(match: re.Match[str], end: int, lexicon: Lexicon) -> bool:
    """Whether a message ends with a word that is bold enough to be a day there: "are you open sat"."""
    if match[0] not in lexicon.bold_at_end:
        return False
    return all(word in lexicon.polite for word in re.findall(r"\w+", match.string[end : end + 50]))


_MAY_BE_TERMS = {"word", "ordinal", "month_day"}  # "1st thing", "2nite" and "b4" are words with a digit
_ABBREVIATED = {"number", "weekday", "shy_weekday", "month", "shy_month", "meridiem"}
_PAUSES = ".!?;:()"
_FIRST_BARE_DAY = 13  # "the 2" may be a choice, or two of something; "the 27" is a day


def _beside_numbers(tokens: list[Token]) -> Iterator[Token]:
    """Small words change nothing, unless they make a day: "on 15", "the 27", "on sat"."""
    for token, following in zip_longest(tokens, tokens[1:]):
        if token.kind not in ("on", "the"):
            yield token
        elif following and _makes_day(token, following):
            yield Token("on_the", token.value, following.start, following.start)


def _makes_day(token: Token, following: Token) -> bool:
    if following.kind == "shy_weekday":
        return token.kind == "on"
    return following.kind == "number" and (token.kind == "on" or following.value >= _FIRST_BARE_DAY)


def _joined(tokens: list[Token]) -> Iterator[Token]:
    """Numbers of two words ("twenty five", "twenty-fifth") as one."""
    position = 0
    while position < len(tokens):
        last = _ends_number(tokens[position : position + 3])
        first, end = tokens[position], tokens[position + last]
        yield Token(end.kind, first.value + end.value, first.start, end.end) if last else first
        position += last + 1


def _ends_number(tokens: list[Token]) -> int:
    """The place of the second word of a number that begins here; 0 where it has one."""
    tens, *rest = tokens
    if tens.kind != "numeral" or tens.value not in range(20, 100, 10):
        return 0
    has_dash = len(rest) == 2 and rest[0].kind == "to" and rest[0].end - rest[0].start == 1
    place = 2 if has_dash else 1
    units = tokens[place] if len(tokens) > place else None
    return place if units and units.kind in ("numeral", "rank") and units.value < 10 else 0


def clock(hour: int, minute: int, second: int = 0, *, sure: bool = False, half: int | None = None) -> Clock | None:
    """The time as said; `half` is 0 for a.m. and 12 for p.m.; `sure` says it was written with 24 hours."""
    if half is not None and hour <= 12:
        hour, sure = hour % 12 + half, True
    if hour == 24 and minute == 0:
        hour, sure = 0, True
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        return None
    if sure or hour == 0 or hour > 12:
        return Clock((time(hour, minute, second),))
    early, late = time(hour % 12, minute, second), time(hour % 12 + 12, minute, second)
    return Clock((late, early) if hour == 12 else (early, late))


def _clock(match: re.Match[str], lexicon: Lexicon) -> tuple[str, Any]:
    digits = re.findall(r"\d+", match[0])
    is_dotted = match[0].startswith(f"{digits[0]}.")
    if is_dotted and int(digits[0]) >= _FIRST_BARE_DAY and _COLON.search(match.string):
        return "date", (tuple(map(int, digits)), True)  # "19.03 15:00": nobody writes two times in two ways
    if is_dotted and digits[0] == "0":
        return "unknown", match[0]  # "0.50" is a number
    half = None if match["glued"] else _half_of_day(match)
    if half is not None and _is_foreign(match, lexicon):
        return "unknown", match[0]
    said = clock(*map(int, digits), sure=len(digits[0]) == 2 and digits[0][0] == "0", half=half)
    is_time = match["glued"] is None or _term_of("ish", match["glued"], lexicon)
    return ("clock", said) if said and is_time else ("unknown", match[0])


_COLON = re.compile(r"\d:\d")
_FEW_WORDS = 3


def _is_foreign(match: re.Match[str], lexicon: Lexicon) -> bool:
    """Whether "am" stands among words of another language, all of them: there it is no time of day."""
    around = f"{match.string[: match.start()][-100:]} {match.string[match.end() :][:100]}"
    words = re.findall(r"[^\W\d_]+", around)
    is_apart = " " in match[0] and len(words) >= _FEW_WORDS
    return is_apart and not any(word in lexicon.ordinary or word in lexicon.terms for word in words)


def _hour(match: re.Match[str], lexicon: Lexicon) -> tuple[str, Any]:
    digits = re.findall(r"\d+", match[0])[0]
    if not match[0].endswith("h") and _is_foreign(match, lexicon):
        return "unknown", match[0]
    hour, minute = (int(digits), 0) if len(digits) < 3 else (int(digits[:-2]), int(digits[-2:]))
    said = clock(hour, minute, half=_half_of_day(match), sure=match[0].endswith("h") and hour > 12)
    if said and match[0].endswith("h") and len(digits) < 3:
        return "hour_mark", hour
    return ("clock", said) if said else ("unknown", match[0])


def _half_of_day(match: re.Match[str]) -> int | None:
    return {"a": 0, "p": 12}.get(match[0].rstrip("m. ")[-1:])


def _term_of(kind: str, word: str, lexicon: Lexicon) -> Term | None:
    """The term of this kind that the word alone is."""
    return next((term for term in lexicon.terms.get(word, ()) if term.kind == kind and term.words == (word,)), None)


def _ordinal(match: re.Match[str], lexicon: Lexicon) -> tuple[str, Any]:
    suffix, number = match["suffix"], int(match[0][: -len(match["suffix"])])
    if suffix in lexicon.ordinal_suffixes:
        return "ordinal", number
    if _term_of("ish", suffix, lexicon) and (said := clock(number, 0)):
        return "clock", said
    if month := _term_of("month", suffix, lexicon):
        return "day_month", (number, month.value)
    if unit := _term_of("unit", suffix, lexicon):
        may_be_clock = unit.value == "hour" and 12 < number < 24  # "14hr"
        return ("hour_mark", number) if may_be_clock else ("length", Length.of(number, unit.value))
    return "unknown", match[0]


def _month_day(match: re.Match[str], lexicon: Lexicon) -> tuple[str, Any]:
    word = match[0].rstrip("0123456789")
    month = _term_of("month", word, lexicon)
    return ("day_month", (int(match[0][len(word) :]), month.value)) if month else ("unknown", match[0])


def _number(match: re.Match[str], _: Lexicon) -> tuple[str, Any]:
    number = int(match[0])
    if len(match[0]) == 4 and 1900 <= number < 2100:
        return "year", number
    return ("number" if len(match[0]) < 3 else "long_number"), number


def _numeric(match: re.Match[str], _: Lexicon) -> tuple[str, Any]:
    return "date", (tuple(int(part) for part in re.findall(r"\d+", match[0])), "." in match[0])


def _year_month(match: re.Match[str], _: Lexicon) -> tuple[str, Any]:
    year, month = map(int, re.findall(r"\d+", match[0]))
    return "year_month", (year, month)


_SHAPED: dict[str, Callable[[re.Match[str], Lexicon], tuple[str, Any]]] = {
    "iso": _numeric,
    "year_month": _year_month,
    "date": _numeric,
    "dotted": _numeric,
    "slashed": _numeric,
    "clock": _clock,
    "hour": _hour,
    "ordinal": _ordinal,
    "number": _number,
    "month_day": _month_day,
    "half": lambda match, _: ("decimal", float(match[0])),
    "other": lambda match, _: ("unknown", match[0]),
}
