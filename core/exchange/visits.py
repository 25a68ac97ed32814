"""Visits that exist already: those of another system take their time here, and follow it when it changes there.

What somebody has changed here since is left as it is: the chat knows better than the file. All of it happens under the locks of all
practitioners, and the constraint on appointments decides what fits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from core.compliance.audit import SETUP, record
from core.database import run
from core.errors import SlotTaken
from core.exchange.fates import Fate, Import, Refused, Taken, Values, read_rows
from core.exchange.files import Sheet
from core.exchange.people import PER_STATEMENT, patient_key
from core.exchange.sheets import Kind
from core.scheduling import booking, changing, directory
from core.scheduling.availability import Need
from core.scheduling.directory import Directory
from core.scheduling.slots import need

_PATIENTS = "SELECT external_key, id FROM patients WHERE external_key = ANY (%(keys)s)"
_SEATS = "SELECT id, seats FROM practitioners"
_KNOWN = """
SELECT external_id, id, status, practitioner_id, patient_id, visit_type_id, location_id, overbooked, local_start, zone,
       lower(during) AS start, upper(during) AS end,
       (SELECT actor FROM audit WHERE entity = 'appointments' AND entity_id = appointments.id AND action LIKE 'visit.%%'
        ORDER BY audit.id DESC LIMIT 1) = 'setup' AS is_theirs
FROM appointments WHERE external_id = ANY (%(ids)s)
"""
# The first of two that overlap has the time; what live visits would like to have around them comes afterwards.
_NEW = """
WITH wanted AS (
  SELECT * FROM unnest(%(external_id)s::text[], %(status)s::text[], %(practitioner_id)s::bigint[], %(patient_id)s::bigint[],
    %(visit_type_id)s::bigint[], %(location_id)s::bigint[], %(start)s::timestamptz[], %(end)s::timestamptz[],
    %(overbooked)s::bool[], %(local_start)s::timestamp[], %(zone)s::text[]) WITH ORDINALITY
    AS w(external_id, status, practitioner_id, patient_id, visit_type_id, location_id, starts, ends, overbooked, local_start, zone, place)),
taken AS (
  INSERT INTO appointments (status, sequence, practitioner_id, patient_id, visit_type_id, location_id, during, blocked, seat,
                            overbooked, local_start, zone, created_at, external_id)
  SELECT status, (status = 'cancelled')::int, practitioner_id, patient_id, visit_type_id, location_id, tstzrange(starts, ends),
         tstzrange(starts, ends), %(seat)s, overbooked, local_start, zone, %(now)s, external_id
  FROM wanted ORDER BY place
  ON CONFLICT DO NOTHING RETURNING id, external_id, status, practitioner_id, patient_id, lower(during) AS start),
noted AS (
  INSERT INTO audit (actor, action, entity, entity_id, detail)
  SELECT 'setup', action, 'appointments', id, jsonb_build_object('practitioner', practitioner_id, 'patient', patient_id, 'start', start)
  FROM taken, unnest(ARRAY['visit.booked', 'visit.cancelled']) AS a(action)
  WHERE action = 'visit.booked' OR status = 'cancelled')
SELECT id, external_id FROM taken
"""
# Visits that stand back to back elsewhere exist all the same: they keep their buffers as far as nobody has that time. First all
# ends, then all beginnings, each as far as the next one: so no two ever meet.
_NEIGHBOURS = """
FROM unnest(%(id)s::bigint[], %(edge)s::timestamptz[]) AS w(id, edge) JOIN (
  SELECT id, {neighbour} OVER (PARTITION BY practitioner_id, seat ORDER BY lower(blocked)) AS near FROM appointments
  WHERE status IN ('pending', 'booked', 'arrived') AND NOT overbooked) n USING (id)
WHERE a.id = w.id
"""
_AFTER = "UPDATE appointments a SET blocked = tstzrange(lower(a.blocked), least(w.edge, near))" + _NEIGHBOURS.format(
    neighbour="lead(lower(blocked))"
)
_BEFORE = (
    "UPDATE appointments a SET blocked = tstzrange(greatest(w.edge, near), upper(a.blocked))"
    + _NEIGHBOURS.format(neighbour="lag(upper(blocked))")
)
_LIVE = ("booked", "arrived")
_SET_STATUS = """
UPDATE appointments SET status = %(status)s, sequence = sequence + (%(status)s = 'cancelled')::int WHERE id = %(id)s
"""
_OVERLAPS = "it overlaps another visit of the same practitioner; if that is meant, say yes under overbooked"


@dataclass(frozen=True)
class _Wish:
    """A visit as its row says that it is, in our ids and in UTC; `told` are the columns that it does not leave empty."""

    row: int
    place: Mapping[str, Any]
    status: str
    told: frozenset[str]
    fits: Need

    @property
    def id(self) -> str:
        return str(self.place["external_id"])

    def beside(self, was: Any) -> "_Wish":
        """The same, with what the row leaves empty as it is here; one wall time stays one instant, even when clocks go back."""
        kept: dict[str, Any] = {}
        if "overbooked" not in self.told:
            kept["overbooked"] = was.overbooked
        same_clock = ("local_start", "zone", "location_id")
        if all(self.place[name] == getattr(was, name) for name in same_clock):
            kept["start"] = was.start
        length = self.place["end"] - self.place["start"]
        if "minutes" not in self.told and self.place["visit_type_id"] == was.visit_type_id:
            length = was.end - was.start
        start = kept.get("start", self.place["start"])
        return replace(self, place={**self.place, **kept, "end": start + length})


class _Visits:
    """The visits of one file under way."""

    def __init__(self, work: Import, kind: Kind) -> None:
        self.work, self.kind = work, kind
        self.clinic = directory.load(work.session)
        self.seats = {row.id: row.seats for row in run(work.session, _SEATS)}
        self.placed: list[tuple[int, _Wish]] = []  # what has a time now, without its buffers

    def take(self, sheet: Sheet) -> None:
        """All rows: what ended lets go of its time first, then what moved, then what is new."""
        rows = [(row.number, values) for row, values in read_rows(self.work, self.kind, sheet)]
        self._remember_patients(values["patient"] for _, values in rows)
        self.work.lock_schedules()
        booking.sweep(self.work.session, [*self.work.ids["practitioners"].values()], self.work.now)
        wishes = [*filter(None, (self._wish(number, values) for number, values in rows))]
        known = {v.external_id: v for v in run(self.work.session, _KNOWN, ids=[wish.id for wish in wishes])}
        self._follow([(wish.beside(known[wish.id]), known[wish.id]) for wish in wishes if wish.id in known])
        self._add([wish for wish in wishes if wish.id not in known])
        self._keep_buffers()

    def _remember_patients(self, named: Iterable[str]) -> None:
        keys = {external: patient_key(self.work.vault, external) for external in named}
        found = {bytes(r.external_key): r.id for r in run(self.work.session, _PATIENTS, keys=[*keys.values()])}
        self.work.ids["patients"] = {external: found[key] for external, key in keys.items() if key in found}

    def _fate(self, wish: _Wish, taken: Taken) -> None:
        self.work.fates.append(Fate(self.kind.name, wish.row, *taken))

    def _wish(self, row: int, values: Values) -> _Wish | None:
        try:
            return _wish(self.work, self.clinic, row, values)
        except Refused as refused:
            self.work.fates.append(Fate(self.kind.name, row, "refused", str(refused)))
            return None

    def _add(self, wishes: list[_Wish]) -> None:
        """What is new, on the first seat on which it fits."""
        for first in range(0, len(wishes), PER_STATEMENT):
            left = wishes[first : first + PER_STATEMENT]
            for seat in range(1, max(self.seats.values(), default=1) + 1):
                tried = [wish for wish in left if seat <= self.seats[wish.place["practitioner_id"]]]
                taken = self._insert(tried, seat)
                self.placed += [(taken[wish.id], wish) for wish in tried if wish.id in taken]
                left = [wish for wish in left if wish.id not in taken]
            lost = {wish.id for wish in left}
            for wish in wishes[first : first + PER_STATEMENT]:
                self._fate(wish, ("refused", _OVERLAPS) if wish.id in lost else ("new", ""))

    def _insert(self, wishes: list[_Wish], seat: int) -> dict[str, int]:
        if not wishes:
            return {}
        columns = {name: [wish.place[name] for wish in wishes] for name in wishes[0].place}
        status = [wish.status for wish in wishes]
        rows = run(self.work.session, _NEW, **columns, status=status, seat=seat, now=self.work.now)
        return {row.external_id: row.id for row in rows}

    def _follow(self, pairs: list[tuple[_Wish, Any]]) -> None:
        """What is known already. Who stands in the way of one may move by a later row, so those that found no time try again."""
        left = sorted((pair for pair in pairs if not self._leave(*pair)), key=lambda pair: pair[0].place["start"])
        while left:
            # Those that move later make way from the last one on, those that move earlier from the first one on.
            later = [(wish, was) for wish, was in left if wish.place["start"] > was.start]
            earlier = [(wish, was) for wish, was in left if wish.place["start"] <= was.start]
            found = {wish.id for wish, was in (*reversed(later), *earlier) if self._change(wish, was)}
            if not found:
                break
            left = [(wish, was) for wish, was in left if wish.id not in found]
        for wish, _ in left:
            self._fate(wish, ("refused", _OVERLAPS))

    def _leave(self, wish: _Wish, was: Any) -> bool:
        """Whether a known visit stays as it is, and why."""
        differs, status = _differences(wish, was), _status_here(wish, was, self.work.now)
        if not differs and status == _as_told(was.status):
            self._fate(wish, ("unchanged", ""))
        elif "patient" in differs:
            self._fate(wish, ("refused", "it is the visit of another patient here: give it another id"))
        elif not was.is_theirs and (differs or was.status not in _LIVE):
            stands = f"{_as_told(was.status)} for {was.local_start:%Y-%m-%d %H:%M}"
            self._fate(
                wish, ("refused", f"it was changed here, where it is {stands}: change it here, or there to that")
            )
        else:
            return False
        return True

    def _change(self, wish: _Wish, was: Any) -> bool:
        """Let a visit be what its row says; or leave it as it is and return False, as somebody else has the time."""
        differs, status = _differences(wish, was), _status_here(wish, was, self.work.now)
        ends = was.status in _LIVE and status not in _LIVE
        revives = was.status == "cancelled" and status != "cancelled"
        try:
            with self.work.session.begin_nested():
                if ends:  # what is over needs no free time
                    self._set_status(was.id, status)
                if differs:
                    self._move(wish, was)
                if revives:
                    changing.revive(self.work.session, was.id, SETUP)
                if not ends and status != ("booked" if revives else _as_told(was.status)):
                    self._set_status(was.id, status)
        except (SlotTaken, psycopg.errors.ExclusionViolation):
            return False
        self.placed.append((was.id, wish))
        said = [*differs.values()]
        said += [f"status was “{was.status}”"] if status != _as_told(was.status) else []
        self._fate(wish, ("changed", ", ".join(said)))
        return True

    def _set_status(self, id: int, status: str) -> None:
        run(self.work.session, _SET_STATUS, id=id, status=status)
        record(self.work.session, SETUP, f"visit.{status}", "appointments", id)

    def _move(self, wish: _Wish, was: Any) -> None:
        place = {**wish.place, "blocked_start": wish.place["start"], "blocked_end": wish.place["end"]}
        seats = range(1, self.seats[wish.place["practitioner_id"]] + 1)
        for seat in seats:
            try:
                changing.relocate(self.work.session, was.id, {**place, "seat": seat}, SETUP)
            except SlotTaken:
                if seat == seats[-1]:
                    raise
            else:
                return

    def _keep_buffers(self) -> None:
        wanting = [(id, w) for id, w in self.placed if w.status in _LIVE and not w.place["overbooked"]]
        later = [(id, w.place["end"] + w.fits.after) for id, w in wanting if w.fits.after]
        earlier = [(id, w.place["start"] - w.fits.before) for id, w in wanting if w.fits.before]
        for statement, edges in ((_AFTER, later), (_BEFORE, earlier)):
            if edges:
                run(self.work.session, statement, id=[id for id, _ in edges], edge=[edge for _, edge in edges])


def take_visits(work: Import, kind: Kind, sheet: Sheet) -> None:
    """Take in a file of visits."""
    _Visits(work, kind).take(sheet)


def _wish(work: Import, clinic: Directory, row: int, values: Values) -> _Wish:
    """What a row says, or Refused."""
    place = clinic.location[work.known("locations", values["location"], "location")]
    kind = clinic.visit_type[work.known("visit_types", values["visit_type"], "visit_type")]
    doctor = work.known("practitioners", values["practitioner"], "practitioner")
    patient = work.known("patients", values["patient"], "patient")
    start = values["start"].replace(tzinfo=place.zone).astimezone(UTC)
    if start.astimezone(place.zone).replace(tzinfo=None) != values["start"]:
        raise Refused(f"start: the clocks of {place.zone.key} skip {values['start']:%Y-%m-%d %H:%M}")
    end = start + (values["minutes"] or kind.length)
    return _Wish(
        row,
        {
            "external_id": values["id"], "practitioner_id": doctor, "patient_id": patient, "visit_type_id": kind.id,
            "location_id": place.id, "start": start, "end": end, "overbooked": bool(values["overbooked"]),
            "local_start": values["start"], "zone": place.zone.key,
        },
        values["status"] or ("booked" if end > work.now else "fulfilled"),
        frozenset(name for name in ("status", "minutes", "overbooked") if values[name] is not None),
        need(kind),
    )  # fmt: skip


def _as_told(status: str) -> str:
    """A status as another system knows it, to which nobody has arrived."""
    return "booked" if status == "arrived" else status


def _status_here(wish: _Wish, was: Any, now: datetime) -> str:
    """The status that a known visit is to have: where the row does not say how it went, it went as we know."""
    knows_better = "status" not in wish.told and wish.place["end"] <= now and was.status in ("noshow", "arrived")
    return _as_told(was.status) if knows_better else wish.status


def _differences(wish: _Wish, was: Any) -> dict[str, str]:
    """In what a row says something else about a visit than is so here, by column, and what is to be said about it."""
    ours = {
        "patient": "patient_id",
        "practitioner": "practitioner_id",
        "visit_type": "visit_type_id",
        "location": "location_id",
    }
    found = {name: f"{name} was another" for name, kept in ours.items() if wish.place[kept] != getattr(was, kept)}
    if wish.place["start"] != was.start:
        found["start"] = f"start was {was.local_start:%Y-%m-%d %H:%M}"
    if wish.place["end"] - wish.place["start"] != was.end - was.start:
        found["minutes"] = f"minutes was {(was.end - was.start) // timedelta(minutes=1)}"
    if wish.place["overbooked"] != was.overbooked:
        found["overbooked"] = f"overbooked was {'yes' if was.overbooked else 'no'}"
    return found
