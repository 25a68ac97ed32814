"""What a conversation remembers between messages: steps that are open, and the draft of a visit."""

from datetime import date, datetime
from typing import Literal

import msgspec

from bot.messages import Undo
from bot.understanding.meaning import Asked
from core.scheduling.slots import Slot, Wanted
from core.scheduling.wishes import When

VERSION = 1

Step = Literal[
    "booking.what",
    "booking.reading",
    "booking.whom",
    "booking.time",
    "booking.day",
    "booking.name",
    "booking.birth_date",
    "booking.contact",
    "changing.which",
]


ASKED: dict[str, Asked] = {"booking.name": "name", "booking.birth_date": "birth_date", "booking.contact": "contact"}
"""The steps that nearly any words may answer, and what understanding calls their questions."""


class Draft(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the patient has told us so far about the visit they want. Filled in any order."""

    practitioner: int | None = None
    practitioners: tuple[int, ...] = ()  # the name they gave fits several
    specialty: str | None = None
    visit_type: int | None = None
    location: int | None = None
    when: When | None = None
    readings: tuple[When, ...] = ()  # of a time that could mean two
    after: datetime | None = None  # of "more times": where the last list ended
    whom: Literal["known", "new"] | None = None
    dependent: bool = False  # somebody else than the writer
    patient: int | None = None
    slot: Slot | None = None
    hold: int | None = None
    name: str | None = None
    birth_date: date | None = None
    contact: str | None = None

    @property
    def says_what(self) -> bool:
        """Whether we know who or what the visit is about."""
        return (self.practitioner, self.specialty, self.visit_type) != (None, None, None) and not self.practitioners

    def wanted(self) -> Wanted:
        """What to look for."""
        return Wanted(
            self.practitioner, self.specialty, self.visit_type, self.location, self.when or When(), self.after
        )


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """The whole memory of a dialog. `stack` holds the open steps, the current one last; empty is at rest."""

    version: int = VERSION
    language: str = "en"
    stack: tuple[Step, ...] = ()
    draft: Draft = Draft()
    trail: tuple[Draft, ...] = ()  # earlier drafts, for "back"
    misses: int = 0  # messages in a row that were not understood
    undoable: Undo | None = None
    last: Slot | None = None  # what was booked last, for "the same for Nina"
    greeted: bool = False

    @property
    def step(self) -> Step | None:
        """The question that is open."""
        return self.stack[-1] if self.stack else None


_STATE = msgspec.json.Decoder(State)


def pack(state: State) -> bytes:
    """To versioned JSON."""
    return msgspec.json.encode(state)


def unpack(packed: bytes | None) -> State:
    """From versioned JSON; what cannot be read any more starts afresh, for a dead dialog helps nobody."""
    if packed is None:
        return State()
    return State() if flaw_of(packed) is not None else _STATE.decode(packed)


def flaw_of(packed: bytes) -> str | None:
    """Why a stored state cannot be gone on with, or None when it can."""
    try:
        state = _STATE.decode(packed)
    except msgspec.DecodeError:
        return "cannot be read"
    return flaw(state) if state.version == VERSION else "is of another version"


_NEEDS_SLOT = {"booking.name", "booking.birth_date", "booking.contact"}


def flaw(state: State) -> str | None:
    """Why the declared machine could never be in this state, or None when it can."""
    draft = state.draft
    if len(state.stack) > 2 or len(set(state.stack)) != len(state.stack):
        return "steps are stacked that do not stack"
    if len(state.stack) == 2 and state.step != "changing.which":
        return "only a change may interrupt a booking"
    if draft.slot is None and _NEEDS_SLOT & set(state.stack):
        return "asks who comes before a time was chosen"
    if draft.hold is not None and draft.slot is None:
        return "holds a time that was not chosen"
    if draft.whom == "known" and draft.patient is None:
        return "for a known patient, but for nobody"
    if "booking.reading" in state.stack and not draft.readings:
        return "asks between readings and has none"
    return None
