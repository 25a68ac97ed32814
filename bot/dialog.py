"""The talk as a machine: `advance(state, event, facts)` says what comes next. No clock, database, network or chance inside.

Words are heard as the first of these that they can be: an answer to a reminder, a choice of the open prompt, a global word, the answer to the open question,
something that cannot be, a fact for a booking, a courtesy. The emergency text stands before all of it. What is none of them is a
misunderstanding, and the third ends with a person.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from bot.events import (
    Booked,
    Cancelled,
    Chose,
    ChoseNothing,
    Confirmed,
    Event,
    Facts,
    HandedBack,
    HoldExpired,
    LinkUnknown,
    Moved,
    NumberGiven,
    NumberKept,
    PatientRegistered,
    Received,
    Refused,
    Released,
    Said,
    SlotHeld,
    SlotsFound,
    StaffSaid,
    TookOver,
    Turn,
    Undone,
    VisitFound,
    VisitsFound,
    WroteInGroup,
)
from bot.flows import anywhere, booking, changing, choosing, confirming, filling, handover, moving, receiving
from bot.flows.wording import PERSON, first, reply
from bot.messages import (
    Action,
    CallPerson,
    CancelVisit,
    ChooseVisit,
    ConfirmVisits,
    ForPatient,
    Mean,
    MoreTimes,
    MoveVisit,
    OtherDay,
    Pick,
    Reply,
    Say,
    ShowVisit,
    Undo,
    Value,
    Want,
)
from bot.state import Draft, State
from bot.understanding.meaning import Meaning
from core.scheduling.visits import Visit

TRAIL = 6  # how many steps "back" remembers

_BOOKING_REFUSALS = {"slot_taken", "patient_busy", "too_many_visits", "too_many_of_kind", "too_many_holds"}


EMERGENCY = Reply((Say("emergency"),))
"""Said first, in every state, whoever owns the conversation."""


def advance(state: State, event: Event, facts: Facts) -> Turn:
    """What a conversation does next: a new state, what to say, and at most one request whose answer is the next event."""
    turn = _HANDLERS[type(event)](replace(state, lost=False), event, facts)
    if isinstance(event, Said | Chose):
        turn = replace_state(turn, _with_trail(state, turn.state))
    return _apologising(turn, facts) if state.lost else turn


def _apologising(turn: Turn, facts: Facts) -> Turn:
    """What was talked about is lost: say so once, and where the message alone tells nothing, ask from the beginning."""
    if turn.state.misses:
        turn = booking.go_on(replace(turn.state, misses=0), facts)
    urgent = [said for said in turn.replies if said == EMERGENCY]
    rest = tuple(said for said in turn.replies if said != EMERGENCY)
    return Turn(turn.state, (*urgent, reply("lost"), *rest), turn.request, turn.handoffs)


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
    choices, crossed = (choosing.still_open(state, choices) for choices in (said.choices, said.crossed))
    said = replace(said, choices=choices, crossed=crossed)
    turn = _heard(replace(state, greeted=True, later=(*said.besides, *state.later)[: anywhere.MOST_LATER]), said, facts)
    if said.meaning.emergency:
        return Turn(turn.state, (EMERGENCY, *turn.replies), turn.request, (*turn.handoffs, "emergency"))
    return turn if state.greeted else _greeted(turn, facts)


def _greeted(turn: Turn, facts: Facts) -> Turn:
    """The clinic introduces itself once, in front of its first answer; one that is invented says so."""
    before = [reply("demo")] if facts.is_demo else []
    if not any(said.key == "hello" for said_reply in turn.replies for said in said_reply.says):
        before.append(reply("hello"))
    return first(before, turn)


def _heard(state: State, said: Said, facts: Facts) -> Turn:
    for hear in _HEARING:
        turn = hear(state, said, facts)
        if turn is not None:
            is_miss = turn.state.misses > state.misses  # understood, and still no answer
            return turn if is_miss else replace_state(turn, replace(turn.state, misses=0))
    return anywhere.resume(state, facts) if said.meaning.emergency else _not_understood(state, said, facts)


def _obey(state: State, said: Said, facts: Facts) -> Turn | None:
    """A word that means the same everywhere."""
    meant = next((intent for intent in said.meaning.intents if intent in anywhere.GLOBAL), None)
    return None if meant is None else anywhere.GLOBAL[meant](state, said, facts)


def _take_answer(state: State, said: Said, facts: Facts) -> Turn | None:
    """The answer to a question that nearly any words may answer."""
    hear = None if state.step is None else _ANSWERS.get(state.step)
    return None if hear is None else hear(state, said.meaning, facts)


def _decline(state: State, said: Said, _facts: Facts) -> Turn | None:
    """None of the times on offer."""
    offered = state.step in ("booking.time", "booking.reading")
    return booking.other_day(state) if offered and said.meaning.answer == "no" else None


def _explain(state: State, said: Said, facts: Facts) -> Turn | None:
    """ "Why?", "skip", "no": what the open question is for."""
    wont_say = "why" in said.meaning.intents or said.meaning.answer == "no"
    if not wont_say or state.step is None:
        return None
    return first([reply(f"{state.step}.why")], anywhere.resume(state, facts))


def _part(state: State, said: Said, facts: Facts) -> Turn | None:
    """ "Thanks, see you tomorrow": the day is no wish."""
    meaning = said.meaning
    is_wish = "book" in meaning.intents or filling.describes(replace(meaning, when=None, readings=()))
    if state.step is not None or "goodbye" not in meaning.intents or is_wish:
        return None
    return _be_polite(state, said, facts)


def _be_polite(state: State, said: Said, facts: Facts) -> Turn | None:
    courtesy = next((intent for intent in said.meaning.intents if intent in anywhere.COURTESIES), None)
    if courtesy is not None:
        return anywhere.COURTESIES[courtesy](state, facts)
    if said.meaning.answer is not None and state.step is None:
        return Turn(state, (reply("at_rest"),))
    return None


# --- answering what is on offer --------------------------------------------------------------------------------------


def _choose(state: State, said: Said, facts: Facts) -> Turn | None:
    """The choice that these words mean; where they could mean several, which?"""
    if state.step in booking.HEAR and said.meaning.number is None:
        return None
    meant = choosing.meant(said, facts)
    if len(meant) > 1:
        beside = [choice for choice in said.choices if choice.kind != "option"]
        return booking.ask_which([*meant, *beside], state)
    return _act(state, meant[0].action, facts) if meant else None


def _chose(state: State, chose: Chose, facts: Facts) -> Turn:
    return _act(replace(state, greeted=True, misses=0), chose.action, facts)


def _act(state: State, action: Action, facts: Facts) -> Turn:
    return _ACTIONS[type(action)](state, action, facts)


def _chose_nothing(state: State, _event: Event, facts: Facts) -> Turn:
    return first([reply("choice_unknown")], anywhere.resume(state, facts))


def _while_booking(act: Callable[[State, Any, Facts], Turn]) -> Callable[[State, Any, Facts], Turn]:
    """An answer to a question about a visit that is being booked; afterwards the question is settled."""

    def acted(state: State, action: Action, facts: Facts) -> Turn:
        if not state.draft.says_what:
            return first([reply("choice_settled")], anywhere.resume(state, facts))
        return act(state, action, facts)

    return acted


# --- what cannot be, and what was not understood ---------------------------------------------------------------------


def _object(state: State, said: Said, facts: Facts) -> Turn | None:
    """A date that does not exist or is over, a doctor or a specialty that is not here: say which, then ask on."""
    meaning = said.meaning
    missing = filling.missing_specialty(meaning, facts)
    objections: dict[str, dict[str, Value]] = {
        "no_such_date": {"date": meaning.impossible_date or ""},
        "date_over": {"date": meaning.past_date or ""},
        "no_such_practitioner": {"name": meaning.unknown_practitioner or ""},
        "no_such_specialty": {"specialty": missing or ""},
    }
    for key, values in objections.items():
        if any(values.values()):
            told = changing.without_question(filling.take_in(state, meaning, facts))
            return first([reply(key, values)], _ask_instead(told, facts, whom="date" not in key))
    return None


def _ask_instead(state: State, facts: Facts, *, whom: bool) -> Turn:
    """Ask for what took the place of what cannot be: another doctor, or another day."""
    if state.step in booking.HEAR:
        return anywhere.resume(state, facts)
    if whom:
        return booking.want(state, Want(), facts)
    return booking.other_day(state) if state.draft.says_what else booking.go_on(state, facts)


def _not_understood(state: State, said: Said, facts: Facts) -> Turn:
    """First an example, then fewer choices, then a person."""
    misses = state.misses + 1
    if misses >= handover.PATIENCE:
        return handover.given_up(state, "not_understood.person")
    missed = replace(state, misses=misses)
    if said.meaning.number is not None and state.step not in booking.HEAR:
        key = "number.unknown" if said.choices else "number.too_late" if state.step else "number.for_nothing"
        return first([reply(key, {"number": said.meaning.number})], anywhere.resume(missed, facts))
    if missed.step is None:
        return Turn(missed, (reply(f"not_understood.{misses}", {}, [PERSON] if misses > 1 else []),))
    return first([reply(f"not_understood.{misses}.{missed.step}")], anywhere.resume(missed, facts))


def _received(state: State, event: Received, facts: Facts) -> Turn:
    """A file; words beside it are heard like any others, where they are understood."""
    told = receiving.received(state, event, facts)
    if event.said is None:
        return told
    heard = _said(told.state, event.said, facts)
    if heard.state.misses > state.misses:
        return told
    turn = first(told.replies[:1], heard)
    return Turn(turn.state, turn.replies, turn.request, (*told.handoffs, *turn.handoffs))


def _handed_back(state: State, _event: HandedBack, facts: Facts) -> Turn:
    """The open question again, once; whatever was not understood before is forgiven."""
    return handover.handed_back(anywhere.resume(replace(state, misses=0), facts))


# --- answers to requests ---------------------------------------------------------------------------------------------


def _refused(state: State, event: Refused, facts: Facts) -> Turn:
    if event.code in _BOOKING_REFUSALS and event.visit is None:
        return booking.refused(state, event, facts)
    return _then_resume(changing.refused(state, event, facts), facts)


def _then_resume(turn: Turn, facts: Facts) -> Turn:
    """An interruption has ended: go on where it began."""
    if turn.request is not None or turn.state.step in (None, *changing.WHICH):
        return turn
    if turn.state.draft == Draft():  # nothing was said yet that would be lost
        return replace_state(turn, replace(turn.state, stack=()))
    return first(turn.replies, anywhere.resume(turn.state, facts))


def _cancelled(state: State, event: Cancelled, facts: Facts) -> Turn:
    """What was asked for in its place is with the same doctor and for the same patient, as far as nothing else was said."""
    state = replace(state, later=tuple(_like(event.visit, meaning) for meaning in state.later))
    if (
        state.draft.moving is not None and state.draft.moving.id == event.visit.id
    ):  # its new time is no question any more
        state = replace(state, stack=(), draft=Draft())
    return _then_resume(changing.cancelled(state, event, facts), facts)


def _undone(state: State, event: Undone, facts: Facts) -> Turn:
    """Where it was undone for something in its place, go on with that."""
    turn = changing.undone(state, event, facts)
    if turn.state.step is None and turn.state.draft.says_what:
        return first(turn.replies, booking.go_on(turn.state, facts))
    return _then_resume(turn, facts)


def _like(visit: Visit, meaning: Meaning) -> Meaning:
    if filling.says_who(meaning) or not filling.tells(meaning):
        return meaning
    slot = visit.slot
    return replace(
        meaning,
        practitioners=(slot.practitioner_id,),
        visit_types=(slot.visit_type_id,),
        patients=(visit.patient_id,),
    )


def _visits_found(state: State, event: VisitsFound, facts: Facts) -> Turn:
    if event.purpose in ("move", "move_to", "which_to_move"):
        turn = moving.found(state, event, facts)
        return turn if turn.state.draft.moving else _then_resume(turn, facts)
    find = confirming.found if event.purpose == "confirm" else changing.found
    return _then_resume(find(state, event, facts), facts)


def _visit_found(state: State, event: VisitFound, facts: Facts) -> Turn:
    if event.why == "move":
        return moving.begin(state, event.visit, facts)
    return _then_resume(changing.shown(state, event.visit, facts), facts)


_HANDLERS: dict[type, Callable[[State, Any, Facts], Turn]] = {
    Said: _said,
    Chose: _chose,
    ChoseNothing: _chose_nothing,
    Received: _received,
    NumberGiven: receiving.number_given,
    NumberKept: lambda state, _event, facts: receiving.number_kept(state, facts),
    LinkUnknown: receiving.link_unknown,
    WroteInGroup: receiving.in_group,
    SlotsFound: booking.offer,
    SlotHeld: booking.held,
    Booked: lambda state, event, facts: _then_resume(booking.booked(state, event, facts), facts),
    PatientRegistered: booking.registered,
    VisitsFound: _visits_found,
    VisitFound: _visit_found,
    Moved: lambda state, event, facts: _then_resume(moving.moved(state, event, facts), facts),
    Cancelled: _cancelled,
    Confirmed: lambda state, event, facts: _then_resume(confirming.confirmed(state, event, facts), facts),
    Undone: _undone,
    Released: lambda state, _event, facts: anywhere.resume(state, facts),
    Refused: _refused,
    HoldExpired: lambda state, event, _facts: booking.hold_expired(state, event),
    TookOver: handover.taken_over,
    StaffSaid: handover.said,
    HandedBack: _handed_back,
}

_ACTIONS: dict[type, Callable[[State, Any, Facts], Turn]] = {
    Pick: booking.pick,
    MoreTimes: booking.more,
    OtherDay: anywhere.chose_other_day,
    Want: booking.want,
    ForPatient: _while_booking(booking.for_whom),
    Mean: _while_booking(booking.mean),
    ShowVisit: lambda state, action, _facts: changing.look_at(state, action),
    MoveVisit: lambda state, action, _facts: moving.chosen(state, action),
    CancelVisit: lambda state, action, _facts: changing.cancel(state, action),
    ConfirmVisits: lambda state, action, _facts: confirming.confirm(state, action),
    ChooseVisit: lambda state, action, _facts: confirming.which(state, action),
    Undo: lambda state, action, _facts: changing.undo(state, action),
    CallPerson: lambda state, _action, facts: anywhere.call_person(state, facts),
}

_HEARING: tuple[Callable[[State, Said, Facts], Turn | None], ...] = (
    confirming.hear,
    _choose,
    _obey,
    _take_answer,
    _object,
    _part,
    anywhere.correct,
    anywhere.take_facts,
    _decline,
    _explain,
    _be_polite,
    anywhere.suppose,
)
"""The ways of hearing words, in this order."""

_ANSWERS = booking.HEAR | {"changing.which": changing.hear_which, "moving.which": moving.hear_which}
