"""What patients write and what it means, read from `en.txt`; `python -m tests.understanding.lines` counts what is not understood yet.

`--mark` writes into the file what is heard today wherever that is not what is meant, and says what has changed; the
meanings themselves are only ever written by hand.
"""

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, cast, get_args

from msgspec import structs

from bot.understanding import understand_all
from bot.understanding.meaning import Asked, Context, Intent, Meaning
from tests.understanding import wording
from tests.understanding.clinic import CLINIC

FILE = Path(__file__).parent / "en.txt"
MONDAY = datetime(2026, 3, 9, 8, 55)
# `when` says `readings` too; what is only guessed is no meaning.
FIELDS = frozenset(structs.asdict(Meaning())) - {"text", "entities", "readings", "guesses"}
NOTHING = "nothing"
_MARK = "not yet "
_UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
_SHAPES = {
    "answer": re.compile("yes|no"),
    "number": re.compile(r"\d+"),
    "ordinal": re.compile(r"-1|\d+"),
    "speaks": re.compile("[a-z][a-z]"),
    "mode": re.compile("in_person|video"),
    "shift": re.compile(r"\d+ (minute|hour|day|week)s? (later|earlier)"),
    "birth_date": re.compile(r"\d{4}-\d\d-\d\d"),
    "phone": re.compile(r"\+\d+"),
    "email": re.compile(r"\S+@\S+"),
}


@dataclass
class Wish:
    """What one wish of a message means, field by field, as it is written; and what is heard of it today where that is wrong."""

    means: dict[str, str] = field(default_factory=dict)
    not_yet: dict[str, str] = field(default_factory=dict)


@dataclass
class Line:
    """A message, who sends it when, and what it means."""

    number: int  # in the file
    section: str
    text: str
    sent: datetime
    asked: Asked | None
    asked_whom: bool
    known: tuple[str, ...]
    wishes: list[Wish] = field(default_factory=lambda: [Wish()])

    @property
    def id(self) -> str:
        return f"{self.number}: {self.text}"

    @property
    def context(self) -> Context:
        return Context(
            reference=self.sent,
            directory=CLINIC,
            asked=self.asked,
            patients=tuple(enumerate(self.known, start=1)),
            asked_whom=self.asked_whom,
            opens=CLINIC.opens,
            closes=CLINIC.closes,
        )


def read(text: str) -> list[Line]:
    """Every line of a file; a ValueError names the place that cannot be read."""
    lines: list[Line] = []
    section, setting = "", dict[str, str]()
    for number, written in enumerate(text.splitlines(), start=1):
        try:
            if written.startswith("[") and written.endswith("]"):
                section, setting = written[1:-1], {}
            elif written.startswith("> "):
                name, value = _pair(written.removeprefix("> "))
                setting[name] = value
            elif written.startswith("    "):
                _take(lines[-1], written.strip())
            elif written and not f"{written} ".startswith("# "):
                lines.append(_line(number, section, written, setting))
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
    return lines


def _line(number: int, section: str, text: str, setting: Mapping[str, str]) -> Line:
    unknown = setting.keys() - {"sent", "asked", "known"}
    if unknown:
        raise ValueError(f"nobody knows what {unknown} is")
    day, _, clock = setting["sent"].rpartition(" ") if "sent" in setting else ("", "", "")
    sent = datetime.combine(wording.day(day), time.fromisoformat(clock)) if day else MONDAY
    asked = setting.get("asked")
    if asked not in (None, "whom", *get_args(Asked)):
        raise ValueError(f"no question asks for {asked}")
    known = tuple(setting["known"].split(", ")) if "known" in setting else ()
    return Line(number, section, text, sent, None if asked == "whom" else cast(Asked, asked), asked == "whom", known)


def _take(line: Line, written: str) -> None:
    if written == "and besides":
        line.wishes.append(Wish())
        return
    if written == NOTHING:
        return
    into = line.wishes[-1].not_yet if written.startswith(_MARK) else line.wishes[-1].means
    name, value = _pair(written.removeprefix(_MARK))
    if name not in FIELDS and not (name == "wishes" and into is line.wishes[0].not_yet):
        raise ValueError(f"a meaning has no {name}")
    if name in into:
        raise ValueError(f"{name} is said twice")
    if into is line.wishes[-1].means:
        _check(name, value, line)
    into[name] = value


def _pair(written: str) -> tuple[str, str]:
    name, separator, value = written.partition(": ")
    if not separator:
        raise ValueError(f"“{written}” is no field with its value")
    return name, value


# What patients want and Frontdesk has no intent for yet.
_TO_COME = (
    *("late", "waiting_list", "prescription", "records", "bill", "receipt", "feedback", "export", "forget", "opt_out"),
    *(
        "abuse",
        "change_language",
        "phone",
        "services",
        "rating",
        "praise",
        "confirm",
        "keep",
        "maybe",
        "any",
        "explain",
    ),
)
_NAMES: dict[str, dict[int | str, str]] = {
    "intents": {intent: intent for intent in (*get_args(Intent), *_TO_COME)},
    "practitioners": {one.id: one.family_name for one in CLINIC.practitioners},
    "not_practitioners": {one.id: one.family_name for one in CLINIC.practitioners},
    "specialties": {one.code: one.code for one in CLINIC.specialties},
    "visit_types": {one.id: one.label for one in CLINIC.visit_types},
    "locations": {one.id: one.name for one in CLINIC.locations},
    "insurances": {one.id: one.name for one in CLINIC.insurances},
}
_TIMES = {"when", "moves_from"}
_AS_WRITTEN = {"impossible_date", "past_date", "unknown_practitioner"}


def _check(name: str, value: str, line: Line) -> None:
    """A meaning that no message could have would be marked as not understood for ever."""
    value = value.replace("(", "").replace(")", "")
    names = _names(name, line)
    if names is not None and (unknown := set(_parts(value)) - set(names.values())):
        raise ValueError(f"nothing here is called {', '.join(unknown)}")
    if name in _TIMES and _pieces(again := wording.in_words(wording.readings(value))) != _pieces(value):
        raise ValueError(f"“{value}” is the same as “{again}”")
    if isinstance(getattr(Meaning(), name), bool) and value != "yes":
        raise ValueError(f"{name} is “yes”, or not said")
    if name in _SHAPES and not _SHAPES[name].fullmatch(value):
        raise ValueError(f"“{value}” is no {name}")


def _pieces(text: str) -> list[str]:
    return sorted(re.split(", |; ", text))


def _names(name: str, line: Line) -> Mapping[Any, str] | None:
    return dict(enumerate(line.known, start=1)) if name == "patients" else _NAMES.get(name)


def _parts(value: str) -> list[str]:
    return [part for part in value.split(", ") if part]


def heard(line: Line) -> list[Meaning]:
    """What is understood of a line."""
    return list(understand_all(line.text, line.context))


def in_words(meaning: Meaning, line: Line) -> dict[str, str]:
    """The fields of a meaning that are not empty, as the file writes them."""
    return {name: text for name in sorted(FIELDS) if (text := _in_words(name, meaning, line))}


def _in_words(name: str, meaning: Meaning, line: Line) -> str:
    value: Any = getattr(meaning, name)
    if name == "when":
        return wording.in_words(meaning.readings if meaning.when is None else (meaning.when,))
    if name == "moves_from":
        return wording.in_words(value or ())
    if value is None or value is False or value == ():
        return ""
    if name == "shift":
        return _shift_in_words(value)
    if names := _names(name, line):
        return ", ".join(names[each] for each in value)
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "yes" if value is True else str(value)


def _shift_in_words(shift: timedelta) -> str:
    unit = next(unit for unit in reversed(_UNITS) if not shift % _UNITS[unit])
    count = abs(shift) // _UNITS[unit]
    return f"{count} {unit}{'s' * (count != 1)} {'later' if shift > timedelta(0) else 'earlier'}"


def wrong(wish: Wish, meaning: Meaning, line: Line) -> dict[str, str]:
    """The fields that are not heard as they are meant, each with what is heard instead."""
    said = in_words(meaning, line)
    if wish.means.get("emergency"):  # then nothing else counts
        return {} if meaning.emergency else {"emergency": NOTHING}
    names = sorted(wish.means.keys() | said.keys())
    return {
        name: said.get(name, NOTHING)
        for name in names
        if not _fits(name, wish.means.get(name, ""), said.get(name, ""), line)
    }


def _fits(name: str, meant: str, said: str, line: Line) -> bool:
    if name in _TIMES:
        asks, is_sure = meant.strip("()"), not meant.startswith("(")
        if not asks or not said:
            return not said and not (asks and is_sure)
        return wording.same(wording.readings(asks), wording.readings(said), line.sent.date())
    if name == "name":
        return meant == said
    if name in _AS_WRITTEN and meant and said:
        return meant in said or said in meant  # with its "the" or without
    surely = {part for part in _parts(meant) if not part.startswith("(")}
    perhaps = {part.strip("()") for part in _parts(meant)}
    return surely <= set(_parts(said)) <= perhaps


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mark", action="store_true", help="write into the file what is heard today")
    asked = parser.parse_args(arguments)
    lines = read(FILE.read_text("utf-8"))
    news = list(map("{}\n".format, changes(lines)))
    if asked.mark:
        FILE.write_text(marked(FILE.read_text("utf-8")), "utf-8")
    sys.stdout.write("".join(news) + "\n".join(table(lines)) + "\n")
    return 0


def changes(lines: Iterable[Line]) -> Iterator[str]:
    """What is heard otherwise than the file says: what was understood and is no longer, and what is by now."""
    for line in lines:
        for wish, missed in zip(line.wishes, misses(line), strict=True):
            for name in sorted(missed.keys() - wish.not_yet.keys()):
                yield f"no longer understood: {line.id}: {name} is {missed[name]}, not {wish.means.get(name, NOTHING)}"
            for name in sorted(wish.not_yet.keys() - missed.keys()):
                yield f"understood now: {line.id}: {name}"


def marked(text: str) -> str:
    """The file with what is heard today under each line that is understood otherwise than it is meant."""
    written = text.splitlines()
    after: dict[int, list[str]] = {}
    for line in read(text):
        for place, found in enumerate(misses(line)):
            last = _end_of_wish(written, line.number, place)
            after[last] = [f"    {_MARK}{name}: {said}" for name, said in found.items()]
    kept = [
        [*([row] if not row.startswith(f"    {_MARK}") else []), *after.get(number, [])]
        for number, row in enumerate(written, start=1)
    ]
    return "\n".join(row for rows in kept for row in rows) + "\n"


def misses(line: Line) -> list[dict[str, str]]:
    """For each wish of a line the fields that are not heard as they are meant; `wishes` where another number is heard."""
    meanings = heard(line)
    if len(meanings) != len(line.wishes):
        return [{"wishes": str(len(meanings))}, *({} for _ in line.wishes[1:])]
    return [wrong(wish, meaning, line) for wish, meaning in zip(line.wishes, meanings, strict=True)]


def _end_of_wish(written: list[str], number: int, place: int) -> int:
    """The number of the last row of a wish that is no mark."""
    last, seen = number, 0
    for row_number, row in enumerate(written[number:], start=number + 1):
        if not row.startswith("    ") or (row.strip() == "and besides" and seen == place):
            break
        seen += row.strip() == "and besides"
        last = row_number
    return last


def table(lines: Iterable[Line]) -> Iterator[str]:
    """How many lines there are, and how many are not understood yet, by section and by field."""
    lines = list(lines)
    fields: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for line in lines:
        found = {name for wrongs in misses(line) for name in wrongs}
        fields.update(found)
        missed[line.section] += bool(found)
    total = Counter(line.section for line in lines)
    for section in total:
        yield f"{section:<24}{total[section]:>5} lines{missed[section]:>5} not yet"
    yield f"{'all':<24}{len(lines):>5} lines{missed.total():>5} not yet"
    yield ", ".join(f"{name} {count}" for name, count in fields.most_common())


if __name__ == "__main__":
    sys.exit(main())
