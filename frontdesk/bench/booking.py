"""Bookings a second: our statements, and our whole function, against pgbench on the same table behind the same guard."""

import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.config import Settings, as_environment, load_settings
from core.database import Session, migrate, open_engine, run, transaction
from core.scheduling import booking, directory
from core.scheduling.locks import lock
from core.scheduling.slots import Asker
from core.scheduling.wishes import Slot
from frontdesk.bench import clinics
from frontdesk.bench.figures import Figure, ratio
from frontdesk.embedded_postgres import program
from frontdesk.own_place import own_database

CLIENTS = 2
PATIENTS = 4000

_INSERT = """
INSERT INTO appointments (status, practitioner_id, patient_id, visit_type_id, location_id, during, blocked, local_start, zone, created_at)
VALUES ('booked', %(doctor)s, %(patient)s, 1, 1, tstzrange(%(start)s, %(end)s), tstzrange(%(start)s, %(end)s),
  %(start)s AT TIME ZONE 'UTC', 'UTC', now())
ON CONFLICT DO NOTHING RETURNING id
"""
_PGBENCH = r"""
\set doctor 1 + :client_id
\set slot random(1, 100000000)
BEGIN;
SELECT pg_advisory_xact_lock((2::bigint << 56) | :doctor);
INSERT INTO appointments (status, practitioner_id, patient_id, visit_type_id, location_id, during, blocked, local_start, zone, created_at)
SELECT 'booked', :doctor::bigint, 1 + :slot::bigint % :patients::bigint, 1, 1, tstzrange(s, s + interval '20 minutes'), tstzrange(s, s + interval '20 minutes'),
  s AT TIME ZONE 'UTC', 'UTC', now() FROM (SELECT timestamptz '2100-01-01' + :slot::bigint * interval '20 minutes' AS s) t
ON CONFLICT DO NOTHING RETURNING id;
COMMIT;
"""

Book = Callable[[Session, int, int], None]


def measure(settings: Settings, *, quick: bool) -> Iterator[Figure]:
    """Clients that book as fast as they can, each with a doctor of its own."""
    seconds = 2 if quick else 8
    with own_database(settings, "bench") as own:
        migrate(own.database_url)
        engine = open_engine(own.database_url, pool_size=1)
        with transaction(engine) as session:
            clinics.make(session, doctors=CLIENTS, patients=PATIENTS)
        rates: dict[str, list[float]] = {"pgbench": [], "statements": [], "whole": []}
        for _ in range(1 if quick else 3):
            for kind, measured in rates.items():
                with transaction(engine) as session:
                    run(session, "TRUNCATE appointments, audit CASCADE")
                measured.append(_pgbench(own, seconds) if kind == "pgbench" else _ours(own, kind, seconds))
        engine.dispose()
    pgbench, statements, whole = (sorted(measured)[len(measured) // 2] for measured in rates.values())
    yield ratio(
        "booking.statements",
        statements,
        pgbench,
        "lock and guarded insert through our session, a second / the same by pgbench",
        goal=0.7,
        bound="least",
        details={"ours a second": statements, "pgbench a second": pgbench},
    )
    yield ratio(
        "booking.whole",
        whole,
        pgbench,
        "booking.book with all it reads, and its audit row, a second / lock and insert alone by pgbench",
        details={"ours a second": whole},
    )


def _pgbench(settings: Settings, seconds: int) -> float:
    script = settings.var_dir / "booking.pgbench"
    script.write_text(_PGBENCH)
    command = [
        program("pgbench"),
        "-n",
        "-M",
        "prepared",
        f"-c{CLIENTS}",
        f"-j{CLIENTS}",
        f"-T{seconds}",
        f"-Dpatients={PATIENTS}",
    ]
    done = subprocess.run(
        [*command, "-f", str(script), settings.database_url], capture_output=True, text=True, check=True
    )
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


def _ours(settings: Settings, kind: str, seconds: int) -> float:
    """The sum of what our clients reach, each a process like pgbench's threads."""
    command = [sys.executable, "-m", "frontdesk.bench.booking", kind, str(seconds)]
    environment = as_environment(settings)
    clients = [
        subprocess.Popen([*command, str(number)], env=environment, stdout=subprocess.PIPE, text=True, cwd=_ROOT)
        for number in range(CLIENTS)
    ]
    return float(sum(json.loads(client.communicate()[0]) for client in clients))


_ROOT = Path(__file__).parent.parent.parent


def _statements(session: Session, doctor: int, number: int) -> None:
    start = datetime(2100, 1, 1, tzinfo=UTC) + number * timedelta(minutes=20)
    lock(session, practitioners=[doctor])
    values = {"doctor": doctor, "patient": 1 + number % PATIENTS, "start": start, "end": start + timedelta(minutes=20)}
    run(session, _INSERT, **values).fetchone()


def _whole(known: directory.Directory) -> Book:
    now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    def book(session: Session, doctor: int, number: int) -> None:
        """Thirty visits a day, from tomorrow on; after a horizon's worth the year begins again, as the clock has moved on."""
        day, slot = divmod(number, 30)
        years, day = divmod(day, 80)
        today = now + timedelta(days=years * 80)
        opens = datetime.combine(today + timedelta(days=day + 1), datetime.min.time(), known.zone).replace(hour=8)
        start = (opens + slot * timedelta(minutes=20)).astimezone(UTC)
        patient = 1 + (number * 2 + doctor) % PATIENTS
        booking.book(Asker(session, known, None, today), Slot(doctor, 1, 1 + doctor % 5, start), patient)

    return book


def _client(kind: str, seconds: float, number: int) -> float:
    """Book for so many seconds; returns bookings a second."""
    engine = open_engine(load_settings().database_url, pool_size=1)
    with transaction(engine) as session:
        book = _statements if kind == "statements" else _whole(directory.load(session))
    began = time.monotonic()
    for count in itertools.count(1):
        with transaction(engine) as session:
            book(session, 1 + number, count)
        if (lasted := time.monotonic() - began) > seconds:
            return count / lasted
    raise AssertionError


if __name__ == "__main__":
    print(_client(sys.argv[1], float(sys.argv[2]), int(sys.argv[3])))
