"""What `availability` needs to know about practitioners, fetched for all of them in three questions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from core.database import Session, run
from core.scheduling.availability import Busy, ExtraHours, Interval, Plan, WeeklyHours

_PLACES = """
SELECT id, zone, ARRAY(SELECT on_date FROM holidays WHERE location_id = locations.id
                       AND on_date BETWEEN %(start)s::date - 1 AND %(end)s::date + 1) AS closed
FROM locations
"""
_HOURS = """
SELECT p.id, p.seats, h.* FROM practitioners p LEFT JOIN LATERAL (
  SELECT location_id, weekday, NULL::date AS on_date, local_start, local_end, step, valid_from, valid_until
  FROM weekly_hours WHERE practitioner_id = p.id
  UNION ALL
  SELECT location_id, NULL, on_date, local_start, local_end, step, NULL, NULL
  FROM extra_hours WHERE practitioner_id = p.id AND on_date BETWEEN %(start)s::date - 1 AND %(end)s::date + 1) h ON true
WHERE p.id = ANY (%(ids)s)
"""
# Visits that touch come as one stretch: a full day of a doctor is a row or two.
# A hold that has run out blocks nobody, even before it is swept; a conversation's own hold does not block itself,
# nor does a visit that is to move, or what is kept for the undo of its last move.
_TAKEN = """
SELECT practitioner_id, lower(during) AS start, upper(during) AS until, NULL::smallint AS seat
FROM time_off WHERE practitioner_id = ANY (%(ids)s) AND during && tstzrange(%(start)s, %(end)s)
UNION ALL
SELECT practitioner_id, lower(stretch), upper(stretch), seat FROM (
  SELECT practitioner_id, seat, range_agg(blocked) AS taken FROM appointments
  WHERE practitioner_id = ANY (%(ids)s) AND status IN ('pending', 'booked', 'arrived') AND NOT overbooked
    AND blocked && tstzrange(%(start)s, %(end)s)
    AND (expires_at IS NULL OR expires_at > %(now)s)
    AND (%(moving)s::bigint IS NULL OR (id <> %(moving)s AND covers_id IS DISTINCT FROM %(moving)s))
    AND (status <> 'pending' OR covers_id IS NOT NULL OR conversation_id IS DISTINCT FROM %(conversation_id)s)
  GROUP BY practitioner_id, seat) busy, unnest(taken) stretch
"""

_MARGIN = timedelta(days=1)  # visits and buffers reach over the edges of a window


def load(
    session: Session,
    practitioner_ids: Iterable[int],
    window: Interval,
    now: datetime,
    conversation_id: int | None,
    moving: int | None = None,
) -> dict[int, Plan]:
    """The plan of each practitioner around `window`, as it is at `now` for one conversation, or for nobody in particular.

    `moving` is a visit that looks for another time: what it has does not stand in its way.
    """
    values = {
        "ids": list(practitioner_ids),
        "start": window.start - _MARGIN,
        "end": window.end + _MARGIN,
        "now": now,
        "conversation_id": conversation_id,
        "moving": moving,
    }
    zones, holidays = {}, {}
    for place in run(session, _PLACES, **values):
        zones[place.id] = ZoneInfo(place.zone)
        holidays[place.id] = frozenset(place.closed)
    plans: dict[int, _Draft] = {}
    for row in run(session, _HOURS, **values):
        plan = plans.setdefault(row.id, _Draft(row.seats))
        if row.weekday is not None:
            weekly = (row.local_start, row.local_end, row.step, row.valid_from, row.valid_until)
            plan.weekly.append(WeeklyHours(row.location_id, row.weekday, *weekly))
        elif row.on_date is not None:
            plan.extra.append(ExtraHours(row.location_id, row.on_date, row.local_start, row.local_end, row.step))
    for row in run(session, _TAKEN, **values):
        taken = Interval(row.start, row.until)
        if row.seat is None:
            plans[row.practitioner_id].time_off.append(taken)
        else:
            plans[row.practitioner_id].busy.append(Busy(taken, row.seat))
    return {id: plan.finished(zones, holidays) for id, plan in plans.items()}


@dataclass
class _Draft:
    """A plan while its rows come in."""

    seats: int
    weekly: list[WeeklyHours] = field(default_factory=list)
    extra: list[ExtraHours] = field(default_factory=list)
    time_off: list[Interval] = field(default_factory=list)
    busy: list[Busy] = field(default_factory=list)

    def finished(self, zones: Mapping[int, ZoneInfo], holidays: Mapping[int, frozenset[date]]) -> Plan:
        return Plan(
            zones=zones,
            weekly=tuple(self.weekly),
            extra=tuple(self.extra),
            holidays=holidays,
            time_off=tuple(self.time_off),
            busy=tuple(self.busy),
            seats=self.seats,
        )
