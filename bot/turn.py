"""Answer one message: the only impure file of the talk. Performs what the dialog asks for, and writes down what comes of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from secrets import token_urlsafe
from typing import Any, Literal

from msgspec import structs

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
    KeepNumber,
    LinkUnknown,
    LookUpVisit,
    Move,
    Moved,
    NumberGiven,
    NumberKept,
    PatientRegistered,
    Received,
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
    WroteInGroup,
    unpack_act,
)
from bot.exchange import Perform, exchange
from bot.messages import (
    CancelVisit,
    Choice,
    Inbound,
    InGroup,
    Manner,
    MoreTimes,
    MoveVisit,
    Nothing,
    OptIn,
    OptOut,
    Other,
    OwnNumber,
    Payload,
    Presence,
    Reply,
    Tap,
    Undo,
    Upload,
    Words,
    by_digit,
    pack,
    unpack_choices,
)
from bot.state import State
from bot.understanding import understand_all
from bot.understanding.identity import international
from bot.understanding.intents import COMMANDS
from bot.understanding.meaning import Context, Intent
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
from core.messaging import attachments, conversations, handoffs, inbox, outbox, reachability
from core.people import consent, identities, patients
from core.scheduling import booking, changing, slots, visits
from core.scheduling.directory import Directory
from core.scheduling.reasons import Why

SOON = timedelta(days=14)  # a visit that somebody may well have in mind
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
        return Facts(
            self.directory,
            local.date(),
            names,
            manner.reachable,
            manner.most_options,
            owner,
            manner.is_demo,
            manner.texts_to,
        )


def answer(answering: Answering, inbound: Inbound | None) -> None:
    """Answer the message that `answering.turn` has locked, within its transaction. None is a message of the clock or of staff."""
    turn = answering.turn
    state = states.unpack(turn.state)
    facts = answering.facts
    event = _happened(answering) if inbound is None else _heard(answering, state, inbound)
    owner, is_silent = _owned(answering, event)
    failpoints.reach("turn.before_dialog")
    said = _beside_staff(state, event) if is_silent else _exchange(answering, state, event, facts)
    failpoints.reach("turn.before_write")
    _write(answering, said, owner, inbound, event)
    failpoints.reach("turn.before_commit")


def _exchange(answering: Answering, state: State, event: Event | None, facts: Facts) -> Turn:
    return Turn(state) if event is None else exchange(state, event, facts, _performer(answering))


# --- staff -----------------------------------------------------------------------------------------------------------


_OF_THE_PATIENT = Said | Chose | ChoseNothing | Received | NumberGiven | LinkUnknown | WroteInGroup


def _owned(answering: Answering, event: Event | None) -> tuple[int | None, bool]:
    """Who has the conversation after this event, and whether the dialog keeps silent about it."""
    owner = answering.turn.staff_id
    if isinstance(event, _OF_THE_PATIENT):
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


def _beside_staff(state: State, event: Event | None) -> Turn:
    """Staff have taken over and answer themselves; only the emergency text is sent all the same."""
    heard = event.said if isinstance(event, Received) else event
    if isinstance(heard, Said) and heard.meaning.emergency:
        return Turn(state, (dialog.EMERGENCY,), None, ("emergency",))
    return Turn(state)


# --- what happened ---------------------------------------------------------------------------------------------------


def _happened(answering: Answering) -> Event:
    """What the clock or staff did."""
    turn = answering.turn
    is_staff = turn.message.channel == inbox.STAFF
    return unpack_act(turn.body) if is_staff else _from_clock(turn.message.external_id)


def _from_clock(what: str) -> Event:
    """`hold_expired:17`, as `inbox.tell_time` was given it."""
    kind, _, id = what.partition(":")
    assert kind == "hold_expired", kind
    return HoldExpired(int(id))


def _heard(answering: Answering, state: State, inbound: Inbound) -> Event | None:
    """What a message is to the dialog. Whoever writes can be reached again, unless they have said that they want nothing more."""
    unreachable, address = answering.turn.unreachable, answering.turn.message.address
    if unreachable is None or isinstance(inbound, _ABOUT_REACHING | Nothing):
        return _HEAR[type(inbound)](answering, state, inbound)
    if unreachable == reachability.OPTED_OUT:
        handoffs.hand_over(answering.session, answering.turn.conversation_id, "opted_out", answering.turn.now)
        return None
    assert address is not None
    reachability.found(answering.session, address.id, answering.actor)
    return _HEAR[type(inbound)](answering, state, inbound)


_ABOUT_REACHING = Presence | OptOut | OptIn


def _said(answering: Answering, state: State, words: Words) -> Event:
    if words.reference is not None:
        return LinkUnknown()
    command = COMMANDS.get(words.command or "")
    if command is None:
        said = _understood(answering, state, f"{words.command or ''} {words.text}".strip())
    else:
        said = _understood(answering, state, words.text, command)
    choices, crossed = map(_choices, (answering.turn.choices, answering.turn.crossed))
    return structs.replace(said, choices=choices, crossed=crossed)


def _choices(packed: bytes | None) -> tuple[Choice, ...]:
    return () if packed is None else unpack_choices(packed)


def _understood(answering: Answering, state: State, text: str, *commanded: Intent) -> Said:
    turn, directory = answering.turn, answering.directory
    context = Context(
        reference=turn.now.astimezone(directory.zone).replace(tzinfo=None),
        directory=directory,
        language=state.language,
        asked=None if commanded else states.ASKED.get(state.step or ""),
        asked_whom=state.step == "booking.whom",
        patients=tuple((patient.id, patient.known_as) for patient in answering.known),
        opens=directory.opens,
        closes=directory.closes,
        region=directory.organization.region,
    )
    meaning, *besides = understand_all(text, context)
    return Said(structs.replace(meaning, intents=(*commanded, *meaning.intents)), besides=tuple(besides))


def _tapped(answering: Answering, _state: State, tap: Tap) -> Event:
    """A button means what its prompt says, however old; one of another conversation means nothing here."""
    turn = answering.turn
    sealed = outbox.prompt(answering.session, turn.conversation_id, tap.token)
    if sealed is None:
        return ChoseNothing()
    choice = by_digit(unpack_choices(turn.opened("prompts.choices", sealed))).get(tap.number)
    return ChoseNothing() if choice is None else Chose(choice.action)


def _uploaded(answering: Answering, state: State, upload: Upload) -> Event | None:
    """Files are fetched later; words beside them are heard now. Of an album only the first file is answered."""
    said = _caption(answering, state, upload.caption)
    files = [upload, *upload.others]
    taken = [each for each in files if _flaw(each) is None]
    for each in taken:
        _want(answering, each)
    if not taken:
        return Received(_flaw(upload) or "strange_type", attachments.LARGEST // 1024**2, said)
    if upload.album is not None and upload.album == state.album and said is None:
        return None
    return Received(taken[0].kind, said=said, album=upload.album)


def _caption(answering: Answering, state: State, caption: str) -> Said | None:
    return _understood(answering, state, caption) if caption else None


def _flaw(upload: Upload) -> Literal["strange_type", "too_large"] | None:
    if upload.media_type not in attachments.TYPES:
        return "strange_type"
    return "too_large" if (upload.size or 0) > attachments.LARGEST else None


def _want(answering: Answering, upload: Upload) -> None:
    turn = answering.turn
    place = turn.message.channel, turn.message.account
    reference = turn.sealed("attachments.reference", upload.reference.encode())
    kind, media_type = upload.kind, upload.media_type
    attachments.want(answering.session, turn.conversation_id, turn.message.id, place, kind, media_type, reference)


def _other(answering: Answering, state: State, other: Other) -> Event:
    return Received(other.what, said=_caption(answering, state, other.caption))


def _own_number(_answering: Answering, _state: State, given: OwnNumber) -> Event:
    number = international(given.number)
    return Received("strange_contact") if number is None else NumberGiven(number)


def _presence(answering: Answering, _state: State, presence: Presence) -> None:
    """They have blocked us, or let us write again: nothing to say, as they would not get it or have not asked."""
    address = answering.turn.message.address
    assert address is not None
    if presence.reachable:
        reachability.found(answering.session, address.id, answering.actor)
    else:
        reachability.lost(answering.session, address.id, "blocked", answering.actor, answering.turn.now)


def _opted_out(answering: Answering, _state: State, out: OptOut) -> None:
    """Written down, and obeyed at once; their vendor has told them so. Staff see it, as CANCEL may have meant a visit."""
    session, turn = answering.session, answering.turn
    _consent(answering, out.wording, given=False)
    assert answering.address_id is not None
    reachability.opt_out(session, answering.address_id, answering.actor)
    meant_visit = out.is_cancel and _has_visit_soon(answering)
    handoffs.hand_over(session, turn.conversation_id, "cancel_or_stop" if meant_visit else "opted_out", turn.now)


def _has_visit_soon(answering: Answering) -> bool:
    ahead = visits.upcoming_for(answering.session, answering.known_ids, answering.turn.now, answering.actor)
    return any(visit.slot.start - answering.turn.now < SOON for visit in ahead)


def _opted_in(answering: Answering, state: State, into: OptIn) -> Event | None:
    """They are told so by their vendor. A word that means it only from those who had left is an answer from everybody else."""
    if into.otherwise is not None and answering.turn.unreachable != reachability.OPTED_OUT:
        return _said(answering, state, Words(into.otherwise))
    _consent(answering, into.wording, given=True)
    assert answering.address_id is not None
    reachability.found(answering.session, answering.address_id, answering.actor)
    return None


def _consent(answering: Answering, wording: str, *, given: bool) -> None:
    assert answering.address_id is not None
    consent.record(
        answering.session,
        answering.address_id,
        None,
        "messages",
        given=given,
        wording=wording,
        inbox_id=answering.turn.message.id,
    )


_HEAR: dict[type, Callable[[Answering, State, Any], Event | None]] = {
    Words: _said,
    Tap: _tapped,
    Upload: _uploaded,
    OwnNumber: _own_number,
    Other: _other,
    InGroup: lambda _answering, _state, group: WroteInGroup() if group.addressed else None,
    Presence: _presence,
    OptOut: _opted_out,
    OptIn: _opted_in,
    Nothing: lambda _answering, _state, _nothing: None,
}
"""What each kind of message is to the dialog; None where it has nothing to say to it."""


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
    KeepNumber: _keep_number,
}


# --- what is owed ----------------------------------------------------------------------------------------------------


def _write(answering: Answering, said: Turn, owner: int | None, inbound: Inbound | None, event: Event | None) -> None:
    """Replies, state, and the message done. Every tap is acknowledged, also where there is nothing to say to it."""
    session, turn, state = answering.session, answering.turn, said.state
    for reason in dict.fromkeys(said.handoffs):
        handoffs.hand_over(session, turn.conversation_id, reason, turn.now)
    receipt = inbound.receipt if isinstance(inbound, Tap | InGroup) else None
    replies = [] if answering.address_id is None else list(_joined(said.replies))
    if receipt is not None and not replies:
        replies = [Reply(())]
    is_page = isinstance(event, Chose) and isinstance(event.action, MoreTimes)
    payloads = [Payload(reply, state.language, in_place=is_page and bool(reply.choices)) for reply in replies]
    if payloads:
        payloads[0] = structs.replace(payloads[0], receipt=receipt)
    owed = [outgoing(turn, seq, payload) for seq, payload in enumerate(payloads, turn.seq + 1)]
    conversations.finish(session, turn, states.pack(state), owner, answering.address_id, owed)


def outgoing(turn: conversations.Turn, seq: int, payload: Payload) -> outbox.Message:
    """A reply as it goes into the outbox, with a prompt where there is something to choose."""
    reply = payload.reply
    is_vital = any(happened.event in VITAL for happened in reply.happened)
    if not reply.choices:
        return outbox.Message(seq, turn.sealed("outbox.payload", pack(payload)), is_vital=is_vital)
    token = token_urlsafe(9)
    return outbox.Message(
        seq,
        turn.sealed("outbox.payload", pack(structs.replace(payload, token=token))),
        token,
        turn.sealed("prompts.choices", pack(reply.choices)),
        turn.now + PROMPT_LIFE,
        lasts=all(isinstance(choice.action, Undo | MoveVisit | CancelVisit) for choice in reply.choices),
        is_vital=is_vital,
    )


VITAL = frozenset({"booked", "moved", "moved_back", "cancelled", "restored", "unbooked"})
"""What a patient must hear of, twice rather than not at all."""


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
            all(reply.passing for reply in rest),
            any(reply.asks_number for reply in rest),
        )
