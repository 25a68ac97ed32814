"""Databases for tests: a server of our own or the given one, and a fresh database a test, cloned in milliseconds."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

from core.database import migrate
from frontdesk import embedded_postgres

# The folder that all processes of one test run share; its name is in the names of the run's databases.
VARIABLE = "FRONTDESK_TEST_RUN"

MEMORY = Path("/dev/shm")  # noqa: S108 - in it a run makes a folder that is its own
ROOM = 2 * 2**30  # bytes that must be free there; a run takes much less, and a container often has hardly any


def begin_run() -> None:
    """Called once, before any test process starts. In memory a database is made many times faster: it is hundreds of small files."""
    has_room = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM
    os.environ[VARIABLE] = tempfile.mkdtemp(prefix="frontdesk_test_", dir=MEMORY if has_room else None)


def end_run() -> None:
    """Leave nothing: neither a server of ours nor databases on a server that was given."""
    if given := os.environ.get("DATABASE_URL"):
        with psycopg.connect(given, autocommit=True) as connection:
            left = connection.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [_folder().name]
            ).fetchall()
            for (name,) in left:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    else:
        embedded_postgres.stop(_folder())
    shutil.rmtree(_folder())


def server_url() -> str:
    """The server that DATABASE_URL names, or a throw-away one that the test processes share."""
    return os.environ.get("DATABASE_URL") or embedded_postgres.start(_folder(), throw_away=True).url


def migrated_template(server: str) -> str:
    """The name of a database with the newest schema; the first process that asks makes it."""
    name = f"{_folder().name}_template"
    with (_folder() / "template.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if lock.seek(0, os.SEEK_END) == 0:  # the end as of now: another process may have written while we waited
            migrate(create_database(server, name))
            lock.write("made")
    return name


def create_database(server: str, name: str = "", *, template: str = "template1") -> str:
    """A new database, a copy of `template`, and its address."""
    name = name or f"{_folder().name}_{uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    return _with_name(server, name)


def drop_database(url: str) -> None:
    """Drop a database, whoever is connected to it."""
    with psycopg.connect(_with_name(url, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name_of(url))))


def name_of(url: str) -> str:
    """The name of the database at an address."""
    return str(psycopg.conninfo.conninfo_to_dict(url)["dbname"])


def folder_of(url: str) -> Path:
    """Where the processes of one database keep their files."""
    return _folder() / name_of(url)


def _with_name(url: str, name: str) -> str:
    """The same server's database `name`; options behind a question mark stay."""
    address, mark, options = url.partition("?")
    return f"{address.rpartition('/')[0]}/{name}{mark}{options}"


def _folder() -> Path:
    return Path(os.environ[VARIABLE])
