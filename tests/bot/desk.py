"""A desk in memory: answers what the dialog asks for, as `bot.turn` would, and words every reply."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from bot import state as states
from bot.events import (
    Booked,
    BookSlot,
    Cancel,
    Cancelled,
    Confirm,
    Confirmed,
    Event,
    Facts,
    FindSlots,
    FindVisits,
    HoldSlot,
    LookUpVisit,
    Move,
    Moved,
    PatientRegistered,
    Refused,
    RegisterPatient,
    Released,
    ReleaseHold,
    Request,
    SlotHeld,
    SlotsFound,
    TakeBack,
    Undone,
    VisitFound,
    VisitsFound,
)
from bot.exchange import exchange
from bot.messages import Reply
from bot.state import State
from bot.texts import say, say_all
from core.scheduling.visits import Visit
from core.scheduling.wishes import Slot
from tests.bot.understanding.clinic import CLINIC

TODAY = date(2026, 3, 12)
NOON = datetime(2026, 3, 16, 16, 0, tzinfo=UTC)
SLOTS = tuple(
    Slot(practitioner, kind, 1, NOON + timedelta(hours=n))
    for n, (practitioner, kind) in enumerate([(1, 1), (2, 2), (3, 2)])
)
VISITS = (Visit(1, 7, SLOTS[0], "booked"), Visit(2, 8, SLOTS[1], "booked"))

GUEST = Facts(CLINIC, TODAY, (), reachable=False, most_options=6)
TEXTED = Facts(CLINIC, TODAY, (), reachable=False, most_options=6, texts_to=("GB", "IE"))  # a guest, where SMS go
ONE = Facts(CLINIC, TODAY, ((7, "Leo"),), owner=7)
FAMILY = Facts(CLINIC, TODAY, ((6, "Ana"), (7, "Leo"), (8, "Mia")), owner=6)


CHANGED = ("already_cancelled", "too_late_to_change", "notice_too_short", "visit_changed")
REFUSALS: dict[type, tuple[str, ...]] = {
    HoldSlot: ("slot_taken", "too_many_holds"),
    BookSlot: ("slot_taken", "patient_busy", "too_many_visits", "too_many_of_kind"),
    LookUpVisit: CHANGED[:2] + CHANGED[3:],
    Move: ("slot_taken", "patient_busy", "too_many_of_kind", *CHANGED),
    Cancel: CHANGED,
    Confirm: ("already_cancelled", "visit_over", "visit_changed"),
    TakeBack: ("already_cancelled", "undo_over", "visit_changed"),
}
"""What may be refused, and by which codes."""

CODES = sorted({code for codes in REFUSALS.values() for code in codes})


@dataclass
class Desk:
    """Performs requests, but for the first one that can be refused with the code `refuses`."""

    facts: Facts
    refuses: str | None = None
    slots: tuple[Slot, ...] = SLOTS
    visits: tuple[Visit, ...] = VISITS
    handed_over: list[str] = field(default_factory=list)

    def converse(self, state: State, event: Event) -> tuple[State, list[Reply]]:
        """What one event leads to, until the dialog asks for nothing more."""
        turn = exchange(state, event, self.facts, self._do)
        self.handed_over += turn.handoffs
        for reply in turn.replies:
            in_words(reply)
        return turn.state, list(turn.replies)

    def _do(self, request: Request, state: State, _facts: Facts) -> tuple[Event, Facts]:
        assert msgspec.json.decode(states.pack(state), type=State) == state
        return self._perform(request), self.facts

    def _perform(self, request: Request) -> Event:
        if self.refuses in REFUSALS.get(type(request), ()):
            code, self.refuses = self.refuses, None
            assert code is not None
            about_visit = isinstance(request, LookUpVisit | Cancel | Confirm | TakeBack) or code in CHANGED
            return Refused(code, () if about_visit else self.slots, VISITS[0] if about_visit else None)
        return _ANSWER[type(request)](self, request)

    def register(self, request: RegisterPatient) -> Event:
        """From now on the address speaks for one more."""
        first_name = request.name.split()[0]
        self.facts = Facts(CLINIC, TODAY, (*self.facts.patients, (99, first_name)), self.facts.reachable)
        return PatientRegistered(99, first_name)


def _visit(number: int) -> Visit:
    return replace(VISITS[0], id=number)


_ANSWER: dict[type, Callable[[Desk, Any], Event]] = {
    FindSlots: lambda desk, request: SlotsFound(request.wanted, desk.slots, exact=True),
    HoldSlot: lambda _, __: SlotHeld(5, datetime(2026, 3, 12, 9, 10)),
    BookSlot: lambda _, request: Booked(Visit(3, request.patient, request.slot, "booked"), already=False),
    RegisterPatient: Desk.register,
    FindVisits: lambda desk, request: VisitsFound(request.purpose, desk.visits, as_described=True),
    Cancel: lambda _, request: Cancelled(_visit(request.visit), keeps_time=True),
    Confirm: lambda _, request: Confirmed(tuple(_visit(told.visit) for told in request.visits)),
    TakeBack: lambda _, request: Undone(request.what, _visit(request.visit)),
    LookUpVisit: lambda _, request: VisitFound(request.why, _visit(request.visit)),
    Move: lambda _, request: Moved(replace(_visit(request.visit), slot=request.slot), SLOTS[0], keeps_time=True),
    ReleaseHold: lambda _, __: Released(),
}


def in_words(reply: Reply) -> str:
    """A reply as it is read; fails where a key has no words or a placeholder no value."""
    labels = [say(choice.label, "en", CLINIC) for choice in reply.choices]
    return "\n".join([say_all(reply.says, "en", CLINIC), *labels])
