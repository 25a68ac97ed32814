"""What arrives, made comparable: clean text to read names and dates from, plain words to look phrases up in."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

LIMIT = 1_000  # characters that are understood
SAFETY_LIMIT = 10_000  # characters that are looked through for an emergency

_SAME = str.maketrans(
    {
        **dict.fromkeys("‘’‛ʼ`´", "'"),
        **dict.fromkeys("“”„″", '"'),
        **dict.fromkeys("‐‑‒–—−", "-"),
        **dict.fromkeys("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻₀₁₂₃₄₅₆₇₈₉₊₋", "^"),
    }
)
_JOINERS = "\u200c\u200d"
_JOINED_SCRIPTS = frozenset(
    (
        "ARABIC",
        "BENGALI",
        "DEVANAGARI",
        "GUJARATI",
        "GURMUKHI",
        "KANNADA",
        "KHMER",
        "MALAYALAM",
        "MYANMAR",
        "ORIYA",
        "SINHALA",
        "SYRIAC",
        "TAMIL",
        "TELUGU",
    )
)
_REMOVED = {"Cc", "Cf", "Cs", "Co", "Cn"}
_NOT_WORD = re.compile(r"[\W_]+")
_SYMBOL = re.compile(r"[\U0001F44D\U0001F44E\U0001F44C\U0001F64F✅❌✔\U0001F197\U0001F6AB\U0001F4AF]")


def clean(text: str, limit: int = LIMIT) -> str:
    """At most `limit` characters of `text` in one form of writing, without control characters or doubled spaces."""
    same = unicodedata.normalize("NFKC", text[:limit].translate(_SAME))[:limit].translate(_SAME)
    if not (same.isascii() and same.isprintable()):
        same = "".join(_visible(character) for character in same)
    return " ".join(same.split())


def as_written(phrase: str, text: str) -> str:
    """A phrase of the cleaned text in the letters in which it was written (NFC), still without what cannot be seen."""
    if text.isascii():
        return phrase
    visible = "".join(
        character if _joins(before) and character in _JOINERS else _visible(character)
        for before, character in pairwise(f" {unicodedata.normalize('NFC', text[:LIMIT])}")
    )
    words = visible.split()
    length = phrase.count(" ") + 1
    runs = (" ".join(words[place : place + length]).strip(",;:!?.") for place in range(len(words) - length + 1))
    return next((run for run in runs if clean(run) == phrase.strip(",;:!?.")), phrase)


def _joins(character: str) -> bool:
    """Whether a letter is of a script in which invisible joiners change how a word looks."""
    return unicodedata.name(character, "").split(" ")[0] in _JOINED_SCRIPTS


def lower(text: str) -> str:
    """`text` in lower case, every character at its place."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def plain(text: str) -> str:
    """The words of `text` without case, accents and punctuation, one space between them."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(c for c in decomposed if unicodedata.category(c) != "Mn")
        text = _SYMBOL.sub(lambda symbol: f" {ord(symbol[0]):x}e ", text)  # a thumb is a word
    return _NOT_WORD.sub(" ", text.lower().replace("'", "")).strip()


def respelled(words: str, spelling: Mapping[str, str]) -> str:
    """Plain words without shorthand and slips."""
    return " ".join(spelling.get(word, word) for word in words.split())


class Phrases:
    """Phrases to look for in plain words: `a|b` is either word, `word?` may be missing, `*` is up to three words.

    A message can only say the phrases that begin with one of its words; the others cost nothing, not even being compiled.
    """

    def __init__(self, phrases: Iterable[str]) -> None:
        self._written: dict[str, list[str]] = {}  # by their first word
        for phrase in phrases:
            for first, rest in _beginnings(phrase.split()):
                self._written.setdefault(first, []).append(rest)
        self._compiled: dict[str, re.Pattern[str]] = {}

    def within(self, words: str) -> bool:
        return any(True for _ in self._found(words))

    def whole(self, words: str) -> bool:
        pattern = self._beginning(words.partition(" ")[0])
        return pattern is not None and pattern.fullmatch(words) is not None

    def lead(self, words: str) -> re.Match[str] | None:
        pattern = self._beginning(words.partition(" ")[0])
        return pattern.match(words) if pattern else None

    def without(self, words: str) -> str:
        """`words` with every phrase taken out."""
        kept, end = [], 0
        for found in self._found(words):
            kept.append(words[end : found.start()])
            end = found.end()
        return ".".join([*kept, words[end:]])

    def _found(self, words: str) -> Iterator[re.Match[str]]:
        """Every phrase that `words` say, one after the other."""
        place = 0
        while place < len(words):
            end = words.find(" ", place)
            end = len(words) if end < 0 else end
            pattern = self._beginning(words[place:end])
            if pattern and (found := pattern.match(words, place)):
                yield found
                end = found.end()
            place = end + 1

    def _beginning(self, first: str) -> re.Pattern[str] | None:
        """What finds the phrases that begin with a word, the longest of them where there are several."""
        if first not in self._written:
            return None
        if first not in self._compiled:
            either = "|".join(sorted(map(_pattern, dict.fromkeys(self._written[first])), key=len, reverse=True))
            self._compiled[first] = re.compile(rf"{re.escape(first)}(?:{either})(?!\S)")
        return self._compiled[first]


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in _REMOVED else character


def _beginnings(phrase: list[str]) -> Iterator[tuple[str, str]]:
    """The words with which a phrase may begin, each with what follows it."""
    first, *rest = phrase
    for either in _either(first):
        beginning, *more = plain(either).split()
        yield beginning, " ".join([*more, *rest])
    if _is_optional(first):
        yield from _beginnings(rest)


def _pattern(rest: str) -> str:
    """What follows the first word of a phrase, each word with the space before it."""
    parts: list[str] = []
    for word in rest.split():
        if word == "*":
            parts.append(r"(?: \S+){0,3}")
        else:
            either = "|".join(re.escape(plain(one)) for one in _either(word))
            parts.append(f"(?: {either})?" if _is_optional(word) else f" (?:{either})")
    return "".join(parts)


def _is_optional(word: str) -> bool:
    return word.endswith("?") and "|" not in word


def _either(word: str) -> list[str]:
    return [one for one in word.split("|") if plain(one)]
