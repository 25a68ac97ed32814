"""Killed at any point: patients chat while processes die at every named place, the database is stopped hard and connections are cut.

    python -m tests.campaign.campaign --kills 200 --seed 7

Afterwards `verify` and the ledger of the recording vendor say whether a message was lost, an effect came twice, or a conversation is stuck.
What is done, and in which order, follows from the seed; what it meets does not, as the processes are real.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain, count, islice
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from core.compliance import seals
from core.config import Settings, as_environment
from core.database import UNAVAILABLE, migrate, open_engine, run, transaction
from frontdesk import embedded_postgres, lifeline, verify
from frontdesk.ports import is_healthy
from tests import factories
from tests.campaign.patients import Patient, VendorPatient, WebPatient
from tests.demo_clinic import VAULT
from tests.factories import Practice
from tests.processes import ROOT

FAILPOINTS = {
    "web": ("inbox.before_store", "inbox.after_commit"),
    "worker": (
        *("worker.after_claim", "turn.after_lock", "turn.before_dialog"),
        *("hold.after_insert", "book.after_insert", "move.after_update", "cancel.after_update"),
        *("turn.before_write", "outbox.before_insert", "turn.before_commit", "turn.after_commit"),
        "tick.before_commit",
    ),
    "sender": ("send.after_claim", "send.before_settle", "send.after_settle"),
}
"""Every named place, by the process that passes it while patients chat."""

KILLED_ELSEWHERE = {
    "remind.before_commit",
    "remind.after_commit",
}  # tests/frontdesk/test_reminding.py: here nothing falls due

PROCESSES = {"web": 1, "worker": 2, "sender": 2}
VISITS = {"web": (1, 10, 30), "worker": (1, 1, 2, 4), "sender": (1, 2, 4)}  # on which of them a process dies
IMPATIENCE = 8  # seconds that a process may avoid its end; then it is killed wherever it is
RECOVERY = 60  # seconds that whoever was talking to a dead process may wait


@dataclass(frozen=True)
class Plan:
    """What is to happen. `leases` are in seconds; None leaves them as they are in production."""

    kills: int
    seed: int
    patients: int = 20
    leases: float | None = None
    stop_every: int = 12  # kills between two hard stops of PostgreSQL
    cut_every: int = 5  # kills between two cuts of connections


@dataclass
class Report:
    """What was done and what was found."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)  # by place; "somewhere" is where a process happened to be
    stops: int = 0
    cuts: int = 0
    messages: int = 0
    repeats: int = 0
    taken: int = 0  # by the recording vendor
    unknown: int = 0
    put_aside: int = 0
    visits: int = 0
    slowest_conversation: int = 0  # seconds from the claim that failed to the next one
    slowest_reply: int = 0
    seconds: float = 0
    broken: list[str] = field(default_factory=list)

    def count_death(self, doomed: "Doomed") -> None:
        """By our hand, at its failpoint, or by itself: the web's child is what dies, and the whole ends after it."""
        if not doomed.has_ended:
            self.kills["somewhere"] += 1
        elif doomed.process.returncode == -signal.SIGKILL or (doomed.role == "web" and doomed.failpoint):
            self.kills[doomed.failpoint] += 1
        else:
            self.broken.append(f"a {doomed.role} ended by itself with {doomed.process.returncode}")

    def as_json(self) -> str:
        """All of it, for machines."""
        return json.dumps(vars(self))

    def as_table(self) -> str:
        """All of it, for people."""
        facts = {name.replace("_", " "): value for name, value in vars(self).items() if isinstance(value, int | float)}
        lines = [f"{name:<24}{count:>8} kills" for name, count in sorted(self.kills.items())]
        lines += [f"{name:<24}{round(value, 1):>8}" for name, value in facts.items()]
        return "\n".join(
            [
                *lines,
                *(f"BROKEN: {flaw}" for flaw in self.broken or []),
                *([] if self.broken else ["All promises hold."]),
            ]
        )


# --- processes -------------------------------------------------------------------------------------------------------


@dataclass
class Doomed:
    """A process, the place at which it is to die, and since when it avoids that."""

    role: str
    failpoint: str
    process: "subprocess.Popen[bytes]"
    since: float = field(default_factory=time.monotonic)

    @property
    def has_ended(self) -> bool:
        """Whether it is dead."""
        return self.process.poll() is not None

    @property
    def is_due(self) -> bool:
        """Whether it has died, or is to be killed wherever it is."""
        return self.has_ended or (self.failpoint != "" and time.monotonic() - self.since > IMPATIENCE)


@dataclass
class Stage:
    """The database, the processes and the patients of one campaign."""

    var: Path
    practice: Practice
    plan: Plan
    report: Report
    chance: Random
    port: int
    cast: list[Doomed] = field(default_factory=list)

    @property
    def ledger(self) -> Path:
        return self.var / "ledger"

    def start(self, role: str, failpoint: str = "") -> None:
        """A process that dies at its failpoint, on one of the first visits."""
        ending = f"{failpoint}:kill:{self.chance.choice(VISITS[role])}" if failpoint else ""
        settings = Settings(
            database_url=_url(self.practice),
            master_keys=VAULT.master,
            lookup_keys=VAULT.lookup,
            var_dir=self.var,
            http_port=self.port,
            trusted_proxies=1,
        )
        environment = {
            "PYTHONPATH": str(ROOT),
            "FAILPOINT": ending,
            **as_environment(settings),
            **lifeline.environment(),
        }
        with (self.var / "processes.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *self._words(role)],
                env={**os.environ, **environment},
                cwd=self.var,
                stdout=log,
                stderr=log,
                start_new_session=True,  # granian serves from a child: a kill is for both
            )
        self.cast.append(Doomed(role, failpoint, process))

    def _words(self, role: str) -> list[str]:
        if role == "web":
            return ["frontdesk", "web"]
        leases = [] if self.plan.leases is None else ["--leases", str(self.plan.leases)]
        return ["tests.fakes.recording", role, str(self.ledger), "--takes", "0.05", *leases]

    def end(self, doomed: Doomed) -> None:
        """SIGKILL, to the whole of it, or to what is left."""
        with suppress(ProcessLookupError):
            os.killpg(doomed.process.pid, signal.SIGKILL)
        doomed.process.wait()
        self.cast.remove(doomed)

    def stop_database(self) -> None:
        """As `pg_ctl stop -m immediate` does, and start again; the processes find it where it was."""
        pid = int((self.var / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGQUIT)
        _wait_until(lambda: not embedded_postgres.is_running(self.var), 30)
        embedded_postgres.start(self.var)
        self.report.stops += 1

    def cut_connections(self) -> None:
        """About half of all connections end at once."""
        ours = "datname = current_database() AND pid <> pg_backend_pid() AND random() < 0.5"
        self.practice.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")  # noqa: S608 - pieces of our own
        self.report.cuts += 1


def _url(practice: Practice) -> str:
    return practice.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def _wait_until(condition: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if condition():
                return True
        except (*UNAVAILABLE, psycopg.Error, SQLAlchemyError):
            pass
        time.sleep(0.1)
    return False


# --- the campaign ----------------------------------------------------------------------------------------------------


def campaign(plan: Plan, say: Callable[[str], None] = print) -> Report:
    """Do all of the plan, let things come to rest, and look."""
    began = time.monotonic()
    report = Report(plan.seed)
    with _stage(plan, report) as stage:
        stop = Event()
        patients = _patients(stage, stop)
        for patient in patients:
            patient.start()
        _kill(stage, say)
        stop.set()
        _come_to_rest(stage, patients)
        _look(stage, patients)
    report.seconds = time.monotonic() - began
    return report


@contextmanager
def _stage(plan: Plan, report: Report) -> Iterator[Stage]:
    """A server, a practice, and room for files, all gone afterwards."""
    var = Path(tempfile.mkdtemp(prefix="frontdesk_campaign_"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, var, ignore_errors=True)
        stack.callback(embedded_postgres.stop, var)
        url = embedded_postgres.start(var).url
        migrate(url)
        engine = open_engine(url, pool_size=24)
        stack.callback(engine.dispose)
        practice = factories.practice(engine, VAULT)
        practice.sql(STOPWATCHES)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        stage = Stage(var, practice, plan, report, Random(plan.seed), port)
        stage.ledger.touch()
        try:
            yield stage
        finally:
            for doomed in list(stage.cast):
                stage.end(doomed)


def _patients(stage: Stage, stop: Event) -> list[Patient]:
    """Half of them in the web chat, half with a vendor; what each says follows from the seed."""
    patients: list[Patient] = []
    for n in range(stage.plan.patients):
        chance = Random(f"{stage.plan.seed}/{n}")
        if n % 2:
            patients.append(VendorPatient(stage.practice, chance, stop, name_=f"number {n}"))
        else:
            patients.append(WebPatient(stage.practice, chance, stop, port=stage.port, address=f"192.0.2.{n + 1}"))
    return patients


def _kill(stage: Stage, say: Callable[[str], None]) -> None:
    """As many processes as the plan says; who has died is replaced by the next who is to, or by one who may live."""
    places = _places(stage)
    for role, how_many in PROCESSES.items():
        for _ in range(how_many):
            stage.start(role, next(places[role], ""))
    while any(doomed.failpoint for doomed in stage.cast):
        time.sleep(0.05)
        for doomed in [each for each in stage.cast if each.is_due]:
            stage.report.count_death(doomed)
            stage.end(doomed)
            stage.start(doomed.role, next(places[doomed.role], ""))
            _disturb(stage, say)


def _places(stage: Stage) -> dict[str, Iterator[str]]:
    """Where the processes of each role die: all places once, in some order, then all of them again in another."""
    every = [(role, name) for role, names in FAILPOINTS.items() for name in names]
    rounds = chain.from_iterable(stage.chance.sample(every, len(every)) for _ in count())
    chosen = list(islice(rounds, stage.plan.kills))
    return {role: iter([name for for_role, name in chosen if for_role == role]) for role in FAILPOINTS}


def _disturb(stage: Stage, say: Callable[[str], None]) -> None:
    """Every few kills the database is stopped, or connections are cut."""
    kills = stage.report.kills.total()
    if kills % stage.plan.stop_every == 0:
        stage.stop_database()
    elif kills % stage.plan.cut_every == 0:
        stage.cut_connections()
    if kills % 20 == 0:
        say(f"{kills} of {stage.plan.kills} kills")


def _come_to_rest(stage: Stage, patients: list[Patient]) -> None:
    """New processes, which nobody kills, finish what was begun; then they are asked to end."""
    for doomed in list(stage.cast):
        stage.end(doomed)
    for role in PROCESSES:
        stage.start(role)
    if not _wait_until(lambda: is_healthy("127.0.0.1", stage.port), RECOVERY):
        stage.report.broken.append("the web process does not come back")
    for patient in patients:
        patient.join(2 * RECOVERY)
    at_rest = _wait_until(lambda: not stage.practice.sql(UNFINISHED), 2 * RECOVERY)
    if not at_rest:
        stage.report.broken.append("messages or replies still wait, two minutes after the last kill")
    for doomed in stage.cast:
        doomed.process.terminate()
    for doomed in stage.cast:
        if doomed.process.wait(20) != 0:
            stage.report.broken.append(
                f"a {doomed.role} ended with {doomed.process.returncode} when it was asked to end"
            )
    stage.cast.clear()


# --- what is looked at -----------------------------------------------------------------------------------------------

# When a conversation or a reply was claimed, and when it was done.
STOPWATCHES = """
CREATE TABLE steps (what text, id bigint, is_claim boolean, at timestamptz DEFAULT clock_timestamp());
CREATE FUNCTION note_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO steps (what, id, is_claim) VALUES (TG_ARGV[0], (to_jsonb(NEW) ->> TG_ARGV[1])::bigint, TG_ARGV[2]::boolean); RETURN NULL;
END $$;
CREATE TRIGGER claimed AFTER UPDATE ON conversations FOR EACH ROW WHEN (OLD.lease IS DISTINCT FROM NEW.lease)
  EXECUTE FUNCTION note_step('conversation', 'id', 'true');
CREATE TRIGGER done AFTER UPDATE ON inbox FOR EACH ROW WHEN (OLD.status <> NEW.status)
  EXECUTE FUNCTION note_step('conversation', 'conversation_id', 'false');
CREATE TRIGGER claimed AFTER UPDATE ON outbox FOR EACH ROW WHEN (OLD.status <> NEW.status AND NEW.status = 'sending')
  EXECUTE FUNCTION note_step('reply', 'id', 'true');
CREATE TRIGGER done AFTER UPDATE ON outbox FOR EACH ROW WHEN (OLD.status = 'sending' AND NEW.status <> 'sending')
  EXECUTE FUNCTION note_step('reply', 'id', 'false');
"""

UNFINISHED = """
SELECT 1 FROM inbox WHERE status = 'new'
UNION ALL SELECT 1 FROM outbox WHERE channel = 'recording' AND status IN ('due', 'sending') LIMIT 1
"""

# From a claim to what came of it: an answer, or the next claim, as whoever had made this one is dead.
SLOWEST_RECOVERY = """
SELECT coalesce(max(extract(epoch FROM next_at - at)), 0) FROM (
  SELECT is_claim, at, lead(at) OVER (PARTITION BY what, id ORDER BY at) AS next_at, what FROM steps) pairs
WHERE is_claim AND what = %(what)s
"""

# What was said in a conversation has the numbers 1, 2, 3 …, and no message is answered twice.
WRONG_NUMBERS = """
SELECT id FROM conversations c WHERE last_seq <> (
  SELECT count(DISTINCT seq) FROM (
    SELECT seq FROM inbox WHERE conversation_id = c.id UNION ALL SELECT seq FROM outbox WHERE conversation_id = c.id) said)
"""
ANSWERED_TWICE = """
SELECT conversation_id FROM (
  SELECT conversation_id, speaker, lag(speaker) OVER (PARTITION BY conversation_id ORDER BY seq) AS before FROM (
    SELECT conversation_id, seq, 'patient' AS speaker FROM inbox
    UNION ALL SELECT conversation_id, seq, 'clinic' FROM outbox) said) pairs
WHERE speaker = 'clinic' AND before IS DISTINCT FROM 'patient'
"""
LEASED = "SELECT id FROM conversations WHERE attempts > 0 OR leased_until > clock_timestamp()"


def _look(stage: Stage, patients: list[Patient]) -> None:
    """Compare what patients and vendor remember with what the database says, and ask `verify`."""
    report, sql = stage.report, stage.practice.sql
    stage.practice.engine.dispose()  # our own connections may have been cut like everybody's
    report.messages = sum(len(patient.acknowledged) for patient in patients)
    report.repeats = sum(patient.repeats for patient in patients)
    ledger = verify.read_ledger(stage.ledger)
    report.taken = len(ledger)
    report.unknown = _count(sql("SELECT count(*) FROM outbox WHERE status = 'unknown'"))
    report.put_aside = _count(sql("SELECT count(*) FROM inbox WHERE status = 'aside'"))
    report.visits = _count(sql("SELECT count(*) FROM appointments WHERE status <> 'pending'"))
    report.slowest_conversation = _count(sql(SLOWEST_RECOVERY, what="conversation"))
    report.slowest_reply = _count(sql(SLOWEST_RECOVERY, what="reply"))
    report.broken += [f"a patient gave up: {patient.trouble!r}" for patient in patients if patient.trouble]
    report.broken += [f"a patient still waits for {patient.name}" for patient in patients if patient.is_alive()]
    report.broken += _lost(sql("SELECT external_id FROM inbox WHERE address_id IS NOT NULL"), patients)
    for flaw, query in (
        ("its numbers have gaps", WRONG_NUMBERS),
        ("a message was answered twice", ANSWERED_TWICE),
        ("it is stuck", LEASED),
    ):
        report.broken += [f"conversation {id}: {flaw}" for (id,) in sql(query)]
    if (slowest := max(report.slowest_conversation, report.slowest_reply)) > RECOVERY:
        report.broken.append(f"recovery took {slowest:.0f} seconds")
    with transaction(stage.practice.engine) as session:
        run(session, "SET LOCAL statement_timeout = 0")
        found = verify.check(session, VAULT, noted=verify.read_noted(stage.var / seals.FILE), ledger=ledger)
    report.broken += [f"{name} {flaw}" for name, finding in found.items() for flaw in finding.broken]


def _lost(stored: list[Any], patients: list[Patient]) -> Iterator[str]:
    """Every acknowledged message is stored, once."""
    times = Counter(row.external_id.rpartition(":")[2] for row in stored)
    for patient in patients:
        yield from (f"message {id} is stored {times[id]} times" for id in patient.acknowledged if times[id] != 1)


def _count(rows: list[Any]) -> int:
    ((count,),) = rows
    return int(count)


def main() -> None:
    """Run a campaign and say what came of it: a table, then a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patients", type=int, default=20)
    parser.add_argument("--leases", type=float, help="seconds; without it those of production")
    options = parser.parse_args()
    report = campaign(Plan(options.kills, options.seed, options.patients, options.leases))
    print(report.as_table())
    print(report.as_json())
    sys.exit(1 if report.broken else 0)


if __name__ == "__main__":
    main()
