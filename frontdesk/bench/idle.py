"""How soon a reply comes while a thousand pages lie open, and while one address storms; what both cost the web process."""

import multiprocessing
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from core.config import Settings
from core.database import open_engine, run, transaction
from frontdesk.bench.chats import latencies, serving
from frontdesk.bench.figures import Figure, ratio
from frontdesk.bench.http import Visitor, Wire
from frontdesk.bench.processes import memory

_PAGES = 1000
_PACE = 15  # seconds between two looks of an open page: SLOW in chat.js
_LOOKERS = 4  # threads that look for all pages
_STORM = 100  # connections of the one address
_STORM_PAGE = b'{"id": "%d-%d-storm", "text": "storm"}'


def measure(settings: Settings, *, quick: bool) -> Iterator[Figure]:
    """Every page is somebody who said something once and left the page open, at an address of their own."""
    seconds = _PACE if quick else 4 * _PACE
    with serving(settings, "frontdesk web", "frontdesk worker") as (own, (web, _)):
        port = own.http_port
        pages = [Visitor(200_000 + number) for number in range(_PAGES)]
        with Wire(port) as wire:
            for page in pages:
                page.say(wire, "hello")
        quiet = _reply(port, seconds)
        before = memory(web.pid)
        with _open(port, pages) as looks:
            time.sleep(_PACE)  # all have looked once
            idle = _reply(port, seconds)
            connections = _connections(own)
        looked = looks()
        storm_before = memory(web.pid)
        with _storming(port) as refused:
            stormy = _reply(port, seconds)
        after = memory(web.pid)
    yield ratio(
        "idle.reply",
        idle,
        quiet,
        f"p50 of a reply while {_PAGES} pages lie open / on the quiet server",
        details={"ms": idle, "quiet ms": quiet, "looks a second": looked, "connections to the database": connections},
    )
    yield ratio(
        "idle.memory", storm_before, before, "megabytes of web with those pages / before", details={"MB": before}
    )
    yield ratio(
        "storm.reply",
        stormy,
        quiet,
        "p50 of a reply to others while one address storms / on the quiet server",
        details={"ms": stormy, "storm requests a second": refused() / seconds},
    )
    yield ratio("storm.memory", after, storm_before, "megabytes of web after the storm / before", details={"MB": after})


def _reply(port: int, seconds: int) -> float:
    return statistics.median(latencies(port, rate=4, count=4 * seconds))


def _connections(settings: Settings) -> int:
    """How many connections to the database there are, the workers' included."""
    engine = open_engine(settings.database_url, pool_size=1)
    with transaction(engine) as session:
        statement = "SELECT count(*) AS there FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        row = run(session, statement).fetchone()
    engine.dispose()
    assert row is not None
    return int(row.there)


@contextmanager
def _open(port: int, pages: list[Visitor]) -> Iterator[Callable[[], float]]:
    """These pages look for news at their pace, evenly spread; yields how many looks there were a second."""
    closed = threading.Event()
    looks = [0] * _LOOKERS
    began = time.monotonic()

    def look(looker: int) -> None:
        due = time.monotonic()
        while not closed.is_set():
            for page in pages[looker::_LOOKERS]:
                if closed.wait(max(0, due - time.monotonic())):
                    break
                with Wire(port) as wire:  # kept connections end sooner than the next look comes
                    page.poll(wire)
                looks[looker] += 1
                due += _PACE / (len(pages) / _LOOKERS)

    threads = [threading.Thread(target=look, args=(looker,)) for looker in range(_LOOKERS)]
    for thread in threads:
        thread.start()
    try:
        yield lambda: sum(looks) / (time.monotonic() - began)
    finally:
        closed.set()
        for thread in threads:
            thread.join()


@contextmanager
def _storming(port: int) -> Iterator[Callable[[], int]]:
    """One address posts as fast as it can, each time as somebody else; yields how many were answered."""
    context = multiprocessing.get_context("spawn")
    closed, answered = context.Event(), context.Value("q", 0)
    storm = context.Process(target=_storm, args=(port, closed, answered), daemon=True)
    storm.start()
    time.sleep(2)
    answered.value = 0
    try:
        yield lambda: int(answered.value)
    finally:
        closed.set()
        storm.join()


def _storm(port: int, closed: "threading.Event", answered: "multiprocessing.sharedctypes.Synchronized[int]") -> None:
    def post(number: int) -> None:
        with Wire(port) as wire:
            for count in range(10**9):
                if closed.is_set():
                    break
                with suppress(RuntimeError):
                    wire.post("/chat/messages", _STORM_PAGE % (number, count), "X-Forwarded-For: 198.51.100.1\r\n")
                answered.value += 1  # about as many as there were

    threads = [threading.Thread(target=post, args=(number,)) for number in range(_STORM)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
