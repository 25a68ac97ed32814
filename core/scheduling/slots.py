"""Finding times to offer, and saying why there are none. The same rules decide here what is offered and in `booking` what is accepted."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, NamedTuple

from msgspec.structs import replace

from core.compliance.audit import SETUP, Actor
from core.database import Session
from core.scheduling import availability, matching, newcomers, plans
from core.scheduling.availability import FreeStart, Interval, Need, Plan
from core.scheduling.directory import Directory, VisitType
from core.scheduling.matching import Candidate, Party
from core.scheduling.reasons import Reason, Why, least
from core.scheduling.wishes import Slot, TimeRange, Wanted, When

APART = timedelta(minutes=45)  # offers are spread, so that three of them are a choice
# How far ahead one looks at first, and then: most find a time in the first days, and years of visits need not be read for that.
REACHES = (timedelta(days=4), timedelta(days=21))


class Found(NamedTuple):
    """Slots, the best first; `exact` is false when the wish could not be met and these are the nearest. `why` says why not.

    Of several wishes in order it is the first that `why` is about.
    """

    slots: tuple[Slot, ...]
    exact: bool
    why: Why | None = None


@dataclass(frozen=True)
class Asker:
    """On whose behalf time is looked for or taken: a conversation, by its clock, with the clinic's directory at hand."""

    session: Session
    directory: Directory
    conversation_id: int | None
    now: datetime
    staff_id: int | None = None  # a member of staff who acts at the desk
    newcomer: bool = False  # the conversation speaks for no patient

    def plans(self, candidates: Iterable[Candidate], window: Interval, moving: int | None = None) -> dict[int, Plan]:
        """The plans of all candidates as this asker has them, for what each is wanted for."""
        needs = {candidate.practitioner.id: need(candidate.visit_type) for candidate in candidates}
        found = plans.load(self.session, needs, window, self.now, self.conversation_id, moving)
        if not self.newcomer:
            return found
        return newcomers.seen_by_one(self.session, found, needs, window, self.now, self.conversation_id)

    def party(self, candidates: list[Candidate], patient_id: int | None) -> Party:
        """Who wants to come, as far as the rules of these candidates ask."""
        return matching.party(self.session, candidates, patient_id, staff=self.staff_id is not None)

    @property
    def actor(self) -> Actor:
        """Who the audit names."""
        if self.staff_id is not None:
            return Actor("staff", self.staff_id)
        return SETUP if self.conversation_id is None else Actor("conversation", self.conversation_id)


def need(visit_type: VisitType) -> Need:
    """How much time such a visit takes."""
    return Need(visit_type.length, visit_type.buffer_before, visit_type.buffer_after)


# --- what is offered -------------------------------------------------------------------------------------------------


def find(asker: Asker, wanted: Wanted, limit: int = 3) -> Found:
    """The first `limit` times that fit, spread a little; if none fits, why, and the times that come nearest to the wish."""
    meant = matching.candidates(asker.directory, wanted)
    who = asker.party(meant, wanted.patient)
    bars = {candidate: matching.bar(candidate, wanted, who) for candidate in meant}
    open_ = [candidate for candidate, barred in bars.items() if barred is None]
    if not open_:
        barred: set[Reason] = {reason for reason in bars.values() if reason is not None}
        why = Why(least(barred), _only(meant)) if barred else None
        return Found(_instead(asker, wanted, who, limit), exact=False, why=why)
    chosen: list[Slot] = []
    for wish in wanted.when.in_order:
        more = _fitting(asker, open_, replace(wanted, when=wish), limit - len(chosen))
        chosen += [slot for slot in more if slot not in chosen]
        if len(chosen) == limit:
            break
    if chosen and _is_exact(asker.directory, wanted, chosen[0]):
        return Found(tuple(chosen), exact=True, why=_why_not_first(asker, open_, wanted, chosen[0]))
    if chosen:  # near the wished time of day
        why = _about_time(asker, open_, wanted)
        elsewhere = _elsewhere(asker, wanted, who) if why and why.practitioner else ()
        return Found((*elsewhere, *chosen)[:limit], exact=False, why=why)
    why = None if wanted.after else _why(asker, open_, wanted)  # "more" has come to its end
    if why is None or why.practitioner is None:
        return Found(_nearest_to_wish(asker, open_, wanted, limit), exact=False, why=why)
    elsewhere = _elsewhere(asker, wanted, who)
    own = _nearest_to_wish(asker, open_, wanted, limit - len(elsewhere))
    return Found((*elsewhere, *own), exact=False, why=why)


def nearest(asker: Asker, wanted: Wanted, to: datetime, limit: int = 3) -> tuple[Slot, ...]:
    """The free times nearest to an instant, in order of time: what is offered when it was just taken."""
    meant = matching.candidates(asker.directory, wanted)
    who = asker.party(meant, wanted.patient)
    open_ = [candidate for candidate in meant if matching.bar(candidate, wanted, who) is None]
    earliest, latest = _bookable(open_, asker.now)
    for reach in (timedelta(days=3), latest - asker.now):
        start, end = max(earliest, to - reach), min(latest, to + reach)
        if start >= end:
            continue
        free = list(_slots(asker, open_, wanted, Interval(start, end)))
        if len(free) >= limit or end == latest:
            return tuple(sorted(heapq.nsmallest(limit, free, key=lambda slot: abs(slot.start - to)), key=_start))
    return ()


# --- what is accepted ------------------------------------------------------------------------------------------------


def verdict(
    asker: Asker, plan: Plan, slot: Slot, patient_id: int | None, *, was_held: bool = False
) -> FreeStart | Reason:
    """The seat on which this slot may be taken now, or the reason why it may not. What was held in time needs no lead."""
    practitioner = asker.directory.practitioner.get(slot.practitioner_id)
    kind = asker.directory.visit_type[slot.visit_type_id]
    if practitioner is None or not practitioner.is_active or slot.visit_type_id not in practitioner.visit_types:
        return "not_working"
    candidate = Candidate(practitioner, kind)
    barred = matching.bar(candidate, Wanted(), asker.party([candidate], patient_id))
    if barred is not None:
        return barred
    lead = timedelta(0) if was_held else kind.policy.lead
    outside = _outside(slot.start - asker.now, lead, kind.policy.horizon)
    return outside or availability.start_at(plan, need(kind), slot.start, slot.location_id)


def _outside(ahead: timedelta, lead: timedelta, horizon: timedelta) -> Literal["too_soon", "too_far"] | None:
    """Why a start so far ahead may not be booked, by the clinic's lead time and horizon; None where it may."""
    if ahead < lead:
        return "too_soon"
    return "too_far" if ahead >= horizon else None


# --- looking ---------------------------------------------------------------------------------------------------------


def _fitting(asker: Asker, open_: list[Candidate], wanted: Wanted, limit: int) -> tuple[Slot, ...]:
    """The times that one wish asks for, looking only as far ahead as it takes."""
    window = _window(asker, wanted, *_bookable(open_, asker.now))
    if window is None:
        return ()
    chosen: tuple[Slot, ...] = ()
    for end in sorted({min(window.start + reach, window.end) for reach in REACHES} | {window.end}):
        fitting = (
            slot
            for slot in _slots(asker, open_, wanted, Interval(window.start, end))
            if wanted.when.fits(_local(asker.directory, slot))
        )
        at = wanted.when.at
        chosen = _spread(fitting, limit) if at is None else _nearest(fitting, asker.directory, at, limit)
        if len(chosen) >= limit or (chosen and at is not None):
            break
    return chosen


def _why(asker: Asker, open_: list[Candidate], wanted: Wanted) -> Why:
    """Why nothing fits a wish: of all that stands against it, what is nearest to a yes. What holds all day is said of the days."""
    first, *_ = wanted.when.in_order
    starts = list(_judged(asker, open_, replace(wanted, when=replace(first, times=(), at=None))))
    all_day = (bool(first.times) or first.at is not None) and all(reason is not None for _, reason in starts)
    stands = {reason for local, reason in starts if reason is not None and (all_day or first.fits(local))}
    if not stands and _is_beyond(asker, open_, first):
        stands = {"too_far"}
    if not stands and wanted.location is not None:
        stands = {"wrong_place"}
    return Why(least(stands) if stands else "not_working", _only(open_), all_day)


def _why_not_first(asker: Asker, open_: list[Candidate], wanted: Wanted, found: Slot) -> Why | None:
    """Why it is only the next best wish that is met; None where there is one wish, or the first is met."""
    first, *others = wanted.when.in_order
    is_met = not others or first.means(_local(asker.directory, found))
    return None if is_met or wanted.after else _why(asker, open_, wanted)


def _is_beyond(asker: Asker, open_: list[Candidate], wish: When) -> bool:
    """Whether all of a wish lies further ahead than anybody looks."""
    _, latest = _bookable(open_, asker.now)
    return bool(wish.days) and all(day.start and _midnight(asker.directory, day.start) >= latest for day in wish.days)


def _is_exact(directory: Directory, wanted: Wanted, slot: Slot) -> bool:
    """Whether one of the wishes means this very time."""
    return any(wish.means(_local(directory, slot)) for wish in wanted.when.in_order)


def _about_time(asker: Asker, open_: list[Candidate], wanted: Wanted) -> Why | None:
    """Why the very time of day is not to be had; None where no visit would begin then anyway."""
    at = wanted.when.at
    assert at is not None
    until = (datetime.combine(date.min, at) + timedelta(minutes=1)).time()
    exactly = replace(wanted, when=replace(wanted.when, times=(TimeRange(at, until),)))
    stands = {reason for _, reason in _judged(asker, open_, exactly) if reason is not None}
    return Why(least(stands), _only(open_)) if stands else None


def _judged(asker: Asker, open_: list[Candidate], wanted: Wanted) -> Iterator[tuple[datetime, Reason | None]]:
    """Every start that the hours have for a wish, by its local time, with what stands against it: that it is too soon or too far, too."""
    today = asker.now.astimezone(asker.directory.zone).date()
    _, latest = _bookable(open_, asker.now)
    window = _window(asker, wanted, _midnight(asker.directory, today), latest + _BEYOND)
    if window is None:
        return
    plans_ = asker.plans(open_, window, wanted.moving)
    for candidate in open_:
        policy = candidate.visit_type.policy
        for start in availability.starts(plans_[candidate.practitioner.id], need(candidate.visit_type), window):
            local = start.at.astimezone(asker.directory.location[start.location_id].zone)
            if wanted.location not in (None, start.location_id) or not wanted.when.fits(local):
                continue
            closed = None if isinstance(start, FreeStart) else start.why
            yield local, _outside(start.at - asker.now, policy.lead, policy.horizon) or closed


_BEYOND = timedelta(days=7)  # behind what is bookable one looks so far for a start, to say of it that it is too far


def _elsewhere(asker: Asker, wanted: Wanted, who: Party) -> tuple[Slot, ...]:
    """Another doctor of the same kind who has the wished time, where one was named who has not."""
    named = asker.directory.practitioner.get(wanted.practitioner or 0)
    if named is None or not named.specialties or wanted.when in (When(), When(first_available=True)):
        return ()
    wider = replace(wanted, practitioner=None, specialty=named.specialties[0])
    others = [c for c in matching.candidates(asker.directory, wider) if c.practitioner.id != named.id]
    open_ = [candidate for candidate in others if matching.bar(candidate, wanted, who) is None]
    found = _fitting(asker, open_, wider, 1) if open_ else ()
    at = wanted.when.at
    return tuple(slot for slot in found if at is None or _local(asker.directory, slot).time() == at)


def _instead(asker: Asker, wanted: Wanted, who: Party, limit: int) -> tuple[Slot, ...]:
    """Where a rule keeps the patient from the doctor they named: others of the same kind; from all: in another way or language."""
    named = asker.directory.practitioner.get(wanted.practitioner or 0)
    if named is None:
        wider = replace(wanted, mode=None, language=None)
    elif named.specialties:
        wider = replace(wanted, practitioner=None, specialty=named.specialties[0], visit_type=None)
    else:
        return ()
    open_ = [c for c in matching.candidates(asker.directory, wider) if matching.bar(c, wider, who) is None]
    if not open_:
        return ()
    return _fitting(asker, open_, wider, limit) or _nearest_to_wish(asker, open_, wider, limit)


def _nearest_to_wish(asker: Asker, open_: list[Candidate], wanted: Wanted, limit: int) -> tuple[Slot, ...]:
    """The wish cannot be met: the first times from its first day on, or the last ones that are booked yet; or else the first of all."""
    directory = asker.directory
    start, end = _bookable(open_, asker.now)
    first = min((day.start for day in wanted.when.days if day.start), default=None)
    if wanted.after is not None:
        start = max(start, wanted.after + timedelta(minutes=1))
    if first is not None:
        start = max(start, min(_midnight(directory, first), end - _LAST_DAYS))
    allowed = When(not_days=wanted.when.not_days, not_weekdays=wanted.when.not_weekdays)
    if start >= end or limit < 1:
        return ()
    chosen: tuple[Slot, ...] = ()
    for until in sorted({min(start + reach, end) for reach in REACHES} | {end}):
        free = _slots(asker, open_, wanted, Interval(start, until))
        chosen = _spread((slot for slot in free if allowed.fits(_local(directory, slot))), limit)
        if len(chosen) == limit:
            break
    return chosen


_LAST_DAYS = timedelta(days=7)  # of what may be booked: where one looks for a wish that lies behind it


def _start(slot: Slot) -> datetime:
    return slot.start


def _only(meant: list[Candidate]) -> int | None:
    """The one practitioner who is meant; None for several."""
    ids = {candidate.practitioner.id for candidate in meant}
    return ids.pop() if len(ids) == 1 else None


def _local(directory: Directory, slot: Slot) -> datetime:
    return slot.start.astimezone(directory.location[slot.location_id].zone)


def _bookable(open_: list[Candidate], now: datetime) -> tuple[datetime, datetime]:
    """From when until when any of these candidates may be booked."""
    policies = [candidate.visit_type.policy for candidate in open_]
    leads, horizons = [policy.lead for policy in policies], [policy.horizon for policy in policies]
    return now + min(leads, default=timedelta(0)), now + max(horizons, default=timedelta(0))


def _window(asker: Asker, wanted: Wanted, start: datetime, end: datetime) -> Interval | None:
    """The instants from `start` until before `end` in which a visit can begin that fits the wish, or None where there are none."""
    if wanted.after is not None:
        start = max(start, wanted.after + timedelta(minutes=1))
    days = wanted.when.days
    if days and all(day.start for day in days):
        first = min(day.start for day in days if day.start)
        start = max(start, _midnight(asker.directory, first) - _ZONES_APART)
    if days and all(day.end for day in days):
        last = max(day.end for day in days if day.end)
        end = min(end, _midnight(asker.directory, last) + _ZONES_APART)
    return Interval(start, end) if start < end else None


_ZONES_APART = timedelta(hours=26)  # the same date begins within so many hours everywhere on Earth


def _midnight(directory: Directory, day: date) -> datetime:
    return datetime.combine(day, time(0), directory.zone).astimezone(UTC)


def _slots(asker: Asker, open_: list[Candidate], wanted: Wanted, window: Interval) -> Iterator[Slot]:
    """Free slots of all candidates, lazily, in order of time."""
    plans_ = asker.plans(open_, window, wanted.moving)
    streams = [_slots_of(plans_[c.practitioner.id], c, window, wanted.location, asker.now) for c in open_]
    return (slot for slot in heapq.merge(*streams, key=_start) if slot != wanted.instead_of)


def _slots_of(
    plan: Plan, candidate: Candidate, window: Interval, location: int | None, now: datetime
) -> Iterator[Slot]:
    policy = candidate.visit_type.policy
    for start in availability.free_starts(plan, need(candidate.visit_type), window):
        is_bookable = _outside(start.at - now, policy.lead, policy.horizon) is None
        if is_bookable and location in (None, start.location_id):
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
    return tuple(every[place * (len(every) - 1) // max(1, limit - 1)] for place in range(limit))


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
