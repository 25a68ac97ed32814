"""Holding, booking, cancelling, taking back: who gets a time, who does not, and until when."""

import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import psycopg
import pytest

from core.database import run, transaction
from core.errors import (
    AlreadyCancelled,
    NoSuchVisit,
    PatientBusy,
    SlotTaken,
    TooLateToChange,
    TooManyVisits,
    UndoOver,
)
from core.scheduling import booking
from core.scheduling.locks import lock
from core.scheduling.policies import DEFAULT
from core.scheduling.wishes import Slot
from tests.factories import MONDAY, Person, Practice, add_practitioner, at, minutes, wait_for

TOMORROW = MONDAY + timedelta(days=1)


def is_free(slot: Slot, practice: Practice) -> bool:
    """Whether a passer-by could have this time now."""
    passer_by = practice.person()
    try:
        passer_by.hold(slot)
    except SlotTaken:
        return False
    passer_by.release()
    return True


def status(practice: Practice, visit: int) -> str:
    ((found,),) = practice.sql("SELECT status FROM appointments WHERE id = %(id)s", id=visit)
    return str(found)


@contextmanager
def meanwhile(practice: Practice, act: Any, *arguments: Any) -> Iterator[Future[Any]]:
    """`act` begins and comes to wait for a lock that we hold; the block then goes on."""
    with ThreadPoolExecutor(1) as pool:
        doing = pool.submit(act, *arguments)
        wait_for(practice.somebody_waits_for_a_lock)
        yield doing


class TestHolding:
    def test_two_patients_cannot_hold_overlapping_slots(self, practice: Practice, amy: Person, ben: Person) -> None:
        amy.hold(practice.slot("10:00"))
        for start in ("09:45", "10:00", "10:15"):
            with pytest.raises(SlotTaken):
                ben.hold(practice.slot(start))

    def test_visits_back_to_back_fit(self, practice: Practice, amy: Person, ben: Person) -> None:
        amy.book(practice.slot("10:00"))
        ben.book(practice.slot("10:20"))
        ben.book(practice.slot("09:40"))

    def test_two_doctors_can_be_seen_at_the_same_time(self, practice: Practice, amy: Person, ben: Person) -> None:
        amy.book(practice.slot("10:00"))
        ben.book(practice.slot("10:00", doctor=practice.kim))

    def test_buffers_keep_neighbours_away(self, practice: Practice, amy: Person, ben: Person) -> None:
        amy.book(practice.slot("10:00", kind=practice.treatment))
        for start in ("09:35", "10:25"):
            with pytest.raises(SlotTaken):
                ben.book(practice.slot(start))
        ben.book(practice.slot("09:30"))
        ben.book(practice.slot("10:30"))

    def test_a_new_hold_replaces_the_one_before(self, practice: Practice, amy: Person) -> None:
        amy.hold(practice.slot("10:00"))
        amy.hold(practice.slot("11:00"))
        assert is_free(practice.slot("10:00"), practice)
        assert not is_free(practice.slot("11:00"), practice)

    def test_a_hold_moves_to_a_time_that_overlaps_itself(self, practice: Practice, amy: Person) -> None:
        amy.hold(practice.slot("10:00"))
        amy.hold(practice.slot("10:15"))
        assert is_free(practice.slot("09:55"), practice)

    def test_a_refused_hold_leaves_the_one_before(self, practice: Practice, amy: Person, ben: Person) -> None:
        ben.book(practice.slot("11:00"))
        amy.hold(practice.slot("10:00"))
        with pytest.raises(SlotTaken):
            amy.hold(practice.slot("11:00"))
        assert not is_free(practice.slot("10:00"), practice)

    def test_what_is_let_go_is_free_at_once(self, practice: Practice, amy: Person) -> None:
        amy.hold(practice.slot("10:00"))
        amy.release()
        assert is_free(practice.slot("10:00"), practice)

    def test_a_hold_lasts_ten_minutes_and_then_blocks_nobody(self, practice: Practice, amy: Person) -> None:
        held = amy.hold(practice.slot("10:00"))
        assert held.until == practice.now + minutes(10)
        practice.now = held.until - timedelta(seconds=1)
        assert not is_free(practice.slot("10:00"), practice)
        practice.now = held.until
        assert is_free(practice.slot("10:00"), practice)

    def test_a_hold_that_ran_out_is_swept_and_its_dialog_is_told(self, practice: Practice, amy: Person) -> None:
        held = amy.hold(practice.slot("10:00"))
        assert practice.sweep() == 0
        practice.wait(minutes=10)
        assert practice.sweep() == 1
        assert practice.sql("SELECT count(*) FROM appointments") == [(0,)]
        assert practice.sql("SELECT channel, external_id, conversation_id FROM inbox") == [
            ("clock", f"hold_expired:{held.id}", amy.home.conversation_id)
        ]

    def test_whoever_takes_the_time_sweeps_it_and_the_dialog_is_told_once(
        self, practice: Practice, amy: Person, ben: Person
    ) -> None:
        amy.hold(practice.slot("10:00"))
        practice.wait(minutes=10)
        ben.book(practice.slot("10:00"))
        assert practice.sweep() == 0
        assert practice.sql("SELECT count(*) FROM inbox") == [(1,)]


class TestBooking:
    def test_a_held_time_is_confirmed(self, practice: Practice, amy: Person) -> None:
        amy.hold(practice.slot("10:00"))
        booked = amy.book(practice.slot("10:00"))
        assert booked == booking.Booked(booked.id, undo_until=practice.now + minutes(10))
        practice.wait(hours=1)
        assert not is_free(practice.slot("10:00", day=MONDAY), practice)

    def test_time_off_that_came_after_the_hold_outranks_it(self, practice: Practice, amy: Person) -> None:
        amy.hold(practice.slot("15:00"))
        practice.sql(
            "INSERT INTO time_off (practitioner_id, during) VALUES (%(doctor)s, tstzrange(%(start)s, %(end)s))",
            doctor=practice.lee,
            start=at("14:00"),
            end=at("17:00"),
        )
        with pytest.raises(SlotTaken):
            amy.book(practice.slot("15:00"))

    def test_a_time_held_early_enough_may_be_confirmed_late(self, practice: Practice, amy: Person) -> None:
        practice.now = at("09:35")
        amy.hold(practice.slot("10:05"))
        practice.wait(minutes=9)
        assert not amy.book(practice.slot("10:05")).already

    def test_booking_another_time_lets_go_of_the_held_one(self, practice: Practice, amy: Person) -> None:
        amy.hold(practice.slot("10:00"))
        amy.book(practice.slot("11:00"))
        assert is_free(practice.slot("10:00"), practice)

    def test_a_refused_booking_leaves_the_hold(self, practice: Practice, amy: Person, ben: Person) -> None:
        ben.book(practice.slot("11:00"))
        amy.hold(practice.slot("10:00"))
        with pytest.raises(SlotTaken):
            amy.book(practice.slot("11:00"))
        assert not is_free(practice.slot("10:00"), practice)

    def test_a_late_answer_takes_the_time_again_if_it_is_free(self, practice: Practice, amy: Person) -> None:
        amy.hold(practice.slot("10:00"))
        practice.wait(minutes=30)
        assert status(practice, amy.book(practice.slot("10:00")).id) == "booked"

    def test_a_late_answer_is_refused_when_somebody_was_faster(
        self, practice: Practice, amy: Person, ben: Person
    ) -> None:
        amy.hold(practice.slot("10:00"))
        practice.wait(minutes=10)
        ben.hold(practice.slot("10:10"))
        with pytest.raises(SlotTaken):
            amy.book(practice.slot("10:00"))

    def test_a_hold_that_is_swept_while_its_owner_waits_is_not_confirmed(
        self, practice: Practice, amy: Person, ben: Person
    ) -> None:
        held = amy.hold(practice.slot("10:00"))
        practice.now = held.until
        with ben.desk() as desk:
            booking.book(desk, practice.slot("10:00"), ben.patient_id)
            practice.now = held.until - timedelta(seconds=1)
            with meanwhile(practice, amy.book, practice.slot("10:00")) as answer:
                desk.session.commit()
        with pytest.raises(SlotTaken):
            answer.result()

    def test_booking_the_same_time_twice_is_no_error(self, practice: Practice, amy: Person) -> None:
        first = amy.book(practice.slot("10:00"))
        again = amy.book(practice.slot("10:00"))
        assert (again.id, again.already) == (first.id, True)

    def test_booking_what_one_has_lets_go_of_what_one_holds(self, practice: Practice, amy: Person) -> None:
        amy.book(practice.slot("10:00"))
        amy.hold(practice.slot("11:00"))
        amy.book(practice.slot("10:00"))
        assert is_free(practice.slot("11:00"), practice)

    def test_nobody_has_two_visits_at_once(self, practice: Practice, amy: Person) -> None:
        amy.book(practice.slot("10:00"))
        with pytest.raises(PatientBusy):
            amy.book(practice.slot("10:10", doctor=practice.kim))
        amy.book(practice.slot("10:20", doctor=practice.kim))

    def test_nobody_has_more_than_ten_visits_ahead(self, practice: Practice, amy: Person) -> None:
        for hour in range(10):
            day = MONDAY + timedelta(days=hour)
            amy.book(practice.slot("10:00", day=day))
        with pytest.raises(TooManyVisits):
            amy.book(practice.slot("15:00"))

    def test_two_conversations_of_one_patient_cannot_pass_the_limit_together(
        self, practice: Practice, amy: Person
    ) -> None:
        with amy.desk() as desk:
            booking.book(desk, practice.slot("10:00"), amy.patient_id)
            with meanwhile(practice, amy.book, practice.slot("10:10", doctor=practice.kim)) as answer:
                desk.session.commit()
        with pytest.raises(PatientBusy):
            answer.result()

    def test_nothing_is_booked_at_short_notice_or_outside_of_hours(self, practice: Practice, amy: Person) -> None:
        practice.now = at("11:00")
        for slot in (
            practice.slot("10:00"),  # past
            practice.slot("11:20"),  # in twenty minutes
            practice.slot("16:50"),  # would end after five
            practice.slot("11:33"),  # not where visits begin
            practice.slot("10:00", day=MONDAY + timedelta(days=91)),
        ):
            with pytest.raises(SlotTaken):
                amy.book(slot)

    def test_an_offer_of_somebody_who_has_left_is_refused(self, practice: Practice, amy: Person) -> None:
        practice.sql("UPDATE practitioners SET is_active = false WHERE id = %(id)s", id=practice.lee)
        practice.changed()
        for slot in (practice.slot("10:00"), practice.slot("10:00", doctor=999), practice.slot("10:00", kind=999)):
            with pytest.raises(SlotTaken):
                amy.book(slot)

    def test_the_wall_time_that_was_promised_is_kept_over_a_clock_change(self, practice: Practice, amy: Person) -> None:
        practice.now = at("08:00", date(2026, 10, 30))
        before = amy.book(practice.slot("10:00", day=date(2026, 10, 31)))
        after = amy.book(practice.slot("10:00", day=date(2026, 11, 2)))
        rows = practice.sql("SELECT id, local_start, zone, lower(during) FROM appointments ORDER BY id")
        assert rows == [
            (before.id, datetime(2026, 10, 31, 10), "America/New_York", datetime(2026, 10, 31, 14, tzinfo=UTC)),
            (after.id, datetime(2026, 11, 2, 10), "America/New_York", datetime(2026, 11, 2, 15, tzinfo=UTC)),
        ]

    def test_every_step_leaves_a_line_in_the_audit(self, practice: Practice, amy: Person) -> None:
        hold = amy.hold(practice.slot("15:00")).id
        visit = amy.book(practice.slot("15:00")).id
        amy.cancel(visit)
        amy.undo_cancel(visit)
        lines = practice.sql("SELECT action, entity_id, actor FROM audit WHERE entity = 'appointments' ORDER BY id")
        actor = f"conversation:{amy.home.conversation_id}"
        assert lines == [
            ("hold.made", hold, actor),
            ("hold.released", hold, actor),
            ("visit.booked", visit, actor),
            ("visit.cancelled", visit, actor),
            ("visit.restored", visit, actor),
        ]


class TestCancelling:
    def test_the_time_of_a_cancelled_visit_stays_its_patients_for_ten_minutes(
        self, practice: Practice, amy: Person
    ) -> None:
        slot = practice.slot("15:00")
        cancelled = amy.cancel(amy.book(slot).id)
        assert cancelled.undo_until == practice.now + minutes(10)
        practice.wait(minutes=9)
        assert not is_free(slot, practice)
        practice.wait(minutes=1)
        assert is_free(slot, practice)

    def test_undo_within_ten_minutes_cannot_fail(self, practice: Practice, amy: Person, ben: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        amy.cancel(visit)
        practice.wait(minutes=9)
        with pytest.raises(SlotTaken):
            ben.book(practice.slot("15:10"))
        amy.undo_cancel(visit)
        assert status(practice, visit) == "booked"
        assert not is_free(practice.slot("15:00"), practice)

    def test_other_holds_of_the_patient_do_not_spoil_undo(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        amy.cancel(visit)
        amy.hold(practice.slot("16:00"))
        amy.release()
        assert not is_free(practice.slot("15:00"), practice)
        amy.undo_cancel(visit)
        assert status(practice, visit) == "booked"

    def test_whoever_cancelled_may_book_the_same_time_again(self, practice: Practice, amy: Person) -> None:
        amy.cancel(amy.book(practice.slot("15:00")).id)
        amy.book(practice.slot("15:10"))
        assert is_free(practice.slot("14:40"), practice)

    def test_a_sister_on_the_same_phone_does_not_get_the_kept_time(self, practice: Practice, amy: Person) -> None:
        sister = replace(practice.person("sister"), home=amy.home)
        visit = amy.book(practice.slot("15:00")).id
        amy.cancel(visit)
        with pytest.raises(SlotTaken):
            sister.book(practice.slot("15:00"))
        amy.undo_cancel(visit)
        assert status(practice, visit) == "booked"

    def test_undo_never_gives_a_patient_two_visits_at_once(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        amy.cancel(visit)
        amy.book(practice.slot("15:10", doctor=practice.kim))
        with pytest.raises(PatientBusy):
            amy.undo_cancel(visit)
        assert status(practice, visit) == "cancelled"

    def test_kept_times_count_among_those_a_patient_may_have(self, practice: Practice, amy: Person) -> None:
        for hour in range(13, 13 + 3):
            amy.cancel(amy.book(practice.slot(f"{hour}:00", day=MONDAY + timedelta(days=1))).id)
        for day in range(2, 2 + DEFAULT.most_ahead - 3):
            amy.book(practice.slot("12:00", day=MONDAY + timedelta(days=day)))
        with pytest.raises(TooManyVisits):
            amy.book(practice.slot("12:00", day=MONDAY + timedelta(days=20)))

    def test_afterwards_undo_is_over(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        amy.cancel(visit)
        practice.wait(minutes=10)
        with pytest.raises(UndoOver):
            amy.undo_cancel(visit)
        assert status(practice, visit) == "cancelled"

    def test_undo_twice_is_no_error(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        amy.cancel(visit)
        amy.undo_cancel(visit)
        amy.undo_cancel(visit)
        assert status(practice, visit) == "booked"

    def test_a_near_visit_is_freed_at_once(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("10:00")).id
        assert amy.cancel(visit).undo_until is None
        assert is_free(practice.slot("10:00"), practice)

    def test_undo_of_a_near_visit_works_while_nobody_took_it(
        self, practice: Practice, amy: Person, ben: Person
    ) -> None:
        taken, free = amy.book(practice.slot("10:00")).id, amy.book(practice.slot("11:00")).id
        amy.cancel(taken)
        amy.cancel(free)
        ben.hold(practice.slot("10:10"))
        with pytest.raises(UndoOver):
            amy.undo_cancel(taken)
        amy.undo_cancel(free)
        assert (status(practice, taken), status(practice, free)) == ("cancelled", "booked")

    def test_a_hold_that_ran_out_does_not_stop_undo(self, practice: Practice, amy: Person, ben: Person) -> None:
        visit = amy.book(practice.slot("10:00")).id
        amy.cancel(visit)
        practice.sql("INSERT INTO policies (hold) VALUES ('5 minutes')")
        practice.changed()
        ben.hold(practice.slot("10:00"))
        practice.wait(minutes=5)
        amy.undo_cancel(visit)
        assert status(practice, visit) == "booked"

    def test_a_booking_can_be_taken_back_for_ten_minutes(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        practice.wait(minutes=9)
        amy.undo_booking(visit)
        assert is_free(practice.slot("15:00"), practice)
        with pytest.raises(AlreadyCancelled):
            amy.undo_booking(visit)

    def test_after_ten_minutes_a_booking_stands(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        practice.wait(minutes=10)
        with pytest.raises(UndoOver):
            amy.undo_booking(visit)
        assert status(practice, visit) == "booked"

    def test_cancelling_twice_is_refused(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        amy.cancel(visit)
        with pytest.raises(AlreadyCancelled):
            amy.cancel(visit)

    def test_a_visit_that_has_begun_cannot_be_cancelled(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("10:00")).id
        practice.now = at("10:00")
        with pytest.raises(TooLateToChange):
            amy.cancel(visit)

    def test_visits_of_others_cannot_be_touched(self, practice: Practice, amy: Person, ben: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        for touch in (ben.cancel, ben.undo_booking, ben.undo_cancel):
            with pytest.raises(NoSuchVisit):
                touch(visit)
        amy.cancel(visit)
        with pytest.raises(NoSuchVisit):
            ben.undo_cancel(visit)

    def test_a_hold_is_no_visit(self, practice: Practice, amy: Person) -> None:
        held = amy.hold(practice.slot("15:00"))
        with pytest.raises(NoSuchVisit):
            amy.cancel(held.id)

    def test_a_visit_is_one_row_for_life(self, practice: Practice, amy: Person) -> None:
        row = "SELECT uid, sequence FROM appointments WHERE id = %(id)s"
        visit = amy.book(practice.slot("15:00")).id
        ((uid, booked),) = practice.sql(row, id=visit)
        amy.cancel(visit)
        ((_, cancelled),) = practice.sql(row, id=visit)
        amy.undo_cancel(visit)
        ((same, restored),) = practice.sql(row, id=visit)
        assert uid == same
        assert booked < cancelled < restored


class TestSeats:
    def test_two_seats_are_two_visits_at_once_and_no_third(self, practice: Practice) -> None:
        with transaction(practice.engine) as session:
            group = add_practitioner(session, "Group", practice.place, (practice.check,), seats=2)
        practice.changed()
        slot = practice.slot("10:00", doctor=group)
        for person in (practice.person(), practice.person()):
            person.book(slot)
        with pytest.raises(SlotTaken):
            practice.person().book(slot)
        assert practice.sql("SELECT seat FROM appointments ORDER BY seat") == [(1,), (2,)]

    def test_the_seat_of_a_cancelled_visit_comes_back_with_undo(self, practice: Practice) -> None:
        with transaction(practice.engine) as session:
            group = add_practitioner(session, "Group", practice.place, (practice.check,), seats=2)
        practice.changed()
        slot = practice.slot("15:00", doctor=group)
        first, second = practice.person(), practice.person()
        visit = first.book(slot).id
        second.book(slot)
        first.cancel(visit)
        assert not is_free(slot, practice)
        first.undo_cancel(visit)
        assert practice.sql("SELECT seat FROM appointments WHERE status = 'booked' ORDER BY seat") == [(1,), (2,)]

    def test_a_visit_that_staff_squeezed_in_blocks_nobody(self, practice: Practice, amy: Person, ben: Person) -> None:
        visit = amy.book(practice.slot("10:00")).id
        practice.sql("UPDATE appointments SET overbooked = true WHERE id = %(id)s", id=visit)
        ben.book(practice.slot("10:00"))


class TestWhileWaiting:
    """Whoever waits for a practitioner sees what was decided meanwhile."""

    @pytest.mark.parametrize(
        "closes",
        [
            "INSERT INTO time_off (practitioner_id, during) VALUES (%(doctor)s, tstzrange(%(from)s, %(until)s))",
            "INSERT INTO holidays (location_id, on_date, name) VALUES (%(place)s, %(day)s, 'Snow')",
            "DELETE FROM weekly_hours WHERE practitioner_id = %(doctor)s",
        ],
        ids=["time off", "a holiday", "shorter hours"],
    )
    def test_a_schedule_that_changes_meanwhile_is_seen(self, practice: Practice, amy: Person, closes: str) -> None:
        day = {"from": at("00:00"), "until": at("00:00", TOMORROW), "day": MONDAY}
        with transaction(practice.engine) as session:
            lock(session, practitioners=[practice.lee])
            run(session, closes, doctor=practice.lee, place=practice.place, **day)
            with meanwhile(practice, amy.book, practice.slot("10:00")) as answer:
                session.commit()
        with pytest.raises(SlotTaken):
            answer.result()

    def test_an_undo_sees_who_came_first(self, practice: Practice, amy: Person, ben: Person) -> None:
        visit = amy.book(practice.slot("10:00")).id
        amy.cancel(visit)
        with ben.desk() as desk:
            booking.book(desk, practice.slot("10:00"), ben.patient_id)
            with meanwhile(practice, amy.undo_cancel, visit) as answer:
                desk.session.commit()
        with pytest.raises(UndoOver):
            answer.result()

    def test_whoever_wanted_two_doctors_at_once_does_not_deadlock(
        self, practice: Practice, amy: Person, ben: Person
    ) -> None:
        """Amy moves her hold from Lee to Kim while Ben moves his from Kim to Lee."""
        for n in range(10):
            amy.hold(practice.slot("10:00", doctor=practice.lee))
            ben.hold(practice.slot("10:00", doctor=practice.kim))
            with ThreadPoolExecutor(2) as pool:
                moves = [
                    pool.submit(amy.hold, practice.slot("11:00", doctor=practice.kim)),
                    pool.submit(ben.hold, practice.slot("11:00", doctor=practice.lee)),
                ]
            assert all(move.exception() is None for move in moves), n


class TestWithoutLocks:
    """The constraint is the backstop: it holds for whoever forgets the lock, or comes with plain SQL."""

    def test_losing_a_race_without_the_lock_is_an_answer_and_not_an_error(
        self, practice: Practice, amy: Person, ben: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(booking, "lock", lambda *_, **__: None)
        with amy.desk() as desk:
            booking.hold(desk, practice.slot("10:00"))
            with meanwhile(practice, ben.hold, practice.slot("10:10")) as answer:
                desk.session.commit()
        with pytest.raises(SlotTaken):
            answer.result()

    @pytest.mark.parametrize("live", ["pending", "booked", "arrived"])
    def test_overlapping_rows_are_refused(self, practice: Practice, amy: Person, live: str) -> None:
        amy.book(practice.slot("10:00"))
        with pytest.raises(psycopg.errors.ExclusionViolation):
            insert(practice, amy, status=live, during="[10:19, 10:40)")
        insert(practice, amy, status=live, during="[10:20, 10:40)")

    @pytest.mark.parametrize("over", ["fulfilled", "noshow", "cancelled"])
    def test_rows_that_are_over_block_nobody(self, practice: Practice, amy: Person, over: str) -> None:
        insert(practice, amy, status=over, during="[10:00, 10:20)")
        insert(practice, amy, status=over, during="[10:00, 10:20)")
        amy.book(practice.slot("10:00"))

    def test_rows_that_would_block_everybody_or_nobody_are_refused(self, practice: Practice, amy: Person) -> None:
        right: dict[str, Any] = {"status": "booked", "during": "[10:00, 10:20)", "expires_at": None}
        for wrong in (
            {"status": "maybe"},
            {"status": None},
            {"practitioner_id": None},
            {"patient_id": None},
            {"seat": 0},
            {"during": None},
            {"during": "empty"},
            {"during": "[10:00, 10:20]"},
            {"during": "(10:00, 10:20)"},
            {"during": "[10:00,)"},
            {"during": "(,10:20)"},
            {"blocked": None},
            {"blocked": "empty"},
            {"blocked": "[10:00, 10:20]"},
            {"blocked": "[10:00,)"},
            {"blocked": "[10:05, 10:20)"},  # less than the visit itself
            {"expires_at": "10:10"},  # a visit that runs out
            {"status": "pending"},  # a hold that does not
        ):
            with pytest.raises(psycopg.errors.IntegrityError):
                insert(practice, amy, **right | wrong)
        insert(practice, amy, **right)


def insert(practice: Practice, person: Person, **values: Any) -> None:
    """A row past all rules of ours; times are those of Monday, in UTC. Holds get an expiry where none is said."""
    row: dict[str, Any] = {
        "practitioner_id": practice.lee,
        "patient_id": person.patient_id,
        "seat": 1,
        "expires_at": "23:00" if values["status"] == "pending" else None,
        **values,
    }
    row.setdefault("blocked", row["during"])
    for name in ("during", "blocked", "expires_at"):
        row[name] = row[name] and _on_monday(row[name])
    practice.sql(
        """
        INSERT INTO appointments (status, practitioner_id, patient_id, visit_type_id, location_id, during, blocked, seat,
                                  local_start, zone, expires_at, created_at)
        VALUES (%(status)s, %(practitioner_id)s, %(patient_id)s, %(kind)s, %(place)s, %(during)s::tstzrange,
                %(blocked)s::tstzrange, %(seat)s, '2026-03-09 10:00', 'America/New_York', %(expires_at)s, now())
        """,
        kind=practice.check,
        place=practice.place,
        **row,
    )


def _on_monday(text: str) -> str:
    """Wall-clock times of New York as instants."""
    return re.sub(r"\d\d:\d\d", rf"{MONDAY} \g<0>-04", text)
