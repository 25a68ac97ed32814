"""`make nlu`: the whole folder of labelled messages, predicted and scored, as one table.

    python -m tests.nlu.report [--labels] [--misses KIND [--out FILE]]

English rows only, of every country. Each measure is taken twice: over the rows that may be looked at, and over a fixed fifth that is set aside
(`tests.nlu.gold.is_set_aside`), of which nothing but figures is ever printed. What was learned by heart is the gap between
the two. `--misses` writes what is wrong among the rows that may be looked at, of one gold file (`sgd_dev`,
`messages_clinc`, …) or of the lay words (`lay_words`), as JSON lines.

The measures:

- points exact: entities of bookings that are a date, a time or both, and exactly right by the scorer's rules;
- ranges lenient: entities of bookings that are a range of dates or times, right by its lenient rule;
- false alarms: of the messages without a time, those in which one was found: the scorer's negative rows of the date files,
  and the rows of HWU64, xSID, NLU++ and restaurant8k that have none of the slots in `labels.TIME_SLOTS`. CLINC150 does
  not label its times, so that nothing is known of it. As for the scorer, anything but a duration is a false alarm. The
  negative rows were written as traps and are few; they stand in a line of their own, too;
- F1 of several slots: over all of them together, from what was found, missed and invented;
- intents: F1 of each label that means the same as ours (`measured` in `tests/nlu/labels.py`; labels of one name count as
  one), over all rows of its own source; then the plain mean of these figures, of all four sources together. A label without
  a row on one side of the split is left out there;
- lay words: English labels and synonyms of the shared list of specialties, each as "I would like to see a …", where the
  specialty of the list is among those that were understood;
- time: of the processor, for each message, as the command takes a line and gives one back.
"""

import argparse
import csv
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, quantiles
from typing import Any

from tests.nlu import gold, labels
from tests.nlu.gold import Row
from tests.nlu.predict import Desk, known, predict

LAY_WORDS = "lay_words"
_POINTS = ("date", "time", "datetime")
_RANGES = ("daterange", "timerange", "datetimerange")


@dataclass
class Half:
    """One side of the split: rows, predictions and the scorer's figures, by gold file."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    predictions: dict[str, list[Row]] = field(default_factory=dict)
    figures: dict[str, Row] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def pairs(self, *kinds: str) -> Iterator[tuple[Row, Row]]:
        """Rows with their predictions, of these files or of all."""
        for kind in kinds or tuple(self.rows):
            yield from zip(self.rows[kind], self.predictions[kind], strict=True)


@dataclass(frozen=True)
class Measure:
    """A line of the table: what is measured, how, the goal, and the best that exists."""

    name: str
    take: Callable[[Half], float | None]
    goal: str
    best: str


def measured(paths: Iterable[Path]) -> tuple[Half, Half]:
    """Both sides of the split of these gold files, predicted and scored, and of the lay words."""
    seen, aside = Half(), Half()
    score = gold.scorer()
    for path in paths:
        kind = gold.kind_of(path)
        parts = gold.parted(gold.read(path))
        desk = Desk(known(_directory(next(gold.read(path)))))
        for half, rows in zip((seen, aside), parts, strict=True):
            _add(half, kind, rows, [predict(row, desk) for row in rows], desk)
            half.figures[kind] = score(rows, half.predictions[kind]) if rows else {}
    desk = Desk()
    for half, rows in zip((seen, aside), gold.parted(lay_words()), strict=True):
        _add(
            half,
            LAY_WORDS,
            rows,
            [{"id": row["id"], "specialties": desk.hear(row["text"])["specialties"]} for row in rows],
            desk,
        )
    return seen, aside


def _add(half: Half, kind: str, rows: list[Row], predictions: list[Row], desk: Desk) -> None:
    half.rows[kind], half.predictions[kind] = rows, predictions
    half.seconds += desk.seconds
    desk.seconds.clear()


def _directory(row: Row) -> Path | None:
    name = gold.DIRECTORIES.get(gold.form_of(row))
    return gold.shared() / "data" / "nlu" / name if name else None


def lay_words() -> list[Row]:
    """The English phrases for specialties of the shared lists, each in a sentence; one may stand for several."""
    meant: dict[str, set[str]] = {}
    for name, column in (("specialty-labels.csv", "label"), ("specialty-synonyms.csv", "phrase")):
        with (gold.shared() / "data" / "providers" / name).open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["lang"] == "en":
                    meant.setdefault(row[column].lower(), set()).add(row["specialty"])
    return [
        {"id": phrase, "lang": "en", "text": f"I would like to see a {phrase}", "specialties": sorted(specialties)}
        for phrase, specialties in meant.items()
    ]


# --- figures ---------------------------------------------------------------------------------------------------------


def _entities(kind: str, kinds: Sequence[str], what: str) -> Callable[[Half], float | None]:
    """The share of entities of some kinds that are right, in per cent."""

    def take(half: Half) -> float | None:
        by_kind = half.figures[kind].get("lang/kind", {})
        parts = [part for name, part in by_kind.items() if name.partition(" ")[2] in kinds]
        count = sum(part["n"] for part in parts)
        return sum(part[f"{what}_%"] * part["n"] for part in parts) / count if count else None

    return take


def _false_alarms(half: Half) -> float | None:
    alarms = [_is_alarm(prediction) for row, prediction in half.pairs() if _has_no_time(row)]
    return 100 * fmean(alarms) if alarms else None


def _false_alarms_in_negatives(half: Half) -> float | None:
    alarms = [_is_alarm(prediction) for row, prediction in half.pairs() if row.get("use") == "negative"]
    return 100 * fmean(alarms) if alarms else None


def _has_no_time(row: Row) -> bool:
    if "use" in row:
        return bool(row["use"] == "negative")
    slots = labels.TIME_SLOTS.get(row.get("source", ""))
    return slots is not None and slots.isdisjoint(slot["slot"] for slot in row.get("slots") or ())


def _is_alarm(prediction: Row) -> bool:
    return any(entity["kind"] != "duration" for entity in prediction["entities"])


def _slots(kind: str, *slots: str) -> Callable[[Half], float | None]:
    """F1 of some slots together, in per cent."""

    def take(half: Half) -> float | None:
        table = half.figures[kind].get("slots", {})
        found = invented = said = 0.0
        for one in (table[slot] for slot in slots if slot in table):
            right = one["R"] * one["n"]
            found, said = found + right, said + one["n"]
            invented += right / one["P"] - right if one["P"] else 0
        return 200 * found / (found + invented + said) if said else None

    return take


def _figure(kind: str, *path: str) -> Callable[[Half], float | None]:
    """One of the scorer's own figures."""

    def take(half: Half) -> float | None:
        figure: Any = half.figures[kind]
        for name in path:
            figure = figure.get(name, {})
        value = figure[0] if isinstance(figure, list) else figure  # a share, and of how many
        return float(value) if isinstance(value, int | float) else None

    return take


def intents(half: Half) -> dict[tuple[str, str], tuple[float, int]]:
    """By source and measured label: F1 in per cent, and how many rows have it."""
    right, guessed, meant = Counter[tuple[str, str]](), Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for row, prediction in half.pairs():
        source = row.get("source", "")
        if source not in labels.LABELS or gold.form_of(row) != "message":
            continue
        theirs, ours = _labels(row, prediction)
        meant.update((source, name) for name in theirs)
        guessed.update((source, name) for name in ours)
        right.update((source, name) for name in theirs & ours)
    return {
        name: (200 * right[name] / (meant[name] + guessed[name]), meant[name]) for name in sorted(meant) if meant[name]
    }


def _labels(row: Row, prediction: Row) -> tuple[set[str], set[str]]:
    """The measured labels of a message: theirs, and ours."""
    source, several = row["source"], "intents" in row
    theirs = row["intents"] or () if several else [row["intent"]]
    ours = prediction["intents"] if several else [prediction["intent"]]
    return labels.measured(source, theirs), labels.measured(source, ours)


def _mean_of_intents(half: Half) -> float | None:
    figures = [figure for figure, _ in intents(half).values()]
    return fmean(figures) if figures else None


def _lay_words(half: Half) -> float | None:
    right = [_is_meant(row, prediction) for row, prediction in half.pairs(LAY_WORDS)]
    return 100 * fmean(right) if right else None


def _is_meant(row: Row, prediction: Row) -> bool:
    return not set(row["specialties"]).isdisjoint(prediction["specialties"])


MEASURES = (
    Measure("points exact: recognizers", _entities("datetime_recognizers", _POINTS, "exact"), "85", "78"),
    Measure("points exact: duckling", _entities("datetime_duckling", _POINTS, "exact"), "80", "63"),
    Measure("points exact: NLU++", _entities("datetime_nlupp", _POINTS, "exact"), "85", "65"),
    Measure("ranges lenient: recognizers", _entities("datetime_recognizers", _RANGES, "lenient"), "75", "67"),
    Measure("ranges lenient: duckling", _entities("datetime_duckling", _RANGES, "lenient"), "70", "56"),
    Measure("false alarms", _false_alarms, "≤ 10", "28"),
    Measure("false alarms, negative rows alone", _false_alarms_in_negatives, "≤ 10", "–"),
    Measure("SGD date and time F1", _slots("sgd_dev", "date", "time"), "97", "87"),
    Measure("SGD all-slot F1", _slots("sgd_dev", "ALL"), "92", "77"),
    Measure("SGD intent", _figure("sgd_dev", "intent_accuracy_%", "ALL"), "96", "91"),
    Measure("SGD acts exactly right", _figure("sgd_dev", "acts_exact_%"), "88", "83"),
    Measure("STAR all slots at the first query", _figure("dialogues_star_doctor", "all_slots_right_%"), "60", "27"),
    Measure("restaurant8k date F1", _slots("messages_restaurant8k", "date"), "92", "81"),
    Measure("restaurant8k time F1", _slots("messages_restaurant8k", "time"), "92", "73"),
    Measure("intents, mean F1", _mean_of_intents, "92", "90"),
    Measure("lay words to specialty", _lay_words, "90", "–"),
    Measure("ms a message, mean", lambda half: 1000 * fmean(half.seconds), "≤ 2", "–"),
    Measure("ms a message, p99", lambda half: 1000 * quantiles(half.seconds, n=100)[-1], "≤ 10", "–"),
)


def table(seen: Half, aside: Half) -> Iterator[str]:
    """The table, line by line."""
    yield f"{'measure (English, per cent)':36}{'rows seen':>10}{'not seen':>10}{'goal':>7}{'best':>6}"
    for one in MEASURES:
        yield f"{one.name:36}{_shown(one.take(seen)):>10}{_shown(one.take(aside)):>10}{one.goal:>7}{one.best:>6}"


def label_table(seen: Half, aside: Half) -> Iterator[str]:
    """The labels behind the mean: F1 and rows, on both sides."""
    yield f"{'F1 by label':44}{'rows seen':>16}{'not seen':>16}"
    theirs = intents(seen), intents(aside)
    for source, name in sorted(theirs[0] | theirs[1]):
        sides = (side.get((source, name)) for side in theirs)
        shown = (f"{figure[0]:.1f} of {figure[1]}" if figure else "–" for figure in sides)
        yield f"{source + ' ' + name:44}" + "".join(f"{one:>16}" for one in shown)


def _shown(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.1f}"


# --- misses ----------------------------------------------------------------------------------------------------------


def misses(half: Half, kind: str) -> Iterator[Row]:
    """What is wrong in the rows of one file, with what was expected."""
    score = gold.scorer()
    for row, prediction in half.pairs(kind):
        if wrong := _wrong(row, prediction, score):
            shown = row["turns"] if "turns" in row else row["text"]
            yield {"id": row["id"], "wrong": wrong, "text": shown, "gold": _expected(row), "predicted": prediction}


def _wrong(row: Row, prediction: Row, score: Callable[[list[Row], list[Row]], Row]) -> list[str]:
    if "specialties" in row:
        return [] if _is_meant(row, prediction) else ["specialty"]
    alarm = ["false alarm"] if _has_no_time(row) and _is_alarm(prediction) else []
    match gold.form_of(row):
        case "moments":
            return alarm if row["use"] == "negative" else _wrong_moments(score([row], [prediction]))
        case "schema_guided":
            figures = score([row], [prediction])
            found = ("acts_exact_%", "acts"), ("turn_slots_all_right_%", "slots")
            intent = ["intent"] if row["intent"] != prediction["intent"] else []
            return intent + [name for figure, name in found if figures[figure] < 100]
        case "conversation":
            figures = score([row], [prediction])
            return ["slots"] if figures["dialogues"] and figures["all_slots_right_%"] < 100 else []
    theirs, ours = _labels(row, prediction) if row["source"] in labels.LABELS else (set(), set())
    slots = row["source"] == "restaurant8k" and not _times_right(row, prediction, score)
    return alarm + (["intent"] if theirs != ours else []) + (["slots"] if slots else [])


def _wrong_moments(figures: Row) -> list[str]:
    by_kind = figures.get("lang/kind", {})
    wrong = [name.partition(" ")[2] for name, figure in by_kind.items() if figure["exact_%"] < 100]
    others = [name for name, figure in figures.get("use", {}).items() if name != "booking" and figure["exact_%"] < 100]
    recurring = figures.get("recurring", {}).get("all", {}).get("detected_%", 100) < 100
    extra = ["extra"] if figures.get("booking", {}).get("all", {}).get("extra") else []
    return wrong + others + extra + (["recurring"] if recurring else [])


def _times_right(row: Row, prediction: Row, score: Callable[[list[Row], list[Row]], Row]) -> bool:
    """Whether dates and times are right, whatever else was said."""
    told, heard = ([slot for slot in one["slots"] if slot["slot"] in ("date", "time")] for one in (row, prediction))
    figures = score([{**row, "slots": told}], [{**prediction, "slots": heard}])
    return bool(figures.get("all_slots_right_%", 100) == 100)


def _expected(row: Row) -> Row:
    names = (
        "prev_system",
        "prev_intent",
        "intent",
        "intents",
        "acts",
        "slots",
        "entities",
        "requested",
        "calls",
        "specialties",
    )
    return {name: row[name] for name in names if name in row}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", action="store_true", help="the intents behind the mean, too")
    parser.add_argument("--misses", metavar="KIND", help="write what is wrong in one file's rows that may be seen")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write the misses; otherwise here")
    options = parser.parse_args(arguments)
    paths = {gold.kind_of(path): path for path in gold.files()}
    if not paths:
        print(
            f"No labelled messages in {gold.shared() / 'data' / 'nlu'}: say where with FRONTDESK_SHARED.",
            file=sys.stderr,
        )
        return 2
    if options.misses:
        if options.misses not in (*paths, LAY_WORDS):
            parser.error(f"one of {', '.join((*paths, LAY_WORDS))}")
        seen, _ = measured(path for kind, path in paths.items() if kind == options.misses)
        lines = [json.dumps(miss, ensure_ascii=False) for miss in misses(seen, options.misses)]
        if options.out:
            options.out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        else:
            print(*lines, sep="\n")
        return 0
    halves = measured(paths.values())
    print(*table(*halves), *(["", *label_table(*halves)] if options.labels else []), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
