"""Dates as a spreadsheet program wrote them, read where the file itself shows which number is the month."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from core.exchange.files import Row, Sheet
from core.exchange.sheets import Kind

_LOCAL = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?=$|[T ])")
_MONTHS = 12


class _Order(NamedTuple):
    """How a date is written: in words, and where in it the month and the day are."""

    words: str
    places: tuple[int, int]


_DAY_FIRST, _MONTH_FIRST = _Order("day, month, year", (3, 1)), _Order("month, day, year", (1, 3))
_POINTS = _DAY_FIRST  # wherever points stand between them


def settled(kind: Kind, sheet: Sheet) -> Sheet:
    """The sheet with its local dates as ISO 8601 and a note that says how they were read; as it was where that is in doubt."""
    dated = [column.name for column in kind.columns if column.dated]
    found = [match for row in sheet.rows for match in _local_dates(row, dated)]
    orders: dict[str, _Order] = {}
    notes = []
    for sign in dict.fromkeys(match[2] for match in found):
        alike = [
            match for match in found if match[2] == sign
        ]  # what other programs wrote otherwise tells nothing of these
        order = _POINTS if sign == "." else _shown(alike)
        if order is not None:
            orders[sign] = order
            shown = max(alike, key=lambda match: max(int(match[1]), int(match[3])))[0]
            notes.append(f"dates such as {shown} are read as {order.words}")
    rows = tuple(replace(row, cells={**row.cells, **dict(_as_iso(row, dated, orders))}) for row in sheet.rows)
    return replace(sheet, rows=rows, notes=(*sheet.notes, *notes))


def _shown(dates: list[re.Match[str]]) -> _Order | None:
    """The order that every one of these dates allows, if that is one."""
    day_first = all(int(match[3]) <= _MONTHS for match in dates)
    month_first = all(int(match[1]) <= _MONTHS for match in dates)
    return None if day_first == month_first else _DAY_FIRST if day_first else _MONTH_FIRST


def _local_dates(row: Row, dated: list[str]) -> Iterator[re.Match[str]]:
    matches = (_LOCAL.match(row.cells.get(name, "")) for name in dated)
    return (match for match in matches if match)


def _as_iso(row: Row, dated: list[str], orders: Mapping[str, _Order]) -> Iterator[tuple[str, str]]:
    for name in dated:
        cell = row.cells.get(name, "")
        match = _LOCAL.match(cell)
        if match and match[2] in orders:
            month, day = (int(match[place]) for place in orders[match[2]].places)
            yield name, f"{match[4]}-{month:02}-{day:02}{cell[match.end() :]}"
