"""Free starts: what a receptionist expects, then everything against a slow reference, in odd zones on odd days."""

import os
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import islice
from time import perf_counter
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.scheduling.availability import (
    Busy,
    ExtraHours,
    FreeStart,
    Interval,
    Need,
    Plan,
    WeeklyHours,
    free_starts,
    start_at,
)
from tests.core.scheduling.slow_reference import slow_free_starts

BERLIN = ZoneInfo("Europe/Berlin")
HALF_HOUR = timedelta(minutes=30)
MONDAY = date(2026, 3, 9)


def hours(day: date, start: str, end: str, step: int = 30, location_id: int = 1) -> WeeklyHours:
    """Weekly hours on the weekday of `day`, for ever."""
    local_start, local_end = time.fromisoformat(start), time.fromisoformat(end)
    return WeeklyHours(location_id, day.weekday(), local_start, local_end, timedelta(minutes=step), date.min)


def extra(day: date, start: str, end: str, step: int = 30, location_id: int = 1) -> ExtraHours:
    return ExtraHours(location_id, day, time.fromisoformat(start), time.fromisoformat(end), timedelta(minutes=step))


def between(day: date, start: str, end: str, zone: ZoneInfo = BERLIN) -> Interval:
    """From one wall-clock time to another of the same local date."""
    first, last = (datetime.combine(day, time.fromisoformat(text), zone) for text in (start, end))
    return Interval(first.astimezone(UTC), last.astimezone(UTC))


def visit(minutes: int, before: int = 0, after: int = 0) -> Need:
    return Need(timedelta(minutes=minutes), timedelta(minutes=before), timedelta(minutes=after))


def days(first: date, count: int = 1, zone: ZoneInfo = BERLIN) -> Interval:
    """Whole local dates."""
    start, end = (datetime.combine(day, time(), zone) for day in (first, first + timedelta(days=count)))
    return Interval(start.astimezone(UTC), end.astimezone(UTC))


def shown(starts: Iterable[FreeStart], zone: ZoneInfo = BERLIN, form: str = "%H:%M") -> str:
    """The starts as the clock on the wall shows them."""
    return " ".join(start.at.astimezone(zone).strftime(form) for start in starts)


class TestHours:
    def test_visits_start_on_the_grid_and_end_by_closing_time(self) -> None:
        plan = Plan({1: BERLIN}, (hours(MONDAY, "09:00", "11:00"),))
        assert shown(free_starts(plan, visit(30), days(MONDAY))) == "09:00 09:30 10:00 10:30"
        assert shown(free_starts(plan, visit(45), days(MONDAY))) == "09:00 09:30 10:00"

    def test_the_grid_counts_from_the_start_of_the_hours(self) -> None:
        plan = Plan({1: BERLIN}, (hours(MONDAY, "09:10", "11:00", step=25),))
        assert shown(free_starts(plan, visit(25), days(MONDAY))) == "09:10 09:35 10:00 10:25"

    def test_a_visit_runs_from_one_row_of_hours_into_the_next(self) -> None:
        plan = Plan({1: BERLIN}, (hours(MONDAY, "09:00", "10:00"), hours(MONDAY, "10:00", "11:00", step=60)))
        assert shown(free_starts(plan, visit(60), days(MONDAY))) == "09:00 09:30 10:00"

    def test_no_visit_runs_through_the_lunch_break(self) -> None:
        plan = Plan({1: BERLIN}, (hours(MONDAY, "11:00", "12:00"), hours(MONDAY, "12:30", "13:30")))
        assert shown(free_starts(plan, visit(60), days(MONDAY))) == "11:00 12:30"

    def test_overlapping_rows_offer_a_time_once(self) -> None:
        plan = Plan({1: BERLIN}, (hours(MONDAY, "09:00", "10:00"), hours(MONDAY, "09:00", "10:00", step=20)))
        assert shown(free_starts(plan, visit(20), days(MONDAY))) == "09:00 09:20 09:30 09:40"

    def test_night_hours_run_through_midnight(self) -> None:
        tuesday = MONDAY + timedelta(days=1)
        plan = Plan({1: BERLIN}, (hours(MONDAY, "23:00", "00:00"), hours(tuesday, "00:00", "01:00")))
        assert shown(free_starts(plan, visit(60), days(MONDAY, 2))) == "23:00 23:30 00:00"

    def test_hours_hold_from_their_first_date_to_before_their_last(self) -> None:
        weeks = [MONDAY + timedelta(weeks=n) for n in range(4)]
        row = WeeklyHours(1, 0, time(9), time(10), timedelta(hours=1), valid_from=weeks[1], valid_until=weeks[3])
        found = free_starts(Plan({1: BERLIN}, (row,)), visit(30), days(MONDAY, 28))
        assert shown(found, form="%d.%m.") == "16.03. 23.03."

    def test_a_holiday_closes_weekly_hours_but_not_extra_hours(self) -> None:
        plan = Plan(
            {1: BERLIN},
            (hours(MONDAY, "09:00", "11:00"),),
            (extra(MONDAY, "10:00", "11:00"),),
            holidays={1: frozenset({MONDAY})},
        )
        found = free_starts(plan, visit(30), days(MONDAY, 8))
        assert shown(found, form="%d. %H:%M") == "09. 10:00 09. 10:30 16. 09:00 16. 09:30 16. 10:00 16. 10:30"

    def test_a_holiday_of_one_location_leaves_the_other_open(self) -> None:
        rows = (hours(MONDAY, "09:00", "10:00"), hours(MONDAY, "09:00", "10:00", location_id=2))
        plan = Plan({1: BERLIN, 2: BERLIN}, rows, holidays={1: frozenset({MONDAY})})
        assert {start.location_id for start in free_starts(plan, visit(30), days(MONDAY))} == {2}

    def test_extra_hours_prolong_the_day(self) -> None:
        plan = Plan({1: BERLIN}, (hours(MONDAY, "09:00", "10:00"),), (extra(MONDAY, "10:00", "10:30"),))
        assert shown(free_starts(plan, visit(60), days(MONDAY))) == "09:00 09:30"


class TestClockChanges:
    def test_nine_o_clock_stays_nine_o_clock(self) -> None:
        saturday = date(2026, 3, 28)
        plan = Plan({1: BERLIN}, tuple(hours(saturday + timedelta(days=n), "09:00", "10:00", 60) for n in range(3)))
        found = list(free_starts(plan, visit(60), days(saturday, 3)))
        assert shown(found, form="%a %H:%M") == "Sat 09:00 Sun 09:00 Mon 09:00"
        assert shown(found, ZoneInfo("UTC"), form="%a %H:%M") == "Sat 08:00 Sun 07:00 Mon 07:00"

    def test_a_visit_runs_across_the_hour_that_does_not_exist(self) -> None:
        sunday = date(2026, 3, 29)
        plan = Plan({1: BERLIN}, (hours(sunday, "01:00", "04:00"),))
        assert shown(free_starts(plan, visit(60), days(sunday))) == "01:00 01:30 03:00"

    def test_hours_inside_the_hour_that_does_not_exist_offer_nothing(self) -> None:
        sunday = date(2026, 3, 29)
        plan = Plan({1: BERLIN}, (hours(sunday, "02:00", "03:00"),))
        assert not list(free_starts(plan, visit(15), days(sunday)))

    def test_both_half_past_ones_are_offered(self) -> None:
        zone, sunday = ZoneInfo("America/New_York"), date(2026, 11, 1)
        plan = Plan({1: zone}, (hours(sunday, "01:00", "02:00"),))
        found = list(free_starts(plan, visit(30), days(sunday, zone=zone)))
        assert shown(found, zone) == "01:00 01:30 01:00 01:30"
        assert shown(found, ZoneInfo("UTC")) == "05:00 05:30 06:00 06:30"

    def test_lord_howe_repeats_half_an_hour(self) -> None:
        zone, sunday = ZoneInfo("Australia/Lord_Howe"), date(2026, 4, 5)
        plan = Plan({1: zone}, (hours(sunday, "01:00", "02:30"),))
        assert shown(free_starts(plan, visit(30), days(sunday, zone=zone)), zone) == "01:00 01:30 01:30 02:00"

    def test_cairo_starts_a_friday_at_one_o_clock(self) -> None:
        zone, friday = ZoneInfo("Africa/Cairo"), date(2026, 4, 24)
        plan = Plan({1: zone}, (hours(friday, "00:00", "02:00"),))
        found = free_starts(plan, visit(30), Interval(*utc("2026-04-23 20:00", "2026-04-24 10:00")))
        assert shown(found, zone) == "01:00 01:30"

    def test_apia_had_no_friday_that_week(self) -> None:
        zone, thursday = ZoneInfo("Pacific/Apia"), date(2011, 12, 29)
        rows = tuple(hours(thursday + timedelta(days=n), "00:00", "00:00", step=12 * 60) for n in range(3))
        found = free_starts(Plan({1: zone}, rows), visit(60), Interval(*utc("2011-12-29 10:00", "2011-12-31 10:00")))
        assert shown(found, zone, "%a %H:%M") == "Thu 00:00 Thu 12:00 Sat 00:00 Sat 12:00"


class TestTakenTime:
    PLAN_HOURS = (hours(MONDAY, "09:00", "11:00"),)

    def test_a_visit_may_start_when_another_ends(self) -> None:
        plan = Plan({1: BERLIN}, self.PLAN_HOURS, busy=(Busy(between(MONDAY, "09:30", "10:00"), 1),))
        assert shown(free_starts(plan, visit(30), days(MONDAY))) == "09:00 10:00 10:30"

    def test_buffers_keep_their_distance_from_other_visits(self) -> None:
        plan = Plan({1: BERLIN}, self.PLAN_HOURS, busy=(Busy(between(MONDAY, "10:00", "10:30"), 1),))
        assert shown(free_starts(plan, visit(30, before=10), days(MONDAY))) == "09:00 09:30"
        assert shown(free_starts(plan, visit(30, after=10), days(MONDAY))) == "09:00 10:30"

    def test_buffers_may_stick_out_of_hours_and_into_time_off(self) -> None:
        plan = Plan({1: BERLIN}, self.PLAN_HOURS, time_off=(between(MONDAY, "10:00", "10:30"),))
        assert shown(free_starts(plan, visit(30, before=20, after=20), days(MONDAY))) == "09:00 09:30 10:30"

    def test_time_off_that_ends_within_a_slot_takes_the_slot(self) -> None:
        plan = Plan({1: BERLIN}, self.PLAN_HOURS, time_off=(between(MONDAY, "08:00", "09:10"),))
        assert shown(free_starts(plan, visit(30), days(MONDAY))) == "09:30 10:00 10:30"

    def test_the_lowest_free_seat_is_named_until_all_are_taken(self) -> None:
        taken = [(1, "09:00", "10:00"), (2, "09:30", "10:30"), (1, "10:30", "11:00")]
        busy = tuple(Busy(between(MONDAY, start, end), seat) for seat, start, end in taken)
        found = list(free_starts(Plan({1: BERLIN}, self.PLAN_HOURS, busy=busy, seats=2), visit(30), days(MONDAY)))
        assert shown(found) == "09:00 10:00 10:30"
        assert [start.seat for start in found] == [2, 1, 2]

    def test_a_seat_that_was_abolished_is_not_offered(self) -> None:
        busy = (Busy(between(MONDAY, "09:00", "11:00"), 1), Busy(between(MONDAY, "09:00", "09:30"), 2))
        assert not list(free_starts(Plan({1: BERLIN}, self.PLAN_HOURS, busy=busy), visit(30), days(MONDAY)))


class TestAsking:
    def test_starts_come_by_instant_whatever_their_location(self) -> None:
        london = ZoneInfo("Europe/London")
        rows = (hours(MONDAY, "09:00", "10:00"), hours(MONDAY, "08:00", "09:30", location_id=2))
        found = list(free_starts(Plan({2: london, 1: BERLIN}, rows), visit(30), days(MONDAY)))
        assert shown(found) == "09:00 09:00 09:30 09:30 10:00"
        assert [start.location_id for start in found] == [1, 2, 1, 2, 2]

    def test_the_window_limits_starts_and_not_ends(self) -> None:
        plan = Plan({1: BERLIN}, (hours(MONDAY, "09:00", "12:00"),))
        assert shown(free_starts(plan, visit(60), between(MONDAY, "09:01", "10:30"))) == "09:30 10:00"

    def test_the_first_three_of_seven_thousand_years_come_at_once(self) -> None:
        plan = Plan({1: BERLIN}, (hours(MONDAY, "09:00", "10:00"),))
        window = Interval(*utc("2026-03-01 00:00", "9026-03-01 00:00"))
        found = islice(free_starts(plan, visit(30), window), 3)
        assert shown(found, form="%d.%m. %H:%M") == "02.03. 09:00 02.03. 09:30 09.03. 09:00"

    def test_two_years_of_visits_and_a_quarter_without_a_gap_cost_little(self) -> None:
        first = datetime(2024, 6, 9, 8, tzinfo=UTC)
        visits = (first + timedelta(days=day) + n * HALF_HOUR for day in range(730) for n in range(20))
        busy = tuple(Busy(Interval(start, start + HALF_HOUR), 1) for start in visits)
        rows = tuple(hours(MONDAY + timedelta(days=n), "08:00", "18:00", step=5) for n in range(7))
        began = perf_counter()
        found = free_starts(Plan({1: ZoneInfo("UTC")}, rows, busy=busy), visit(20), days(MONDAY, 90))
        assert not list(found)
        # Typically 0.02 s; comparing every start with every visit takes 10 s.
        assert perf_counter() - began < 1

    @pytest.mark.parametrize(
        ("wished", "location_id", "accepted"),
        [
            ("09:00", 1, True),
            ("09:10", 1, False),  # between two points of the grid
            ("09:30", 1, False),  # runs into another visit
            ("10:30", 1, False),  # runs past closing time
            ("09:00", 2, False),  # the other location is closed then
            ("09:00", 3, False),  # no such location
        ],
    )
    def test_only_what_is_offered_is_accepted(self, wished: str, location_id: int, accepted: bool) -> None:
        rows = (hours(MONDAY, "09:00", "11:00"), hours(MONDAY, "14:00", "15:00", location_id=2))
        plan = Plan({1: BERLIN, 2: BERLIN}, rows, busy=(Busy(between(MONDAY, "10:00", "10:30"), 1),))
        at = between(MONDAY, wished, "23:00").start
        start = start_at(plan, visit(45), at, location_id)
        assert start == FreeStart(at, location_id, 1) if accepted else isinstance(start, str)

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (datetime(2026, 3, 9, 9), datetime(2026, 3, 9, 10)),
            (datetime(2026, 3, 9, 9, tzinfo=BERLIN), datetime(2026, 3, 9, 10, tzinfo=BERLIN)),
            (datetime(2026, 3, 9, 9, tzinfo=UTC), datetime(2026, 3, 9, 9, tzinfo=UTC)),
            (datetime(2026, 3, 9, 9, tzinfo=UTC), datetime(2026, 3, 9, 8, tzinfo=UTC)),
        ],
        ids=["naive", "of another zone", "empty", "reversed"],
    )
    def test_an_interval_is_of_instants_in_utc_and_never_empty(self, start: datetime, end: datetime) -> None:
        with pytest.raises(ValueError, match=r"not in UTC|empty"):
            Interval(start, end)


def utc(*texts: str) -> tuple[datetime, ...]:
    return tuple(datetime.fromisoformat(text).replace(tzinfo=UTC) for text in texts)


# Against the slow reference.

# More examples for a long run: AVAILABILITY_EXAMPLES=1000 pytest tests/core/scheduling
EXAMPLES = int(os.environ.get("AVAILABILITY_EXAMPLES", "15"))
MINUTE = timedelta(minutes=1)

ZONES = [
    "Africa/Cairo",  # changes at midnight, on Thursdays and Fridays
    "Africa/Casablanca",  # falls back for Ramadan
    "America/Asuncion",
    "America/Havana",  # falls back at 01:00 to midnight
    "America/Los_Angeles",
    "America/Mexico_City",
    "America/New_York",
    "America/Nuuk",  # 22:00 becomes 23:00 on a Saturday
    "America/Santiago",  # changes at midnight
    "America/Scoresbysund",
    "America/St_Johns",  # half an hour off; until 2011 at one minute past midnight
    "Antarctica/Troll",  # two hours at once
    "Asia/Almaty",
    "Asia/Beirut",  # changes at midnight
    "Asia/Gaza",
    "Asia/Jerusalem",
    "Asia/Kathmandu",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Atlantic/Azores",  # falls back at 01:00 to midnight
    "Australia/Adelaide",
    "Australia/Lord_Howe",  # half an hour
    "Europe/Berlin",
    "Europe/Dublin",  # its summer time is the standard one
    "Europe/London",
    "Pacific/Apia",  # skipped 2011-12-30
    "Pacific/Auckland",
    "Pacific/Chatham",  # three quarters of an hour off
    "Pacific/Easter",  # changes at 22:00
    "Pacific/Kiritimati",  # 14 hours ahead
]
# `make zones` looks at every zone there is, and at every change of its clocks.
EVERYWHERE = os.environ.get("AVAILABILITY_ZONES") == "all"
PLACES = sorted(available_timezones() - {"localtime"}) if EVERYWHERE else ZONES
ORDINARY = utc("2026-06-17 12:00", "2028-02-29 00:00", "2027-12-31 18:00")
FAMOUS = {
    "America/St_Johns": utc("2010-11-07 02:31"),
    "Pacific/Apia": utc("2011-12-30 10:00"),
}


@cache
def clock_changes(name: str) -> list[datetime]:
    """The hours (UTC) of 2024 to 2030 in which the zone's clocks change, found by looking."""
    zone, first = ZoneInfo(name), datetime(2024, 1, 1, tzinfo=UTC)
    hours_of_years = [first + timedelta(hours=n) for n in range(7 * 366 * 24)]
    offsets = [hour.astimezone(zone).utcoffset() for hour in hours_of_years]
    return [hour for hour, now, then in zip(hours_of_years, offsets, offsets[1:], strict=False) if now != then]


lengths = st.one_of(st.sampled_from([5, 10, 15, 20, 30, 45, 60, 90, 180]), st.integers(5, 180))
buffers = st.sampled_from([0, 0, 5, 10, 30])
steps = st.sampled_from([5, 7, 10, 15, 20, 25, 30, 40, 60, 90]).map(lambda n: timedelta(minutes=n))


def time_of(minute: int) -> time:
    return time(*divmod(minute % 1440, 60))


@st.composite
def stretches_of_day(draw: st.DrawFn, around: datetime) -> list[tuple[time, time]]:
    """One to three stretches of a local day, often near a time of day or beginning where the last one ended."""
    near = around.hour * 60 + around.minute
    begins = st.one_of(
        st.integers(-24, 12).map(lambda n: (near + n * 10) % 1440),
        st.integers(0, 95).map(lambda n: n * 15),
        st.integers(0, 1439),
    )
    found = []
    start = draw(begins)
    for _ in range(draw(st.integers(1, 3))):
        end = min(start + draw(st.integers(10, 720)), 1440)
        found.append((time_of(start), time_of(end)))
        start = end if end < 1440 and draw(st.booleans()) else draw(begins)
    return found


@st.composite
def intervals(draw: st.DrawFn, around: datetime, longest: int) -> Interval:
    """Up to `longest` minutes within some two days around an instant."""
    start = around + draw(st.one_of(st.integers(-480, 480), st.integers(-3000, 3000))) * MINUTE
    return Interval(start, start + draw(st.integers(1, longest)) * MINUTE)


@st.composite
def cases(draw: st.DrawFn, name: str) -> tuple[Plan, Need, Interval]:
    """A random plan, need and window around a change of clocks, or around an ordinary instant."""
    around = draw(st.sampled_from([*clock_changes(name), *FAMOUS.get(name, ()), *ORDINARY]))
    ahead = draw(st.one_of(st.integers(0, 180), st.integers(0, 30 * 60)))
    start = around - ahead * MINUTE - draw(st.sampled_from([0, 0, 30])) * timedelta(seconds=1)
    window = Interval(start, start + draw(st.one_of(st.integers(24, 72), st.integers(1, 72))) * timedelta(hours=1))
    zones = {1: ZoneInfo(name)}
    if draw(st.integers(0, 3)) == 0:
        zones[2] = ZoneInfo(draw(st.sampled_from(ZONES)))
    wall = around.astimezone(zones[1])
    local_days = st.sampled_from([0, 0, 0, -1, -1, 1, 1, 2, -2]).map(lambda n: wall.date() + timedelta(days=n))
    locations = st.sampled_from([*zones])
    weekly = [
        WeeklyHours(location_id, day.weekday(), *stretch, draw(steps), valid_from, valid_until)
        for day in draw(st.lists(local_days, min_size=2, max_size=5))
        for location_id in [draw(locations)]
        for valid_from in [draw(st.sampled_from([date.min, date.min, wall.date()]))]
        for valid_until in [draw(st.sampled_from([None, date.max, wall.date() + timedelta(days=1)]))]
        for stretch in draw(stretches_of_day(wall))
    ]
    extra_hours = [
        ExtraHours(draw(locations), day, *stretch, draw(steps))
        for day in draw(st.lists(local_days, max_size=1))
        for stretch in draw(stretches_of_day(wall))
    ]
    seats = draw(st.integers(1, 3))
    taken = draw(st.integers(0, 10)) * seats
    busy = st.builds(Busy, intervals(around, 300), st.integers(1, seats + 1))
    plan = Plan(
        zones,
        tuple(weekly),
        tuple(extra_hours),
        {1: draw(st.frozensets(local_days, max_size=1))},
        tuple(draw(st.lists(intervals(around, 600), max_size=2))),
        tuple(draw(st.lists(busy, min_size=taken, max_size=taken))),
        seats,
    )
    return plan, visit(draw(lengths), draw(buffers), draw(buffers)), window


@pytest.mark.parametrize("name", PLACES)
def test_on_the_days_when_clocks_change_the_slow_reference_finds_the_same(name: str) -> None:
    """Mornings and afternoons, a visit with buffers beside one that is booked."""
    halves = ((time(0), time(12)), (time(12, 30), time(0)))
    every = timedelta(minutes=45)
    weekly = tuple(WeeklyHours(1, weekday, *half, every, date.min) for weekday in range(7) for half in halves)
    for change in clock_changes(name)[: None if EVERYWHERE else 2]:
        booked = Busy(Interval(change + 3 * MINUTE, change + 43 * MINUTE), 1)
        plan = Plan({1: ZoneInfo(name)}, weekly, busy=(booked,))
        window = Interval(change - timedelta(hours=24), change + timedelta(hours=24))
        need = visit(30, 5, 10)
        assert list(free_starts(plan, need, window)) == list(slow_free_starts(plan, need, window)), change


@pytest.mark.parametrize("name", PLACES)
@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_the_slow_reference_finds_the_same(name: str, data: st.DataObject) -> None:
    plan, need, window = data.draw(cases(name))
    assert list(free_starts(plan, need, window)) == list(slow_free_starts(plan, need, window))


@settings(max_examples=10 * EXAMPLES, deadline=None)
@given(st.data())
def test_exactly_what_is_offered_is_accepted(data: st.DataObject) -> None:
    plan, need, window = data.draw(st.sampled_from(ZONES).flatmap(cases))
    offered = {(start.at, start.location_id): start for start in free_starts(plan, need, window)}
    wished = st.integers(0, (window.end - window.start) // MINUTE - 1).map(lambda n: window.start + n * MINUTE)
    for at in [*data.draw(st.lists(wished, max_size=10)), *(at for at, _ in islice(offered, 10))]:
        for location_id in plan.zones:
            start = start_at(plan, need, at, location_id)
            assert (start if isinstance(start, FreeStart) else None) == offered.get((at, location_id))
