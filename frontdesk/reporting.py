"""What became of the rows of an import, in lines for a terminal."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from core.exchange.fates import Fate
from frontdesk.printing import printable

_MOST_SHOWN = 40  # lines of one kind of fate, where not every row was asked for


def report(fates: list[Fate], *, every_row: bool) -> None:
    """What became of the rows: a dry run shows each, the real one what needs a look, and how many of each there are."""
    print_rows(fates, every_row=every_row)
    counted = Counter((fate.file, fate.what) for fate in fates if fate.row)
    for file in dict.fromkeys(fate.file for fate in fates if fate.row):
        each = ", ".join(f"{n} {what}" for (of, what), n in counted.items() if of == file)
        print(f"{file}.csv: {each}")


def print_rows(fates: list[Fate], *, every_row: bool) -> None:
    """Every row, or those that need a look: what was refused, and whatever there is something to be said about."""
    for what in ("new", "changed", "unchanged", "noted", "refused"):
        telling = every_row or what in ("refused", "noted")
        lines = [*_lines([fate for fate in fates if fate.what == what and (telling or fate.about)])]
        shown = lines if every_row else lines[:_MOST_SHOWN]
        for line in shown:
            print(printable(line.replace("\n", " ")))
        if len(shown) < len(lines):
            print(f"… and {len(lines) - len(shown)} more lines like these: --dry-run shows every row")


@dataclass
class _Run:
    """Rows that follow each other and share their fate."""

    fate: Fate
    last: int

    @property
    def line(self) -> str:
        first = self.fate.row
        rows = f", row {first}" if first == self.last else f", rows {first} to {self.last}"
        about = f": {self.fate.about}" if self.fate.about else ""
        return f"{self.fate.file}.csv{rows if first else ''}: {self.fate.what}{about}"


def _lines(fates: list[Fate]) -> Iterator[str]:
    """A line for each row, and for many that share their fate."""
    names = [*dict.fromkeys(fate.file for fate in fates)]
    runs: list[_Run] = []
    for fate in sorted(fates, key=lambda fate: (names.index(fate.file), fate.row)):
        before = runs[-1] if runs else None
        same = before is not None and (before.fate.file, before.fate.about) == (fate.file, fate.about)
        if before is not None and same and 0 < fate.row == before.last + 1:
            before.last = fate.row
        else:
            runs.append(_Run(fate, fate.row))
    return (each.line for each in runs)
