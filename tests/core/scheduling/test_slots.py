"""Which times are offered: of whom, when, in which order, and that every one of them can be had."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, time, timedelta
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.database import driver, transaction
from core.errors import SlotTaken
from core.scheduling import booking, slots
from core.scheduling.reasons import Why
from core.scheduling.slots import Found
from core.scheduling.wishes import DayRange, Slot, TimeRange, Wanted, When
from tests.factories import MONDAY, ZONE, Person, Practice, add_practitioner, at

TUESDAY, WEDNESDAY = MONDAY + timedelta(days=1), MONDAY + timedelta(days=2)
MORNING, AFTERNOON = TimeRange(None, time(12)), TimeRange(time(12), None)


def find(practice: Practice, limit: int = 3, by: Person | None = None, **wanted: Any) -> Found:
    with (by or practice.person()).desk() as desk:
        return slots.find(desk, Wanted(**wanted), limit)


def on(day: date, until: date | None = None, **more: Any) -> When:
    return When(days=(DayRange(day, until or day + timedelta(days=1)),), **more)


def shown(found: tuple[Slot, ...], form: str = "%H:%M") -> str:
    """The times as the clock on the wall shows them."""
    return " ".join(slot.start.astimezone(ZONE).strftime(form) for slot in found)


class TestWhom:
    def test_one_practitioner(self, practice: Practice) -> None:
        found = find(practice, practitioner=practice.kim)
        assert {slot.practitioner_id for slot in found.slots} == {practice.kim}

    def test_anybody_of_a_specialty(self, practice: Practice) -> None:
        found = find(practice, specialty="dermatology")
        assert {slot.practitioner_id for slot in found.slots} == {practice.kim}

    def test_whoever_of_a_specialty_is_free_first(self, practice: Practice) -> None:
        with transaction(practice.engine) as session:
            early = add_practitioner(session, "Early", practice.place, (practice.check,), opens="08:30")
        practice.changed()
        first, *_ = find(practice, specialty="dentistry").slots
        assert (first.practitioner_id, first.start) == (early, at("08:30"))

    def test_a_kind_of_visit(self, practice: Practice) -> None:
        found = find(practice, practitioner=practice.lee, visit_type=practice.treatment)
        assert {slot.visit_type_id for slot in found.slots} == {practice.treatment}

    def test_without_a_wish_it_is_the_usual_kind(self, practice: Practice) -> None:
        found = find(practice, practitioner=practice.lee)
        assert {slot.visit_type_id for slot in found.slots} == {practice.check}

    def test_nobody_who_has_left(self, practice: Practice) -> None:
        practice.sql("UPDATE practitioners SET is_active = false WHERE id = %(id)s", id=practice.kim)
        practice.changed()
        assert find(practice, specialty="dermatology").slots == ()


class TestWhen:
    def test_first_available_begins_after_half_an_hour_of_notice(self, practice: Practice) -> None:
        practice.now = at("10:02")
        assert shown(find(practice, when=When(first_available=True)).slots)[:5] == "10:35"

    def test_offers_lie_apart_so_that_they_are_a_choice(self, practice: Practice) -> None:
        assert shown(find(practice, practitioner=practice.lee).slots) == "09:00 09:45 10:30"

    def test_a_full_day_offers_what_is_left_however_close(self, practice: Practice) -> None:
        block(practice, practice.lee, "09:50", "17:00")
        assert shown(find(practice, practitioner=practice.lee, when=on(MONDAY)).slots) == "09:00 09:15 09:30"

    def test_a_day(self, practice: Practice) -> None:
        found = find(practice, practitioner=practice.lee, when=on(WEDNESDAY))
        assert (shown(found.slots, "%a %H:%M"), found.exact) == ("Wed 09:00 Wed 09:45 Wed 10:30", True)

    def test_a_part_of_a_day(self, practice: Practice) -> None:
        found = find(practice, practitioner=practice.lee, when=on(TUESDAY, times=(AFTERNOON,)))
        assert shown(found.slots, "%a %H:%M") == "Tue 12:00 Tue 12:45 Tue 13:30"

    def test_a_range_of_days(self, practice: Practice) -> None:
        for day in (MONDAY, TUESDAY):
            block(practice, practice.lee, "09:00", "17:00", day)
        found = find(practice, practitioner=practice.lee, when=on(MONDAY, WEDNESDAY + timedelta(days=1)))
        assert shown(found.slots, "%a") == "Wed Wed Wed"

    def test_days_that_do_not_suit_are_left_out(self, practice: Practice) -> None:
        not_soon = When(not_days=(DayRange(MONDAY, TUESDAY),), not_weekdays=(1,))
        assert shown(find(practice, practitioner=practice.lee, when=not_soon).slots, "%a") == "Wed Wed Wed"

    def test_a_time_of_day_offers_what_is_nearest_to_it_first(self, practice: Practice) -> None:
        block(practice, practice.lee, "15:00", "15:20")
        found = find(practice, practitioner=practice.lee, when=on(MONDAY, at=time(15)))
        assert (shown(found.slots), found.exact) == ("14:40 15:20 14:35", False)

    def test_a_time_of_day_that_is_free_is_exact(self, practice: Practice) -> None:
        found = find(practice, practitioner=practice.lee, when=on(MONDAY, at=time(15)))
        assert (shown(found.slots)[:5], found.exact) == ("15:00", True)

    def test_more_begins_after_the_last_offer(self, practice: Practice) -> None:
        first = find(practice, practitioner=practice.lee, when=on(MONDAY))
        second = find(practice, practitioner=practice.lee, when=on(MONDAY), after=first.slots[-1].start)
        assert shown(second.slots) == "10:35 11:20 12:05"

    def test_when_the_wish_cannot_be_met_the_next_times_are_offered(self, practice: Practice) -> None:
        block(practice, practice.lee, "09:00", "12:00", TUESDAY)
        found = find(practice, practitioner=practice.lee, when=on(TUESDAY, times=(MORNING,)))
        assert (shown(found.slots, "%a %H:%M"), found.exact) == ("Tue 12:00 Tue 12:45 Tue 13:30", False)

    def test_a_wish_beyond_ninety_days_gets_times_of_the_last_week_that_is_booked(self, practice: Practice) -> None:
        found = find(practice, practitioner=practice.lee, when=on(MONDAY + timedelta(days=200)))
        assert (shown(found.slots[:1], "%-d %b %H:%M"), found.exact) == ("31 May 09:00", False)

    def test_who_cannot_come_in_a_way_that_nobody_offers_is_offered_another(self, practice: Practice) -> None:
        found = find(practice, specialty="dentistry", mode="video")
        assert (shown(found.slots[:1]), found.why) == ("09:00", Why("wrong_mode", practice.lee))

    def test_nobody_free_is_an_empty_answer(self, practice: Practice) -> None:
        block(practice, practice.lee, "00:00", "00:00", MONDAY, days=100)
        assert find(practice, practitioner=practice.lee) == Found((), False, Why("time_off", practice.lee))


class TestWhyNot:
    def why(self, practice: Practice, when: When, **more: Any) -> Why | None:
        return find(practice, practitioner=practice.lee, when=when, **more).why

    def test_a_day_without_hours_is_no_working_day_whatever_the_time_of_day(self, practice: Practice) -> None:
        sunday = MONDAY + timedelta(days=6)
        practice.sql("DELETE FROM weekly_hours WHERE weekday = 6")
        assert self.why(practice, on(sunday)) == Why("not_working", practice.lee)
        assert self.why(practice, on(sunday, times=(MORNING,))) == Why("not_working", practice.lee, all_day=True)
        assert self.why(practice, on(sunday, at=time(9))) == Why("not_working", practice.lee, all_day=True)

    def test_a_part_of_a_day_without_hours_says_nothing_of_the_rest(self, practice: Practice) -> None:
        evening = TimeRange(time(20), None)
        assert self.why(practice, on(TUESDAY, times=(evening,))) == Why("not_working", practice.lee)

    def test_a_day_behind_the_horizon_is_too_far(self, practice: Practice) -> None:
        horizon = practice.now.astimezone(ZONE).date() + timedelta(days=90)
        for later in range(7):
            day = horizon + timedelta(days=later)
            assert self.why(practice, on(day, day + timedelta(days=7))) == Why("too_far", practice.lee), day

    def test_what_is_left_of_a_day_is_too_soon(self, practice: Practice) -> None:
        practice.now = at("16:45")
        assert self.why(practice, on(MONDAY)) == Why("too_soon", practice.lee)
        assert self.why(practice, on(MONDAY, times=(AFTERNOON,))) == Why("too_soon", practice.lee, all_day=True)
        assert self.why(practice, on(MONDAY, times=(TimeRange(time(20), None),))) == Why(
            "too_soon", practice.lee, all_day=True
        )


class TestWhatIsTaken:
    def test_what_somebody_holds_is_not_offered_to_others(self, practice: Practice) -> None:
        amy = practice.person()
        amy.hold(practice.slot("09:00"))
        assert shown(find(practice, practitioner=practice.lee).slots) == "09:20 10:05 10:50"
        assert shown(find(practice, practitioner=practice.lee, by=amy).slots) == "09:00 09:45 10:30"

    def test_a_hold_that_ran_out_is_offered_again(self, practice: Practice) -> None:
        practice.person().hold(practice.slot("09:00"))
        practice.wait(minutes=10)
        assert shown(find(practice, practitioner=practice.lee).slots)[:5] == "09:00"


class TestNearest:
    def test_what_was_just_taken_is_answered_with_the_nearest_three(self, practice: Practice) -> None:
        practice.person().book(practice.slot("14:00"))
        with practice.person().desk() as desk:
            near = slots.nearest(desk, Wanted(practitioner=practice.lee), at("14:00"))
        assert shown(near) == "13:35 13:40 14:20"

    def test_when_the_doctor_is_away_the_nearest_may_be_weeks_off(self, practice: Practice) -> None:
        block(practice, practice.lee, "00:00", "00:00", MONDAY, days=20)
        with practice.person().desk() as desk:
            near = slots.nearest(desk, Wanted(practitioner=practice.lee), at("14:00"))
        assert shown(near, "%d.%m. %H:%M") == "29.03. 09:00 29.03. 09:05 29.03. 09:10"


class Counting(psycopg.Cursor[Any]):
    """A cursor that counts what is asked."""

    asked = 0

    def execute(self, *args: Any, **kwargs: Any) -> "Counting":
        Counting.asked += 1
        return super().execute(*args, **kwargs)


class TestCost:
    def test_a_hundred_doctors_cost_as_many_questions_as_two(self, practice: Practice) -> None:
        with_two = questions(practice)
        with transaction(practice.engine) as session:
            for n in range(98):
                add_practitioner(session, f"No{n}", practice.place, (practice.check,))
        practice.changed()
        assert questions(practice) == with_two <= 8


def questions(practice: Practice) -> int:
    """How many statements it takes to find a time with anybody."""
    with practice.person().desk() as desk:
        driver(desk.session).cursor_factory = Counting
        Counting.asked = 0
        assert slots.find(desk, Wanted()).slots
        driver(desk.session).cursor_factory = psycopg.Cursor
        return Counting.asked


# --- every offer can be had ------------------------------------------------------------------------------------------

QUARTERS = st.integers(0, 31)  # of an hour, since nine


@contextmanager
def forgotten(practice: Practice) -> Iterator[None]:
    """Whatever is booked or blocked meanwhile is free again afterwards."""
    try:
        yield
    finally:
        practice.sql("DELETE FROM appointments")
        practice.sql("DELETE FROM time_off")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    visits=st.lists(st.tuples(QUARTERS, st.booleans()), max_size=6),
    away=st.lists(st.tuples(QUARTERS, QUARTERS), max_size=2),
    now=st.integers(0, 600),
    specialty=st.sampled_from([None, "dentistry"]),
    times=st.sampled_from([(), (MORNING,), (AFTERNOON,)]),
    clock=st.sampled_from([None, time(9), time(13, 10)]),
)
def test_whatever_is_offered_can_be_booked(
    practice: Practice,
    visits: list[tuple[int, bool]],
    away: list[tuple[int, int]],
    now: int,
    specialty: str | None,
    times: tuple[TimeRange, ...],
    clock: time | None,
) -> None:
    with forgotten(practice):
        practice.now = at("08:00")
        for quarter, is_long in visits:
            kind = practice.long_check if is_long else practice.treatment
            take_if_free(practice, Slot(practice.lee, kind, practice.place, after_nine(quarter)))
        for first, last in away:
            if first < last:
                block_between(practice, practice.lee, after_nine(first), after_nine(last))
        practice.wait(minutes=now)
        somebody = practice.person()
        with somebody.desk() as desk:
            when = on(MONDAY, TUESDAY + timedelta(days=1), times=times, at=clock)
            for slot in slots.find(desk, Wanted(specialty=specialty, when=when), limit=12).slots:
                with desk.session.begin_nested() as taken:
                    assert not booking.book(desk, slot, somebody.patient_id).already
                    taken.rollback()


def after_nine(quarters: int) -> datetime:
    return at("09:00") + quarters * timedelta(minutes=15)


def take_if_free(practice: Practice, slot: Slot) -> None:
    with suppress(SlotTaken):
        practice.person().book(slot)


def block(practice: Practice, doctor: int, start: str, end: str, day: date = MONDAY, days: int = 0) -> None:
    """Time off from one wall-clock time to another."""
    block_between(practice, doctor, at(start, day), at(end, day + timedelta(days=days)))


def block_between(practice: Practice, doctor: int, start: datetime, end: datetime) -> None:
    practice.sql(
        "INSERT INTO time_off (practitioner_id, during) VALUES (%(doctor)s, tstzrange(%(start)s, %(end)s))",
        doctor=doctor,
        start=start,
        end=end,
    )
