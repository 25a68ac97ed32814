"""Patients that a visitor of the demo clinic may play. A real clinic has none."""

from typing import NamedTuple

from sqlalchemy import BigInteger, Column, ForeignKey, SmallInteger, Table, Text

from core.compliance import audit
from core.database import Session, metadata, run

personas = Table(
    "personas",
    metadata,
    Column("key", Text, primary_key=True),
    Column("label", Text, nullable=False),
    Column("place", SmallInteger, nullable=False),
    Column("address_id", BigInteger, ForeignKey("addresses.id"), nullable=False),  # speaks for the same patients
)


class Persona(NamedTuple):
    """Somebody to play."""

    key: str
    label: str


_ALL = "SELECT key, label FROM personas ORDER BY place"

_PLAY = """
INSERT INTO patient_addresses (address_id, patient_id, relationship)
SELECT %(address_id)s, l.patient_id, l.relationship
FROM personas p JOIN patient_addresses l ON l.address_id = p.address_id WHERE p.key = %(key)s
ON CONFLICT DO NOTHING RETURNING patient_id
"""


def every(session: Session) -> tuple[Persona, ...]:
    """Whom one may play here."""
    return tuple(Persona(*row) for row in run(session, _ALL))


def play(session: Session, address_id: int, key: str) -> None:
    """Let an address speak for the patients of a persona; no effect where there is none of that name."""
    for (patient_id,) in run(session, _PLAY, address_id=address_id, key=key).fetchall():
        audit.record(session, audit.SETUP, "patient.linked", "patients", patient_id, address=address_id)
