"""What a turn costs the worker's processor, against raw psycopg that reads and writes the same rows in six round trips."""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from uuid import uuid4

import psycopg

from bot.understanding import understand
from bot.understanding.meaning import Context
from channels import reading, terminal
from channels.reading import Written
from channels.rendering import NUMBERS
from core.config import Settings
from core.database import connect_arguments, open_engine, transaction
from core.messaging.inbox import Home, Sender
from core.scheduling.directory import Directory
from frontdesk.bench.figures import Figure, ratio
from frontdesk.moving_in import prepare
from frontdesk.own_place import own_database
from frontdesk.worker import Worker

# What needs nothing to be looked up, and what makes us look for times: each with what is told apart in the figures.
_LINES = {"plain": "where are you?", "offer": "skin doctor on Monday morning"}
_CHATS = 16  # as many as a worker claims at once

# With BEGIN and COMMIT six round trips: the conversation, its message, the reply, the state.
_BASELINE = (
    """SELECT c.state, c.last_seq, k.wrapped FROM conversations c JOIN data_keys k ON k.id = c.data_key_id
       WHERE c.id = %(id)s FOR NO KEY UPDATE OF c""",
    "SELECT id, body FROM inbox WHERE conversation_id = %(id)s ORDER BY id DESC LIMIT 2",
    "INSERT INTO outbox (conversation_id, address_id, channel, seq, payload) VALUES (%(id)s, %(address)s, 'bench', 0, %(payload)s)",
    "UPDATE conversations SET state = %(payload)s, version = version + 1 WHERE id = %(id)s",
)


def measure(settings: Settings, *, quick: bool) -> Iterator[Figure]:
    """Processor time of this process; the database's own is not in it."""
    with own_database(settings, "bench") as own:
        prepare(own, own.database_url)
        engine = open_engine(own.database_url, pool_size=2)
        worker = Worker(engine, own.vault)
        with transaction(engine) as session:
            known = worker.directory.current(session)
        homes = [_write(worker, f"baseline-{number}", "hello") for number in range(_CHATS)]
        worker.answer_waiting()
        spent: dict[str, list[float]] = {"plain": [], "offer": [], "understanding": [], "baseline": []}
        with psycopg.connect(own.database_url, **connect_arguments()) as connection:
            for repeat in range(10 if quick else 40):
                for kind, line in _LINES.items():
                    for number in range(_CHATS):
                        _write(worker, f"{kind}-{repeat}-{number}", line)
                    spent[kind].append(_spent(worker.answer_waiting, _CHATS))
                spent["understanding"].append(_spent(partial(_understand, _LINES["plain"], known)))
                spent["baseline"].append(_spent(partial(_baseline, connection, homes)))
        engine.dispose()
    plain, offer, words, baseline = (statistics.median(each) for each in spent.values())
    six = "raw psycopg in six round trips"
    details = {"a turn, ms": plain, "understanding, ms": words, "baseline, ms": baseline}
    yield ratio(
        "turn.plain",
        plain - words,
        baseline,
        f"client processor time of a turn that looks nothing up, but for understanding its words / {six}",
        goal=1.7,
        details=details,
    )
    yield ratio("turn.plain_with_words", plain, baseline, f"the same with understanding / {six}")
    yield ratio("turn.offer", offer, baseline, f"a turn that finds three times, with understanding / {six}")


def _spent(work: Callable[[], object], expected: object = None) -> float:
    """Milliseconds of processor time for each chat."""
    began = time.process_time()
    done = work()
    spent = time.process_time() - began
    assert done == expected, "not every message was answered"
    return spent * 1000 / _CHATS


def _write(worker: Worker, address: str, text: str) -> Home:
    with transaction(worker.engine) as session:
        return reading.store(
            session, worker.vault, Sender(terminal.CHANNEL, NUMBERS, address), uuid4().hex, Written(text), seen=0
        )


def _understand(line: str, known: Directory) -> None:
    noon = datetime(2026, 3, 9, 12)  # noqa: DTZ001 - local, as patients say it
    for _ in range(_CHATS):
        understand(line, Context(noon, known, "en", opens=known.opens, closes=known.closes))


def _baseline(connection: "psycopg.Connection[tuple[object, ...]]", homes: list[Home]) -> None:
    for home in homes:
        values = {"id": home.conversation_id, "address": home.address_id, "payload": b"x" * 400}
        for statement in _BASELINE:
            cursor = connection.execute(statement.encode(), values)
            if cursor.description:
                cursor.fetchall()
        connection.commit()
