"""When a visit is reminded of, in every zone and across changes of clocks; and what becomes of a reminder when its time has come."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messaging.reminding import (
    LAST,
    OUTRANKS,
    Decided,
    Due,
    Reason,
    Sent,
    decide,
    may_write,
    moment,
    next_morning,
    planned,
    promised,
)
from core.scheduling.policies import DEFAULT, Policy
from core.scheduling.visits import Visit
from core.scheduling.wishes import Slot

NEW_YORK = ZoneInfo("America/New_York")
FIVE_DAYS, A_DAY, TWO_HOURS = DEFAULT.reminders
SECOND = timedelta(seconds=1)

ZONES = [name for name in sorted(available_timezones()) if name not in ("Factory", "localtime")]
zones = st.sampled_from(ZONES).map(ZoneInfo)
starts = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC)).map(
    lambda at: at.replace(second=0, microsecond=0)
)
leads = st.one_of(
    st.integers(1, 14).map(lambda days: timedelta(days=days)),
    st.integers(1, 14 * 24).map(lambda hours: timedelta(hours=hours)),
)


@st.composite
def policies(draw: Callable[[st.SearchStrategy[int]], int]) -> Policy:
    opens = draw(st.integers(5, 12))
    return replace(DEFAULT, write_from=time(opens), write_until=time(draw(st.integers(opens + 1, 23))))


def local(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


@given(starts, zones, leads, policies())
def test_nobody_is_written_to_at_night_nor_after_the_moment_that_was_planned(
    start: datetime, zone: ZoneInfo, lead: timedelta, policy: Policy
) -> None:
    at = moment(start, zone, lead, policy)
    assert at.tzinfo is UTC
    assert may_write(at, zone, policy)
    assert (
        start - lead - timedelta(days=1, hours=2) < at <= start - lead + timedelta(hours=2)
    )  # clocks change by up to two
    assert at < start


@given(starts, zones, st.integers(1, 14))
def test_whole_days_before_is_the_same_time_by_the_wall_clock(start: datetime, zone: ZoneInfo, days: int) -> None:
    wall = local(start, zone) - timedelta(days=days)
    exists = local(wall.replace(tzinfo=zone).astimezone(UTC), zone) == wall
    if exists and DEFAULT.write_from <= wall.time() < DEFAULT.write_until:
        assert local(moment(start, zone, timedelta(days=days), DEFAULT), zone) == wall


@given(starts, zones, leads, policies())
def test_what_falls_into_the_night_is_said_in_the_evening_before_it(
    start: datetime, zone: ZoneInfo, lead: timedelta, policy: Policy
) -> None:
    days = timedelta(days=lead.days)
    raw = start - lead if not days else (local(start, zone) - days).replace(tzinfo=zone).astimezone(UTC) - (lead - days)
    at = moment(start, zone, lead, policy)
    if may_write(raw, zone, policy):
        assert at == raw
    else:
        evening = datetime.combine(date(2000, 1, 1), policy.write_until) - LAST
        assert local(at, zone).time() == max(evening.time(), policy.write_from)
        assert next_morning(at + LAST, zone, policy) > raw  # there is no other evening in between


@given(starts, zones, policies())
def test_the_next_morning_is_the_first_moment_at_which_one_may_write_again(
    at: datetime, zone: ZoneInfo, policy: Policy
) -> None:
    morning = next_morning(at, zone, policy)
    assert may_write(morning, zone, policy)
    assert not may_write(morning - SECOND, zone, policy)
    assert at < morning <= at + timedelta(days=1, hours=2)


@given(starts, zones, st.lists(leads, max_size=5), st.integers(-20, 20))
def test_each_lead_is_planned_once_and_what_has_passed_is_known(
    start: datetime, zone: ZoneInfo, some: list[timedelta], days: int
) -> None:
    now = start + timedelta(days=days)
    plan = planned(start, zone, replace(DEFAULT, reminders=tuple(some)), now)
    assert [each.lead for each in plan] == (sorted(set(some), reverse=True) if start > now else [])
    assert all(each.why == ("passed" if each.due_at <= now else None) for each in plan)


def test_who_has_just_chosen_a_time_is_not_reminded_of_it_at_once() -> None:
    start, told = on(10, 10), on(9, 8)
    now = told + SECOND
    assert [each.why for each in planned(start, NEW_YORK, DEFAULT, now)] == ["passed", None, None]
    assert [each.why for each in planned(start, NEW_YORK, DEFAULT, now, told)] == ["passed", "just_told", None]


# Local starts, and when they are reminded of by the default plan, all by the wall clock of the place.
BY_THE_CLOCK = [
    (
        "America/New_York",
        "2026-03-10 10:00",
        "2026-03-05 10:00",
        "2026-03-09 10:00",
        "2026-03-09 19:30",
    ),  # spring, on the 8th
    (
        "America/New_York",
        "2026-11-02 15:00",
        "2026-10-28 15:00",
        "2026-11-01 15:00",
        "2026-11-02 13:00",
    ),  # autumn, on the 1st
    ("America/New_York", "2026-06-10 08:00", "2026-06-04 19:30", "2026-06-08 19:30", "2026-06-09 19:30"),
    ("America/New_York", "2026-06-10 11:00", "2026-06-05 11:00", "2026-06-09 11:00", "2026-06-10 09:00"),
    ("America/New_York", "2026-06-10 21:00", "2026-06-05 19:30", "2026-06-09 19:30", "2026-06-10 19:00"),
    (
        "Australia/Lord_Howe",
        "2026-10-05 12:00",
        "2026-09-30 12:00",
        "2026-10-04 12:00",
        "2026-10-05 10:00",
    ),  # by half an hour
    ("Africa/Casablanca", "2026-02-17 12:00", "2026-02-12 12:00", "2026-02-16 12:00", "2026-02-17 10:00"),  # Ramadan
    (
        "America/Sao_Paulo",
        "2018-11-05 12:00",
        "2018-10-31 12:00",
        "2018-11-04 12:00",
        "2018-11-05 10:00",
    ),  # at midnight
    ("Pacific/Apia", "2012-01-01 12:00", "2011-12-27 12:00", "2011-12-31 12:00", "2012-01-01 10:00"),  # no 30 December
]


@pytest.mark.parametrize(("name", "start", "five_days", "a_day", "two_hours"), BY_THE_CLOCK)
def test_the_default_plan_by_the_wall_clock(name: str, start: str, five_days: str, a_day: str, two_hours: str) -> None:
    zone = ZoneInfo(name)
    at = datetime.fromisoformat(start).replace(tzinfo=zone).astimezone(UTC)
    plan = planned(at, zone, DEFAULT, at - timedelta(days=30))
    assert [f"{local(each.due_at, zone):%Y-%m-%d %H:%M}" for each in plan] == [five_days, a_day, two_hours]


def test_where_a_zone_has_changed_its_rules_the_wall_time_that_was_promised_counts() -> None:
    wall = datetime(2026, 7, 1, 10, 0)
    as_stored = datetime(2026, 7, 1, 15, 0, tzinfo=UTC)  # when that was ten o'clock still
    assert promised(as_stored, wall, NEW_YORK) == datetime(2026, 7, 1, 14, 0, tzinfo=UTC)
    twice = datetime(2026, 11, 1, 1, 30)
    for instant in (datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 6, 30, tzinfo=UTC)):
        assert promised(instant, twice, NEW_YORK) == instant


# --- what becomes of it ----------------------------------------------------------------------------------------------

NOON = datetime(2026, 6, 9, 12, 0, tzinfo=NEW_YORK)  # a Tuesday
AMY, BEN = 1, 2  # addresses


def due(
    number: int,
    start: datetime,
    lead: timedelta = A_DAY,
    due_at: datetime = NOON,
    *,
    address: int = AMY,
    why: Reason | None = None,
) -> Due:
    """A reminder of a visit, due now unless the test says otherwise."""
    visit = Visit(number, 100 + number, Slot(1, 1, 1, start.astimezone(UTC)), "booked")
    return Due(visit, lead, due_at, start.replace(tzinfo=None), NEW_YORK, address, why)


def decided(
    *dues: Due, sent: list[Sent] | None = None, asked_at: datetime | None = None, now: datetime = NOON
) -> Decided:
    return decide(dues, lambda _due: DEFAULT, sent or [], asked_at, now)


def visits(made: Decided) -> list[list[int]]:
    """The visits of each text."""
    return [[each.visit.id for each in text.visits] for text in made.texts]


def on(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 6, day, hour, minute, tzinfo=NEW_YORK)


def test_what_is_due_is_said() -> None:
    assert visits(decided(due(1, on(10, 12)))) == [[1]]


def test_what_is_not_due_yet_is_left_alone() -> None:
    made = decided(due(1, on(10, 13), due_at=on(9, 13)))
    assert (made.texts, made.skipped, made.postponed) == ([], {}, {})


def test_what_cannot_be_said_is_skipped_with_its_reason() -> None:
    one, other = due(1, on(10, 12), why="late"), due(2, on(10, 12))
    made = decided(one, other)
    assert made.skipped == {one: "late"}
    assert visits(made) == [[2]]


def test_at_night_it_waits_for_the_morning_and_after_that_it_is_of_no_use() -> None:
    late = on(9, 22)
    afternoon, early = due(1, on(10, 15)), due(2, on(10, 9, 15))
    made = decided(afternoon, early, now=late)
    assert made.postponed == {afternoon: on(10, 9).astimezone(UTC)}
    assert made.skipped == {early: "quiet_hours"}


def test_while_a_question_is_open_it_waits_half_an_hour() -> None:
    one = due(1, on(10, 12))
    asked = NOON - timedelta(minutes=10)
    assert decided(one, asked_at=asked).postponed == {one: asked + timedelta(minutes=30)}
    assert visits(decided(one, asked_at=NOON - timedelta(minutes=30))) == [[1]]


def test_visits_of_one_day_are_one_text_the_first_one_first() -> None:
    assert visits(decided(due(1, on(10, 14)), due(2, on(10, 10)))) == [[2, 1]]
    assert visits(decided(due(1, on(10, 14)), due(2, on(11, 10)))) == [[1], [2]]
    assert visits(decided(due(1, on(10, 14)), due(2, on(10, 10), address=BEN))) == [[2], [1]]


def test_a_text_takes_along_what_would_be_said_later_today_of_visits_on_its_day() -> None:
    afternoon = due(2, on(10, 15), due_at=on(9, 15))
    evening = due(1, on(10, 12), TWO_HOURS, due_at=on(9, 19, 30))
    another_day = due(3, on(11, 15), due_at=on(9, 15))
    tomorrow = due(4, on(10, 15), due_at=on(10, 9))
    dead = due(5, on(10, 16), due_at=on(9, 16), why="late")
    (text,) = decided(due(1, on(10, 12)), afternoon, evening, another_day, tomorrow, dead).texts
    assert [each.visit.id for each in text.visits] == [1, 2]
    assert {each.key for each in text.dues} >= {evening.key, afternoon.key}
    assert len(text.dues) == 3


def test_an_address_gets_one_a_day_and_three_a_week_but_a_day_before_always() -> None:
    today, week = [Sent(AMY, on(9, 9))], [Sent(AMY, on(day, 9)) for day in (3, 5, 7)]
    for lead, is_said in ((FIVE_DAYS, False), (A_DAY, True), (TWO_HOURS, False)):
        one = due(1, on(14, 12), lead)
        for sent in (today, week):
            made = decided(one, sent=sent)
            assert (made.texts != [], made.skipped == {one: "cap"}) == (is_said, not is_said)
        assert decided(one, sent=[Sent(BEN, on(9, 9))]).texts
        assert decided(one, sent=week[1:]).texts
        assert decided(one, sent=[Sent(AMY, on(2, 23)), *week[1:]]).texts  # seven days ago
    assert OUTRANKS == A_DAY


def test_of_several_due_at_once_the_day_before_goes_first_and_leaves_nothing_to_the_others() -> None:
    far, tomorrow = due(1, on(14, 12), FIVE_DAYS), due(2, on(10, 12))
    made = decided(far, tomorrow)
    assert visits(made) == [[2]]
    assert made.skipped == {far: "cap"}
