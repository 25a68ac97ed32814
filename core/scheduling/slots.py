"""Finding times to offer. The same rules decide here what is offered and in `booking` what is accepted."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

import msgspec
from sqlalchemy.orm import Session

from core.compliance.audit import SETUP, Actor
from core.scheduling import availability, plans
from core.scheduling.availability import FreeStart, Interval, Need, Plan
from core.scheduling.directory import Directory, Practitioner, VisitType
from core.scheduling.wishes import When

LEAD = timedelta(minutes=30)  # nothing is offered that begins sooner
HORIZON = timedelta(days=90)  # nor later
APART = timedelta(minutes=45)  # offers are spread, so that three of them are a choice


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


class Found(NamedTuple):
    """Slots, the best first; `exact` is false when the wish could not be met and these are the nearest."""

    slots: tuple[Slot, ...]
    exact: bool


class Candidate(NamedTuple):
    """Somebody who could see the patient, and for what."""

    practitioner: Practitioner
    visit_type: VisitType


@dataclass(frozen=True)
class Asker:
    """On whose behalf time is looked for or taken: a conversation, by its clock, with the clinic's directory at hand."""

    session: Session
    directory: Directory
    conversation_id: int | None
    now: datetime

    def plans(self, candidates_: Iterable[Candidate], window: Interval) -> dict[int, Plan]:
        """The plans of all candidates, in one round trip."""
        ids = (candidate.practitioner.id for candidate in candidates_)
        return plans.load(self.session, ids, window, self.now, self.conversation_id)

    @property
    def actor(self) -> Actor:
        """Who the audit names."""
        return SETUP if self.conversation_id is None else Actor("conversation", self.conversation_id)


def need(visit_type: VisitType) -> Need:
    """How much time such a visit takes."""
    return Need(visit_type.length, visit_type.buffer_before, visit_type.buffer_after)


def candidates(directory: Directory, wanted: Wanted) -> list[Candidate]:
    """Who could be meant, each with the kind of visit that was asked for or their usual one."""
    found = []
    for practitioner in directory.practitioners:
        if wanted.practitioner not in (None, practitioner.id):
            continue
        if wanted.specialty is not None and wanted.specialty not in practitioner.specialties:
            continue
        kinds = [directory.visit_type[id] for id in practitioner.visit_types if wanted.visit_type in (None, id)]
        if kinds:
            found.append(Candidate(practitioner, kinds[0]))
    return found


def find(asker: Asker, wanted: Wanted, limit: int = 3) -> Found:
    """The first `limit` times that fit, spread a little; if none fits, the first ones from the wished day on."""
    directory = asker.directory
    candidates_ = candidates(directory, wanted)
    window = _window(directory, wanted, asker.now)
    if window is None:
        return Found(_nearest_to_wish(asker, candidates_, wanted, limit), exact=False)
    plans_ = asker.plans(candidates_, window)
    fitting = (
        slot
        for slot in _slots(plans_, candidates_, window, wanted.location)
        if wanted.when.fits(_local(directory, slot))
    )
    at = wanted.when.at
    chosen = _spread(fitting, limit) if at is None else _nearest(fitting, directory, at, limit)
    if chosen:
        return Found(chosen, exact=at is None or _local(directory, chosen[0]).time() == at)
    return Found(_nearest_to_wish(asker, candidates_, wanted, limit), exact=False)


def nearest(asker: Asker, wanted: Wanted, to: datetime, limit: int = 3) -> tuple[Slot, ...]:
    """The free times nearest to an instant, in order of time: what is offered when it was just taken."""
    candidates_ = candidates(asker.directory, wanted)
    earliest, latest = asker.now + LEAD, asker.now + HORIZON
    for reach in (timedelta(days=3), HORIZON):
        start, end = max(earliest, to - reach), min(latest, to + reach)
        if start >= end:
            continue
        window = Interval(start, end)
        plans_ = asker.plans(candidates_, window)
        free = list(_slots(plans_, candidates_, window, wanted.location))
        if len(free) >= limit or reach == HORIZON:
            return tuple(sorted(heapq.nsmallest(limit, free, key=lambda slot: abs(slot.start - to)), key=_start))
    return ()


def accepts(directory: Directory, plan: Plan, slot: Slot, now: datetime, lead: timedelta = LEAD) -> FreeStart | None:
    """Whether this slot may be taken now, and on which seat. What was held in time needs no `lead` any more."""
    if not now + lead <= slot.start < now + HORIZON:
        return None
    practitioner = directory.practitioner.get(slot.practitioner_id)
    if practitioner is None or not practitioner.is_active or slot.visit_type_id not in practitioner.visit_types:
        return None
    return availability.free_start(plan, need(directory.visit_type[slot.visit_type_id]), slot.start, slot.location_id)


def _start(slot: Slot) -> datetime:
    return slot.start


def _local(directory: Directory, slot: Slot) -> datetime:
    return slot.start.astimezone(directory.location[slot.location_id].zone)


def _window(directory: Directory, wanted: Wanted, now: datetime) -> Interval | None:
    """The instants in which a start can fit the wish, or None when the wish lies outside of what is bookable."""
    start, end = now + LEAD, now + HORIZON
    if wanted.after is not None:
        start = max(start, wanted.after + timedelta(minutes=1))
    days = wanted.when.days
    if days and all(day.start for day in days):
        first = min(day.start for day in days if day.start)
        start = max(start, _midnight(directory, first) - _ZONES_APART)
    if days and all(day.end for day in days):
        last = max(day.end for day in days if day.end)
        end = min(end, _midnight(directory, last) + _ZONES_APART)
    return Interval(start, end) if start < end else None


_ZONES_APART = timedelta(hours=26)  # the same date begins within so many hours everywhere on Earth


def _midnight(directory: Directory, day: date) -> datetime:
    return datetime.combine(day, time(0), directory.zone).astimezone(UTC)


def _slots(
    plans_: dict[int, Plan], candidates_: Iterable[Candidate], window: Interval, location: int | None
) -> Iterator[Slot]:
    """Free slots of all candidates, lazily, in order of time."""
    streams = [_slots_of(plans_[c.practitioner.id], c, window, location) for c in candidates_]
    return heapq.merge(*streams, key=_start)


def _slots_of(plan: Plan, candidate: Candidate, window: Interval, location: int | None) -> Iterator[Slot]:
    for start in availability.free_starts(plan, need(candidate.visit_type), window):
        if location in (None, start.location_id):
            yield Slot(candidate.practitioner.id, candidate.visit_type.id, start.location_id, start.at)


def _spread(slots: Iterable[Slot], limit: int) -> tuple[Slot, ...]:
    """The first ones that lie apart from each other; where there are too few of those, the first, the last and between."""
    every: list[Slot] = []
    apart: list[Slot] = []
    for slot in slots:
        if every and slot.start == every[-1].start:
            continue
        every.append(slot)
        if not apart or slot.start - apart[-1].start >= APART:
            apart.append(slot)
        if len(apart) == limit:
            return tuple(apart)
    if len(every) <= limit:
        return tuple(every)
    return tuple(every[place * (len(every) - 1) // (limit - 1)] for place in range(limit))


def _nearest(slots: Iterable[Slot], directory: Directory, at: time, limit: int) -> tuple[Slot, ...]:
    """The ones nearest to a time of day on the first day on which there are any; the nearest first."""
    day: date | None = None
    best: list[tuple[int, Slot]] = []
    for slot in slots:
        local = _local(directory, slot)
        if day is not None and local.date() != day:
            break
        day = local.date()
        minutes = abs((local.hour - at.hour) * 60 + local.minute - at.minute)
        if all(slot.start != other.start for _, other in best):
            best.append((minutes, slot))
    return tuple(slot for _, slot in heapq.nsmallest(limit, best, key=lambda pair: pair[0]))


def _nearest_to_wish(asker: Asker, candidates_: list[Candidate], wanted: Wanted, limit: int) -> tuple[Slot, ...]:
    """The wish cannot be met: the first times from its first day on, or else the first of all."""
    directory, now = asker.directory, asker.now
    first = min((day.start for day in wanted.when.days if day.start), default=None)
    start, end = now + LEAD, now + HORIZON
    if wanted.after is not None:
        start = max(start, wanted.after + timedelta(minutes=1))
    if first is not None and start < _midnight(directory, first) < end:
        start = _midnight(directory, first)
    if start >= end:
        return ()
    window = Interval(start, end)
    plans_ = asker.plans(candidates_, window)
    allowed = When(not_days=wanted.when.not_days, not_weekdays=wanted.when.not_weekdays)
    free = (s for s in _slots(plans_, candidates_, window, wanted.location) if allowed.fits(_local(directory, s)))
    return _spread(free, limit)
