"""What the dialog asks for, done with the booking core; a refusal is an answer too."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

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
    KeepNumber,
    LookUpVisit,
    Move,
    Moved,
    NumberKept,
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
from bot.exchange import Perform
from bot.state import State
from bot.turn.answering import Answering
from core.errors import (
    AlreadyCancelled,
    NoSuchVisit,
    PatientBusy,
    Refusal,
    SlotTaken,
    TooLateToChange,
    VisitChanged,
)
from core.people import consent, identities, patients
from core.scheduling import booking, changing, slots, visits
from core.scheduling.directory import Directory
from core.scheduling.reasons import Why


def performer(answering: Answering) -> Perform:
    """What performs the requests of one exchange."""

    def perform(request: Request, state: State, facts: Facts) -> tuple[Event, Facts]:
        nonlocal answering
        event = _perform(answering, request, state)
        if not isinstance(event, PatientRegistered):
            return event, facts
        answering = replace(answering)  # which looks up anew who is known
        return event, answering.facts

    return perform


def _perform(answering: Answering, request: Request, state: State) -> Event:
    try:
        return _PERFORM[type(request)](answering, request)
    except SlotTaken as refusal:
        assert isinstance(request, HoldSlot | BookSlot | Move)
        why = None if refusal.reason == "just_taken" else Why(refusal.reason, request.slot.practitioner_id)
        return Refused(refusal.code, slots.nearest(answering.desk, state.draft.wanted(), request.slot.start), why=why)
    except Refusal as refusal:
        return Refused(refusal.code, visit=_as_it_stands(answering, request, refusal))


def _as_it_stands(answering: Answering, request: Request, refusal: Refusal) -> visits.Visit | None:
    """The visit that stays as it is; None where another time would help."""
    about_time = isinstance(request, Move) and isinstance(refusal, PatientBusy)
    if (
        about_time
        or isinstance(refusal, NoSuchVisit)
        or not isinstance(request, LookUpVisit | Move | Cancel | TakeBack)
    ):
        return None
    return visits.get(answering.session, request.visit)


def _find_slots(answering: Answering, request: FindSlots) -> Event:
    found = slots.find(answering.desk, request.wanted)
    return SlotsFound(request.wanted, found.slots, found.exact, found.why)


def _hold(answering: Answering, request: HoldSlot) -> Event:
    kept = booking.hold(answering.desk, request.slot, patience=answering.manner.patience)
    zone = answering.directory.location[request.slot.location_id].zone
    return SlotHeld(kept.id, kept.until.astimezone(zone).replace(tzinfo=None))


def _book(answering: Answering, request: BookSlot) -> Event:
    booked = booking.book(answering.desk, request.slot, request.patient)
    if booked.already:
        return Booked(visits.get(answering.session, booked.id), already=True)
    return Booked(visits.Visit(booked.id, request.patient, request.slot, "booked"), already=False)


def _register(answering: Answering, request: RegisterPatient) -> Event:
    session, turn = answering.session, answering.turn
    actor = answering.actor
    address_id = answering.address_id
    assert address_id is not None
    patient = patients.register(
        session,
        answering.vault,
        request.name,
        request.birth_date,
        actor,
        contact=request.contact,
        is_proven=request.is_proven,
    )
    identities.link(session, address_id, patient.id, request.relationship, actor)
    if request.contact is not None and not request.is_proven:  # they were asked for it, and told what for
        consent.record(
            session,
            address_id,
            patient.id,
            "reminders",
            given=True,
            wording="booking.contact",
            inbox_id=turn.message.id,
        )
    return PatientRegistered(patient.id, patient.first_name)


def _keep_number(answering: Answering, request: KeepNumber) -> Event:
    patients.add_number(answering.session, answering.vault, request.patient, request.number, answering.actor)
    return NumberKept()


def _find_visits(answering: Answering, request: FindVisits) -> Event:
    ahead = visits.upcoming_for(answering.session, answering.known_ids, answering.turn.now, answering.actor)
    ahead = tuple(visit for visit in ahead if visit.patient_id in request.patients) or ahead
    meant = tuple(_meant(answering.directory, request, ahead))
    return VisitsFound(request.purpose, meant or ahead, as_described=bool(meant))


def _meant(directory: Directory, request: FindVisits, ahead: tuple[visits.Visit, ...]) -> Iterator[visits.Visit]:
    """The visits that a message describes."""
    for visit in ahead:
        slot = visit.slot
        local = slot.start.astimezone(directory.location[slot.location_id].zone)
        if request.practitioners and slot.practitioner_id not in request.practitioners:
            continue
        if request.patients and visit.patient_id not in request.patients:
            continue
        if request.whens and not any(when.means(local) for when in request.whens):
            continue
        yield visit


def _look_up(answering: Answering, request: LookUpVisit) -> Event:
    if request.why == "move":
        changing.require_changeable(answering.desk, request.visit, answering.known_ids, request.sequence)
    visit = visits.get(answering.session, request.visit)
    if visit.patient_id not in answering.known_ids:
        raise NoSuchVisit
    if visit.status == "cancelled":
        raise AlreadyCancelled
    if visit.status != "booked":
        raise TooLateToChange
    if request.sequence not in (None, visit.sequence):
        raise VisitChanged
    return VisitFound(request.why, visit)


def _move(answering: Answering, request: Move) -> Event:
    moved = changing.move(answering.desk, request.visit, request.slot, answering.known_ids, request.sequence)
    visit = visits.get(answering.session, request.visit)
    return Moved(visit, moved.was, moved.undo_until is not None, moved.already)


def _cancel(answering: Answering, request: Cancel) -> Event:
    cancelled = changing.cancel(answering.desk, request.visit, answering.known_ids, request.sequence)
    return Cancelled(visits.get(answering.session, request.visit), cancelled.undo_until is not None)


def _confirm(answering: Answering, request: Confirm) -> Event:
    confirmed, refused = list[visits.Visit](), list[Refused]()
    for told in sorted(request.visits, key=lambda told: told.visit):
        try:
            changing.confirm(answering.desk, told.visit, answering.known_ids, told.sequence)
            confirmed.append(visits.get(answering.session, told.visit))
        except NoSuchVisit as refusal:
            refused.append(Refused(refusal.code))
        except Refusal as refusal:
            refused.append(Refused(refusal.code, visit=visits.get(answering.session, told.visit)))
    return Confirmed(tuple(confirmed), next(iter(refused), None)) if confirmed else refused[0]


_TAKE_BACK = {
    "booking": changing.undo_booking,
    "moving": changing.undo_move,
    "cancelling": changing.undo_cancel,
}


def _take_back(answering: Answering, request: TakeBack) -> Event:
    _TAKE_BACK[request.what](answering.desk, request.visit, answering.known_ids, request.sequence)
    return Undone(request.what, visits.get(answering.session, request.visit))


def _release(answering: Answering, _request: ReleaseHold) -> Event:
    booking.release(answering.desk)
    return Released()


_PERFORM: dict[type, Callable[[Answering, Any], Event]] = {
    FindSlots: _find_slots,
    HoldSlot: _hold,
    BookSlot: _book,
    FindVisits: _find_visits,
    LookUpVisit: _look_up,
    Move: _move,
    Cancel: _cancel,
    Confirm: _confirm,
    TakeBack: _take_back,
    ReleaseHold: _release,
    RegisterPatient: _register,
    KeepNumber: _keep_number,
}
