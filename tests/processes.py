"""Real processes of ours, for tests that kill them or let several run side by side."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from sqlalchemy import Engine

from core.config import Settings, as_environment
from frontdesk import lifeline
from tests import databases
from tests.demo_clinic import VAULT

ROOT = Path(__file__).parent.parent


def start(engine: Engine, module: str, *arguments: str, failpoint: str = "", **more: Any) -> "subprocess.Popen[bytes]":
    """`python -m module arguments` on this database, with `more` settings; it ends with the tests at the latest."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    settings = Settings(
        database_url=url, master_keys=VAULT.master, lookup_keys=VAULT.lookup, var_dir=databases.folder_of(url), **more
    )
    known = {"PYTHONPATH": str(ROOT), "FAILPOINT": failpoint, **as_environment(settings), **lifeline.environment()}
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **known},
        cwd=gettempdir(),
        stderr=subprocess.DEVNULL,
    )


def free_port() -> int:
    """A port of this machine on which nobody listens yet."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextmanager
def running(engine: Engine, *names: str) -> Iterator[None]:
    """These processes of `frontdesk` run meanwhile, and end well when they are asked to."""
    processes = [start(engine, "frontdesk", name) for name in names]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        codes = [process.wait(20) for process in processes]
    assert codes == [0] * len(names)
