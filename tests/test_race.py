"""Fifty patients want the same time. One gets it, and the others are offered the nearest three."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from bot.messages import Pick
from core.scheduling import booking
from core.scheduling.availability import FreeStart
from core.scheduling.reasons import Reason
from core.scheduling.slots import verdict
from core.scheduling.wishes import Slot
from tests.factories import Person, Practice, at, minutes
from tests.workers import wait_until_all_is_answered, workers

PATIENTS, WORKERS = 50, 4

# Notes when a message was answered, by the same clock that notes when it came.
STOPWATCH = """
ALTER TABLE inbox ADD COLUMN answered_at timestamptz;
CREATE FUNCTION note_the_time() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN NEW.answered_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER stopwatch BEFORE UPDATE ON inbox FOR EACH ROW EXECUTE FUNCTION note_the_time();
"""


@dataclass(frozen=True)
class Rival:
    """Somebody with a time before their eyes."""

    person: Person
    slot: Slot
    choice: str


def one_time(practice: Practice, _: int) -> Slot:
    return practice.slot("14:00")


def overlapping_times(practice: Practice, n: int) -> Slot:
    """Visits of three lengths that begin from 13:50 to 14:05: any two of them overlap."""
    kinds = (practice.check, practice.long_check, practice.treatment)
    return practice.slot(("13:50", "13:55", "14:00", "14:05")[n % 4], kind=kinds[n % 3])


def race(practice: Practice, wish: Callable[[Practice, int], Slot]) -> list[Rival]:
    """All tap at the same instant; every other one of them is new, so that the time is held first."""
    practice.start_clock()
    practice.sql(STOPWATCH)
    rivals = []
    for n in range(PATIENTS):
        person = practice.newcomer() if n % 2 else practice.person()
        slot = wish(practice, n)
        rivals.append(Rival(person, slot, person.offer(slot)))
    at_once = Barrier(PATIENTS)

    def tap(rival: Rival) -> None:
        at_once.wait()
        rival.person.tap(rival.choice)

    with workers(practice, WORKERS), ThreadPoolExecutor(PATIENTS) as crowd:
        list(crowd.map(tap, rivals))
        wait_until_all_is_answered(practice)
    return rivals


def taken(practice: Practice) -> list[Any]:
    return practice.sql(
        "SELECT conversation_id, lower(blocked), upper(blocked) FROM appointments WHERE status IN ('pending', 'booked')"
    )


def nearest_three(practice: Practice, slot: Slot, taken_from: datetime, taken_until: datetime) -> set[datetime]:
    """By trying every start of that day: visits begin every five minutes from nine, and end by five."""
    kind = practice.directory.visit_type[slot.visit_type_id]

    def fits(start: datetime) -> bool:
        end = start + kind.length
        is_free = end + kind.buffer_after <= taken_from or taken_until <= start - kind.buffer_before
        return is_free and end <= at("17:00")

    starts = filter(fits, (at("09:00") + n * minutes(5) for n in range(8 * 12)))
    return set(sorted(starts, key=lambda start: (abs(start - slot.start), start))[:3])


def waited(practice: Practice) -> list[timedelta]:
    """How long everybody waited for the answer, the shortest first."""
    return [row.waited for row in practice.sql("SELECT answered_at - received_at AS waited FROM inbox ORDER BY waited")]


@pytest.mark.parametrize("wish", [one_time, overlapping_times])
def test_one_of_fifty_gets_the_time_and_the_others_the_nearest_three(
    practice: Practice, wish: Callable[[Practice, int], Slot]
) -> None:
    rivals = race(practice, wish)

    ((winner, start, end),) = taken(practice)
    for rival in rivals:
        (_, reply) = rival.person.replies
        happened = [each.event for each in reply.happened]
        if rival.person.home.conversation_id == winner:
            assert happened in (["booked"], ["held"])
        else:
            assert happened == ["refused"]
            offered = [choice.action.slot for choice in reply.choices if isinstance(choice.action, Pick)]
            assert {slot.start for slot in offered} == nearest_three(practice, rival.slot, start, end)
            assert {slot.visit_type_id for slot in offered} == {rival.slot.visit_type_id}

    assert practice.sql("SELECT count(*) FROM inbox WHERE status <> 'answered'") == [(0,)]
    assert practice.sql("SELECT count(*) FROM handoffs") == [(0,)]
    assert practice.broken_promises() == {}
    times = waited(practice)
    print(f"{PATIENTS} patients, {WORKERS} workers: p50 {times[PATIENTS // 2]}, p99 {times[-1]}")


def without_guards(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    """No locks, and no constraint."""
    monkeypatch.setattr(booking, "lock", lambda *_, **__: None)
    practice.sql("ALTER TABLE appointments DROP CONSTRAINT appointments_no_overlap")


def test_control_without_guards_all_workers_that_look_at_once_give_the_same_time_away(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules alone protect nobody: each of the workers sees the time free before any of them has taken it."""
    without_guards(practice, monkeypatch)
    looked = Barrier(WORKERS)

    def accepted_by_all_at_once(*asked: Any, was_held: bool) -> FreeStart | Reason:
        free = verdict(*asked, was_held=was_held)
        if isinstance(free, FreeStart):
            looked.wait(timeout=10)
        return free

    monkeypatch.setattr(booking, "verdict", accepted_by_all_at_once)
    race(practice, one_time)
    assert len(taken(practice)) == WORKERS
    assert_verify_sees_it(practice)


def test_control_without_guards_and_rules_everybody_gets_the_same_time(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_guards(practice, monkeypatch)
    monkeypatch.setattr(
        booking, "verdict", lambda _d, _p, slot, *_, **__: FreeStart(slot.start, slot.location_id, seat=1)
    )
    race(practice, one_time)
    assert len(taken(practice)) == PATIENTS
    assert_verify_sees_it(practice)


def assert_verify_sees_it(practice: Practice) -> None:
    winners, broken = len(taken(practice)), practice.broken_promises()
    assert list(broken) == ["I1"]
    assert len(broken["I1"]) == winners * (winners - 1) / 2
    print(f"without guards {winners} of {PATIENTS} got the same time: {len(broken['I1'])} double bookings")
