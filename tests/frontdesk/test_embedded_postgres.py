"""The server out of the wheel: started, found, killed, and started again."""

import os
import signal
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from frontdesk import embedded_postgres
from frontdesk.errors import CannotRun


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    """A folder whose server is gone after the test."""
    yield tmp_path
    embedded_postgres.stop(tmp_path)


def start(var: Path) -> embedded_postgres.Server:
    return embedded_postgres.start(var, throw_away=True)


def pid_file(var: Path) -> Path:
    return var / "postgres" / "postmaster.pid"


def test_a_running_server_is_used_as_it_is(var: Path) -> None:
    first, second = start(var), start(var)
    assert (first.started, second.started) == (True, False)
    assert first.url == second.url


def test_whoever_leaves_last_stops_it(var: Path) -> None:
    first, second = (embedded_postgres.running(var, throw_away=True) for _ in range(2))
    with second:
        with first:
            pass
        assert embedded_postgres.is_running(var)
    assert not embedded_postgres.is_running(var)


def test_it_speaks_utf8_on_loopback_and_wants_its_password(var: Path) -> None:
    url = start(var).url
    with psycopg.connect(url) as connection:
        shown = [
            connection.execute(f"SHOW {name}").fetchone()
            for name in ("server_encoding", "listen_addresses", "unix_socket_directories")
        ]
    assert shown == [("UTF8",), ("127.0.0.1",), ("",)]
    assert stat.S_IMODE((var / "postgres.password").stat().st_mode) == 0o600
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(url, password="wrong")


def test_values_stay_out_of_its_log(var: Path) -> None:
    with psycopg.connect(start(var).url) as connection, pytest.raises(psycopg.DataError):
        connection.execute("SELECT 'Maria Keller'::int")
    assert "Maria" not in (var / "postgres.log").read_text()


def test_a_killed_server_starts_again_even_when_its_pid_is_somebody_elses_now(var: Path) -> None:
    start(var)
    lines = pid_file(var).read_text().splitlines()
    os.kill(int(lines[0]), signal.SIGKILL)
    assert start(var).started
    embedded_postgres.stop(var)
    pid_file(var).write_text("\n".join([str(os.getpid()), *lines[1:], ""]))
    assert start(var).started


def test_another_port_is_taken_when_its_own_is_in_use(var: Path) -> None:
    first = start(var).url
    embedded_postgres.stop(var)
    with socket.create_server(("127.0.0.1", int((var / "postgres.port").read_text()))):
        assert start(var).url != first


def test_data_of_another_version_is_refused_in_words(var: Path) -> None:
    start(var)
    embedded_postgres.stop(var)
    (var / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(CannotRun, match="made by PostgreSQL 16"):
        start(var)


def test_half_a_data_folder_of_a_killed_start_is_no_obstacle(var: Path) -> None:
    (var / "postgres.new" / "base").mkdir(parents=True)
    assert start(var).started
