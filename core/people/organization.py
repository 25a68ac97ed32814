"""The clinic itself: one organisation in a database, with any number of locations, each on its own clock."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    Identity,
    Integer,
    SmallInteger,
    Table,
    Text,
    Time,
    text,
)

from core.database import metadata

organization = Table(
    "organization",
    metadata,
    Column("id", SmallInteger, primary_key=True, server_default="1"),
    Column("name", Text, nullable=False),
    Column("short_name", Text, nullable=False),  # names the sender of unsolicited messages
    Column("locale", Text, nullable=False),  # how dates and prices are written, e.g. en_US
    Column("phone", Text),
    Column("privacy_url", Text),  # the page that says what the clinic does with people's data
    Column("is_demo", Boolean, nullable=False, server_default=text("false")),
    # Raised by whoever changes what `core.scheduling.directory` reads, so that processes read it again.
    Column("directory_version", Integer, nullable=False, server_default="1"),
    CheckConstraint("id = 1", name="one_row"),
)

locations = Table(
    "locations",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("zone", Text, nullable=False),  # IANA name
    Column("emergency_number", Text, nullable=False),
    Column("phone", Text),
    Column("external_id", Text, unique=True),  # what another system calls it, so that an import finds it again
    Column("privacy_url", Text),  # where it is not the clinic's
)

departments = Table(
    "departments",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("name", Text, nullable=False),
    Column("external_id", Text, unique=True),
)

opening_hours = Table(
    "opening_hours",
    metadata,
    Column("location_id", BigInteger, ForeignKey("locations.id"), primary_key=True),
    Column("weekday", SmallInteger, primary_key=True),  # 0 is Monday
    Column("local_start", Time, primary_key=True),
    Column("local_end", Time, nullable=False),  # 00:00 is the end of the day
    CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
    CheckConstraint("local_end > local_start OR local_end = '00:00'", name="order"),
)

holidays = Table(
    "holidays",
    metadata,
    Column("location_id", BigInteger, ForeignKey("locations.id"), primary_key=True),
    Column("on_date", Date, primary_key=True),
    Column("name", Text, nullable=False),
)
