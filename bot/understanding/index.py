"""A directory, prepared for being looked for in messages: phrases with what they stand for, and what people are called."""

import re
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from bot.understanding.lexicon import Lexicon
from bot.understanding.text import plain
from core.scheduling.directory import Directory, Practitioner

_TOKEN = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_SHORTEST_WITH_TYPO = 5
_SHORTEST_PHRASE_WITH_TYPO = 7
_SHORTEST_OF_LAST = 4  # letters of the last word of a shortened name: "San Fran"
_MOST = 9  # people that a word of longer names may name
K = TypeVar("K", int, str)


class Token(NamedTuple):
    """A word of a message in plain letters, and where it stands."""

    word: str
    start: int
    end: int


class Found(NamedTuple, Generic[K]):
    """What a phrase of a message stands for, and where it stands."""

    keys: tuple[K, ...]
    start: int
    end: int


def tokens(text: str) -> list[Token]:
    """The words of a text, as phrases of a directory are compared with them."""
    words = ((plain(word[0]).replace(" ", ""), word) for word in _TOKEN.finditer(text))
    return [Token(word, found.start(), found.end()) for word, found in words if word]


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
            if not keys:
                first, _, more = words.partition(" ")
                if more:
                    self.going_on.setdefault(first, []).append(words)
                elif len(words) >= _SHORTEST_PHRASE_WITH_TYPO:
                    self.long_words.append(words)

    def find(self, said: Sequence[Token], ordinary: frozenset[str]) -> Iterator[Found[K]]:
        """Every phrase in a message, from its beginning."""
        words = [token.word for token in said]
        position = 0
        while position < len(words):
            keys, length = self.at(words, position, ordinary)
            if keys:
                yield Found(keys, said[position].start, said[position + length - 1].end)
            position += length

    def at(self, words: Sequence[str], position: int, ordinary: frozenset[str]) -> tuple[tuple[K, ...], int]:
        """What the longest phrase at a place stands for, and how many words it takes; one, where there is none."""
        longest = self.longest if words[position] in self.going_on else 1
        for length in range(min(longest, len(words) - position), 0, -1):
            if keys := self._keys(" ".join(words[position : position + length]), ordinary):
                return keys, length
        return (), 1

    def _keys(self, phrase: str, ordinary: frozenset[str]) -> tuple[K, ...]:
        for form in (phrase, phrase.removesuffix("s")):
            if form in self.phrases:
                return self.phrases[form]
        if len(phrase) < _SHORTEST_PHRASE_WITH_TYPO - 1 or phrase in ordinary:  # a letter may be missing
            return ()
        first, _, more = phrase.partition(" ")
        alike = self.going_on.get(first, []) if more else self.long_words
        close = process.extractOne(phrase, alike, scorer=OSA.distance, score_cutoff=1 + (len(phrase) > 8 and not more))
        return self.phrases[close[0]] if close and close[0][0] == phrase[0] else ()


class Shortened:
    """Names of several words as they are shortened: by their first letters ("NYC"), or within their last word ("San Fran")."""

    def __init__(self, names: Iterable[tuple[str, int]]) -> None:
        self._letters: dict[str, set[int]] = {}
        self._begun: dict[str, list[tuple[str, int]]] = {}  # last words, by the words before them
        for name, key in names:
            *before, last = plain(name).split() or [""]
            if before:
                self._letters.setdefault("".join(word[0] for word in (*before, last)), set()).add(key)
                self._begun.setdefault(" ".join(before), []).append((last, key))
        self._longest = max((words.count(" ") + 1 for words in self._begun), default=0)

    def find(self, text: str, said: Sequence[Token], ordinary: frozenset[str]) -> Iterator[Found[int]]:
        """Whatever only one name is shortened to; first letters are capitals in a text that is not all capitals."""
        shouted = text.isupper() and len(said) > 1
        for position, token in enumerate(said):
            letters = not shouted and text[token.start : token.end].isupper() and token.word not in ordinary
            keys = self._letters.get(token.word, set()) if letters else set()
            if len(keys) == 1:
                yield Found(tuple(keys), token.start, token.end)
            elif len(token.word) >= _SHORTEST_OF_LAST:
                yield from self._within_last(said, position)

    def _within_last(self, said: Sequence[Token], position: int) -> Iterator[Found[int]]:
        word = said[position].word
        for length in range(1, min(self._longest, position) + 1):
            names = self._begun.get(" ".join(token.word for token in said[position - length : position]), ())
            keys = {key for last, key in names if last.startswith(word)}
            if len(keys) == 1:
                yield Found(tuple(keys), said[position - length].start, said[position].end)


class People:
    """Practitioners, by what they are called.

    Of a name of several words each word names them, unless it says little by itself: a word of the language, a single letter, a
    word of a place or of a field. Such words only tell apart whom the others name.
    """

    def __init__(self, directory: Directory, lexicon: Lexicon, common: frozenset[str]) -> None:
        self.whole: Vocabulary[int] = Vocabulary()
        self.family: dict[str, set[int]] = {}
        self.given: dict[str, set[int]] = {}
        self.alone: set[str] = set()  # words that are somebody's whole given or family name
        self._exact: dict[str, set[int]] = {}  # family names in one piece
        self._besides: dict[str, set[int]] = {}
        self._common = common | lexicon.ordinary | set(lexicon.people["title"]) | set(lexicon.people["after_names"])
        self._particles = frozenset(lexicon.people["particles"])
        for practitioner in directory.practitioners:
            self._add(practitioner)
        self._keep_apart()
        self._add_nicknames(directory, lexicon)

    def _add(self, practitioner: Practitioner) -> None:
        for index, name in ((self.family, practitioner.family_name), (self.given, practitioner.given_name)):
            words = plain(name).split()
            self.alone.update(words if len(words) == 1 else ())
            for word in {"".join(words), *words} - self._particles - {""}:
                tells = len(words) == 1 or not self._is_common(word)
                (index if tells else self._besides).setdefault(word, set()).add(practitioner.id)
        self._exact.setdefault(plain(practitioner.family_name).replace(" ", ""), set()).add(practitioner.id)
        for whole in (f"{practitioner.given_name} {practitioner.family_name}", practitioner.family_name):
            words = plain(whole).split()
            names = [word for word in words if len(word) > 1 and word not in self._common]
            for spoken in (words, names):
                if len(spoken) > 1:
                    self.whole.add(" ".join(spoken), practitioner.id)

    def _keep_apart(self) -> None:
        """A word that stands in many longer names ("Center") names nobody by itself."""
        for word in [word for word, people in self.family.items() if len(people) > _MOST and word not in self.alone]:
            self._besides.setdefault(word, set()).update(self.family.pop(word))

    def _add_nicknames(self, directory: Directory, lexicon: Lexicon) -> None:
        """What people are called for short, except where that is another's given name."""
        names = frozenset(self.given)
        for practitioner in directory.practitioners:
            for nickname in lexicon.nicknames.get(plain(practitioner.given_name), frozenset()) - names:
                self.given.setdefault(nickname, set()).add(practitioner.id)

    def _is_common(self, word: str) -> bool:
        return len(word) == 1 or word in self._common

    def knows(self, word: str) -> bool:
        """Whether a word names somebody."""
        return word in self.family or word in self.given

    def is_family(self, word: str) -> bool:
        """Whether somebody's family name, or the name of a practice, has this word."""
        return word in self.family

    def called(self, words: Sequence[str], *, like: int | None = None) -> frozenset[int]:
        """Who is called like `words`; the fewest that all of them fit. `like` allows a typo, and says of 100 how small a one."""
        fitting = _fitting(self.family.get(word, set()) | self.given.get(word, set()) for word in words)
        if not fitting and like is not None:
            fitting = _fitting(self._alike(word, like) for word in words)
        for word in words:
            fitting = self.told_apart(fitting, word) or fitting
        whole = self._exact.get("".join(words)) or fitting & set().union(*(self._exact.get(word, ()) for word in words))
        return frozenset(whole or fitting)

    def told_apart(self, people: Iterable[int], word: str) -> set[int]:
        """Those of some people in whose name a word stands that says little by itself."""
        return {*people} & self._besides.get(word, set())

    def _alike(self, word: str, like: int) -> set[int]:
        if len(word) < _SHORTEST_WITH_TYPO - 1:
            return set()
        return next((found for index in (self.family, self.given) if (found := _closest(word, index, like))), set())


def _fitting(named: Iterable[set[int]]) -> set[int]:
    """Whom all the words name of those that name anybody; otherwise whom the word names that names the fewest."""
    sets = [people for people in named if people]
    return set.intersection(*sets) or min(sets, key=len) if sets else set()


def _closest(word: str, index: dict[str, set[int]], like: int) -> set[int]:
    close = process.extract(word, index.keys(), scorer=fuzz.ratio, score_cutoff=like, limit=5)
    best = max((score for _, score, _ in close), default=0)
    return {person for name, score, _ in close if score == best and name[0] == word[0] for person in index[name]}


def of_fields(said: Sequence[Token], lexicon: Lexicon) -> list[Token]:
    """The words of a message, where "the eye guy" and "a knee doc" are doctors."""
    doctor, *others = lexicon.people["doctor"]
    return [token._replace(word=doctor) if token.word in others else token for token in said]


def _doctors(phrase: str, lexicon: Lexicon) -> Iterator[str]:
    """What a specialty is called, as `of_fields` has it: "eye doctor" is "doctor for the eye" as well."""
    words = " ".join(token.word for token in of_fields(tokens(phrase), lexicon))
    yield phrase
    yield words
    body = words.removesuffix(lexicon.people["doctor"][0]).rstrip()
    if body and body != words:
        yield from (form.format(body) for form in lexicon.people["doctor_of"])


def _leading_to(known: set[str], phrases: dict[str, tuple[str, ...]]) -> Vocabulary[str]:
    found: Vocabulary[str] = Vocabulary()
    for phrase, codes in phrases.items():
        for code in codes:
            if code in known:
                found.add(phrase, code)
    return found


class Matcher:
    """A directory, ready to be looked for in messages."""

    def __init__(self, directory: Directory, lexicon: Lexicon) -> None:
        self.specialties: Vocabulary[str] = Vocabulary()
        self.visit_types: Vocabulary[int] = Vocabulary()
        self.locations: Vocabulary[int] = Vocabulary()
        self.insurances: Vocabulary[int] = Vocabulary()
        for specialty in directory.specialties:
            for phrase in (specialty.label, *specialty.words):
                for said in _doctors(phrase, lexicon):
                    self.specialties.add(said, specialty.code)
        codes = {specialty.code for specialty in directory.specialties}
        self.symptoms = _leading_to(codes, lexicon.symptoms)
        self.parts = _leading_to(codes, lexicon.parts)
        for visit_type in directory.visit_types:
            for phrase in (visit_type.label, *visit_type.words):
                self.visit_types.add(phrase, visit_type.id)
        for location in directory.locations:
            self.locations.add(location.name, location.id)
        for insurance in directory.insurances:
            for phrase in (insurance.name, *insurance.words):
                self.insurances.add(phrase, insurance.id)
        self.short_locations = Shortened((location.name, location.id) for location in directory.locations)
        self.short_insurances = Shortened((insurance.name, insurance.id) for insurance in directory.insurances)
        fields = (word for phrase in self.specialties.phrases for word in phrase.split())
        places = (word for phrase in self.locations.phrases for word in phrase.split())
        self.people = People(directory, lexicon, frozenset((*fields, *places)))
        self._words = frozenset(
            word for vocabulary in self._vocabularies for phrase in vocabulary.phrases for word in phrase.split()
        )

    @property
    def _vocabularies(self) -> tuple[Vocabulary[Any], ...]:
        return self.specialties, self.visit_types, self.locations, self.insurances

    def knows(self, word: str) -> bool:
        """Whether a word is in the name of something or somebody of the clinic."""
        return self.people.knows(word) or word in self._words

    def is_thing(self, words: str) -> bool:
        """Whether plain words are what something of the clinic is called."""
        return any(words in vocabulary.phrases for vocabulary in (*self._vocabularies, self.symptoms, self.parts))


_matchers: dict[int, tuple[weakref.ref[Directory], Matcher]] = {}


def matcher(directory: Directory, lexicon: Lexicon) -> Matcher:
    """The matcher of `directory`, made once for as long as it lives."""
    known = _matchers.get(id(directory))
    if known is None or known[0]() is not directory:
        key = id(directory)
        reference = weakref.ref(directory, lambda _: _matchers.pop(key, None))
        known = _matchers[key] = (reference, Matcher(directory, lexicon))
    return known[1]
