"""A crowd of strangers who hold times and do not book leaves them to those who do."""

import random
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from core.database import transaction
from core.errors import Refusal, SlotTaken
from core.scheduling import booking
from core.scheduling.slots import find, nearest
from core.scheduling.wishes import DayRange, Slot, Wanted, When
from tests.core.scheduling.test_booking import is_free
from tests.core.scheduling.test_moving import staff_desk
from tests.factories import MONDAY, Person, Practice, add_practitioner

BOTS, SLOTS, THREADS = 500, 50, 16
TUESDAY = MONDAY + timedelta(days=1)


def doctor_with(practice: Practice, slots: int, *, seats: int = 1) -> int:
    """Somebody who has room for so many checks a day, one after the other, from 06:20 on."""
    minutes = 6 * 60 + 20 + slots * 20
    with transaction(practice.engine) as session:
        doctor = add_practitioner(
            session, "Busy", practice.place, (practice.check, practice.long_check), seats=seats, opens="06:20",
            closes=f"{minutes // 60 % 24:02}:{minutes % 60:02}", step=20,
        )  # fmt: skip
    practice.changed()
    return doctor


def times(practice: Practice, doctor: int, slots: int) -> list[Slot]:
    """All those checks, on Tuesday."""
    first = practice.slot("06:20", doctor=doctor, day=TUESDAY)
    return [Slot(doctor, practice.check, practice.place, first.start + n * timedelta(minutes=20)) for n in range(slots)]


def get(who: Person, slot: Slot) -> bool:
    """Whether they get to hold it."""
    try:
        who.hold(slot)
    except Refusal:
        return False
    return True


def hold_all(practice: Practice, slots: Iterable[Slot]) -> list[Slot]:
    """Which of these times newcomers get, each for one."""
    return [slot for slot in slots if get(practice.newcomer(), slot)]


def test_five_hundred_who_hold_and_never_book_leave_four_of_five_times_to_patients(practice: Practice) -> None:
    doctor = doctor_with(practice, SLOTS)
    every = times(practice, doctor, SLOTS)
    bots = [practice.newcomer() for _ in range(BOTS)]
    chance = random.Random(11)
    wishes = [chance.choice(every) for _ in bots]
    with ThreadPoolExecutor(THREADS) as crowd:
        held = sum(crowd.map(get, bots, wishes))
        held += sum(crowd.map(get, bots, reversed(wishes)))  # who has none tries another one, who has one another too
    ((holding,),) = practice.sql("SELECT count(*) FROM appointments WHERE status = 'pending'")
    assert 1 < holding <= SLOTS // 5 <= held

    patients = [practice.person() for _ in every]
    with ThreadPoolExecutor(THREADS) as crowd:
        booked = list(crowd.map(_books, patients, every))
    assert sum(booked) == SLOTS - holding >= SLOTS * 4 // 5
    assert practice.broken_promises() == {}


def _books(patient: Person, slot: Slot) -> bool:
    try:
        patient.book(slot)
    except SlotTaken:
        return False
    return True


def test_newcomers_hold_a_fifth_of_what_is_left(practice: Practice) -> None:
    every = times(practice, doctor_with(practice, 20), 20)
    for slot in every[:10]:
        practice.person().book(slot)
    assert hold_all(practice, every[10:]) == every[10:12]


def test_one_newcomer_always_may(practice: Practice) -> None:
    *most, first, second = times(practice, doctor_with(practice, 4), 4)
    for slot in most:
        practice.person().book(slot)
    assert hold_all(practice, [first, second]) == [first]


def test_long_visits_count_for_their_length(practice: Practice) -> None:
    every = times(practice, doctor_with(practice, 20), 20)
    long = [Slot(slot.practitioner_id, practice.long_check, slot.location_id, slot.start) for slot in every[::2]]
    assert hold_all(practice, long) == long[:2]  # 80 of 400 minutes
    assert hold_all(practice, every[-1:]) == []


def test_each_seat_of_a_group_counts(practice: Practice) -> None:
    every = times(practice, doctor_with(practice, 5, seats=4), 5)
    assert hold_all(practice, every + every) == every[:4]


def test_a_day_that_is_full_for_newcomers_is_not_for_patients_nor_for_whoever_holds_there(practice: Practice) -> None:
    *_, first, last = times(practice, doctor_with(practice, 5), 5)
    holder = practice.newcomer()
    holder.hold(first)
    with pytest.raises(SlotTaken):
        practice.newcomer().hold(last)
    holder.hold(last)
    assert is_free(first, practice)
    assert is_free(times(practice, first.practitioner_id, 5)[0], practice)


def test_the_share_comes_back_when_holds_run_out(practice: Practice) -> None:
    first, second, *_ = times(practice, doctor_with(practice, 5), 5)
    assert hold_all(practice, [first, second]) == [first]
    practice.wait(minutes=10)
    assert hold_all(practice, [second]) == [second]


def test_holds_of_patients_and_of_staff_do_not_count(practice: Practice) -> None:
    first, second, third, *_ = times(practice, doctor_with(practice, 5), 5)
    patient = practice.person()
    patient.hold(first)
    with patient.desk() as desk:
        booking.hold(staff_desk(practice, desk), second)
    assert hold_all(practice, [third]) == [third]


def test_what_a_newcomer_cannot_hold_is_not_offered(practice: Practice) -> None:
    doctor = doctor_with(practice, 5)
    first, *others = times(practice, doctor, 5)
    newcomer, patient = practice.newcomer(), practice.person()
    wanted = Wanted(
        practitioner=doctor,
        visit_type=practice.check,
        when=When(days=(DayRange(TUESDAY, TUESDAY + timedelta(days=1)),)),
    )
    practice.newcomer().hold(first)
    with newcomer.desk() as desk:
        found = find(desk, wanted)
        near = nearest(desk, wanted, first.start)
    assert not found.exact
    assert found.why is not None
    assert (found.why.reason, found.why.practitioner) == ("full", doctor)
    assert found.slots
    assert (doctor, TUESDAY) not in {(slot.practitioner_id, slot.start.date()) for slot in (*found.slots, *near)}
    for slot in (*found.slots, *near):
        newcomer.hold(slot)
    with patient.desk() as desk:
        assert set(find(desk, wanted).slots) <= set(others)


def test_the_hold_of_whoever_becomes_a_patient_counts_no_longer(practice: Practice) -> None:
    first, second, *_ = times(practice, doctor_with(practice, 5), 5)
    practice.newcomer("ann").hold(first)
    assert hold_all(practice, [second]) == []
    practice.person("ann")
    assert hold_all(practice, [second]) == [second]
