"""Answer one message: the only impure file of the talk. Performs what the dialog asks for, and writes down what comes of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from secrets import token_urlsafe
from typing import Any

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
    HandedBack,
    HoldExpired,
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
    Said,
    SlotHeld,
    SlotsFound,
    StaffAct,
    StaffSaid,
    TakeBack,
    TookOver,
    Turn,
    Undone,
    VisitFound,
    VisitsFound,
    unpack_act,
)
from bot.exchange import Perform, exchange
from bot.messages import Inbound, Manner, Payload, Reply, by_digit, pack, unpack_choices
from bot.state import State
from bot.understanding import understand_all
from bot.understanding.meaning import Context
from core import failpoints
from core.compliance import audit
from core.crypto import Vault
from core.database import Session
from core.errors import (
    AlreadyCancelled,
    NoSuchVisit,
    PatientBusy,
    Refusal,
    SlotTaken,
    TooLateToChange,
    VisitChanged,
)
from core.messaging import conversations, handoffs, inbox, outbox
from core.people import consent, identities, patients
from core.scheduling import booking, changing, slots, visits
from core.scheduling.directory import Directory
from core.scheduling.reasons import Why

PROMPT_LIFE = timedelta(hours=1)  # after that a typed digit no longer answers; a tap says for itself what it means


@dataclass(frozen=True)
class Answering:
    """Everything that the answer to one message may touch."""

    session: Session
    vault: Vault
    directory: Directory
    turn: conversations.Turn
    manner: Manner
    address_id: int | None  # where the answer goes

    @property
    def desk(self) -> slots.Asker:
        """On whose behalf time is looked for and taken."""
        turn = self.turn
        return slots.Asker(self.session, self.directory, turn.conversation_id, turn.now, newcomer=not self.known)

    @property
    def actor(self) -> audit.Actor:
        """Who the audit names."""
        return audit.Actor("conversation", self.turn.conversation_id)

    @cached_property
    def known(self) -> tuple[patients.Patient, ...]:
        """The patients this address speaks for, looked up once."""
        if self.address_id is None:
            return ()
        return patients.known_at(self.session, self.vault, self.address_id, self.actor)

    @property
    def known_ids(self) -> list[int]:
        """Whose visits may be seen and changed here."""
        return [patient.id for patient in self.known]

    @property
    def facts(self) -> Facts:
        """What the dialog may know."""
        local = self.turn.now.astimezone(self.directory.zone)
        owner = next((patient.id for patient in self.known if patient.is_owner), None)
        names = tuple((patient.id, patient.first_name) for patient in self.known)
        manner = self.manner
        return Facts(self.directory, local.date(), names, manner.reachable, manner.most_options, owner, manner.is_demo)


def answer(answering: Answering, inbound: Inbound | None) -> None:
    """Answer the message that `answering.turn` has locked, within its transaction. None is a message of the clock or of staff."""
    turn = answering.turn
    state = states.unpack(turn.state)
    facts = answering.facts
    event = _event(answering, state, inbound)
    owner, is_silent = _owned(answering, event)
    failpoints.reach("turn.before_dialog")
    said = _beside_staff(state, event) if is_silent else exchange(state, event, facts, _performer(answering))
    failpoints.reach("turn.before_write")
    _write(answering, said, owner)
    failpoints.reach("turn.before_commit")


# --- staff -----------------------------------------------------------------------------------------------------------


def _owned(answering: Answering, event: Event) -> tuple[int | None, bool]:
    """Who has the conversation after this event, and whether the dialog keeps silent about it."""
    owner = answering.turn.staff_id
    if isinstance(event, Said | Chose | ChoseNothing):
        return owner, owner is not None
    if not isinstance(event, StaffAct):
        return owner, False  # the clock goes on
    me = int(answering.turn.message.account)
    if not _may(event, me, owner):
        return owner, True
    _record(answering, event, me)
    return (None, False) if isinstance(event, HandedBack) else (me, isinstance(event, TookOver) and owner == me)


def _may(act: StaffAct, me: int, owner: int | None) -> bool:
    """Whether what somebody does to a conversation still holds, now that it is locked: a colleague may have been faster."""
    if isinstance(act, HandedBack):
        return owner == me
    return owner in (None, me) or (isinstance(act, TookOver) and act.anyway)


def _record(answering: Answering, act: StaffAct, me: int) -> None:
    """What staff did stands in the audit under their own name; handing back ends what they were called for."""
    session, turn = answering.session, answering.turn
    actor = audit.Actor("staff", me)
    audit.record(session, actor, _AUDITED[type(act)], "conversations", turn.conversation_id)
    if isinstance(act, HandedBack):
        handoffs.close(session, turn.conversation_id, actor, turn.now)


_AUDITED: dict[type, str] = {
    TookOver: "conversation.taken_over",
    StaffSaid: "conversation.answered",
    HandedBack: "conversation.handed_back",
}


def _beside_staff(state: State, event: Event) -> Turn:
    """Staff have taken over and answer themselves; only the emergency text is sent all the same."""
    if isinstance(event, Said) and event.meaning.emergency:
        return Turn(state, (dialog.EMERGENCY,), None, ("emergency",))
    return Turn(state)


# --- what happened ---------------------------------------------------------------------------------------------------


def _event(answering: Answering, state: State, inbound: Inbound | None) -> Event:
    turn = answering.turn
    if inbound is None:
        is_staff = turn.message.channel == inbox.STAFF
        return unpack_act(turn.body) if is_staff else _from_clock(turn.message.external_id)
    if inbound.token is not None:
        return _tapped(answering, inbound.token, inbound.number or 0)
    choices = () if turn.choices is None else unpack_choices(turn.choices)
    directory = answering.directory
    context = Context(
        reference=turn.now.astimezone(directory.zone).replace(tzinfo=None),
        directory=directory,
        language=state.language,
        asked=states.ASKED.get(state.step or ""),
        asked_whom=state.step == "booking.whom",
        patients=tuple((patient.id, patient.known_as) for patient in answering.known),
        opens=directory.opens,
        closes=directory.closes,
        region=directory.organization.region,
    )
    meaning, *besides = understand_all(inbound.text, context)
    return Said(meaning, choices, tuple(besides))


def _from_clock(what: str) -> Event:
    """`hold_expired:17`, as `inbox.tell_time` was given it."""
    kind, _, id = what.partition(":")
    assert kind == "hold_expired", kind
    return HoldExpired(int(id))


def _tapped(answering: Answering, token: str, number: int) -> Event:
    """A button means what its prompt says, however old; one of another conversation means nothing here."""
    turn = answering.turn
    sealed = outbox.prompt(answering.session, turn.conversation_id, token)
    if sealed is None:
        return ChoseNothing()
    choice = by_digit(unpack_choices(turn.opened("prompts.choices", sealed))).get(number)
    return ChoseNothing() if choice is None else Chose(choice.action)


# --- what the dialog asks for ----------------------------------------------------------------------------------------


def _performer(answering: Answering) -> Perform:
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
    TakeBack: _take_back,
    ReleaseHold: _release,
    RegisterPatient: _register,
}


# --- what is owed ----------------------------------------------------------------------------------------------------


def _write(answering: Answering, said: Turn, owner: int | None) -> None:
    """Replies, state, and the message done."""
    session, turn, state = answering.session, answering.turn, said.state
    for reason in dict.fromkeys(said.handoffs):
        handoffs.hand_over(session, turn.conversation_id, reason, turn.now)
    replies = () if answering.address_id is None else _joined(said.replies)
    owed = [outgoing(turn, seq, reply, state.language) for seq, reply in enumerate(replies, turn.seq + 1)]
    conversations.finish(session, turn, states.pack(state), owner, answering.address_id, owed)


def outgoing(turn: conversations.Turn, seq: int, reply: Reply, language: str) -> outbox.Message:
    """A reply as it goes into the outbox, with a prompt where there is something to choose."""
    if not reply.choices:
        return outbox.Message(seq, turn.sealed("outbox.payload", pack(Payload(reply, language))))
    token = token_urlsafe(9)
    return outbox.Message(
        seq,
        turn.sealed("outbox.payload", pack(Payload(reply, language, token))),
        token,
        turn.sealed("prompts.choices", pack(reply.choices)),
        turn.now + PROMPT_LIFE,
    )


def _joined(replies: Sequence[Reply]) -> Iterator[Reply]:
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
