"""The words of each language, as data: one TOML file a language, all with the same sections."""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import time
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Any, Literal

from bot.understanding.holidays import holiday
from bot.understanding.text import Phrases, plain

WORD = r"[ap]\.m\.|[^\W\d_]+(?:'[^\W\d_]+)*|[^\w\s]"

_NAMES = ("given_names", "symptoms", "spelling")  # sections whose words may be names, or are slips of them
_NAMED = re.compile(r"<(\w+)>")


@dataclass(frozen=True)
class Part:
    """A part of the day: what it means for a free time, and the hours that dictionaries of dates give it."""

    name: str
    means: tuple[time | None, time | None]
    usual: tuple[time, time]  # a moment where both are the same
    holds: tuple[time, time] | None = None  # where clock times beside it lie, if that is more
    edges: "tuple[tuple[str, Part], ...]" = ()  # its early and late hours, where they are not its halves


@dataclass(frozen=True)
class Lexicon:
    """The words of one language, ready to be looked up."""

    language: str
    emergency: Phrases
    harmless: Phrases
    spelling: dict[str, str]  # shorthand and slips, and the words for which they stand
    answers: dict[str, Phrases]
    intents: dict[str, dict[str, Phrases]]  # where it is looked for, then the intent
    unless: dict[str, frozenset[str]]  # intents that the others drive out
    choice: dict[str, frozenset[str]]
    people: dict[str, tuple[str, ...]]
    people_phrases: dict[str, Phrases]
    polite: frozenset[str]
    terms: dict[str, tuple["Term", ...]]  # words of time, by their first word, the longest first
    shy: frozenset[str]
    bold_at_end: frozenset[str]  # of the shy ones those that are days as the last word of a message
    of_a_day: frozenset[str]  # what a day has: "Tuesdays appointment" is that of one Tuesday
    story: re.Pattern[str]  # what comes before a day that is over, and only told of
    ordinal_suffixes: tuple[str, ...]
    ordinary: frozenset[str]  # words that are no names
    nicknames: dict[str, frozenset[str]]  # what else somebody of a given name is called
    symptoms: dict[str, tuple[str, ...]]  # with the specialties to which they lead, the likeliest first
    parts: dict[str, tuple[str, ...]]  # of the body, as before
    trouble: frozenset[str]  # words beside which a part of the body is a symptom
    name_here: re.Pattern[str]  # "Ana here", at the beginning of a clause
    speaks: dict[str, Phrases]  # by ISO 639-1: that a doctor shall speak it
    modes: dict[Literal["in_person", "video"], Phrases]
    joints: re.Pattern[str]  # between two wishes of one message
    refused: re.Pattern[str]  # whom somebody does not mean, with the word that says so
    denied: re.Pattern[str]  # "no," before another wish: an answer, and not what is not wished for
    elsewhere: re.Pattern[str]  # a sentence about what is no business of a desk
    introduced: re.Pattern[str]  # who writes, which need not be who comes
    next_best: re.Pattern[str]  # what stands between a wish and the next best one
    alternative: re.Pattern[str]
    joint: re.Pattern[str]  # between two wishes of which one is better
    its_time: re.Pattern[str]  # of a visit: what stands before the time that it has
    order: dict[str, re.Pattern[str]]  # which of several wishes is the best, and which will do
    units: dict[str, str]  # the words for lengths of time, and what they mean
    shift: dict[str, frozenset[str]]  # by how much a visit shall move
    target: re.Pattern[str]  # what stands before the time to which a visit shall move

    @cached_property
    def given_names(self) -> frozenset[str]:
        """Usual given names, without those that are words of time."""
        return frozenset(self.nicknames.keys() - self.terms.keys())

    @cached_property
    def numbers(self) -> dict[str, int]:
        """The words for numbers."""
        return self._valued("number")

    @cached_property
    def places(self) -> dict[str, int]:
        """The words for places in a row, in letters and in digits; -1 is the last."""
        in_digits = {f"{place}{suffix}": place for place in range(1, 32) for suffix in self.ordinal_suffixes}
        ends = {**dict.fromkeys(self.choice["last"], -1), **dict.fromkeys(self.choice["first"], 1)}
        return {**self._valued("ordinal"), **ends, **in_digits}

    def _valued(self, kind: str) -> dict[str, int]:
        return {
            term.words[0]: term.value
            for group in self.terms.values()
            for term in group
            if term.kind == kind and len(term.words) == 1
        }


@dataclass(frozen=True)
class Term:
    """Words that stand for a time, or for how times go together."""

    words: tuple[str, ...]
    kind: str
    value: Any


@lru_cache
def load(language: str) -> Lexicon:
    """The words of `language`; English where there are none yet."""
    code = language.split("-", maxsplit=1)[0].lower()
    file = files(__name__).joinpath(f"{code}.toml")
    data = tomllib.loads(
        (file if code.isalpha() and file.is_file() else files(__name__).joinpath("en.toml")).read_text("utf-8")
    )
    named = data["words"]
    intents = data["intents"]

    def phrases(written: Iterable[str]) -> Phrases:
        return Phrases(_NAMED.sub(lambda name: "|".join(named[name[1]]), phrase) for phrase in written)

    places = ("whole", "within", "lead")
    return Lexicon(
        language=code,
        emergency=phrases(data["emergency"]["phrases"]),
        harmless=phrases(data["emergency"]["harmless"]),
        spelling={plain(slip): words for words, slips in data["spelling"].items() for slip in slips},
        answers={name: phrases(written) for name, written in data["answers"].items()},
        intents={at: {intent: phrases(written) for intent, written in intents[at].items()} for at in places},
        unless={intent: frozenset(others) for intent, others in intents["unless"].items()},
        choice={name: frozenset(words) for name, words in data["choice"].items()},
        people={name: tuple(words) for name, words in data["people"].items()},
        people_phrases={
            name: phrases(data["people"][name])
            for name in ("myself", "suits_me", "myself_alone", "someone_else", "same", "best_rated")
        },
        polite=frozenset(intents["polite"]),
        terms=_with_slips(_by_first_word(_terms(data["time"])), data),
        shy=frozenset(data["time"]["shy"]),
        bold_at_end=frozenset(data["time"]["bold_at_end"]),
        of_a_day=frozenset(data["time"]["of_a_day"]),
        story=re.compile(rf"(?i)\b(?:{_either(data['time']['story'])})\b[^.?!]*\Z"),
        ordinal_suffixes=tuple(data["time"]["ordinal_suffixes"]),
        nicknames=_nicknames(data["given_names"]),
        symptoms=_by_phrase(data["symptoms"]["named"]),
        parts=_by_phrase(data["symptoms"]["parts"]),
        trouble=frozenset(data["symptoms"]["trouble"]),
        name_here=re.compile(
            rf"(?:\A|[.,!]\s)\s*(?P<name>[^\W\d_a-z]\w+(?: [^\W\d_a-z]\w+){{0,2}}),? (?i:{_either(data['people']['here'])})\b"
        ),
        ordinary=frozenset(
            word
            for text in _strings({**data, "words": {**named, "insurer": []}, **dict.fromkeys(_NAMES)})
            for word in plain(text.replace("|", " ")).split()
        ),
        joints=re.compile(rf"(?i)[,;.?!]?\s+(?:{_either(data['clauses']['joints'])})\s+|[,;.?!]\s+"),
        refused=_refused(data["people"]),
        speaks={
            code: Phrases(cue.replace("{}", name) for name in names for cue in data["speaks"]["cues"])
            for code, names in data["speaks"]["languages"].items()
        },
        modes={"video": phrases(data["modes"]["video"]), "in_person": phrases(data["modes"]["in_person"])},
        denied=re.compile(rf"(?i)\A\W*(?:{_either(data['time']['mark']['no'])})(?=\s*[,.;:!])"),
        elsewhere=re.compile(rf"(?i)(?:(?<=[.?!])|\A)(?=[^.?!]*\b(?:{_either(data['elsewhere']['cues'])})\b)[^.?!]*"),
        introduced=re.compile(
            rf"(?i)\b(?:{_either(data['people']['introduction'])})\s+\w[\w'-]*|\b\w[\w'-]*\s+(?:{_either(data['people']['here'])})\b"
        ),
        next_best=_any_of(data["wishes"]["else"]),
        alternative=_any_of(data["wishes"]["plain"]),
        order={name: _any_of(data["wishes"][name]) for name in ("best", "will_do", "last_resort")},
        joint=re.compile(rf"(?i)[,;]|\b(?:{_either(data['wishes']['joint'])})\b"),
        its_time=_any_of(data["moving"]["its_time"]),
        target=_any_of(data["moving"]["to"]),
        units={word: unit for unit, words in data["time"]["unit"].items() for word in words},
        shift={
            name: frozenset(data["moving"][name])
            for name in ("later", "earlier", "one", "half", "by", "back", "forward", "put_off")
        },
    )


def _by_phrase(phrases: dict[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {phrase: tuple(codes.split()) for codes, group in phrases.items() for phrase in group}


def _nicknames(short: dict[str, list[str]]) -> dict[str, frozenset[str]]:
    """Both ways: Robert is Bob, and Bob is Robert."""
    found: dict[str, set[str]] = {}
    for name, nicknames in short.items():
        found.setdefault(name, set()).update(nicknames)
        for nickname in nicknames:
            found.setdefault(nickname, set()).add(name)
    return {name: frozenset(others) for name, others in found.items()}


def _any_of(phrases: list[str]) -> re.Pattern[str]:
    """Any of these phrases as whole words, the longest first."""
    return re.compile(
        rf"(?i)\b(?:{'|'.join(re.escape(phrase) for phrase in sorted(phrases, key=len, reverse=True))})\b"
    )


def split_words(text: str) -> tuple[str, ...]:
    """The words of a term as the scanner of dates sees them."""
    return tuple(re.findall(rf"[^\W_]*\d[^\W_]*|{WORD}", text.lower()))


def _either(words: Iterable[str]) -> str:
    return "|".join(map(re.escape, sorted(words, key=len, reverse=True)))


def _refused(people: dict[str, list[str]]) -> re.Pattern[str]:
    """A word such as "not", small words, up to three words of a name, and then the end or something else."""
    before, small, end = (_either(people[name]) for name in ("refused", "before_refused", "after_refused"))
    never = _either(people["never_refused"])
    return re.compile(
        rf"(?i)\b(?:{before})\s+(?!(?:{never})\b)(?:(?:{small})\s+){{0,3}}"
        rf"\w[\w'.-]*(?:\s+\w[\w'.-]*){{0,2}}?(?=\s*(?:[,;.!?]|\b(?:{end})\b|$))"
    )


def _terms(section: dict[str, Any]) -> Iterator[Term]:
    parts = {name: _part(name, section["part"]) for name in section["part"]}
    for name, entry in section["part"].items():
        yield from (Term(split_words(word), "part", parts[name]) for word in entry["words"])
    for name, words in section["today_part"].items():
        yield from (Term(split_words(word), "today_part", parts[name]) for word in words)
    for name, words in section["mark"].items():
        yield from (Term(split_words(word), name, name) for word in words)
    yield from (Term((word,), "glue", word) for word in section["glue"])
    for kind, read in _VALUES.items():
        for value, words in section[kind].items():
            yield from (Term(split_words(word), kind, read(value)) for word in words)


def _part(name: str, section: dict[str, dict[str, Any]]) -> Part:
    entry = section[name]
    start, end = (time.fromisoformat(edge) if edge else None for edge in entry["means"])
    usual_start, usual_end = (time.fromisoformat(edge) for edge in entry["usual"])
    holds = tuple(time.fromisoformat(edge) for edge in entry.get("holds", ()))
    edges = tuple((edge, _part(other, section)) for edge, other in entry.get("edges", {}).items())
    return Part(name, (start, end), (usual_start, usual_end), (holds[0], holds[1]) if holds else None, edges)


_VALUES: dict[str, Callable[[str], Any]] = {
    "weekday": int,
    "weekdays": lambda digits: tuple(int(digit) for digit in digits),
    "month": int,
    "number": int,
    "ordinal": int,
    "day": int,
    "holiday": holiday,
    "clock": time.fromisoformat,
    "fraction": int,
    "meridiem": int,
    "unit": str,
    "edge": str,
}


def _by_first_word(terms: Iterator[Term]) -> dict[str, tuple[Term, ...]]:
    found: dict[str, list[Term]] = {}
    for term in terms:
        found.setdefault(term.words[0], []).append(term)
    return {word: tuple(sorted(group, key=lambda term: -len(term.words))) for word, group in found.items()}


_SHORTEST_WITH_SLIP = 6
_WITH_SLIPS = {"weekday", "month", "day", "part", "ordinal"}


def _with_slips(terms: dict[str, tuple[Term, ...]], data: dict[str, Any]) -> dict[str, tuple[Term, ...]]:
    """`terms` with long words of time as they come out in haste: a letter left out, doubled, or before its time."""
    known = {word for text in _strings(data) for word in plain(text.replace("|", " ")).split()} | terms.keys()
    slips: dict[str, tuple[Term, ...]] = {}
    for word, group in terms.items():
        alone = next((term for term in group if term.kind in _WITH_SLIPS and term.words == (word,)), None)
        if alone and len(word) >= _SHORTEST_WITH_SLIP:
            slips.update((slip, (replace(alone, words=(slip,)),)) for slip in _slips(word) if slip not in known)
    return {**slips, **terms}


def _slips(word: str) -> Iterator[str]:
    """A first and a last letter stay: "Frida" is a name."""
    for place in range(1, len(word) - 1):
        before, letter, after = word[:place], word[place], word[place + 1 :]
        yield before + after
        yield before + letter + letter + after
        if place < len(word) - 2:
            yield before + after[0] + letter + after[1:]


def _strings(data: Any) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict):
        for value in data.values():
            yield from _strings(value)
    elif isinstance(data, list):
        for value in data:
            yield from _strings(value)
