"""Patients: what identifies them is encrypted with a key of their own."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, LargeBinary, Table, func
from sqlalchemy.orm import Session

from core.compliance import audit
from core.crypto import Vault
from core.database import metadata, run, scalar

patients = Table(
    "patients",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("data_key_id", BigInteger, ForeignKey("data_keys.id"), nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("birth_date", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
)


@dataclass(frozen=True)
class Patient:
    """Somebody known at an address; `name` is as they wrote it."""

    id: int
    name: str
    is_owner: bool = False  # the address is their own

    @property
    def first_name(self) -> str:
        """What we call them in a chat."""
        return self.name.split()[0]


_REGISTER = """
WITH k AS (INSERT INTO data_keys (id, wrapped) VALUES (%(key_id)s, %(wrapped)s) RETURNING id)
INSERT INTO patients (id, data_key_id, name, birth_date) OVERRIDING SYSTEM VALUE
SELECT %(id)s, k.id, %(name)s, %(birth_date)s FROM k
"""

_CONTACT = "INSERT INTO contact_points (patient_id, system, value) VALUES (%(patient_id)s, %(system)s, %(value)s)"

_KNOWN_AT = """
SELECT p.id, p.data_key_id, p.name, k.wrapped, a.relationship = 'self' AS is_owner
FROM patient_addresses a JOIN patients p ON p.id = a.patient_id JOIN data_keys k ON k.id = p.data_key_id
WHERE a.address_id = %(address_id)s ORDER BY a.relationship <> 'self', p.id
"""


def register(
    session: Session, vault: Vault, name: str, birth_date: date, actor: audit.Actor, *, contact: str | None = None
) -> Patient:
    """Make a record for a person we did not know. Never merges with an existing one: that needs proof.

    `contact` is an e-mail address or a phone number (E.164) as they gave it, not proven yet.
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
        sealed = key.seal_text("contact_points.value", patient_id, contact)
        run(session, _CONTACT, patient_id=patient_id, system="email" if "@" in contact else "phone", value=sealed)
    audit.record(session, actor, "patient.registered", "patients", patient_id)
    return Patient(patient_id, name)


def known_at(session: Session, vault: Vault, address_id: int) -> tuple[Patient, ...]:
    """The patients that this address speaks for, the owner first."""
    return tuple(
        Patient(
            row.id,
            vault.unwrap(row.data_key_id, row.wrapped).open_text("patients.name", row.id, row.name),
            row.is_owner,
        )
        for row in run(session, _KNOWN_AT, address_id=address_id)
    )
