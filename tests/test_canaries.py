"""Marked words go through everything; afterwards neither the database nor a log holds them in the clear."""

import subprocess
from collections.abc import Iterable
from dataclasses import replace

import pytest
from sqlalchemy import Engine, make_url

from bot.messages import Inbound
from channels import CHANNELS
from channels.rendering import BUTTONS, NUMBERS
from core import logs
from core.database import run, transaction
from core.tables import metadata
from frontdesk import embedded_postgres
from frontdesk.terminal import Terminal
from tests.demo_clinic import DemoClinic

PHONE, EMAIL = "+12075550187", "zebulon@quixworth.example"
SAID = ["my knee is plumbago, I need a skin doctor", "Zebulon Quixworth", "3 May 1987", EMAIL, "it is about xylophobia"]
# What was said, and the forms in which it might be kept.
CANARIES = [
    "plumbago",
    "xylophobia",
    "Zebulon",
    "Quixworth",
    "1987-05-03",
    "May 1987",
    "05/03/1987",
    EMAIL,
    "2075550187",
]


def leaks(texts: Iterable[str]) -> set[str]:
    """The canaries in these texts, also as the bytes that PostgreSQL shows in hexadecimal."""
    text = "\n".join(texts).lower()
    return {bird for bird in CANARIES if bird.lower() in text or bird.encode().hex() in text}


def every_row(engine: Engine) -> list[str]:
    """Every column of every table, as text."""
    with transaction(engine) as session:
        return [row for table in metadata.tables for (row,) in run(session, f"SELECT t::text FROM {table} t")]  # noqa: S608


def dumped(engine: Engine) -> str:
    """What a backup would hold."""
    program = embedded_postgres._binaries() / "pg_dump"
    url = make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
    return subprocess.run([program, url], capture_output=True, text=True, check=True).stdout


def talk(person: Terminal) -> set[str]:
    """Somebody new books, tapping the first offer, and adds a remark; returns what happened."""
    wish, *rest = SAID
    answers = person.say(wish)
    choice = "1" if person.account == NUMBERS else answers[-1].rendered.buttons[0].label
    for text in (choice, *rest):
        answers += person.say(text)
    return {happened.event for answer in answers for happened in answer.payload.reply.happened}


def test_nothing_that_a_patient_says_is_stored_or_logged_in_the_clear(
    clinic: DemoClinic, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("worker", "debug")
    assert talk(clinic.person(BUTTONS, "visitor")) == {"held", "booked"}
    assert talk(clinic.person(NUMBERS, PHONE)) == {"held", "booked"}
    fail_at(clinic.person(NUMBERS, PHONE), "plumbago again")
    staff = clinic.desk("Zebulon Quixworth")
    staff.current = clinic.person(BUTTONS, "visitor").conversation_id
    assert "Said in" in staff.do("say about your xylophobia")
    assert "plumbago" in staff.do("read")

    logged = capsys.readouterr().err
    assert "put_aside" in logged
    assert leaks([logged]) == set()
    assert leaks(every_row(clinic.engine)) == set()
    assert leaks([dumped(clinic.engine)]) == set()


def test_a_leak_would_be_seen(clinic: DemoClinic) -> None:
    with transaction(clinic.engine) as session:
        run(session, "UPDATE organization SET name = 'Quixworth'")
        run(session, "UPDATE conversations SET state = 'plumbago' WHERE id = 1")
    assert leaks(every_row(clinic.engine)) == leaks([dumped(clinic.engine)]) == {"Quixworth", "plumbago"}


def fail_at(person: Terminal, text: str) -> None:
    """A bug whose error quotes the message: it is tried three times and put aside."""

    def decode(body: bytes) -> Inbound:
        raise ValueError(body)

    channels, person.worker.channels = (
        person.worker.channels,
        {name: replace(channel, decode=decode) for name, channel in CHANNELS.items()},
    )
    person.say(text)
    person.worker.channels = channels
