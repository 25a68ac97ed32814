"""A clinic as spreadsheets: taken in row by row, written out again, and nothing stopped by a bad row."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from core.database import driver, open_engine, run, scalar, transaction
from core.exchange import cells, exporting, files, importing, people, sheets
from core.exchange.sheets import Kind
from core.scheduling import directory
from frontdesk import verify
from tests.core.own_clinic import CLINIC, count, refusals, take_in
from tests.demo_clinic import VAULT, DemoClinic

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def test_a_clinic_moves_in_and_a_second_time_changes_nothing(engine: Engine) -> None:
    assert {fate.what for fate in take_in(engine, CLINIC)} <= {"new", "changed"}
    again = take_in(engine, CLINIC)
    assert {fate.what for fate in again} == {"unchanged"}
    assert (count(engine, "appointments"), count(engine, "patients"), count(engine, "weekly_hours")) == (2, 2, 9)
    with transaction(engine) as session:
        assert not any(finding.broken for finding in verify.check(session, VAULT).values())


def test_only_what_is_different_changes(engine: Engine) -> None:
    take_in(engine, CLINIC)
    other = CLINIC["practitioners"].replace("Grace", "Grace Ann")
    (fate,) = take_in(engine, {"practitioners": other})
    assert (fate.what, fate.about) == ("changed", "given_name was “Grace”")


def test_each_bad_row_is_explained_and_stops_nothing_else(engine: Engine) -> None:
    fates = take_in(
        engine,
        CLINIC,
        locations=CLINIC["locations"]
        + "oak,Oak,2 Oak,New York,911\nelm,Twice,3 Elm,America/New_York,911\n,No id,4 Elm,UTC,911\n",
        practitioners=CLINIC["practitioners"]
        + "kim,Dr,Robin,Kim,dermatology,skim,,\nnow,Dr,A,B,witchcraft,skin,,english\n",
        hours=CLINIC["hours"] + "kim,elm,Mon,9,12,20\nlee,elm,Moonday,9,12,20\n",
        patients=CLINIC["patients"] + "p3,Zoe Stone,3/4/1990,12\np4,Old Man,1802-01-01,\n",
        visits=CLINIC["visits"]
        + "v3,p9,lee,skin,elm,2031-03-10 10:00\nv4,p1,lee,skin,elm,2031-03-10 09:10\nv5,p1,lee,skin,elm,2031-03-09 02:30\n",
    )
    told = refusals(fates)
    assert told["locations", 3] == (
        "zone is “New York”: it must be the name of a time zone such as America/New_York; did you mean America/New_York?"
    )
    assert told["locations", 4] == "id: “elm” is there twice"
    assert told["locations", 5] == "id is empty"
    assert told["practitioners", 3] == "visit_types: there is no “skim” among the visit types; did you mean “skin”?"
    assert "codes of languages such as en|es|fr" in told["practitioners", 4]
    assert told["hours", 4] == "practitioner: there is no “kim” among the practitioners"
    assert told["hours", 2] == "left as it was, as another row of “lee” is refused"
    assert "a date of birth" in told["patients", 5] or "a date such as" in told["patients", 4]
    assert told["visits", 4] == "patient: there is no “p9” among the patients"
    assert told["visits", 5].startswith("it overlaps another visit")
    assert told["visits", 6] == "start: the clocks of America/New_York skip 2031-03-09 02:30"
    assert count(engine, "practitioners") == 1
    assert count(engine, "appointments") == 2


@pytest.mark.parametrize(
    "raw",
    [
        "id;name\né1;Café\n".encode("cp1252"),
        "id\tname\r\né1\tCafé\r\n".encode("utf-16"),
        "\n\n Id , Name \né1,Café\n\n".encode("utf-8-sig"),
        'id,name\n"é1","Café"\n'.encode(),
    ],
)
def test_wrong_encodings_and_separators_are_found_out(engine: Engine, raw: bytes) -> None:
    assert [fate.what for fate in take_in(engine, {"departments": raw}) if fate.row] == ["new"]
    with transaction(engine) as session:
        assert run(session, "SELECT external_id, name FROM departments").fetchall() == [("é1", "Café")]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is empty"),
        ("id,nmae\n1,x\n", "the column name is missing"),
        ("id,id,name\n1,2,x\n", "the column id is there twice"),
        ("id,name\n1,\0\n", "signs that no spreadsheet has"),
    ],
)
def test_a_file_that_is_none_is_refused_as_a_whole(engine: Engine, text: str, told: str) -> None:
    assert told in refusals(take_in(engine, {"departments": text}))["departments", 0]


def test_contradictory_hours_are_refused_and_too_short_ones_noted(engine: Engine) -> None:
    take_in(engine, CLINIC)
    head = "practitioner,location,weekdays,date,from,until\n"
    for rows, told in {
        "lee,elm,Mon,,9:00,12:00\nlee,elm,Mon,,11:00,13:00\n": "two of these rows overlap at 11:00",
        "lee,elm,Mon,,12:00,9:00\n": "until: 09:00 is not after 12:00",
        "lee,elm,,,9:00,12:00\n": "give weekdays, or a date",
    }.items():
        assert told in refusals(take_in(engine, {"hours": head + rows}))["hours", 2]
    (fate,) = take_in(engine, {"hours": head + "lee,elm,Mon,,9:00,9:10\n"})
    assert fate.about == "no hours are long enough for Skin check"


@pytest.mark.parametrize(
    "rows",
    [
        "lee,elm,Mon,,9:00,12:00,,\nlee,oak,Mon,,9:00,12:00,,\n",  # in two places at once
        "lee,elm,Mon,,9:00,12:00,,\nlee,elm,Mon,,11:00,13:00,2031-01-01,\n",  # from some day on
        "lee,elm,Mon,,9:00,24:00,,\nlee,elm,Mon,,23:00,24:00,,\n",
        "lee,elm,,2031-03-15,9:00,12:00,,\nlee,elm,,2031-03-15,11:00,13:00,,\n",
    ],
)
def test_nobody_works_twice_at_the_same_time(engine: Engine, rows: str) -> None:
    take_in(engine, CLINIC, locations=CLINIC["locations"] + "oak,Oak,2 Oak,America/New_York,911\n")
    head = "practitioner,location,weekdays,date,from,until,valid_from,valid_until\n"
    assert "two of these rows overlap" in refusals(take_in(engine, {"hours": head + rows}))["hours", 2]
    one_after_the_other = "lee,elm,Mon,,9:00,12:00,,2030-12-31\nlee,elm,Mon,,11:00,13:00,2031-01-01,\n"
    assert refusals(take_in(engine, {"hours": head + one_after_the_other})) == {}


def test_opening_hours_that_are_there_twice_are_refused(engine: Engine) -> None:
    rows = "location,weekdays,opens,closes\nelm,Mon-Fri,8:00,18:00\nelm,Mon,8:00,18:00\n"
    told = refusals(take_in(engine, CLINIC, opening_hours=rows))
    assert told["opening_hours", 2] == told["opening_hours", 3] == "two of these rows overlap at 08:00"
    assert count(engine, "weekly_hours") == 9


def test_a_row_that_names_its_owner_alone_says_that_there_is_nothing_any_more(engine: Engine) -> None:
    take_in(engine, CLINIC)
    fates = take_in(engine, {"time_off": "practitioner,from,until\nlee,,\n", "holidays": "date,name\n2031-12-25,\n"})
    assert [fate.what for fate in fates] == ["changed", "changed"]
    assert (count(engine, "time_off"), count(engine, "holidays")) == (0, 0)
    fates = take_in(engine, {"hours": "practitioner,location,weekdays,from,until\nlee,,,,\n"})
    assert ([fate.what for fate in fates], count(engine, "weekly_hours")) == (["changed"], 0)


def test_a_column_that_a_file_lacks_changes_nothing(engine: Engine) -> None:
    take_in(
        engine,
        CLINIC,
        practitioners="id,title,given_name,family_name,specialties,visit_types,insurances,languages,about,active\n"
        "lee,Dr,Grace,Lee,dermatology,skin,aetna,en|es,Likes cats,yes\n",
        visit_types="id,name,minutes,specialty,words,price,currency,booked_by,notice_hours\n"
        "skin,Skin check,20,dermatology,mole,80.50,USD,known,48\n",
    )
    before = exported(engine)
    few = "id,given_name,family_name,specialties,visit_types\nlee,Grace,Lee,dermatology,skin\n"
    fates = take_in(engine, {"practitioners": few, "visit_types": "id,name,minutes\nskin,Skin check,20\n"})
    assert ({fate.what for fate in fates}, exported(engine)) == ({"unchanged"}, before)
    (fate,) = take_in(
        engine, {"visit_types": "id,name,minutes,words,price,currency,notice_hours\nskin,Skin check,30,,,,\n"}
    )
    changes = {"price", "currency was “USD”", "minutes was “20”", "words was “mole”", "notice_hours"}
    assert set(fate.about.split(", ")) == changes
    assert ",known" in exported(engine)["visit_types"].decode().replace('"', "")


def test_rules_that_no_file_has_are_kept(engine: Engine) -> None:
    take_in(engine, CLINIC)
    rules = "reminders = '{3 days}', local_write_from = '08:00', local_write_until = '18:00'"
    with transaction(engine) as session:
        assert run(session, f"UPDATE policies SET {rules} WHERE visit_type_id IS NULL").rowcount == 1  # noqa: S608  # our own words
    (fate,) = take_in(engine, {"organization": CLINIC["organization"].replace(",24", ",48")})
    assert "notice_hours" in fate.about
    with transaction(engine) as session:
        policy = directory.load(session).organization.policy
    assert (policy.reminders, policy.notice) == ((timedelta(days=3),), timedelta(hours=48))
    assert (policy.write_from.hour, policy.write_until.hour) == (8, 18)


def exported(engine: Engine) -> dict[str, bytes]:
    with transaction(engine) as session:
        return exporting.write_out(session, VAULT, with_patients=False)


def test_rows_that_contradict_what_they_need_are_explained(engine: Engine) -> None:
    fates = take_in(
        engine,
        CLINIC,
        organization=CLINIC["organization"] + "Another Clinic,Another,,\n",
        holidays=CLINIC["holidays"] + ",2031-12-25,Noël\n",
        visit_types="id,name,minutes,price,currency\nskin,Skin,20,,\nyen,Yen,20,120.50,JPY\nrich,Rich,20,99999999999,USD\n",
    )
    assert refusals(fates) == {
        ("organization", 3): "there is one clinic, and a row before this one is it",
        ("holidays", 3): "location and date: “2031-12-25” is there twice",
        ("visit_types", 3): "price: 120.50 has more decimals than JPY has",
        ("visit_types", 4): "price: 99999999999 is more than any visit costs",
    }


def test_files_that_need_rows_of_each_other_that_are_missing_are_explained(engine: Engine) -> None:
    alone = {name: CLINIC[name] for name in ("practitioners", "hours", "time_off", "visits", "holidays")}
    fates = take_in(engine, alone, locations="id,name,address,zone,emergency_number\n")
    assert {fate.what for fate in fates if fate.file != "holidays"} == {"refused"}
    take_in(engine, {name: CLINIC[name] for name in ("visit_types", "insurances", "practitioners")})
    assert refusals(take_in(engine, {"time_off": CLINIC["time_off"]})) == {
        ("time_off", 2): "there is no location yet, so nobody knows by which clock this is meant"
    }


def test_another_number_of_a_patient_takes_the_place_of_the_old_one(engine: Engine) -> None:
    take_in(engine, CLINIC)
    other = CLINIC["patients"].replace("0100", "0199")
    assert [fate.what for fate in take_in(engine, {"patients": other})] == ["changed", "unchanged"]
    assert count(engine, "contact_points") == 1
    with transaction(engine) as session:
        written = exporting.write_out(session, VAULT, with_patients=True)["patients"].decode()
    assert "+12075550199" in written


def test_a_location_may_have_a_privacy_page_of_its_own(engine: Engine) -> None:
    take_in(
        engine,
        CLINIC,
        organization="name,short_name,privacy_page\nElm,Elm,https://elm.example/privacy\n",
        locations="id,name,address,zone,emergency_number,privacy_page\n"
        "elm,Elm,1 Elm,America/New_York,911,\noak,Oak,2 Oak,Europe/Berlin,112,https://oak.example/datenschutz\n",
    )
    with transaction(engine) as session:
        pages = [place.privacy_url for place in directory.load(session).locations]
    assert pages == ["https://elm.example/privacy", "https://oak.example/datenschutz"]


def test_thousands_of_rows_are_a_few_statements_and_nobody_ends_a_long_import(engine: Engine) -> None:
    take_in(engine, CLINIC)
    many = range(3_000)
    people = "id,name,birth_date,phone\n" + "".join(f"q{n},Ana Lima,1990-05-03,+1207555{n:04}\n" for n in many)
    start = datetime(2031, 4, 1)
    head = "id,patient,practitioner,visit_type,location,start\n"
    rows = [f"w{n},q{n},lee,skin,elm,{start + timedelta(minutes=30 * n):%Y-%m-%d %H:%M}\n" for n in many]
    statements = 0

    def counted(*_: object) -> None:
        nonlocal statements
        statements += 1

    with transaction(engine) as session:
        driver(session).cursor_factory = counting(psycopg.Cursor, counted)
        fates = importing.take_in(
            session, VAULT, {"patients": people.encode(), "visits": (head + "".join(rows)).encode()}
        )
        assert scalar(session, "SELECT current_setting('idle_in_transaction_session_timeout')") == "5min"
    assert Counter(fate.what for fate in fates) == {"new": 6_000}
    assert 5 < statements < 60


def counting(cursor: type[psycopg.Cursor[Any]], note: Callable[[], None]) -> type[psycopg.Cursor[Any]]:
    class Counting(cursor):  # type: ignore[misc, valid-type]
        def execute(self, *args: Any, **more: Any) -> Any:
            note()
            return super().execute(*args, **more)

    return Counting


def test_many_visits_of_unknown_patients_are_refused_quickly(engine: Engine) -> None:
    take_in(engine, CLINIC)
    people = "id,name,birth_date\n" + "".join(f"patient-{n:05},Ana Lima,1990-05-03\n" for n in range(2_000))
    head = "id,patient,practitioner,visit_type,location,start\n"
    known = "".join(f"a{n},patient-{n:05},lee,skin,elm,2032-01-01 09:00\n" for n in range(2_000))
    unknown = "".join(f"b{n},patient-9{n:05},lee,skin,elm,2032-01-01 09:00\n" for n in range(2_000))
    began = monotonic()
    fates = take_in(engine, {"patients": people, "visits": head + known + unknown})
    assert Counter(fate.what for fate in fates)["refused"] == 3_999
    assert monotonic() - began < 20  # looking for similar ids among all of them took minutes


def test_a_new_absence_names_the_visits_it_hits(engine: Engine) -> None:
    take_in(engine, CLINIC)
    (fate,) = take_in(engine, {"time_off": "practitioner,from,until\nlee,2031-03-10 09:10,2031-03-10 09:40\n"})
    assert fate.about.startswith("these visits are booked in that time: ")


def test_two_imports_at_once_are_one_after_the_other(engine: Engine) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: take_in(engine, CLINIC), range(2))
    whats = sorted(({fate.what for fate in fates} for fates in (first, second)), key=len)
    assert {"unchanged"} in whats
    assert count(engine, "appointments") == 2


def test_what_is_written_out_is_taken_in_without_a_change(clinic: DemoClinic, engine: Engine) -> None:
    clinic.say("web", "+12075550103", "skin doctor tomorrow at 10")
    clinic.say("web", "+12075550103", "yes")
    with transaction(clinic.engine) as session:
        written = exporting.write_out(session, VAULT, with_patients=True)
    with transaction(clinic.engine) as session:
        assert {fate.what for fate in importing.take_in(session, VAULT, written)} == {"unchanged"}
    with transaction(engine) as session:
        fates = importing.take_in(session, VAULT, written)
        assert refusals(fates) == {}
    assert count(engine, "appointments") == 2


def test_names_that_came_from_another_frontdesk_stand_in_nobody_s_way(clinic: DemoClinic) -> None:
    with transaction(clinic.engine) as session:
        for table in ("practitioners", "appointments"):
            highest = f"(SELECT max(id) FROM {table})"  # noqa: S608  # our own table
            run(session, f"UPDATE {table} SET external_id = 'frontdesk-' || id - 1 WHERE id = {highest}")  # noqa: S608  # the same
        newest = scalar(session, "SELECT max(id) FROM patients")
        key = people.patient_key(VAULT, f"frontdesk-{newest - 1}")
        wrapped = run(
            session,
            "SELECT k.id, k.wrapped FROM data_keys k JOIN patients p ON data_key_id = k.id WHERE p.id = %(id)s",
            id=newest,
        )
        sealed = VAULT.unwrap(*wrapped.fetchall()[0]).seal_text(
            "patients.external_id", newest, f"frontdesk-{newest - 1}"
        )
        run(
            session,
            "UPDATE patients SET external_key = %(key)s, external_id = %(sealed)s WHERE id = %(id)s",
            key=key,
            sealed=sealed,
            id=newest,
        )
    with transaction(clinic.engine) as session:
        written = exporting.write_out(session, VAULT, with_patients=True)
        assert {fate.what for fate in importing.take_in(session, VAULT, written)} == {"unchanged"}


def test_whoever_leaves_with_visits_ahead_is_named(engine: Engine) -> None:
    take_in(engine, CLINIC)
    (fate,) = take_in(
        engine, {"practitioners": CLINIC["practitioners"].replace("\n", ",active\n", 1).replace("en|es", "en|es,no")}
    )
    assert fate.about == "active was “yes”; visits still booked with them: 2"


def test_cells_that_look_like_formulas_are_quoted_and_come_back_as_they_were() -> None:
    raw = files.written(["name"], [{"name": "=HYPERLINK(1)"}, {"name": "+49"}, {"name": "'quoted"}])
    assert all(not cell.startswith(("=", "+")) for (cell,) in csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
    assert [row.cells["name"] for row in files.read(raw).rows] == ["=HYPERLINK(1)", "+49", "'quoted"]


# A row of each file that is right in every column.
RIGHT = {
    "organization": "Elm,Elm,en_US,(207) 555-0199,https://elm.example,30,90,24,10,5,anybody",
    "locations": "elm,Elm Street,1 Elm Street,America/New_York,911,555-0199,https://elm.example",
    "opening_hours": "elm,Mon-Fri,8:00,18:00",
    "holidays": "elm,2031-12-25,Christmas Day",
    "departments": "d1,Dermatology",
    "insurances": "aetna,Aetna Inc,aetna",
    "visit_types": "skin,Skin check,20,dermatology,mole,0,10,A list,in_person,80.50,USD,30,90,24,10,5,anybody",
    "practitioners": "lee,Dr,Grace,Lee,dermatology,skin,d1,en,aetna,Words,https://x.example/a.png,https://v.example,1,yes,4.5,9,yes",
    "patients": "p1,Ana Lima,1990-05-03,+1 207 555 0100,ana@example.org",
    "hours": "lee,elm,Mon-Fri,,9:00,12:00,20,2026-01-01,2035-01-01",
    "time_off": "lee,2031-03-12,2031-03-13,away",
    "visits": "v1,p1,lee,skin,elm,2031-03-10 09:00,20,booked,no",
}


def hostile_rows(kind: Kind, texts: list[str]) -> list[dict[str, str]]:
    """Rows in which one cell is hostile and all others are right."""
    right = dict(zip(kind.column, RIGHT[kind.name].split(","), strict=True))
    return [right | {name: text} for name in kind.column for text in texts]


def test_hostile_strings_in_every_field_are_refused_or_kept_as_they_are(engine: Engine) -> None:
    right = {k.name: f"{','.join(k.column)}\n{RIGHT[k.name]}\n".encode() for k in sheets.kinds()}
    assert {fate.what for fate in take_in(engine, right)} <= {"new", "changed"}
    with (ROOT / "tests" / "data" / "naughty-strings.jsonl").open(encoding="utf-8") as file:
        naughty = [json.loads(line)["text"] for line in file][::12]
    for kind in sheets.kinds():
        rows = hostile_rows(kind, naughty)
        fates = take_in(engine, {kind.name: files.written([*kind.column], rows)})
        assert sorted(fate.row for fate in fates if fate.row) == [*range(2, len(rows) + 2)], kind.name
    kept = [{"id": f"n{n}", "name": text} for n, text in enumerate(naughty)]
    take_in(engine, {"departments": files.written(["id", "name"], kept)})
    with transaction(engine) as session:
        stored = {row.external_id: row.name for row in run(session, "SELECT external_id, name FROM departments")}
        assert all(stored[line["id"]] == cells.tidy(line["name"]) for line in kept if line["id"] in stored)
        assert len(stored) > len(naughty) // 2
        written = exporting.write_out(session, VAULT, with_patients=True)
        assert {fate.what for fate in importing.take_in(session, VAULT, written)} == {"unchanged"}
        assert not any(finding.broken for finding in verify.check(session, VAULT).values())
