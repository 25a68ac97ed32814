"""Wishes for a time, as patients write them on Thursday 12 March 2026 at nine."""

from datetime import date, datetime, time
from typing import Any

import pytest

from bot.understanding.meaning import DayRange, When
from tests.bot.understanding.clinic import day, days, heard, hours

CLEAR: list[tuple[str, dict[str, Any]]] = [
    ("tomorrow", {"days": ["13"]}),
    ("tommorow please", {"days": ["13"]}),
    ("day after tomorrow", {"days": ["14"]}),
    ("Monday", {"days": ["16"]}),
    ("on tues", {"days": ["17"]}),
    ("nothing before 9", {"times": ["09:00-"]}),
    ("I am away, Tuesday works", {"days": ["17"]}),
    ("I work until 5", {"times": ["17:00-"]}),
    ("not next week, the week after", {"days": ["23..30"]}),
    ("monday 1st thing", {"days": ["16"], "times": ["-10:00"]}),
    ("tuseday aftrnoon", {"days": ["17"], "times": ["12:00-18:00"]}),
    ("are you open sat", {"days": ["14"]}),
    ("Tuesdays cleaning", {"days": ["17"]}),
    ("this is May 5", {"days": ["2026-05-05"]}),
    ("my tooth hurts, tomorrow morning please", {"days": ["13"], "times": ["-12:00"]}),
    ("can I see you tomorrow", {"days": ["13"]}),
    ("3/25 for the pain in my knee", {"days": ["25"]}),
    ("Mother's Day", {"days": ["2026-05-10"]}),
    ("mon, wed or fri mornings", {"days": ["16", "18", "13"], "times": ["-12:00"]}),
    ("I'd be happy Friday", {"days": ["13"]}),
    ("Tuesday or Wednesday", {"days": ["17", "18"]}),
    ("Mon to Wed", {"days": ["16..19"]}),
    ("the 14th", {"days": ["14"]}),
    ("the 3rd", {"days": ["2026-04-03"]}),
    ("March 19", {"days": ["19"]}),
    ("19 March 2026", {"days": ["19"]}),
    ("the 19th of March", {"days": ["19"]}),
    ("on Thursday March 19th", {"days": ["19"]}),
    ("Friday the 13th", {"days": ["13"]}),
    ("2026-03-19", {"days": ["19"]}),
    ("2026 March 19", {"days": ["19"]}),
    ("25/3", {"days": ["25"]}),
    ("3/25", {"days": ["25"]}),
    ("19.3.2026", {"days": ["19"]}),
    ("19.03. 14:30", {"days": ["19"], "at": "14:30"}),
    ("16 to 18 March", {"days": ["16..19"]}),
    ("next week", {"days": ["16..23"]}),
    ("early next week", {"days": ["16..19"]}),
    ("this month", {"days": ["1..2026-04-01"]}),
    ("end of the month", {"days": ["22..2026-04-01"]}),
    ("the week of the 14th", {"days": ["9..16"]}),
    ("in two weeks", {"days": ["23..30"]}),
    ("in 3 days", {"days": ["15"]}),
    ("Friday next week", {"days": ["20"]}),
    ("a week from Monday", {"days": ["23"]}),
    ("this weekend", {"days": ["14..16"]}),
    ("in May", {"days": ["2026-05-01..2026-06-01"]}),
    ("tomorrow at 9:20", {"days": ["13"], "at": "09:20"}),
    ("9 tomorrow", {"days": ["13"], "at": "09:00"}),
    ("Monday 10", {"days": ["16"], "at": "10:00"}),
    ("Tuesday morning", {"days": ["17"], "times": ["-12:00"]}),
    ("tomorrow afternoon", {"days": ["13"], "times": ["12:00-18:00"]}),
    ("mornings next week", {"days": ["16..23"], "times": ["-12:00"]}),
    ("Tuesday 2-4", {"days": ["17"], "times": ["14:00-16:00"]}),
    ("Tuesday between 2 and 4:30", {"days": ["17"], "times": ["14:00-16:30"]}),
    ("at 3", {"at": "15:00"}),
    ("at 8", {"at": "08:00"}),
    ("around 10", {"at": "10:00"}),
    ("3pm", {"at": "15:00"}),
    ("9.30 am", {"at": "09:30"}),
    ("14:00", {"at": "14:00"}),
    ("half past nine", {"at": "09:30"}),
    ("quarter to 4", {"at": "15:45"}),
    ("twenty past two", {"at": "14:20"}),
    ("noon", {"at": "12:00"}),
    ("3 in the afternoon", {"at": "15:00"}),
    ("after 3", {"times": ["15:00-"]}),
    ("not before 3", {"times": ["15:00-"]}),
    ("before noon", {"times": ["-12:00"]}),
    ("between 2 and 4", {"times": ["14:00-16:00"]}),
    ("from 10 to 2", {"times": ["10:00-14:00"]}),
    ("before 9 or after 5", {"times": ["-09:00", "17:00-"]}),
    ("not in the mornings", {"times": ["12:00-"]}),
    ("weekday evenings", {"weekdays": (0, 1, 2, 3, 4), "times": ["17:00-"]}),
    ("on Mondays", {"weekdays": (0,)}),
    ("not Monday", {"not_weekdays": (0,)}),
    ("no, the morning", {"times": ["-12:00"]}),
    ("no mornings", {"times": ["12:00-"]}),
    ("any day but Friday", {"not_weekdays": (4,)}),
    ("next week but not Monday or Tuesday", {"days": ["16..23"], "not_weekdays": (0, 1)}),
    ("can't do tomorrow", {"not_days": ["13"]}),
    ("first available", {"first_available": True}),
    ("asap", {"first_available": True}),
    ("as soon as possible", {"first_available": True}),
    ("the earliest on Monday", {"days": ["16"], "first_available": True}),
    ("after Monday", {"days": [DayRange(date(2026, 3, 17), None)]}),
    ("by Monday", {"days": [DayRange(None, date(2026, 3, 17))]}),
    ("whenever", {}),
    # days by their number
    ("on 15 at 10", {"days": ["15"], "at": "10:00"}),
    ("8:30 on 16", {"days": ["16"], "at": "08:30"}),
    ("the 27", {"days": ["27"]}),
    ("Friday 20 at 4", {"days": ["20"], "at": "16:00"}),
    ("15-4", {"days": ["2026-04-15"]}),
    ("31 10 2026", {"days": ["2026-10-31"]}),
    ("mar19", {"days": ["19"]}),
    ("24 April 2026, Friday", {"days": ["2026-04-24"]}),
    ("April 9 this year", {"days": ["2026-04-09"]}),
    ("between the 20th and the 25th", {"days": ["20..26"]}),
    ("from the 29th to the 3rd of April", {"days": ["29..2026-04-04"]}),
    ("from April 27 to the 3rd", {"days": ["2026-04-27..2026-05-04"]}),
    ("4 till 23 of next month", {"days": ["2026-04-04..2026-04-24"]}),
    ("20 and 22 March", {"days": ["20", "22"]}),
    # named days
    ("Easter Monday", {"days": ["2026-04-06"]}),
    ("Good Friday 2027", {"days": ["2027-03-26"]}),
    ("Thanksgiving", {"days": ["2026-11-26"]}),
    ("Memorial Day", {"days": ["2026-05-25"]}),
    ("2 days before Easter", {"days": ["2026-04-03"]}),
    ("the Tuesday after Easter", {"days": ["2026-04-07"]}),
    # what is counted
    ("14 days hence", {"days": ["26"]}),
    ("in 1 day", {"days": ["13"]}),
    ("one day from now", {"days": ["13"]}),
    ("in 3 more days", {"days": ["15"]}),
    ("in a week and two days", {"days": ["21"]}),
    ("two weeks after the 20th", {"days": ["2026-04-03"]}),
    ("in four business days", {"days": ["18"]}),
    ("the next 2 business days", {"days": ["13..17"]}),
    ("next few days", {"days": ["13..16"]}),
    ("the coming three days", {"days": ["13..16"]}),
    ("two upcoming weeks", {"days": ["13..27"]}),
    ("within 3 days", {"days": ["12..16"]}),
    ("after 5 days", {"days": [DayRange(date(2026, 3, 17), None)]}),
    ("from March 18 for ten days", {"days": ["18..28"]}),
    ("in 1h", {"days": ["12"], "at": "10:00"}),
    ("in an hour and a half", {"days": ["12"], "at": "10:30"}),
    ("within two hours", {"days": ["12"], "times": ["09:00-11:00"]}),
    ("the next 90 minutes", {"days": ["12"], "times": ["09:00-10:30"]}),
    ("within 24 hours", {"days": ["12"], "otherwise": {"days": ["13"], "times": ["-09:00"]}}),
    ("until friday noon", {"days": ["12"], "otherwise": {"days": ["13"], "times": ["-12:00"]}}),
    ("before saturday at 10 am", {"days": ["12..14"], "otherwise": {"days": ["14"], "times": ["-10:00"]}}),
    # a day of a month beside a part of the day
    ("march 13 in the morning", {"days": ["13"], "times": ["-12:00"]}),
    ("the 13th in the afternoon", {"days": ["13"], "times": ["12:00-18:00"]}),
    # stretches of the calendar
    ("coming week", {"days": ["16..23"]}),
    ("rest of the week", {"days": ["12..16"]}),
    ("later this week", {"days": ["13..16"]}),
    ("the rest of the day", {"days": ["12"], "times": ["09:00-"]}),
    ("later today", {"days": ["12"], "times": ["09:00-"]}),
    ("the third week of April", {"days": ["2026-04-13..2026-04-20"]}),
    ("week 31", {"days": ["2026-07-27..2026-08-03"]}),
    ("week of Oct 12", {"days": ["2026-10-12..2026-10-19"]}),
    ("2026-05", {"days": ["2026-05-01..2026-06-01"]}),
    ("the first Monday of next month", {"days": ["2026-04-06"]}),
    ("last Friday of March", {"days": ["27"]}),
    ("the last day of the month", {"days": ["31"]}),
    ("from now until Friday", {"days": ["12..14"]}),
    ("Tuesday onwards", {"days": [DayRange(date(2026, 3, 17), None)]}),
    ("before the end of next week", {"days": [DayRange(None, date(2026, 3, 23))]}),
    ("by end of day Friday", {"days": ["13"]}),
    ("the day after Easter", {"days": ["2026-04-06"]}),
    ("any day after Tuesday", {"days": [DayRange(date(2026, 3, 18), None)]}),
    ("2026-05-18T11:30", {"days": ["2026-05-18"], "at": "11:30"}),
    ("Tuesday week", {"days": ["24"]}),
    ("a week on Tuesday", {"days": ["24"]}),
    ("a week tomorrow", {"days": ["20"]}),
    ("8-15", {"days": ["2026-08-15"]}),
    ("next quarter", {"days": ["2026-04-01..2026-07-01"]}),
    # clock times as they are spoken and typed
    ("ten-thirty", {"at": "10:30"}),
    ("three-fifteen pm", {"at": "15:15"}),
    ("ten to nine", {"at": "08:50"}),
    ("five to 3", {"at": "14:55"}),
    ("ten before noon", {"at": "11:50"}),
    ("quarter of 4", {"at": "15:45"}),
    ("9-11", {"times": ["09:00-11:00"]}),
    ("10 to 4", {"times": ["10:00-16:00"]}),
    ("eight forty tomorrow", {"days": ["13"], "at": "08:40"}),
    ("ten ten", {"at": "10:10"}),
    ("nine oh five", {"at": "09:05"}),
    ("half three", {"at": "15:30"}),
    ("half-past 3", {"at": "15:30"}),
    ("twenty after three", {"at": "15:20"}),
    ("15 minutes before noon", {"at": "11:45"}),
    ("quarter before 4", {"at": "15:45"}),
    ("20 to 2", {"at": "13:40"}),
    ("1430", {"at": "14:30"}),
    ("after 1500", {"times": ["15:00-"]}),
    ("from 0900 to 1100", {"times": ["09:00-11:00"]}),
    ("between 9 15 and 10 30", {"times": ["09:15-10:30"]}),
    ("3:30ish", {"at": "15:30"}),
    ("14hr", {"at": "14:00"}),
    ('3 o"clock', {"at": "15:00"}),
    ("8:00:31am", {"at": "08:00:31"}),
    ("3 or later", {"times": ["15:00-"]}),
    ("10 or earlier", {"times": ["-10:00"]}),
    ("from 10 for 2 hours", {"times": ["10:00-12:00"]}),
    ("at 10 for 30 minutes", {"at": "10:00"}),
    ("from Monday 9am to 11am", {"days": ["16"], "times": ["09:00-11:00"]}),
    ("2pm, not 3pm", {"at": "14:00"}),
    ("can't do 3pm", {"times": ["-15:00", "15:30-"]}),
    # parts of the day, and their edges
    ("8 in the morning on Monday", {"days": ["16"], "at": "08:00"}),
    ("between 2 and 3 in the afternoon", {"times": ["14:00-15:00"]}),
    ("early Monday morning", {"days": ["16"], "times": ["-10:00"]}),
    ("late Tuesday afternoon", {"days": ["17"], "times": ["15:00-18:00"]}),
    ("early on Monday", {"days": ["16"], "times": ["-10:00"]}),
    ("late on Friday", {"days": ["13"], "times": ["16:00-"]}),
    ("mid-morning", {"times": ["09:30-11:30"]}),
    # what is counted beside a time is none
    ("for the 3 of us on Monday", {"days": ["16"]}),
    ("for my 2 kids tomorrow at 3", {"days": ["13"], "at": "15:00"}),
    ("my tooth has hurt for the last 3 days, is Monday free?", {"days": ["16"]}),
    ("I have no insurance at the moment, is Monday free?", {"days": ["16"]}),
    ("right now", {"first_available": True}),
    ("my knee has hurt since Monday, can I come tomorrow?", {"days": ["13"]}),
    ("I was there last week, is tomorrow free?", {"days": ["13"]}),
]

DOUBTFUL: list[tuple[str, list[When]]] = [
    ("3/4", [days("2027-03-04"), days("2026-04-03")]),
    ("5/6/2026", [days("2026-05-06"), days("2026-06-05")]),
    ("next Friday", [days("13"), days("20")]),
    ("next Sunday", [days("15"), days("22")]),
    ("Thursday", [days("12"), days("19")]),
    ("Monday March 17", [days("17"), days("16")]),
]


def wish(said: dict[str, Any]) -> When:
    read = dict(said)
    for name in ("days", "not_days"):
        read[name] = tuple(d if isinstance(d, DayRange) else day(*d.split("..")) for d in said.get(name, ()))
    read["times"] = tuple(hours(text) for text in said.get("times", ()))
    read["at"] = time.fromisoformat(said["at"]) if "at" in said else None
    read["otherwise"] = wish(said["otherwise"]) if "otherwise" in said else None
    return When(**read)


@pytest.mark.parametrize(("text", "expected"), CLEAR, ids=[text for text, _ in CLEAR])
def test_a_clear_time_is_understood(text: str, expected: dict[str, Any]) -> None:
    meaning = heard(text)
    assert meaning.when == wish(expected)
    assert (meaning.readings, meaning.past_date, meaning.impossible_date) == ((), None, None)


@pytest.mark.parametrize(("text", "expected"), DOUBTFUL, ids=[text for text, _ in DOUBTFUL])
def test_a_doubtful_time_is_never_guessed(text: str, expected: list[When]) -> None:
    meaning = heard(text)
    assert meaning.when is None
    assert list(meaning.readings) == expected


def test_an_hour_is_doubtful_only_while_the_clinic_is_open_at_both() -> None:
    long_day = heard("at 8", opens=time(7), closes=time(21))
    assert [reading.at for reading in long_day.readings] == [time(8), time(20)]
    assert heard("at 8 in the morning", opens=time(7), closes=time(21)).when == When(at=time(8))
    assert heard("after 8", opens=time(0), closes=time(0)).when is None


def test_an_hour_of_today_that_is_over_leaves_next_week() -> None:
    assert heard("Thursday morning", reference=datetime(2026, 3, 12, 13)).when == wish(
        {"days": ["19"], "times": ["-12:00"]}
    )


def test_a_day_without_its_year_is_the_nearest_one() -> None:
    assert heard("January 5", reference=datetime(2026, 12, 10)).when == days("2027-01-05")
    assert heard("January 5").past_date == "January 5"


def test_day_and_month_stand_as_the_country_writes_them() -> None:
    british = heard("3/4", region="GB")
    assert list(british.readings) == [days("2026-04-03"), days("2027-03-04")]
    assert british.entities[0].value == "2026-04-03"
    assert heard("born 3/4/1985", region="GB").birth_date == date(1985, 4, 3)
    assert heard("born 3/4/1985").birth_date == date(1985, 3, 4)


def test_a_year_may_be_spoken() -> None:
    born = date(1986, 1, 25)
    assert heard("January twenty five nineteen eighty six", asked="birth_date").birth_date == born
    assert heard("born January 25 two thousand and eighteen").birth_date == date(2018, 1, 25)


def test_a_year_is_no_time_of_day_where_a_birth_date_is_asked() -> None:
    assert heard("1945", asked="birth_date").when is None
    assert heard("1945", closes=time(22)).when == When(at=time(19, 45))


def test_night_goes_on_after_midnight() -> None:
    at_night = {"opens": time(0), "closes": time(0)}
    assert heard("3 at night", **at_night).when == When(at=time(3))
    assert heard("10 at night", **at_night).when == When(at=time(22))


@pytest.mark.parametrize("weekday", ["Monday", "Tuesday", "Wednesday", "Thursday"])
def test_next_weekday_is_next_week_once_this_weeks_is_over(weekday: str) -> None:
    meaning = heard(f"next {weekday}")
    assert meaning.readings == ()
    assert meaning.when is not None
    assert meaning.when.days[0].start is not None
    assert date(2026, 3, 16) <= meaning.when.days[0].start <= date(2026, 3, 19)


@pytest.mark.parametrize("text", ["30 February", "Feb 30", "31/4/2026", "31 April", "2026-02-30", "29 February"])
def test_a_day_that_no_calendar_has_is_named(text: str) -> None:
    meaning = heard(f"can I come on {text}?")
    assert meaning.impossible_date == text
    assert meaning.when is None


@pytest.mark.parametrize("text", ["yesterday", "last Monday", "March 9", "2026-03-01", "2 days ago", "1 March 2020"])
def test_a_day_that_is_over_is_named(text: str) -> None:
    meaning = heard(text)
    assert meaning.past_date == text
    assert meaning.when is None


@pytest.mark.parametrize(
    "text",
    [
        "may I come in?", "this may take longer", "may one of us come?", "I sat down in the sun", "wait a second",
        "soldiers march", "2 people", "120/80", "24/7", "24-7", "42 / 45", "it costs $10.50", "Good morning!", "have a nice weekend",
        "for 2 people", "party of 5", "not right now", "not now", "it takes 2 hours", "how about some one else",
        "second wave", "every industry", "the second one", "room 12", "version 1.2.3", "call 0151 2345678", "my son is 9", "30/4.85",
        "my pain is 7/10", "1/2 tablet", "policy 12-31-4455", "I live at 12 May Street", "my name is April", "a 2nd opinion", "-1", "0.00", "<3",
        "happy Friday!", "ok, see you on Friday!", "it hurts at night", "be there asap", "not urgent", "10\u207b\u00b3", "2, am I in time?",
    ],
)  # fmt: skip
def test_ordinary_words_and_numbers_are_no_time(text: str) -> None:
    meaning = heard(text)
    assert (meaning.when, meaning.readings, meaning.entities) == (None, (), ())


def test_entities_have_the_form_of_the_scorer() -> None:
    (entity,) = heard("can I come tomorrow at 9:20 please").entities
    assert (entity.kind, entity.text, entity.value) == ("datetime", "tomorrow at 9:20", "2026-03-13T09:20:00")
    (entity,) = heard("from 10 am for 3 hours").entities
    assert (entity.kind, entity.start, entity.end) == ("timerange", "10:00:00", "13:00:00")
    (entity,) = heard("at 10 for 30 minutes").entities
    assert (entity.kind, entity.start, entity.end) == ("timerange", "10:00:00", "10:30:00")
    (entity,) = heard("within two hours").entities
    assert (entity.kind, entity.start, entity.end) == ("datetimerange", "2026-03-12T09:00", "2026-03-12T11:00")
    (entity,) = heard("end of the day").entities
    assert (entity.kind, entity.value) == ("time", "23:59:59")
    (entity,) = heard("every Monday for six weeks").entities
    assert entity.kind == "set"
    (entity,) = heard("since April").entities
    assert (entity.kind, entity.start, entity.end) == ("daterange", "2026-04-01", None)
    (entity,) = heard("next week").entities
    assert (entity.kind, entity.start, entity.end) == ("daterange", "2026-03-16", "2026-03-23")
