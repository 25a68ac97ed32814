"""`frontdesk setup` and `frontdesk export`: a clinic of one's own, from spreadsheets or by questions, and back."""

import argparse
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, select

from core.config import Settings
from core.database import transaction
from core.exchange import exporting, files, importing, sheets
from core.exchange.fates import Fate
from core.people.organization import organization
from core.scheduling import vocabulary
from frontdesk import questions, reporting
from frontdesk.errors import CannotRun

_NO_CLINIC = "it must name the clinic: one row with name and short_name"
_WORKBOOKS = (".xlsx", ".xls", ".ods", ".numbers")


def from_folder(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    """Take in the files of a folder, or say what would become of each row; 1 when any was refused."""
    folder = _read(options.folder)
    _require_own_clinic(engine)
    with _stopped_in_words():
        fates = _take_in(engine, settings, folder, dry_run=options.dry_run)
    reporting.report(fates, every_row=options.dry_run)
    if options.dry_run:
        print("Nothing was changed: this was a dry run. Without --dry-run the same rows are taken in.")
    return 1 if any(fate.what == "refused" for fate in fates) else 0


def by_questions(_options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    """Ask for what a small clinic needs, and make it. A clinic that is there already is left alone."""
    _require_own_clinic(engine)
    if _holds_clinic(engine):
        raise CannotRun(
            "This database holds your clinic already. `frontdesk export FOLDER` writes it as spreadsheets; change them, "
            "and `frontdesk setup --from FOLDER` takes in what has changed."
        )
    print("A few questions make your clinic. Ctrl-C leaves without a change; everything can be changed later.\n")
    with _stopped_in_words():
        folder = {name: files.written(list(rows[0]), rows) for name, rows in questions.asked().items()}
        fates = _take_in(engine, settings, folder, dry_run=False)
    reporting.print_rows(fates, every_row=False)
    print(
        "Your clinic is ready: `frontdesk run` opens the desk, `frontdesk export FOLDER` writes it as spreadsheets to go on with."
    )
    return 1 if any(fate.what == "refused" for fate in fates) else 0


def export(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    """Write the clinic as the files that `setup` takes in; readable by nobody else."""
    folder: Path = options.folder
    with transaction(engine) as session:
        written = exporting.write_out(session, settings.vault, with_patients=options.with_patients)
        _write(folder, _as_csv(written), None if options.force else "--force overwrites")
    print(
        f"{len(written)} files are in {folder}."
        + ("" if options.with_patients else " Patients and visits: --with-patients.")
    )
    return 0


def example(folder: Path) -> int:
    """Empty files with their columns, and a page that explains each."""
    _write(folder, {**_as_csv(exporting.examples()), "setup.md": explained().encode()}, "name another folder")
    print(
        f"Empty files are in {folder}; setup.md beside them explains every column. "
        f"`frontdesk setup --from {folder} --dry-run` checks what you have filled in."
    )
    return 0


def print_specialties() -> int:
    """What may stand under specialty: its code, its name, or any of the words that patients use."""
    for each in vocabulary.specialties():
        print(f"{each.code}: {', '.join((each.label, *each.words))}")
    return 0


@contextmanager
def _stopped_in_words() -> Iterator[None]:
    """All or nothing is taken in, so whoever presses Ctrl-C may be sure."""
    try:
        yield
    except KeyboardInterrupt:
        print("\nNothing was changed.")
        raise


def _require_own_clinic(engine: Engine) -> None:
    with transaction(engine) as session:
        if session.execute(select(organization.c.is_demo)).scalar_one_or_none():
            raise CannotRun(
                "This database holds the demo clinic. A clinic of your own needs a database of its own: "
                "set VAR_DIR to another folder (a laptop), or DATABASE_URL to an empty database."
            )


def _holds_clinic(engine: Engine) -> bool:
    with transaction(engine) as session:
        return session.execute(select(organization.c.id)).first() is not None


@contextmanager
def _reachable(folder: Path, doing: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CannotRun(f"{error.filename or folder} cannot be {doing} ({error.strerror}).") from error


def _read(folder: Path) -> dict[str, bytes]:
    """The spreadsheets of a folder, by name in the one way in which we write them."""
    with _reachable(folder, "read"):
        there = sorted(folder.iterdir()) if folder.is_dir() else []
        sheets_ = [path for path in there if path.suffix.lower() == ".csv"]
        names = [re.sub(r"[ -]", "_", path.stem.strip().lower()) for path in sheets_]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise CannotRun(f"{folder} has {twice}.csv twice, written differently: leave one of them.")
        if sheets_:
            return dict(zip(names, (path.read_bytes() for path in sheets_), strict=True))
    if any(path.suffix.lower() in _WORKBOOKS for path in there):
        raise CannotRun(f"The spreadsheets in {folder} are to be saved as CSV: one file each, such as locations.csv.")
    raise CannotRun(
        f"There is no file such as locations.csv in {folder}. `frontdesk setup --example {folder}` makes empty ones."
    )


def _as_csv(written: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{name}.csv": content for name, content in written.items()}


def _write(folder: Path, written: Mapping[str, bytes], otherwise: str | None) -> None:
    """Write files that nobody else may read. Where one of them is there already, `otherwise` says what to do; None overwrites."""
    with _reachable(folder, "written"):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        there = [name for name in written if (folder / name).exists()]
        if there and otherwise:
            raise CannotRun(f"{folder / there[0]} is there already: {otherwise}.")
        for name, content in written.items():
            descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o600)  # of a file that was there before
                file.write(content)


class _DryRun(Exception):
    """Takes everything back."""


def _take_in(engine: Engine, settings: Settings, folder: Mapping[str, bytes], *, dry_run: bool) -> list[Fate]:
    fates: list[Fate] = []
    try:
        with transaction(engine) as session:
            fates += importing.take_in(session, settings.vault, folder)
            without_clinic = session.execute(select(organization.c.id)).first() is None
            if dry_run or without_clinic:
                raise _DryRun
    except _DryRun:
        if without_clinic:
            fates.append(Fate("organization", 0, "refused", _NO_CLINIC))
        if without_clinic and not dry_run:
            reporting.report(fates, every_row=False)
            raise CannotRun("Nothing was taken in: organization.csv must name the clinic first.") from None
    return fates


# --- documentation ---------------------------------------------------------------------------------------------------


def explained() -> str:
    """docs/setup.md: every file and every column, from the table that reads them."""
    lines = [
        "# A clinic of one's own",
        "",
        "`frontdesk setup` asks a few questions; `frontdesk setup --from FOLDER` takes in spreadsheets (CSV), and with `--dry-run` says what would",
        "become of every row without changing anything. `frontdesk setup --example FOLDER` makes empty files, `frontdesk export FOLDER` writes those",
        "of the clinic that is there (patients and visits too with `--with-patients`). Files may be left out; columns in bold are needed.",
        "",
        "Save them as your spreadsheet program likes: any encoding, any of the separators , ; and tab, times as 9:00, 09:00:00 or 9 AM, amounts as",
        "120.50 or 120,50. Dates as 2026-03-09 are never in doubt, nor is 9.3.2026 (day, month, year); 3/9/2026 is read where another date of the",
        "same file shows which number is the month, and refused where none does.",
        "",
        "Rows are known by their `id`: taking in a file again changes what has changed. An empty cell empties what was there (but for a patient's",
        "number and address); a column that the file lacks changes nothing. Rows that are gone from a file are left as they are here (a practitioner who has left gets `active` no), but the rows",
        "of `opening_hours`, `hours` and `time_off` of one location or practitioner replace all that was there for it; a row that names nothing but",
        "the location or practitioner says that there is nothing any more. Bad rows are explained one by one and stop nothing else.",
        "",
        "Visits that exist already take their time, and follow the other system: one that moved or was called off there does so here. One whose time is",
        "taken here is refused and named, and so is one that patients or staff have changed here since: it stays as it is here.",
    ]
    for kind in sheets.kinds():
        lines += [
            "",
            f"## {kind.name}.csv",
            "",
            f"{kind.about[0].upper()}{kind.about[1:]}.",
            "",
            "| column | what it holds |",
            "| --- | --- |",
        ]
        lines += [
            f"| {f'**{column.name}**' if column.required else column.name} | {_in_table(column.about)} |"
            for column in kind.columns
        ]
    return "\n".join(lines) + "\n"


def _in_table(words: str) -> str:
    return words.replace("|", "\\|")
