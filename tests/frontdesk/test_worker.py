"""Answering the inbox: everybody once and in order, whatever goes wrong with one of them."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from core.database import UNAVAILABLE
from frontdesk.worker import Worker
from tests.factories import Person, Practice
from tests.fakes.recording import CHANNEL, Recording


@pytest.fixture
def recording() -> Recording:
    return Recording()


@pytest.fixture
def start(practice: Practice, recording: Recording) -> Callable[[], Worker]:
    """Starts another worker."""
    return lambda: Worker(practice.engine, practice.vault, channels=recording.channels)


@pytest.fixture
def worker(start: Callable[[], Worker]) -> Worker:
    return start()


@pytest.fixture
def amy(practice: Practice) -> Person:
    return practice.person("amy", CHANNEL)


@pytest.fixture
def ben(practice: Practice) -> Person:
    return practice.person("ben", CHANNEL)


class Died(BaseException):
    """The worker's process is gone, in the middle of whatever it did."""


def raises(error: type[BaseException], text: str = "trouble", times: int = 99) -> Callable[[str], None]:
    """What is heard in the message `text` goes wrong, so many times."""
    left = [error] * times

    def hear(heard: str) -> None:
        if heard == text and left:
            raise left.pop()

    return hear


def later(practice: Practice) -> None:
    """The pauses between attempts are over, and leases of the dead have run out."""
    practice.sql("UPDATE conversations SET not_before = '-infinity', leased_until = '-infinity'")


def messages(practice: Practice, person: Person) -> list[str]:
    """What became of this person's messages, in order."""
    rows = practice.sql("SELECT status FROM inbox WHERE address_id = %(id)s ORDER BY id", id=person.home.address_id)
    return [row.status for row in rows]


def handoffs(practice: Practice) -> list[Any]:
    return practice.sql("SELECT conversation_id, reason FROM handoffs WHERE closed_at IS NULL")


def test_messages_are_answered_in_the_order_in_which_they_came(practice: Practice, worker: Worker, amy: Person) -> None:
    for n in range(3):
        amy.write("hello", f"m{n}")
    assert worker.answer_waiting() == 3
    order = practice.sql("SELECT seq, external_id FROM inbox UNION ALL SELECT seq, 'answer' FROM outbox ORDER BY seq")
    assert [said for _, said in order] == ["m0", "answer", "m1", "answer", "m2", "answer"]


def test_a_message_that_fails_three_times_is_put_aside_and_the_chat_goes_on(
    practice: Practice, worker: Worker, recording: Recording, amy: Person
) -> None:
    recording.hear = raises(ValueError)
    amy.write("trouble")
    amy.write("hello")
    worker.answer_waiting()
    for _ in range(2):
        assert messages(practice, amy) == ["new", "new"]
        assert amy.answers == []
        later(practice)
        worker.retry_failed()
    assert messages(practice, amy) == ["aside", "answered"]
    assert len(amy.answers) == 2
    assert amy.answers[0] == "error.aside"
    assert handoffs(practice) == [(amy.home.conversation_id, "aside")]


def test_attempts_are_spaced_out(practice: Practice, worker: Worker, recording: Recording, amy: Person) -> None:
    recording.hear = raises(ValueError)
    amy.write("trouble")
    worker.answer_waiting()
    assert worker.retry_failed() == worker.answer_waiting() == 0
    assert practice.sql("SELECT attempts, not_before > clock_timestamp() FROM conversations WHERE attempts > 0") == [
        (1, True)
    ]


def test_a_failed_attempt_leaves_nothing_behind(
    practice: Practice, worker: Worker, recording: Recording, amy: Person
) -> None:
    recording.hear = raises(ValueError, times=1)
    amy.write("trouble")
    worker.answer_waiting()
    later(practice)
    assert worker.retry_failed() == 1
    assert messages(practice, amy) == ["answered"]
    assert len(amy.answers) == 1
    assert practice.sql("SELECT attempts FROM conversations WHERE id = %(id)s", id=amy.home.conversation_id) == [(0,)]


def test_a_message_that_kills_its_worker_is_put_aside_after_three_deaths(
    practice: Practice, start: Callable[[], Worker], recording: Recording, amy: Person, ben: Person
) -> None:
    recording.hear = raises(Died)
    amy.write("trouble")
    amy.write("hello")
    ben.write("hello")  # claimed together with amy the first time
    deaths = 0
    for round_ in range(6):
        worker = start()
        late = practice.person(f"number {round_}", CHANNEL)
        late.write("hello")
        try:
            assert worker.answer_waiting() == 1 or round_ == 0
            while worker.retry_failed():
                pass
        except Died:
            deaths += 1
        if round_:
            assert len(late.answers) == 1  # nobody waits for what failed before
        later(practice)
    assert deaths == 3
    assert messages(practice, amy) == ["aside", "answered"]
    assert amy.answers[0] == "error.aside"
    assert len(ben.answers) == 1
    assert handoffs(practice) == [(amy.home.conversation_id, "aside")]


def test_a_message_that_cannot_be_opened_is_put_aside(practice: Practice, worker: Worker, amy: Person) -> None:
    amy.write("hello")
    practice.sql("UPDATE inbox SET body = 'damaged'")
    amy.write("hello")
    worker.answer_waiting()
    for _ in range(2):
        later(practice)
        worker.retry_failed()
    assert messages(practice, amy) == ["aside", "answered"]


def test_a_message_whose_statement_takes_too_long_is_put_aside_like_any_other(
    practice: Practice, worker: Worker, recording: Recording, amy: Person
) -> None:
    recording.hear = raises(psycopg.errors.QueryCanceled)
    amy.write("trouble")
    worker.answer_waiting()
    for _ in range(2):
        later(practice)
        worker.retry_failed()
    assert messages(practice, amy) == ["aside"]


@pytest.mark.parametrize("error", [psycopg.errors.DeadlockDetected, psycopg.errors.LockNotAvailable])
def test_a_lost_race_for_locks_is_not_held_against_the_message(
    practice: Practice, worker: Worker, recording: Recording, amy: Person, error: type[Exception]
) -> None:
    recording.hear = raises(error, times=5)
    amy.write("trouble")
    for _ in range(5):
        assert worker.answer_waiting() == 0
        later(practice)
    assert worker.answer_waiting() == 1
    assert len(amy.answers) == 1
    assert handoffs(practice) == []


def test_a_lost_connection_is_not_held_against_anybody(
    practice: Practice, worker: Worker, recording: Recording, amy: Person, ben: Person
) -> None:
    def cut(_: str) -> None:
        recording.hear = lambda _: None
        practice.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND state = 'idle in transaction'"
        )

    recording.hear = cut
    for person in (amy, ben):
        person.write("hello")
    with pytest.raises(UNAVAILABLE):
        worker.answer_waiting()
    assert worker.answer_waiting() == 2  # at once: nobody waits for a lease to run out
    assert [len(person.answers) for person in (amy, ben)] == [1, 1]


def test_a_worker_that_is_told_to_stop_finishes_its_message_and_gives_the_rest_back(
    practice: Practice, start: Callable[[], Worker], recording: Recording, amy: Person, ben: Person
) -> None:
    for person in (amy, amy, ben):
        person.write("hello")
    stopped, next_one = start(), start()
    recording.hear = lambda _: stopped.stopping.set()
    assert stopped.answer_waiting() == 1
    assert next_one.answer_waiting() == 2
    assert [len(person.answers) for person in (amy, ben)] == [2, 1]


def test_a_zombie_answers_nobody(practice: Practice, start: Callable[[], Worker], amy: Person, ben: Person) -> None:
    for person in (amy, ben):
        person.write("hello")
    zombie, heir = start(), start()
    claims = zombie._claim()
    later(practice)
    assert heir.retry_failed() + heir.retry_failed() == 2
    assert zombie._answer_all(claims) == 0
    assert [len(person.answers) for person in (amy, ben)] == [1, 1]


def test_a_worker_that_loses_its_lease_between_two_messages_stops_there(
    practice: Practice, start: Callable[[], Worker], recording: Recording, amy: Person
) -> None:
    """Frozen after its first answer, it wakes up when somebody else has given the second one."""
    zombie, heir = start(), start()
    heirs_answers: list[int] = []

    class Frozen(threading.Event):
        """Asked before each message; the second time the worker has slept for long."""

        asked = 0

        def is_set(self) -> bool:
            self.asked += 1
            if self.asked == 3:  # before the claim, the first message, the second message
                later(practice)
                heirs_answers.append(heir.retry_failed())
            return False

    zombie.stopping = Frozen()
    for _ in range(2):
        amy.write("hello")
    assert zombie.answer_waiting() == 1
    assert heirs_answers == [1]
    assert len(amy.answers) == 2


def test_a_demo_clinic_is_silent_on_a_real_channel_unless_told(practice: Practice) -> None:
    practice.sql("UPDATE organization SET is_demo = true, directory_version = directory_version + 1")
    vendor, amy = Recording(), practice.newcomer("amy", CHANNEL)
    amy.write("hello")
    assert Worker(practice.engine, practice.vault, channels=vendor.channels).answer_waiting() == 1
    assert amy.answers == []
    amy.write("hello")
    Worker(practice.engine, practice.vault, channels=vendor.channels, answers_for_demo=True).answer_waiting()
    assert amy.answers == ["demo"]
    assert practice.broken_promises() == {}
