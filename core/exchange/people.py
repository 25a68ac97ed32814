"""Patients who are known already, taken in by the thousand."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from core.crypto import DataKey, Vault
from core.database import Session, run
from core.exchange.fates import Fate, Import, Values, What, read_rows
from core.exchange.files import Row, Sheet
from core.exchange.sheets import Kind

PER_STATEMENT = 5_000  # rows

_KNOWN = """
SELECT p.external_key AS key, p.id, p.name, p.birth_date, k.id AS key_id, k.wrapped,
       ARRAY(SELECT c.system || ':' || encode(c.key, 'hex') FROM contact_points c WHERE c.patient_id = p.id AND c.key IS NOT NULL) AS contacts
FROM patients p JOIN data_keys k ON k.id = p.data_key_id WHERE p.external_key = ANY (%(keys)s)
"""
_NEXT = "SELECT nextval(pg_get_serial_sequence('patients', 'id')) FROM generate_series(1, %(count)s)"

# One statement for many rows each: a list for every column.
_NEW_KEYS = "INSERT INTO data_keys (id, wrapped) SELECT * FROM unnest(%(key_id)s::bigint[], %(wrapped)s::bytea[])"
_NEW = """
INSERT INTO patients (id, data_key_id, name, birth_date, external_id, external_key) OVERRIDING SYSTEM VALUE
SELECT * FROM unnest(%(id)s::bigint[], %(key_id)s::bigint[], %(name)s::bytea[], %(birth_date)s::bytea[],
                     %(external_id)s::bytea[], %(external_key)s::bytea[])
"""
_CHANGE = """
UPDATE patients SET name = t.name, birth_date = t.birth_date
FROM unnest(%(id)s::bigint[], %(name)s::bytea[], %(birth_date)s::bytea[]) AS t(id, name, birth_date) WHERE patients.id = t.id
"""
# Another number takes the place of the one that came before it from there; what was proven or told here stays.
_FORGET_CONTACTS = """
DELETE FROM contact_points c USING unnest(%(id)s::bigint[], %(system)s::text[]) AS t(id, system)
WHERE c.patient_id = t.id AND c.system = t.system AND c.key IS NOT NULL AND c.verified_at IS NULL
"""
_NEW_CONTACTS = """
INSERT INTO contact_points (patient_id, system, value, key)
SELECT * FROM unnest(%(id)s::bigint[], %(system)s::text[], %(value)s::bytea[], %(key)s::bytea[])
"""
_NOTE = """
INSERT INTO audit (actor, action, entity, entity_id)
SELECT 'setup', action, 'patients', id FROM unnest(%(id)s::bigint[], %(action)s::text[]) AS t(id, action)
"""

Batch = dict[str, list[dict[str, Any]]]
"""Rows to be written, by statement, in the order in which the statements need each other."""


def patient_key(vault: Vault, external_id: str) -> bytes:
    """What a patient of another system is found by."""
    return vault.lookup_key("patients.external_id", external_id)


def contact_key(vault: Vault, system: str, value: str) -> bytes:
    """What a number or an e-mail address is found by."""
    return vault.lookup_key(f"contact_points.{system}", value)


def take_patients(work: Import, kind: Kind, sheet: Sheet) -> None:
    """Take in a file of patients, many rows at a time."""
    rows = read_rows(work, kind, sheet)
    while some := [*islice(rows, PER_STATEMENT)]:
        _take(work, kind, some)


def _take(work: Import, kind: Kind, rows: list[tuple[Row, Values]]) -> None:
    keys = [patient_key(work.vault, values["id"]) for _, values in rows]
    known = {bytes(row.key): row for row in run(work.session, _KNOWN, keys=keys)}
    fresh = (id for (id,) in run(work.session, _NEXT, count=sum(key not in known for key in keys)).fetchall())
    batch: Batch = {statement: [] for statement in (_NEW_KEYS, _NEW, _CHANGE, _FORGET_CONTACTS, _NEW_CONTACTS, _NOTE)}
    for (row, values), key in zip(rows, keys, strict=True):
        was = known.get(key)
        what = _change(work, values, was, batch) if was else _make(work, values, key, next(fresh), batch)
        work.fates.append(Fate(kind.name, row.number, what))
    write(work.session, batch)


def write(session: Session, batch: Batch) -> None:
    """Write many rows with a statement for each kind of them."""
    for statement, rows in batch.items():
        if rows:
            run(session, statement, **{name: [row[name] for row in rows] for name in rows[0]})


def _make(work: Import, values: Values, key: bytes, id: int, batch: Batch) -> What:
    data_key, wrapped = work.vault.new_key()
    batch[_NEW_KEYS].append({"key_id": data_key.id, "wrapped": wrapped})
    external_id = data_key.seal_text("patients.external_id", id, values["id"])
    ids = {"id": id, "key_id": data_key.id, "external_id": external_id, "external_key": key}
    batch[_NEW].append(ids | _sealed(data_key, id, _told(values)))
    batch[_NEW_CONTACTS] += _contacts(work, values, data_key, id, ())
    batch[_NOTE].append({"id": id, "action": "patient.registered"})
    return "new"


def _change(work: Import, values: Values, was: Any, batch: Batch) -> What:
    data_key = work.vault.unwrap(was.key_id, was.wrapped)
    told = _told(values)
    same = all(data_key.open_text(f"patients.{name}", was.id, getattr(was, name)) == told[name] for name in told)
    contacts = [*_contacts(work, values, data_key, was.id, was.contacts)]
    if same and not contacts:
        return "unchanged"
    if not same:
        batch[_CHANGE].append({"id": was.id, **_sealed(data_key, was.id, told)})
    batch[_FORGET_CONTACTS] += [{"id": was.id, "system": contact["system"]} for contact in contacts]
    batch[_NEW_CONTACTS] += contacts
    batch[_NOTE].append({"id": was.id, "action": "patient.changed"})
    return "changed"


def _told(values: Values) -> Mapping[str, str]:
    return {"name": values["name"], "birth_date": values["birth_date"].isoformat()}


def _sealed(data_key: DataKey, id: int, told: Mapping[str, str]) -> dict[str, bytes]:
    return {name: data_key.seal_text(f"patients.{name}", id, value) for name, value in told.items()}


def _contacts(work: Import, values: Values, data_key: DataKey, id: int, known: Any) -> Iterator[dict[str, Any]]:
    """The number and the address of a patient, as far as they are not known."""
    for system in ("phone", "email"):
        if value := values[system]:
            key = contact_key(work.vault, system, value)
            if f"{system}:{key.hex()}" not in known:
                sealed = data_key.seal_text("contact_points.value", id, value)
                yield {"id": id, "system": system, "value": sealed, "key": key}
