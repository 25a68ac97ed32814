"""What can happen to a dialog, what it may ask for, and what a step of it gives back."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import msgspec

from bot.messages import Action, Choice, Reply, Version
from bot.state import State
from bot.understanding.meaning import Meaning
from core.scheduling.directory import Directory
from core.scheduling.reasons import Why
from core.scheduling.visits import Visit
from core.scheduling.wishes import Slot, Wanted, When


@dataclass(frozen=True)
class Facts:
    """What is known around a conversation when something happens. Not remembered: looked up anew each turn."""

    directory: Directory
    today: date  # the clinic's local day
    patients: tuple[tuple[int, str], ...] = ()  # id and first name of those this address speaks for
    reachable: bool = True  # reminders can be sent to this very address
    most_options: int = 3  # how many options the channel can show at once
    owner: int | None = None  # the patient whose own address this is
    is_demo: bool = False  # to be said, as somebody may take the clinic for a real one
    texts_to: tuple[
        str, ...
    ] = ()  # the countries to whose mobile numbers the clinic sends SMS; none where it sends none


# --- events ----------------------------------------------------------------------------------------------------------


class Said(msgspec.Struct, frozen=True):
    """Words; with them the choices of the newest prompt that a digit may answer, and what the message asks for besides.

    `crossed` are those of the prompt before, where the newest had only just come and the writer may not have seen it.
    """

    meaning: Meaning
    choices: tuple[Choice, ...] = ()
    besides: tuple[Meaning, ...] = ()
    crossed: tuple[Choice, ...] = ()


class Chose(msgspec.Struct, frozen=True):
    """A choice of some prompt, new or old."""

    action: Action


class ChoseNothing(msgspec.Struct, frozen=True):
    """A tap that belongs to no prompt of this conversation."""


class Received(msgspec.Struct, frozen=True):
    """Something that is no words; a file's kind once it is kept for staff, or why it is not."""

    what: Literal[
        "photo", "voice", "document", "too_large", "strange_type", "sticker", "place", "strange_contact", "unsupported"
    ]
    most: int = 0  # megabytes that a file may have
    said: Said | None = None  # words beside it
    album: str | None = None  # what it belongs to


class NumberGiven(msgspec.Struct, frozen=True):
    """The writer's own telephone number (E.164), proven by their channel."""

    number: str


class LinkUnknown(msgspec.Struct, frozen=True):
    """Somebody came by a link that is none of ours, or is over."""


class WroteInGroup(msgspec.Struct, frozen=True):
    """Somebody spoke to us where others read along."""


class SlotsFound(msgspec.Struct, frozen=True):
    """The answer to FindSlots."""

    wanted: Wanted
    slots: tuple[Slot, ...]
    exact: bool
    why: Why | None = None  # the wish could not be met


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


Purpose = Literal["show", "cancel", "which_to_cancel", "move", "move_to", "which_to_move", "confirm"]
"""Why visits are looked up: to be shown; to call off, move or confirm the one that was meant; to ask which one is meant.

`move_to` tells the new time apart; with `move` a time that was said may belong to the visit or be the new one.
"""


class NumberKept(msgspec.Struct, frozen=True):
    """The answer to KeepNumber."""


class VisitsFound(msgspec.Struct, frozen=True):
    """The answer to FindVisits; when none is as described, all that are ahead."""

    purpose: Purpose
    visits: tuple[Visit, ...]
    as_described: bool


class VisitFound(msgspec.Struct, frozen=True):
    """The answer to LookUpVisit: it can be changed, and is as it was."""

    why: Literal["show", "move"]
    visit: Visit


class Moved(msgspec.Struct, frozen=True):
    """The answer to Move; `was` is where it stood, `keeps_time` says whether undo cannot fail."""

    visit: Visit
    was: Slot
    keeps_time: bool
    already: bool = False


class Cancelled(msgspec.Struct, frozen=True):
    """The answer to Cancel; `keeps_time` says whether undo cannot fail."""

    visit: Visit
    keeps_time: bool


class Undone(msgspec.Struct, frozen=True):
    """The answer to TakeBack."""

    what: Literal["booking", "moving", "cancelling"]
    visit: Visit


class Released(msgspec.Struct, frozen=True):
    """The answer to ReleaseHold."""


class Refused(msgspec.Struct, frozen=True):
    """A request met an expected refusal. `slots` are the nearest times, where a time was wanted; `visit` as it is now."""

    code: str
    slots: tuple[Slot, ...] = ()
    visit: Visit | None = None
    why: Why | None = None  # a time is not to be had for another reason than that it was just taken


class Confirmed(msgspec.Struct, frozen=True):
    """The answer to Confirm; where some of the visits are not what they were, `refused` says so of one."""

    visits: tuple[Visit, ...]
    refused: Refused | None = None


class HoldExpired(msgspec.Struct, frozen=True):
    """From the clock: a hold has run out."""

    hold: int


# What staff do to a dialog. They come through the inbox as JSON, are checked against who has taken over, and then happen.


class TookOver(msgspec.Struct, frozen=True, tag="took_over"):
    """From staff: from now on they answer. `anyway` takes over from a colleague too."""

    name: str
    anyway: bool = False


class StaffSaid(msgspec.Struct, frozen=True, tag="said"):
    """From staff: words for the patient. They take over, if nobody has."""

    name: str
    text: str


class HandedBack(msgspec.Struct, frozen=True, tag="handed_back"):
    """From staff: the dialog goes on by itself."""


StaffAct = TookOver | StaffSaid | HandedBack

_ACT: msgspec.json.Decoder[StaffAct] = msgspec.json.Decoder(StaffAct)


def pack_act(act: StaffAct) -> bytes:
    """To JSON, for the inbox."""
    return msgspec.json.encode(act)


def unpack_act(packed: bytes) -> StaffAct:
    """From the inbox."""
    return _ACT.decode(packed)


Event = (
    Said
    | Chose
    | ChoseNothing
    | Received
    | NumberGiven
    | LinkUnknown
    | WroteInGroup
    | SlotsFound
    | SlotHeld
    | Booked
    | PatientRegistered
    | NumberKept
    | VisitsFound
    | VisitFound
    | Moved
    | Cancelled
    | Confirmed
    | Undone
    | Released
    | Refused
    | HoldExpired
    | StaffAct
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
    is_proven: bool  # the contact, by the channel that it came from
    relationship: Literal["self", "dependent"]


class KeepNumber(msgspec.Struct, frozen=True):
    """Note a proven telephone number of a patient."""

    patient: int
    number: str


class FindVisits(msgspec.Struct, frozen=True):
    """Look up what is ahead; described by whom it is with, for whom, or when, where anything of that was said."""

    purpose: Purpose
    practitioners: tuple[int, ...] = ()
    patients: tuple[int, ...] = ()
    whens: tuple[When, ...] = ()  # a doubtful time has several readings


class LookUpVisit(msgspec.Struct, frozen=True):
    """Is a visit still what it was at `sequence`? Without one, whatever it is now."""

    why: Literal["show", "move"]
    visit: int
    sequence: int | None = None


class Move(msgspec.Struct, frozen=True):
    """Give a visit another time."""

    visit: int
    sequence: int
    slot: Slot


class Cancel(msgspec.Struct, frozen=True):
    """Call a visit off."""

    visit: int
    sequence: int | None = None


class TakeBack(msgspec.Struct, frozen=True):
    """Undo a booking, a move or a cancellation."""

    what: Literal["booking", "moving", "cancelling"]
    visit: int
    sequence: int | None = None


class Confirm(msgspec.Struct, frozen=True):
    """Note that they come to these visits."""

    visits: tuple[Version, ...]


class ReleaseHold(msgspec.Struct, frozen=True):
    """Let go of what is held."""


Request = (
    FindSlots
    | HoldSlot
    | BookSlot
    | RegisterPatient
    | KeepNumber
    | FindVisits
    | LookUpVisit
    | Move
    | Cancel
    | Confirm
    | TakeBack
    | ReleaseHold
)


@dataclass(frozen=True)
class Turn:
    """What a step gives back: the next state, what to say, at most one request, and why staff should look, if they should."""

    state: State
    replies: tuple[Reply, ...] = ()
    request: Request | None = None
    handoffs: tuple[str, ...] = field(default=())
