"""Taking a clinic in from sheets: every row has a fate, bad ones stop nothing else, and what changed is changed by external id.

All files are one transaction: a dry run is the real one rolled back, and a crash leaves the clinic as it was. Whoever takes or frees
time waits for the practitioners' locks; the constraint on appointments decides what of the existing visits fits.
"""

import contextlib
import difflib
from collections.abc import Callable, Mapping

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from core import clock
from core.crypto import Vault
from core.database import Session, run
from core.exchange import cells, dates, files, sheets
from core.exchange.clinic import ROWS
from core.exchange.fates import Fate, Import, Refused, Values, read_row, read_rows
from core.exchange.files import Row, Sheet
from core.exchange.hours import WHOLES
from core.exchange.people import take_patients
from core.exchange.sheets import Kind
from core.exchange.visits import take_visits
from core.people.organization import departments, locations, organization
from core.people.practitioners import insurances, practitioners
from core.scheduling import vocabulary
from core.scheduling.visit_types import specialties, specialty_words, visit_types

_KEY = 0x696D706F  # one import at a time
# Others wait for a look-up, and an import for its turn; between two statements it may read ten thousands of rows.
PATIENCE = "; ".join(
    f"SET LOCAL {limit} = '300s'"
    for limit in ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout")
)
_WAIT = "SELECT pg_advisory_xact_lock(%(key)s)"


IN_BULK: dict[str, Callable[[Import, Kind, Sheet], None]] = {"patients": take_patients, "visits": take_visits}


def take_in(session: Session, vault: Vault, folder: Mapping[str, bytes]) -> list[Fate]:
    """Take in the files of a folder, by name without ending; returns every row's fate. The caller commits, or rolls back."""
    session.execute(text(PATIENCE))
    run(session, _WAIT, key=_KEY)
    work = Import(session, vault, clock.now(session))
    _remember_ids(work)
    region = _region(session, folder)
    kinds = {kind.name: kind for kind in sheets.kinds(region, work.now.date())}
    for name in sorted(folder.keys() - kinds.keys()):
        near = difflib.get_close_matches(name, kinds, n=1)
        work.fates.append(Fate(name, 0, "refused", f"not a file of ours{f'; did you mean {near[0]}?' if near else ''}"))
    for kind in kinds.values():
        if kind.name in folder:
            _take_file(work, kind, folder[kind.name])
    session.execute(update(organization).values(directory_version=organization.c.directory_version + 1))
    return work.fates


def _region(session: Session, folder: Mapping[str, bytes]) -> str:
    """The country whose phone numbers need no prefix: of the file, else of the clinic that is there."""
    if "organization" in folder:
        try:
            rows = files.read(folder["organization"]).rows
        except files.Unreadable:
            rows = ()
        with contextlib.suppress(ValueError):
            if rows:
                return cells.locale(rows[0].cells.get("locale", "")).rpartition("_")[2]
    return str(session.execute(select(organization.c.locale)).scalar_one_or_none() or "en_US").rpartition("_")[2]


def _remember_ids(work: Import) -> None:
    tables = {
        "locations": locations,
        "departments": departments,
        "insurances": insurances,
        "visit_types": visit_types,
        "practitioners": practitioners,
    }
    for name, table in tables.items():
        rows = work.session.execute(select(table.c.external_id, table.c.id).where(table.c.external_id.is_not(None)))
        work.ids[name] = {row.external_id: row.id for row in rows}
    known = vocabulary.specialties("en")
    words = [{"specialty": each.code, "language": "en", "words": list(each.words)} for each in known]
    for vocabulary_table, wanted in (
        (specialties, [{"code": s.code, "label": s.label} for s in known]),
        (specialty_words, words),
    ):
        work.session.execute(insert(vocabulary_table).on_conflict_do_nothing(), wanted)


# --- reading rows ----------------------------------------------------------------------------------------------------


def _take_file(work: Import, kind: Kind, raw: bytes) -> None:
    try:
        sheet = dates.settled(kind, files.read(raw))
    except files.Unreadable as error:
        work.fates.append(Fate(kind.name, 0, "refused", str(error)))
        return
    work.fates += [Fate(kind.name, 0, "noted", note) for note in sheet.notes]
    missing = [column.name for column in kind.columns if column.required and column.name not in sheet.columns]
    if missing:
        lacking = f"the column {missing[0]} is" if len(missing) == 1 else f"the columns {', '.join(missing)} are"
        work.fates.append(Fate(kind.name, 0, "refused", f"{lacking} missing"))
        return
    for name in sheet.columns:
        if name and name not in kind.column:
            near = difflib.get_close_matches(name, kind.column, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            work.fates.append(Fate(kind.name, 0, "noted", f"the column {name} is unknown and left out{hint}"))
    if kind.name in IN_BULK:
        IN_BULK[kind.name](work, kind, sheet)
    elif kind.whole_of:
        _take_wholes(work, kind, sheet, kind.whole_of)
    else:
        _take_each(work, kind, sheet)


def _take_each(work: Import, kind: Kind, sheet: Sheet) -> None:
    for row, values in read_rows(work, kind, sheet):
        try:
            what, about = ROWS[kind.name](work, values)
        except Refused as refused:
            what, about = "refused", str(refused)
        work.fates.append(Fate(kind.name, row.number, what, about))


def _take_wholes(work: Import, kind: Kind, sheet: Sheet, owner: str) -> None:
    """All rows of one owner together replace what the owner had; with a bad one among them the rest stays as it was."""
    groups: dict[str, list[tuple[Row, Values | None]]] = {}
    spoiled: set[str] = set()
    for row in sheet.rows:
        name = row.cells.get(owner, "")
        try:
            values = None if _names_nothing_else(row, owner) else read_row(kind, row)
            work.known(f"{owner}s", name, owner)
            groups.setdefault(name, []).append((row, values))
        except Refused as refused:
            spoiled.add(name)
            work.fates.append(Fate(kind.name, row.number, "refused", str(refused)))
    for name, members in groups.items():
        if name in spoiled:
            left = f"left as it was, as another row of “{name}” is refused"
            work.fates += [Fate(kind.name, row.number, "refused", left) for row, _ in members]
            continue
        wanted = [values for _, values in members if values is not None]
        try:
            what, about = WHOLES[kind.name](work, work.ids[f"{owner}s"][name], wanted)
        except Refused as refused:
            what, about = "refused", str(refused)
        work.fates += [Fate(kind.name, row.number, what, about) for row, _ in members]


def _names_nothing_else(row: Row, owner: str) -> bool:
    """Whether a row says of its owner that there is nothing any more."""
    return bool(row.cells.get(owner)) and not row.stray and not any(c for n, c in row.cells.items() if n != owner)
