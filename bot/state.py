"""What a conversation remembers between messages: steps that are open, and the draft of a visit."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Literal

import msgspec

from bot.messages import Undo
from bot.understanding.meaning import Asked, Meaning
from core.scheduling.visits import Visit
from core.scheduling.wishes import Slot, Wanted, When

VERSION = 2  # raise it when a field changes its name or its sense, and say in `_UPGRADES` how an older state is read

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
    "moving.which",
]


ASKED: dict[str, Asked] = {"booking.name": "name", "booking.birth_date": "birth_date", "booking.contact": "contact"}
"""The steps that nearly any words may answer, and what understanding calls their questions."""


class Draft(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the patient has told us so far about the visit they want. Filled in any order."""

    practitioner: int | None = None
    practitioners: tuple[int, ...] = ()  # the name they gave fits several
    not_practitioners: tuple[int, ...] = ()  # whom they do not want
    specialty: str | None = None
    visit_type: int | None = None
    location: int | None = None
    insurance: int | None = None
    language: str | None = None  # that the doctor shall speak
    mode: Literal["in_person", "video"] | None = None
    best_rated: bool = False
    shift: timedelta | None = None  # of a wish to move: how much later than the visit is
    sooner: bool = False  # of a wish to move: before the visit's own time
    when: When | None = None
    readings: tuple[When, ...] = ()  # of a time that could mean two
    after: datetime | None = None  # of "more times": where the last list ended
    whom: Literal["known", "new"] | None = None
    dependent: bool = False  # somebody else than the writer
    patient: int | None = None
    slot: Slot | None = None
    moving: Visit | None = None  # the visit that gets another time, as it was when that began
    hold: int | None = None
    lapsed: Slot | None = None  # was held, and is no longer
    name: str | None = None
    birth_date: date | None = None
    contact: str | None = None
    contact_is_proven: bool = False

    @property
    def says_what(self) -> bool:
        """Whether we know who or what the visit is about."""
        return (self.practitioner, self.specialty, self.visit_type) != (None, None, None) and not self.practitioners

    def wanted(self) -> Wanted:
        """What to look for."""
        return Wanted(
            self.practitioner,
            self.specialty,
            self.visit_type,
            self.location,
            self.when or When(),
            self.after,
            moving=None if self.moving is None else self.moving.id,
            instead_of=None if self.moving is None else self.moving.slot,
            patient=self.patient,
            insurance=self.insurance,
            language=self.language,
            mode=self.mode,
            best_rated=self.best_rated,
        )


class State(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="version", tag=VERSION):
    """The whole memory of a dialog. `stack` holds the open steps, the current one last; empty is at rest."""

    language: str = "en"
    stack: tuple[Step, ...] = ()
    draft: Draft = Draft()
    trail: tuple[Draft, ...] = ()  # earlier drafts, for "back"
    misses: int = 0  # messages in a row that were not understood
    undoable: Undo | None = None
    wish: Draft = Draft()  # to when a visit shall move, while it is asked which one
    last: Slot | None = None  # what was booked last, for "the same for Nina"
    later: tuple[Meaning, ...] = ()  # what was asked for too, and has its turn once nothing is open
    greeted: bool = False
    album: str | None = None  # the last one of which files came: they are answered once
    asked: int | None = None  # a checksum of the last question: it does not come again without a reason
    lost: bool = False  # what was remembered could not be read: say so, once

    @property
    def step(self) -> Step | None:
        """The question that is open."""
        return self.stack[-1] if self.stack else None


class _Numbered(msgspec.Struct):
    version: int = 1  # which wrote no number


_STATE = msgspec.json.Decoder(State)
_VERSION = msgspec.json.Decoder(_Numbered)
_ANY = msgspec.json.Decoder(dict[str, Any])

_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    1: lambda old: old,  # version 2 has more fields, and all of them may be missing
}
"""How the state of a version is read by the next one."""


def pack(state: State) -> bytes:
    """To versioned JSON."""
    return msgspec.json.encode(state)


def unpack(packed: bytes | None) -> State:
    """From versioned JSON, of this version or an older one; what cannot be read starts afresh, for a dead dialog helps nobody."""
    if packed is None:
        return State()
    try:
        state = _read(packed)
    except (msgspec.DecodeError, KeyError):
        return LOST
    return LOST if flaw(state) else state


def flaw_of(packed: bytes) -> str | None:
    """Why a stored state cannot be gone on with, or None when it can."""
    try:
        return flaw(_read(packed))
    except msgspec.DecodeError:
        return "cannot be read"
    except KeyError:
        return "is of another version"


def _read(packed: bytes) -> State:
    """Raises DecodeError, or KeyError for a version without a way to this one."""
    version = _VERSION.decode(packed).version
    if version == VERSION:
        return _STATE.decode(packed)
    old = _ANY.decode(packed)
    for number in range(version, VERSION) if version < VERSION else [version]:
        old = _UPGRADES[number](old)
    return msgspec.convert(old | {"version": VERSION}, State)


LOST = State(greeted=True, lost=True)
"""What is left of a dialog whose memory cannot be read."""


_NEEDS_SLOT = {"booking.name", "booking.birth_date", "booking.contact"}


def flaw(state: State) -> str | None:
    """Why the declared machine could never be in this state, or None when it can."""
    draft = state.draft
    if len(state.stack) > 2 or len(set(state.stack)) != len(state.stack):
        return "steps are stacked that do not stack"
    if len(state.stack) == 2 and state.step not in ("changing.which", "moving.which"):
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
