"""What becomes of the rows of an import, and what an import knows while it works."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from core.crypto import Vault
from core.database import Session
from core.exchange.files import Row, Sheet
from core.exchange.sheets import Kind
from core.scheduling.locks import lock

MOST_COMPARED = 500  # rows among which a similar id is looked for

What = Literal["new", "changed", "unchanged", "refused", "noted"]
Taken = tuple[What, str]
"""What became of a row, and what is to be said about it."""


class Values(dict[str, Any]):
    """The values of a row by column, those of missing cells too; `given` are the columns that its file has."""

    def __init__(self, values: Mapping[str, Any], given: frozenset[str]) -> None:
        super().__init__(values)
        self.given = given

    def but(self, **other: Any) -> "Values":
        """The same with some values in another form."""
        return Values({**self, **other}, self.given)


@dataclass(frozen=True)
class Fate:
    """What became of one row; `row` is its number in the file, 0 for what concerns the file as a whole."""

    file: str
    row: int
    what: What
    about: str = ""


class Refused(Exception):
    """A row cannot be taken in; the message says why and what is wanted."""


@dataclass
class Import:
    """One import under way: what it works on, and what it has found."""

    session: Session
    vault: Vault
    now: datetime
    ids: dict[str, dict[str, int]] = field(default_factory=dict)  # of a table: external id to our own
    fates: list[Fate] = field(default_factory=list)
    _locked: bool = False

    def known(self, kind: str, external_id: str, column: str) -> int:
        """Our id of what a row points at; Refused where there is no such row."""
        ids = self.ids.get(kind, {})
        if external_id in ids:
            return ids[external_id]
        near = difflib.get_close_matches(external_id, ids, n=1) if len(ids) <= MOST_COMPARED else []
        hint = f"; did you mean “{near[0]}”?" if near else ""
        raise Refused(f"{column}: there is no “{external_id}” among the {kind.replace('_', ' ')}{hint}")

    def lock_schedules(self) -> None:
        """Wait until all practitioners' time is ours to change: once, in the one order of locks, and as late as may be."""
        if not self._locked:
            lock(self.session, practitioners=self.ids["practitioners"].values())
            self._locked = True


def read_row(kind: Kind, row: Row) -> Values:
    """The values of a row; Refused with everything that is wrong in it."""
    values, wrong = {}, []
    for column in kind.columns:
        cell = row.cells.get(column.name, "")
        if not cell:
            values[column.name] = column.empty
            if column.required:
                wrong.append(f"{column.name} is empty")
            continue
        try:
            values[column.name] = column.parse(cell)
        except ValueError as error:
            wrong.append(f"{column.name} is “{cell[:60]}”: it must be {error}")
    wrong += [f"“{cell[:60]}” stands under no column: a cell with , or ; in it needs quotes" for cell in row.stray[:1]]
    if wrong:
        raise Refused("; ".join(wrong))
    return Values(values, frozenset(row.cells))


def read_rows(work: Import, kind: Kind, sheet: Sheet) -> Iterator[tuple[Row, Values]]:
    """The rows that can be read, each thing once; the others get their fate."""
    seen: set[tuple[Any, ...]] = set()
    for row in sheet.rows:
        try:
            values = read_row(kind, row)
            key = tuple(values[name] for name in kind.key)
            if key in seen and not key:
                raise Refused("there is one clinic, and a row before this one is it")
            if key in seen:
                said = ", ".join(row.cells[name] for name in kind.key if row.cells.get(name))
                raise Refused(f"{' and '.join(kind.key)}: “{said}” is there twice")
            seen.add(key)
        except Refused as refused:
            work.fates.append(Fate(kind.name, row.number, "refused", str(refused)))
        else:
            yield row, values
