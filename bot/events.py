"""What can happen to a dialog, what it may ask for, and what a step of it gives back."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import msgspec

from bot.messages import Action, Choice, Reply
from bot.state import State
from bot.understanding.meaning import Meaning
from core.scheduling.directory import Directory
from core.scheduling.slots import Slot, Wanted
from core.scheduling.visits import Visit
from core.scheduling.wishes import When


@dataclass(frozen=True)
class Facts:
    """What is known around a conversation when something happens. Not remembered: looked up anew each turn."""

    directory: Directory
    today: date  # the clinic's local day
    patients: tuple[tuple[int, str], ...] = ()  # id and first name of those this address speaks for
    reachable: bool = True  # reminders can be sent to this very address
    most_options: int = 3  # how many options the channel can show at once
    owner: int | None = None  # the patient whose own address this is


# --- events ----------------------------------------------------------------------------------------------------------


class Said(msgspec.Struct, frozen=True):
    """Words; with them the choices of the newest prompt that a digit may answer."""

    meaning: Meaning
    choices: tuple[Choice, ...] = ()


class Chose(msgspec.Struct, frozen=True):
    """A choice of some prompt, new or old."""

    action: Action


class ChoseNothing(msgspec.Struct, frozen=True):
    """A tap that belongs to no prompt of this conversation."""


class SlotsFound(msgspec.Struct, frozen=True):
    """The answer to FindSlots."""

    wanted: Wanted
    slots: tuple[Slot, ...]
    exact: bool


class SlotHeld(msgspec.Struct, frozen=True):
    """The answer to HoldSlot. `until` is local wall time."""

    hold: int
    until: datetime


class Booked(msgspec.Struct, frozen=True):
    """The answer to BookSlot."""

    visit: Visit
    already: bool


class PatientRegistered(msgspec.Struct, frozen=True):
    """The answer to RegisterPatient."""

    patient: int
    first_name: str


Purpose = Literal["show", "cancel", "choose"]
"""Why visits are looked up: to be shown, to call off the one that was meant, to ask which one is meant."""


class VisitsFound(msgspec.Struct, frozen=True):
    """The answer to FindVisits; when none is as described, all that are ahead."""

    purpose: Purpose
    visits: tuple[Visit, ...]
    as_described: bool


class Cancelled(msgspec.Struct, frozen=True):
    """The answer to Cancel; `keeps_time` says whether undo cannot fail."""

    visit: Visit
    keeps_time: bool


class Undone(msgspec.Struct, frozen=True):
    """The answer to TakeBack."""

    what: Literal["booking", "cancelling"]
    visit: Visit


class Released(msgspec.Struct, frozen=True):
    """The answer to ReleaseHold."""


class Refused(msgspec.Struct, frozen=True):
    """A request met an expected refusal. `slots` are the nearest times, where a time was wanted."""

    code: str
    slots: tuple[Slot, ...] = ()
    visit: int | None = None


class HoldExpired(msgspec.Struct, frozen=True):
    """From the clock: a hold has run out."""

    hold: int


Event = (
    Said
    | Chose
    | ChoseNothing
    | SlotsFound
    | SlotHeld
    | Booked
    | PatientRegistered
    | VisitsFound
    | Cancelled
    | Undone
    | Released
    | Refused
    | HoldExpired
)


# --- requests --------------------------------------------------------------------------------------------------------


class FindSlots(msgspec.Struct, frozen=True):
    """Look for times to offer."""

    wanted: Wanted


class HoldSlot(msgspec.Struct, frozen=True):
    """Keep a time while something is still to be answered."""

    slot: Slot


class BookSlot(msgspec.Struct, frozen=True):
    """Give a time to a patient."""

    slot: Slot
    patient: int


class RegisterPatient(msgspec.Struct, frozen=True):
    """Make a record for somebody new, and let this address speak for them."""

    name: str
    birth_date: date
    contact: str | None
    relationship: Literal["self", "dependent"]


class FindVisits(msgspec.Struct, frozen=True):
    """Look up what is ahead; described by whom it is with, for whom, or when, where anything of that was said."""

    purpose: Purpose
    practitioners: tuple[int, ...] = ()
    patients: tuple[int, ...] = ()
    whens: tuple[When, ...] = ()  # a doubtful time has several readings


class Cancel(msgspec.Struct, frozen=True):
    """Call a visit off."""

    visit: int


class TakeBack(msgspec.Struct, frozen=True):
    """Undo a booking or a cancellation."""

    what: Literal["booking", "cancelling"]
    visit: int


class ReleaseHold(msgspec.Struct, frozen=True):
    """Let go of what is held."""


Request = FindSlots | HoldSlot | BookSlot | RegisterPatient | FindVisits | Cancel | TakeBack | ReleaseHold


@dataclass(frozen=True)
class Turn:
    """What a step gives back: the next state, what to say, at most one request, and why staff should look, if they should."""

    state: State
    replies: tuple[Reply, ...] = ()
    request: Request | None = None
    handoffs: tuple[str, ...] = field(default=())
