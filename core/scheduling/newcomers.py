"""What newcomers may hold: all of them together a share of what a practitioner has left on a day, so that no crowd empties it.

A newcomer is a conversation that speaks for no patient. Where newcomers have their share, the day is full for the next one, and for nobody else.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.database import Session, run
from core.scheduling import availability
from core.scheduling.availability import Busy, Interval, Need, Plan

SHARE = 5  # a fifth; one of them may always have a time

_HELD = """
SELECT h.practitioner_id, h.location_id, h.local_start::date AS day, upper(h.blocked) - lower(h.blocked) AS length FROM appointments h
WHERE h.status = 'pending' AND h.covers_id IS NULL AND h.expires_at > %(now)s AND h.practitioner_id = ANY (%(ids)s)
  AND h.blocked && tstzrange(%(start)s, %(end)s) AND h.conversation_id <> %(conversation_id)s
  AND NOT EXISTS (SELECT FROM addresses a JOIN patient_addresses p ON p.address_id = a.id WHERE a.conversation_id = h.conversation_id)
"""

_MARGIN = timedelta(days=1)  # the day of a time at the edge of a window reaches over it


def seen_by_one(
    session: Session,
    plans: Mapping[int, Plan],
    needs: Mapping[int, Need],
    window: Interval,
    now: datetime,
    own: int | None,
) -> dict[int, Plan]:
    """These plans as the newcomer of conversation `own` has them: full on days on which the others hold their share.

    `needs` is what a visit takes with each practitioner.
    """
    held: dict[tuple[int, Interval], timedelta] = defaultdict(timedelta)
    values = {"start": window.start - _MARGIN, "end": window.end + _MARGIN, "now": now, "conversation_id": own}
    for row in run(session, _HELD, ids=list(plans), **values):
        held[row.practitioner_id, _day(row.day, plans[row.practitioner_id].zones[row.location_id])] += row.length
    seen = dict(plans)
    for (practitioner, day), length in held.items():
        if not _is_left(plans[practitioner], needs[practitioner], day, now, length):
            seen[practitioner] = _full(seen[practitioner], day)
    return seen


def _is_left(plan: Plan, need: Need, day: Interval, now: datetime, held: timedelta) -> bool:
    """Whether one more such visit keeps what newcomers hold within their share of what is left, theirs included."""
    if day.end <= now:
        return False
    length = need.before + need.length + need.after
    rest = Interval(max(day.start, now), day.end)
    free = sum(_room(plan, seat, need, rest) for seat in range(1, plan.seats + 1)) * length
    return SHARE * (held + length) <= free + held


def _room(plan: Plan, seat: int, need: Need, within: Interval) -> int:
    """How many such visits one seat still has room for, one after the other."""
    alone = replace(plan, seats=1, busy=tuple(Busy(busy.blocked, 1) for busy in plan.busy if busy.seat == seat))
    count, until = 0, within.start - need.before
    for start in availability.free_starts(alone, need, within):
        if start.at - need.before >= until:
            count, until = count + 1, start.at + need.length + need.after
    return count


def _full(plan: Plan, day: Interval) -> Plan:
    return replace(plan, busy=(*plan.busy, *(Busy(day, seat) for seat in range(1, plan.seats + 1))))


def _day(day: date, zone: ZoneInfo) -> Interval:
    """A local date as instants."""
    start, end = (datetime.combine(each, time(0), zone) for each in (day, day + timedelta(days=1)))
    return Interval(start.astimezone(UTC), end.astimezone(UTC))
