"""`python -m tests.nlu.train`: the weights of `bot.understanding.guesses` for English, learned from labelled messages.

Only from files whose licence allows it (`labels.TAUGHT`; CC BY: the NOTICE beside the weights names them), and only from rows
that are not set aside. Nothing here is random: the same rows make the same file.

Each guess is a logistic regression of its own over the same features. A file tells of a row only what its labels can say:
where it has no label for a guess, or one that says neither yes nor no, the row teaches nothing of it.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from multiprocessing import Pool
from pathlib import Path

import msgspec

from bot.understanding import lexicon
from bot.understanding.guesses import Weights, features
from bot.understanding.text import clean, plain
from tests.nlu import gold, labels

OUT = Path(lexicon.__file__).with_name("en.weights")
_ROUNDS = 30
_RATE = 1.0
_DECAY = 2e-5  # what every step takes away from a weight
_RARE = 2  # a feature of fewer messages is left out
_THRESHOLDS = tuple(percent / 100 for percent in range(40, 95, 5))
_RIGHT = 0.9  # of what is guessed
_PARTS = 4  # of which each is judged by what the others teach, to find from where on a guess is sure


@dataclass(frozen=True)
class Example:
    """A message: the features it has, and what it means or does not mean; of the rest nothing is known."""

    present: tuple[int, ...]
    size: float  # a message counts as much as any other, however long it is
    means: frozenset[str]
    lacks: frozenset[str]
    part: int


def taught() -> Iterator[tuple[str, frozenset[str], frozenset[str], int]]:
    """Plain words, which guesses are right and wrong of them, and of which part they are."""
    for source, kind in labels.TAUGHT_BY.items():
        seen, _ = gold.parted(gold.read(gold.shared() / "data" / "nlu" / f"{kind}.jsonl"))
        for row in seen:
            means, lacks = labels.taught(source, row)
            said = plain(clean(row["text"]))
            texts = {said}
            if means & labels.ABOUT_VISITS:
                texts |= {_about_visits(text) for text in texts}
            for text in sorted(texts):
                yield text, means, lacks, _part(said)


def _about_visits(text: str) -> str:
    """The same, said of a visit."""
    return re.sub(r"\w+", lambda word: labels.LIKE_A_VISIT.get(word[0], word[0]), text)


def examples() -> tuple[list[Example], list[str]]:
    """All that is taught, and the features that it has."""
    rows = [(sorted(set(features(text))), means, lacks, part) for text, means, lacks, part in taught()]
    counts = Counter(name for present, *_ in rows for name in present)
    names = sorted(name for name, count in counts.items() if count >= _RARE)
    places = {name: place for place, name in enumerate(names)}
    found = [
        Example(
            tuple(places[name] for name in present if name in places), 1 / sqrt(len(present) or 1), means, lacks, part
        )
        for present, means, lacks, part in rows
    ]
    return found, names


def _part(text: str) -> int:
    return hashlib.sha256(f"part {text}".encode()).digest()[0] % _PARTS


def learn(what: str, rows: Sequence[Example], width: int) -> tuple[float, list[float]]:
    """The bias and the weights of one guess."""
    told = [
        (one.present, one.size, what in one.means)
        for one in sorted(rows, key=lambda one: hashlib.sha256(repr(one.present).encode()).digest())
        if what in one.means or what in one.lacks
    ]
    weights, steps, bias, bias_step = [0.0] * width, [1e-2] * width, -2.0, 1.0
    for _ in range(_ROUNDS):
        for present, size, is_right in told:
            evidence = bias + size * sum([weights[place] for place in present])
            error = is_right - 1 / (1 + exp(-max(-30.0, min(30.0, evidence))))
            if abs(error) < 0.01:
                continue
            bias_step += error * error
            bias += _RATE * error / sqrt(bias_step)
            slope = error * size
            square = slope * slope
            for place in present:
                steps[place] += square
                weights[place] += _RATE * slope / sqrt(steps[place]) - _DECAY * weights[place]
    return bias, weights


def confidence(example: Example, bias: float, weights: Sequence[float]) -> float:
    evidence = bias + example.size * sum(weights[place] for place in example.present)
    return 1 / (1 + exp(-max(-30.0, min(30.0, evidence))))


def _sure(judged: Sequence[tuple[float, bool]]) -> float:
    """From which confidence on a guess is right often enough: where F1 is best, of those at which it errs seldom."""
    return max(_THRESHOLDS, key=lambda least: (_precision(judged, least) >= _RIGHT, _f1(judged, least)))


def _precision(judged: Sequence[tuple[float, bool]], least: float) -> float:
    said = [is_right for likely, is_right in judged if likely >= least]
    return sum(said) / len(said) if said else 1.0


def _f1(judged: Sequence[tuple[float, bool]], least: float) -> float:
    said = [is_right for likely, is_right in judged if likely >= least]
    return 2 * sum(said) / (len(said) + sum(is_right for _, is_right in judged))


def learned(what: str) -> tuple[float, list[float], float]:
    """Bias, weights and threshold of one guess. What is sure is judged on messages that taught nothing."""
    rows, names = examples()
    judged: list[tuple[float, bool]] = []
    for part in range(_PARTS):
        bias, weights = learn(what, [one for one in rows if one.part != part], len(names))
        judged += [
            (confidence(one, bias, weights), what in one.means)
            for one in rows
            if one.part == part and (what in one.means or what in one.lacks)
        ]
    sure = _sure(judged)
    print(f"{what:16} F1 {100 * _f1(judged, sure):5.1f}  precision {100 * _precision(judged, sure):5.1f}  from {sure}")
    return *learn(what, rows, len(names)), sure


def main() -> None:
    with Pool() as pool:
        found = pool.map(learned, labels.TAUGHT, chunksize=1)
    _, names = examples()
    scale = max(abs(weight) for _, weights, _ in found for weight in weights) / 127
    rows = [bytes(round(weights[place] / scale) & 0xFF for _, weights, _ in found) for place in range(len(names))]
    kept = [(name, row) for name, row in zip(names, rows, strict=True) if any(row)]
    learned_weights = Weights(
        guesses=tuple(labels.TAUGHT),
        bias=tuple(round(bias, 3) for bias, _, _ in found),
        sure=tuple(sure for *_, sure in found),
        scale=scale,
        features=tuple(name for name, _ in kept),
        weights=b"".join(row for _, row in kept),
    )
    OUT.write_bytes(msgspec.msgpack.encode(learned_weights))
    print(f"{len(kept)} features, {OUT.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
