"""What a message seems to want where no phrase of the lexicon says so: guesses with a confidence, learned from examples.

A guess is a hint and no more: the dialog answers, asks, or says no more of it, but nothing is booked, moved or called off
on a guess alone. The weights of a language are a file beside its lexicon, made by `tests/nlu/train.py`; a language without one
has no guesses.
"""

from collections.abc import Iterator
from functools import cached_property, lru_cache
from importlib.resources import files
from itertools import pairwise
from math import exp, sqrt

import msgspec

from bot.understanding import lexicon
from bot.understanding.meaning import Guess, Guessed

_MOST_WORDS = 40  # what is wanted stands in these, or is told at such length that phrases must find it
_LONGEST_WORD = 20
_PIECE = 4  # letters
_KNOWN = 0.5  # more than that share of the words; of a message of strange words nothing is guessed


class Weights(msgspec.Struct, dict=True):
    """What speaks for which guess, and how much: for each feature one signed byte for each guess."""

    guesses: tuple[Guessed, ...]
    bias: tuple[float, ...]
    sure: tuple[float, ...]  # from what confidence on a guess is worth saying
    scale: float  # what a byte of 1 weighs
    features: tuple[str, ...]
    weights: bytes

    @cached_property
    def rows(self) -> dict[str, memoryview]:
        """The weights of each feature."""
        width, all_weights = len(self.guesses), memoryview(self.weights).cast("b")
        return {name: all_weights[row * width : (row + 1) * width] for row, name in enumerate(self.features)}

    def confidences(self, words: str) -> list[float]:
        """How likely each guess is, from 0 to 1."""
        present = set(features(words))
        rows = [row for name in present if (row := self.rows.get(name)) is not None]
        norm = self.scale / sqrt(len(present) or 1)
        sums = map(sum, zip(*rows, strict=True)) if rows else [0] * len(self.guesses)
        return [_likely(bias + norm * total) for bias, total in zip(self.bias, sums, strict=True)]

    def knows(self, words: str) -> bool:
        """Whether enough of these words were among the examples."""
        spoken = words.split()[:_MOST_WORDS]
        return sum(f" {_word(word)} " in self.rows for word in spoken) > _KNOWN * len(spoken)


def guess(words: str, language: str) -> tuple[Guess, ...]:
    """What plain words seem to want, the likeliest first."""
    weights = load(language)
    if weights is None or not weights.knows(words):
        return ()
    likely = zip(weights.guesses, weights.confidences(words), weights.sure, strict=True)
    found = (Guess(what, round(confidence, 2)) for what, confidence, sure in likely if confidence >= sure)
    return tuple(sorted(found, key=lambda one: -one.confidence))


@lru_cache
def load(language: str) -> Weights | None:
    """The weights of a language, where it has some."""
    code = language.split("-", maxsplit=1)[0].lower()
    file = files(lexicon).joinpath(f"{code}.weights")
    return msgspec.msgpack.decode(file.read_bytes(), type=Weights) if code.isalpha() and file.is_file() else None


def features(words: str) -> Iterator[str]:
    """What is looked at: the words, their neighbours, and pieces of words, which outlive typos."""
    spoken = [_word(word) for word in words.split()[:_MOST_WORDS]]
    lined = ["^", *spoken, "$"]
    for word in spoken:
        yield f" {word} "
        edged = f"_{word}_"
        yield from (edged[place : place + _PIECE] for place in range(len(edged) - _PIECE + 1))
    for before, after in pairwise(lined):
        yield f"{before} {after}"
    for before, between, after in zip(lined, lined[1:], lined[2:], strict=False):
        yield f"{before} {between} {after}"
        yield f"{before} * {after}"
    yield f"#{min(len(spoken), 8)}"


def _word(word: str) -> str:
    """A word as the examples know it: of numbers only that they are some."""
    return "0" if any(map(str.isdecimal, word)) else word[:_LONGEST_WORD]


def _likely(evidence: float) -> float:
    return 1 / (1 + exp(-max(-30.0, min(30.0, evidence))))
