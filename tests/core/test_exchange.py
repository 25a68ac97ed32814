"""A clinic as spreadsheets: taken in row by row, written out again, and nothing stopped by a bad row."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.database import open_engine, run, transaction
from core.exchange import cells, exporting, files, importing, sheets
from core.exchange.fates import Fate
from frontdesk import setup, verify
from tests.demo_clinic import VAULT, DemoClinic

ROOT = Path(__file__).parent.parent.parent

CLINIC = {
    "organization": "name,short_name,phone,notice_hours\nElm Street Practice,Elm Street,(207) 555-0199,24\n",
    "locations": "id,name,address,zone,emergency_number\nelm,Elm Street,1 Elm Street,America/New_York,911\n",
    "insurances": "id,name,words\naetna,Aetna Inc,aetna\n",
    "visit_types": "id,name,minutes,specialty,minutes_after,booked_by\nskin,Skin check,20,dermatology,10,anybody\n",
    "practitioners": "id,title,given_name,family_name,specialties,visit_types,insurances,languages\n"
    "lee,Dr,Grace,Lee,dermatology,skin,aetna,en|es\n",
    "hours": "practitioner,location,weekdays,from,until,every_minutes\nlee,elm,Mon-Fri,9:00,12:00,20\nlee,elm,Mon-Thu,1 PM,5 PM,20\n",
    "time_off": "practitioner,from,until\nlee,2031-03-12,2031-03-13\n",
    "holidays": "location,date,name\n,2031-12-25,Christmas Day\n",
    "patients": "id,name,birth_date,phone\np1,Ana Lima,1990-05-03,+1 207 555 0100\np2,Ben Okonkwo,1971-06-08,\n",
    "visits": "id,patient,practitioner,visit_type,location,start\nv1,p1,lee,skin,elm,2031-03-10 09:00\nv2,p2,lee,skin,elm,2031-03-10 09:20\n",
}


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def take_in(engine: Engine, folder: Mapping[str, str | bytes], **more: str) -> list[Fate]:
    raw = {name: text if isinstance(text, bytes) else text.encode() for name, text in {**folder, **more}.items()}
    with transaction(engine) as session:
        return importing.take_in(session, VAULT, raw)


def refusals(fates: list[Fate]) -> dict[tuple[str, int], str]:
    return {(fate.file, fate.row): fate.about for fate in fates if fate.what == "refused"}


def count(engine: Engine, table: str) -> int:
    with transaction(engine) as session:
        return int(run(session, f"SELECT count(*) FROM {table}").fetchall()[0][0])  # noqa: S608


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


def test_cells_that_look_like_formulas_are_quoted_and_come_back_as_they_were() -> None:
    raw = files.written(["name"], [{"name": "=HYPERLINK(1)"}, {"name": "+49"}, {"name": "'quoted"}])
    assert all(not cell.startswith(("=", "+")) for (cell,) in csv.reader(io.StringIO(raw.decode("utf-8-sig"))))
    assert [row.cells["name"] for row in files.read(raw).rows] == ["=HYPERLINK(1)", "+49", "'quoted"]


def test_hostile_strings_in_every_field_are_refused_or_kept_as_they_are(engine: Engine) -> None:
    take_in(engine, CLINIC)
    with (ROOT / "tests" / "data" / "naughty-strings.jsonl").open(encoding="utf-8") as file:
        naughty = [json.loads(line)["text"] for line in file][::3]
    for kind in sheets.kinds():
        rows = [{column.name: text for column in kind.columns} | {"id": f"n{n}"} for n, text in enumerate(naughty)]
        fates = take_in(engine, {kind.name: files.written(list(kind.column), rows)})
        assert len([fate for fate in fates if fate.row]) >= len([text for text in naughty if text.strip()]) - 5
    kept = [{"id": f"d{n}", "name": text} for n, text in enumerate(naughty)]
    take_in(engine, {"departments": files.written(["id", "name"], kept)})
    with transaction(engine) as session:
        stored = {row.external_id: row.name for row in run(session, "SELECT external_id, name FROM departments")}
        assert all(stored[line["id"]] == cells.tidy(line["name"]) for line in kept if line["id"] in stored)
        assert len(stored) > len(naughty) // 2
        assert not any(finding.broken for finding in verify.check(session, VAULT).values())


def test_the_page_about_the_files_is_up_to_date() -> None:
    assert (ROOT / "docs" / "setup.md").read_text(encoding="utf-8") == setup.explained()
