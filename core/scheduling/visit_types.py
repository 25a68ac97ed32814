"""What can be booked: specialties with the words of patients, and kinds of visit with length, buffers and price."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Integer,
    Interval,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from core.database import metadata

specialties = Table(
    "specialties",
    metadata,
    Column("code", Text, primary_key=True),
    Column("label", Text, nullable=False),
)

specialty_words = Table(
    "specialty_words",
    metadata,
    Column("specialty", Text, ForeignKey("specialties.code"), primary_key=True),
    Column("language", Text, primary_key=True),
    Column("words", ARRAY(Text), nullable=False),
)

visit_types = Table(
    "visit_types",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("label", Text, nullable=False),
    Column("specialty", Text, ForeignKey("specialties.code")),
    Column("words", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("length", Interval, nullable=False),
    Column("buffer_before", Interval, nullable=False, server_default=text("interval '0'")),
    Column("buffer_after", Interval, nullable=False, server_default=text("interval '0'")),
    Column("preparation", Text, nullable=False, server_default=""),
    Column("mode", Text, nullable=False, server_default="in_person"),
    Column("price", Integer),  # in the smallest unit of the currency
    Column("currency", Text),  # ISO 4217
    Column("external_id", Text, unique=True),
    CheckConstraint("length > interval '0'", name="length"),
    CheckConstraint("buffer_before >= interval '0' AND buffer_after >= interval '0'", name="buffers"),
    CheckConstraint("mode IN ('in_person', 'video')", name="mode"),
    CheckConstraint("(price IS NULL) = (currency IS NULL)", name="price"),
)

practitioner_visit_types = Table(
    "practitioner_visit_types",
    metadata,
    Column("practitioner_id", BigInteger, ForeignKey("practitioners.id"), primary_key=True),
    Column("visit_type_id", BigInteger, ForeignKey("visit_types.id"), primary_key=True),
    Column("rank", Integer, nullable=False, server_default="0"),  # the lowest is what is meant when nothing is said
)
