"""Which of the things on offer words choose: by number, by place, by name, or by a plain yes."""

from datetime import datetime

from msgspec.structs import replace

from bot.events import Facts, Said
from bot.flows import filling
from bot.flows.wording import PERSON, moment
from bot.messages import (
    Action,
    CallPerson,
    CancelVisit,
    Choice,
    ChooseVisit,
    ConfirmVisits,
    ForPatient,
    Mean,
    MoreTimes,
    MoveVisit,
    Pick,
    Say,
    ShowVisit,
    Undo,
    Want,
    Wish,
    by_digit,
)
from bot.state import State
from bot.understanding.meaning import Meaning
from core.scheduling.wishes import When


def still_open(state: State, choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """What words may choose: once a booking was stopped, a "yes" or a digit must not go on with it. A tap still may."""
    if state.step is not None:
        return choices
    return tuple(
        choice
        for choice in choices
        if isinstance(
            choice.action, ShowVisit | MoveVisit | CancelVisit | ConfirmVisits | ChooseVisit | Undo | CallPerson
        )
    )


def meant(said: Said, facts: Facts) -> list[Choice]:
    """The choices that these words could mean: by number, by place, by name, or by a plain yes. A person is 0 at any time."""
    meaning = said.meaning
    if meaning.number is not None:
        return _numbered(meaning.number, said) or [
            choice for choice in said.choices if _is_at_hour(choice.action, meaning.number, facts)
        ]
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
        return [choice for choice in said.choices if choice.kind == "more" and isinstance(choice.action, MoreTimes)]
    if meaning.answer == "yes" and not filling.describes(meaning):
        return [choice for choice in options if isinstance(choice.action, Pick | Mean)]
    return []


def _numbered(number: int, said: Said) -> list[Choice]:
    """What has that digit; two things where two questions have crossed and it answers both."""
    prompts = ((*said.choices, PERSON), said.crossed)
    found = [choice for choices in prompts for digit, choice in by_digit(choices).items() if digit == number]
    return [choice for n, choice in enumerate(found) if choice.action not in (other.action for other in found[:n])]


def _is_at_hour(action: Action, hour: int, facts: Facts) -> bool:
    """ "8", where nothing has that digit and a time on offer is at eight."""
    if not isinstance(action, Pick):
        return False
    local = moment(action.slot, facts).local
    return local.minute == 0 and hour in (local.hour, (local.hour - 1) % 12 + 1)


def _placed(ordinal: int | None, options: list[Choice]) -> Choice | None:
    """The option at that place; -1 is the last."""
    if ordinal is None or not 1 <= abs(ordinal) <= len(options):
        return None
    return options[ordinal if ordinal < 0 else ordinal - 1]


def _names(action: Action, meaning: Meaning, facts: Facts) -> bool:
    """Whether a message names what this choice stands for: its time, its person, its doctor."""
    match action:
        case Pick(slot) if not filling.says_who(meaning) and meaning.answer != "no":
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
