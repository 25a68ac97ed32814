"""Alembic's way into our database. The address comes from `core.database.migrate`, never from an ini file."""

from alembic import context
from sqlalchemy import create_engine, make_url, pool

from core.tables import metadata

engine = create_engine(
    make_url(context.config.attributes["url"]).set(drivername="postgresql+psycopg"),
    poolclass=pool.NullPool,
    connect_args={"options": "-c lock_timeout=2s"},
)

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
