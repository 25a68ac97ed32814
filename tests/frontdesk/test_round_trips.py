"""How often a turn waits for the database. A number here goes up only for a reason."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from channels.webchat import Log, WebChat, Written
from core.messaging.conversations import Claim, Turn
from core.messaging.waking import bell_and_ear
from frontdesk.worker import Worker
from tests.demo_clinic import VAULT, DemoClinic

# What somebody new says, and how many round trips the answer may take, BEGIN and COMMIT included.
CHAT = [
    ("good morning", 5),
    ("skin doctor tomorrow morning", 9),  # four more: places, hours, what is taken, what newcomers hold
    ("1", 14),  # a hold: one's own, those that lapsed, the lock, expired ones, the plan, what newcomers hold, the hold
    ("where are you?", 5),
    ("Mia Stone, born 4 July 2001", 5),
    ("mia@example.com", 24),  # registered, linked, agreed; booked in a savepoint that keeps the hold if refused
    ("my visits", 7),
]


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The round trips of each turn that is answered meanwhile."""
    waits = 0
    turns: list[int] = []
    wait, answer_one = psycopg.Connection.wait, Worker._answer_one

    def wait_and_count(connection: psycopg.Connection[Any], *arguments: Any, **options: Any) -> Any:
        nonlocal waits
        waits += 1
        return wait(connection, *arguments, **options)

    def answer_and_count(worker: Worker, claim: Claim) -> Turn | None:
        before = waits
        turn = answer_one(worker, claim)
        turns.append(waits - before)
        return turn

    monkeypatch.setattr(psycopg.Connection, "wait", wait_and_count)
    monkeypatch.setattr(Worker, "_answer_one", answer_and_count)
    yield turns


def test_turns_need_few_round_trips(clinic: DemoClinic, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic.say("web", "guest", "hello")  # so that the directory is known
    with counted(monkeypatch) as turns:
        for text, _ in CHAT:
            clinic.say("web", "guest", text)
    needed = dict(zip((text for text, _ in CHAT), turns, strict=True))
    assert {text: (needed[text], most) for text, most in CHAT if needed[text] > most} == {}


def test_a_page_asks_few_questions(clinic: DemoClinic, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    execute = psycopg.Cursor.execute

    def execute_and_note(cursor: psycopg.Cursor[Any], query: Any, *arguments: Any, **options: Any) -> Any:
        if query != "NOTIFY inbox":  # the bell's own
            asked.append(query)
        return execute(cursor, query, *arguments, **options)

    with bell_and_ear(clinic.engine.url.render_as_string(hide_password=False), "outbox") as (bell, ear):
        chat = WebChat(clinic.engine, VAULT, bell, ear)

        def say(message_id: str, seen: int) -> Log:
            return chat.take("guest", message_id, Written("hello"), seen=seen, patience=0)

        assert say("message-1", 0).waiting
        Worker(clinic.engine, VAULT).answer_waiting()
        shown = chat.poll("guest", 0)
        assert [line.speaker for line in shown.lines] == ["patient", "clinic"]
        monkeypatch.setattr(psycopg.Cursor, "execute", execute_and_note)
        assert chat.poll("nobody", 0) == ((), 0, False)
        assert len(asked) == 1  # whether there is news
        assert say("message-2", shown.cursor).waiting
        assert len(asked) == 4  # where they live; what they have seen and say; what is new
        assert chat.poll("guest", shown.cursor).waiting
        assert len(asked) == 8  # the same, and whether there is news
