"""`frontdesk setup` and `frontdesk export`: a clinic of one's own, from spreadsheets or by questions, and back."""

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from core.config import Settings
from core.database import transaction
from core.exchange import cells, exporting, files, importing, sheets
from core.exchange.fates import Fate
from core.people.organization import organization
from core.scheduling import vocabulary
from frontdesk.errors import CannotRun

_MOST_SHOWN = 40  # rows of one kind of fate, where there are very many


def from_folder(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    """Take in the files of a folder, or say what would become of each row; 1 when any was refused."""
    folder = _read(options.folder)
    _require_own_clinic(engine)
    fates = _take_in(engine, settings, folder, dry_run=options.dry_run)
    _report(fates, every_row=options.dry_run)
    if options.dry_run:
        print("Nothing was changed: this was a dry run. Without --dry-run the same rows are taken in.")
    return 1 if any(fate.what == "refused" for fate in fates) else 0


def by_questions(_options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    """Ask for what a small clinic needs, and make it."""
    _require_own_clinic(engine)
    print("A few questions make your clinic. Ctrl-C leaves without a change; everything can be changed later.\n")
    folder = {name: files.written(list(rows[0]), rows) for name, rows in _asked().items()}
    fates = _take_in(engine, settings, folder, dry_run=False)
    _report([fate for fate in fates if fate.what in ("refused", "noted")], every_row=True)
    print(
        "Your clinic is ready: `frontdesk run` opens the desk, `frontdesk export FOLDER` writes it as spreadsheets to go on with."
    )
    return 0


def export(options: argparse.Namespace, settings: Settings, engine: Engine) -> int:
    """Write the clinic as the files that `setup` takes in; readable by nobody else."""
    folder: Path = options.folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with transaction(engine) as session:
        written = exporting.write_out(session, settings.vault, with_patients=options.with_patients)
    _write(folder, written, force=options.force)
    print(
        f"{len(written)} files are in {folder}."
        + ("" if options.with_patients else " Patients and visits: --with-patients.")
    )
    return 0


def example(folder: Path) -> int:
    """Empty files with their columns, and a page that explains each."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder, exporting.examples(), force=False)
    print(
        f"Empty files are in {folder}. docs/setup.md explains every column; `frontdesk setup --from {folder} --dry-run` checks them."
    )
    return 0


def _require_own_clinic(engine: Engine) -> None:
    with transaction(engine) as session:
        if session.execute(select(organization.c.is_demo)).scalar_one_or_none():
            raise CannotRun(
                "This database holds the demo clinic. A clinic of your own needs a database of its own: "
                "set VAR_DIR to another folder (a laptop), or DATABASE_URL to an empty database."
            )


def _read(folder: Path) -> dict[str, bytes]:
    try:
        found = {path.stem.lower().replace("-", "_"): path.read_bytes() for path in sorted(folder.glob("*.csv"))}
    except OSError as error:
        raise CannotRun(f"{error.filename} cannot be read ({error.strerror}).") from error
    if not found:
        raise CannotRun(
            f"There is no file such as locations.csv in {folder}. `frontdesk setup --example {folder}` makes empty ones."
        )
    return found


def _write(folder: Path, written: Mapping[str, bytes], *, force: bool) -> None:
    there = [name for name in written if (folder / f"{name}.csv").exists()]
    if there and not force:
        raise CannotRun(f"{folder / there[0]}.csv is there already; --force overwrites.")
    for name, content in written.items():
        descriptor = os.open(folder / f"{name}.csv", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)


class _DryRun(Exception):
    """Takes everything back."""


def _take_in(engine: Engine, settings: Settings, folder: Mapping[str, bytes], *, dry_run: bool) -> list[Fate]:
    fates: list[Fate] = []
    try:
        with transaction(engine) as session:
            fates += importing.take_in(session, settings.vault, folder)
            there = session.execute(select(organization.c.id)).first()
            if dry_run or there is None:
                raise _DryRun
    except _DryRun:
        if not dry_run:
            _report(fates, every_row=False)
            raise CannotRun("Nothing was taken in: organization.csv must name the clinic first.") from None
    return fates


def _report(fates: Iterable[Fate], *, every_row: bool) -> None:
    """What became of the rows: a dry run shows each, the real one what needs a look, and how many of each there are."""
    fates = list(fates)
    for what in ("new", "changed", "unchanged", "noted", "refused"):
        shown = [
            fate for fate in fates if fate.what == what and (every_row or what in ("refused", "noted") or fate.about)
        ]
        for fate in shown[:_MOST_SHOWN] if len(shown) > 5 * _MOST_SHOWN else shown:
            place = f"{fate.file}.csv" + (f", row {fate.row}" if fate.row else "")
            print(f"{place}: {fate.what}" + (f": {fate.about}" if fate.about else ""))
        if len(shown) > 5 * _MOST_SHOWN:
            print(f"… and {len(shown) - _MOST_SHOWN} more rows that are {what}")
    counted = Counter((fate.file, fate.what) for fate in fates if fate.row)
    for file in dict.fromkeys(fate.file for fate in fates if fate.row):
        each = ", ".join(f"{n} {what}" for (of, what), n in counted.items() if of == file)
        print(f"{file}.csv: {each}")


# --- questions -------------------------------------------------------------------------------------------------------


def _ask(question: str, parse: Callable[[str], Any] = cells.text, default: str = "", *, needed: bool = True) -> str:
    """An answer that can be read, as it was typed."""
    while True:
        try:
            answer = input(f"{question}{f' [{default}]' if default else ''}: ").strip() or default
        except EOFError:
            raise CannotRun("The answers have ended before the questions; nothing was changed.") from None
        if not answer and needed:
            print("  This one is needed.")
            continue
        try:
            if answer:
                parse(answer)
            return answer
        except ValueError as error:
            print(f"  That must be {error}".rstrip("?.") + ("?" if str(error).endswith("?") else "."))


def _specialty(answer: str) -> str:
    known = {each.code: each for each in vocabulary.specialties()}
    by_word = {word.lower(): code for code, each in known.items() for word in (code, each.label, *each.words)}
    if answer.lower() not in by_word:
        raise ValueError("a specialty such as dermatology, dentist or skin doctor")
    return by_word[answer.lower()]


def _hours(answer: str) -> tuple[str, str, str]:
    days, _, times = answer.rpartition(" ")
    opens, dash, closes = times.replace("–", "-").partition("-")
    if not dash or not days:
        raise ValueError("weekdays and times such as Mon-Fri 9:00-17:00")
    cells.weekdays(days), cells.clock(opens), cells.clock(closes)
    return days, opens, closes


def _asked() -> dict[str, list[dict[str, str]]]:
    name = _ask("What is your clinic called?")
    clinic = {
        "name": name,
        "short_name": _ask("Its short name, for messages", default=name.split()[0]),
        "locale": _ask("Language and country, for dates and prices", cells.locale, "en_US"),
        "phone": _ask("The number that patients call"),
        "privacy_page": _ask("Address of your privacy page (Enter: none yet)", cells.link, needed=False),
    }
    place = {
        "id": "main",
        "name": _ask("Where are patients seen? A short name of the place", default="Main"),
        "address": _ask("Its address"),
        "zone": _ask("Its time zone, such as America/New_York", cells.zone),
        "emergency_number": _ask("Which number is called in an emergency?", default="911"),
        "phone": clinic["phone"],
    }
    opened = _ask("When are you open?", _hours, "Mon-Fri 9:00-17:00")
    doctors: list[dict[str, str]] = []
    kinds: dict[str, dict[str, str]] = {}
    hours: list[dict[str, str]] = []
    while True:
        doctor = _ask(
            "Name of a doctor, such as Dr Grace Lee" if not doctors else "Another doctor (Enter: no more)",
            needed=not doctors,
        )
        if not doctor:
            break
        title, given, family = _parts(doctor)
        code = _specialty(_ask(f"  What does {doctor} do?", _specialty))
        length = _ask("  How many minutes does a usual visit take?", cells.minutes(1, 1_440), "20")
        kind = f"{code}-{length}"
        kinds[kind] = {"id": kind, "name": "Consultation", "minutes": length, "specialty": code}
        id = f"doctor-{len(doctors) + 1}"
        doctors.append(
            {
                "id": id,
                "title": title,
                "given_name": given,
                "family_name": family,
                "specialties": code,
                "visit_types": kind,
            }
        )
        days, start, end = _hours(_ask("  When do they see patients?", _hours, opened))
        hours.append(
            {
                "practitioner": id,
                "location": "main",
                "weekdays": days,
                "from": start,
                "until": end,
                "every_minutes": length,
            }
        )
    days, opens, closes = _hours(opened)
    return {
        "organization": [clinic],
        "locations": [place],
        "opening_hours": [{"location": "main", "weekdays": days, "opens": opens, "closes": closes}],
        "visit_types": list(kinds.values()),
        "practitioners": doctors,
        "hours": hours,
    }


def _parts(name: str) -> tuple[str, str, str]:
    """Title, given and family name, as far as they were written."""
    words = name.split()
    title = words.pop(0) if len(words) > 1 and words[0].rstrip(".").lower() in ("dr", "prof", "mr", "mrs", "ms") else ""
    return title, " ".join(words[:-1]) or words[-1], words[-1]


# --- documentation ---------------------------------------------------------------------------------------------------


def explained() -> str:
    """docs/setup.md: every file and every column, from the table that reads them."""
    lines = [
        "# A clinic of one's own",
        "",
        "`frontdesk setup` asks a few questions; `frontdesk setup --from FOLDER` takes in spreadsheets (CSV), and with `--dry-run` says what would",
        "become of every row without changing anything. `frontdesk setup --example FOLDER` makes empty files, `frontdesk export FOLDER` writes those",
        "of the clinic that is there. Any encoding and any of the separators , ; and tab will do. Files may be left out; columns in bold are needed.",
        "",
        "Rows are known by their `id`: taking in a file again changes what has changed. Rows that are gone from a file are left as they are here",
        "(a practitioner who has left gets `active` no), but the rows of `opening_hours`, `hours` and `time_off` of one location or practitioner",
        "replace all that was there for it. Bad rows are explained one by one and stop nothing else. Visits that exist already take their time;",
        "one that overlaps another is refused and named, and one that has changed here since is left as it is.",
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
        lines += [f"| {f'**{c.name}**' if c.required else c.name} | {c.about} |" for c in kind.columns]
    return "\n".join(lines) + "\n"
