"""Addresses people write from, and the patients that each address speaks for.

An address is found by a keyed hash; what it is (a phone number) is stored encrypted, because we must be able to answer.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from core.compliance import audit
from core.database import Session, metadata, run

addresses = Table(
    "addresses",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("channel", Text, nullable=False),
    Column("account", Text, nullable=False),  # which of our bots or numbers was written to
    Column("key", LargeBinary, nullable=False),
    Column("value", LargeBinary),  # sealed with the conversation's key; absent where answering does not need it
    Column("conversation_id", BigInteger, ForeignKey("conversations.id"), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("next_at", DateTime(timezone=True), nullable=False, server_default=text("'-infinity'")),  # its vendor's pace
    Column("unreachable", Text),  # why nothing reaches it
    Column("unreachable_at", DateTime(timezone=True)),
    CheckConstraint("(unreachable IS NULL) = (unreachable_at IS NULL)", name="unreachable"),
    UniqueConstraint("channel", "account", "key"),
    Index("addresses_conversation_id_idx", "conversation_id"),
)

patient_addresses = Table(
    "patient_addresses",
    metadata,
    Column("address_id", BigInteger, ForeignKey("addresses.id"), primary_key=True),
    Column("patient_id", BigInteger, ForeignKey("patients.id"), primary_key=True),
    Column("relationship", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("relationship IN ('self', 'dependent')", name="relationship"),
    Index("patient_addresses_patient_id_idx", "patient_id"),
)

# Where else a patient can be reached, as they told us. Nothing is sent there before a code proved it.
contact_points = Table(
    "contact_points",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("patient_id", BigInteger, ForeignKey("patients.id"), nullable=False),
    Column("system", Text, nullable=False),
    Column("value", LargeBinary, nullable=False),  # sealed with the patient's key
    Column("key", LargeBinary),  # a keyed hash: who has this number or address?
    Column("verified_at", DateTime(timezone=True)),
    CheckConstraint("system IN ('phone', 'email')", name="system"),
    Index("contact_points_patient_id_idx", "patient_id"),
    Index("contact_points_key_idx", "key"),
)

_LINK = """
INSERT INTO patient_addresses (address_id, patient_id, relationship)
VALUES (%(address_id)s, %(patient_id)s, %(relationship)s) ON CONFLICT DO NOTHING
"""


def link(session: Session, address_id: int, patient_id: int, relationship: str, actor: audit.Actor) -> None:
    """Let an address speak for a patient: as the patient ('self') or for a dependent."""
    run(session, _LINK, address_id=address_id, patient_id=patient_id, relationship=relationship)
    audit.record(session, actor, "patient.linked", "patients", patient_id, address=address_id)
