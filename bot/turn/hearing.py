"""What a message is to the dialog: of a patient, of the clock, of staff. Files are noted down here, and who can be reached."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

from msgspec import structs

from bot import state as states
from bot.events import (
    Chose,
    ChoseNothing,
    Event,
    HoldExpired,
    LinkUnknown,
    NumberGiven,
    Received,
    Said,
    WroteInGroup,
    unpack_act,
)
from bot.messages import (
    Choice,
    Inbound,
    InGroup,
    Nothing,
    OptIn,
    OptOut,
    Other,
    OwnNumber,
    Presence,
    Tap,
    Upload,
    Words,
    by_digit,
    unpack_choices,
)
from bot.state import State
from bot.turn.answering import Answering
from bot.understanding import understand_all
from bot.understanding.identity import international
from bot.understanding.intents import COMMANDS
from bot.understanding.meaning import Context, Intent
from core.messaging import attachments, handoffs, inbox, outbox, reachability
from core.people import consent
from core.scheduling import visits

SOON = timedelta(days=14)  # a visit that somebody may well have in mind


def happened(answering: Answering) -> Event:
    """What the clock or staff did."""
    turn = answering.turn
    is_staff = turn.message.channel == inbox.STAFF
    return unpack_act(turn.body) if is_staff else _from_clock(turn.message.external_id)


def _from_clock(what: str) -> Event:
    """`hold_expired:17`, as `inbox.tell_time` was given it."""
    kind, _, id = what.partition(":")
    assert kind == "hold_expired", kind
    return HoldExpired(int(id))


def heard(answering: Answering, state: State, inbound: Inbound) -> Event | None:
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
