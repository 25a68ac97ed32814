"""What a message means, as data: the same for every channel and every flow."""

from datetime import date, datetime, time, timedelta
from typing import Literal

import msgspec

from core.scheduling.directory import Directory
from core.scheduling.wishes import DayRange, TimeRange, When

__all__ = ["Context", "DayRange", "Entity", "Guess", "Guessed", "Intent", "Meaning", "TimeRange", "When"]

Intent = Literal[
    "book",
    "cancel",  # in the middle of a booking that booking, otherwise a visit
    "stop",  # "never mind": of what is being talked about, never of a visit
    "cancel_visit",  # "cancel my appointment"
    "coming",  # "I'll be there"
    "absent",  # "I can't make it", whatever shall become of the visit
    "move",  # "reschedule my appointment"
    "move_it",  # "move it to Friday": of what is being booked or was just booked, otherwise a visit
    "instead",  # "make it 4": of what is being booked or was just booked
    "visits",  # "when is my appointment?"
    "undo",
    "more",  # "other times", "something later"
    "earlier",  # than what is on offer, or than a visit that is booked
    "other_doctor",  # than those on offer
    "in_place",  # "Dr Lee instead": in the place of what is talked about
    "also",  # beside what is booked already, not in its place
    "other_day",
    "repeat",  # "what did you say?"
    "help",
    "hours",
    "address",
    "price",
    "policy",  # "until when can I cancel?"
    "privacy",  # "what do you do with my data?"
    "insurance",  # "do you take Aetna?"
    "language",  # "does Dr Lee speak Spanish?"
    "doctor",  # "tell me about Dr Lee"
    "person",  # "let me talk to somebody"
    "why",  # "what do you need that for?", "skip"
    "restart",
    "back",
    "greeting",
    "thanks",
    "goodbye",
    "find",  # "I am looking for a dentist": somebody to see, before a time is
    "keep",  # "don't cancel it"
    "maybe",  # "I am not sure yet"
    "any",  # "I do not mind which"
    "confirm",  # "is my appointment confirmed?"
    "change",  # something shall be different, whatever it is
    "end",  # something shall end or be called off, whatever it is
    "visit",  # it is about a visit, whatever is wanted of it
    "when",  # when something is, whatever it is
    "explain",  # "what do you mean?"
    "praise",  # "you are wonderful"
    "phone",  # "what is your number?"
    "rating",  # "how is she rated?"
    "services",  # "do you offer cosmetic services?"
    "late",  # "I am running late"
    "waiting_list",  # "tell me if something earlier comes free"
    "records",  # "my lab results", "a sick note"
    "prescription",
    "bill",
    "receipt",
    "feedback",  # "I want to complain"
    "export",  # "what do you know about me?"
    "forget",  # "delete my data"
    "abuse",
    "change_language",  # "can we speak Spanish?"
]


Guessed = Intent | Literal["yes", "no"]
"""What may be guessed of a message that does not say it in so many words."""


class Guess(msgspec.Struct, frozen=True):
    """What a message seems to want, and how likely that is, from 0 to 1."""

    what: Guessed
    confidence: float


class Entity(msgspec.Struct, frozen=True, omit_defaults=True):
    """One date or time as it stands in the text, in the form in which corpora of dates are scored.

    `kind` is date, time, datetime, daterange, timerange, datetimerange or set; `value`, or `start` and `end` (exclusive), are
    ISO 8601 local values.
    """

    kind: str
    text: str
    value: str | None = None
    start: str | None = None
    end: str | None = None


class Meaning(msgspec.Struct, frozen=True):
    """All that one message says. Empty fields were not said."""

    text: str = ""
    emergency: bool = False
    intents: tuple[Intent, ...] = ()
    answer: Literal["yes", "no"] | None = None
    guesses: tuple[Guess, ...] = ()  # what it seems to want besides, the likeliest first: never enough to act upon
    number: int | None = None  # a bare "2", "2.", "#2", "2 please", "two": an answer to numbered choices
    ordinal: int | None = None  # "the second one" is 2, "the last" is -1
    practitioners: tuple[int, ...] = ()  # ids; more than one when the name fits several
    not_practitioners: tuple[int, ...] = ()  # "not Dr Lee", whoever else
    unknown_practitioner: str | None = None  # "Dr Nobody" where the directory has none
    specialties: tuple[str, ...] = ()  # codes
    visit_types: tuple[int, ...] = ()  # ids
    locations: tuple[int, ...] = ()  # ids
    insurances: tuple[int, ...] = ()  # ids
    speaks: str | None = None  # ISO 639-1: "a doctor who speaks Spanish"
    mode: Literal["in_person", "video"] | None = None
    best_rated: bool = False
    patients: tuple[int, ...] = ()  # ids of people known at this address, by first name
    someone_else: bool = False  # "for my son", nobody named
    myself: bool = False  # "for me"
    refuses: bool = False  # "Nina, not Leo": somebody is named who is not meant
    same: bool = False  # "the same for Nina"
    when: When | None = None
    # Where a time has two readings ("3/4", "at 8"): both, and `when` is None. The dialog asks.
    readings: tuple[When, ...] = ()
    # "Move my Tuesday visit to Friday": the time that the visit has now; None where nothing tells the two apart.
    moves_from: tuple[When, ...] | None = None
    shift: timedelta | None = None  # "half an hour later", of a visit that is to move
    impossible_date: str | None = None  # "30 February", as written
    past_date: str | None = None  # a day that is over, as written
    name: str | None = None  # "my name is Ana Lima", or any plausible name where a name was asked
    birth_date: date | None = None
    email: str | None = None
    phone: str | None = None  # E.164
    entities: tuple[Entity, ...] = ()


Asked = Literal["name", "birth_date", "contact"]


class Context(msgspec.Struct, frozen=True):
    """What understanding may know besides the words."""

    reference: datetime  # the moment the message was sent, in the clinic's local time, naive
    directory: Directory
    language: str = "en"
    asked: Asked | None = None  # the open question, where free text answers it
    patients: tuple[tuple[int, str], ...] = ()  # id and name of those known at this address
    asked_whom: bool = False  # the open question is for whom a visit is: a name may hold a typo
    opens: time = time(0)  # the earliest and latest hour any practitioner works: tells "at 3" from 03:00
    closes: time = time(0)  # 00:00 is the end of the day
    region: str = "US"  # for phone numbers without a country code
