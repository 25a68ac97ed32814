"""Three patients hold, book, move, cancel and take back in any order: what the database says is what a page of Python says."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from msgspec.structs import replace

from core.errors import AlreadyCancelled, PatientBusy, Refusal, SlotTaken, TooLateToChange, UndoOver, VisitChanged
from core.scheduling.changing import SOON
from core.scheduling.policies import DEFAULT
from core.scheduling.wishes import Slot
from tests.factories import Person, Practice, at, minutes

TEN_MINUTES = minutes(10)
PATIENTS = range(3)


@dataclass
class Visit:
    """A visit of the model, or a hold while `visit` is None; `until` ends a hold, and the undo of a visit."""

    owner: int
    slot: Slot
    end: datetime
    until: datetime | None
    visit: int | None = None
    status: str = "pending"
    covers: int | None = None  # the visit, cancelled or moved, whose time this hold keeps
    sequence: int = 0
    earlier: dict[int, tuple[Slot, datetime]] = field(default_factory=dict)  # by sequence

    def overlaps(self, slot: Slot, end: datetime) -> bool:
        return self.slot.start < end and slot.start < self.end


class Model:
    """The rules of the desk for one doctor, without a database."""

    def __init__(self, length: Callable[[Slot], timedelta], now: datetime) -> None:
        self.length = length
        self.now = now
        self.holds: list[Visit] = []
        self.visits: dict[int, Visit] = {}

    def taken(self) -> Iterator[Visit]:
        """What blocks somebody now."""
        yield from self.taken_holds()
        yield from (visit for visit in self.visits.values() if visit.status == "booked")

    def taken_holds(self) -> Iterator[Visit]:
        """Times that are kept for somebody now."""
        yield from (hold for hold in self.holds if hold.until and hold.until > self.now)

    def hold(self, owner: int, slot: Slot) -> None:
        self._take(owner, slot, booking=False)
        self.holds.append(Visit(owner, slot, self._end(slot), self.now + TEN_MINUTES))

    def book(self, owner: int, slot: Slot) -> bool:
        """Whether it is a new visit."""
        mine = [v for v in self.visits.values() if v.owner == owner and v.status == "booked" and v.end > self.now]
        if any(visit.slot.start == slot.start for visit in mine):
            self._let_go(owner, slot, booking=True)
            return False
        if any(visit.overlaps(slot, self._end(slot)) for visit in mine):
            raise PatientBusy
        self._take(owner, slot, booking=True)
        return True

    def booked(self, owner: int, slot: Slot, id: int) -> None:
        self.visits[id] = Visit(owner, slot, self._end(slot), self.now + TEN_MINUTES, id, "booked")

    def release(self, owner: int) -> None:
        self.holds = [hold for hold in self.holds if hold.owner != owner or hold.covers]

    def cancel(self, id: int) -> None:
        visit = self.visits[id]
        if visit.status == "cancelled":
            raise AlreadyCancelled
        if visit.slot.start <= self.now:
            raise TooLateToChange
        self.holds = [hold for hold in self.holds if hold.covers != id]
        visit.status, visit.until, visit.sequence = "cancelled", self.now + TEN_MINUTES, visit.sequence + 1
        if visit.slot.start - self.now >= SOON:
            self.holds.append(Visit(visit.owner, visit.slot, visit.end, visit.until, covers=id))

    def undo_cancel(self, id: int) -> None:
        visit = self.visits[id]
        if visit.status == "booked":
            return
        if visit.until is None or visit.until <= self.now or visit.slot.start <= self.now:
            raise UndoOver
        mine = [v for v in self.visits.values() if v.owner == visit.owner and v.status == "booked"]
        if any(other.overlaps(visit.slot, visit.end) for other in mine):
            raise PatientBusy
        self.holds = [hold for hold in self.holds if hold.covers != id]
        if any(other.overlaps(visit.slot, visit.end) for other in self.taken()):
            raise UndoOver
        visit.status, visit.until, visit.sequence = "booked", None, visit.sequence + 1

    def move(self, id: int, slot: Slot) -> None:
        visit, end = self.visits[id], self._end(slot)
        if (visit.status, visit.slot) == ("booked", slot):
            return
        if visit.status == "cancelled":
            raise AlreadyCancelled
        if visit.slot.start <= self.now:
            raise TooLateToChange
        self._require_nothing_else(visit, slot, end)
        blocking = (other for other in self.taken() if id not in (other.visit, other.covers))
        self._take(visit.owner, slot, booking=True, taken=list(blocking))
        self.holds = [hold for hold in self.holds if hold.covers != id]
        if visit.slot.start - self.now >= SOON:
            for start, until in _without((visit.slot.start, visit.end), (slot.start, end)):
                kept = replace(visit.slot, start=start)
                self.holds.append(Visit(visit.owner, kept, until, self.now + TEN_MINUTES, covers=id))
        visit.earlier[visit.sequence] = (visit.slot, visit.end)
        visit.slot, visit.end, visit.until, visit.sequence = slot, end, self.now + TEN_MINUTES, visit.sequence + 1

    def undo_move(self, id: int) -> None:
        visit = self.visits[id]
        slot, end = visit.earlier.get(visit.sequence - 1, (None, None))
        if slot is None or end is None or visit.status != "booked":
            raise VisitChanged
        if visit.until is None or visit.until <= self.now or min(slot.start, visit.slot.start) <= self.now:
            raise UndoOver
        self._require_nothing_else(visit, slot, end)
        self.holds = [hold for hold in self.holds if hold.covers != id]
        if any(other.overlaps(slot, end) for other in self.taken() if other.visit != id):
            raise UndoOver
        visit.slot, visit.end, visit.until, visit.sequence = slot, end, None, visit.sequence + 1

    def _require_nothing_else(self, visit: Visit, slot: Slot, end: datetime) -> None:
        others = [v for v in self.visits.values() if v.owner == visit.owner and v.status == "booked" and v is not visit]
        if any(other.overlaps(slot, end) for other in others):
            raise PatientBusy

    def undo_booking(self, id: int) -> None:
        visit = self.visits[id]
        if visit.status == "cancelled":
            raise AlreadyCancelled
        if visit.sequence != 0:
            raise VisitChanged
        if visit.until is None or visit.until <= self.now:
            raise UndoOver
        visit.status, visit.until, visit.sequence = "cancelled", None, visit.sequence + 1

    def _take(self, owner: int, slot: Slot, *, booking: bool, taken: list[Visit] | None = None) -> None:
        end = self._end(slot)
        others = [
            other
            for other in (self.taken() if taken is None else taken)
            if not self._makes_way(other, owner, slot, booking)
        ]
        was_held = booking and any(h.owner == owner and h.slot == slot and not h.covers for h in self.taken_holds())
        too_soon = slot.start < self.now + (timedelta(0) if was_held else DEFAULT.lead)
        if too_soon or any(other.overlaps(slot, end) for other in others):
            raise SlotTaken
        self._let_go(owner, slot, booking=booking)

    def _let_go(self, owner: int, slot: Slot, *, booking: bool) -> None:
        self.holds = [hold for hold in self.holds if not self._makes_way(hold, owner, slot, booking)]

    def _makes_way(self, hold: Visit, owner: int, slot: Slot, booking: bool) -> bool:
        """One's hold makes way for what one wants now; so does the kept time of one's cancelled visit for a booking."""
        if hold.status != "pending" or hold.owner != owner:
            return False
        return hold.covers is None or (booking and hold.overlaps(slot, self._end(slot)))

    def _end(self, slot: Slot) -> datetime:
        return slot.start + self.length(slot)


def _without(old: tuple[datetime, datetime], new: tuple[datetime, datetime]) -> list[tuple[datetime, datetime]]:
    """What of a stretch of time lies outside of another."""
    pieces = [(old[0], min(old[1], new[0])), (max(old[0], new[1]), old[1])]
    return [(start, end) for start, end in pieces if start < end]


class AnyOrder(RuleBasedStateMachine):
    """The same steps at the desk and in the model: the same answers, and the same time is taken."""

    practice: Practice  # set by the test
    people: list[Person]

    def __init__(self) -> None:
        super().__init__()
        self.practice.now = at("08:00")
        self.practice.sql("DELETE FROM earlier_versions")
        self.practice.sql("DELETE FROM appointments")
        self.practice.sql("DELETE FROM inbox")
        self.practice.sql("DELETE FROM audit WHERE entity = 'appointments'")
        self.model = Model(
            lambda slot: self.practice.directory.visit_type[slot.visit_type_id].length, self.practice.now
        )

    # Some times are near, where a cancelled visit is freed at once, and some are far. All overlap with others.
    starts = st.sampled_from(["10:00", "10:10", "10:30", "15:00", "15:15", "15:20"])
    patients = st.sampled_from(PATIENTS)

    @rule(who=patients, start=starts, is_long=st.booleans())
    def hold(self, who: int, start: str, is_long: bool) -> None:
        slot = self._slot(start, is_long)
        self._same(partial(self.people[who].hold, slot), partial(self.model.hold, who, slot))

    @rule(who=patients, start=starts, is_long=st.booleans())
    def book(self, who: int, start: str, is_long: bool) -> None:
        slot = self._slot(start, is_long)
        booked, is_new = self._same(partial(self.people[who].book, slot), partial(self.model.book, who, slot))
        if booked is not None:
            assert booked.already is not is_new
        if is_new:
            self.model.booked(who, slot, booked.id)

    @rule(who=patients)
    def release(self, who: int) -> None:
        self._same(self.people[who].release, partial(self.model.release, who))

    @precondition(lambda self: self.model.visits)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        id, owner = self._some_visit(data)
        self._same(partial(owner.cancel, id), partial(self.model.cancel, id))

    @precondition(lambda self: self.model.visits)
    @rule(data=st.data(), start=starts, is_long=st.booleans())
    def move(self, data: st.DataObject, start: str, is_long: bool) -> None:
        (id, owner), slot = self._some_visit(data), self._slot(start, is_long)
        self._same(partial(owner.move, id, slot), partial(self.model.move, id, slot))

    @precondition(lambda self: self.model.visits)
    @rule(data=st.data())
    def undo_move(self, data: st.DataObject) -> None:
        id, owner = self._some_visit(data)
        self._same(partial(owner.undo_move, id), partial(self.model.undo_move, id))

    @precondition(lambda self: self.model.visits)
    @rule(data=st.data())
    def undo_cancel(self, data: st.DataObject) -> None:
        id, owner = self._some_visit(data)
        self._same(partial(owner.undo_cancel, id), partial(self.model.undo_cancel, id))

    @precondition(lambda self: self.model.visits)
    @rule(data=st.data())
    def undo_booking(self, data: st.DataObject) -> None:
        id, owner = self._some_visit(data)
        self._same(partial(owner.undo_booking, id), partial(self.model.undo_booking, id))

    @rule(length=st.sampled_from([1, 9, 10, 45]))
    def wait(self, length: int) -> None:
        self.practice.wait(minutes=length)
        self.model.now = self.practice.now

    @rule()
    def sweep(self) -> None:
        self.practice.sweep()

    @invariant()
    def the_same_time_is_taken(self) -> None:
        rows = self.practice.sql(
            """
            SELECT conversation_id, lower(during), upper(during), status FROM appointments
            WHERE status = 'booked' OR status = 'pending' AND expires_at > %(now)s
            """,
            now=self.practice.now,
        )
        conversations = [person.home.conversation_id for person in self.people]
        expected = [(conversations[v.owner], v.slot.start, v.end, v.status) for v in self.model.taken()]
        assert sorted(rows) == sorted(expected)

    def teardown(self) -> None:
        assert self.practice.broken_promises() == {}

    def _slot(self, start: str, is_long: bool) -> Slot:
        return self.practice.slot(start, kind=self.practice.long_check if is_long else self.practice.check)

    def _some_visit(self, data: st.DataObject) -> tuple[int, Person]:
        id = data.draw(st.sampled_from(sorted(self.model.visits)))
        return id, self.people[self.model.visits[id].owner]

    def _same(self, at_the_desk: Callable[[], object], in_the_model: Callable[[], object]) -> tuple[Any, Any]:
        (result, refusal), (expected, refused) = _outcome(at_the_desk), _outcome(in_the_model)
        assert refusal is refused
        return result, expected


def _outcome(step: Callable[[], object]) -> tuple[object, type[Refusal] | None]:
    try:
        return step(), None
    except Refusal as refusal:
        return None, type(refusal)


def test_three_patients_in_any_order_never_get_what_the_rules_forbid(practice: Practice) -> None:
    AnyOrder.practice = practice
    AnyOrder.people = [practice.person() for _ in PATIENTS]
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            max_examples=50, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
