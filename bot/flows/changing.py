"""Visits that exist: show them, call one off, take a step back."""

from msgspec.structs import replace

from bot.events import Cancel, Cancelled, Facts, FindVisits, Refused, TakeBack, Turn, Undone, VisitsFound
from bot.flows.wording import PERSON, described, first_name, reply, visit_facts
from bot.messages import CancelVisit, Choice, Happened, Reply, Say, Undo, Value
from bot.state import State
from bot.understanding.meaning import Meaning
from core.scheduling.visits import Visit


def show(state: State) -> Turn:
    """What is ahead?"""
    return Turn(state, request=FindVisits("show"))


def start_cancelling(state: State, meaning: Meaning) -> Turn:
    """Find the visit that is meant; with only one there is nothing to ask."""
    return Turn(state, request=FindVisits("cancel", meaning.practitioners, meaning.when))


def found(state: State, event: VisitsFound, facts: Facts) -> Turn:
    """Show visits, or go on cancelling."""
    visits = event.visits
    if not visits:
        return Turn(_without_question(state), (reply("visits.none"),))
    if event.purpose == "cancel" and len(visits) == 1:
        return Turn(_without_question(state), request=Cancel(visits[0].id))
    options = [Choice(Say("choice.cancel_visit", _values(visit, facts)), CancelVisit(visit.id)) for visit in visits]
    options = options[: facts.most_options]
    if event.purpose == "show":
        lines = tuple(Say("visits.line", _values(visit, facts)) for visit in visits)
        return Turn(state, (Reply((Say("visits.upcoming", {"count": len(visits)}), *lines), tuple(options)),))
    stack = (*_without_question(state).stack[-1:], "changing.which")
    return Turn(replace(state, stack=stack), (reply("changing.which", {}, [*options, PERSON]),))


def cancel(state: State, chosen: CancelVisit) -> Turn:
    """Call off the visit that was chosen."""
    return Turn(_without_question(state), request=Cancel(chosen.visit))


def cancelled(state: State, event: Cancelled, facts: Facts) -> Turn:
    """Say that it is off, and that this can be undone."""
    undo = Undo("cancelling", event.visit.id)
    key = "changing.cancelled" if event.keeps_time else "changing.cancelled_soon"
    said = reply(
        key,
        _values(event.visit, facts),
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
    said = reply(f"changing.undone_{event.what}", _values(event.visit, facts), (), [happened])
    return Turn(replace(state, undoable=None), (said,))


def refused(state: State, event: Refused) -> Turn:
    """Explain why a visit stays as it is."""
    choices = []
    if event.code == "undo_over" and event.visit is not None:
        choices = [Choice(Say("choice.cancel_this"), CancelVisit(event.visit)), PERSON]
    said = reply(f"refused.{event.code}", {}, choices, [Happened("refused", {"code": event.code})])
    return Turn(replace(state, undoable=None), (said,))


def _values(visit: Visit, facts: Facts) -> dict[str, Value]:
    return described(visit.slot, facts) | {"patient": first_name(visit.patient_id, facts)}


def _without_question(state: State) -> State:
    return replace(state, stack=tuple(step for step in state.stack if step != "changing.which"))
