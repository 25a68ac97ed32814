"""The way to PostgreSQL: engine, sessions, and psycopg beneath them for the hot path."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Engine, MetaData, create_engine, make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

UNAVAILABLE = (psycopg.OperationalError, OperationalError, PoolTimeout)
"""What is raised while the database is away or has no connection left: wait, and try again."""

Session = Connection
"""A transaction at work, as SQLAlchemy manages it. Nothing here is an object of its ORM; whoever wants one opens it on this."""

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "pk": "%(table_name)s_pkey",
    }
)

IDLE_LIMIT = 10  # seconds that a transaction may do nothing before the database ends it
# A frozen or killed client must not block a doctor: see docs/decisions/0002-locks.md.
_SESSION_SETTINGS = {
    "timezone": "UTC",
    "lock_timeout": "2s",
    "statement_timeout": "15s",
    "idle_in_transaction_session_timeout": f"{IDLE_LIMIT}s",
    "client_connection_check_interval": "5s",
    # Every statement of the hot path walks an index, so a plan that was made while a queue was empty still serves a full one: see
    # docs/decisions/0016-plans.md.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
}
_KEEPALIVE: dict[str, Any] = {"keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 2}


def connect_arguments() -> dict[str, Any]:
    """What every connection of ours is opened with."""
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION_SETTINGS.items())
    return {"options": options, "connect_timeout": 5, "application_name": "frontdesk", **_KEEPALIVE}


def open_engine(url: str, *, pool_size: int = 5) -> Engine:
    """An engine on psycopg 3; the pool never waits longer than two seconds for a connection."""
    return create_engine(
        make_url(url).set(drivername="postgresql+psycopg"),
        connect_args=connect_arguments(),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=2,
        hide_parameters=True,
    )


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A session that commits at the end or rolls back. Entry points open it; functions below never commit."""
    with engine.begin() as session:
        yield session


@contextmanager
def at_once(engine: Engine) -> Iterator[Session]:
    """A session in which every statement is committed by itself: for one that stands alone, a round trip in place of three."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as session:
        yield session


def driver(session: Session) -> psycopg.Connection[Any]:
    """The psycopg connection of this session's transaction."""
    connection: psycopg.Connection[Any] = session.connection.driver_connection  # type: ignore[assignment]
    return connection


def run(session: Session, statement: str, **values: Any) -> psycopg.Cursor[Any]:
    """Execute a prebuilt statement through psycopg; rows are named tuples."""
    return driver(session).cursor(row_factory=namedtuple_row).execute(statement, values)


def scalar(session: Session, statement: str, **values: Any) -> Any:
    """The one value of a statement that always has one."""
    row = run(session, statement, **values).fetchone()
    assert row is not None
    return row[0]


def stream(session: Session, name: str, statement: str) -> Iterator[Any]:
    """The rows of a statement, a few thousand at a time, however many there are; `name` is what no other has meanwhile."""
    with driver(session).cursor(name, row_factory=namedtuple_row) as cursor:
        cursor.itersize = 5_000
        yield from cursor.execute(statement)


def listening_connection(url: str) -> psycopg.Connection[Any]:
    """A connection of its own for NOTIFY and LISTEN: never inside a business transaction, which it would serialise."""
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(plain, autocommit=True, connect_timeout=5, application_name="frontdesk-bell", **_KEEPALIVE)


def migrate(url: str) -> None:
    """Bring the database to the newest schema."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent.parent / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "head")
