"""Spreadsheets as files: whatever encoding and separator they were saved with, and written so that no program runs them."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOJIBAKE = ("Ã©", "Ã¼", "Ã¶", "Ã¤", "Ã±", "â€™", "Ã¨", "Ã¡", "Ã­", "Ã³")


class Unreadable(Exception):
    """A file that is no spreadsheet of ours; the message says why, and what to do."""


@dataclass(frozen=True)
class Row:
    """One line: its number as a spreadsheet shows it, and its cells by column."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Sheet:
    """What a file holds; `notes` tell what was unusual about it."""

    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()


def read(raw: bytes) -> Sheet:
    """A file's rows. Column names are known in any case, with blanks or dashes for underscores."""
    text, notes = _decoded(raw)
    if "\0" in text:
        raise Unreadable("it holds signs that no spreadsheet has; save it as CSV (UTF-8)")
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text)))
    header = next((number for number, line in enumerate(lines) if any(cell.strip() for cell in line)), None)
    if header is None:
        raise Unreadable("it is empty; the first line must name the columns")
    columns = tuple(name.strip().lower().replace(" ", "_").replace("-", "_") for name in lines[header])
    twice = {name for name in columns if name and columns.count(name) > 1}
    if twice:
        raise Unreadable(f"the column {', '.join(sorted(twice))} is there twice")
    rows = (
        Row(number, {name: _plain(cell) for name, cell in zip(columns, line, strict=False) if name})
        for number, line in enumerate(lines[header + 1 :], start=header + 2)
        if any(cell.strip() for cell in line)
    )
    return Sheet(tuple(rows), columns, notes)


def _decoded(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """UTF-8 or UTF-16 with their marks, then UTF-8, then what Windows writes."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            return raw.decode(encoding, "replace"), ()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace"), (
            "read as Windows-1252, as it is not UTF-8: look at names with accents",
        )
    garbled = any(sign in text for sign in _MOJIBAKE)
    return text, (
        "letters such as Ã© look as if the file had been saved with a wrong encoding before",
    ) if garbled else ()


def _separator(text: str) -> str:
    """The sign that the first line has most of."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=first.count)


def _plain(cell: str) -> str:
    """Without the quote that keeps a spreadsheet from running what is in a cell."""
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def written(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """Rows as CSV in UTF-8 with its mark, so that Excel reads accents; cells that look like formulas are quoted.

    OWASP, CSV injection: a cell that begins with = + - @ is run by spreadsheets.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        cells = [row.get(name, "") for name in columns]
        writer.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return out.getvalue().encode("utf-8-sig")
