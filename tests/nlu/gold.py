"""Labelled messages of others: where they lie, how they are read, and which of them nobody looks at."""

import gzip
import hashlib
import json
import os
import runpy
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

Row = dict[str, Any]
Form = Literal["moments", "schema_guided", "conversation", "message"]

DIRECTORIES = {"schema_guided": "directory_sgd.jsonl", "conversation": "directory_star.jsonl"}
"""The names that a desk would know, by the form of the rows that say them."""

_CHECKOUT = Path(__file__).resolve().parents[2]
_PARTS = 5


def shared() -> Path:
    """The folder with data and tools: what FRONTDESK_SHARED says, otherwise the one beside the checkout."""
    return Path(os.environ.get("FRONTDESK_SHARED") or _CHECKOUT.parent / "shared")


def files() -> tuple[Path, ...]:
    """Every gold file of the folder, in the order of their names."""
    found = sorted((shared() / "data" / "nlu").glob("*.jsonl*"))
    return tuple(path for path in found if path.name not in DIRECTORIES.values())


def kind_of(path: Path) -> str:
    """What a gold file is called by: its name without endings."""
    return path.name.partition(".")[0]


def read(path: Path) -> Iterator[Row]:
    """The rows of a gold file, packed or not."""
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file if line.strip())


def form_of(row: Row) -> Form:
    """What a row is, seen from its fields."""
    if "entities" in row:
        return "moments"
    if "turns" in row:
        return "conversation"
    return "schema_guided" if "acts" in row else "message"


def is_english(row: Row) -> bool:
    """Whether a row is in English, of any country."""
    return str(row.get("lang", "")).partition("-")[0] == "en"


def is_set_aside(row: Row) -> bool:
    """Whether a row is of the fifth at which nobody looks.

    The SHA-256 of its `dialogue_id`, else of its `text_en`, else of its `text`, read as one number, is divisible by five.
    So all turns of a conversation, all translations of a message, and a message that stands in two files are on one side.
    A whole conversation has none of the three; it goes by its `id`, which is the conversation's.
    """
    key = next(row[name] for name in ("dialogue_id", "text_en", "text", "id") if row.get(name))
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % _PARTS == 0


def parted(rows: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    """English rows: those that may be looked at, and those that are set aside."""
    seen: list[Row] = []
    aside: list[Row] = []
    for row in rows:
        if is_english(row):
            (aside if is_set_aside(row) else seen).append(row)
    return seen, aside


def scorer() -> Callable[[list[Row], list[Row]], Row]:
    """The scorer of the shared folder: gold rows and predictions in, its figures out."""
    score = runpy.run_path(str(shared() / "tools" / "score_nlu.py"))["score"]

    def scored(rows: list[Row], predictions: list[Row]) -> Row:
        figures: Row = score(rows, predictions, min_lang=1)
        return figures

    return scored
