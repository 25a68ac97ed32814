"""Who and what a message names: practitioners, specialties, visit types, locations, known patients."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, takewhile

from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.understanding.index import Found, K, Matcher, Token, Vocabulary, matcher, of_fields, tokens
from bot.understanding.lexicon import Lexicon
from bot.understanding.meaning import Context
from bot.understanding.text import plain

_WORD = re.compile(r"[^\W\d_](?:[^\W_]|['.-](?=[^\W_]))*")
_INITIAL = re.compile(r"[^\W\d_a-z]\.")
_SENTENCE_END = frozenset(".!?")
_SHORTEST_WITH_TYPO = 5
_LIKE = 80  # of 100: one wrong letter in five, two in ten
_VERY_LIKE = 88  # one wrong letter in nine
_NEAR = 4  # words between a part of the body and what is wrong with it
_LONGEST_ALONE = 2  # words of a message that is nothing but a name


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


def find(text: str, lexicon: Lexicon, context: Context, taken: set[int], *, writer: str | None = None) -> Names:
    """What `text` names. Words that begin at one of `taken` belong to something else; `writer` is what they call themselves."""
    match = matcher(context.directory, lexicon)
    said = tokens(text)
    places = list(match.locations.find(said, lexicon.ordinary))
    places += _apart_from(places, match.short_locations.find(text, said, lexicon.ordinary))
    people, unknown, spans = _Practitioners(text, lexicon, match, taken, places, writer).read(said)
    family = {plain(text[start:end]) for start, end in spans}
    patients, stranger = _patients(text, lexicon, context, match, family)
    if not patients and stranger is None:
        stranger = _for_whom(text, lexicon, match, {start for start, _ in spans} | taken)
    short_insurances = match.short_insurances.find(text, said, lexicon.ordinary)
    return Names(
        practitioners=tuple(sorted(people)),
        unknown_practitioner=unknown,
        specialties=_specialties(said, lexicon, match),
        visit_types=_keys(match.visit_types.find(said, lexicon.ordinary)),
        # "The Springfield Dental Group" is somebody to be seen, wherever they are.
        locations=_keys(place for place in places if not _is_within(place, spans)),
        insurances=_keys(chain(match.insurances.find(said, lexicon.ordinary), short_insurances)),
        patients=patients,
        stranger=stranger,
    )


def _keys(found: Iterable[Found[K]]) -> tuple[K, ...]:
    return tuple(dict.fromkeys(key for one in found for key in one.keys))


def _apart_from(places: Sequence[Found[int]], more: Iterable[Found[int]]) -> list[Found[int]]:
    """Those of more places that are no part of a longer name."""
    spans = [(place.start, place.end) for place in places]
    return [place for place in more if not _is_within(place, spans)]


def _is_within(place: Found[int], spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= place.start and place.end <= end for start, end in spans)


def _specialties(said: Sequence[Token], lexicon: Lexicon, match: Matcher) -> tuple[str, ...]:
    """The specialties that are named; where none is, those to which symptoms lead."""
    named = _keys(match.specialties.find(of_fields(said, lexicon), lexicon.ordinary))
    return named or _keys(chain(match.symptoms.find(said, lexicon.ordinary), _in_trouble(said, lexicon, match.parts)))


def _in_trouble(said: Sequence[Token], lexicon: Lexicon, parts: Vocabulary[str]) -> Iterator[Found[str]]:
    """ "My knee hurts": parts of the body with a word of trouble at most a few words away."""
    places = {token.start: place for place, token in enumerate(said)}
    trouble = [place for place, token in enumerate(said) if token.word in lexicon.trouble]
    for part in parts.find(said, lexicon.ordinary) if trouble else ():
        if any(abs(place - places[part.start]) <= _NEAR for place in trouble):
            yield part


class _Practitioners:
    """The practitioners of a text: named in full, after a title, after "with" or alone; and whoever has a title and is not known."""

    def __init__(
        self,
        text: str,
        lexicon: Lexicon,
        match: Matcher,
        taken: set[int],
        places: Sequence[Found[int]],
        writer: str | None,
    ) -> None:
        self.text, self.lexicon, self.match = text, lexicon, match
        self.words = list(_WORD.finditer(text))
        self.known = [plain(word[0].removesuffix("'s")) for word in self.words]
        self.taken = taken
        self.places = places
        self.writer = frozenset(plain(writer or "").split())
        self.shouted = text.isupper()
        self.titles, self.cues = frozenset(lexicon.people["title"]), frozenset(lexicon.people["with"])

    def read(self, said: Sequence[Token]) -> tuple[set[int], str | None, tuple[tuple[int, int], ...]]:
        """Who is named, who is called a doctor and is not known, and where all of them stand."""
        in_full = {one.start: one for one in self.match.people.whole.find(said, self.lexicon.ordinary)}
        found: set[int] = set()
        unknown: str | None = None
        spans: list[tuple[int, int]] = []
        position = 0
        while position < len(self.words):
            whole = in_full.get(self.words[position].start())
            people, length = self._in_full(position, whole) if whole else (frozenset[int](), 0)
            if not people:
                people, length = self._called(position)
            if people:
                found |= people
                spans.append((self.words[position].start(), self.words[position + length - 1].end()))
            elif length and self._is_unknown(position):
                spans.append((self.words[position - 1].start(), self.words[position + length - 1].end()))
                unknown = self.text[slice(*spans[-1])]
            position += max(length, 1)
        return found, unknown if not found else None, tuple(spans)

    def _in_full(self, position: int, whole: Found[int]) -> tuple[frozenset[int], int]:
        """Whose whole name begins here. One of ordinary words alone ("Family Dental Care") is written with capitals."""
        length = sum(whole.start <= word.start() < whole.end for word in self.words[position:])
        last = position + length - 1
        is_place = any((place.start, place.end) == (whole.start, whole.end) for place in self.places)
        if is_place and not self._is_titled(position):
            return frozenset(), 0
        tells = any(self.match.people.knows(word) for word in self.known[position : last + 1])
        if not (tells or self._is_announced(position) or (self._is_capital(position) and self._is_capital(last))):
            return frozenset(), 0
        is_writer = self.writer.issuperset(self.known[position : last + 1]) and not self._is_announced(position)
        return (frozenset(), 0) if is_writer else (frozenset(whole.keys), length)

    def _called(self, position: int) -> tuple[frozenset[int], int]:
        """Who is called by the words that begin here, and how many these are, also where nobody is called so."""
        titled, announced = self._is_titled(position), self._is_announced(position)
        if self._is_place(position) and not titled:
            return frozenset(), 1
        name = self._name_at(position)
        length = len(name)
        parts = [part for word in name for part in word.split()]
        if not name or (self.writer.issuperset(parts) and not announced):
            return frozenset(), length
        index = self.match.people
        people = index.called(parts, like=self._like(position))
        has_typo = not any(map(index.knows, parts))
        is_meant = announced or has_typo or (self._is_sure(position, name) and any(map(index.is_family, parts)))
        if not people or not is_meant:
            return frozenset(), length
        return self._told_apart(people, position, length)

    def _told_apart(self, people: frozenset[int], position: int, length: int) -> tuple[frozenset[int], int]:
        """The fewest of some people whom the words after their name still fit, and how many words the name takes with these."""
        for word in self.known[position + length :]:
            fewer = self.match.people.told_apart(people, word) if len(people) > 1 else set()
            if not fewer:
                break
            people, length = frozenset(fewer), length + 1
        return people, length

    def _like(self, position: int) -> int | None:
        """How like a name its words must be, of 100; None where they must be the same."""
        if self._is_titled(position):
            return _LIKE
        if self.match.knows(self.known[position]):
            return None
        if self._is_announced(position):
            return _LIKE
        may_be_patient = self._before(position) in self.lexicon.people["for"]
        return _VERY_LIKE if self._stands_out(position) and not may_be_patient else None

    def _is_sure(self, position: int, name: list[str]) -> bool:
        """Whether words without a title are a name, and not words of the language or of somebody's longer name."""
        capital = all(self._is_capital(place) for place in range(position, position + len(name)))
        if capital and (len(name) > 1 or self._stands_out(position)):
            return True
        alone = any(word in self.match.people.alone for word in name)
        return alone and (len(name) > 1 or name[0] not in self.lexicon.ordinary)

    def _is_unknown(self, position: int) -> bool:
        """Whether this is a name after a title, which nobody has."""
        is_name = self._is_capital(position) or self._before(position) == self.lexicon.people["title"][0]
        return self._is_titled(position) and is_name and self.known[position] not in self.match.specialties.phrases

    def _name_at(self, position: int) -> list[str]:
        """The words of the name that begins here, known or unusual."""
        name: list[str] = []
        particles = self.lexicon.people["particles"]
        for index in range(position, min(position + 4, len(self.words))):
            word = self.known[index]
            is_known = self.match.people.knows(word) or word in particles
            if not word or self.words[index].start() in self.taken or (name and self._is_apart(index)):
                break
            is_initial = bool(name) and _INITIAL.match(self.text, self.words[index].start()) is not None
            is_usual = word in self.lexicon.ordinary and not is_initial
            if not is_known and (is_usual or (name and not self.words[index][0][0].isupper())):
                break
            if name and not is_known and word in self.match.specialties.phrases:
                break
            name.append(word)
        while name and name[-1] in particles and not self.match.people.is_family(name[-1]):
            name.pop()
        return name

    def _is_apart(self, position: int) -> bool:
        """Whether more than a space or a comma stands before a word, or a place begins with it."""
        gap = self.words[position].start() - self.words[position - 1].end()
        return gap > 2 or any(place.start == self.words[position].start() for place in self.places)

    def _is_place(self, position: int) -> bool:
        return any(place.start <= self.words[position].start() < place.end for place in self.places)

    def _before(self, position: int) -> str:
        return self.known[position - 1] if position else ""

    def _is_titled(self, position: int) -> bool:
        return self._before(position) in self.titles

    def _is_announced(self, position: int) -> bool:
        """Whether a title or a word such as "with" stands before: it is the doctor who is addressed so."""
        return self._is_titled(position) or self._before(position) in self.cues

    def _is_capital(self, position: int) -> bool:
        return self.words[position][0][0].isupper() and not self.shouted

    def _stands_out(self, position: int) -> bool:
        """Whether it has a capital letter that no beginning of a sentence explains, or is all that is said."""
        if len(self.words) <= _LONGEST_ALONE:
            return True
        begins = position == 0 or not _SENTENCE_END.isdisjoint(
            self.text[self.words[position - 1].end() : self.words[position].start()]
        )
        return self._is_capital(position) and not begins


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
        word = _alike(first, said.keys(), guess=context.asked_whom) or _short(first, said, lexicon)
        if word is None and f"{first}s" in said:
            word = f"{first}s"  # "cancel leos visit"
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


def _short(name: str, said: dict[str, re.Match[str]], lexicon: Lexicon) -> str | None:
    """The word of a message that somebody of this name is called for short."""
    return next((word for word in said if word in lexicon.nicknames.get(name, ())), None)


def _alike(name: str, said: Iterable[str], *, guess: bool) -> str | None:
    """The word that is this name, or nearly; where a name was asked, a short one may hold a typo after its first letter."""
    close = process.extractOne(
        name, said, scorer=OSA.distance, score_cutoff=int(guess or len(name) > _SHORTEST_WITH_TYPO)
    )
    if close is None or close[0] == name or len(name) > _SHORTEST_WITH_TYPO:
        return None if close is None else close[0]
    swapped = sorted(close[0]) == sorted(name)
    return close[0] if close[0][0] == name[0] and (swapped or len(name) > 3) else None
