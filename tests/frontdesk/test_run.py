"""`frontdesk run` where it cannot run: one sentence each."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest


def run(place: Path, **environment: str) -> str:
    """What `frontdesk run` says before it gives up."""
    done = subprocess.run(
        [sys.executable, "-m", "frontdesk", "run"],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "VAR_DIR": str(place / "var"), **environment},
        cwd=place,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.fixture
def taken() -> "socket.socket":
    return socket.create_server(("127.0.0.1", 0))


def test_a_port_in_use_is_named(tmp_path: Path, taken: socket.socket) -> None:
    with taken:
        port = str(taken.getsockname()[1])
        said = run(tmp_path, HTTP_PORT=port)
    assert said.startswith(f"Port {port} is in use by another program")
    assert "HTTP_PORT=" in said


def test_wrong_settings_are_reported_together(tmp_path: Path) -> None:
    assert len(run(tmp_path, HTTP_PORT="abc", WORKERS="0").splitlines()) == 2


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    assert "VAR_DIR" in run(tmp_path)
