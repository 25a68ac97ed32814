"""Who sees patients, and which insurances they take."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Integer,
    Numeric,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

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
    Column("department_id", BigInteger, ForeignKey("departments.id")),
    Column("about", Text, nullable=False, server_default=""),  # a few words for patients
    Column("photo_url", Text),
    Column(
        "languages", ARRAY(Text), nullable=False, server_default=text("'{}'")
    ),  # ISO 639-1, as they speak with patients
    Column("accepts_new", Boolean, nullable=False, server_default=text("true")),  # patients they have never seen
    Column("rating", Numeric(3, 2)),  # mean of the stars patients gave, 1 to 5
    Column("rating_count", Integer, nullable=False, server_default="0"),
    Column("external_id", Text, unique=True),
    CheckConstraint("seats >= 1", name="seats"),
    CheckConstraint("rating BETWEEN 1 AND 5", name="rating"),
    CheckConstraint("(rating IS NULL) = (rating_count = 0)", name="rated"),
)

insurances = Table(
    "insurances",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("words", ARRAY(Text), nullable=False, server_default=text("'{}'")),  # what patients call it
    Column("external_id", Text, unique=True),
)

practitioner_insurances = Table(
    "practitioner_insurances",
    metadata,
    Column("practitioner_id", BigInteger, ForeignKey("practitioners.id"), primary_key=True),
    Column("insurance_id", BigInteger, ForeignKey("insurances.id"), primary_key=True),
)

practitioner_specialties = Table(
    "practitioner_specialties",
    metadata,
    Column("practitioner_id", BigInteger, ForeignKey("practitioners.id"), primary_key=True),
    Column("specialty", Text, ForeignKey("specialties.code"), primary_key=True),
    Column("rank", SmallInteger, nullable=False, server_default="0"),  # the lowest is what they are known for
)
