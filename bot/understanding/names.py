"""Who and what a message names: practitioners, specialties, visit types, locations, known patients."""

import re
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from typing import Any, Generic, TypeVar

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from bot.understanding.lexicon import Lexicon
from bot.understanding.meaning import Context
from bot.understanding.text import plain
from core.scheduling.directory import Directory

_WORD = re.compile(r"[^\W\d_](?:[^\W_]|['.-](?=[^\W_]))*")
_SHORTEST_WITH_TYPO = 5
_SHORTEST_PHRASE_WITH_TYPO = 7
_LIKE = 80  # of 100: one wrong letter in five, two in ten
K = TypeVar("K", int, str)


@dataclass(frozen=True)
class Names:
    """What was named."""

    practitioners: tuple[int, ...] = ()
    unknown_practitioner: str | None = None
    specialties: tuple[str, ...] = ()
    visit_types: tuple[int, ...] = ()
    locations: tuple[int, ...] = ()
    insurances: tuple[int, ...] = ()
    patients: tuple[int, ...] = ()
    stranger: str | None = None  # somebody with the first name of one of them, and another last name
    spans: tuple[tuple[int, int], ...] = ()  # where practitioners stand


@dataclass
class Vocabulary(Generic[K]):
    """Phrases and what they stand for; the longest phrase at a place counts, long ones may hold a typo after the first letter."""

    phrases: dict[str, tuple[K, ...]] = field(default_factory=dict)
    longest: int = 0
    long_words: list[str] = field(default_factory=list)  # where a typo is allowed
    going_on: dict[str, list[str]] = field(default_factory=dict)  # phrases of several words, by their first word

    def add(self, phrase: str, key: K) -> None:
        for words in {plain(phrase), plain(phrase.replace("-", ""))} - {""}:
            keys: tuple[K, ...] = self.phrases.get(words, ())
            if key not in keys:
                self.phrases[words] = keys + (key,)  # noqa: RUF005 - unpacking loses the type
            self.longest = max(self.longest, words.count(" ") + 1)
            if len(words) >= _SHORTEST_PHRASE_WITH_TYPO and not keys:
                first, _, more = words.partition(" ")
                (self.going_on.setdefault(first, []) if more else self.long_words).append(words)

    def find(self, words: list[str], ordinary: frozenset[str]) -> tuple[K, ...]:
        return tuple(dict.fromkeys(self._found(words, ordinary)))

    def _found(self, words: list[str], ordinary: frozenset[str]) -> Iterator[K]:
        position = 0
        while position < len(words):
            length = 1
            for length in range(min(self.longest, len(words) - position), 0, -1):
                if keys := self._keys(" ".join(words[position : position + length]), ordinary):
                    yield from keys
                    break
            position += length

    def _keys(self, phrase: str, ordinary: frozenset[str]) -> tuple[K, ...]:
        for form in (phrase, phrase.removesuffix("s")):
            if form in self.phrases:
                return self.phrases[form]
        if len(phrase) < _SHORTEST_PHRASE_WITH_TYPO or phrase in ordinary:
            return ()
        first, _, more = phrase.partition(" ")
        alike = self.going_on.get(first, []) if more else self.long_words
        close = process.extractOne(phrase, alike, scorer=OSA.distance, score_cutoff=1 + (len(phrase) > 8 and not more))
        return self.phrases[close[0]] if close and close[0][0] == phrase[0] else ()


class Matcher:
    """A directory, ready to be looked for in messages."""

    def __init__(self, directory: Directory, particles: Iterable[str]) -> None:
        self.specialties: Vocabulary[str] = Vocabulary()
        self.visit_types: Vocabulary[int] = Vocabulary()
        self.locations: Vocabulary[int] = Vocabulary()
        self.insurances: Vocabulary[int] = Vocabulary()
        for specialty in directory.specialties:
            for phrase in (specialty.label, *specialty.words):
                self.specialties.add(phrase, specialty.code)
        for visit_type in directory.visit_types:
            for phrase in (visit_type.label, *visit_type.words):
                self.visit_types.add(phrase, visit_type.id)
        for location in directory.locations:
            self.locations.add(location.name, location.id)
        for insurance in directory.insurances:
            for phrase in (insurance.name, *insurance.words):
                self.insurances.add(phrase, insurance.id)
        self.family: dict[str, set[int]] = {}
        self.given: dict[str, set[int]] = {}
        self._add_people(directory, particles)

    def _add_people(self, directory: Directory, particles: Iterable[str]) -> None:
        skipped = set(particles)
        for practitioner in directory.practitioners:
            for index, name in ((self.family, practitioner.family_name), (self.given, practitioner.given_name)):
                for word in {plain(name).replace(" ", ""), *plain(name).split()} - skipped:
                    index.setdefault(word, set()).add(practitioner.id)

    def knows(self, word: str) -> bool:
        """Whether a word begins, or is, the name of something or somebody of the clinic."""
        vocabularies: tuple[Vocabulary[Any], ...] = (
            self.specialties,
            self.visit_types,
            self.locations,
            self.insurances,
        )
        return (
            word in self.family
            or word in self.given
            or any(word in phrase.split() for vocabulary in vocabularies for phrase in vocabulary.phrases)
        )

    def people(self, words: list[str], *, guess: bool) -> frozenset[int]:
        """Who of the directory is called like `words`; the fewest that all of them fit. `guess` allows a typo."""
        fitting: set[int] = set()
        for word in words:
            named = self.family.get(word, set()) | self.given.get(word, set())
            if not named and guess:
                named = self._alike(word)
            if named:
                fitting = (fitting & named) or fitting or named
        whole = self.family.get("".join(words), set())
        return frozenset(whole or fitting)

    def _alike(self, word: str) -> set[int]:
        if len(word) < _SHORTEST_WITH_TYPO - 1:
            return set()
        close = process.extract(word, self.family.keys(), scorer=fuzz.ratio, score_cutoff=_LIKE, limit=5)
        best = max((score for _, score, _ in close), default=0)
        return {
            person for name, score, _ in close if score == best and name[0] == word[0] for person in self.family[name]
        }


_matchers: dict[int, tuple[weakref.ref[Directory], Matcher]] = {}


def matcher(directory: Directory, lexicon: Lexicon) -> Matcher:
    """The matcher of `directory`, made once for as long as it lives."""
    known = _matchers.get(id(directory))
    if known is None or known[0]() is not directory:
        key = id(directory)
        reference = weakref.ref(directory, lambda _: _matchers.pop(key, None))
        known = _matchers[key] = (reference, Matcher(directory, lexicon.people["particles"]))
    return known[1]


def find(text: str, lexicon: Lexicon, context: Context, taken: set[int]) -> Names:
    """What `text` names. Words that begin at one of `taken` belong to something else."""
    match = matcher(context.directory, lexicon)
    words = plain(text).split()
    people, unknown, spans = _practitioners(text, lexicon, match, taken)
    family = {plain(text[start:end]) for start, end in spans}
    patients, stranger = _patients(text, lexicon, context, match, family)
    if not patients and stranger is None:
        stranger = _for_whom(text, lexicon, match, {start for start, _ in spans} | taken)
    return Names(
        practitioners=tuple(sorted(people)),
        unknown_practitioner=unknown,
        specialties=match.specialties.find(words, lexicon.ordinary),
        visit_types=match.visit_types.find(words, lexicon.ordinary),
        locations=match.locations.find(words, lexicon.ordinary),
        insurances=match.insurances.find(words, lexicon.ordinary),
        patients=patients,
        stranger=stranger,
        spans=spans,
    )


def _practitioners(
    text: str, lexicon: Lexicon, match: Matcher, taken: set[int]
) -> tuple[set[int], str | None, tuple[tuple[int, int], ...]]:
    """Those named after a title, after "with" or alone, and whoever has a title and is not known."""
    found: set[int] = set()
    unknown: str | None = None
    spans: list[tuple[int, int]] = []
    words = list(_WORD.finditer(text))
    known = [plain(word[0]) for word in words]
    titles, cues = frozenset(lexicon.people["title"]), frozenset(lexicon.people["with"])
    shouted = text.isupper()
    position = 0
    while position < len(words):
        before = known[position - 1] if position else ""
        name, length = _name_at(position, words, known, lexicon, match, taken)
        titled, cued = before in titles, before in cues
        people = match.people(name, guess=titled or cued) if name else frozenset()
        capital = words[position][0][0].isupper() and not shouted
        sure = titled or cued or len(name) > 1 or (capital and position > 0) or known[position] not in lexicon.ordinary
        family = any(word in match.family for word in name)
        if people and sure and (titled or cued or family):
            found |= people
            spans.append((words[position].start(), words[position + length - 1].end()))
        elif (
            titled
            and name
            and not people
            and known[position] not in match.specialties.phrases
            and (capital or before == "dr")
        ):
            start = words[position - 1].start()
            end = words[position + length - 1].end()
            unknown = text[start:end]
            spans.append((start, end))
        position += max(length, 1)
    return found, unknown if not found else None, tuple(spans)


def _name_at(
    position: int, words: list[re.Match[str]], known: list[str], lexicon: Lexicon, match: Matcher, taken: set[int]
) -> tuple[list[str], int]:
    """The name that begins here, known or unusual, and how many words of the text it takes."""
    name: list[str] = []
    for index in range(position, min(position + 4, len(words))):
        word = known[index]
        apart = index > position and words[index].start() - words[index - 1].end() > 2
        in_directory = word in match.family or word in match.given or word in lexicon.people["particles"]
        if apart or words[index].start() in taken or not word:
            break
        if not in_directory and (word in lexicon.ordinary or (name and not words[index][0][0].isupper())):
            break
        if name and not in_directory and word in match.specialties.phrases:
            break
        name.append(word)
    while name and name[-1] in lexicon.people["particles"] and name[-1] not in match.family:
        name.pop()
    return [part for word in name for part in word.split()], len(name)


def _patients(
    text: str, lexicon: Lexicon, context: Context, match: Matcher, practitioners: set[str]
) -> tuple[tuple[int, ...], str | None]:
    """Who of those known here is named, everybody of one first name where nothing tells them apart; and who is not known."""
    words = list(_WORD.finditer(text))
    said = {plain(word[0].removesuffix("'s")): word for word in words}
    taken = {word for name in practitioners for word in name.split()}
    named: dict[str, list[tuple[int, list[str]]]] = {}
    for patient, name in context.patients:
        first, *more = plain(name).split()
        word = _alike(first, said.keys(), guess=context.asked_whom)
        if word is None or word in taken or (word != first and word in lexicon.ordinary):
            continue
        before = next((earlier for earlier, later in pairwise(words) if later is said[word]), None)
        if before and _is_last_name(before[0], lexicon) and _begins_a_name(plain(before[0]), lexicon, context, match):
            continue  # "Sofia Maria Costa" is not our Maria
        if word not in lexicon.ordinary or said[word][0][0].isupper():
            named.setdefault(word, []).append((patient, more))
    known: list[int] = []
    stranger = None
    for word, namesakes in named.items():
        after = next((following for before, following in pairwise(words) if before is said[word]), None)
        told = _told_apart(namesakes, plain(after[0]) if after else "", plain(text).split())
        if (
            after
            and not told
            and _is_last_name(after[0], lexicon)
            and plain(after[0]) not in named
            and all(more for _, more in namesakes)
        ):
            stranger = f"{said[word][0]} {after[0]}"
        else:
            known += told or [patient for patient, _ in namesakes]
    return tuple(known), stranger


def _for_whom(text: str, lexicon: Lexicon, match: Matcher, taken: set[int]) -> str | None:
    """ "For Sofia": a word that we do not know, with a capital letter in a text that does not begin every word with one."""
    words = list(_WORD.finditer(text))
    for before, word in pairwise(words):
        name = plain(word[0].removesuffix("'s"))
        is_cue = before[0] in lexicon.people["for"] and word.start() - before.end() == 1
        if not is_cue or word.start() in taken or not _is_last_name(word[0], lexicon) or match.knows(name):
            continue
        whole = [word]
        whole += takewhile(
            lambda more: more[0][0].isupper() and text[more.start() - 1] == " ", words[words.index(word) + 1 :]
        )
        return text[word.start() : whole[-1].end()].removesuffix("'s")
    return None


def _begins_a_name(word: str, lexicon: Lexicon, context: Context, match: Matcher) -> bool:
    """Whether a word with a capital letter may be the first name of somebody whom we do not know."""
    known = {part for _, name in context.patients for part in plain(name).split()}
    return not (
        word in known or word in lexicon.people["honorific"] or word in lexicon.people["title"] or match.knows(word)
    )


def _told_apart(namesakes: list[tuple[int, list[str]]], after: str, spoken: list[str]) -> list[int]:
    """Of several with one first name those whose birth year is said too, or whose last name or the beginning of it."""
    years = [patient for patient, more in namesakes if any(word.isdigit() and word in spoken for word in more)]
    return years or [
        patient
        for patient, more in namesakes
        if any(word in spoken or (after and word.startswith(after)) for word in more)
    ]


def _is_last_name(word: str, lexicon: Lexicon) -> bool:
    return word[0].isupper() and plain(word) not in lexicon.ordinary


def _alike(name: str, said: Iterable[str], *, guess: bool) -> str | None:
    """The word that is this name, or nearly; where a name was asked, a short one may hold a typo after its first letter."""
    close = process.extractOne(
        name, said, scorer=OSA.distance, score_cutoff=int(guess or len(name) > _SHORTEST_WITH_TYPO)
    )
    if close is None or close[0] == name or len(name) > _SHORTEST_WITH_TYPO:
        return None if close is None else close[0]
    swapped = sorted(close[0]) == sorted(name)
    return close[0] if close[0][0] == name[0] and (swapped or len(name) > 3) else None
