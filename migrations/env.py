"""Alembic's way into our database. The address comes from `core.database.migrate`, never from an ini file."""

import time

from alembic import context
from sqlalchemy import Connection, create_engine, make_url, pool, text

from core.tables import metadata

_KEY = 0x6D696772

engine = create_engine(
    make_url(context.config.attributes["url"]).set(drivername="postgresql+psycopg"),
    poolclass=pool.NullPool,
    connect_args={"options": "-c lock_timeout=2s"},
)


def wait_for_turn(connection: Connection) -> None:
    """One migration at a time, until the connection closes. Asking again holds no snapshot, which would block an index."""
    while not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": _KEY}).scalar_one():
        connection.rollback()
        time.sleep(0.1)
    connection.commit()


with engine.connect() as connection:
    wait_for_turn(connection)
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
