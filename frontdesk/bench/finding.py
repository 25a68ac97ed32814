"""The first three offers of fifty doctors with two years of visits, against those of one doctor."""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from core import clock
from core.config import Settings
from core.database import migrate, open_engine, run, transaction
from core.scheduling import directory, slots
from core.scheduling.slots import Asker
from core.scheduling.wishes import DayRange, Wanted, When
from frontdesk.bench import clinics
from frontdesk.bench.figures import Figure, percentile, ratio
from frontdesk.own_place import own_database

DOCTORS, PATIENTS = 50, 20_000
_FIRST_ANSWER = 3  # the first ones warm connection and caches


def measure(settings: Settings, *, quick: bool) -> Iterator[Figure]:
    """From the wish to the offers, database and all; wishes for anybody, for the first available, and for a day far off."""
    with own_database(settings, "bench") as own:
        migrate(own.database_url)
        engine = open_engine(own.database_url, pool_size=1)
        with transaction(engine) as session:
            clinics.make(session, DOCTORS, PATIENTS)
            visits = clinics.fill(session, PATIENTS)
        _settle(engine)
        asked = 40 if quick else 200
        everybody = _times(engine, [Wanted(specialty="primary_care")], asked)
        weeks = [Wanted(specialty="primary_care", when=_in_days(1 + n * 37 % 79)) for n in range(asked)]
        dated = _times(engine, weeks, asked)
        one = _times(engine, [Wanted(practitioner=n) for n in range(1, DOCTORS + 1)], asked)
        engine.dispose()
    slowest = percentile(everybody + dated, 95)
    yield Figure(
        "finding.p95_ms",
        slowest,
        "milliseconds to the first three offers of 50 doctors, p95",
        goal=50,
        details={
            "visits": visits,
            "p50, ms": statistics.median(everybody + dated),
            "a given day, p95, ms": percentile(dated, 95),
        },
    )
    yield ratio(
        "finding.fifty_to_one",
        statistics.median(everybody),
        statistics.median(one),
        "offers of 50 doctors / offers of one doctor, medians",
        details={"one doctor, p50, ms": statistics.median(one)},
    )


def _settle(engine: Engine) -> None:
    """As a database is that has been up for a while."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")


def _in_days(count: int) -> When:
    day = datetime.now(UTC).date() + timedelta(days=count)
    return When(days=(DayRange(day, day + timedelta(days=1)),))


def _times(engine: Engine, wishes: list[Wanted], count: int) -> list[float]:
    """Milliseconds of each search, by turns."""
    times = []
    with transaction(engine) as session:
        known, now = directory.load(session), clock.now(session)
    for number in range(count + _FIRST_ANSWER):
        with transaction(engine) as session:
            run(session, "SELECT 1")  # BEGIN is no part of the search
            began = time.perf_counter()
            found = slots.find(Asker(session, known, None, now), wishes[number % len(wishes)])
            times.append((time.perf_counter() - began) * 1000)
            assert len(found.slots) == 3
    return times[_FIRST_ANSWER:]
