"""Dates as a spreadsheet program wrote them, read where the file itself shows which number is the month."""

import re
from collections.abc import Iterator
from dataclasses import replace

from core.exchange.files import Row, Sheet
from core.exchange.sheets import Kind

_LOCAL = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?=$|[T ])")
_MONTHS = 12


def settled(kind: Kind, sheet: Sheet) -> Sheet:
    """The sheet with its local dates as ISO 8601 and a note that says how they were read; as it was where that is in doubt."""
    dated = [column.name for column in kind.columns if column.dated]
    found = [match for row in sheet.rows for match in _local_dates(row, dated)]
    # With points between them the day comes first everywhere.
    day_first = all(int(match[3]) <= _MONTHS for match in found)
    month_first = all(int(match[1]) <= _MONTHS and match[2] != "." for match in found)
    if day_first == month_first:  # no date tells, or they contradict each other
        return sheet
    shown = next(match[0] for match in found if match[2] == "." or max(int(match[1]), int(match[3])) > _MONTHS)
    order, iso = ("day, month, year", (4, 3, 1)) if day_first else ("month, day, year", (4, 1, 3))
    rows = tuple(replace(row, cells={**row.cells, **dict(_as_iso(row, dated, iso))}) for row in sheet.rows)
    return replace(sheet, rows=rows, notes=(*sheet.notes, f"dates such as {shown} are read as {order}"))


def _local_dates(row: Row, dated: list[str]) -> Iterator[re.Match[str]]:
    matches = (_LOCAL.match(row.cells.get(name, "")) for name in dated)
    return (match for match in matches if match)


def _as_iso(row: Row, dated: list[str], places: tuple[int, int, int]) -> Iterator[tuple[str, str]]:
    for name in dated:
        cell = row.cells.get(name, "")
        if match := _LOCAL.match(cell):
            year, month, day = (int(match[place]) for place in places)
            yield name, f"{year:04}-{month:02}-{day:02}{cell[match.end() :]}"
