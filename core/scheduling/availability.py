"""When a visit can start: wall-clock hours, exceptions and taken time in, free starts out. Pure values, no clock.

A location is open at an instant if and only if its wall clock then shows a date and time inside one of its hours.
That alone settles days of 23 or 25 hours, days that do not exist, and times of day that come twice.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from core.scheduling.reasons import Closed

ZERO = timedelta(0)
DAY = timedelta(days=1)
INSTANT = timedelta.resolution


@dataclass(frozen=True, slots=True)
class Interval:
    """The instants from `start` to before `end`: aware, in UTC, at least one."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        # Python compares datetimes of one other zone by their wall clocks, and so wrongly when clocks change.
        if not self.start.utcoffset() == self.end.utcoffset() == ZERO:
            raise ValueError(f"not in UTC: {self.start} to {self.end}")
        if self.start >= self.end:
            raise ValueError(f"empty: {self.start} to {self.end}")


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    """Open every `weekday` (0 = Monday) from `valid_from` to before `valid_until`, by the location's wall clock.

    Visits start every `step` from `local_start`, both in whole minutes. `local_end` is excluded; 00:00 ends the day.
    """

    location_id: int
    weekday: int
    local_start: time
    local_end: time
    step: timedelta
    valid_from: date
    valid_until: date | None = None

    def apply_on(self, day: date) -> bool:
        """Whether these hours are meant for the local date `day`, were it no holiday."""
        return (
            self.weekday == day.weekday()
            and self.valid_from <= day
            and (self.valid_until is None or day < self.valid_until)
        )


@dataclass(frozen=True, slots=True)
class ExtraHours:
    """Open on one local date, beside the weekly hours and on holidays too; times as in `WeeklyHours`."""

    location_id: int
    on: date
    local_start: time
    local_end: time
    step: timedelta


@dataclass(frozen=True, slots=True)
class Busy:
    """An appointment or a hold that takes a seat; `blocked` includes its buffers."""

    blocked: Interval
    seat: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All that decides the free time of one practitioner, in any order.

    `zones` and `holidays` (closed local dates) are by location. Holidays close weekly hours, time off closes all.
    Seats count from 1: so many visits can go on at once.
    """

    zones: Mapping[int, ZoneInfo]
    weekly: tuple[WeeklyHours, ...] = ()
    extra: tuple[ExtraHours, ...] = ()
    holidays: Mapping[int, frozenset[date]] = field(default_factory=dict)
    time_off: tuple[Interval, ...] = ()
    busy: tuple[Busy, ...] = ()
    seats: int = 1


@dataclass(frozen=True, slots=True)
class Need:
    """How long a visit is, and the buffers that its seat must also be free for. Only the visit needs open hours."""

    length: timedelta
    before: timedelta = ZERO
    after: timedelta = ZERO


@dataclass(frozen=True, slots=True)
class FreeStart:
    """A visit can start at this instant (UTC), at this location, on this seat: the lowest that is free."""

    at: datetime
    location_id: int
    seat: int


@dataclass(frozen=True, slots=True)
class ClosedStart:
    """A visit could start at this instant (UTC) by the hours of this location, but for a reason."""

    at: datetime
    location_id: int
    why: Closed


def starts(plan: Plan, need: Need, window: Interval) -> Iterator[FreeStart | ClosedStart]:
    """Every start within `window` that weekly or extra hours have, ascending by instant and location, free or not.

    Found day by day as they are asked for.
    """
    time_off = _Timeline(plan.time_off)
    seats = _seats(plan, Interval(window.start - need.before, window.end + need.length + need.after))
    for part in _parts(window):
        for at, location_id, on_holiday in sorted(_by_hours(plan, need.length, part)):
            end = at + need.length
            if on_holiday:
                yield ClosedStart(at, location_id, "holiday")
            elif time_off.overlaps(at, end):
                yield ClosedStart(at, location_id, "time_off")
            elif (seat := _free_seat(seats, at - need.before, end + need.after)) is None:
                yield ClosedStart(at, location_id, "full")
            else:
                yield FreeStart(at, location_id, seat)


def free_starts(plan: Plan, need: Need, window: Interval) -> Iterator[FreeStart]:
    """The free ones of `starts`."""
    return (start for start in starts(plan, need, window) if isinstance(start, FreeStart))


def start_at(plan: Plan, need: Need, at: datetime, location_id: int) -> FreeStart | Closed:
    """The start that `free_starts` offers at this instant (UTC) and location, or why it does not."""
    moment = Interval(at, at + INSTANT)
    found = next((start for start in starts(plan, need, moment) if start.location_id == location_id), None)
    return "not_working" if found is None else found.why if isinstance(found, ClosedStart) else found


class _Timeline:
    """Stretches of time, joined where they touch or overlap; each question costs one bisect."""

    def __init__(self, intervals: Iterable[Interval]) -> None:
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []
        for interval in sorted(intervals, key=attrgetter("start")):
            if self._ends and interval.start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], interval.end)
            else:
                self._starts.append(interval.start)
                self._ends.append(interval.end)

    def overlaps(self, start: datetime, end: datetime) -> bool:
        """Whether any instant from `start` to before `end` is in here."""
        first = bisect_right(self._ends, start)
        return first < len(self._starts) and self._starts[first] < end

    def covers(self, start: datetime, end: datetime) -> bool:
        """Whether every instant from `start` to before `end` is in here."""
        first = bisect_right(self._ends, start)
        return first < len(self._starts) and self._starts[first] <= start and end <= self._ends[first]


def _seats(plan: Plan, near: Interval) -> list[_Timeline]:
    """The taken time of seats 1, 2, ..., complete within `near`; a long history outside is left out."""
    taken: list[list[Interval]] = [[] for _ in range(plan.seats)]
    for busy in plan.busy:
        if busy.seat <= plan.seats and busy.blocked.start < near.end and near.start < busy.blocked.end:
            taken[busy.seat - 1].append(busy.blocked)
    return [_Timeline(intervals) for intervals in taken]


def _free_seat(seats: list[_Timeline], start: datetime, end: datetime) -> int | None:
    """The lowest seat that nobody takes from `start` to before `end`."""
    return next((number for number, taken in enumerate(seats, start=1) if not taken.overlaps(start, end)), None)


def _parts(window: Interval) -> Iterator[Interval]:
    """The window in parts of 24 hours, the last one shorter."""
    start = window.start
    while start < window.end:
        end = min(start + DAY, window.end)
        yield Interval(start, end)
        start = end


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Open instants of one hours row while the clock does not change; starts every `step` from `origin`."""

    open: Interval
    origin: datetime
    step: timedelta

    def starts(self, before: datetime) -> Iterator[datetime]:
        """The grid points of this stretch that come before an instant."""
        end = min(self.open.end, before)
        # Negated floor division rounds up: to the first point that is not before.
        for n in range(-((self.origin - self.open.start) // self.step), -((self.origin - end) // self.step)):
            yield self.origin + n * self.step


def _by_hours(plan: Plan, length: timedelta, part: Interval) -> Iterator[tuple[datetime, int, bool]]:
    """The starts within `part` that a location's hours allow; the last value says that they fall on a holiday."""
    places = {row.location_id for row in plan.weekly} | {row.location_id for row in plan.extra}
    for place in places:
        open_ = _open_starts(plan, place, length, part)
        yield from ((at, place, False) for at in open_)
        if plan.holidays.get(place):
            as_usual = _open_starts(plan, place, length, part, closed=frozenset())
            yield from ((at, place, True) for at in as_usual - open_)


def _open_starts(
    plan: Plan, location_id: int, length: timedelta, part: Interval, closed: frozenset[date] | None = None
) -> set[datetime]:
    """The grid points within `part` from which a whole visit is inside the hours of the location."""
    closed = plan.holidays.get(location_id, frozenset()) if closed is None else closed
    stretches = list(_stretches(plan, location_id, Interval(part.start, part.end + length), closed))
    hours = _Timeline(stretch.open for stretch in stretches)
    starts = (at for stretch in stretches for at in stretch.starts(before=part.end))
    return {at for at in starts if hours.covers(at, at + length)}


def _stretches(plan: Plan, location_id: int, reach: Interval, closed: frozenset[date]) -> Iterator[_Stretch]:
    """All hours of the location within `reach`, but for weekly ones on `closed` dates, cut where the clock changes."""
    for steady, offset in _steady(plan.zones[location_id], reach):
        for day in _dates((steady.start + offset).date(), (steady.end + offset - INSTANT).date()):
            for row in _hours_on(plan, location_id, day, closed):
                origin = datetime.combine(day, row.local_start, UTC) - offset
                end_day = day + DAY if row.local_end == time.min else day
                end = min(datetime.combine(end_day, row.local_end, UTC) - offset, steady.end)
                start = max(origin, steady.start)
                if start < end:
                    yield _Stretch(Interval(start, end), origin, row.step)


def _hours_on(plan: Plan, location_id: int, day: date, closed: frozenset[date]) -> Iterator[WeeklyHours | ExtraHours]:
    """The hours rows of the location that apply on a local date."""
    if day not in closed:
        yield from (row for row in plan.weekly if row.location_id == location_id and row.apply_on(day))
    yield from (row for row in plan.extra if row.location_id == location_id and row.on == day)


def _dates(first: date, last: date) -> Iterator[date]:
    """The dates from `first` to `last`, which is included."""
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def _steady(zone: ZoneInfo, reach: Interval) -> Iterator[tuple[Interval, timedelta]]:
    """`reach` cut where the zone's clock changes, each piece with its offset."""
    start = reach.start
    while start < reach.end:
        end = _next_change(zone, start, reach.end)
        yield Interval(start, end), _offset(zone, start)
        start = end


def _next_change(zone: ZoneInfo, start: datetime, end: datetime) -> datetime:
    """The first instant after `start` with another offset than there, or `end` if that comes first."""
    before = _offset(zone, start)
    # Comparing the ends misses a change that is undone in between; no zone has done that within a week since 1970.
    if _offset(zone, end) == before:
        return end
    instants = range((end - start) // INSTANT)
    return start + INSTANT * bisect_left(instants, True, key=lambda n: _offset(zone, start + n * INSTANT) != before)


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    """Wall clock minus UTC."""
    return at.astimezone(zone).replace(tzinfo=UTC) - at
