"""The files that make a clinic, and their columns: what each holds, and how it is read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.exchange import cells
from core.exchange.cells import Parse


@dataclass(frozen=True)
class Column:
    """One column: how its cells are read, what it means, and whether it may be left out."""

    name: str
    parse: Parse
    about: str
    required: bool = False
    empty: Any = None  # what a missing cell means
    dated: bool = False  # holds dates, which programs write in many ways


@dataclass(frozen=True)
class Kind:
    """One file, and by which columns it knows a row. Of a `whole_of` file all rows of one owner replace what the owner had."""

    name: str
    about: str
    columns: tuple[Column, ...]
    whole_of: str | None = None
    key: tuple[str, ...] = ("id",)

    @property
    def column(self) -> Mapping[str, Column]:
        """The columns by name."""
        return {column.name: column for column in self.columns}


def _must(name: str, parse: Parse, about: str, *, dated: bool = False) -> Column:
    return Column(name, parse, about, required=True, dated=dated)


_POLICY = (
    Column("lead_minutes", cells.minutes(0, 100_000), "nothing is offered that begins sooner"),
    Column("horizon_days", cells.days(1, 3_650), "nor later"),
    Column("notice_hours", cells.hours(0, 2_000), "patients may move or cancel by themselves until so long before"),
    Column("hold_minutes", cells.minutes(1, 1_440), "how long a time is kept while somebody answers"),
    Column("most_ahead", cells.number(0, 1_000), "how many visits one patient may have ahead"),
    Column(
        "booked_by", cells.choice("anybody", "known", "staff"), "who may book: anybody, known patients, staff alone"
    ),
)


def kinds(region: str = "US", today: date = date.max) -> tuple[Kind, ...]:
    """Every file, in the order in which they need each other; phone numbers without prefix are of `region`.

    What locks schedules comes last, so that they are locked as shortly as may be. Whoever reads rows says which day it is: nobody is born later.
    """
    phone = cells.phone(region)
    return (
        Kind("organization", "the clinic itself: one row", (
            _must("name", cells.text, "the full name"),
            _must("short_name", cells.text, "names the sender of a message"),
            Column("locale", cells.locale, "how dates and prices are written, such as en_US", empty="en_US"),
            Column("phone", cells.dialled, "as patients dial it"),
            Column("privacy_page", cells.link, "what the clinic does with people's data"),
            *_POLICY,
        ), key=()),
        Kind("locations", "where patients are seen", (
            _must("id", cells.key, "what you call it elsewhere"),
            _must("name", cells.text, "as patients know it"),
            _must("address", cells.text, "street and town"),
            _must("zone", cells.zone, "time zone, such as America/New_York"),
            _must("emergency_number", cells.dialled, "to call in an emergency, such as 911"),
            Column("phone", cells.dialled, "as patients dial it"),
            Column("privacy_page", cells.link, "where it has one of its own"),
        )),
        Kind("opening_hours", "when a location is open, as patients are told", (
            _must("location", cells.key, "its id"),
            _must("weekdays", cells.weekdays, "such as Mon-Fri"),
            _must("opens", cells.clock, "such as 8:00"),
            _must("closes", cells.clock, "such as 18:00; 24:00 is midnight"),
        ), whole_of="location", key=()),
        Kind("holidays", "days on which a location is closed", (
            Column("location", cells.key, "its id; empty for all"),
            _must("date", cells.day, "such as 2026-12-25", dated=True),
            Column("name", cells.text, "such as Christmas Day; empty: open after all"),
        ), key=("location", "date")),
        Kind("departments", "parts of the clinic", (
            _must("id", cells.key, "what you call it elsewhere"),
            _must("name", cells.text, "as patients know it"),
        )),
        Kind("insurances", "who pays", (
            _must("id", cells.key, "what you call it elsewhere"),
            _must("name", cells.text, "the full name"),
            Column("words", cells.words, "what patients call it, separated by |", empty=()),
        )),
        Kind("visit_types", "what a visit can be for", (
            _must("id", cells.key, "what you call it elsewhere"),
            _must("name", cells.text, "as patients read it"),
            _must("minutes", cells.minutes(1, 1_440), "how long it takes"),
            Column("specialty", cells.specialty, "such as dermatology; frontdesk setup --specialties lists them"),
            Column("words", cells.words, "what patients call it, separated by |", empty=()),
            Column("minutes_before", cells.minutes(0, 600), "kept free before it", empty=cells.minutes(0, 600)("0")),
            Column("minutes_after", cells.minutes(0, 600), "kept free after it", empty=cells.minutes(0, 600)("0")),
            Column("preparation", cells.text, "what to bring or to know", empty=""),
            Column("mode", cells.choice("in_person", "video"), "in_person or video", empty="in_person"),
            Column("price", cells.money, "such as 120.00"),
            Column("currency", cells.currency, "such as USD"),
            *_POLICY,
        )),
        Kind("practitioners", "who sees patients", (
            _must("id", cells.key, "what you call them elsewhere"),
            Column("title", cells.text, "such as Dr", empty=""),
            _must("given_name", cells.text, ""),
            _must("family_name", cells.text, ""),
            _must("specialties", cells.specialties, "such as dermatology, separated by |, the main one first; frontdesk setup --specialties lists them"),
            _must("visit_types", cells.keys, "ids, separated by |; the first is meant when a patient says nothing"),
            Column("department", cells.key, "its id"),
            Column("languages", cells.language, "codes, such as en|es", empty=()),
            Column("insurances", cells.keys, "ids, separated by |", empty=()),
            Column("about", cells.text, "a few words for patients", empty=""),
            Column("photo", cells.link, "address of a picture"),
            Column("video_link", cells.link, "where their video visits take place"),
            Column("seats", cells.number(1, 100), "patients at the same time", empty=1),
            Column("accepts_new", cells.yes, "whether they take patients they have never seen", empty=True),
            Column("rating", cells.rating, "mean of the stars, 1 to 5"),
            Column("rating_count", cells.number(0, 10_000_000), "how many rated", empty=0),
            Column("active", cells.yes, "no: they have left", empty=True),
        )),
        Kind("patients", "who is known already", (
            _must("id", cells.key, "such as the number of their record"),
            _must("name", cells.text, "the full name"),
            _must("birth_date", cells.birth_date(today), "such as 1990-05-03", dated=True),
            Column("phone", phone, "such as +1 207 555 0100"),
            Column("email", cells.email, ""),
        )),
        Kind("hours", "when practitioners see patients, by the wall clock of the place", (
            _must("practitioner", cells.key, "their id"),
            _must("location", cells.key, "its id"),
            Column("weekdays", cells.weekdays, "such as Mon-Fri; empty where a date is given", empty=()),
            Column("date", cells.day, "extra hours on one day", dated=True),
            _must("from", cells.clock, "such as 9:00"),
            _must("until", cells.clock, "such as 12:30; 24:00 is midnight"),
            Column("every_minutes", cells.minutes(1, 1_440), "visits may start so often", empty=cells.minutes(1, 99)("20")),
            Column("valid_from", cells.day, "first day on which this holds", dated=True),
            Column("valid_until", cells.day, "last day on which this holds", dated=True),
        ), whole_of="practitioner", key=()),
        Kind("time_off", "when practitioners do not work all the same", (
            _must("practitioner", cells.key, "their id"),
            _must("from", cells.day_or_moment, "a day, or a local date and time", dated=True),
            _must("until", cells.day_or_moment, "the last day, or a local date and time", dated=True),
            Column("reason", cells.text, "for staff alone, never told to patients", empty=""),
        ), whole_of="practitioner", key=()),
        Kind("visits", "what is booked already", (
            _must("id", cells.key, "what you call it elsewhere"),
            _must("patient", cells.key, "their id"),
            _must("practitioner", cells.key, "their id"),
            _must("visit_type", cells.key, "its id"),
            _must("location", cells.key, "its id"),
            _must("start", cells.moment, "local date and time, such as 2026-03-09 14:30", dated=True),
            Column("minutes", cells.minutes(1, 1_440), "where it is longer or shorter than its kind"),
            Column("status", cells.choice("booked", "fulfilled", "noshow", "cancelled"), "empty: booked, or fulfilled once it is over"),
            Column("overbooked", cells.yes, "squeezed in on purpose, beside another visit"),
        )),
    )  # fmt: skip
