"""Who sees patients."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    SmallInteger,
    Table,
    Text,
    text,
)

from core.database import metadata

practitioners = Table(
    "practitioners",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("title", Text, nullable=False, server_default=""),
    Column("given_name", Text, nullable=False),
    Column("family_name", Text, nullable=False),
    Column("seats", SmallInteger, nullable=False, server_default="1"),  # patients at the same time
    Column("video_url", Text),  # where their video visits take place
    Column("is_active", Boolean, nullable=False, server_default=text("true")),
    CheckConstraint("seats >= 1", name="seats"),
)

practitioner_specialties = Table(
    "practitioner_specialties",
    metadata,
    Column("practitioner_id", BigInteger, ForeignKey("practitioners.id"), primary_key=True),
    Column("specialty", Text, ForeignKey("specialties.code"), primary_key=True),
)
