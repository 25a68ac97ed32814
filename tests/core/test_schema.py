"""What the migrations build is what the code says."""

from collections.abc import Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, text

from core.database import open_engine
from core.tables import metadata
from tests import databases

CATALOGS = {
    "tables": """
        SELECT relname, relkind::text, relpersistence::text, reloptions FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')
        """,
    "columns": """
        SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default, identity_generation
        FROM information_schema.columns WHERE table_schema = 'public'
        """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace
        """,
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "sequences": """
        SELECT sequencename, data_type::text, start_value, min_value, max_value, increment_by, cycle, cache_size
        FROM pg_sequences WHERE schemaname = 'public'
        """,
    "functions": "SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "triggers": "SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal",
}


@pytest.fixture
def migrated(database_url: str) -> Iterator[Connection]:
    yield from connected(open_engine(database_url))


@pytest.fixture
def modelled(server_url: str) -> Iterator[Connection]:
    """A database made of the models alone."""
    url = databases.create_database(server_url)
    engine = open_engine(url)
    metadata.create_all(engine)
    yield from connected(engine)
    databases.drop_database(url)


def connected(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def rows(connection: Connection, query: str) -> set[tuple[Any, ...]]:
    """What a catalog says, without Alembic's own table."""
    found = {tuple(str(value) for value in row) for row in connection.execute(text(query))}
    return {row for row in found if not any("alembic_version" in value for value in row)}


def test_migrations_and_models_agree(migrated: Connection, modelled: Connection) -> None:
    for name, catalog in CATALOGS.items():
        by_migrations, by_models = rows(migrated, catalog), rows(modelled, catalog)
        assert by_migrations - by_models == by_models - by_migrations == set(), name


def test_a_new_migration_would_be_empty(migrated: Connection) -> None:
    context = MigrationContext.configure(migrated, opts={"compare_type": True, "compare_server_default": True})
    assert compare_metadata(context, metadata) == []


def test_no_extension_is_required(migrated: Connection) -> None:
    assert rows(migrated, "SELECT extname FROM pg_extension") == {("plpgsql",)}


def test_no_time_is_stored_without_its_zone(migrated: Connection) -> None:
    """Instants are aware; a wall time is a local one, and says so in its name."""
    naive = rows(
        migrated,
        "SELECT column_name FROM information_schema.columns "
        "WHERE table_schema = 'public' AND data_type IN ('timestamp without time zone', 'time without time zone')",
    )
    assert all(name.startswith("local_") for (name,) in naive)
