"""Visits that exist: show them, call one off, take a step back. Moving one has a file of its own."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from msgspec.structs import replace

from bot.events import Cancel, Cancelled, Facts, FindVisits, LookUpVisit, Refused, TakeBack, Turn, Undone, VisitsFound
from bot.flows.wording import (
    PERSON,
    label_of,
    most_options,
    notice_of,
    preparation_of,
    reply,
    visit_facts,
    visit_values,
)
from bot.messages import CancelVisit, Choice, Happened, MoveVisit, Reply, Say, ShowVisit, Span, Undo
from bot.state import Draft, State, Step
from bot.understanding.meaning import Meaning
from core.scheduling.visits import Visit
from core.scheduling.wishes import When


def show(state: State) -> Turn:
    """What is ahead?"""
    return Turn(state, request=FindVisits("show"))


def start_cancelling(state: State, meaning: Meaning) -> Turn:
    """Find the visit that is meant; with only one there is nothing to ask."""
    readings = meaning.readings if meaning.when is None else (meaning.when,)
    whens = tuple(map(that_day, readings))
    return Turn(state, request=FindVisits("cancel", meaning.practitioners, meaning.patients, whens))


def that_day(when: When) -> When:
    """ "I can't make it on Thursday" names the visit on that day."""
    return When(when.days or when.not_days, when.weekdays or when.not_weekdays, when.times, when.at)


def ask_which(state: State, _facts: Facts) -> Turn:
    """The open question again."""
    return Turn(state, request=FindVisits("which_to_cancel"))


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
        return Turn(without_question(state), request=Cancel(visits[0].id, visits[0].sequence))
    if event.purpose == "show":
        lines = [Say("visits.line", visit_values(visit, facts)) for visit in visits]
        more = _to_know(visits[0], facts) if len(visits) == 1 else ()
        says = (Say("visits.upcoming", {"count": len(visits)}), *lines, *more)
        return Turn(state, (Reply(says, tuple(_to_change(visits, facts)[: most_options(state, facts)])),))
    label = label_of("choice.cancel_visit", visits)
    options = [Choice(Say(label, visit_values(v, facts)), CancelVisit(v.id, v.sequence)) for v in visits]
    options = options[: most_options(state, facts)]
    stack = (*without_question(state).stack[-1:], "changing.which")
    question = reply("changing.which", {}, [*options, PERSON])
    before = () if event.as_described else (reply("changing.none_like_that"),)
    return Turn(replace(state, stack=stack), (*before, question))


def _to_change(visits: Sequence[Visit], facts: Facts) -> list[Choice]:
    """What can be done with a visit; of several, first which one."""
    if len(visits) == 1:
        return changes(visits[0], facts)
    label = label_of("choice.show_visit", visits)
    return [Choice(Say(label, visit_values(visit, facts)), ShowVisit(visit.id)) for visit in visits]


def changes(visit: Visit, facts: Facts) -> list[Choice]:
    """Move it, or call it off."""
    values = visit_values(visit, facts)
    return [
        Choice(Say("choice.move_visit", values), MoveVisit(visit.id, visit.sequence)),
        Choice(Say("choice.cancel_visit", values), CancelVisit(visit.id, visit.sequence)),
    ]


def _to_know(visit: Visit, facts: Facts) -> tuple[Say, ...]:
    """What to bring, and until when it can be changed."""
    return (*preparation_of(visit, facts), *notice_of(visit, facts))


def look_at(state: State, chosen: ShowVisit) -> Turn:
    """One visit of several, to change it perhaps."""
    return Turn(state, request=LookUpVisit("show", chosen.visit))


def shown(state: State, visit: Visit, facts: Facts) -> Turn:
    """Where a visit stands, and what can be done with it."""
    says = (Say("visits.line", visit_values(visit, facts)), *_to_know(visit, facts))
    return Turn(state, (Reply(says, tuple(changes(visit, facts))),))


def cancel(state: State, chosen: CancelVisit) -> Turn:
    """Call off the visit that was chosen."""
    return Turn(without_question(state), request=Cancel(chosen.visit, chosen.sequence))


def cancelled(state: State, event: Cancelled, facts: Facts) -> Turn:
    """Say that it is off, and that this can be undone."""
    undo = Undo("cancelling", event.visit.id, event.visit.sequence)
    key = "changing.cancelled" if event.keeps_time else "changing.cancelled_soon"
    said = reply(
        key,
        visit_values(event.visit, facts),
        [Choice(Say("choice.undo"), undo, kind="change")],
        [Happened("cancelled", visit_facts(event.visit, facts))],
    )
    return Turn(replace(state, undoable=undo), (said,))


def undo(state: State, chosen: Undo) -> Turn:
    """Take a booking, a move or a cancellation back."""
    return Turn(state, request=TakeBack(chosen.what, chosen.visit, chosen.sequence))


def undone(state: State, event: Undone, facts: Facts) -> Turn:
    """Say where the visit stands now."""
    happened = Happened(_UNDONE[event.what], visit_facts(event.visit, facts))
    said = reply(f"changing.undone_{event.what}", visit_values(event.visit, facts), (), [happened])
    return Turn(replace(state, undoable=None), (said,))


_UNDONE: dict[str, Literal["unbooked", "moved_back", "restored"]] = {
    "booking": "unbooked",
    "moving": "moved_back",
    "cancelling": "restored",
}


def refused(state: State, event: Refused, facts: Facts) -> Turn:
    """Explain why a visit stays as it is, and where it stands now."""
    visit, code = event.visit, event.code
    happened = Happened("refused", {"code": code})
    rested = replace(state, undoable=None)
    if state.draft.moving is not None or state.step is None:  # what should take its place is no longer the question
        rested = replace(rested, stack=(), draft=Draft())
    if visit is None:
        return Turn(rested, (reply(f"refused.{code}", {}, (), [happened]),))
    if visit.status == "cancelled":
        code = _WHEN_CANCELLED.get(code, code)
    notice = facts.directory.visit_type[visit.slot.visit_type_id].policy.notice
    values = visit_values(visit, facts) | {"notice": Span(notice // timedelta(minutes=1))}
    offered = changes(visit, facts) if code in _STILL_TO_CHANGE and visit.status == "booked" else []
    return Turn(rested, (reply(f"refused.{code}", values, [*offered, PERSON] if offered else [PERSON], [happened]),))


_STILL_TO_CHANGE = {"visit_changed", "undo_over"}
_WHEN_CANCELLED = {"visit_changed": "already_cancelled", "undo_over": "undo_over_cancelled"}


WHICH: tuple[Step, ...] = ("changing.which", "moving.which")
"""Questions that may interrupt a booking; one of them at a time."""


def without_question(state: State) -> State:
    """No longer asking which visit is meant."""
    return replace(state, stack=tuple(step for step in state.stack if step not in WHICH))
