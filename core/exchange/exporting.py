"""A clinic as the files that make it: what is written here, `importing` takes in without changing anything."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from babel.numbers import get_currency_precision
from sqlalchemy import text

from core.compliance.audit import SETUP, record
from core.crypto import Vault
from core.database import Session, run
from core.exchange import files, people, sheets
from core.exchange.cells import WEEKDAYS
from core.exchange.hours import LONG_AGO
from core.exchange.importing import PATIENCE
from core.exchange.people import patient_key

Rows = list[dict[str, str]]

# What another system has not named gets a name, so that the files can be taken in again. Where files of another Frontdesk were
# taken in, a name may be somebody else's already.
_NAMED = ("locations", "departments", "insurances", "visit_types", "practitioners")
_NAME = """
UPDATE {table} t SET external_id = 'frontdesk-' || id || CASE
  WHEN EXISTS (SELECT FROM {table} WHERE external_id = 'frontdesk-' || t.id) THEN '-' || left(gen_random_uuid()::text, 8) ELSE '' END
WHERE external_id IS NULL
"""
_NAME_VISITS = _NAME.format(table="appointments") + " AND status <> 'pending'"
_UNNAMED_PATIENTS = """
SELECT p.id, k.id AS key_id, k.wrapped FROM patients p JOIN data_keys k ON k.id = p.data_key_id WHERE external_key IS NULL
"""
_TAKEN_KEYS = "SELECT external_key FROM patients WHERE external_key = ANY (%(keys)s)"
_NAME_PATIENTS = """
UPDATE patients SET external_id = t.external_id, external_key = t.external_key
FROM unnest(%(id)s::bigint[], %(external_id)s::bytea[], %(external_key)s::bytea[]) AS t(id, external_id, external_key)
WHERE patients.id = t.id
"""


def write_out(session: Session, vault: Vault, *, with_patients: bool) -> dict[str, bytes]:
    """Every file of the clinic, by name without ending. Patients and visits only where they are asked for; that is audited."""
    session.execute(text(PATIENCE))
    for table in _NAMED:
        run(session, _NAME.format(table=table))
    written: dict[str, Rows] = {name: write(session) for name, write in _CLINIC.items()}
    if with_patients:
        run(session, _NAME_VISITS)
        _name_patients(session, vault)
        written |= _patients_and_visits(session, vault)
        record(session, SETUP, "patients.exported", "organization", 1, count=len(written["patients"]))
    columns = {kind.name: list(kind.column) for kind in sheets.kinds()}
    return {name: files.written(columns[name], rows) for name, rows in written.items()}


def _name_patients(session: Session, vault: Vault) -> None:
    unnamed = run(session, _UNNAMED_PATIENTS).fetchall()
    names = {row.id: f"frontdesk-{row.id}" for row in unnamed}
    keys = {id: patient_key(vault, name) for id, name in names.items()}
    taken = {bytes(key) for (key,) in run(session, _TAKEN_KEYS, keys=[*keys.values()])}
    for id in [id for id, key in keys.items() if key in taken]:
        names[id] += f"-{uuid4().hex[:8]}"
        keys[id] = patient_key(vault, names[id])
    rows = [
        {
            "id": row.id,
            "external_id": vault.unwrap(row.key_id, row.wrapped).seal_text(
                "patients.external_id", row.id, names[row.id]
            ),
            "external_key": keys[row.id],
        }
        for row in unnamed
    ]
    people.write(session, {_NAME_PATIENTS: rows})


def examples() -> dict[str, bytes]:
    """Empty files with their columns, to be filled in."""
    return {kind.name: files.written(list(kind.column), []) for kind in sheets.kinds()}


def _cell(value: Any) -> str:
    """A value as `cells` reads it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case time():
            return f"{value:%H:%M}"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case list() | tuple():
            return "|".join(map(str, value))
        case _:
            return str(value)


def _rows(session: Session, statement: str) -> Rows:
    """The rows of a statement whose columns are named like those of a file."""
    return [{name: _cell(value) for name, value in row._asdict().items()} for row in run(session, statement)]


def _minutes(expression: str) -> str:
    return f"(extract(epoch FROM {expression}) / 60)::int"


_POLICY = f"""
{_minutes("p.lead")} AS lead_minutes, (extract(epoch FROM p.horizon) / 86400)::int AS horizon_days,
(extract(epoch FROM p.notice) / 3600)::int AS notice_hours, {_minutes("p.hold")} AS hold_minutes, p.most_ahead, p.booked_by
"""
_STATEMENTS = {
    "organization": f"""
        SELECT name, short_name, locale, phone, privacy_url AS privacy_page, {_POLICY}
        FROM organization LEFT JOIN policies p ON p.visit_type_id IS NULL
        """,
    "locations": """
        SELECT external_id AS id, name, address, zone, emergency_number, phone, privacy_url AS privacy_page FROM locations ORDER BY id
        """,
    "holidays": """
        SELECT l.external_id AS location, h.on_date AS date, h.name FROM holidays h JOIN locations l ON l.id = h.location_id
        ORDER BY l.id, h.on_date
        """,
    "departments": "SELECT external_id AS id, name FROM departments ORDER BY id",
    "insurances": "SELECT external_id AS id, name, words FROM insurances ORDER BY id",
    "visit_types": f"""
        SELECT v.external_id AS id, v.label AS name, {_minutes("v.length")} AS minutes, v.specialty, v.words,
               {_minutes("v.buffer_before")} AS minutes_before, {_minutes("v.buffer_after")} AS minutes_after,
               v.preparation, v.mode, v.price, v.currency, {_POLICY}
        FROM visit_types v LEFT JOIN policies p ON p.visit_type_id = v.id ORDER BY v.id
        """,
    "practitioners": """
        SELECT p.external_id AS id, p.title, p.given_name, p.family_name,
               ARRAY(SELECT specialty FROM practitioner_specialties WHERE practitioner_id = p.id ORDER BY rank, specialty) AS specialties,
               ARRAY(SELECT v.external_id FROM practitioner_visit_types o JOIN visit_types v ON v.id = o.visit_type_id
                     WHERE o.practitioner_id = p.id ORDER BY o.rank, v.id) AS visit_types,
               d.external_id AS department, p.languages,
               ARRAY(SELECT i.external_id FROM practitioner_insurances o JOIN insurances i ON i.id = o.insurance_id
                     WHERE o.practitioner_id = p.id ORDER BY i.id) AS insurances,
               p.about, p.photo_url AS photo, p.video_url AS video_link, p.seats, p.accepts_new, p.rating,
               p.rating_count, p.is_active AS active
        FROM practitioners p LEFT JOIN departments d ON d.id = p.department_id ORDER BY p.id
        """,
}


def _organization(session: Session) -> Rows:
    return _rows(session, _STATEMENTS["organization"])


def _visit_types(session: Session) -> Rows:
    rows = _rows(session, _STATEMENTS["visit_types"])
    for row in rows:
        if row["price"]:
            digits = get_currency_precision(row["currency"])
            row["price"] = str(Decimal(row["price"]).scaleb(-digits))
    return rows


def _by_weekday(rows: Iterable[Mapping[str, Any]]) -> Rows:
    """Rows that differ in their weekday alone become one."""
    days: defaultdict[tuple[tuple[str, str], ...], list[int]] = defaultdict(list)
    for row in rows:
        rest = tuple((name, _cell(value)) for name, value in row.items() if name != "weekday")
        days[rest].append(row["weekday"])
    return [dict(rest) | {"weekdays": " ".join(WEEKDAYS[d][:3].title() for d in found)} for rest, found in days.items()]


def _opening_hours(session: Session) -> Rows:
    statement = """
    SELECT l.external_id AS location, h.weekday, h.local_start AS opens, h.local_end AS closes
    FROM opening_hours h JOIN locations l ON l.id = h.location_id ORDER BY l.id, h.local_start, h.weekday
    """
    return [_until_midnight(row, "closes") for row in _by_weekday(row._asdict() for row in run(session, statement))]


def _until_midnight(row: dict[str, str], name: str) -> dict[str, str]:
    return row | {name: "24:00"} if row[name] == "00:00" else row


def _hours(session: Session) -> Rows:
    common = f"""
    p.external_id AS practitioner, l.external_id AS location, h.local_start AS opens, h.local_end AS until,
    {_minutes("h.step")} AS every_minutes
    """
    places = "JOIN practitioners p ON p.id = h.practitioner_id JOIN locations l ON l.id = h.location_id"
    weekly = f"""
    SELECT {common}, h.weekday, nullif(h.valid_from, '{LONG_AGO}') AS valid_from, h.valid_until - 1 AS valid_until
    FROM weekly_hours h {places} ORDER BY p.id, l.id, h.local_start, h.weekday
    """
    extra = f"SELECT {common}, h.on_date AS date FROM extra_hours h {places} ORDER BY p.id, h.on_date, h.local_start"
    rows = [*_by_weekday(row._asdict() for row in run(session, weekly)), *_rows(session, extra)]
    return [_until_midnight({"from": row.pop("opens"), **row}, "until") for row in rows]


def _time_off(session: Session) -> Rows:
    statement = """
    SELECT p.external_id AS practitioner, lower(t.during) AS start, upper(t.during) AS until, t.reason,
           coalesce((SELECT l.zone FROM weekly_hours h JOIN locations l ON l.id = h.location_id WHERE h.practitioner_id = p.id
                     ORDER BY l.id LIMIT 1), (SELECT zone FROM locations ORDER BY id LIMIT 1)) AS zone
    FROM time_off t JOIN practitioners p ON p.id = t.practitioner_id ORDER BY p.id, t.during
    """
    return [
        {
            "practitioner": row.practitioner,
            "from": _cell(row.start.astimezone(ZoneInfo(row.zone))),
            "until": _cell(row.until.astimezone(ZoneInfo(row.zone))),
            "reason": row.reason,
        }
        for row in run(session, statement)
    ]


_CLINIC = {
    "organization": _organization,
    "locations": lambda session: _rows(session, _STATEMENTS["locations"]),
    "opening_hours": _opening_hours,
    "holidays": lambda session: _rows(session, _STATEMENTS["holidays"]),
    "departments": lambda session: _rows(session, _STATEMENTS["departments"]),
    "insurances": lambda session: _rows(session, _STATEMENTS["insurances"]),
    "visit_types": _visit_types,
    "practitioners": lambda session: _rows(session, _STATEMENTS["practitioners"]),
    "hours": _hours,
    "time_off": _time_off,
}

_PATIENTS = """
SELECT p.id, p.name, p.birth_date, p.external_id, k.id AS key_id, k.wrapped,
       ARRAY(SELECT c.system FROM contact_points c WHERE c.patient_id = p.id ORDER BY c.id) AS systems,
       ARRAY(SELECT c.value FROM contact_points c WHERE c.patient_id = p.id ORDER BY c.id) AS points
FROM patients p JOIN data_keys k ON k.id = p.data_key_id ORDER BY p.id
"""
_VISITS = """
SELECT a.external_id AS id, a.patient_id, p.external_id AS practitioner, v.external_id AS visit_type, l.external_id AS location,
       a.local_start AS start, upper(a.during) - lower(a.during) AS length, v.length AS usual, a.status, a.overbooked
FROM appointments a JOIN practitioners p ON p.id = a.practitioner_id JOIN visit_types v ON v.id = a.visit_type_id
JOIN locations l ON l.id = a.location_id WHERE a.status <> 'pending' ORDER BY a.id
"""
_STATUS = {"arrived": "booked"}


def _patients_and_visits(session: Session, vault: Vault) -> dict[str, Rows]:
    known: dict[int, dict[str, str]] = {}
    for row in run(session, _PATIENTS):
        key = vault.unwrap(row.key_id, row.wrapped)
        known[row.id] = {
            "id": key.open_text("patients.external_id", row.id, row.external_id),
            "name": key.open_text("patients.name", row.id, row.name),
            "birth_date": key.open_text("patients.birth_date", row.id, row.birth_date),
        } | {
            system: key.open_text("contact_points.value", row.id, value)
            for system, value in zip(row.systems, row.points, strict=True)
        }
    visits = [
        {
            name: _cell(getattr(row, name))
            for name in ("id", "practitioner", "visit_type", "location", "start", "overbooked")
        }
        | {
            "patient": known[row.patient_id]["id"],
            "status": _STATUS.get(row.status, row.status),
            "minutes": "" if row.length == row.usual else str(row.length // timedelta(minutes=1)),
        }
        for row in run(session, _VISITS)
    ]
    return {"patients": list(known.values()), "visits": visits}
