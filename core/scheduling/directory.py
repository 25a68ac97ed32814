"""The clinic as a patient may know it: who works there, on what, and where."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select

from core.database import Session
from core.people.organization import departments, locations, opening_hours, organization
from core.people.practitioners import insurances, practitioner_insurances, practitioner_specialties, practitioners
from core.scheduling.policies import DEFAULT, Policy, policies, settled
from core.scheduling.schedules import weekly_hours
from core.scheduling.visit_types import practitioner_visit_types, specialties, specialty_words, visit_types


@dataclass(frozen=True)
class Organization:
    """The clinic: its name, and how it writes dates and prices."""

    name: str = ""
    short_name: str = ""
    locale: str = "en_US"
    phone: str | None = None
    is_demo: bool = False
    privacy_url: str | None = None
    policy: Policy = DEFAULT

    @property
    def region(self) -> str:
        """The country whose phone numbers need no prefix, as ISO 3166."""
        return self.locale.partition("_")[2] or "US"


@dataclass(frozen=True)
class Specialty:
    """A field of medicine, with the words that lay people use for it."""

    code: str
    label: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Insurance:
    """Who pays; its words are what patients call it."""

    id: int
    name: str
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Practitioner:
    """Somebody who sees patients; the first of the visit types is what is meant when nothing is said."""

    id: int
    title: str
    given_name: str
    family_name: str
    specialties: tuple[str, ...]
    visit_types: tuple[int, ...]
    video_url: str | None = None
    is_active: bool = True
    department: str | None = None
    about: str = ""
    photo_url: str | None = None
    languages: tuple[str, ...] = ()  # ISO 639-1
    insurances: tuple[int, ...] = ()
    accepts_new: bool = True  # patients they have never seen
    rating: float | None = None  # mean of the stars, 1 to 5
    rating_count: int = 0

    @property
    def display_name(self) -> str:
        """The name as patients say it: "Dr Lee"."""
        return f"{self.title} {self.family_name}".strip()


@dataclass(frozen=True)
class VisitType:
    """What a visit is for; its words are what patients call it."""

    id: int
    label: str
    words: tuple[str, ...] = ()
    specialty: str | None = None
    mode: Literal["in_person", "video"] = "in_person"
    length: timedelta = timedelta(minutes=20)
    buffer_before: timedelta = timedelta(0)
    buffer_after: timedelta = timedelta(0)
    preparation: str = ""
    price: int | None = None  # in the smallest unit of `currency`
    currency: str | None = None
    policy: Policy = DEFAULT


@dataclass(frozen=True)
class OpeningHours:
    """A stretch of one weekday (0 is Monday), by the wall clock; an end of 00:00 is midnight."""

    weekday: int
    local_start: time
    local_end: time


@dataclass(frozen=True)
class Location:
    """A place with its own clock."""

    id: int
    name: str
    address: str
    zone: ZoneInfo
    emergency_number: str
    phone: str | None = None
    hours: tuple[OpeningHours, ...] = ()
    privacy_url: str | None = None  # the clinic's, where it has none of its own


@dataclass(frozen=True)
class Directory:
    """Everything of the above. Small enough to be kept in memory and passed along."""

    specialties: tuple[Specialty, ...] = ()
    practitioners: tuple[Practitioner, ...] = ()
    visit_types: tuple[VisitType, ...] = ()
    locations: tuple[Location, ...] = ()
    organization: Organization = Organization()
    insurances: tuple[Insurance, ...] = ()
    former: tuple[Practitioner, ...] = ()  # no longer to be found, still named in visits
    opens: time = time(0)  # the earliest and latest hour at which anybody works; 00:00 is the end of the day
    closes: time = time(0)
    practitioner: dict[int, Practitioner] = field(init=False, repr=False, compare=False, hash=False)
    visit_type: dict[int, VisitType] = field(init=False, repr=False, compare=False, hash=False)
    location: dict[int, Location] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "practitioner", {p.id: p for p in (*self.practitioners, *self.former)})
        object.__setattr__(self, "visit_type", {v.id: v for v in self.visit_types})
        object.__setattr__(self, "location", {place.id: place for place in self.locations})

    @property
    def zone(self) -> ZoneInfo:
        """The clock by which "today" is meant: that of the first location."""
        return self.locations[0].zone


def load(session: Session, language: str = "en") -> Directory:
    """Read the directory; `directory_version` says when it is worth reading again."""

    def rows(statement: Any) -> Sequence[Any]:
        return session.execute(statement).all()

    words = {row.specialty: tuple(row.words) for row in rows(select(specialty_words).filter_by(language=language))}
    ranked = select(practitioner_specialties).order_by(
        practitioner_specialties.c.rank, practitioner_specialties.c.specialty
    )
    skills = _grouped((r.practitioner_id, r.specialty) for r in rows(ranked))
    offered = _grouped(
        (r.practitioner_id, r.visit_type_id)
        for r in rows(select(practitioner_visit_types).order_by(practitioner_visit_types.c.rank))
    )
    open_at = _grouped(
        (r.location_id, OpeningHours(r.weekday, r.local_start, r.local_end))
        for r in rows(select(opening_hours).order_by(opening_hours.c.weekday, opening_hours.c.local_start))
    )
    hours = rows(select(weekly_hours.c.local_start, weekly_hours.c.local_end))
    clinic = rows(select(organization))
    rules = {row.visit_type_id: row for row in rows(select(policies))}
    paid_by = _grouped((r.practitioner_id, r.insurance_id) for r in rows(select(practitioner_insurances)))
    units = {row.id: row.name for row in rows(select(departments))}
    people = [
        Practitioner(
            r.id,
            r.title,
            r.given_name,
            r.family_name,
            skills[r.id],
            offered[r.id],
            r.video_url,
            r.is_active,
            units.get(r.department_id),
            r.about,
            r.photo_url,
            tuple(r.languages),
            paid_by[r.id],
            r.accepts_new,
            None if r.rating is None else float(r.rating),
            r.rating_count,
        )
        for r in rows(select(practitioners).order_by(practitioners.c.id))
    ]
    return Directory(
        specialties=tuple(
            Specialty(r.code, r.label, words.get(r.code, ()))
            for r in rows(select(specialties).order_by(specialties.c.code))
        ),
        practitioners=tuple(person for person in people if person.is_active),
        former=tuple(person for person in people if not person.is_active),
        visit_types=tuple(
            VisitType(
                r.id,
                r.label,
                tuple(r.words),
                r.specialty,
                r.mode,
                r.length,
                r.buffer_before,
                r.buffer_after,
                r.preparation,
                r.price,
                r.currency,
                settled(rules.get(None), rules.get(r.id)),
            )
            for r in rows(select(visit_types).order_by(visit_types.c.id))
        ),
        locations=tuple(
            Location(
                r.id,
                r.name,
                r.address,
                ZoneInfo(r.zone),
                r.emergency_number,
                r.phone,
                open_at[r.id],
                r.privacy_url or (clinic[0].privacy_url if clinic else None),
            )
            for r in rows(select(locations).order_by(locations.c.id))
        ),
        organization=_organization(clinic[0], settled(rules.get(None))) if clinic else Organization(),
        insurances=tuple(
            Insurance(r.id, r.name, tuple(r.words)) for r in rows(select(insurances).order_by(insurances.c.id))
        ),
        opens=min((row.local_start for row in hours), default=time(0)),
        closes=_latest(row.local_end for row in hours),
    )


def _organization(row: Any, policy: Policy) -> Organization:
    return Organization(row.name, row.short_name, row.locale, row.phone, row.is_demo, row.privacy_url, policy)


def _latest(ends: Iterable[time]) -> time:
    """The last of some closing hours, where 00:00 is later than all others."""
    known = list(ends)
    return time(0) if time(0) in known or not known else max(known)


def _grouped(pairs: Iterable[tuple[Any, Any]]) -> defaultdict[Any, tuple[Any, ...]]:
    groups: defaultdict[Any, tuple[Any, ...]] = defaultdict(tuple)
    for owner, member in pairs:
        groups[owner] += (member,)
    return groups


class Cached:
    """The directory as one process knows it, read again when somebody has changed it."""

    def __init__(self) -> None:
        self._known: tuple[int, Directory] | None = None

    def current(self, session: Session, version: int | None = None) -> Directory:
        """The directory of today; `version` spares a question when the caller has read it already."""
        if version is None:
            version = session.execute(select(organization.c.directory_version)).scalar_one_or_none() or 0
        if self._known is None or self._known[0] != version:
            self._known = (version, load(session))
        return self._known[1]
