"""What each process needs until it is there, against a bare Python: memory and time to start."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import psycopg

from core.config import Settings
from frontdesk.bench.figures import Figure, ratio
from frontdesk.moving_in import prepare
from frontdesk.own_place import free_port, listens, own_database, processes, until

WEB_MB = 80
_SETTLED = 2  # seconds after which a process is as large as it is when nothing happens


def measure(settings: Settings, *, quick: bool) -> Iterator[Figure]:
    """Memory is what a process and its children have for themselves, and their share of what they share (Linux)."""
    del quick
    bare_seconds, bare_mb = _bare()
    with own_database(replace(settings, http_port=free_port()), "bench") as own:
        prepare(own, own.database_url)
        for name in ("web", "worker", "sender"):
            with processes(own, f"frontdesk {name}") as (process,):
                seconds = until(partial(_is_there, own, name), f"The start of {name}")
                time.sleep(_SETTLED)
                megabytes = memory(process.pid)
            yield Figure(
                f"memory.{name}_mb",
                megabytes,
                f"megabytes of {name}, its children with it",
                goal=WEB_MB if name == "web" else None,
                details={"times a bare Python": megabytes / bare_mb},
            )
            yield ratio(
                f"start.{name}",
                seconds,
                bare_seconds,
                f"seconds until {name} is there / until a bare Python is",
                details={"seconds": seconds},
            )


def _is_there(settings: Settings, name: str) -> bool:
    """The web process listens; the others listen to the database's bell."""
    if name == "web":
        return listens(settings.http_port)
    with psycopg.connect(settings.database_url) as connection:
        found = connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'frontdesk-bell'"
        )
        return found.fetchone() is not None


def _bare() -> tuple[float, float]:
    """Seconds until a Python has started and ended, and the megabytes of one that waits."""
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    seconds = time.monotonic() - began
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    time.sleep(0.5)
    megabytes = memory(process.pid)
    process.communicate(b"\n")
    return seconds, megabytes


def memory(pid: int) -> float:
    """Megabytes of a process and its children, shared pages by share."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = sum(int(row.split()[1]) for row in rows if row.startswith("Pss:")) / 1024
    return own + sum(memory(int(child)) for child in children)
