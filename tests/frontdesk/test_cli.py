"""The command as a person or a supervisor meets it: what it says, where, and what it leaves behind."""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from core.config import Settings, as_environment, format_keyring
from frontdesk import demo, embedded_postgres
from tests.demo_clinic import VAULT, DemoClinic
from tests.factories import wait_for
from tests.webhooks.conftest import settings

ROOT = Path(__file__).parents[2]
LOG_A_NAME = (
    "from frontdesk import application; application.create();"
    "from core import logs; logs.get('test').error('seen', code='x', text='Maria Costa')"
)


def start(*words: str, **environment: str) -> "subprocess.Popen[str]":
    """`python …` with these settings and the test's keys."""
    keys = {"MASTER_KEYS": format_keyring(VAULT.master), "LOOKUP_KEYS": format_keyring(VAULT.lookup)}
    return subprocess.Popen(
        [sys.executable, *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **keys, **environment},
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def frontdesk(*words: str, says: str = "", **environment: str) -> tuple[int, str, str]:
    """`frontdesk …`: its exit code, standard output and standard error."""
    process = start("-m", "frontdesk", *words, **environment)
    out, err = process.communicate(says, timeout=60)
    return process.returncode, out, err


def url_of(clinic: DemoClinic) -> str:
    return clinic.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def test_letters_that_a_terminal_lacks_stop_nothing(tmp_path: Path, clinic: DemoClinic) -> None:
    known = {"PYTHONIOENCODING": "ascii:strict", "DATABASE_URL": url_of(clinic), "VAR_DIR": str(tmp_path)}
    code, out, err = frontdesk("chat", "--script", "-", says="Dr Lee, s’il vous plaît, 30 February\n", **known)
    assert (code, err) == (0, "")
    assert "There is no ?30 February? in the calendar." in out


def test_who_reads_the_first_lines_alone_is_told_of_no_failure() -> None:
    process = start("-m", "frontdesk", "setup", "--specialties")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 130
    assert process.stderr is not None
    assert process.stderr.read() == ""


def test_the_process_that_serves_logs_known_fields_only(clinic: DemoClinic) -> None:
    known = as_environment(Settings(url_of(clinic), VAULT.master, VAULT.lookup))
    process = start("-c", LOG_A_NAME, **known)
    _, err = process.communicate(timeout=60)
    (line,) = map(json.loads, err.splitlines())
    assert (line["event"], line["code"]) == ("seen", "x")
    assert "Maria" not in err


def test_a_chat_in_json_is_nothing_but_json(clinic: DemoClinic) -> None:
    code, out, err = frontdesk("chat", "--script", "-", "--json", says="hi\n", DATABASE_URL=url_of(clinic))
    assert (code, err) == (0, "")
    assert [json.loads(line)["speaker"] for line in out.splitlines()] == ["patient", "clinic"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_chat_that_is_ended_sets_the_clock_right(clinic: DemoClinic, number: signal.Signals) -> None:
    def offset_is(sign: str) -> bool:
        with psycopg.connect(url_of(clinic)) as connection:
            row = connection.execute("SELECT sign(extract(epoch FROM clock_offset)) FROM clock").fetchone()
        return row is not None and int(row[0]) == int(sign)

    chat = start("-m", "frontdesk", "chat", "--now", "2035-01-01T09:00", DATABASE_URL=url_of(clinic))
    wait_for(lambda: offset_is("1"), seconds=30)
    chat.send_signal(number)
    chat.communicate(timeout=30)
    assert chat.returncode == 130
    assert offset_is("0")


@pytest.mark.parametrize("command", ["web", "worker", "sender", "chat"])
def test_nothing_starts_without_a_clinic(database_url: str, command: str) -> None:
    code, _, err = frontdesk(command, DATABASE_URL=database_url)
    assert (code, err) == (
        2,
        "This database holds no clinic yet: `frontdesk setup` makes yours, `frontdesk demo` one to try.\n",
    )


@pytest.mark.parametrize("command", ["web", "worker", "sender", "chat"])
def test_nothing_starts_with_keys_that_open_nothing(clinic: DemoClinic, command: str) -> None:
    other = "k1:" + base64.b64encode(b"another key of thirty-two bytes!").decode()
    code, _, err = frontdesk(command, DATABASE_URL=url_of(clinic), MASTER_KEYS=other)
    assert (code, err) == (2, "MASTER_KEYS do not open this database; set those it was filled with.\n")


def test_verify_migrates_nothing(server_url: str) -> None:
    code, _, err = frontdesk("verify", DATABASE_URL=server_url.rpartition("/")[0] + "/template1")
    assert (code, err) == (2, "The database is not at this version's schema; run `frontdesk migrate` first.\n")


@pytest.mark.parametrize("command", ["run", "chat", "migrate", "verify"])
def test_a_database_that_is_away_is_named_without_its_password(command: str, tmp_path: Path) -> None:
    url = "postgresql://me:secret@127.0.0.1:9/name"
    code, _, err = frontdesk(command, DATABASE_URL=url, VAR_DIR=str(tmp_path))
    assert (code, err) == (2, "The database at 127.0.0.1:9 does not answer; check DATABASE_URL.\n")


def test_https_without_a_trusted_proxy_is_worth_a_warning(clinic: DemoClinic) -> None:
    process = start(
        "-m", "frontdesk", "web", HTTP_PORT="18439", DATABASE_URL=url_of(clinic), PUBLIC_URL="https://a.example"
    )
    assert process.stderr
    assert json.loads(process.stderr.readline())["event"] == "no_proxy_trusted"
    process.terminate()
    process.communicate(timeout=30)


def test_a_demo_clinic_comes_whole_or_not_at_all(
    make_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_database()
    known = replace(settings(), master_keys=VAULT.master, lookup_keys=VAULT.lookup)
    with monkeypatch.context() as patch:
        patch.setattr(demo, "_make_persona", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            demo.load_if_empty(known, url)
    assert demo.load_if_empty(known, url)
    assert not demo.load_if_empty(known, url)


@pytest.mark.slow
def test_three_chats_at_once_on_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("hi\n")
    words = ("-m", "frontdesk", "chat", "--script", str(tmp_path / "script"), "--json")
    keyless = {"VAR_DIR": str(tmp_path / "var"), "MASTER_KEYS": "", "LOOKUP_KEYS": ""}
    chats = [start(*words, **keyless) for _ in range(3)]
    said = [(*chat.communicate(timeout=100), chat.returncode) for chat in chats]
    assert [(len(out.splitlines()), err, code) for out, err, code in said] == [(2, "", 0)] * 3
    assert not embedded_postgres.is_running(tmp_path / "var")
