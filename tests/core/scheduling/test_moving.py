"""Moving a visit: the new time is taken before the old one is let go, and nobody is ever without a visit."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from msgspec import structs

from core.database import transaction
from core.errors import (
    AlreadyCancelled,
    NoSuchVisit,
    NoticeTooShort,
    PatientBusy,
    Refusal,
    SlotTaken,
    TooLateToChange,
    TooManyHolds,
    TooManyOfKind,
    UndoOver,
    VisitChanged,
)
from core.scheduling import changing
from core.scheduling.locks import lock
from core.scheduling.slots import Asker, find
from core.scheduling.wishes import Slot, Wanted
from tests.core.scheduling.test_booking import is_free, meanwhile
from tests.factories import Person, Practice, add_practitioner


def stands(practice: Practice, visit: int) -> tuple[str, Slot, int]:
    """Its status, where it stands, and its sequence."""
    ((status, *place, sequence),) = practice.sql(
        "SELECT status, practitioner_id, visit_type_id, location_id, lower(during), sequence FROM appointments WHERE id = %(id)s",
        id=visit,
    )
    return status, Slot(*place), sequence


def staff_desk(practice: Practice, asker: Asker) -> Asker:
    """The same desk with a member of staff behind it."""
    return replace(asker, conversation_id=None, staff_id=7)


def test_a_visit_moves_and_stays_the_same_row(practice: Practice, amy: Person, ben: Person) -> None:
    visit = amy.book(practice.slot("15:00")).id
    ((uid,),) = practice.sql("SELECT uid FROM appointments WHERE id = %(id)s", id=visit)
    moved = amy.move(visit, practice.slot("16:00"))
    assert (moved.was, moved.already) == (practice.slot("15:00"), False)
    assert stands(practice, visit) == ("booked", practice.slot("16:00"), 1)
    assert practice.sql("SELECT uid FROM appointments WHERE id = %(id)s", id=visit) == [(uid,)]
    with pytest.raises(SlotTaken):
        ben.book(practice.slot("16:00"))


def test_the_old_time_is_kept_for_ten_minutes_and_then_free(practice: Practice, amy: Person) -> None:
    visit = amy.book(practice.slot("15:00")).id
    amy.move(visit, practice.slot("16:00"))
    assert not is_free(practice.slot("15:00"), practice)
    practice.wait(minutes=10)
    assert is_free(practice.slot("15:00"), practice)


def test_the_old_time_of_a_near_visit_is_free_at_once(practice: Practice, amy: Person) -> None:
    visit = amy.book(practice.slot("09:00")).id
    assert amy.move(visit, practice.slot("16:00")).undo_until is None
    assert is_free(practice.slot("09:00"), practice)


def test_a_visit_moves_onto_time_that_overlaps_its_own(practice: Practice, amy: Person, ben: Person) -> None:
    visit = amy.book(practice.slot("15:00")).id
    amy.move(visit, practice.slot("15:15"))
    assert not is_free(practice.slot("14:45"), practice)  # 15:00 to 15:15 is kept
    amy.undo_move(visit)
    assert stands(practice, visit) == ("booked", practice.slot("15:00"), 2)
    ben.book(practice.slot("15:20"))


def test_a_visit_does_not_stand_in_its_own_way_when_times_are_looked_for(practice: Practice, amy: Person) -> None:
    visit = amy.book(practice.slot("15:00")).id
    with amy.desk() as desk:
        wanted = Wanted(practitioner=practice.lee, visit_type=practice.check, after=practice.slot("14:50").start)
        blocked = find(desk, wanted).slots[0]
        own = find(desk, structs.replace(wanted, moving=visit, instead_of=practice.slot("15:00"))).slots[0]
    assert (blocked, own) == (practice.slot("15:20"), practice.slot("14:55"))


def test_moving_to_where_it_is_changes_nothing(practice: Practice, amy: Person) -> None:
    visit = amy.book(practice.slot("15:00")).id
    amy.move(visit, practice.slot("16:00"))
    assert amy.move(visit, practice.slot("16:00"), sequence=0).already
    assert stands(practice, visit)[2] == 1


def test_a_move_that_cannot_be_leaves_everything(practice: Practice, amy: Person, ben: Person) -> None:
    visit = amy.book(practice.slot("15:00")).id
    ben.book(practice.slot("16:00"))
    held = amy.hold(practice.slot("12:00"))
    for taken in ("16:00", "16:10", "08:10", "17:00"):
        with pytest.raises(SlotTaken):
            amy.move(visit, practice.slot(taken))
    assert stands(practice, visit) == ("booked", practice.slot("15:00"), 0)
    assert practice.sql("SELECT id FROM appointments WHERE status = 'pending'") == [(held.id,)]


def test_a_visit_moves_to_another_doctor_and_back(practice: Practice, amy: Person) -> None:
    visit = amy.book(practice.slot("15:00")).id
    elsewhere = practice.slot("15:00", doctor=practice.kim, kind=practice.long_check)
    amy.move(visit, elsewhere)
    assert stands(practice, visit)[1] == elsewhere
    assert not is_free(practice.slot("15:00"), practice)
    amy.undo_move(visit)
    assert stands(practice, visit)[1] == practice.slot("15:00")
    assert is_free(elsewhere, practice)


def test_nobody_moves_onto_their_own_other_visit(practice: Practice, amy: Person) -> None:
    visit = amy.book(practice.slot("15:00")).id
    amy.book(practice.slot("16:00", doctor=practice.kim))
    with pytest.raises(PatientBusy):
        amy.move(visit, practice.slot("16:10"))


def test_what_others_have_cannot_be_moved(practice: Practice, amy: Person, ben: Person) -> None:
    visit = amy.book(practice.slot("15:00")).id
    with pytest.raises(NoSuchVisit):
        ben.move(visit, practice.slot("16:00"))


def test_what_has_begun_or_is_cancelled_does_not_move(practice: Practice, amy: Person) -> None:
    early, late = amy.book(practice.slot("09:00")).id, amy.book(practice.slot("15:00")).id
    amy.cancel(late)
    with pytest.raises(AlreadyCancelled):
        amy.move(late, practice.slot("16:00"))
    practice.wait(minutes=60)
    with pytest.raises(TooLateToChange):
        amy.move(early, practice.slot("16:00"))


class TestSteps:
    """Every step is offered for a visit as it was: on one that has changed since, it says so."""

    def test_what_was_offered_before_a_move_does_nothing_after_it(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        amy.move(visit, practice.slot("16:00"), sequence=0)
        with pytest.raises(VisitChanged):
            amy.move(visit, practice.slot("12:00"), sequence=0)
        with pytest.raises(VisitChanged), amy.desk() as desk:
            changing.cancel(desk, visit, [amy.patient_id], 0)
        with pytest.raises(VisitChanged):
            amy.undo_booking(visit)
        assert stands(practice, visit) == ("booked", practice.slot("16:00"), 1)

    def test_only_the_last_of_two_moves_is_undone(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        amy.move(visit, practice.slot("16:00"))
        amy.move(visit, practice.slot("12:00"))
        with pytest.raises(VisitChanged):
            amy.undo_move(visit, sequence=1)
        amy.undo_move(visit, sequence=2)
        assert stands(practice, visit) == ("booked", practice.slot("16:00"), 3)
        with pytest.raises(VisitChanged):
            amy.undo_move(visit, sequence=2)
        assert is_free(practice.slot("15:00"), practice)

    def test_undo_of_a_move_ends_after_ten_minutes(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        amy.move(visit, practice.slot("16:00"))
        practice.wait(minutes=10)
        with pytest.raises(UndoOver):
            amy.undo_move(visit)

    def test_what_never_moved_cannot_be_moved_back(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        with pytest.raises(VisitChanged):
            amy.undo_move(visit)

    def test_a_moved_visit_is_cancelled_and_restored_where_it_stood_last(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        amy.move(visit, practice.slot("16:00"))
        amy.cancel(visit)
        assert is_free(practice.slot("15:00"), practice)
        amy.undo_cancel(visit)
        assert stands(practice, visit) == ("booked", practice.slot("16:00"), 3)

    def test_undo_of_a_near_move_is_refused_when_somebody_took_the_time(
        self, practice: Practice, amy: Person, ben: Person
    ) -> None:
        visit = amy.book(practice.slot("09:00")).id
        amy.move(visit, practice.slot("16:00"))
        ben.book(practice.slot("09:10"))
        with pytest.raises(UndoOver):
            amy.undo_move(visit)
        assert stands(practice, visit)[1] == practice.slot("16:00")

    def test_the_kept_time_counts_as_no_visit(self, practice: Practice, amy: Person) -> None:
        practice.sql("INSERT INTO policies (most_ahead) VALUES (2)")
        practice.changed()
        visit = amy.book(practice.slot("15:00")).id
        amy.move(visit, practice.slot("16:00"))
        amy.book(practice.slot("12:00"))


class TestRules:
    def test_patients_change_nothing_within_the_notice_and_staff_may(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        practice.sql("INSERT INTO policies (notice) VALUES ('24 hours')")
        practice.changed()
        amy.move(visit, practice.slot("16:00"))  # what was just booked may still be corrected
        with pytest.raises(NoticeTooShort):
            amy.move(visit, practice.slot("12:00"))
        with pytest.raises(NoticeTooShort):
            amy.cancel(visit)
        with amy.desk() as desk:
            changing.move(staff_desk(practice, desk), visit, practice.slot("12:00"), [amy.patient_id])
        assert stands(practice, visit)[1] == practice.slot("12:00")
        ((actor,),) = practice.sql("SELECT actor FROM audit WHERE action = 'visit.moved' ORDER BY id DESC LIMIT 1")
        assert actor == "staff:7"

    def test_a_kind_of_visit_has_a_limit_of_its_own(self, practice: Practice, amy: Person) -> None:
        practice.sql("INSERT INTO policies (visit_type_id, most_ahead) VALUES (%(kind)s, 1)", kind=practice.check)
        practice.changed()
        amy.book(practice.slot("15:00"))
        with pytest.raises(TooManyOfKind):
            amy.book(practice.slot("16:00"))
        amy.book(practice.slot("16:00", kind=practice.treatment))

    def test_a_newcomer_who_let_three_holds_run_out_gets_no_other_that_day(self, practice: Practice) -> None:
        newcomer = practice.newcomer()
        for _ in range(3):
            newcomer.hold(practice.slot("15:00"))
            practice.wait(minutes=10)
            practice.sweep()
        with pytest.raises(TooManyHolds):
            newcomer.hold(practice.slot("15:00"))


class TestRaces:
    def test_two_patients_who_want_to_swap_keep_what_they_have(
        self, practice: Practice, amy: Person, ben: Person
    ) -> None:
        one, other = amy.book(practice.slot("15:00")).id, ben.book(practice.slot("16:00")).id
        with ThreadPoolExecutor(2) as pool:
            moves = [
                pool.submit(amy.move, one, practice.slot("16:00")),
                pool.submit(ben.move, other, practice.slot("15:00")),
            ]
        assert [type(move.exception()) for move in moves] == [SlotTaken, SlotTaken]
        assert [stands(practice, visit)[1] for visit in (one, other)] == [
            practice.slot("15:00"),
            practice.slot("16:00"),
        ]

    def test_two_doctors_are_swapped_without_a_deadlock(self, practice: Practice, amy: Person, ben: Person) -> None:
        for hour in range(9, 15):
            start = f"{hour:02}:00"
            mine = amy.book(practice.slot(start)).id
            theirs = ben.book(practice.slot(start, doctor=practice.kim)).id
            with ThreadPoolExecutor(2) as pool:
                moves = [
                    pool.submit(amy.move, mine, practice.slot(f"{hour:02}:30", doctor=practice.kim)),
                    pool.submit(ben.move, theirs, practice.slot(f"{hour:02}:30")),
                ]
            assert [move.exception() for move in moves] == [None, None]
            amy.cancel(mine)
            ben.cancel(theirs)

    def test_patient_and_staff_who_move_the_same_visit_do_not_both_win(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id

        def by_staff() -> None:
            with amy.desk() as desk:
                changing.move(staff_desk(practice, desk), visit, practice.slot("12:00"), [amy.patient_id], 0)

        with ThreadPoolExecutor(2) as pool:
            moves: list[Future[Any]] = [pool.submit(by_staff), pool.submit(amy.move, visit, practice.slot("16:00"), 0)]
        refused = [error for error in (move.exception() for move in moves) if error is not None]
        assert [type(error) for error in refused] == [VisitChanged]
        assert stands(practice, visit)[2] == 1

    def test_a_visit_that_went_to_another_doctor_meanwhile_is_not_touched(
        self, practice: Practice, amy: Person
    ) -> None:
        visit = amy.book(practice.slot("15:00")).id
        with transaction(practice.engine) as session:
            lock(session, practitioners=[practice.lee])
            with meanwhile(practice, amy.cancel, visit) as cancelling:
                practice.sql("UPDATE appointments SET practitioner_id = %(kim)s", kim=practice.kim)
                session.commit()
                with pytest.raises(VisitChanged):
                    cancelling.result()

    def test_a_reader_never_sees_a_patient_without_the_visit(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        with ThreadPoolExecutor(1) as pool:
            moving = pool.submit(lambda: [amy.move(visit, practice.slot(f"{15 + n % 2}:30")) for n in range(20)])
            seen = set()
            while not moving.done():
                seen |= {
                    count for (count,) in practice.sql("SELECT count(*) FROM appointments WHERE status = 'booked'")
                }
            moving.result()
        assert seen == {1}

    def test_time_off_that_was_entered_meanwhile_is_seen(self, practice: Practice, amy: Person) -> None:
        visit = amy.book(practice.slot("15:00")).id
        with transaction(practice.engine) as session:
            lock(session, practitioners=[practice.lee])
            with meanwhile(practice, amy.move, visit, practice.slot("16:00")) as moving:
                practice.sql(
                    "INSERT INTO time_off (practitioner_id, during) VALUES (%(lee)s, tstzrange(%(start)s, %(end)s))",
                    lee=practice.lee,
                    start=practice.slot("16:00").start,
                    end=practice.slot("16:30").start,
                )
                session.commit()
                with pytest.raises(SlotTaken):
                    moving.result()

    def test_rivals_for_the_freed_time_and_the_undo_are_one_after_the_other(
        self, practice: Practice, amy: Person
    ) -> None:
        visit = amy.book(practice.slot("09:00")).id
        amy.move(visit, practice.slot("16:00"))
        rivals = [practice.person() for _ in range(4)]
        with ThreadPoolExecutor(5) as pool:
            wanting: list[Future[Any]] = [pool.submit(rival.book, practice.slot("09:00")) for rival in rivals]
            wanting.append(pool.submit(amy.undo_move, visit))
        losers = [error for error in (want.exception() for want in wanting) if error is not None]
        assert len(losers) == 4
        assert all(isinstance(error, Refusal) for error in losers)
        assert practice.broken_promises() == {}


def test_seats_of_a_group_are_kept_apart(practice: Practice, amy: Person, ben: Person) -> None:
    with transaction(practice.engine) as session:
        group = add_practitioner(session, "Group", practice.place, (practice.check,), seats=2)
    practice.changed()
    first = amy.book(practice.slot("15:00", doctor=group)).id
    ben.book(practice.slot("15:00", doctor=group))
    amy.move(first, practice.slot("15:10", doctor=group))
    third = practice.person()
    with pytest.raises(SlotTaken):
        third.book(practice.slot("15:00", doctor=group))
    practice.wait(minutes=10)
    third.book(practice.slot("15:30", doctor=group))
