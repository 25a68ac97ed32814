"""What arrives, made comparable: clean text to read names and dates from, plain words to look phrases up in."""

import re
import unicodedata
from collections.abc import Iterable
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


class Phrases:
    """Phrases to look for in plain words: `a|b` is either word, `word?` may be missing, `*` is up to three words."""

    def __init__(self, phrases: Iterable[str]) -> None:
        either = "|".join(sorted((_pattern(phrase) for phrase in phrases), key=len, reverse=True)) or "(?!)"
        self._within = re.compile(rf"(?<!\S)(?:{either})(?!\S)")
        self._whole = re.compile(rf"(?:{either})\Z")

    def within(self, words: str) -> bool:
        return self._within.search(words) is not None

    def whole(self, words: str) -> bool:
        return self._whole.match(words) is not None

    def lead(self, words: str) -> re.Match[str] | None:
        return self._within.match(words)

    def without(self, words: str) -> str:
        """`words` with every phrase taken out."""
        return self._within.sub(".", words)


def _visible(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in _REMOVED else character


def _pattern(phrase: str) -> str:
    parts: list[str] = []
    for word in phrase.split():
        if word == "*":
            parts.append(r"(?:\S+ ){0,3}")
        elif word.endswith("?") and "|" not in word:
            parts.append(f"(?:{re.escape(plain(word))} )?")
        else:
            parts.append(f"(?:{'|'.join(re.escape(plain(either)) for either in word.split('|'))}) ")
    joined = "".join(parts)
    return joined[:-1] if joined.endswith(" ") else re.sub(r" \)\?$", ")?", joined)
