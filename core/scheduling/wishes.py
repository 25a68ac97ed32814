"""What somebody asks for: whom to see, and when, in the local days and hours of the clinic."""

from datetime import date, datetime, time
from typing import Literal

import msgspec


class DayRange(msgspec.Struct, frozen=True):
    """Local days from `start` until before `end`; None is open."""

    start: date | None
    end: date | None

    def __contains__(self, day: date) -> bool:
        return (self.start is None or self.start <= day) and (self.end is None or day < self.end)


class TimeRange(msgspec.Struct, frozen=True):
    """Local times of day from `start` until before `end`; None is the day's own edge."""

    start: time | None
    end: time | None

    def __contains__(self, clock: time) -> bool:
        return (self.start is None or self.start <= clock) and (self.end is None or clock < self.end)


class When(msgspec.Struct, frozen=True):
    """Days and times somebody asks for. Everything empty is "any time".

    A start fits when its day is in one of `days` (or there are none), its weekday in `weekdays` (0 is Monday; or there are
    none), its time in one of `times` (or there are none), and its day is neither in `not_days` nor its weekday in
    `not_weekdays`. `at` does not exclude anything: it asks for what is nearest to that time of day.
    """

    days: tuple[DayRange, ...] = ()
    weekdays: tuple[int, ...] = ()
    times: tuple[TimeRange, ...] = ()
    at: time | None = None
    not_days: tuple[DayRange, ...] = ()
    not_weekdays: tuple[int, ...] = ()
    first_available: bool = False
    otherwise: "When | None" = None  # the next best wish

    @property
    def in_order(self) -> "tuple[When, ...]":
        """This wish and those that come after it."""
        return (self,) if self.otherwise is None else (self, *self.otherwise.in_order)

    def means(self, local: datetime) -> bool:
        """Whether somebody who names a visit by this wish means the one at this local wall time."""
        return self.fits(local) and self.at in (None, local.time())

    def fits(self, local: datetime) -> bool:
        """Whether a start at this local wall time is what was asked for."""
        day, clock = local.date(), local.time()
        return (
            (not self.days or any(day in days for days in self.days))
            and (not self.weekdays or day.weekday() in self.weekdays)
            and (not self.times or any(clock in times for times in self.times))
            and not any(day in days for days in self.not_days)
            and day.weekday() not in self.not_weekdays
        )


class Slot(msgspec.Struct, frozen=True):
    """A free stretch of time with a practitioner: computed, never stored. `start` is aware, in UTC."""

    practitioner_id: int
    visit_type_id: int
    location_id: int
    start: datetime


class Wanted(msgspec.Struct, frozen=True):
    """What to look for: one practitioner, or anybody of a specialty or who does a kind of visit."""

    practitioner: int | None = None
    specialty: str | None = None
    visit_type: int | None = None
    location: int | None = None
    when: When = When()
    after: datetime | None = None  # only later starts: "other times"
    moving: int | None = None  # a visit that is to move: its own time does not stand in its way, and is no offer
    instead_of: Slot | None = None
    patient: int | None = None  # who comes; None is somebody new, or not known yet
    insurance: int | None = None
    language: str | None = None  # ISO 639-1
    mode: Literal["in_person", "video"] | None = None
    best_rated: bool = False
