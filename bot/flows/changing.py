"""Visits that exist: show them, call one off, take a step back."""

from msgspec.structs import replace

from bot.events import Cancel, Cancelled, Facts, FindVisits, Refused, TakeBack, Turn, Undone, VisitsFound
from bot.flows.wording import PERSON, most_options, reply, visit_facts, visit_values
from bot.messages import CancelVisit, Choice, Happened, Reply, Say, Undo
from bot.state import State
from bot.understanding.meaning import Meaning
from core.scheduling.wishes import When


def show(state: State) -> Turn:
    """What is ahead?"""
    return Turn(state, request=FindVisits("show"))


def start_cancelling(state: State, meaning: Meaning) -> Turn:
    """Find the visit that is meant; with only one there is nothing to ask."""
    readings = meaning.readings if meaning.when is None else (meaning.when,)
    whens = tuple(_that_day(when) for when in readings)
    return Turn(state, request=FindVisits("cancel", meaning.practitioners, meaning.patients, whens))


def _that_day(when: When) -> When:
    """ "I can't make it on Thursday" names the visit on that day."""
    return When(when.days or when.not_days, when.weekdays or when.not_weekdays, when.times, when.at)


def ask_which(state: State, _facts: Facts) -> Turn:
    """The open question again."""
    return Turn(state, request=FindVisits("choose"))


def hear_which(state: State, meaning: Meaning, _facts: Facts) -> Turn | None:
    """Which visit is meant, by its doctor or its time; or none of them."""
    if meaning.practitioners or meaning.patients or meaning.when is not None or meaning.readings:
        return start_cancelling(state, meaning)
    if meaning.answer == "no":
        return Turn(without_question(state), (reply("changing.kept"),))
    return None


def found(state: State, event: VisitsFound, facts: Facts) -> Turn:
    """Show visits; call off the one that was meant; or ask which one is meant."""
    visits = event.visits
    if not visits:
        return Turn(without_question(state), (reply("visits.none"),))
    if event.purpose == "cancel" and event.as_described and len(visits) == 1:
        return Turn(without_question(state), request=Cancel(visits[0].id))
    key = "choice.cancel_visit" if len({visit.patient_id for visit in visits}) == 1 else "choice.cancel_visit_patient"
    options = [Choice(Say(key, visit_values(visit, facts)), CancelVisit(visit.id)) for visit in visits]
    options = options[: most_options(state, facts)]
    if event.purpose == "show":
        lines = tuple(Say("visits.line", visit_values(visit, facts)) for visit in visits)
        return Turn(state, (Reply((Say("visits.upcoming", {"count": len(visits)}), *lines), tuple(options)),))
    stack = (*without_question(state).stack[-1:], "changing.which")
    question = reply("changing.which", {}, [*options, PERSON])
    before = () if event.as_described else (reply("changing.none_like_that"),)
    return Turn(replace(state, stack=stack), (*before, question))


def cancel(state: State, chosen: CancelVisit) -> Turn:
    """Call off the visit that was chosen."""
    return Turn(without_question(state), request=Cancel(chosen.visit))


def cancelled(state: State, event: Cancelled, facts: Facts) -> Turn:
    """Say that it is off, and that this can be undone."""
    undo = Undo("cancelling", event.visit.id)
    key = "changing.cancelled" if event.keeps_time else "changing.cancelled_soon"
    said = reply(
        key,
        visit_values(event.visit, facts),
        [Choice(Say("choice.undo"), undo, kind="change")],
        [Happened("cancelled", visit_facts(event.visit, facts))],
    )
    return Turn(replace(state, undoable=undo), (said,))


def undo(state: State, chosen: Undo) -> Turn:
    """Take a booking or a cancellation back."""
    return Turn(state, request=TakeBack(chosen.what, chosen.visit))


def undone(state: State, event: Undone, facts: Facts) -> Turn:
    """Say where the visit stands now."""
    happened = Happened("unbooked" if event.what == "booking" else "restored", visit_facts(event.visit, facts))
    said = reply(f"changing.undone_{event.what}", visit_values(event.visit, facts), (), [happened])
    return Turn(replace(state, undoable=None), (said,))


def refused(state: State, event: Refused) -> Turn:
    """Explain why a visit stays as it is."""
    choices = []
    if event.code == "undo_over" and event.visit is not None:
        choices = [Choice(Say("choice.cancel_this"), CancelVisit(event.visit)), PERSON]
    said = reply(f"refused.{event.code}", {}, choices, [Happened("refused", {"code": event.code})])
    return Turn(replace(state, undoable=None), (said,))


def without_question(state: State) -> State:
    """No longer asking which visit is meant."""
    return replace(state, stack=tuple(step for step in state.stack if step != "changing.which"))
