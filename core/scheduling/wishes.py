"""A wish for a time, in the local days and hours of the clinic."""

from datetime import date, datetime, time

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
