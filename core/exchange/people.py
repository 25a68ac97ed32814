"""Patients and visits that exist already, taken in by the thousand."""

from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from sqlalchemy import select

from core.compliance.audit import SETUP, record
from core.crypto import Vault
from core.database import Session, driver, run
from core.exchange.fates import Fate, Import, Refused, Taken, Values, What, read_row
from core.exchange.files import Row, Sheet
from core.exchange.sheets import Kind
from core.people.practitioners import practitioners
from core.scheduling import directory
from core.scheduling.slots import need

_PATIENTS = """
SELECT p.external_key AS key, p.id, p.name, p.birth_date, k.id AS key_id, k.wrapped,
       ARRAY(SELECT c.system || ':' || encode(c.key, 'hex') FROM contact_points c WHERE c.patient_id = p.id AND c.key IS NOT NULL) AS contacts
FROM patients p JOIN data_keys k ON k.id = p.data_key_id WHERE p.external_key = ANY (%(keys)s)
"""
_NEXT_PATIENTS = "SELECT nextval(pg_get_serial_sequence('patients', 'id')) FROM generate_series(1, %(count)s)"
_NEW_KEY = "INSERT INTO data_keys (id, wrapped) VALUES (%(key_id)s, %(wrapped)s)"
_NEW_PATIENT = """
INSERT INTO patients (id, data_key_id, name, birth_date, external_id, external_key) OVERRIDING SYSTEM VALUE
VALUES (%(id)s, %(key_id)s, %(name)s, %(birth_date)s, %(external_id)s, %(external_key)s)
"""
_CHANGE_PATIENT = "UPDATE patients SET name = %(name)s, birth_date = %(birth_date)s WHERE id = %(id)s"
_NEW_CONTACT = (
    "INSERT INTO contact_points (patient_id, system, value, key) VALUES (%(id)s, %(system)s, %(value)s, %(key)s)"
)
_NOTE = "INSERT INTO audit (actor, action, entity, entity_id) VALUES ('setup', %(action)s, 'patients', %(id)s)"


def patient_key(vault: Vault, external_id: str) -> bytes:
    """What a patient of another system is found by."""
    return vault.lookup_key("patients.external_id", external_id)


def contact_key(vault: Vault, system: str, value: str) -> bytes:
    """What a number or an e-mail address is found by."""
    return vault.lookup_key(f"contact_points.{system}", value)


def _read_all(work: Import, kind: Kind, sheet: Sheet) -> list[tuple[Row, dict[str, Any]]]:
    """The rows that can be read, each id once; the others get their fate."""
    good: dict[str, tuple[Row, dict[str, Any]]] = {}
    for row in sheet.rows:
        try:
            values = read_row(kind, row)
            if values["id"] in good:
                raise Refused(f"id: “{values['id']}” is there twice")
            good[values["id"]] = (row, values)
        except Refused as refused:
            work.fates.append(Fate(kind.name, row.number, "refused", str(refused)))
    return list(good.values())


def _patients(work: Import, kind: Kind, sheet: Sheet) -> None:
    rows = _read_all(work, kind, sheet)
    keys = [patient_key(work.vault, values["id"]) for _, values in rows]
    known = {bytes(row.key): row for row in run(work.session, _PATIENTS, keys=keys)}
    fresh = [id for (id,) in run(work.session, _NEXT_PATIENTS, count=sum(key not in known for key in keys))]
    batch: dict[str, list[dict[str, Any]]] = {
        _NEW_KEY: [],
        _NEW_PATIENT: [],
        _CHANGE_PATIENT: [],
        _NEW_CONTACT: [],
        _NOTE: [],
    }
    for (row, values), key in zip(rows, keys, strict=True):
        was = known.get(key)
        what = _patient(work, values, key, was, fresh, batch)
        work.fates.append(Fate(kind.name, row.number, what))
    _in_batches(work.session, batch)


def _in_batches(session: Session, batch: Mapping[str, list[dict[str, Any]]]) -> None:
    """Statements for many rows each, without waiting for every one."""
    with driver(session).cursor() as cursor:
        for statement, lines in batch.items():
            if lines:
                cursor.executemany(statement, lines)


def _patient(
    work: Import, values: Values, key: bytes, was: Any, fresh: list[int], batch: dict[str, list[dict[str, Any]]]
) -> What:
    if was is None:
        id, (data_key, wrapped) = fresh.pop(0), work.vault.new_key()
        batch[_NEW_KEY].append({"key_id": data_key.id, "wrapped": wrapped})
    else:
        id, data_key = was.id, work.vault.unwrap(was.key_id, was.wrapped)
    told = {"name": values["name"], "birth_date": values["birth_date"].isoformat()}
    sealed = {name: data_key.seal_text(f"patients.{name}", id, value) for name, value in told.items()}
    what: What = "new"
    if was is None:
        external_id = data_key.seal_text("patients.external_id", id, values["id"])
        batch[_NEW_PATIENT].append(
            {"id": id, "key_id": data_key.id, "external_id": external_id, "external_key": key, **sealed}
        )
    else:
        same = all(data_key.open_text(f"patients.{name}", id, getattr(was, name)) == told[name] for name in told)
        what = "unchanged" if same else "changed"
        if not same:
            batch[_CHANGE_PATIENT].append({"id": id, **sealed})
    for system, value in (("phone", values["phone"]), ("email", values["email"])):
        point = contact_key(work.vault, system, value) if value else b""
        if value and (was is None or f"{system}:{point.hex()}" not in was.contacts):
            sealed_value = data_key.seal_text("contact_points.value", id, value)
            batch[_NEW_CONTACT].append({"id": id, "system": system, "value": sealed_value, "key": point})
            what = "changed" if what == "unchanged" else what
    if what != "unchanged":
        batch[_NOTE].append({"id": id, "action": "patient.registered" if was is None else "patient.changed"})
    return what


_KNOWN_VISITS = """
SELECT external_id, id, status, sequence, practitioner_id, patient_id, visit_type_id, location_id, lower(during) AS start,
       upper(during) AS until
FROM appointments WHERE external_id = ANY (%(ids)s)
"""
_NEW_VISIT = """
WITH taken AS (
INSERT INTO appointments (status, practitioner_id, patient_id, visit_type_id, location_id, during, blocked, seat, overbooked,
                          local_start, zone, created_at, external_id)
VALUES (%(status)s, %(practitioner_id)s, %(patient_id)s, %(visit_type_id)s, %(location_id)s, tstzrange(%(start)s, %(end)s),
        tstzrange(%(start)s, %(end)s), %(seat)s, %(overbooked)s, %(local_start)s, %(zone)s, %(now)s, %(external_id)s)
ON CONFLICT DO NOTHING RETURNING id),
noted AS (INSERT INTO audit (actor, action, entity, entity_id) SELECT 'setup', 'visit.booked', 'appointments', id FROM taken)
SELECT id FROM taken
"""
# Visits that stand back to back elsewhere exist all the same: they keep their buffers as far as nobody has that time.
_BUFFERS = """
UPDATE appointments a SET blocked = tstzrange(%(start)s, %(end)s)
WHERE a.id = %(id)s AND NOT EXISTS (
  SELECT 1 FROM appointments other WHERE other.practitioner_id = a.practitioner_id AND other.seat = a.seat AND other.id <> a.id
    AND other.blocked && tstzrange(%(start)s, %(end)s) AND other.status IN ('pending', 'booked', 'arrived') AND NOT other.overbooked)
"""
_NOTE_END = (
    "INSERT INTO audit (actor, action, entity, entity_id) VALUES ('setup', 'visit.cancelled', 'appointments', %(id)s)"
)


def _visits(work: Import, kind: Kind, sheet: Sheet) -> None:
    """Visits that exist already. One that has changed here since is left as it is: the chat knows better than the file."""
    rows = _read_all(work, kind, sheet)
    clinic = directory.load(work.session)
    keys = {values["patient"]: patient_key(work.vault, values["patient"]) for _, values in rows}
    found = run(
        work.session, "SELECT external_key, id FROM patients WHERE external_key = ANY (%(keys)s)", keys=[*keys.values()]
    )
    by_key = {bytes(row.external_key): row.id for row in found}
    patients = {external: by_key[key] for external, key in keys.items() if key in by_key}
    work.ids["patients"] = patients
    work.lock_schedules()
    seats = {row.id: row.seats for row in work.session.execute(select(practitioners.c.id, practitioners.c.seats))}
    buffers: list[dict[str, Any]] = []
    known = {v.external_id: v for v in run(work.session, _KNOWN_VISITS, ids=[values["id"] for _, values in rows])}
    for row, values in rows:
        try:
            what, about = _visit(work, clinic, values, known.get(values["id"]), seats, buffers)
        except Refused as refused:
            what, about = "refused", str(refused)
        work.fates.append(Fate(kind.name, row.number, what, about))
    _in_batches(work.session, {_BUFFERS: buffers})


def _visit(
    work: Import,
    clinic: directory.Directory,
    values: Values,
    was: Any,
    seats: Mapping[int, int],
    buffers: list[dict[str, Any]],
) -> Taken:
    """Insert a visit where it fits; `buffers` collects those that it would like to have."""
    place = clinic.location[work.known("locations", values["location"], "location")]
    kind = clinic.visit_type[work.known("visit_types", values["visit_type"], "visit_type")]
    doctor = work.known("practitioners", values["practitioner"], "practitioner")
    patient = work.known("patients", values["patient"], "patient")
    start = values["start"].replace(tzinfo=place.zone).astimezone(UTC)
    if start.astimezone(place.zone).replace(tzinfo=None) != values["start"]:
        raise Refused(f"start: the clocks of {place.zone.key} skip {values['start']:%Y-%m-%d %H:%M}")
    end = start + (values["minutes"] or kind.length)
    status = values["status"] or ("booked" if end > work.now else "fulfilled")
    if was is not None:
        same = (was.practitioner_id, was.patient_id, was.visit_type_id, was.location_id, was.start, was.until)
        if same == (doctor, patient, kind.id, place.id, start, end) and was.status == status:
            return "unchanged", ""
        if was.status == "booked" and status != "booked":
            return _end(work, was, status)
        raise Refused("it is known already and stands otherwise here: change it at the desk, or give it another id")
    fits = need(kind)
    common = {
        "status": status, "practitioner_id": doctor, "patient_id": patient, "visit_type_id": kind.id, "location_id": place.id,
        "start": start, "end": end, "overbooked": values["overbooked"], "local_start": values["start"], "zone": place.zone.key,
        "now": work.now, "external_id": values["id"],
    }  # fmt: skip
    for seat in range(1, seats[doctor] + 1):
        taken = run(work.session, _NEW_VISIT, **common, seat=seat).fetchone()
        if taken is None:
            continue
        if status == "cancelled":
            run(work.session, _NOTE_END, id=taken.id)
            run(work.session, "UPDATE appointments SET sequence = 1 WHERE id = %(id)s", id=taken.id)
        buffers.append({"id": taken.id, "start": start - fits.before, "end": end + fits.after})
        return "new", ""
    raise Refused("it overlaps another visit of the same practitioner; if that is meant, say yes under overbooked")


def _end(work: Import, was: Any, status: str) -> Taken:
    run(work.session, "UPDATE appointments SET status = %(status)s, sequence = sequence + %(more)s WHERE id = %(id)s",
        id=was.id, status=status, more=int(status == "cancelled"))  # fmt: skip
    action = "visit.cancelled" if status == "cancelled" else f"visit.{status}"
    record(work.session, SETUP, action, "appointments", was.id)
    return "changed", f"status was “{was.status}”"


IN_BULK: dict[str, Callable[[Import, Kind, Sheet], None]] = {"patients": _patients, "visits": _visits}
