"""What a person agreed to, in which words, and when. Rows are never changed: a withdrawal is a row of its own."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Table,
    Text,
    func,
)

from core.database import Session, metadata, run

consents = Table(
    "consents",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("address_id", BigInteger, ForeignKey("addresses.id"), nullable=False),
    Column("patient_id", BigInteger, ForeignKey("patients.id")),
    Column("purpose", Text, nullable=False),
    Column("given", Boolean, nullable=False),
    Column("wording", Text, nullable=False),  # the text key that was shown
    Column("inbox_id", BigInteger, ForeignKey("inbox.id")),  # the message that said so
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Index("consents_address_id_idx", "address_id"),
)

_RECORD = """
INSERT INTO consents (address_id, patient_id, purpose, given, wording, inbox_id)
VALUES (%(address_id)s, %(patient_id)s, %(purpose)s, %(given)s, %(wording)s, %(inbox_id)s)
"""


def record(
    session: Session,
    address_id: int,
    patient_id: int | None,
    purpose: str,
    *,
    given: bool,
    wording: str,
    inbox_id: int | None,
) -> None:
    """Write down that a person agreed (or no longer does) to `purpose`, e.g. `reminders`."""
    run(
        session,
        _RECORD,
        address_id=address_id,
        patient_id=patient_id,
        purpose=purpose,
        given=given,
        wording=wording,
        inbox_id=inbox_id,
    )
