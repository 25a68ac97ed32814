"""Spreadsheets as files: whatever encoding and separator they were saved with, and written so that no program runs them."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.exchange.cells import tidy

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOJIBAKE = ("Ã©", "Ã¼", "Ã¶", "Ã¤", "Ã±", "â€™", "Ã¨", "Ã¡", "Ã­", "Ã³")


class Unreadable(Exception):
    """A file that is no spreadsheet of ours; the message says why, and what to do."""


@dataclass(frozen=True)
class Row:
    """One line: its number as a spreadsheet shows it, its cells by column, and what stands under no column."""

    number: int
    cells: Mapping[str, str]
    stray: tuple[str, ...] = ()


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
    lines = _lines(text)
    header = next((number for number, line in enumerate(lines) if any(line) and not _names_separator(line)), None)
    if header is None:
        raise Unreadable("it is empty; the first line must name the columns")
    columns = tuple(name.lower().replace(" ", "_").replace("-", "_") for name in lines[header])
    twice = {name for name in columns if name and columns.count(name) > 1}
    if twice:
        raise Unreadable(f"the column {', '.join(sorted(twice))} is there twice")
    rows = (_row(number, columns, line) for number, line in enumerate(lines[header + 1 :], header + 2) if any(line))
    return Sheet(tuple(rows), columns, notes)


def _row(number: int, columns: Sequence[str], line: Sequence[str]) -> Row:
    named = {name: cell for name, cell in zip(columns, line, strict=False) if name}
    stray = (cell for place, cell in enumerate(line) if cell and not (place < len(columns) and columns[place]))
    return Row(number, named, tuple(stray))


def _lines(text: str) -> list[list[str]]:
    """Every line's cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    try:
        lines = [[_plain(cell) for cell in line] for line in reader]
    except csv.Error:  # a cell that is longer than any
        raise Unreadable(_OPEN_QUOTE) from None
    if text.count('"') % 2 and lines and any("\n" in cell for cell in lines[-1]):
        raise Unreadable(_OPEN_QUOTE)
    return lines


_OPEN_QUOTE = 'a quote is opened and never closed, so that rows run together; look for a cell that begins with "'


def _names_separator(line: Sequence[str]) -> bool:
    """Whether this is the line that tells Excel the separator: `sep=;`."""
    return line[0].lower().startswith("sep=")


def _decoded(raw: bytes) -> tuple[str, tuple[str, ...]]:
    """The text of a file, and what was unusual about how it was saved."""
    encoding = _encoding(raw)
    text = raw.decode(encoding, "replace")
    unusual = {
        "read as Windows-1252, as it is not UTF-8: look at names with accents": encoding == "cp1252",
        "letters such as Ã© look as if the file had been saved with a wrong encoding before": any(
            sign in text for sign in _MOJIBAKE
        ),
        "some signs could not be read and stand as � now: save it as CSV (UTF-8)": "�" in text,
    }
    return text, tuple(note for note, is_so in unusual.items() if is_so)


def _encoding(raw: bytes) -> str:
    """UTF-8 or UTF-16 with their marks, then UTF-8, then what Windows writes."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            return encoding
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _separator(text: str) -> str:
    """What `sep=` says, or else the sign that the first line has most of."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    told = re.match(r"sep=([,;\t])", first, re.IGNORECASE)
    return told[1] if told else max(",;\t", key=first.count)


def _plain(cell: str) -> str:
    """Tidy, and without the quote that keeps a spreadsheet from running what is in a cell."""
    cell = tidy(cell)
    return cell[1:] if cell.startswith("'") and _is_run(cell) else cell


def _is_run(cell: str) -> bool:
    """Whether a spreadsheet could take this for a formula, quoted or not."""
    return cell.lstrip("'").startswith(_FORMULA)


def written(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    """Rows as CSV in UTF-8 with its mark, so that Excel reads accents; cells that look like formulas are quoted.

    OWASP, CSV injection: a cell that begins with = + - @ is run by spreadsheets.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        cells = [row.get(name, "") for name in columns]
        writer.writerow([f"'{cell}" if _is_run(cell) else cell for cell in cells])
    return out.getvalue().encode("utf-8-sig")
