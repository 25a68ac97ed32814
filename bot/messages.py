"""What channels and dialog exchange: what came in, what to say, and what may be chosen.

Replies hold keys and values. They are worded when they are sent, in the reader's language, by `bot.texts`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import msgspec

from core.scheduling.visits import Visit
from core.scheduling.wishes import Slot, Wanted, When


class Receipt(msgspec.Struct, frozen=True):
    """By what a vendor is told that a tap has arrived: the tap itself, and the message whose button it was."""

    tap: str
    message: str | None = None


class Words(msgspec.Struct, frozen=True):
    """Text; perhaps after a command such as /book, or after a link was followed, which carried `reference`."""

    text: str = ""
    command: str | None = None
    reference: str | None = None


class Tap(msgspec.Struct, frozen=True):
    """A tap on the `number`th choice (from 1) of the prompt `token`."""

    token: str
    number: int
    receipt: Receipt | None = None


class OwnNumber(msgspec.Struct, frozen=True):
    """The writer's own telephone number, as their channel has proven it; in international form, perhaps without the plus."""

    number: str


class Upload(msgspec.Struct, frozen=True):
    """A file, which we do not have yet: `reference` is what its vendor gives it out for. `others` came with it.

    Those of one `album` belong together, though they came by themselves.
    """

    kind: Literal["photo", "voice", "document"]
    reference: str
    media_type: str = ""
    size: int | None = None  # bytes, where the vendor says
    caption: str = ""
    album: str | None = None
    others: "tuple[Upload, ...]" = ()


class Other(msgspec.Struct, frozen=True):
    """Something that is neither words nor a file for staff."""

    what: Literal["sticker", "place", "strange_contact", "unsupported"]
    caption: str = ""


class InGroup(msgspec.Struct, frozen=True):
    """Something in a chat where others read along; `addressed` says that it was meant for us."""

    addressed: bool = False
    receipt: Receipt | None = None


class Presence(msgspec.Struct, frozen=True):
    """Whether the person still lets us write to them, as they have just decided."""

    reachable: bool


class OptOut(msgspec.Struct, frozen=True):
    """They want no more messages, in words that the law knows; `wording` says in which. CANCEL may have meant a visit."""

    wording: str
    is_cancel: bool = False


class OptIn(msgspec.Struct, frozen=True):
    """They want messages again; `otherwise` is what those said who had never left."""

    wording: str
    otherwise: str | None = None


class Nothing(msgspec.Struct, frozen=True):
    """Nothing that asks for an answer."""


Inbound = Words | Tap | OwnNumber | Upload | Other | InGroup | Presence | OptOut | OptIn | Nothing
"""A message, free of its channel."""


@dataclass(frozen=True)
class Manner:
    """How one talks on a channel, as far as the dialog cares."""

    reachable: bool = True  # a reminder can be sent to the very address that writes
    most_options: int = 3  # how many options can be shown at once
    is_demo: bool = False  # an invented clinic, where people may take it for a real one
    patience: int = 1  # how many times longer than usual a time is kept while somebody answers
    texts_to: tuple[
        str, ...
    ] = ()  # the countries to whose mobile numbers the clinic sends SMS; none where it sends none


# --- what can be put into a sentence ---------------------------------------------------------------------------------


class Moment(msgspec.Struct, frozen=True, tag="moment"):
    """A local wall time, naive; `zone` is named only where it differs from the clinic's own."""

    local: datetime
    zone: str | None = None


class Day(msgspec.Struct, frozen=True, tag="day"):
    """A local day."""

    on: date


class Span(msgspec.Struct, frozen=True, tag="span"):
    """A length of time."""

    minutes: int


class Price(msgspec.Struct, frozen=True, tag="price"):
    """An amount in the smallest unit of its currency."""

    amount: int
    currency: str


class Language(msgspec.Struct, frozen=True, tag="language"):
    """Languages, by their ISO 639-1 codes."""

    codes: tuple[str, ...]


class Countries(msgspec.Struct, frozen=True, tag="countries"):
    """Countries, by their ISO 3166 codes."""

    codes: tuple[str, ...]


class Wish(msgspec.Struct, frozen=True, tag="wish"):
    """Days and times somebody asked for."""

    when: When


class Say(msgspec.Struct, frozen=True, tag="say"):
    """A sentence, or a piece of one, by its key in the catalog, with what is to be put into it."""

    key: str
    values: "dict[str, Value]" = {}


class Parts(msgspec.Struct, frozen=True, tag="parts"):
    """Pieces of a sentence in a row."""

    says: tuple[Say, ...]


Value = str | int | Moment | Day | Span | Price | Language | Countries | Wish | Say | Parts


# --- what a choice means: complete in itself, so that an old one still does what it says, or explains ----------------


class Pick(msgspec.Struct, frozen=True, tag="pick"):
    """Take this time, for this patient; without one, hold it and ask who comes. Or move a visit there."""

    slot: Slot
    patient: int | None = None
    moving: Visit | None = None


class MoreTimes(msgspec.Struct, frozen=True, tag="more"):
    """Show what comes after these offers."""

    wanted: Wanted
    patient: int | None = None
    moving: Visit | None = None


class OtherDay(msgspec.Struct, frozen=True, tag="other_day"):
    """Ask which day or time would suit."""


class Want(msgspec.Struct, frozen=True, tag="want"):
    """See this practitioner, or somebody of this specialty, or come for this kind of visit."""

    practitioner: int | None = None
    specialty: str | None = None
    visit_type: int | None = None


class ForPatient(msgspec.Struct, frozen=True, tag="for"):
    """The visit is for a patient known here; None is somebody new."""

    patient: int | None = None


class Mean(msgspec.Struct, frozen=True, tag="mean"):
    """This is what the doubtful time meant: one reading, or those that are left."""

    readings: tuple[When, ...]


class ShowVisit(msgspec.Struct, frozen=True, tag="show"):
    """Look at this visit, to change it perhaps."""

    visit: int


class CancelVisit(msgspec.Struct, frozen=True, tag="cancel"):
    """Call this visit off, as it was when this was offered (`sequence`)."""

    visit: int
    sequence: int | None = None


class MoveVisit(msgspec.Struct, frozen=True, tag="move"):
    """Find another time for this visit, as it was when this was offered (`sequence`)."""

    visit: int
    sequence: int | None = None


class Version(msgspec.Struct, frozen=True):
    """A visit as it was when somebody was told of it: it began at this wall time of its place."""

    visit: int
    sequence: int
    local_start: datetime


class ConfirmVisits(msgspec.Struct, frozen=True, tag="confirm"):
    """They come, to all of these."""

    visits: tuple[Version, ...]


class ChooseVisit(msgspec.Struct, frozen=True, tag="choose"):
    """Move or call off one of the visits of a local day: which one, is asked."""

    what: Literal["move", "cancel"]
    on: date


class Undo(msgspec.Struct, frozen=True, tag="undo"):
    """Take back the last step with this visit, which left it at `sequence`."""

    what: Literal["booking", "moving", "cancelling"]
    visit: int
    sequence: int | None = None


class CallPerson(msgspec.Struct, frozen=True, tag="person"):
    """Ask for a person."""


Action = (
    Pick
    | MoreTimes
    | OtherDay
    | Want
    | ForPatient
    | Mean
    | ShowVisit
    | MoveVisit
    | CancelVisit
    | ConfirmVisits
    | ChooseVisit
    | Undo
    | CallPerson
)


class Choice(msgspec.Struct, frozen=True):
    """One thing to choose. `kind` gives it its digit where there are no buttons: options 1 to 3, more 4, change 9, a person 0."""

    label: Say
    action: Action
    kind: Literal["option", "more", "back", "change", "person"] = "option"


_DIGITS = {
    "more": 4,
    "change": 9,
    "person": 0,
    "back": 99,
}  # the last is for buttons alone: where there are digits, one says "back"


def by_digit(choices: Sequence[Choice]) -> dict[int, Choice]:
    """The choices by the digit that answers them, in the order in which they are shown."""
    options = [choice for choice in choices if choice.kind == "option"]
    fixed = {_DIGITS[choice.kind]: choice for choice in choices if choice.kind != "option"}
    return dict(enumerate(options, start=1)) | fixed


class Happened(msgspec.Struct, frozen=True):
    """A fact that a reply tells of, for transcripts, tests and the console."""

    event: Literal[
        "booked",
        "held",
        "moved",
        "moved_back",
        "cancelled",
        "restored",
        "unbooked",
        "confirmed",
        "refused",
        "handed_over",
    ]
    facts: dict[str, str | int | None] = {}


class Reply(msgspec.Struct, frozen=True):
    """One message of the clinic: sentences, then what may be chosen. `passing` is enough as a note that goes away by itself."""

    says: tuple[Say, ...]
    choices: tuple[Choice, ...] = ()
    happened: tuple[Happened, ...] = ()
    passing: bool = False
    asks_number: bool = False  # their telephone number, which some channels can share and prove by a button


NoticeKind = Literal[
    "reminder", "visit_moved", "visit_cancelled", "waiting_list", "agenda", "bill", "feedback", "message"
]
"""What the clinic says unasked."""


class Payload(msgspec.Struct, frozen=True, omit_defaults=True):
    """A reply as the outbox keeps it; the token makes its choices tappable.

    `receipt` is of the tap that it answers; a page of a longer list may stand `in_place` of the one whose button that was.
    A `notice` is sent unasked: some channels let it through only by a text that was approved before, in which the values of its first
    sentence are put; its choices are the buttons of that text, in that order.
    """

    reply: Reply
    language: str
    token: str | None = None
    receipt: Receipt | None = None
    in_place: bool = False
    notice: NoticeKind | None = None


_PAYLOAD = msgspec.json.Decoder(Payload)
_CHOICES = msgspec.json.Decoder(tuple[Choice, ...])


def pack(value: Payload | Reply | Sequence[Choice]) -> bytes:
    """To JSON, for the outbox and the prompts."""
    return msgspec.json.encode(value)


def unpack_payload(packed: bytes) -> Payload:
    """From the outbox."""
    return _PAYLOAD.decode(packed)


def unpack_choices(packed: bytes) -> tuple[Choice, ...]:
    """From a prompt."""
    return _CHOICES.decode(packed)
