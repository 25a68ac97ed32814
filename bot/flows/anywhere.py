"""What can be said in every state and means the same there: questions, undo, back, start over, a person. Then the open question again."""

from collections.abc import Callable

from msgspec.structs import replace

from bot.events import Facts, ReleaseHold, Said, Turn
from bot.flows import answering, booking, changing, filling, handover, moving
from bot.flows.wording import PERSON, first, first_name, reply
from bot.messages import OtherDay, Pick, Undo
from bot.state import Draft, State
from bot.understanding.meaning import Meaning

MOST_LATER = 4  # wishes that wait for their turn
LIKELY = 0.6  # a guess that is worth an answer


def resume(state: State, facts: Facts) -> Turn:
    """After a digression: the open question again, once. At rest there is none."""
    return Turn(state) if state.step is None else RESUME[state.step](state, facts)


def resume_or_ask(state: State, facts: Facts) -> Turn:
    return resume(state, facts) if state.step else booking.go_on(state, facts)


def take_facts(state: State, said: Said, facts: Facts) -> Turn | None:
    """Whatever a message says about a booking, asked for or not."""
    if not filling.tells(said.meaning):
        return None
    visit = state.draft.moving
    if visit is not None and moving.is_another_wish(visit, said.meaning, facts):
        apart = replace(state, draft=filling.is_for(Draft(), visit.patient_id, dependent=False), trail=())
        return first([moving.stays(visit, facts)], booking.go_on(filling.take_in(apart, said.meaning, facts), facts))
    told = changing.without_question(filling.take_in(state, said.meaning, facts))
    if state.draft.says_what and not (told.draft.says_what or told.draft.practitioners):
        return first([reply("booking.nobody_else")], booking.go_on(told, facts))
    before = booking.about_number(told.draft, said.meaning, facts)
    waiting = filling.in_turn(said.meaning, facts)
    if waiting and told.draft.moving is None:
        told = replace(told, later=(*waiting, *told.later)[:MOST_LATER])
        before.append(reply("booking.in_turn", {"patient": first_name(told.draft.patient, facts)}))
    return first(before, booking.go_on(told, facts))


def correct(state: State, said: Said, facts: Facts) -> Turn | None:
    """ "No, Thursday", "Nina, not Leo", said of what was just booked or moved."""
    meaning = said.meaning
    corrects = (meaning.answer == "no" or meaning.refuses) and not {"book", "also"} & set(meaning.intents)
    last = _just_made(state)
    return _corrected(state, last, meaning, facts) if corrects and last is not None else None


def _just_made(state: State) -> Undo | None:
    """What was booked or moved last, where nothing else is being talked about."""
    last = state.undoable
    return None if last is None or last.what == "cancelling" or state.draft.says_what else last


def _corrected(state: State, last: Undo, meaning: Meaning, facts: Facts) -> Turn | None:
    if not filling.describes(replace(meaning, specialties=())):
        return None
    return moving.correct_last(state, last, meaning, facts)


def _inform(state: State, said: Said, facts: Facts) -> Turn:
    """Answer all that was asked, then go on: with the visit that the same message asks for, or with the open question."""
    meaning = said.meaning
    asks_for_visit = meaning.practitioners or meaning.specialties
    says_when = meaning.when is not None or meaning.readings
    about_doctors = answering.ABOUT_DOCTORS & set(meaning.intents)
    going_on = take_facts(state, said, facts) if asks_for_visit and (says_when or not about_doctors) else None
    answers = dict.fromkeys(answer for intent, answer in answering.TOLD.items() if intent in meaning.intents)
    told = [answer(meaning, facts) for answer in answers]
    if going_on or state.step:  # the question that follows has choices of its own, or none
        told = [replace(answer, choices=()) for answer in told]
    return first(told, going_on or resume(state, facts))


def _repeat(state: State, _said: Said, facts: Facts) -> Turn:
    """What was said last: the open question; the visit that was just booked or moved; or what one can say here."""
    if state.step is not None:
        return first([reply("repeat")], resume(state, facts))
    return changing.show(state) if state.undoable else Turn(state, (reply("help"),))


def call_person(state: State, facts: Facts) -> Turn:
    return handover.called(resume(state, facts))


def _move(state: State, said: Said, facts: Facts) -> Turn:
    return moving.start(state, said.meaning, facts)


def _move_it(state: State, said: Said, facts: Facts) -> Turn:
    """ "Move it to Friday": what is being booked or was just booked; otherwise a visit."""
    if state.draft.says_what:
        return _earlier(state, said, facts) if "earlier" in said.meaning.intents else _more(state, said, facts)
    last = _just_made(state)
    return _move(state, said, facts) if last is None else moving.correct_last(state, last, said.meaning, facts)


def _instead(state: State, said: Said, facts: Facts) -> Turn | None:
    """ "Make it 4": of what is being booked; otherwise of what was just booked or moved."""
    last = _just_made(state)
    corrected = None if last is None else _corrected(state, last, said.meaning, facts)
    return corrected or take_facts(state, said, facts)


def _cancel(state: State, said: Said, facts: Facts) -> Turn | None:
    """ "Cancel" in the middle of a booking stops that; otherwise it means a visit."""
    if state.draft.says_what and "in_place" in said.meaning.intents and filling.describes(said.meaning):
        return take_facts(state, said, facts)  # "cancel that, Thursday instead"
    if state.draft != Draft() and not {"cancel_visit", "absent"} & {*said.meaning.intents}:
        return _stop(state, said, facts)
    return changing.start_cancelling(state, said.meaning)


def _stop(state: State, _said: Said, facts: Facts) -> Turn:
    """ "Never mind": whatever is being talked about is dropped, and no visit is touched."""
    stopped = replace(state, stack=(), draft=Draft(), trail=(), later=())
    if state.draft == Draft():
        return Turn(stopped, (reply("at_rest"),))
    said = reply("stopped") if state.draft.moving is None else moving.stays(state.draft.moving, facts)
    return Turn(stopped, (said,), ReleaseHold())


def _undo(state: State, _said: Said, facts: Facts) -> Turn:
    if state.undoable is None:
        return first([reply("nothing_to_undo")], resume(state, facts))
    return changing.undo(state, state.undoable)


def _restart(state: State, _said: Said, _facts: Facts) -> Turn:
    fresh = State(language=state.language, greeted=True, stack=("booking.what",))
    return Turn(fresh, (reply("started_over"),), ReleaseHold())


def _back(state: State, _said: Said, facts: Facts) -> Turn:
    if not state.trail:
        return first([reply("nothing_before")], resume(state, facts))
    earlier = replace(state.trail[-1], hold=None)
    return booking.go_on(replace(state, draft=earlier, trail=state.trail[:-1]), facts)


def _other_doctor(state: State, said: Said, facts: Facts) -> Turn | None:
    """Somebody else than those on offer, for the same."""
    offered = {choice.action.slot.practitioner_id for choice in said.choices if isinstance(choice.action, Pick)}
    refused = tuple(sorted(offered)) or (() if state.draft.practitioner is None else (state.draft.practitioner,))
    if not state.draft.says_what or not refused or filling.says_who(said.meaning):
        return _more(state, said, facts)
    return take_facts(state, replace(said, meaning=replace(said.meaning, not_practitioners=refused)), facts)


def _other_day(state: State, said: Said, facts: Facts) -> Turn:
    return _described(state, said, facts) or chose_other_day(state, OtherDay(), facts)


def _more(state: State, said: Said, facts: Facts) -> Turn:
    """ "More" without an open list of times: show the list again."""
    return _described(state, said, facts) or resume_or_ask(state, facts)


def _earlier(state: State, said: Said, facts: Facts) -> Turn:
    """Earlier than what is on offer; at rest, than a visit that is booked."""
    if turn := _described(state, said, facts):
        return turn
    if not state.draft.says_what:
        return _move(state, said, facts) if facts.patients else resume_or_ask(state, facts)
    draft = filling.earlier(state.draft)
    if draft is None:
        return first([reply("booking.nothing_earlier")], resume_or_ask(state, facts))
    return booking.go_on(replace(state, draft=draft), facts)


def _described(state: State, said: Said, facts: Facts) -> Turn | None:
    """ "Other times on Friday", "another one for Leo": what was said beside it says enough."""
    return take_facts(state, said, facts) if filling.describes(said.meaning) else None


def _thank(state: State, facts: Facts) -> Turn:
    return first([reply("welcome")], resume(state, facts))


def _greet(state: State, facts: Facts) -> Turn:
    return first([reply("hello")], resume_or_ask(state, facts))


def _part(state: State, _facts: Facts) -> Turn:
    return Turn(state, (reply("goodbye"),))


def _keep(state: State, _said: Said, facts: Facts) -> Turn:
    """ "Don't cancel it": nothing is."""
    return first([reply("changing.kept")], resume(state, facts))


def _offer_person(key: str) -> Callable[[State, Facts], Turn]:
    """What the assistant does not do itself: it says so, and offers somebody."""

    def offered(state: State, facts: Facts) -> Turn:
        if state.step is None:
            return Turn(state, (reply(key, {}, [PERSON]),))
        return first([reply(key)], resume(state, facts))

    return offered


def _wait(state: State, facts: Facts) -> Turn:
    """ "I am not sure yet": there is no hurry."""
    return first([reply("no_hurry")], resume(state, facts))


def _explain(state: State, facts: Facts) -> Turn:
    """ "What do you mean?": the open question again, or what one can say here."""
    return resume(state, facts) if state.step else Turn(state, (reply("help"),))


def _show(state: State, _facts: Facts) -> Turn:
    return changing.show(state)


def suppose(state: State, said: Said, facts: Facts) -> Turn | None:
    """What a message seems to want that nothing else could hear: answered or asked about, and never done."""
    likely = (guess.what for guess in said.meaning.guesses if guess.confidence >= LIKELY and guess.what in SUPPOSED)
    meant = next(likely, None)
    return None if meant is None else SUPPOSED[meant](state, facts)


def chose_other_day(state: State, _action: OtherDay, facts: Facts) -> Turn:
    return booking.other_day(state) if state.draft.says_what else resume_or_ask(state, facts)


RESUME = booking.RESUME | {"changing.which": changing.ask_which, "moving.which": moving.ask_which}

GLOBAL: dict[str, Callable[[State, Said, Facts], Turn | None]] = {
    "person": lambda state, _said, facts: call_person(state, facts),
    "restart": _restart,
    "undo": _undo,
    "cancel_visit": _cancel,
    "absent": _cancel,
    "cancel": _cancel,
    "stop": _stop,
    "keep": _keep,
    "late": lambda state, _said, facts: call_person(state, facts),
    "visits": lambda state, _said, _facts: changing.show(state),
    "confirm": lambda state, _said, _facts: changing.show(state),
    "back": _back,
    "repeat": _repeat,
    "move_it": _move_it,
    "move": _move,
    "instead": _instead,
    "earlier": _earlier,
    "other_doctor": _other_doctor,
    "other_day": _other_day,
    "more": _more,
    **dict.fromkeys(answering.TOLD, _inform),
}

COURTESIES: dict[str, Callable[[State, Facts], Turn]] = {
    "greeting": _greet,
    "thanks": _thank,
    "goodbye": _part,
    **dict.fromkeys(
        ("prescription", "records", "receipt", "bill", "waiting_list", "export", "forget"), _offer_person("for_staff")
    ),
    "feedback": _offer_person("feedback"),
    "abuse": _offer_person("abuse"),
    "change_language": _offer_person("language.only"),
    "explain": _explain,
    "praise": _thank,
    "maybe": _wait,
    "any": _wait,
}

# Cancelling, moving and confirming begin with the visits there are, each with its buttons: the patient says which.
SUPPOSED: dict[str, Callable[[State, Facts], Turn]] = {
    **COURTESIES,
    **dict.fromkeys(("visits", "confirm", "cancel_visit", "change", "end"), _show),
    "person": _offer_person("for_staff"),
    "help": lambda state, facts: first([reply("help")], resume(state, facts)),
    "repeat": _explain,
    "book": resume_or_ask,
}
