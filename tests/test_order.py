"""Whoever writes is answered in order, once, however many write at once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from core.database import transaction
from tests.factories import Person, Practice
from tests.processes import running
from tests.workers import wait_until_all_is_answered, workers

CHATS, MESSAGES, WORKERS = 200, 3, 2


def spoken(practice: Practice) -> dict[int, list[Any]]:
    """What was said in each conversation, in its order: a message by its id, an answer as None."""
    lines = practice.sql(
        """
        SELECT conversation_id, seq, split_part(external_id, ':', 2) AS said FROM inbox
        UNION ALL SELECT conversation_id, seq, NULL FROM outbox ORDER BY conversation_id, seq
        """
    )
    chats: dict[int, list[Any]] = {}
    for line in lines:
        chats.setdefault(line.conversation_id, []).append(line.said)
    return chats


def test_three_answers_in_one_millisecond_answer_three_questions(practice: Practice) -> None:
    """Name, birth date and address forwarded at once are not three times the name."""
    practice.start_clock()
    somebody = practice.newcomer()
    somebody.tap(somebody.offer(practice.slot("14:00")), "tap")
    with transaction(practice.engine) as session:
        for n, text in enumerate(("Zoe Quill", "3 May 1990", "zoe@example.com")):
            somebody.say(session, text, f"m{n}")

    with workers(practice, WORKERS):
        wait_until_all_is_answered(practice)

    assert spoken(practice) == {somebody.home.conversation_id: [None, "tap", None, "m0", None, "m1", None, "m2", None]}
    assert [happened.event for reply in somebody.replies for happened in reply.happened] == ["held", "booked"]
    assert practice.sql("SELECT status, patient_id FROM appointments") == [("booked", 1)]
    assert practice.broken_promises() == {}


def test_two_workers_answer_two_hundred_chats_in_order_and_nobody_twice(practice: Practice) -> None:
    people = [practice.person() for _ in range(CHATS)]
    texts = ("hello", "opening hours?", "where are you?")
    at_once = Barrier(8)

    def write(crowd: list[Person]) -> None:
        at_once.wait()
        for n in range(MESSAGES):
            for person in crowd:
                with transaction(practice.engine) as session:
                    person.say(session, texts[n], f"m{n}")

    with running(practice.engine, *["worker"] * WORKERS), ThreadPoolExecutor(8) as pool:
        list(pool.map(write, (people[n::8] for n in range(8))))
        wait_until_all_is_answered(practice)

    in_order = ["m0", None, "m1", None, "m2", None]
    assert spoken(practice) == {person.home.conversation_id: in_order for person in people}
    assert practice.sql(
        "SELECT DISTINCT status, attempts FROM inbox JOIN conversations c ON c.id = conversation_id"
    ) == [("answered", 0)]
    assert practice.broken_promises() == {}
