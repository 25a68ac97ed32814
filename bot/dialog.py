"""The talk as a machine: `advance(state, event, facts)` says what comes next. No clock, database, network or chance inside.

Words are heard as the first of these that they can be: a choice of the open prompt, a global word, the answer to the open question,
something that cannot be, a fact for a booking, a courtesy. The emergency text stands before all of it. What is none of them is a
misunderstanding, and the third ends with a person.
"""

from collections.abc import Callable
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
    HandedBack,
    HoldExpired,
    Moved,
    PatientRegistered,
    Refused,
    Released,
    ReleaseHold,
    Said,
    SlotHeld,
    SlotsFound,
    StaffSaid,
    TookOver,
    Turn,
    Undone,
    VisitFound,
    VisitsFound,
)
from bot.flows import answering, booking, changing, filling, handover, moving
from bot.flows.wording import PERSON, first, first_name, moment, reply
from bot.messages import (
    Action,
    CallPerson,
    CancelVisit,
    Choice,
    ForPatient,
    Happened,
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
    Wish,
    by_digit,
)
from bot.state import Draft, State
from bot.understanding.meaning import Meaning
from core.scheduling.visits import Visit
from core.scheduling.wishes import When

TRAIL = 6  # how many steps "back" remembers
MOST_LATER = 4  # wishes that wait for their turn
PATIENCE = 3  # misunderstandings before a person is called

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
    said = replace(said, choices=_still_open(state, said.choices))
    turn = _heard(replace(state, greeted=True, later=(*said.besides, *state.later)[:MOST_LATER]), said, facts)
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
            return replace_state(turn, replace(turn.state, misses=0))
    return _resume(state, facts) if said.meaning.emergency else _not_understood(state, said, facts)


def _obey(state: State, said: Said, facts: Facts) -> Turn | None:
    """A word that means the same everywhere."""
    meant = next((intent for intent in said.meaning.intents if intent in _GLOBAL), None)
    return None if meant is None else _GLOBAL[meant](state, said, facts)


def _take_answer(state: State, said: Said, facts: Facts) -> Turn | None:
    """The answer to a question that nearly any words may answer."""
    hear = None if state.step is None else _ANSWERS.get(state.step)
    return None if hear is None else hear(state, said.meaning, facts)


def _take_facts(state: State, said: Said, facts: Facts) -> Turn | None:
    """Whatever a message says about a booking, asked for or not."""
    if not filling.tells(said.meaning):
        return None
    told = changing.without_question(filling.take_in(state, said.meaning, facts))
    waiting = filling.in_turn(said.meaning, facts)
    if not waiting or told.draft.moving is not None:
        return booking.go_on(told, facts)
    told = replace(told, later=(*waiting, *told.later)[:MOST_LATER])
    one_each = reply("booking.in_turn", {"patient": first_name(told.draft.patient, facts)})
    return first([one_each], booking.go_on(told, facts))


def _decline(state: State, said: Said, _facts: Facts) -> Turn | None:
    """None of the times on offer."""
    offered = state.step in ("booking.time", "booking.reading")
    return booking.other_day(state) if offered and said.meaning.answer == "no" else None


def _explain(state: State, said: Said, facts: Facts) -> Turn | None:
    """ "Why?", "skip": what the open question is for."""
    if "why" not in said.meaning.intents or state.step is None:
        return None
    return first([reply(f"{state.step}.why")], _resume(state, facts))


def _be_polite(state: State, said: Said, facts: Facts) -> Turn | None:
    courtesy = next((intent for intent in said.meaning.intents if intent in _COURTESIES), None)
    if courtesy is not None:
        return _COURTESIES[courtesy](state, facts)
    if said.meaning.answer is not None and state.step is None:
        return Turn(state, (reply("at_rest"),))
    return None


# --- answering what is on offer --------------------------------------------------------------------------------------


def _still_open(state: State, choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """What words may choose: once a booking was stopped, a "yes" or a digit must not go on with it. A tap still may."""
    if state.step is not None:
        return choices
    return tuple(
        choice
        for choice in choices
        if isinstance(choice.action, ShowVisit | MoveVisit | CancelVisit | Undo | CallPerson)
    )


def _choose(state: State, said: Said, facts: Facts) -> Turn | None:
    """The choice that these words mean; where they could mean several, which?"""
    if state.step in booking.HEAR and said.meaning.number is None:
        return None
    meant = _meant(said, facts)
    if len(meant) > 1:
        return booking.ask_which(meant, state)
    return _act(state, meant[0].action, facts) if meant else None


def _meant(said: Said, facts: Facts) -> list[Choice]:
    """The choices that these words could mean: by number, by place, by name, or by a plain yes."""
    meaning = said.meaning
    if meaning.number is not None:
        return [choice for digit, choice in by_digit(said.choices).items() if digit == meaning.number]
    options = [choice for choice in said.choices if choice.kind == "option"]
    named = [choice for choice in options if _names(choice.action, meaning, facts)]
    if len(named) == 1:
        return named
    placed = _placed(meaning.ordinal, options)
    if placed is not None:
        by_date = (
            [Choice(Say("choice.reading", {"wish": Wish(meaning.when)}), Mean((meaning.when,)))] if meaning.when else []
        )
        return [placed] if named else [placed, *by_date]  # "the 3rd": the third time, or the day?
    if "more" in meaning.intents:
        return [choice for choice in said.choices if isinstance(choice.action, MoreTimes)]
    if meaning.answer == "yes" and not filling.describes(meaning):
        return [choice for choice in options if isinstance(choice.action, Pick | Mean)]
    return []


def _placed(ordinal: int | None, options: list[Choice]) -> Choice | None:
    """The option at that place; -1 is the last."""
    if ordinal is None or not 1 <= abs(ordinal) <= len(options):
        return None
    return options[ordinal if ordinal < 0 else ordinal - 1]


def _names(action: Action, meaning: Meaning, facts: Facts) -> bool:
    """Whether a message names what this choice stands for: its time, its person, its doctor."""
    match action:
        case Pick(slot) if not _says_who(meaning) and meaning.answer != "no":
            local = moment(slot, facts).local
            readings = meaning.readings if meaning.when is None else (meaning.when,)
            return any(_points_at(local, reading) for reading in readings)
        case ForPatient(patient):
            return meaning.patients == (patient,) or (patient is None and meaning.someone_else and not meaning.patients)
        case Want(practitioner, specialty, _):
            return (practitioner is not None and meaning.practitioners == (practitioner,)) or (
                specialty is not None
                and meaning.specialties == (specialty,)
                and not filling.describes(replace(meaning, specialties=()))
            )
        case Mean(readings):
            return meaning.when is not None and all(filling.agrees(meaning.when, reading) for reading in readings)
    return False


def _points_at(local: datetime, when: When) -> bool:
    """Whether a wish names this very time, or at least its day."""
    says_which = when.at is not None or bool(when.days or when.weekdays)
    return says_which and when.means(local)


def _says_who(meaning: Meaning) -> bool:
    return bool(
        meaning.practitioners or meaning.specialties or meaning.visit_types or meaning.patients or meaning.someone_else
    )


def _chose(state: State, chose: Chose, facts: Facts) -> Turn:
    return _act(replace(state, greeted=True, misses=0), chose.action, facts)


def _act(state: State, action: Action, facts: Facts) -> Turn:
    return _ACTIONS[type(action)](state, action, facts)


def _chose_nothing(state: State, _event: Event, facts: Facts) -> Turn:
    return first([reply("choice_unknown")], _resume(state, facts))


def _while_booking(act: Callable[[State, Any, Facts], Turn]) -> Callable[[State, Any, Facts], Turn]:
    """An answer to a question about a visit that is being booked; afterwards the question is settled."""

    def acted(state: State, action: Action, facts: Facts) -> Turn:
        if not state.draft.says_what:
            return first([reply("choice_settled")], _resume(state, facts))
        return act(state, action, facts)

    return acted


def _chose_other_day(state: State, _action: OtherDay, facts: Facts) -> Turn:
    return booking.other_day(state) if state.draft.says_what else _resume_or_ask(state, facts)


# --- words that mean the same everywhere -----------------------------------------------------------------------------


def _resume(state: State, facts: Facts) -> Turn:
    """After a digression: the open question again, once. At rest there is none."""
    return Turn(state) if state.step is None else _RESUME[state.step](state, facts)


def _resume_or_ask(state: State, facts: Facts) -> Turn:
    return _resume(state, facts) if state.step else booking.go_on(state, facts)


def _inform(state: State, said: Said, facts: Facts) -> Turn:
    """Answer all that was asked, then go on: with the visit that the same message asks for, or with the open question."""
    meaning = said.meaning
    asks_for_visit = meaning.practitioners or meaning.specialties
    about_doctors = answering.ABOUT_DOCTORS & set(meaning.intents)
    going_on = _take_facts(state, said, facts) if asks_for_visit and not about_doctors else None
    told = [answer(meaning, facts) for intent, answer in answering.TOLD.items() if intent in meaning.intents]
    return first(told, going_on or _resume(state, facts))


def _repeat(state: State, _said: Said, facts: Facts) -> Turn:
    """What was said last: the open question; the visit that was just booked or moved; or what one can say here."""
    if state.step is not None:
        return first([reply("repeat")], _resume(state, facts))
    return changing.show(state) if state.undoable else Turn(state, (reply("help"),))


def _call_person(state: State, facts: Facts) -> Turn:
    return handover.called(_resume(state, facts))


def _move(state: State, said: Said, facts: Facts) -> Turn:
    return moving.start(state, said.meaning, facts)


def _instead(state: State, said: Said, facts: Facts) -> Turn | None:
    """ "Make it 4": of what is being booked; otherwise of what was just booked or moved."""
    last, meaning = state.undoable, said.meaning
    just_made = last is not None and last.what != "cancelling" and filling.describes(replace(meaning, specialties=()))
    if last is not None and just_made and not state.draft.says_what:
        return moving.correct_last(state, last, meaning, facts)
    return _take_facts(state, said, facts)


def _cancel(state: State, said: Said, facts: Facts) -> Turn:
    """ "Cancel" in the middle of a booking stops that; otherwise it means a visit."""
    if state.draft != Draft() and "cancel_visit" not in said.meaning.intents:
        return _stop(state, said, facts)
    return changing.start_cancelling(state, said.meaning)


def _stop(state: State, _said: Said, _facts: Facts) -> Turn:
    """ "Never mind": whatever is being talked about is dropped, and no visit is touched."""
    stopped = replace(state, stack=(), draft=Draft(), trail=(), later=())
    if state.draft == Draft():
        return Turn(stopped, (reply("at_rest"),))
    return Turn(stopped, (reply("stopped"),), ReleaseHold())


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
    return _described(state, said, facts) or _chose_other_day(state, OtherDay(), facts)


def _more(state: State, said: Said, facts: Facts) -> Turn:
    """ "More" without an open list of times: show the list again."""
    return _described(state, said, facts) or _resume_or_ask(state, facts)


def _described(state: State, said: Said, facts: Facts) -> Turn | None:
    """ "Other times on Friday", "another one for Leo": what was said beside it says enough."""
    return _take_facts(state, said, facts) if filling.describes(said.meaning) else None


def _thank(state: State, facts: Facts) -> Turn:
    return first([reply("welcome")], _resume(state, facts))


def _greet(state: State, facts: Facts) -> Turn:
    return first([reply("hello")], _resume_or_ask(state, facts))


def _part(state: State, _facts: Facts) -> Turn:
    return Turn(state, (reply("goodbye"),))


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
        return _resume(state, facts)
    if whom:
        return booking.want(state, Want(), facts)
    return booking.other_day(state) if state.draft.says_what else booking.go_on(state, facts)


def _not_understood(state: State, said: Said, facts: Facts) -> Turn:
    """First an example, then fewer choices, then a person."""
    misses = state.misses + 1
    if misses >= PATIENCE:
        happened = Happened("handed_over", {"reason": "not_understood"})
        handed_over = reply("not_understood.person", {}, (), [happened])
        return Turn(replace(state, misses=0), (handed_over,), handoffs=("not_understood",))
    missed = replace(state, misses=misses)
    if said.meaning.number is not None and state.step not in booking.HEAR:
        key = "number.unknown" if said.choices else "number.too_late" if state.step else "number.for_nothing"
        return first([reply(key, {"number": said.meaning.number})], _resume(missed, facts))
    if missed.step is None:
        return Turn(missed, (reply(f"not_understood.{misses}", {}, [PERSON] if misses > 1 else []),))
    return first([reply(f"not_understood.{misses}.{missed.step}")], _resume(missed, facts))


def _handed_back(state: State, _event: HandedBack, facts: Facts) -> Turn:
    """The open question again, once; whatever was not understood before is forgiven."""
    return handover.handed_back(_resume(replace(state, misses=0), facts))


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
    return first(turn.replies, _resume(turn.state, facts))


def _cancelled(state: State, event: Cancelled, facts: Facts) -> Turn:
    """What was asked for in its place is with the same doctor and for the same patient, as far as nothing else was said."""
    later = tuple(_like(event.visit, meaning) for meaning in state.later)
    return _then_resume(changing.cancelled(replace(state, later=later), event, facts), facts)


def _like(visit: Visit, meaning: Meaning) -> Meaning:
    if _says_who(meaning) or not filling.tells(meaning):
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
    return _then_resume(changing.found(state, event, facts), facts)


def _visit_found(state: State, event: VisitFound, facts: Facts) -> Turn:
    if event.why == "move":
        return moving.begin(state, event.visit, facts)
    return _then_resume(changing.shown(state, event.visit, facts), facts)


_HANDLERS: dict[type, Callable[[State, Any, Facts], Turn]] = {
    Said: _said,
    Chose: _chose,
    ChoseNothing: _chose_nothing,
    SlotsFound: booking.offer,
    SlotHeld: booking.held,
    Booked: lambda state, event, facts: _then_resume(booking.booked(state, event, facts), facts),
    PatientRegistered: booking.registered,
    VisitsFound: _visits_found,
    VisitFound: _visit_found,
    Moved: lambda state, event, facts: _then_resume(moving.moved(state, event, facts), facts),
    Cancelled: _cancelled,
    Undone: lambda state, event, facts: _then_resume(changing.undone(state, event, facts), facts),
    Released: lambda state, _event, facts: _resume(state, facts),
    Refused: _refused,
    HoldExpired: lambda state, event, _facts: booking.hold_expired(state, event),
    TookOver: handover.taken_over,
    StaffSaid: handover.said,
    HandedBack: _handed_back,
}

_ACTIONS: dict[type, Callable[[State, Any, Facts], Turn]] = {
    Pick: booking.pick,
    MoreTimes: booking.more,
    OtherDay: _chose_other_day,
    Want: booking.want,
    ForPatient: _while_booking(booking.for_whom),
    Mean: _while_booking(booking.mean),
    ShowVisit: lambda state, action, _facts: changing.look_at(state, action),
    MoveVisit: lambda state, action, _facts: moving.chosen(state, action),
    CancelVisit: lambda state, action, _facts: changing.cancel(state, action),
    Undo: lambda state, action, _facts: changing.undo(state, action),
    CallPerson: lambda state, _action, facts: _call_person(state, facts),
}

_GLOBAL: dict[str, Callable[[State, Said, Facts], Turn | None]] = {
    "person": lambda state, _said, facts: _call_person(state, facts),
    "restart": _restart,
    "undo": _undo,
    "cancel_visit": _cancel,
    "cancel": _cancel,
    "stop": _stop,
    "visits": lambda state, _said, _facts: changing.show(state),
    "back": _back,
    "repeat": _repeat,
    "move": _move,
    "instead": _instead,
    "other_day": _other_day,
    "more": _more,
    **dict.fromkeys(answering.TOLD, _inform),
}

_HEARING: tuple[Callable[[State, Said, Facts], Turn | None], ...] = (
    _choose,
    _obey,
    _take_answer,
    _object,
    _take_facts,
    _decline,
    _explain,
    _be_polite,
)
"""The ways of hearing words, in this order."""

_ANSWERS = booking.HEAR | {"changing.which": changing.hear_which, "moving.which": moving.hear_which}

_RESUME = booking.RESUME | {"changing.which": changing.ask_which, "moving.which": moving.ask_which}

_COURTESIES: dict[str, Callable[[State, Facts], Turn]] = {
    "greeting": _greet,
    "thanks": _thank,
    "goodbye": _part,
}
