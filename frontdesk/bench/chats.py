"""Messages a second from HTTP to the outbox and to settled, and how soon one reply comes at twenty messages a second."""

import itertools
import statistics
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

from core.config import Settings
from core.database import open_engine, run, transaction
from frontdesk.bench.figures import Figure, percentile, ratio
from frontdesk.bench.http import Visitor, Wire
from frontdesk.moving_in import prepare
from frontdesk.own_place import free_port, listens, own_database, processes, until

# A newcomer books, asks and looks. Doctors take turns, so that times do not run out.
_WISHES = ("skin doctor", "kids doctor", "teeth cleaning", "eye exam", "Dr Patel", "Dr Becker")
_LINES = (
    "hello",
    "{} on Thursday",
    "1",
    "where are you?",
    "Mia Stone, born 4 July 2001",
    "mia@example.com",
    "my visits",
    "thank you",
)
_CONNECTIONS = 8  # as many as the server has threads
_CHATS_AT_20 = 40  # so that nobody types faster than the limits allow
_RATE = 20  # messages a second while one reply is timed

Play = Callable[[Wire, int], int]


def measure(settings: Settings, *, quick: bool) -> Iterator[Figure]:
    """Everything on this machine, the load generator too: ratios count."""
    seconds = 3 if quick else 12
    with serving(settings, "frontdesk.bench.echo") as (own, _):
        echo = _rate(own.http_port, seconds, _echo)
    with serving(settings, "frontdesk web", "frontdesk worker", "frontdesk worker") as (own, _):
        engine = open_engine(own.database_url, pool_size=1)
        _rate(own.http_port, 2, _chat)  # warm
        before = _replies(own)
        began = time.monotonic()
        _rate(own.http_port, seconds, _chat)
        lasted = time.monotonic() - began
        owed, settled = (after - earlier for after, earlier in zip(_replies(own), before, strict=True))
        engine.dispose()
        quiet = latencies(own.http_port, rate=4, count=20 if quick else 60)
        busy = latencies(own.http_port, rate=_RATE, count=_RATE * seconds)
    details = {"a second": owed / lasted, "echoes a second": echo}
    yield ratio(
        "messages.outbox",
        owed / lasted,
        echo,
        "replies in the outbox a second, from HTTP, with 2 workers / echoes a second of the same server",
        goal=0.06,
        bound="least",
        details=details,
    )
    yield ratio(
        "messages.settled",
        settled / lasted,
        echo,
        "replies that their reader has settled a second / echoes a second of the same server",
        goal=0.045,
        bound="least",
        details={"a second": settled / lasted},
    )
    p50, p95, alone = statistics.median(busy), percentile(busy, 95), statistics.median(quiet)
    yield Figure(
        "reply.p50_ms", p50, f"milliseconds from the post to its reply at {_RATE} messages a second, p50", goal=60
    )
    yield Figure("reply.p95_ms", p95, "the same, p95", goal=150)
    yield ratio(
        "reply.busy_to_quiet", p50, alone, "that p50 / p50 of four messages a second", details={"quiet p50, ms": alone}
    )


@contextmanager
def serving(settings: Settings, *commands: str) -> Iterator[tuple[Settings, list["subprocess.Popen[bytes]"]]]:
    """The demo clinic behind these processes, on a port of its own."""
    quietly = replace(settings, http_port=free_port(), trusted_proxies=1, log_level="error")
    with own_database(quietly, "bench") as own:
        prepare(own, own.database_url)
        with processes(own, *commands) as started:
            until(lambda: listens(own.http_port), "The start of the web process")
            yield own, started


def _rate(port: int, seconds: float, play: Play) -> float:
    """Posts a second over all connections."""
    numbers = itertools.count(1)
    until_then = time.monotonic() + seconds

    def keep_on(_: int) -> int:
        done = 0
        with Wire(port) as wire:
            while time.monotonic() < until_then:
                done += play(wire, next(numbers))
        return done

    began = time.monotonic()
    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        posts = sum(pool.map(keep_on, range(_CONNECTIONS)))
    return posts / (time.monotonic() - began)


def _echo(wire: Wire, _number: int) -> int:
    wire.post("/echo", b'{"chat": "0123456789abcdef", "after": 12, "id": "0123456789ab", "text": "where are you?"}')
    return 1


def _chat(wire: Wire, number: int) -> int:
    visitor = Visitor(number)
    wish = _WISHES[number % len(_WISHES)]
    for line in _LINES:
        _say(visitor, wire, line.format(wish))
    visitor.poll(wire)
    return len(_LINES)


def _say(visitor: Visitor, wire: Wire, text: str) -> None:
    """A line, and all patience for its reply."""
    answered = visitor.say(wire, text)
    while not answered:
        time.sleep(0.02)
        answered = visitor.poll(wire)


def _replies(settings: Settings) -> tuple[int, int]:
    """How many are in the outbox, and how many of those are settled."""
    engine = open_engine(settings.database_url, pool_size=1)
    with transaction(engine) as session:
        row = run(
            session, "SELECT count(*) AS owed, count(*) FILTER (WHERE status = 'sent') AS settled FROM outbox"
        ).fetchone()
    engine.dispose()
    assert row is not None
    return row[0], row[1]


def latencies(port: int, rate: int, count: int) -> list[float]:
    """Milliseconds until each reply, of so many messages a second; a message is late when its turn comes late."""
    visitors = [Visitor(100_000 + rate * 1000 + number) for number in range(_CHATS_AT_20)]
    wires = threading.local()
    begins = time.monotonic() + 0.1

    def one(number: int) -> float:
        if not hasattr(wires, "wire"):
            wires.wire = Wire(port)
        due = begins + number / rate
        time.sleep(max(0, due - time.monotonic()))
        _say(visitors[number % len(visitors)], wires.wire, _LINES[3] if number % 2 else "my visits")
        return (time.monotonic() - due) * 1000

    with ThreadPoolExecutor(_CONNECTIONS) as pool:
        return list(pool.map(one, range(count)))[rate:]  # not the first second
