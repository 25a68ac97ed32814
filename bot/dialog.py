"""The talk as a machine: `advance(state, event, facts)` says what comes next. No clock, database, network or chance inside.

Order in which words are heard: emergency, the choices of the open prompt, global words, the open question, facts for a booking,
and last a misunderstanding, which ends with a person.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from bot.events import (
    Booked,
    Cancelled,
    Chose,
    ChoseNothing,
    Event,
    Facts,
    HoldExpired,
    PatientRegistered,
    Refused,
    Released,
    ReleaseHold,
    Said,
    SlotHeld,
    SlotsFound,
    Turn,
    Undone,
    VisitsFound,
)
from bot.flows import booking, changing
from bot.flows.wording import PERSON, first, moment, reply
from bot.messages import (
    Action,
    CallPerson,
    CancelVisit,
    Choice,
    ForPatient,
    Happened,
    Mean,
    MoreTimes,
    OtherDay,
    Pick,
    Reply,
    Say,
    Undo,
    Want,
    by_digit,
)
from bot.state import Draft, State
from bot.understanding.meaning import Meaning
from core.scheduling.wishes import When

TRAIL = 6  # how many steps "back" remembers
PATIENCE = 3  # misunderstandings before a person is called

_BOOKING_REFUSALS = {"slot_taken", "patient_busy", "too_many_visits"}
_IDENTITY = {"booking.name", "booking.birth_date", "booking.contact"}  # where nearly any words may be the answer


EMERGENCY = Reply((Say("emergency"),))
"""Said first, in every state, whoever owns the conversation."""


def advance(state: State, event: Event, facts: Facts) -> Turn:
    """What a conversation does next: a new state, what to say, and at most one request whose answer is the next event."""
    turn = _HANDLERS[type(event)](state, event, facts)
    if isinstance(event, Said | Chose):
        return replace_state(turn, _with_trail(state, turn.state))
    return turn


def replace_state(turn: Turn, state: State) -> Turn:
    """The same turn with another state."""
    return Turn(state, turn.replies, turn.request, turn.handoffs)


def _with_trail(before: State, after: State) -> State:
    """Remember the draft as it was, so that "back" can return to it."""
    if after.draft in (before.draft, Draft()) or after.trail != before.trail:
        return after
    return replace(after, trail=(*before.trail, before.draft)[-TRAIL:])


# --- words -----------------------------------------------------------------------------------------------------------


def _said(state: State, said: Said, facts: Facts) -> Turn:
    turn = _heard(replace(state, greeted=True), said, facts)
    if not state.greeted and state.step is None and not said.meaning.emergency and turn.request is None:
        turn = _greeted(turn)
    if said.meaning.emergency:
        return Turn(turn.state, (EMERGENCY, *turn.replies), turn.request, (*turn.handoffs, "emergency"))
    return turn


def _greeted(turn: Turn) -> Turn:
    """The clinic introduces itself once, in front of its first answer."""
    if any(said.key == "hello" for said_reply in turn.replies for said in said_reply.says):
        return turn
    return first([reply("hello")], turn)


def _heard(state: State, said: Said, facts: Facts) -> Turn:
    meaning = said.meaning
    chosen = _chosen(state, said, facts)
    if chosen is not None:
        return _chose(state, Chose(chosen.action), facts)
    for intent in meaning.intents:
        if intent in _GLOBAL:
            return _understood(_GLOBAL[intent](state, said, facts))
    if meaning.impossible_date or meaning.past_date or meaning.unknown_practitioner:
        return _cannot_be(booking.take_in(state, meaning, facts), meaning, facts)
    answered = booking.hear(state, said, facts)
    if answered is not None:
        return _understood(answered)
    if booking.tells(meaning):
        return _understood(booking.go_on(_without_changing(booking.take_in(state, meaning, facts)), facts))
    if meaning.answer == "no" and state.step == "booking.time":
        return _understood(booking.other_day(state))
    for intent in meaning.intents:
        if intent in _COURTESIES:
            return _understood(_COURTESIES[intent](state, facts))
    if meaning.emergency:
        return _resume(state, facts)
    return _not_understood(state, facts)


def _understood(turn: Turn) -> Turn:
    return replace_state(turn, replace(turn.state, misses=0))


def _without_changing(state: State) -> State:
    return replace(state, stack=tuple(step for step in state.stack if step != "changing.which"))


# --- answering what is on offer --------------------------------------------------------------------------------------


def _chosen(state: State, said: Said, facts: Facts) -> Choice | None:
    """The choice of the open prompt that these words mean, if they mean exactly one."""
    meaning, choices = said.meaning, said.choices
    options = [choice for choice in choices if choice.kind == "option"]
    if meaning.number is not None:
        return by_digit(choices).get(meaning.number)
    if state.step in _IDENTITY:
        return None
    if meaning.ordinal is not None and 1 <= abs(meaning.ordinal) <= len(options):
        return options[meaning.ordinal if meaning.ordinal < 0 else meaning.ordinal - 1]
    if "more" in meaning.intents:
        return _only(choice for choice in choices if isinstance(choice.action, MoreTimes))
    if meaning.answer == "yes" and not booking.tells(meaning):
        return _only(choice for choice in options if isinstance(choice.action, Pick | Mean))
    named = [choice for choice in options if _names(choice.action, meaning, facts)]
    return _only(named)


def _only(choices: Iterable[Choice]) -> Choice | None:
    found = list(choices)
    return found[0] if len(found) == 1 else None


def _names(action: Action, meaning: Meaning, facts: Facts) -> bool:
    """Whether a message names what this choice stands for: its time, its person, its visit."""
    match action:
        case Pick(slot, _) if not _says_who(meaning):
            local = moment(slot, facts).local
            readings = meaning.readings if meaning.when is None else (meaning.when,)
            return any(_points_at(local, reading) for reading in readings)
        case CancelVisit():
            return False
        case ForPatient(patient):
            return meaning.patients == (patient,) or (patient is None and meaning.someone_else and not meaning.patients)
        case Want(practitioner, specialty, _):
            return (practitioner is not None and meaning.practitioners == (practitioner,)) or (
                specialty is not None
                and meaning.specialties == (specialty,)
                and not booking.tells(_only_specialty(meaning))
            )
        case Mean(readings):
            return meaning.when is not None and all(booking.agrees(meaning.when, reading) for reading in readings)
    return False


def _points_at(local: datetime, when: When) -> bool:
    """Whether a wish names this very time, or at least its day."""
    says_which = when.at is not None or bool(when.days or when.weekdays)
    return says_which and when.fits(local) and when.at in (None, local.time())


def _says_who(meaning: Meaning) -> bool:
    return bool(
        meaning.practitioners or meaning.specialties or meaning.visit_types or meaning.patients or meaning.someone_else
    )


def _only_specialty(meaning: Meaning) -> Meaning:
    """What a message says beside a specialty: more than that is not just an answer."""
    return replace(meaning, specialties=())


def _chose(state: State, chose: Chose, facts: Facts) -> Turn:
    action = chose.action
    return _understood(_ACTIONS[type(action)](replace(state, greeted=True), action, facts))


def _chose_nothing(state: State, _event: Event, facts: Facts) -> Turn:
    return first([reply("choice_unknown")], _resume(state, facts))


def _chose_patient(state: State, action: ForPatient, facts: Facts) -> Turn:
    if not state.draft.says_what:
        return first([reply("choice_settled")], _resume(state, facts))
    return booking.for_whom(state, action.patient, facts)


def _chose_reading(state: State, action: Mean, facts: Facts) -> Turn:
    if not state.draft.readings:
        return first([reply("choice_settled")], _resume(state, facts))
    return booking.mean(state, action, facts)


def _chose_other_day(state: State, _action: OtherDay, facts: Facts) -> Turn:
    return booking.other_day(state) if state.draft.says_what else _resume_or_ask(state, facts)


# --- words that mean the same everywhere -----------------------------------------------------------------------------


def _resume(state: State, facts: Facts) -> Turn:
    """After a digression: the open question again, once. At rest there is none."""
    if state.step is None:
        return Turn(state)
    if state.step == "changing.which":
        return changing.start_cancelling(state, Meaning())
    return booking.RESUME[state.step](state, facts)


def _resume_or_ask(state: State, facts: Facts) -> Turn:
    return _resume(state, facts) if state.step else booking.go_on(state, facts)


def _digress(key: str) -> Callable[[State, Said, Facts], Turn]:
    def digression(state: State, _said: Said, facts: Facts) -> Turn:
        return first([reply(key)], _resume(state, facts))

    return digression


def _call_person(state: State, facts: Facts, reason: str = "asked", key: str = "person") -> Turn:
    said = reply(key, {}, (), [Happened("handed_over", {"reason": reason})])
    turn = first([said], _resume(state, facts))
    return Turn(replace(turn.state, misses=0), turn.replies, turn.request, (reason,))


def _person(state: State, _said: Said, facts: Facts) -> Turn:
    return _call_person(state, facts)


def _visits(state: State, said: Said, _facts: Facts) -> Turn:
    return changing.show(state)


def _cancel(state: State, said: Said, _facts: Facts) -> Turn:
    """ "Cancel" in the middle of a booking stops that; otherwise it means a visit."""
    if state.draft != Draft() and "cancel_visit" not in said.meaning.intents:
        stopped = replace(state, stack=(), draft=Draft(), trail=())
        return Turn(stopped, (reply("stopped"),), ReleaseHold())
    return changing.start_cancelling(state, said.meaning)


def _undo(state: State, _said: Said, facts: Facts) -> Turn:
    if state.undoable is None:
        return first([reply("nothing_to_undo")], _resume(state, facts))
    return changing.undo(state, state.undoable)


def _restart(state: State, _said: Said, _facts: Facts) -> Turn:
    fresh = State(language=state.language, greeted=True, stack=("booking.what",))
    return Turn(fresh, (reply("started_over"),), ReleaseHold())


def _back(state: State, _said: Said, facts: Facts) -> Turn:
    if not state.trail:
        return first([reply("nothing_before")], _resume_or_ask(state, facts))
    earlier = replace(state.trail[-1], hold=None)
    return booking.go_on(replace(state, draft=earlier, trail=state.trail[:-1]), facts)


def _other_day(state: State, said: Said, facts: Facts) -> Turn:
    if said.meaning.when is not None or not state.draft.says_what:
        return booking.go_on(booking.take_in(state, said.meaning, facts), facts)
    return booking.other_day(state)


def _more(state: State, _said: Said, facts: Facts) -> Turn:
    """ "More" without an open list of times: show the list again."""
    return _resume_or_ask(state, facts)


def _thank(state: State, facts: Facts) -> Turn:
    return first([reply("welcome")], _resume(state, facts))


def _greet(state: State, facts: Facts) -> Turn:
    return first([reply("hello")], _resume_or_ask(state, facts))


def _part(state: State, _facts: Facts) -> Turn:
    return Turn(state, (reply("goodbye"),))


# --- what cannot be, and what was not understood ---------------------------------------------------------------------


def _cannot_be(state: State, meaning: Meaning, facts: Facts) -> Turn:
    """A date that does not exist or is over, a doctor who does not work here: say which, then ask on."""
    if meaning.impossible_date:
        said = reply("no_such_date", {"date": meaning.impossible_date})
    elif meaning.past_date:
        said = reply("date_over", {"date": meaning.past_date})
    else:
        said = reply("no_such_practitioner", {"name": meaning.unknown_practitioner or ""})
    if state.step in _IDENTITY or not state.draft.says_what:
        return _understood(first([said], _resume_or_ask(state, facts)))
    return _understood(first([said], booking.other_day(state)))


def _not_understood(state: State, facts: Facts) -> Turn:
    """First an example, then fewer choices, then a person."""
    misses = state.misses + 1
    missed = replace(state, misses=misses)
    if misses >= PATIENCE:
        return _call_person(missed, facts, "not_understood", "not_understood.person")
    if missed.step is None:
        return Turn(missed, (reply(f"not_understood.{misses}", {}, [PERSON] if misses > 1 else []),))
    key = f"not_understood.{misses}.{missed.step}"
    return first([reply(key)], _resume(missed, facts))


# --- answers to requests ---------------------------------------------------------------------------------------------


def _refused(state: State, event: Refused, facts: Facts) -> Turn:
    if event.code in _BOOKING_REFUSALS:
        return booking.refused(state, event, facts)
    return _then_resume(changing.refused(state, event), facts)


def _then_resume(turn: Turn, facts: Facts) -> Turn:
    """An interruption has ended: go on where it began."""
    if turn.request is not None or turn.state.step in (None, "changing.which"):
        return turn
    resumed = _resume(turn.state, facts)
    return first(turn.replies, resumed)


def _visits_found(state: State, event: VisitsFound, facts: Facts) -> Turn:
    return _then_resume(changing.found(state, event, facts), facts)


_HANDLERS: dict[type, Callable[[State, Any, Facts], Turn]] = {
    Said: _said,
    Chose: _chose,
    ChoseNothing: _chose_nothing,
    SlotsFound: booking.offer,
    SlotHeld: booking.held,
    Booked: lambda state, event, facts: _then_resume(booking.booked(state, event, facts), facts),
    PatientRegistered: booking.registered,
    VisitsFound: _visits_found,
    Cancelled: lambda state, event, facts: _then_resume(changing.cancelled(state, event, facts), facts),
    Undone: lambda state, event, facts: _then_resume(changing.undone(state, event, facts), facts),
    Released: lambda state, _event, facts: _resume(state, facts),
    Refused: _refused,
    HoldExpired: lambda state, event, _facts: booking.hold_expired(state, event),
}

_ACTIONS: dict[type, Callable[[State, Any, Facts], Turn]] = {
    Pick: booking.pick,
    MoreTimes: lambda state, action, _facts: booking.more(state, action),
    OtherDay: _chose_other_day,
    Want: booking.want,
    ForPatient: _chose_patient,
    Mean: _chose_reading,
    CancelVisit: lambda state, action, _facts: changing.cancel(state, action),
    Undo: lambda state, action, _facts: changing.undo(state, action),
    CallPerson: lambda state, _action, facts: _call_person(state, facts),
}

_GLOBAL: dict[str, Callable[[State, Said, Facts], Turn]] = {
    "person": _person,
    "restart": _restart,
    "undo": _undo,
    "cancel_visit": _cancel,
    "cancel": _cancel,
    "visits": _visits,
    "back": _back,
    "hours": _digress("hours"),
    "address": _digress("address"),
    "help": _digress("help"),
    "move": _digress("moving"),
    "other_day": _other_day,
    "more": _more,
}

_COURTESIES: dict[str, Callable[[State, Facts], Turn]] = {
    "greeting": _greet,
    "thanks": _thank,
    "goodbye": _part,
}
