"""What happens between the first look and the lock: holds run out, staff move, rivals come, and the same patient writes from elsewhere."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from bot.messages import Pick
from core.database import run, transaction
from core.errors import PatientBusy, Refusal, SlotTaken, TooManyOfKind, TooManyVisits, UndoOver, VisitChanged
from core.scheduling import booking, changing, visits
from core.scheduling.locks import lock
from frontdesk.worker import Worker
from tests.core.scheduling.test_booking import is_free, meanwhile
from tests.core.scheduling.test_moving import staff_desk, stands
from tests.factories import Person, Practice, minutes

PEOPLE, STEPS = 6, 60


def elsewhere(practice: Practice, person: Person) -> Person:
    """The same patient, in another conversation."""
    return replace(practice.newcomer(), patient_id=person.patient_id)


class TestWhoeverWaits:
    """One session has the lock and the other has looked already."""

    def test_a_hold_that_runs_out_while_its_owner_moves_onto_it_goes_to_the_rival(
        self, practice: Practice, amy: Person, ben: Person
    ) -> None:
        visit = amy.book(practice.slot("15:00")).id
        until = amy.hold(practice.slot("16:00")).until
        practice.now = until
        with ben.desk() as desk:
            booking.book(desk, practice.slot("16:10"), ben.patient_id)
            practice.now = until - minutes(1)
            with meanwhile(practice, amy.move, visit, practice.slot("16:00")) as moving:
                desk.session.commit()
        with pytest.raises(SlotTaken):
            moving.result()
        assert stands(practice, visit) == ("booked", practice.slot("15:00"), 0)
        assert practice.broken_promises() == {}

    def test_a_kept_time_that_is_swept_while_its_owner_takes_back_is_theirs_while_nobody_has_it(
        self, practice: Practice, amy: Person
    ) -> None:
        visit = amy.book(practice.slot("15:00")).id
        until = amy.cancel(visit).undo_until
        assert until is not None
        with transaction(practice.engine) as session:
            assert booking.sweep_expired_holds(session, until) == 1
            with meanwhile(practice, amy.undo_cancel, visit) as undoing:
                session.commit()
        undoing.result()
        assert stands(practice, visit) == ("booked", practice.slot("15:00"), 2)
        assert practice.broken_promises() == {}

    def test_a_kept_time_that_went_to_a_rival_meanwhile_is_not_taken_back(
        self, practice: Practice, amy: Person, ben: Person
    ) -> None:
        moved, cancelled = amy.book(practice.slot("14:00")).id, amy.book(practice.slot("15:00")).id
        amy.move(moved, practice.slot("12:00"))
        until = amy.cancel(cancelled).undo_until
        assert until is not None
        for undo, visit, start in ((amy.undo_move, moved, "14:10"), (amy.undo_cancel, cancelled, "15:10")):
            practice.now = until
            with ben.desk() as desk:
                booking.book(desk, practice.slot(start), ben.patient_id)
                practice.now = until - minutes(1)
                with meanwhile(practice, undo, visit) as undoing:
                    desk.session.commit()
            with pytest.raises(UndoOver):
                undoing.result()
        assert practice.broken_promises() == {}

    def test_what_staff_have_moved_meanwhile_is_neither_taken_back_nor_moved_nor_cancelled_as_it_was(
        self, practice: Practice, amy: Person
    ) -> None:
        visit = amy.book(practice.slot("15:00")).id
        amy.move(visit, practice.slot("16:00"))

        def cancel_as_offered() -> None:
            with amy.desk() as desk:
                changing.cancel(desk, visit, [amy.patient_id], 1)

        to = iter(("12:00", "13:00", "14:00"))
        for late in (amy.undo_move, lambda id: amy.move(id, practice.slot("11:00"), 1), lambda _: cancel_as_offered()):
            ((sequence,),) = practice.sql("SELECT sequence FROM appointments WHERE id = %(id)s", id=visit)
            start = next(to)
            with amy.desk() as desk:
                changing.move(staff_desk(practice, desk), visit, practice.slot(start), [amy.patient_id])
                with meanwhile(practice, late, visit) as waiting:
                    desk.session.commit()
            with pytest.raises(VisitChanged):
                waiting.result()
            assert stands(practice, visit) == ("booked", practice.slot(start), sequence + 1)
        assert practice.broken_promises() == {}

    def test_a_patient_who_writes_from_two_places_keeps_to_the_limits(self, practice: Practice, amy: Person) -> None:
        practice.sql("INSERT INTO policies (most_ahead) VALUES (1)")
        practice.changed()
        other = elsewhere(practice, amy)
        with amy.desk() as desk:
            booking.book(desk, practice.slot("10:00"), amy.patient_id)
            with meanwhile(practice, other.book, practice.slot("15:00", doctor=practice.kim)) as booking_elsewhere:
                desk.session.commit()
        with pytest.raises(TooManyVisits):
            booking_elsewhere.result()

    def test_a_patient_who_moves_two_visits_onto_one_hour_from_two_places_is_refused_once(
        self, practice: Practice, amy: Person
    ) -> None:
        one, two = amy.book(practice.slot("12:00")).id, amy.book(practice.slot("14:00", doctor=practice.kim)).id
        other = elsewhere(practice, amy)
        with amy.desk() as desk:
            changing.move(desk, one, practice.slot("16:00"), [amy.patient_id])
            with meanwhile(practice, other.move, two, practice.slot("16:10", doctor=practice.kim)) as moving:
                desk.session.commit()
        with pytest.raises(PatientBusy):
            moving.result()

    def test_a_time_that_one_lets_go_elsewhere_at_that_moment_is_ones_own(
        self, practice: Practice, amy: Person
    ) -> None:
        visit = amy.book(practice.slot("15:00")).id
        other = elsewhere(practice, amy)
        with amy.desk() as desk:
            changing.cancel(desk, visit, [amy.patient_id])
            with meanwhile(practice, other.book, practice.slot("15:00")) as again:
                desk.session.commit()
        assert stands(practice, again.result().id)[0] == "booked"
        assert practice.broken_promises() == {}

    def test_the_sweep_waits_for_a_booking_and_leaves_what_was_confirmed(self, practice: Practice, amy: Person) -> None:
        until = amy.hold(practice.slot("10:00")).until
        with transaction(practice.engine) as session:
            lock(session, practitioners=[practice.lee])
            practice.now = until
            with meanwhile(practice, practice.sweep) as sweeping:
                run(session, "UPDATE appointments SET expires_at = expires_at + interval '1 hour'")
                session.commit()
        assert sweeping.result() == 0
        assert not is_free(practice.slot("10:00"), practice)


def test_a_move_to_another_kind_keeps_to_its_limit(practice: Practice, amy: Person) -> None:
    practice.sql("INSERT INTO policies (visit_type_id, most_ahead) VALUES (%(kind)s, 1)", kind=practice.check)
    practice.changed()
    check = amy.book(practice.slot("15:00")).id
    treatment = amy.book(practice.slot("12:00", kind=practice.treatment)).id
    with pytest.raises(TooManyOfKind):
        amy.move(treatment, practice.slot("13:00"))
    amy.move(check, practice.slot("14:00"))
    assert stands(practice, treatment)[1].visit_type_id == practice.treatment


def test_a_move_that_passes_the_limit_of_a_kind_is_refused_in_words(practice: Practice, amy: Person) -> None:
    practice.sql("INSERT INTO policies (visit_type_id, most_ahead) VALUES (%(kind)s, 1)", kind=practice.check)
    practice.sql("UPDATE organization SET directory_version = directory_version + 1")
    practice.start_clock()
    amy.book(practice.slot("15:00"))
    treatment = amy.book(practice.slot("12:00", kind=practice.treatment)).id
    with transaction(practice.engine) as session:
        visit = visits.get(session, treatment)
    amy.tap(amy.offer(Pick(practice.slot("13:00"), amy.patient_id, visit)))
    Worker(practice.engine, practice.vault).answer_waiting()
    assert amy.answers[-1] == "refused.too_many_of_kind"
    assert stands(practice, treatment) == ("booked", practice.slot("12:00", kind=practice.treatment), 0)


def test_six_people_at_once_do_anything_in_any_order_and_nothing_is_given_twice(practice: Practice) -> None:
    """Two conversations each for three patients, two doctors, times that overlap, and a clock that sweeps."""
    patients = [practice.person() for _ in range(PEOPLE // 2)]
    people = [*patients, *(elsewhere(practice, patient) for patient in patients)]
    starts = [f"{hour}:{minute}" for hour in range(10, 16) for minute in ("00", "10")]
    begin = Barrier(PEOPLE + 1)
    done: Counter[str] = Counter()

    def live(number: int) -> None:
        chance, me = random.Random(number), people[number]
        begin.wait()
        for _ in range(STEPS):
            kind = chance.choice((practice.check, practice.long_check, practice.treatment))
            slot = practice.slot(chance.choice(starts), kind=kind, doctor=chance.choice((practice.lee, practice.kim)))
            steps: dict[str, Any] = {
                "hold": partial(me.hold, slot),
                "book": partial(me.book, slot),
                "release": me.release,
            }
            newest = "SELECT id FROM appointments WHERE patient_id = %(id)s ORDER BY id DESC LIMIT 2"
            if mine := practice.sql(newest, id=me.patient_id):
                visit = chance.choice(mine).id
                steps |= {"move": partial(me.move, visit, slot), "cancel": partial(me.cancel, visit)}
                undos = (me.undo_move, me.undo_cancel, me.undo_booking)
                steps |= {undo.__name__: partial(undo, visit) for undo in undos}
            name = chance.choice(list(steps))
            try:
                steps[name]()
            except Refusal:
                continue
            done[name] += 1

    def tick() -> None:
        begin.wait()
        for _ in range(STEPS):
            practice.wait(seconds=20)
            practice.sweep()

    with ThreadPoolExecutor(PEOPLE + 1) as pool:
        lives = [pool.submit(live, number) for number in range(PEOPLE)]
        lives.append(pool.submit(tick))
    assert [life.exception() for life in lives] == [None] * (PEOPLE + 1)
    assert {"hold", "book", "move", "cancel"} <= done.keys(), done
    print(done)
    assert practice.broken_promises() == {}
