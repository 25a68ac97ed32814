"""What `availability` needs to know about practitioners, fetched for all of them in one round trip."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from core.database import pipelined, run
from core.scheduling.availability import Busy, ExtraHours, Interval, Plan, WeeklyHours

_WEEKLY = """
SELECT practitioner_id, location_id, weekday, local_start, local_end, step, valid_from, valid_until
FROM weekly_hours WHERE practitioner_id = ANY (%(ids)s)
"""
_EXTRA = """
SELECT practitioner_id, location_id, on_date, local_start, local_end, step
FROM extra_hours WHERE practitioner_id = ANY (%(ids)s) AND on_date BETWEEN %(start)s::date - 1 AND %(end)s::date + 1
"""
_TIME_OFF = """
SELECT practitioner_id, lower(during), upper(during)
FROM time_off WHERE practitioner_id = ANY (%(ids)s) AND during && tstzrange(%(start)s, %(end)s)
"""
# A hold that has run out blocks nobody, even before it is swept; a conversation's own hold does not block itself.
_BUSY = """
SELECT practitioner_id, lower(blocked), upper(blocked), seat FROM appointments
WHERE practitioner_id = ANY (%(ids)s) AND status IN ('pending', 'booked', 'arrived') AND NOT overbooked
  AND blocked && tstzrange(%(start)s, %(end)s)
  AND (expires_at IS NULL OR expires_at > %(now)s)
  AND (status <> 'pending' OR covers_id IS NOT NULL OR conversation_id IS DISTINCT FROM %(conversation_id)s)
"""
_SEATS = "SELECT id, seats FROM practitioners WHERE id = ANY (%(ids)s)"
_ZONES = "SELECT id, zone FROM locations"
_HOLIDAYS = "SELECT location_id, on_date FROM holidays WHERE on_date BETWEEN %(start)s::date - 1 AND %(end)s::date + 1"

_MARGIN = timedelta(days=1)  # visits and buffers reach over the edges of a window


def load(
    session: Session, practitioner_ids: Iterable[int], window: Interval, now: datetime, conversation_id: int | None
) -> dict[int, Plan]:
    """The plan of each practitioner around `window`, as it is at `now` for one conversation, or for nobody in particular."""
    values = {
        "ids": list(practitioner_ids),
        "start": window.start - _MARGIN,
        "end": window.end + _MARGIN,
        "now": now,
        "conversation_id": conversation_id,
    }
    with pipelined(session):
        seats = run(session, _SEATS, **values)
        zones = run(session, _ZONES)
        holidays = run(session, _HOLIDAYS, **values)
        weekly = run(session, _WEEKLY, **values)
        extra = run(session, _EXTRA, **values)
        time_off = run(session, _TIME_OFF, **values)
        busy = run(session, _BUSY, **values)

    zone_of = {id: ZoneInfo(zone) for id, zone in zones}
    closed = _grouped(holidays)
    weekly_of, extra_of, off_of, busy_of = (_grouped(rows) for rows in (weekly, extra, time_off, busy))
    return {
        id: Plan(
            zones=zone_of,
            weekly=tuple(WeeklyHours(*row) for row in weekly_of[id]),
            extra=tuple(ExtraHours(*row) for row in extra_of[id]),
            holidays={location: frozenset(day for (day,) in days) for location, days in closed.items()},
            time_off=tuple(Interval(start, end) for start, end in off_of[id]),
            busy=tuple(Busy(Interval(start, end), seat) for start, end, seat in busy_of[id]),
            seats=count,
        )
        for id, count in seats
    }


def _grouped(rows: Iterable[tuple[Any, ...]]) -> defaultdict[int, list[tuple[Any, ...]]]:
    """Rows by their first column, without it."""
    groups: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for owner, *rest in rows:
        groups[owner].append(tuple(rest))
    return groups
