"""Reminders: what one says, and what is answered to it. They come, they cannot come, or they want another time."""

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from bot.events import Confirm, Confirmed, Facts, FindVisits, Purpose, Said, Turn, VisitsFound
from bot.flows import changing, filling, moving
from bot.flows.wording import PERSON, first, first_name, moment, reply, visit_facts, visit_values
from bot.messages import (
    CancelVisit,
    Choice,
    ChooseVisit,
    ConfirmVisits,
    Happened,
    Moment,
    MoveVisit,
    Parts,
    Reply,
    Say,
    Value,
    Version,
)
from bot.state import Draft, State
from bot.understanding.meaning import Meaning
from core.messaging.reminding import Due
from core.scheduling.wishes import DayRange, When

# --- what it says ----------------------------------------------------------------------------------------------------


def reminder(visits: Sequence[Due], facts: Facts) -> Reply:
    """Of the visits of one local day, the first one first: when, where, what to bring; no doctor, no specialty, no reason.

    Its first sentence is the text that WhatsApp has approved, its choices are the buttons of that.
    """
    says = [Say("whatsapp.template.reminder", _values(visits, facts))]
    kinds = dict.fromkeys(due.visit.slot.visit_type_id for due in visits)
    preparations = dict.fromkeys(facts.directory.visit_type[kind].preparation for kind in kinds)
    says += [Say("booking.preparation", {"preparation": what}) for what in preparations if what]
    return Reply(tuple(says), _choices(visits))


def _choices(visits: Sequence[Due]) -> tuple[Choice, ...]:
    told = tuple(Version(due.visit.id, due.visit.sequence, due.local_start) for due in visits)
    move: MoveVisit | ChooseVisit = MoveVisit(told[0].visit, told[0].sequence)
    cancel: CancelVisit | ChooseVisit = CancelVisit(told[0].visit, told[0].sequence)
    if len(told) > 1:
        move, cancel = ChooseVisit("move", visits[0].day), ChooseVisit("cancel", visits[0].day)
    return (
        Choice(Say("whatsapp.template.button.confirm"), ConfirmVisits(told)),
        Choice(Say("whatsapp.template.button.move"), move),
        Choice(Say("whatsapp.template.button.cancel"), cancel),
    )


def _values(visits: Sequence[Due], facts: Facts) -> dict[str, Value]:
    """Of the first visit, with the others beside its time."""
    values, *others = (_value(due, facts) for due in visits)
    if not others:
        return values
    also: list[Say] = []
    for each in others:
        also.append(Say("reminder.another" if each["patient"] == values["patient"] else "reminder.also", each))
        also += [] if each["place"] == values["place"] else [Say("reminder.at", each)]
    return values | {"when": Say("reminder.several", {"when": values["when"], "details": Parts(tuple(also))})}


def _value(due: Due, facts: Facts) -> dict[str, Value]:
    kind = facts.directory.visit_type[due.visit.slot.visit_type_id]
    zone = None if due.zone.key == facts.directory.zone.key else due.zone.key
    street = facts.directory.location[due.visit.slot.location_id].address
    return {
        "patient": first_name(due.visit.patient_id, facts),
        "when": Moment(due.local_start, zone),
        "place": street if kind.mode == "in_person" else Say("reminder.video"),
    }


# --- what is answered ------------------------------------------------------------------------------------------------


def hear(state: State, said: Said, facts: Facts) -> Turn | None:
    """Words to a reminder that was the last thing asked: they come, or cannot. That they come may be said at any time."""
    told = next((choice.action for choice in said.choices if isinstance(choice.action, ConfirmVisits)), None)
    meaning, intents = said.meaning, {*said.meaning.intents}
    if intents - _ABOUT_COMING or ("book" in intents and filling.says_who(meaning)):
        return None
    if told is None:
        of_itself = _COMING & intents and "goodbye" not in intents and not state.draft.says_what
        return Turn(state, request=FindVisits("confirm")) if of_itself and not filling.describes(meaning) else None
    if "absent" in intents or meaning.answer == "no":
        return _cannot_come(state, said, told, facts)
    if _COMING & intents or (meaning.answer == "yes" and not filling.describes(meaning)):
        return confirm(state, told)
    return None


_COMING = {"coming", "confirm"}
_ABOUT_COMING = _COMING | {"absent", "late", "thanks", "goodbye", "greeting", "book"}
"""What may be said along with it; whatever else somebody wants is heard as such."""


def _cannot_come(state: State, said: Said, told: ConfirmVisits, facts: Facts) -> Turn | None:
    """Another time, where they name one that is not its own; otherwise that is asked, or whether to call it off."""
    if "absent" not in said.meaning.intents and {*said.meaning.intents} - {"thanks"}:
        return None  # "no, cancel my visit"
    _, move, cancel = said.choices[:3]
    if filling.describes(said.meaning) and not _names_its_own(said.meaning, told):
        if isinstance(move.action, MoveVisit):
            return moving.chosen_to(state, move.action, said.meaning, facts)
        return moving.start(state, said.meaning, facts)
    choices = [
        Choice(Say("whatsapp.template.button.other_time"), move.action),
        Choice(cancel.label, cancel.action),
        PERSON,
    ]
    rested = replace(state, stack=(), draft=Draft())
    return Turn(rested, (reply("confirming.cannot_come", {}, choices),))


def _names_its_own(meaning: Meaning, told: ConfirmVisits) -> bool:
    """ "I can't come tomorrow", of a visit tomorrow, is no wish for tomorrow."""
    readings = meaning.readings if meaning.when is None else (meaning.when,)
    days = [changing.that_day(reading) for reading in readings]
    return any(day.means(visit.local_start) for day in days for visit in told.visits)


def confirm(state: State, chosen: ConfirmVisits) -> Turn:
    """They come."""
    return Turn(state, request=Confirm(chosen.visits))


def found(state: State, event: VisitsFound, facts: Facts) -> Turn:
    """Confirm the visit ahead; of several they may have meant any, so show them."""
    if len(event.visits) != 1:
        return changing.found(state, VisitsFound("show", event.visits, event.as_described), facts)
    (visit,) = event.visits
    return Turn(state, request=Confirm((Version(visit.id, visit.sequence, moment(visit.slot, facts).local),)))


def which(state: State, chosen: ChooseVisit) -> Turn:
    """Which of the visits of that day shall be moved or called off?"""
    that_day = When(days=(DayRange(chosen.on, chosen.on + timedelta(days=1)),))
    purpose: Purpose = "which_to_move" if chosen.what == "move" else "which_to_cancel"
    return Turn(changing.without_question(state), request=FindVisits(purpose, whens=(that_day,)))


def confirmed(state: State, event: Confirmed, facts: Facts) -> Turn:
    """Thank them, and say of the one that has changed meanwhile where it stands."""
    keys = ("confirming.confirmed", *("confirming.also",) * len(event.visits))
    says = tuple(Say(key, visit_values(visit, facts)) for key, visit in zip(keys, event.visits, strict=False))
    happened = tuple(Happened("confirmed", visit_facts(visit, facts)) for visit in event.visits)
    thanks = Reply(says, (), happened)
    if event.refused is None:
        return Turn(state, (thanks,))
    return first([thanks], changing.refused(state, event.refused, facts))
