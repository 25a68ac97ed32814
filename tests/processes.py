"""Real processes of ours, for tests that kill them or let several run side by side."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from sqlalchemy import Engine

from core.config import Settings, as_environment
from frontdesk import lifeline
from frontdesk.errors import INTERRUPTED
from tests import databases
from tests.demo_clinic import VAULT

ROOT = Path(__file__).parent.parent
PATIENCE = 60  # seconds for processes that are just starting, on a machine that has other things to do


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


@dataclass
class Cast:
    """Processes on one database, each under its name; tests start and kill them."""

    engine: Engine
    settings: dict[str, Any]
    running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, role: str, failpoint: str = "") -> None:
        self.running[role] = start(self.engine, "frontdesk", role, failpoint=failpoint, **self.settings)

    def kill(self, role: str) -> None:
        self.running[role].kill()
        self.running.pop(role).wait()

    def dies(self, role: str) -> None:
        """Its failpoint has been reached."""
        self.running.pop(role).wait(PATIENCE)

    def stop(self) -> None:
        for process in self.running.values():
            process.terminate()
        # One that is still starting is interrupted, as anything is by Ctrl-C.
        assert {process.wait(PATIENCE) for process in self.running.values()} <= {0, INTERRUPTED}

    def runs(self, *arguments: str) -> bool:
        """Whether this command of `frontdesk` ends well."""
        return start(self.engine, "frontdesk", *arguments, **self.settings).wait(PATIENCE) == 0
