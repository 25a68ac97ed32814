"""Bookings in the form of the real data come again, through real workers."""

from collections import Counter
from datetime import date, datetime
from pathlib import Path

import pytest

from core.config import Settings
from core.database import open_engine, run, transaction
from frontdesk.errors import CannotRun
from frontdesk.own_place import own_database
from frontdesk.replay import arrivals
from frontdesk.replay.run import replay
from tests.arrivals import write_bookings, write_providers

SEED = 20260309


def test_three_hundred_arrivals_end_booked_or_refused_for_a_reason(settings: Settings, tmp_path: Path) -> None:
    bookings, providers = tmp_path / "bookings.csv", tmp_path / "providers.csv"
    write_bookings(bookings, 300, SEED)
    write_providers(providers, 40, SEED)
    came = arrivals.read(bookings)

    result, found = replay(settings, came, providers, workers=2)

    assert result.ended == 300
    assert result.booked > 200
    assert "no_answer" not in result.refused
    assert "too_many_lines" not in result.refused
    assert {name: finding.broken for name, finding in found.items() if finding.broken} == {}

    engine = open_engine(f"{settings.database_url}_replay", pool_size=1)
    with transaction(engine) as session:
        booked = run(session, "SELECT patient_id, local_start FROM appointments WHERE status = 'booked'").fetchall()
        known = run(session, "SELECT address_id, count(*) FROM patient_addresses GROUP BY address_id").fetchall()
    engine.dispose()
    assert len(booked) == len(set(booked)) == result.booked
    assert {count for _, count in known} == {1}  # who comes again is known
    asked_for = Counter(arrival.day for arrival in came)
    got = Counter(row.local_start.date() for row in booked)
    assert all(got[day] <= asked_for[day] for day in got)  # nobody got another day than the one they asked for


def test_rows_are_read_as_wall_time_with_invented_people(tmp_path: Path) -> None:
    file = tmp_path / "bookings.csv"
    file.write_text(
        "PatientId,AppointmentID,ScheduledDay,AppointmentDay,Age,Neighbourhood\n"
        "42,1,2016-04-29T18:38:08Z,2016-05-02T00:00:00Z,-1,JARDIM DA PENHA\n"
        "42,2,2016-04-29T18:39:08Z,2016-05-03T00:00:00Z,30,JARDIM DA PENHA\n"
    )
    first, second = arrivals.read(file)
    assert (first.at, first.day) == (datetime(2016, 4, 29, 18, 38, 8), date(2016, 5, 2))
    assert date(2015, 4, 29) < first.birth_date < first.at.date()
    assert (first.name, first.address) == (second.name, second.address)
    assert "42" not in first.name


def test_a_row_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "bookings.csv"
    file.write_text("PatientId,ScheduledDay,AppointmentDay,Age,Neighbourhood\n1,soon,2016-05-02,3,X\n")
    with pytest.raises(CannotRun, match="line 2"):
        arrivals.read(file)
    file.write_text("name\nAmy\n")
    with pytest.raises(CannotRun, match="has no column PatientId"):
        arrivals.read(file)


def test_a_real_clinic_is_left_alone(settings: Settings) -> None:
    with own_database(settings, "replay") as own:
        engine = open_engine(own.database_url, pool_size=1)
        with transaction(engine) as session:
            run(session, "CREATE TABLE organization (is_demo boolean)")
            run(session, "INSERT INTO organization VALUES (false)")
        engine.dispose()
    with pytest.raises(CannotRun, match="rename it first"), own_database(settings, "replay"):
        pass
