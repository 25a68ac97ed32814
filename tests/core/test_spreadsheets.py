"""Files as Excel, LibreOffice and Numbers save them, and cells as people type them."""

import json
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from core.exchange import cells, dates, files, sheets
from core.exchange.fates import Refused, read_row

ROOT = Path(__file__).parent.parent.parent
KIND = {kind.name: kind for kind in sheets.kinds()}

READ: list[tuple[Callable[[str], Any], str, Any]] = [
    (cells.clock, "9", time(9)),
    (cells.clock, "9:05", time(9, 5)),
    (cells.clock, "09:00:00", time(9)),
    (cells.clock, "2:30 PM", time(14, 30)),
    (cells.clock, "2:30:00 PM", time(14, 30)),
    (cells.clock, "5 p.m.", time(17)),
    (cells.clock, "9h30", time(9, 30)),
    (cells.clock, "12 am", time(0)),
    (cells.clock, "24:00:00", time(0)),
    (cells.day, "2026-03-09", date(2026, 3, 9)),
    (cells.day, "2026-03-09 00:00:00", date(2026, 3, 9)),
    (cells.moment, "2026-03-09 9:00", datetime(2026, 3, 9, 9)),
    (cells.moment, "2026-03-09T14:30:00", datetime(2026, 3, 9, 14, 30)),
    (cells.moment, "2026-03-09 2:30 pm", datetime(2026, 3, 9, 14, 30)),
    (cells.day_or_moment, "2026-03-09", date(2026, 3, 9)),
    (cells.day_or_moment, "2026-03-09 9 am", datetime(2026, 3, 9, 9)),
    (cells.money, "120", Decimal(120)),
    (cells.money, "120,50", Decimal("120.50")),
    (cells.money, "1.200,50", Decimal("1200.50")),
    (cells.money, "1,200.50", Decimal("1200.50")),
    (cells.money, "1 200,50", Decimal("1200.50")),
    (cells.money, "1,200,000.00", Decimal(1_200_000)),
    (cells.rating, "4,6", Decimal("4.6")),
    (cells.yes, "WAHR", True),
    (cells.yes, "Falso", False),
    (cells.number(0, 100), "20.0", 20),
    (cells.currency, "usd", "USD"),
    (cells.locale, "en-us", "en_US"),
    (cells.specialty, "Dermatology", "dermatology"),
    (cells.specialty, "skin doctor", "dermatology"),
    (cells.weekdays, "Mon - Wed, Fri", (0, 1, 2, 4)),
    (cells.tidy, "\ufeff Jose\u0301\u200e ", "José"),
    (cells.dialled, "(207) 555-0199", "(207) 555-0199"),
]

REFUSED: list[tuple[Callable[[str], Any], str, str]] = [
    (cells.clock, "9m", "a time"),
    (cells.clock, "9:00:30", "a time"),
    (cells.clock, "25:00", "a time"),
    (cells.day, "9999-12-31", "between 1900 and 2199"),
    (cells.day, "03/04/2026", "nothing in this file tells whether the day or the month comes first"),
    (cells.moment, "2026-03-09 24:00", "a local date and time"),
    (cells.moment, "2026-03-09 14:30+02:00", "a local date and time"),
    (cells.moment, "2026-03-09", "a local date and time"),
    (cells.money, "1,200", "an amount"),
    (cells.money, "-1", "an amount"),
    (cells.money, "$80", "without the sign of the currency"),
    (cells.money, "1" * 40, "an amount"),
    (cells.rating, "6", "from 1 to 5"),
    (cells.number(0, 10), "0000000000005555555555", "a whole number"),
    (cells.currency, "XXQ", "the code of a currency"),
    (cells.locale, "xx_YY", "a language and a country"),
    (cells.zone, "localtime", "a time zone"),
    (cells.zone, "Factory", "a time zone"),
    (cells.key, "a|b", "without | and ;"),
    (cells.key, "漢" * 300, "at most 100 characters"),
    (cells.text, "a\x1b[2Jb", "control characters"),
    (cells.text, "a\udcffb", "control characters"),
    (cells.text, "gnp\u202e.exe", "control characters"),
    (cells.specialty, "witchcraft", "frontdesk setup --specialties"),
    (cells.dialled, "nonsense", "a phone number"),
]


@pytest.mark.parametrize(("parse", "cell", "value"), READ)
def test_cells_as_people_and_programs_write_them(parse: Callable[[str], Any], cell: str, value: Any) -> None:
    assert parse(cell) == value


@pytest.mark.parametrize(("parse", "cell", "told"), REFUSED)
def test_cells_that_could_mean_something_else_are_refused(parse: Callable[[str], Any], cell: str, told: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        parse(cell)
    assert told in str(refused.value)


def born(*written: str) -> tuple[list[str], tuple[str, ...]]:
    """Birth dates of patients after the file has shown their order, and what is noted about it."""
    raw = files.written(["id", "birth_date"], [{"id": str(n), "birth_date": cell} for n, cell in enumerate(written)])
    sheet = dates.settled(KIND["patients"], files.read(raw))
    return [row.cells["birth_date"] for row in sheet.rows], sheet.notes


def test_local_dates_are_read_where_the_file_shows_which_number_is_the_month() -> None:
    read, notes = born("3/4/1990", "12/25/1990", "1990-05-03")
    assert read == ["1990-03-04", "1990-12-25", "1990-05-03"]
    assert notes == ("dates such as 12/25/1990 are read as month, day, year",)
    assert born("3/4/1990", "25/12/1990")[0] == ["1990-04-03", "1990-12-25"]
    assert born("3.4.1990")[0] == ["1990-04-03"]
    assert born("3.4.1990", "3/4/1990")[0] == ["1990-04-03", "3/4/1990"]  # points tell nothing about slashes
    assert born("25.12.1990", "12/25/1990")[0] == ["1990-12-25"] * 2


@pytest.mark.parametrize("written", [("3/4/1990",), ("13/1/1990", "1/13/1990"), ("3/4/90", "25/12/90")])
def test_local_dates_stay_as_they_are_where_the_file_does_not_show_it(written: tuple[str, ...]) -> None:
    assert born(*written) == (list(written), ())


def test_a_local_date_with_a_time_is_a_moment() -> None:
    raw = b"id,start\nv1,12/25/2026 9:00 AM\n"
    (row,) = dates.settled(KIND["visits"], files.read(raw)).rows
    assert cells.moment(row.cells["start"]) == datetime(2026, 12, 25, 9)


def test_the_line_that_tells_excel_the_separator_is_no_header() -> None:
    sheet = files.read(b"sep=;\r\nid;name\r\nd1;a, b\r\n")
    assert [(row.number, dict(row.cells)) for row in sheet.rows] == [(3, {"id": "d1", "name": "a, b"})]


def test_a_quoted_line_break_is_part_of_its_cell_and_rows_keep_their_numbers() -> None:
    sheet = files.read(b'id,name\r\nd1,"a\r\nb"\r\n,\r\nd2,c\r\n,\r\n')
    assert [(row.number, row.cells["name"]) for row in sheet.rows] == [(2, "a\nb"), (4, "c")]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b'id,name\nd1,"open\nd2,b\n', "a quote is opened and never closed"),
        (b'id,name\nd1,"' + b"x" * 200_000 + b'"\n', "a quote is opened and never closed"),
    ],
)
def test_a_quote_that_swallows_rows_is_told(raw: bytes, told: str) -> None:
    with pytest.raises(files.Unreadable, match=told):
        files.read(raw)


def test_cells_that_stand_under_no_column_are_told() -> None:
    (row,) = files.read(b"id,name,birth_date,\np1,Ana,1990-05-03,,Portland\n").rows
    with pytest.raises(Refused, match="“Portland” stands under no column"):
        read_row(KIND["patients"], row)


def test_signs_that_cannot_be_read_are_noted() -> None:
    assert any("could not be read" in note for note in files.read(b"id,name\nd1,\x81\xe9\n").notes)


def test_no_hostile_cell_raises_anything_but_a_refusal() -> None:
    with (ROOT / "tests" / "data" / "naughty-strings.jsonl").open(encoding="utf-8") as file:
        naughty = [json.loads(line)["text"] for line in file]
    for kind in KIND.values():
        for column in kind.columns:
            for cell in (*naughty, "\ud800", "9" * 5000, "0001-01-01", "9999-12-31", "٣", "１２", "²", "1e999999"):
                try:
                    column.parse(cell)
                except ValueError:
                    continue
