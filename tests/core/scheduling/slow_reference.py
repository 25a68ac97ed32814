"""Free starts by the definition alone: walk minute by minute and look at each clock. Slow, and shares nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from functools import cache

from core.scheduling.availability import ExtraHours, FreeStart, Interval, Need, Plan, WeeklyHours

MINUTE = timedelta(minutes=1)


def slow_free_starts(plan: Plan, need: Need, window: Interval) -> Iterator[FreeStart]:
    """What `free_starts` promises; for plans in whole minutes and zones whose offsets are."""

    @cache
    def rows_open(location_id: int, instant: datetime) -> list[WeeklyHours | ExtraHours]:
        wall = instant.astimezone(plan.zones[location_id])
        closed = wall.date() in plan.holidays.get(location_id, frozenset())
        rows: list[WeeklyHours | ExtraHours] = [row for row in plan.extra if row.on == wall.date()]
        rows += [row for row in plan.weekly if weekly_shows(row, wall) and not closed]
        return [row for row in rows if row.location_id == location_id and time_shows(row, wall)]

    def on_grid(location_id: int, instant: datetime) -> bool:
        wall = instant.astimezone(plan.zones[location_id])
        minute_of_day = wall.hour * 60 + wall.minute
        return any(
            (minute_of_day - row.local_start.hour * 60 - row.local_start.minute) % (row.step // MINUTE) == 0
            for row in rows_open(location_id, instant)
        )

    def open_throughout(location_id: int, instant: datetime) -> bool:
        return all(rows_open(location_id, instant + n * MINUTE) for n in range(need.length // MINUTE))

    def working(instant: datetime) -> bool:
        return not any(off.start < instant + need.length and instant < off.end for off in plan.time_off)

    def seat_free(seat: int, instant: datetime) -> bool:
        start, end = instant - need.before, instant + need.length + need.after
        return not any(
            busy.seat == seat and busy.blocked.start < end and start < busy.blocked.end for busy in plan.busy
        )

    for instant in whole_minutes(window):
        for location_id in sorted(plan.zones):
            if on_grid(location_id, instant) and open_throughout(location_id, instant) and working(instant):
                free = [seat for seat in range(1, plan.seats + 1) if seat_free(seat, instant)]
                if free:
                    yield FreeStart(instant, location_id, min(free))


def weekly_shows(row: WeeklyHours, wall: datetime) -> bool:
    expired = row.valid_until is not None and wall.date() >= row.valid_until
    return wall.weekday() == row.weekday and wall.date() >= row.valid_from and not expired


def time_shows(row: WeeklyHours | ExtraHours, wall: datetime) -> bool:
    return row.local_start <= wall.time() and (row.local_end == time(0) or wall.time() < row.local_end)


def whole_minutes(window: Interval) -> Iterator[datetime]:
    instant = window.start.astimezone(UTC).replace(second=0, microsecond=0)
    while instant < window.end:
        if instant >= window.start:
            yield instant
        instant += MINUTE
