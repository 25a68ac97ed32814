"""Receptionists and managers. Sign-in comes with the console; until then they are who a handoff is for."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Identity, LargeBinary, Table, Text

from core.database import metadata

staff = Table(
    "staff",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("data_key_id", BigInteger, ForeignKey("data_keys.id"), nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    CheckConstraint("role IN ('manager', 'receptionist', 'practitioner')", name="role"),
)
