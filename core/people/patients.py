"""Patients: what identifies them is encrypted with a key of their own."""

from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, LargeBinary, Table, func

from core.compliance import audit
from core.crypto import DataKey, Vault
from core.database import Session, metadata, run, scalar

patients = Table(
    "patients",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("data_key_id", BigInteger, ForeignKey("data_keys.id"), nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("birth_date", LargeBinary, nullable=False),
    # What another system calls them: sealed, and found by a keyed hash, as it may be printed on papers.
    Column("external_id", LargeBinary),
    Column("external_key", LargeBinary, unique=True),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


@dataclass(frozen=True)
class Patient:
    """Somebody known at an address; `name` is as they wrote it."""

    id: int
    name: str
    is_owner: bool = False  # the address is their own
    more: str = ""  # what tells them from somebody else of that first name who is known here

    @property
    def first_name(self) -> str:
        """What we call them in a chat: no title, and no initial where there is more than that."""
        words = self.name.split()
        first = next((word for word in words if not word.endswith(".")), words[0])
        return " ".join(filter(None, [first, self.more]))

    @property
    def known_as(self) -> str:
        """Their whole name, by which a message may mean them; with what else tells them from a namesake."""
        return f"{self.name} {self.more}" if self.more.startswith("(") else self.name


_REGISTER = """
WITH k AS (INSERT INTO data_keys (id, wrapped) VALUES (%(key_id)s, %(wrapped)s) RETURNING id)
INSERT INTO patients (id, data_key_id, name, birth_date) OVERRIDING SYSTEM VALUE
SELECT %(id)s, k.id, %(name)s, %(birth_date)s FROM k
"""

_CONTACT = """
INSERT INTO contact_points (patient_id, system, value, key, verified_at)
VALUES (%(patient_id)s, %(system)s, %(value)s, %(key)s, CASE WHEN %(is_proven)s THEN now() END)
"""

_FORGET_NUMBER = "DELETE FROM contact_points WHERE patient_id = %(patient_id)s AND system = 'phone' AND key = %(key)s"

_KEY = "SELECT k.id, k.wrapped FROM patients p JOIN data_keys k ON k.id = p.data_key_id WHERE p.id = %(id)s"

_KNOWN_AT = """
WITH known AS (
  SELECT p.id, p.data_key_id, p.name, p.birth_date, k.wrapped, a.relationship = 'self' AS is_owner
  FROM patient_addresses a JOIN patients p ON p.id = a.patient_id JOIN data_keys k ON k.id = p.data_key_id
  WHERE a.address_id = %(address_id)s),
noted AS (INSERT INTO audit (actor, action, entity, entity_id) SELECT %(actor)s, 'patient.read', 'patients', id FROM known)
SELECT * FROM known ORDER BY NOT is_owner, id
"""


def register(
    session: Session,
    vault: Vault,
    name: str,
    birth_date: date,
    actor: audit.Actor,
    *,
    contact: str | None = None,
    is_proven: bool = False,
) -> Patient:
    """Make a record for a person we did not know. Never merges with an existing one: that needs proof.

    `contact` is an e-mail address or a phone number (E.164) as they gave it, or as their channel has proven it.
    """
    patient_id = scalar(session, "SELECT nextval(pg_get_serial_sequence('patients', 'id'))")
    key, wrapped = vault.new_key()
    run(
        session,
        _REGISTER,
        id=patient_id,
        key_id=key.id,
        wrapped=wrapped,
        name=key.seal_text("patients.name", patient_id, name),
        birth_date=key.seal_text("patients.birth_date", patient_id, birth_date.isoformat()),
    )
    if contact is not None:
        _add_contact(session, vault, key, patient_id, contact, is_proven=is_proven)
    audit.record(session, actor, "patient.registered", "patients", patient_id)
    return Patient(patient_id, name)


def add_number(session: Session, vault: Vault, patient_id: int, number: str, actor: audit.Actor) -> None:
    """Note a telephone number (E.164) that a channel has proven to be this patient's; one that is known already is now proven."""
    run(session, _FORGET_NUMBER, patient_id=patient_id, key=vault.lookup_key("contact_points.phone", number))
    row = run(session, _KEY, id=patient_id).fetchone()
    assert row is not None
    _add_contact(session, vault, vault.unwrap(row.id, row.wrapped), patient_id, number, is_proven=True)
    audit.record(session, actor, "patient.contact_added", "patients", patient_id)


def _add_contact(
    session: Session, vault: Vault, key: DataKey, patient_id: int, contact: str, *, is_proven: bool
) -> None:
    """What is not proven cannot be found by: anybody could claim it."""
    system = "email" if "@" in contact else "phone"
    sealed = key.seal_text("contact_points.value", patient_id, contact)
    found_by = vault.lookup_key(f"contact_points.{system}", contact) if is_proven else None
    run(session, _CONTACT, patient_id=patient_id, system=system, value=sealed, key=found_by, is_proven=is_proven)


def known_at(session: Session, vault: Vault, address_id: int, actor: audit.Actor) -> tuple[Patient, ...]:
    """The patients that this address speaks for, the owner first; the audit notes that they were looked at."""
    rows = run(session, _KNOWN_AT, address_id=address_id, actor=str(actor)).fetchall()
    keys = {row.id: vault.unwrap(row.data_key_id, row.wrapped) for row in rows}
    known = [Patient(row.id, keys[row.id].open_text("patients.name", row.id, row.name), row.is_owner) for row in rows]
    if len({patient.first_name.casefold() for patient in known}) == len(known):
        return tuple(known)
    years = {row.id: keys[row.id].open_text("patients.birth_date", row.id, row.birth_date)[:4] for row in rows}
    return tuple(_told_apart(patient, known, years) for patient in known)


def _told_apart(patient: Patient, known: list[Patient], years: dict[int, str]) -> Patient:
    """With the initial of the last name where another has the same first name, or with the birth year."""
    namesakes = [each for each in known if each.first_name.casefold() == patient.first_name.casefold()]
    if len(namesakes) == 1:
        return patient
    if len({each.name.split()[-1][0].casefold() for each in namesakes}) == len(namesakes):
        return replace(patient, more=f"{patient.name.split()[-1][0]}.")
    return replace(patient, more=f"({years[patient.id]})")
