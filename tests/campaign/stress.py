"""The sender under stress: many chats answered by several workers, delivered by several senders through a vendor who is slow.

    python -m tests.campaign.stress

One more sender dies at work. Every chat's replies must come in order, one in flight per address, nothing twice, nothing lost but for the
one reply of which nobody can tell: it is *unknown*.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from core.database import open_engine, transaction
from frontdesk import verify
from frontdesk.verify import Sent
from tests import databases, factories
from tests.demo_clinic import VAULT
from tests.factories import Person, Practice, wait_for
from tests.fakes.recording import CHANNEL
from tests.processes import start

TEXTS = ("hello", "opening hours?", "where are you?", "my visits", "thanks")
WRITERS = 8  # threads in which messages come in
LEASES = 3  # seconds that an address waits when its sender has died

UNFINISHED = """
SELECT 1 FROM inbox WHERE status = 'new' UNION ALL SELECT 1 FROM outbox WHERE status IN ('due', 'sending') LIMIT 1
"""
STATUSES = "SELECT status, count(*) FROM outbox GROUP BY status ORDER BY status"


@dataclass(frozen=True)
class Load:
    """How many write how much, and who answers."""

    chats: int = 200
    messages: int = 20
    workers: int = 4
    senders: int = 4
    takes: float = 0.02  # seconds until the vendor answers


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    statuses: dict[str, int]  # of the replies
    seconds: float
    broken: tuple[str, ...]

    def as_table(self) -> str:
        """All of it, for people."""
        replies = sum(self.statuses.values())
        facts = {**self.statuses, "seconds": self.seconds, "replies a second": replies / self.seconds}
        lines = [f"{name:<20}{value:>8.0f}" for name, value in facts.items()]
        return "\n".join(
            [*lines, *(f"BROKEN: {flaw}" for flaw in self.broken), *([] if self.broken else ["All promises hold."])]
        )


def stress(practice: Practice, load: Load, ledger: Path) -> Outcome:
    """All write at once; returns when everything has been delivered."""
    ledger.touch()
    people = [practice.person(f"number {n}", CHANNEL) for n in range(load.chats)]

    def write(crowd: list[Person]) -> None:
        for n in range(load.messages):
            for person in crowd:
                person.write(TEXTS[n % len(TEXTS)])

    began = time.monotonic()
    with _at_work(practice, load, ledger), ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, (people[n::WRITERS] for n in range(WRITERS))))
        wait_for(lambda: not practice.sql(UNFINISHED), seconds=600)
    return _outcome(practice, load, ledger, time.monotonic() - began)


@contextmanager
def _at_work(practice: Practice, load: Load, ledger: Path) -> Iterator[None]:
    """So many workers and senders, and one more sender that dies at its tenth message."""
    words = (str(ledger), "--takes", str(load.takes), "--leases", str(LEASES))

    def begin(role: str, failpoint: str = "") -> "subprocess.Popen[bytes]":
        return start(practice.engine, "tests.fakes.recording", role, *words, failpoint=failpoint)

    doomed = begin("sender", "send.before_settle:kill:10")
    processes = [begin(role) for role in ["worker"] * load.workers + ["sender"] * load.senders]
    try:
        yield
    finally:
        for process in (doomed, *processes):
            process.terminate()
        for process in (doomed, *processes):
            process.wait(20)


def _outcome(practice: Practice, load: Load, ledger: Path, seconds: float) -> Outcome:
    sent = verify.read_ledger(ledger)
    with transaction(practice.engine) as session:
        found = verify.check(session, VAULT, ledger=sent)
    statuses = {row.status: row.count for row in practice.sql(STATUSES)}
    broken = [f"{name} {flaw}" for name, finding in found.items() for flaw in finding.broken]
    broken += _too_close(sent, load.takes)
    if sum(statuses.values()) != load.chats * load.messages:
        broken.append(f"{load.chats * load.messages} messages have {sum(statuses.values())} replies")
    return Outcome(statuses, seconds, tuple(broken))


def _too_close(sent: list[Sent], takes: float) -> Iterator[str]:
    """A message that was handed over before the one before it, to the same address, can have been answered."""
    by_address = defaultdict(list)
    for each in sent:
        by_address[each.address_key].append(each)
    for of_address in by_address.values():
        for earlier, later in pairwise(of_address):
            if (datetime.fromisoformat(later.at) - datetime.fromisoformat(earlier.at)).total_seconds() < takes:
                yield f"{later.outbox_id} was in flight beside {earlier.outbox_id}"


def main() -> None:
    """Run at full size, on a server of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in vars(Load()).items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    load = Load(**vars(parser.parse_args()))
    databases.begin_run()
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        stack.callback(databases.end_run)
        server = databases.server_url()
        engine = open_engine(databases.create_database(server, template=databases.migrated_template(server)))
        stack.callback(engine.dispose)
        outcome = stress(factories.practice(engine, VAULT), load, Path(folder) / "ledger")
    print(outcome.as_table())
    sys.exit(1 if outcome.broken else 0)


if __name__ == "__main__":
    main()
