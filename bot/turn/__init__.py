"""Answer one message: the only impure part of the talk. Performs what the dialog asks for, and writes down what comes of it."""

from bot import dialog
from bot import state as states
from bot.events import (
    Chose,
    ChoseNothing,
    Event,
    Facts,
    HandedBack,
    LinkUnknown,
    NumberGiven,
    Received,
    Said,
    StaffAct,
    StaffSaid,
    TookOver,
    Turn,
    WroteInGroup,
)
from bot.exchange import exchange
from bot.messages import Inbound
from bot.state import State
from bot.turn.answering import Answering
from bot.turn.hearing import happened, heard
from bot.turn.owing import outgoing, write
from bot.turn.performing import performer
from core import failpoints
from core.compliance import audit
from core.messaging import handoffs

__all__ = ["Answering", "answer", "outgoing"]


def answer(answering: Answering, inbound: Inbound | None) -> None:
    """Answer the message that `answering.turn` has locked, within its transaction. None is a message of the clock or of staff."""
    turn = answering.turn
    state = states.unpack(turn.state)
    facts = answering.facts
    event = happened(answering) if inbound is None else heard(answering, state, inbound)
    owner, is_silent = _owned(answering, event)
    failpoints.reach("turn.before_dialog")
    said = _beside_staff(state, event) if is_silent else _exchange(answering, state, event, facts)
    failpoints.reach("turn.before_write")
    write(answering, said, owner, inbound, event)
    failpoints.reach("turn.before_commit")


def _exchange(answering: Answering, state: State, event: Event | None, facts: Facts) -> Turn:
    return Turn(state) if event is None else exchange(state, event, facts, performer(answering))


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
