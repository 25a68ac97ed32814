"""Bookings in the form of the real data come again, through real workers."""

import gzip
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import pytest

from core.config import Settings
from core.database import open_engine, run, transaction
from frontdesk import cli
from frontdesk.errors import CannotRun
from frontdesk.own_place import own_database
from frontdesk.replay import arrivals
from frontdesk.replay import run as replaying
from frontdesk.replay.arrivals import Arrival
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


HEAD = "PatientId,ScheduledDay,AppointmentDay,Age,Neighbourhood\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (HEAD + "1,soon,2016-05-02,3,X\n", "line 2, cannot be read"),
        (HEAD + "1,2016-05-01T08:00:00,2016-05-02,3\n", "line 2, cannot be read: it is too short"),
        (HEAD + "1,2016-05-01T08:00:00,2016-05-02,999999,X\n", "line 2, cannot be read: nobody is 999999 years old"),
        (HEAD + "1,2016-05-01T08:00:00,2016-05-02,3," + "X" * 200_000, "cannot be read as CSV"),
        (HEAD, "has no rows"),
        ("", "has no column PatientId"),
        ("name\nAmy\n", "has no column PatientId"),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, content: str, words: str) -> None:
    file = tmp_path / "bookings.csv"
    file.write_text(content)
    with pytest.raises(CannotRun, match=words):
        arrivals.read(file)


def test_a_packed_file_that_is_none_or_was_damaged_is_said(tmp_path: Path) -> None:
    file = tmp_path / "bookings.csv.gz"
    whole = gzip.compress((HEAD + "1,2016-05-01T08:00:00,2016-05-02,3,X\n" * 500).encode())
    damaged = whole[:20] + b"\xff" * 20 + whole[40:]
    for packed in (HEAD.encode(), whole[:-9], damaged):
        file.write_bytes(packed)
        with pytest.raises(CannotRun, match="cannot be read"):
            arrivals.read(file)
    with pytest.raises(CannotRun, match="No such file"):
        arrivals.read(tmp_path / "nowhere.csv")


def few(tmp_path: Path, count: int) -> tuple[list[Arrival], Path]:
    """So many arrivals, and doctors for them."""
    bookings, providers = tmp_path / "bookings.csv", tmp_path / "providers.csv"
    write_bookings(bookings, count, SEED)
    write_providers(providers, 40, SEED)
    return arrivals.read(bookings), providers


def test_at_a_speed_the_rows_come_when_they_are_due(settings: Settings, tmp_path: Path) -> None:
    came, providers = few(tmp_path, 20)
    length, speed = came[-1].at - came[0].at, 300
    shown: list[str] = []
    result, found = replay(settings, came, providers, speed=speed, progress=shown.append)
    clocks = [datetime.fromisoformat(line.split(", ")[1]) for line in shown]
    assert result.ended == 20
    assert result.seconds >= length.total_seconds() / speed
    assert clocks == sorted(clocks)
    assert clocks[-1] >= came[-1].at.replace(second=0)
    assert len(set(clocks)) > 5  # it goes on between the rows
    assert not any(finding.broken for finding in found.values())


def test_an_answer_to_somebody_who_has_given_up_stops_nobody(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came, providers = few(tmp_path, 8)
    monkeypatch.setattr(replaying, "PATIENCE", 0)
    result, _ = replay(settings, came, providers)
    assert result.ended == 8
    assert result.refused["no_answer"] > 0


def test_ctrl_c_ends_the_replay_and_says_what_came_of_it(settings: Settings, tmp_path: Path) -> None:
    came, providers = few(tmp_path, 20)

    def stop(line: str) -> None:
        if not line.startswith("0 of"):
            raise KeyboardInterrupt

    result, found = replay(settings, came, providers, speed=50, progress=stop)
    assert result.stopped
    assert 0 < result.ended < 20
    assert "Stopped before everybody had come." in list(result.lines())
    assert not any(finding.broken for finding in found.values())


@pytest.mark.parametrize("words", [["--speed", "0"], ["--speed", "inf"], ["--speed", "fast"], ["--limit", "x"]])
def test_what_makes_no_sense_is_refused_in_words(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["replay", "bookings.csv", "--providers", "providers.csv", *words])
    assert "it must be a" in capsys.readouterr().err


def test_a_real_clinic_is_left_alone(settings: Settings) -> None:
    with own_database(settings, "replay") as own:
        engine = open_engine(own.database_url, pool_size=1)
        with transaction(engine) as session:
            run(session, "CREATE TABLE organization (is_demo boolean)")
            run(session, "INSERT INTO organization VALUES (false)")
        engine.dispose()
    with pytest.raises(CannotRun, match="rename it first"), own_database(settings, "replay"):
        pass
