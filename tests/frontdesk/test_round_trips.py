"""How often a turn waits for the database. A number here goes up only for a reason."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from channels.telegram.receive import Mailbox
from channels.webchat import Log, WebChat, Written
from core.messaging.conversations import Claim, Turn
from core.messaging.waking import bell_and_ear
from frontdesk.worker import Worker
from tests.demo_clinic import VAULT, DemoClinic
from tests.fakes.bell import SilentBell
from tests.fakes.telegram import updates

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


@dataclass
class RoundTrips:
    """How often this process has waited for the database."""

    count: int = 0


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> RoundTrips:
    trips, wait = RoundTrips(), psycopg.Connection.wait

    def wait_and_count(connection: psycopg.Connection[Any], *arguments: Any, **options: Any) -> Any:
        trips.count += 1
        return wait(connection, *arguments, **options)

    monkeypatch.setattr(psycopg.Connection, "wait", wait_and_count)
    return trips


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch, trips: RoundTrips) -> Iterator[list[int]]:
    """The round trips of each turn that is answered meanwhile."""
    turns: list[int] = []
    answer_one = Worker._answer_one

    def answer_and_count(worker: Worker, claim: Claim) -> Turn | None:
        before = trips.count
        turn = answer_one(worker, claim)
        turns.append(trips.count - before)
        return turn

    monkeypatch.setattr(Worker, "_answer_one", answer_and_count)
    yield turns


def test_turns_need_few_round_trips(clinic: DemoClinic, monkeypatch: pytest.MonkeyPatch, trips: RoundTrips) -> None:
    clinic.say("web", "guest", "hello")  # so that the directory is known
    with counted(monkeypatch, trips) as turns:
        for text, _ in CHAT:
            clinic.say("web", "guest", text)
    needed = dict(zip((text for text, _ in CHAT), turns, strict=True))
    assert {text: (needed[text], most) for text, most in CHAT if needed[text] > most} == {}


UPDATE = 4  # BEGIN, where they live, the row itself, COMMIT


def test_an_update_of_somebody_known_is_kept_in_few_round_trips(clinic: DemoClinic, trips: RoundTrips) -> None:
    amy = updates.user(42)
    mailbox = Mailbox(clinic.engine, VAULT, SilentBell())
    needed = []
    for number in (1, 2, 3, 3):  # the first one makes her a home, and the last one is a repeat
        message = updates.message(number, amy, updates.private_chat(amy), 1773064500, updates.text("hello"))
        before = trips.count
        mailbox.take("123456", json.dumps(updates.update(number, message=message)).encode())
        needed.append(trips.count - before)
    assert needed[1:] == [UPDATE, UPDATE, UPDATE]


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
