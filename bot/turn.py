"""Answer one message: the only impure file of the talk. Performs what the dialog asks for, until it asks no more."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any

from sqlalchemy.orm import Session

from bot import dialog
from bot import state as states
from bot.events import (
    Booked,
    BookSlot,
    Cancel,
    Cancelled,
    Chose,
    ChoseNothing,
    Event,
    Facts,
    FindSlots,
    FindVisits,
    HoldExpired,
    HoldSlot,
    PatientRegistered,
    Refused,
    RegisterPatient,
    Released,
    ReleaseHold,
    Request,
    Said,
    SlotHeld,
    SlotsFound,
    TakeBack,
    Turn,
    Undone,
    VisitsFound,
)
from bot.messages import Inbound, Manner, Payload, Reply, by_digit, pack, unpack_choices
from bot.state import State
from bot.understanding import understand
from bot.understanding.meaning import Context
from core import failpoints
from core.compliance import audit
from core.crypto import Vault
from core.database import pipelined
from core.errors import Refusal, SlotTaken
from core.messaging import conversations, handoffs, inbox, outbox
from core.people import consent, identities, patients
from core.scheduling import booking, slots, visits
from core.scheduling.directory import Directory

MOST_REQUESTS = 8  # a dialog that asks for more is caught in a circle
PROMPT_LIFE = timedelta(hours=1)  # after that a typed digit no longer answers; a tap says for itself what it means


class Circle(RuntimeError):
    """A dialog that never comes to rest."""


@dataclass(frozen=True)
class Answering:
    """Everything that the answer to one message may touch."""

    session: Session
    vault: Vault
    directory: Directory
    turn: conversations.Turn
    manner: Manner

    @property
    def desk(self) -> slots.Asker:
        """On whose behalf time is looked for and taken."""
        return slots.Asker(self.session, self.directory, self.turn.conversation_id, self.turn.now)

    @property
    def known(self) -> tuple[patients.Patient, ...]:
        """The patients this address speaks for, as of now."""
        address_id = self.turn.message.address_id
        return () if address_id is None else patients.known_at(self.session, self.vault, address_id)

    @property
    def facts(self) -> Facts:
        """What the dialog may know."""
        local = self.turn.now.astimezone(self.directory.zone)
        known = self.known
        owner = next((patient.id for patient in known if patient.is_owner), None)
        names = tuple((patient.id, patient.first_name) for patient in known)
        return Facts(self.directory, local.date(), names, self.manner.reachable, self.manner.most_options, owner)


def answer(answering: Answering, inbound: Inbound | None) -> None:
    """Answer the message that `answering.turn` has locked, within its transaction. None is a message of the clock."""
    turn = answering.turn
    state = states.unpack(turn.state)
    facts = answering.facts
    event = _event(answering, state, inbound, facts)
    failpoints.reach("turn.before_dialog")
    if turn.staff_id is None:
        state, replies, reasons = _converse(answering, state, event, facts)
    else:
        replies, reasons = _beside_staff(event)
    failpoints.reach("turn.before_write")
    _write(answering, facts, state, replies, reasons)
    failpoints.reach("turn.before_commit")


def _converse(answering: Answering, state: State, event: Event, facts: Facts) -> tuple[State, list[Reply], list[str]]:
    replies: list[Reply] = []
    reasons: list[str] = []
    for _ in range(MOST_REQUESTS):
        step: Turn = dialog.advance(state, event, facts)
        state = step.state
        replies += step.replies
        reasons += step.handoffs
        if step.request is None:
            return state, replies, reasons
        if isinstance(step.request, RegisterPatient):
            event = _register(answering, step.request)
            facts = answering.facts
        else:
            event = _perform(answering, step.request, state)
    raise Circle


def _beside_staff(event: Event) -> tuple[list[Reply], list[str]]:
    """Staff have taken over and answer themselves; only the emergency text is sent all the same."""
    if isinstance(event, Said) and event.meaning.emergency:
        return [dialog.EMERGENCY], ["emergency"]
    return [], []


# --- what happened ---------------------------------------------------------------------------------------------------


def _event(answering: Answering, state: State, inbound: Inbound | None, facts: Facts) -> Event:
    turn = answering.turn
    if inbound is None:
        return _from_clock(turn.message.external_id)
    if inbound.token is not None:
        return _tapped(answering, inbound.token, inbound.number or 0)
    address_id = turn.message.address_id
    assert address_id is not None
    prompt = outbox.newest_prompt(
        answering.session, turn.conversation_id, address_id, turn.message.received_at, turn.now
    )
    choices = unpack_choices(turn.opened("prompts.choices", prompt.choices)) if prompt else ()
    directory = answering.directory
    context = Context(
        reference=turn.now.astimezone(directory.zone).replace(tzinfo=None),
        directory=directory,
        language=state.language,
        asked=states.ASKED.get(state.step or ""),
        patients=facts.patients,
        opens=directory.opens,
        closes=directory.closes,
        region=directory.organization.region,
    )
    return Said(understand(inbound.text, context), choices)


def _from_clock(what: str) -> Event:
    """`hold_expired:17`, as `inbox.tell_time` was given it."""
    kind, _, id = what.partition(":")
    assert kind == "hold_expired", kind
    return HoldExpired(int(id))


def _tapped(answering: Answering, token: str, number: int) -> Event:
    """A button means what its prompt says, however old; one of another conversation means nothing here."""
    turn = answering.turn
    prompt = outbox.prompt(answering.session, turn.conversation_id, token)
    if prompt is None:
        return ChoseNothing()
    choice = by_digit(unpack_choices(turn.opened("prompts.choices", prompt.choices))).get(number)
    return ChoseNothing() if choice is None else Chose(choice.action)


# --- what the dialog asks for ----------------------------------------------------------------------------------------


def _perform(answering: Answering, request: Request, state: State) -> Event:
    try:
        return _PERFORM[type(request)](answering, request)
    except SlotTaken as refusal:
        assert isinstance(request, HoldSlot | BookSlot)
        return Refused(refusal.code, slots.nearest(answering.desk, state.draft.wanted(), request.slot.start))
    except Refusal as refusal:
        visit = request.visit if isinstance(request, Cancel | TakeBack) else None
        return Refused(refusal.code, visit=visit)


def _find_slots(answering: Answering, request: FindSlots) -> Event:
    found = slots.find(answering.desk, request.wanted)
    return SlotsFound(request.wanted, found.slots, found.exact)


def _hold(answering: Answering, request: HoldSlot) -> Event:
    kept = booking.hold(answering.desk, request.slot, answering.manner.hold)
    zone = answering.directory.location[request.slot.location_id].zone
    return SlotHeld(kept.id, kept.until.astimezone(zone).replace(tzinfo=None))


def _book(answering: Answering, request: BookSlot) -> Event:
    booked = booking.book(answering.desk, request.slot, request.patient)
    return Booked(visits.get(answering.session, booked.id), booked.already)


def _register(answering: Answering, request: RegisterPatient) -> Event:
    session, turn = answering.session, answering.turn
    actor = answering.desk.actor
    address_id = turn.message.address_id
    assert address_id is not None
    patient = patients.register(
        session, answering.vault, request.name, request.birth_date, actor, contact=request.contact
    )
    identities.link(session, address_id, patient.id, request.relationship, actor)
    if request.contact is not None:
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


def _find_visits(answering: Answering, request: FindVisits) -> Event:
    ahead = visits.upcoming_for(
        answering.session, (patient.id for patient in answering.known), answering.turn.now, answering.desk.actor
    )
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


def _cancel(answering: Answering, request: Cancel) -> Event:
    cancelled = booking.cancel(answering.desk, request.visit, [patient.id for patient in answering.known])
    return Cancelled(visits.get(answering.session, request.visit), cancelled.undo_until is not None)


def _take_back(answering: Answering, request: TakeBack) -> Event:
    take_back = booking.undo_booking if request.what == "booking" else booking.undo_cancel
    take_back(answering.desk, request.visit, [patient.id for patient in answering.known])
    return Undone(request.what, visits.get(answering.session, request.visit))


def _release(answering: Answering, _request: ReleaseHold) -> Event:
    booking.release(answering.desk)
    return Released()


_PERFORM: dict[type, Callable[[Answering, Any], Event]] = {
    FindSlots: _find_slots,
    HoldSlot: _hold,
    BookSlot: _book,
    FindVisits: _find_visits,
    Cancel: _cancel,
    TakeBack: _take_back,
    ReleaseHold: _release,
}


# --- what is owed ----------------------------------------------------------------------------------------------------


def _write(answering: Answering, facts: Facts, state: State, replies: list[Reply], reasons: list[str]) -> None:
    """Replies, state, who was looked at, and the message done: one pipeline."""
    session, turn = answering.session, answering.turn
    address_id = turn.message.address_id
    seq = turn.last_seq + 1
    with pipelined(session):
        inbox.settle(session, turn.message.id, seq)
        for patient_id, _ in facts.patients:
            audit.record(session, answering.desk.actor, "patient.read", "patients", patient_id)
        for reason in dict.fromkeys(reasons):
            handoffs.hand_over(session, turn.conversation_id, reason, turn.now)
        if address_id is not None:
            for reply in _joined(replies):
                seq += 1
                owe(session, turn, address_id, seq, reply, state.language)
        conversations.finish(session, turn, states.pack(state), seq)


def owe(session: Session, turn: conversations.Turn, address_id: int, seq: int, reply: Reply, language: str) -> None:
    """Put a reply into the outbox, with a prompt where there is something to choose."""
    if not reply.choices:
        payload = turn.sealed("outbox.payload", pack(Payload(reply, language)))
        outbox.owe(session, turn.conversation_id, address_id, seq, payload)
        return
    token = token_urlsafe(9)
    outbox.ask(
        session,
        turn.conversation_id,
        address_id,
        seq,
        turn.sealed("outbox.payload", pack(Payload(reply, language, token))),
        token=token,
        choices=turn.sealed("prompts.choices", pack(reply.choices)),
        expires_at=turn.now + PROMPT_LIFE,
    )


def _joined(replies: list[Reply]) -> Iterator[Reply]:
    """One message a turn: sentences run on until there is something to choose. The emergency text stands alone, and first."""
    urgent = [reply for reply in replies if reply.says[0].key == "emergency"]
    yield from urgent
    rest = [reply for reply in replies if reply not in urgent]
    if rest:
        yield Reply(
            tuple(said for reply in rest for said in reply.says),
            next((reply.choices for reply in reversed(rest) if reply.choices), ()),
            tuple(happened for reply in rest for happened in reply.happened),
        )
