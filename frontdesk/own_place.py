"""A database and processes of one's own, for what measures and must touch no clinic."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from core.config import Settings, as_environment
from frontdesk import lifeline
from frontdesk.embedded_postgres import database_url
from frontdesk.errors import CannotRun


@contextlib.contextmanager
def own_database(settings: Settings, purpose: str) -> Iterator[Settings]:
    """Settings with an empty database beside the configured one, called the same and `_purpose`; an older one is dropped.

    It stays until the next time, so that one can look at it.
    """
    with database_url(settings) as url:
        name = f"{conninfo_to_dict(url)['dbname']}_{purpose}"
        own = make_url(url).set(database=name).render_as_string(hide_password=False)
        try:
            with psycopg.connect(url, autocommit=True) as connection:
                if _holds_another_clinic(connection, name, own):
                    raise CannotRun(f"The database {name} holds a real clinic: rename it first.")
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except psycopg.errors.InsufficientPrivilege:
            raise CannotRun(
                f"This makes the database {name}, which the user of DATABASE_URL may not: leave DATABASE_URL empty."
            ) from None
        var_dir = settings.var_dir / purpose
        var_dir.mkdir(parents=True, exist_ok=True)
        for left in var_dir.iterdir():
            left.unlink()
        yield replace(settings, database_url=own, var_dir=var_dir)


def _holds_another_clinic(connection: "psycopg.Connection[tuple[str]]", name: str, url: str) -> bool:
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return False
    with psycopg.connect(url) as other, contextlib.suppress(psycopg.errors.UndefinedTable):
        return other.execute("SELECT 1 FROM organization WHERE NOT is_demo").fetchone() is not None
    return False


@contextlib.contextmanager
def processes(settings: Settings, *commands: str) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """These modules of ours run meanwhile, such as "frontdesk worker"; what they say is in `processes.log`."""
    environment = {**os.environ, **lifeline.environment(), **as_environment(settings)}
    with (settings.var_dir / "processes.log").open("ab") as log, contextlib.ExitStack() as stack:
        started = []
        for command in commands:
            process = subprocess.Popen(
                [sys.executable, "-m", *command.split()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            started.append(process)
        yield started


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def until(condition: Callable[[], object], what: str, seconds: float = 30) -> float:
    """Wait for a condition; returns how many seconds that took, or CannotRun names what did not happen."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > seconds:
            raise CannotRun(f"{what} has not happened within {seconds:g} seconds.")
        time.sleep(0.01)
    return time.monotonic() - began


def listens(port: int) -> bool:
    """Whether somebody does on this port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
