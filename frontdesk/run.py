"""Everything on one machine: database, web, worker, sender and poller, started and stopped together."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import IO

from core.config import Settings, as_environment
from frontdesk import embedded_postgres, lifeline
from frontdesk.errors import CannotRun
from frontdesk.moving_in import prepare_for_run
from frontdesk.ports import is_healthy, wait_for_port

GRACE = 10  # seconds between SIGTERM and SIGKILL
READY_TIMEOUT = 60
RESTART_PAUSE = 1
TOO_MANY_DEATHS, TOO_SOON = 5, 60  # deaths, within seconds

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

READY = """
Frontdesk is ready.
  Chat in the browser:   {address}/chat
  Chat in the terminal:  frontdesk chat  (in another terminal, as .venv/bin/frontdesk chat)
  Telegram:              {telegram}
  SMS and WhatsApp:      {twilio}
Ctrl-C stops everything. What the processes say is in {log}.
"""

NO_TELEGRAM = "set TELEGRAM_BOT_TOKEN, see README"
NO_TWILIO = "set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_NUMBER, see README"
TWILIO = "once `frontdesk twilio connect` has told Twilio where we are"
TELEGRAM = "being told where we are; what it answers follows"


def main(settings: Settings) -> None:
    """Run until Ctrl-C, SIGTERM or the terminal's end; leave nothing running, the database included."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job is born deaf to it
    with _the_only_run(settings) as after_a_kill, contextlib.suppress(KeyboardInterrupt):
        # The processes of a killed run need a moment to go.
        wait_for_port(settings, patience=5 if after_a_kill else 0)
        with _database(settings) as url, _log_of(settings) as log:
            if prepare_for_run(settings, url):
                print("The demo clinic has moved in.", flush=True)
            known = as_environment(replace(settings, database_url=url))
            children = _Children({**os.environ, **lifeline.environment(), **known}, log)
            with _stopped_at_the_end(children):
                _supervise(children, settings)
    print("Stopped.")


@dataclass
class _Child:
    """A process of ours, or its place while it waits to be started again."""

    name: str
    process: "subprocess.Popen[bytes] | None" = None
    start_at: float = 0


@dataclass
class _Children:
    """The processes of this machine, and how often one has died lately."""

    environment: Mapping[str, str]
    log: IO[bytes]
    members: list[_Child] = field(default_factory=list)
    deaths: deque[float] = field(default_factory=lambda: deque(maxlen=TOO_MANY_DEATHS))
    errands: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    def tend(self) -> None:
        """Start whoever waits for it, and notice who has died; too many deaths are the end."""
        now = time.monotonic()
        self.errands = [errand for errand in self.errands if errand.poll() is None]
        for child in self.members:
            if child.process is None and now >= child.start_at:
                child.process = self._start(child.name)
            elif child.process and (code := child.process.poll()) is not None:
                child.process, child.start_at = None, now + RESTART_PAUSE
                self._count_death(child.name, code, now)

    def send(self, *command: str) -> None:
        """Do something once beside all else. What it says is for the terminal; nobody waits for it, and however it ends is fine."""
        program = [sys.executable, "-m", "frontdesk", *command]
        self.errands.append(
            subprocess.Popen(program, env=self.environment, stdin=subprocess.DEVNULL, start_new_session=True)
        )

    def stop(self) -> None:
        """Ask all to end, and end those that do not."""
        for errand in self.errands:
            errand.kill()
            errand.wait()
        processes = [child.process for child in self.members if child.process]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + GRACE
        for process in processes:
            try:
                process.wait(max(0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, name: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "frontdesk", name],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,  # Ctrl-C is for us; we tell them in our order
        )

    def _count_death(self, name: str, code: int, now: float) -> None:
        self.deaths.append(now)
        if len(self.deaths) == TOO_MANY_DEATHS and now - self.deaths[0] < TOO_SOON:
            raise CannotRun(f"Processes keep ending, the last was {name} with code {code}; {self.log.name} says why.")
        print(f"{name} has ended with code {code} and is started again; {self.log.name} may say why.")


def _supervise(children: _Children, settings: Settings) -> None:
    children.members += [_Child(name) for name in ("web", *["worker"] * settings.workers)]
    deadline = time.monotonic() + READY_TIMEOUT
    ready = False
    while True:
        _tend_database(settings)
        children.tend()
        if not ready and (ready := is_healthy(_reachable_host(settings), settings.http_port)):
            _go_on(children, settings)
        if not ready and time.monotonic() > deadline:
            raise CannotRun(f"The web process does not answer; {children.log.name} may say why.")
        time.sleep(0.2 if ready else 0.05)


def _go_on(children: _Children, settings: Settings) -> None:
    """Say that all is ready, and start what nobody waits for yet: starting takes processor time."""
    telegram = TELEGRAM if settings.telegram_bots else NO_TELEGRAM
    twilio = TWILIO if settings.twilio_account_sid else NO_TWILIO
    print(READY.format(address=_address(settings), log=children.log.name, telegram=telegram, twilio=twilio), flush=True)
    children.members += [_Child(name) for name in ("sender", *["poller"] * settings.polls_telegram)]
    if settings.telegram_bots:
        children.send("telegram", "connect")


@contextlib.contextmanager
def _stopped_at_the_end(children: _Children) -> Iterator[None]:
    try:
        yield
    finally:
        _ignore_impatience()
        children.stop()


@contextlib.contextmanager
def _the_only_run(settings: Settings) -> Iterator[bool]:
    """Keep a second run of the same folder out. Yields whether the run before was killed: its file still has words."""
    path = settings.var_dir / "run.lock"
    try:
        settings.var_dir.mkdir(parents=True, exist_ok=True)
        lock = path.open("a+")
    except OSError as error:
        raise CannotRun(f"{path} cannot be written ({error.strerror}): set VAR_DIR to a folder that can.") from error
    with lock:
        lock.seek(0)
        before = lock.read()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotRun(f"Frontdesk is running already: {before or 'it is just starting'}") from None
        _rewrite(lock, f"chat at {_address(settings)}/chat, or stop it first (process {os.getpid()}).")
        try:
            yield bool(before)
        finally:
            _rewrite(lock, "")


def _rewrite(file: IO[str], text: str) -> None:
    file.truncate(0)
    file.write(text)
    file.flush()


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[str]:
    """The address of the database: theirs, or the embedded one, which ends with us unless a chat still uses it."""
    if settings.database_url:
        yield settings.database_url
        return
    print("Starting the database …", flush=True)
    with embedded_postgres.running(settings.var_dir) as server:
        try:
            yield server.url
        finally:
            _ignore_impatience()


def _tend_database(settings: Settings) -> None:
    """Start the embedded server again when something has killed it; the processes find it where it was."""
    if not settings.database_url and not embedded_postgres.is_running(settings.var_dir):
        print("The database has ended and is started again.", flush=True)
        embedded_postgres.start(settings.var_dir)


def _ignore_impatience() -> None:
    """From here on a second Ctrl-C changes nothing: stopping is under way and ends soon."""
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


@contextlib.contextmanager
def _log_of(settings: Settings) -> Iterator[IO[bytes]]:
    with (settings.var_dir / "frontdesk.log").open("ab") as log:
        yield log


def _reachable_host(settings: Settings) -> str:
    """Where we reach ourselves when the host means every address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.http_host, settings.http_host)  # noqa: S104


def _address(settings: Settings) -> str:
    host = _reachable_host(settings)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}"
