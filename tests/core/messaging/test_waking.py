"""Who waits for work is woken at once, and by the clock when a bell was lost."""

from collections.abc import Iterator
from statistics import median
from time import monotonic

import pytest

from core.database import listening_connection
from core.messaging import waking
from core.messaging.waking import Bell, Ear
from tests import databases
from tests.factories import wait_for

LONG = 20.0  # seconds: whoever comes back from a wait much sooner was woken


@pytest.fixture(scope="module")
def url(server_url: str) -> Iterator[str]:
    """A database for bells; nothing is stored in it."""
    url = databases.create_database(server_url)
    yield url
    databases.drop_database(url)


@pytest.fixture(scope="module")
def bell(url: str) -> Iterator[Bell]:
    bell = Bell(url)
    yield bell
    bell.close()


@pytest.fixture(scope="module")
def ear(url: str) -> Iterator[Ear]:
    ear = listening(url)
    yield ear
    ear.close()


def listening(url: str) -> Ear:
    """An ear that is connected: it says so by one ring."""
    ear = Ear(url, "inbox")
    wait_for(lambda: ear.rings)
    return ear


def seconds_to_wake(bell: Bell, ear: Ear) -> float:
    heard, start = ear.rings, monotonic()
    bell.ring("inbox")
    ear.wait(heard, LONG)
    return monotonic() - start


def test_a_bell_wakes_within_a_blink(bell: Bell, ear: Ear) -> None:
    took = median(seconds_to_wake(bell, ear) for _ in range(9))
    assert took < LONG / 100, took
    print(f"woken after {took * 1000:.1f} ms")


def test_every_process_hears_it(bell: Bell, ear: Ear, url: str) -> None:
    other = listening(url)
    heard = ear.rings, other.rings
    bell.ring("inbox")
    wait_for(lambda: ear.rings > heard[0] and other.rings > heard[1])
    other.close()


def test_a_ring_between_looking_and_waiting_is_not_missed(bell: Bell, ear: Ear) -> None:
    heard = ear.rings  # taken before one looks at the queue
    bell.ring("inbox")
    wait_for(lambda: ear.rings > heard)
    start = monotonic()
    ear.wait(heard, LONG)
    assert monotonic() - start < LONG / 10


def test_many_rings_are_few_notifications(bell: Bell, ear: Ear) -> None:
    before, start = ear.rings, monotonic()
    for _ in range(2000):
        bell.ring("inbox")
    assert seconds_to_wake(bell, ear) < LONG / 10
    assert ear.rings - before <= (monotonic() - start) / waking.PAUSE + 2


def test_another_topic_wakes_nobody(bell: Bell, ear: Ear) -> None:
    before = ear.rings
    bell.ring("outbox")
    bell.ring("inbox")
    wait_for(lambda: ear.rings > before)
    assert ear.rings == before + 1


def test_a_lost_bell_is_caught_by_the_tick(ear: Ear) -> None:
    heard, start = ear.rings, monotonic()
    ear.wait(heard, seconds=0.05)
    assert 0.04 < monotonic() - start < LONG / 10
    assert ear.rings == heard
    assert waking.TICK <= 1


def test_ringing_neither_waits_nor_fails_while_the_database_is_away() -> None:
    bell = Bell("postgresql://nobody@127.0.0.1:1/nothing")
    start = monotonic()
    bell.ring("inbox")
    assert monotonic() - start < LONG / 10
    bell.close()


def test_bell_and_ear_find_each_other_again_after_their_connections_were_cut(bell: Bell, ear: Ear, url: str) -> None:
    with listening_connection(url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    heard = ear.rings
    wait_for(lambda: ear.rings > heard)  # connected again: whatever it missed is looked for now

    def rings_until_heard() -> bool:
        bell.ring("inbox")  # the first one may be lost, and tells the bell that it must connect again
        return ear.rings > heard + 1

    wait_for(rings_until_heard)


def test_closing_ends_a_wait(url: str) -> None:
    ear = listening(url)
    ear.close()
    start = monotonic()
    ear.wait(ear.rings, LONG)
    assert monotonic() - start < LONG / 10
