"""When places are open and practitioners work: all rows of one owner together replace what was there."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Table, delete, insert, select

from core.compliance.audit import SETUP, record
from core.database import run
from core.exchange.fates import Import, Refused, Taken, Values
from core.people.organization import locations, opening_hours
from core.scheduling.schedules import extra_hours, time_off, weekly_hours
from core.scheduling.visit_types import practitioner_visit_types, visit_types

LONG_AGO = date(2000, 1, 1)  # since when hours hold that do not say


def _replace(work: Import, tables: Mapping[Table, list[dict[str, Any]]], owner: Any) -> bool:
    """Let an owner have exactly these rows; returns whether that is a change."""
    changed = False
    for table, rows in tables.items():
        mine = table.c[owner[0]] == owner[1]
        names = [column.name for column in table.c if column.name not in ("id", owner[0])]
        was = {tuple(row) for row in work.session.execute(select(*(table.c[name] for name in names)).where(mine))}
        if was == {tuple(row.get(name) for name in names) for row in rows}:
            continue
        changed = True
        work.session.execute(delete(table).where(mine))
        if rows:
            work.session.execute(insert(table), [{owner[0]: owner[1], **row} for row in rows])
    return changed


def _in_order(opens: time, closes: time, names: str) -> None:
    if closes != time(0) and closes <= opens:
        raise Refused(f"{names}: {closes:%H:%M} is not after {opens:%H:%M}")


def _opening_hours(work: Import, place: int, rows: list[Values]) -> Taken:
    wanted = []
    for row in rows:
        _in_order(row["opens"], row["closes"], "closes")
        wanted += [{"weekday": d, "local_start": row["opens"], "local_end": row["closes"]} for d in row["weekdays"]]
    _refuse_overlaps(wanted, "weekday")
    return ("changed" if _replace(work, {opening_hours: wanted}, ("location_id", place)) else "unchanged"), ""


def _refuse_overlaps(stretches: Iterable[Mapping[str, Any]], day: str) -> None:
    """Refuse two stretches of one day that share a minute while both hold, wherever they are."""
    by_day: dict[Any, list[Mapping[str, Any]]] = {}
    for stretch in stretches:
        by_day.setdefault(stretch[day], []).append(stretch)
    for same_day in by_day.values():
        for one, other in combinations(same_day, 2):
            start = max(one["local_start"], other["local_start"])
            if start < min(_end(one), _end(other)) and _hold_together(one, other):
                raise Refused(f"two of these rows overlap at {start:%H:%M}")


def _end(stretch: Mapping[str, Any]) -> time:
    end: time = stretch["local_end"]
    return time.max if end == time(0) else end


def _hold_together(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether there is a day on which both are valid."""
    first = max(each.get("valid_from") or date.min for each in (one, other))
    return first < min(each.get("valid_until") or date.max for each in (one, other))


def _hours(work: Import, practitioner_id: int, rows: list[Values]) -> Taken:
    work.lock_schedules()
    weekly: list[dict[str, Any]] = []
    extra: list[dict[str, Any]] = []
    for row in rows:
        _in_order(row["from"], row["until"], "until")
        if bool(row["weekdays"]) == (row["date"] is not None):
            raise Refused("give weekdays, or a date: one of the two")
        part = {
            "location_id": work.known("locations", row["location"], "location"),
            "local_start": row["from"],
            "local_end": row["until"],
            "step": row["every_minutes"],
        }
        if row["date"] is not None:
            extra.append({**part, "on_date": row["date"]})
            continue
        last = None if row["valid_until"] is None else row["valid_until"] + timedelta(days=1)
        first = row["valid_from"] or LONG_AGO
        if last is not None and last <= first:
            raise Refused("valid_until is before valid_from")
        weekly += [{**part, "weekday": d, "valid_from": first, "valid_until": last} for d in row["weekdays"]]
    _refuse_overlaps(weekly, "weekday")
    _refuse_overlaps(extra, "on_date")
    changed = _replace(work, {weekly_hours: weekly, extra_hours: extra}, ("practitioner_id", practitioner_id))
    if changed:
        record(work.session, SETUP, "schedule.changed", "practitioners", practitioner_id)
    return ("changed" if changed else "unchanged"), _too_short(work, practitioner_id, rows)


def _too_short(work: Import, practitioner_id: int, rows: list[Values]) -> str:
    """A warning where a kind of visit fits into none of the hours."""
    if not rows:
        return ""
    longest = max(_length(row["from"], row["until"]) for row in rows)
    kinds = work.session.execute(
        select(visit_types.c.label, visit_types.c.length)
        .join(practitioner_visit_types, practitioner_visit_types.c.visit_type_id == visit_types.c.id)
        .where(practitioner_visit_types.c.practitioner_id == practitioner_id)
    )
    labels = [label for label, length in kinds if length > longest]
    return f"no hours are long enough for {', '.join(labels)}" if labels else ""


def _length(start: time, end: time) -> timedelta:
    day = date.min
    return datetime.combine(day + timedelta(days=end == time(0)), end) - datetime.combine(day, start)


def _time_off(work: Import, practitioner_id: int, rows: list[Values]) -> Taken:
    work.lock_schedules()
    zone = _zone_of(work, practitioner_id)
    wanted: list[tuple[datetime, datetime, str]] = []
    for row in rows:
        start, end = _instant(row["from"], zone), _instant(row["until"], zone, whole_day=True)
        if end <= start:
            raise Refused("until is not after from")
        wanted.append((start, end, row["reason"]))
    was = run(
        work.session,
        "SELECT lower(during), upper(during), reason FROM time_off WHERE practitioner_id = %(id)s",
        id=practitioner_id,
    )
    if {tuple(row) for row in was} == set(wanted):
        return "unchanged", ""
    work.session.execute(delete(time_off).where(time_off.c.practitioner_id == practitioner_id))
    for start, end, reason in wanted:
        run(
            work.session,
            "INSERT INTO time_off (practitioner_id, during, reason) VALUES (%(id)s, tstzrange(%(start)s, %(end)s), %(reason)s)",
            id=practitioner_id, start=start, end=end, reason=reason,
        )  # fmt: skip
    record(work.session, SETUP, "schedule.changed", "practitioners", practitioner_id)
    return "changed", _hit(work, practitioner_id)


def _hit(work: Import, practitioner_id: int) -> str:
    """The booked visits that lie in time off now."""
    hit = run(
        work.session,
        """
        SELECT a.id FROM appointments a JOIN time_off t ON t.practitioner_id = a.practitioner_id AND t.during && a.during
        WHERE a.practitioner_id = %(id)s AND a.status = 'booked' ORDER BY a.id LIMIT 20
        """,
        id=practitioner_id,
    ).fetchall()
    return f"these visits are booked in that time: {', '.join(str(id) for (id,) in hit)}" if hit else ""


def _zone_of(work: Import, practitioner_id: int) -> ZoneInfo:
    """The clock of the place where a practitioner works first, else of the first place; Refused where there is none."""
    row = work.session.execute(
        select(locations.c.zone)
        .join(weekly_hours, weekly_hours.c.location_id == locations.c.id, isouter=True)
        .order_by(weekly_hours.c.practitioner_id != practitioner_id, locations.c.id)
        .limit(1)
    ).scalar_one_or_none()
    if row is None:
        raise Refused("there is no location yet, so nobody knows by which clock this is meant")
    return ZoneInfo(row)


def _instant(moment: date | datetime, zone: ZoneInfo, *, whole_day: bool = False) -> datetime:
    """A local time as an instant; a day as its beginning, or as its end."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment + timedelta(days=whole_day), time(0))
    return moment.replace(tzinfo=zone).astimezone(UTC)


WHOLES: dict[str, Callable[[Import, int, list[Values]], Taken]] = {
    "opening_hours": _opening_hours,
    "hours": _hours,
    "time_off": _time_off,
}
