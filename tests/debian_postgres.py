"""Run a command with DATABASE_URL at a throw-away cluster of Debian's PostgreSQL, the second engine that must do.

`python -m tests.debian_postgres pytest …`
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

BINARIES = Path("/usr/lib/postgresql/15/bin")
FAST = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200"


def main() -> int:
    _install()
    with _cluster() as url:
        return subprocess.run(sys.argv[1:], env={**os.environ, "DATABASE_URL": url}, check=False).returncode


def _install() -> None:
    if BINARIES.exists():
        return
    if os.geteuid() != 0:
        sys.exit("Debian's PostgreSQL 15 is missing: sudo apt-get install postgresql-15")
    for command in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", "postgresql-15"]):
        subprocess.run(["apt-get", *command], check=True)


@contextmanager
def _cluster() -> Iterator[str]:
    """The address of a cluster that lives meanwhile, in a folder of its own."""
    password = secrets.token_urlsafe(12)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="frontdesk_debian_"))
    try:
        (folder / "password").write_text(password)
        if os.geteuid() == 0:
            for path in (folder, folder / "password"):
                shutil.chown(path, "nobody")
        data = str(folder / "data")
        _command(
            "initdb",
            "-D",
            data,
            "-U",
            "frontdesk",
            "-A",
            "scram-sha-256",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            f"--pwfile={folder / 'password'}",
        )
        listening = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
        _command("pg_ctl", "start", "-w", "-D", data, "-l", str(folder / "log"), "-o", f"{listening} {FAST}")
        try:
            yield f"postgresql://frontdesk:{password}@127.0.0.1:{port}/postgres"
        finally:
            _command("pg_ctl", "stop", "-w", "-m", "immediate", "-D", data)
    finally:
        shutil.rmtree(folder)


def _command(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL, as an unprivileged account when we are root, which it refuses to serve."""
    become: Sequence[str] = ()
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        become = ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
    subprocess.run([*become, str(BINARIES / program), *arguments], cwd="/", check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main())
