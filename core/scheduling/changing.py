"""Changing a visit that exists: cancel, move, confirm, and take a step back. A visit is one row for life; its sequence rises.

The time that a visit had stays its patient's own for the minutes of undo, unless the visit is so near that others need it more.
A move takes the new time in the very statement that lets go of the old one, so that nobody is ever without a visit.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import psycopg

from core import failpoints
from core.compliance.audit import Actor, record
from core.database import Session, run
from core.errors import (
    AlreadyCancelled,
    NoSuchVisit,
    NoticeTooShort,
    PatientBusy,
    SlotTaken,
    TooLateToChange,
    UndoOver,
    VisitChanged,
    VisitOver,
)
from core.scheduling.booking import (
    UNDO,
    ahead_of,
    drop,
    free_place,
    is_for,
    own_holds,
    require_fewer_of_kind,
    require_known,
    sweep,
)
from core.scheduling.locks import lock
from core.scheduling.slots import Asker
from core.scheduling.wishes import Slot

# A visit nearer than this is freed at once when cancelled or moved: its time matters more than a sure undo.
SOON = timedelta(hours=4)


@dataclass(frozen=True)
class Cancelled:
    """A visit called off. `undo_until` is None when its time was freed at once."""

    id: int
    undo_until: datetime | None


@dataclass(frozen=True)
class Moved:
    """A visit that has moved away from `was`; `already` when it stood there before. `undo_until` as in `Cancelled`."""

    id: int
    was: Slot
    undo_until: datetime | None
    already: bool = False


_FIND = """
SELECT id, practitioner_id, patient_id, visit_type_id, location_id, status, sequence, undo_until, lower(during) AS start,
       upper(during) AS until
FROM appointments WHERE id = %(id)s AND patient_id = ANY (%(patients)s) AND status <> 'pending'
"""

_CANCEL = """
UPDATE appointments SET status = 'cancelled', sequence = sequence + 1, undo_until = %(undo_until)s WHERE id = %(id)s
"""

_KEEP_TIME = """
INSERT INTO appointments (status, practitioner_id, patient_id, visit_type_id, location_id, during, blocked, seat, overbooked,
                          local_start, zone, conversation_id, expires_at, covers_id, created_at)
SELECT 'pending', practitioner_id, patient_id, visit_type_id, location_id, during, blocked, seat, overbooked,
       local_start, zone, %(conversation_id)s, %(expires_at)s, id, %(now)s
FROM appointments WHERE id = %(id)s
"""

_DROP_COVERS = "DELETE FROM appointments WHERE covers_id = %(id)s AND status = 'pending'"

_REMEMBER = """
INSERT INTO earlier_versions (appointment_id, sequence, practitioner_id, visit_type_id, location_id, during, blocked, seat,
                              overbooked, local_start, zone)
SELECT id, sequence, practitioner_id, visit_type_id, location_id, during, blocked, seat, overbooked, local_start, zone
FROM appointments WHERE id = %(id)s
"""

_MOVE = """
UPDATE appointments SET practitioner_id = %(practitioner_id)s, visit_type_id = %(visit_type_id)s, location_id = %(location_id)s,
    during = tstzrange(%(start)s, %(end)s), blocked = tstzrange(%(blocked_start)s, %(blocked_end)s), seat = %(seat)s,
    overbooked = %(overbooked)s, local_start = %(local_start)s, zone = %(zone)s, sequence = sequence + 1, undo_until = %(undo_until)s
WHERE id = %(id)s
"""

# What the visit had and no longer has: with another doctor or on another seat all of it, otherwise what does not overlap.
_KEEP_OLD_TIME = """
INSERT INTO appointments (status, practitioner_id, patient_id, visit_type_id, location_id, during, blocked, seat, overbooked,
                          local_start, zone, conversation_id, expires_at, covers_id, created_at)
SELECT 'pending', v.practitioner_id, a.patient_id, v.visit_type_id, v.location_id, piece, piece, v.seat, v.overbooked,
       v.local_start, v.zone, %(conversation_id)s, %(expires_at)s, a.id, %(now)s
FROM earlier_versions v JOIN appointments a ON a.id = v.appointment_id,
     unnest(tstzmultirange(v.blocked)
            - CASE WHEN a.practitioner_id = v.practitioner_id AND a.seat = v.seat THEN tstzmultirange(a.blocked) ELSE '{}' END) piece
WHERE a.id = %(id)s AND v.sequence = a.sequence - 1
"""

_EARLIER = """
SELECT practitioner_id, visit_type_id, location_id, lower(during) AS start, upper(during) AS until
FROM earlier_versions WHERE appointment_id = %(id)s AND sequence = %(sequence)s
"""

# A time is theirs again while it is free; the constraint has the last word.
_RESTORE = """
UPDATE appointments SET status = 'booked', sequence = sequence + 1, undo_until = NULL
WHERE id = %(id)s AND status = 'cancelled' AND (overbooked OR NOT EXISTS (
  SELECT 1 FROM appointments other WHERE other.practitioner_id = appointments.practitioner_id AND other.seat = appointments.seat
    AND other.blocked && appointments.blocked AND other.id <> appointments.id
    AND other.status IN ('pending', 'booked', 'arrived') AND NOT other.overbooked))
"""

_MOVE_BACK = """
UPDATE appointments SET practitioner_id = v.practitioner_id, visit_type_id = v.visit_type_id, location_id = v.location_id,
    during = v.during, blocked = v.blocked, seat = v.seat, overbooked = v.overbooked, local_start = v.local_start, zone = v.zone,
    sequence = appointments.sequence + 1, undo_until = NULL
FROM earlier_versions v
WHERE appointments.id = %(id)s AND v.appointment_id = %(id)s AND v.sequence = %(sequence)s AND (v.overbooked OR NOT EXISTS (
  SELECT 1 FROM appointments other WHERE other.practitioner_id = v.practitioner_id AND other.seat = v.seat
    AND other.blocked && v.blocked AND other.id <> appointments.id
    AND other.status IN ('pending', 'booked', 'arrived') AND NOT other.overbooked))
"""

_CONFIRM = """
UPDATE appointments SET confirmed_sequence = sequence, confirmed_at = %(now)s WHERE id = %(id)s AND confirmed_sequence IS DISTINCT FROM sequence
"""


def cancel(desk: Asker, visit_id: int, patients: Iterable[int], sequence: int | None = None) -> Cancelled:
    """Call off a visit of one of `patients`. Its time stays theirs while they can undo, unless the visit is too near for that.

    `sequence` is what the visit had when this was offered: a visit that has changed since raises VisitChanged.
    """
    visit = _locked(desk, _find(desk, visit_id, patients))
    _require_changeable(desk, visit, sequence)
    undo_until = desk.now + UNDO
    keeps_time = visit.start - desk.now >= SOON
    run(desk.session, _DROP_COVERS, id=visit.id)
    run(desk.session, _CANCEL, id=visit.id, undo_until=undo_until)
    if keeps_time:
        _keep(desk, _KEEP_TIME, visit.id, undo_until)
    failpoints.reach("cancel.after_update")
    record(desk.session, desk.actor, "visit.cancelled", "appointments", visit.id)
    return Cancelled(visit.id, undo_until if keeps_time else None)


def move(desk: Asker, visit_id: int, slot: Slot, patients: Iterable[int], sequence: int | None = None) -> Moved:
    """Give a visit another time, doctor or place, by the rules of booking; or raise a Refusal and leave it as it is.

    The visit's own time does not stand in its way. `sequence` as in `cancel`. What this conversation held is let go.
    """
    require_known(desk, slot)
    visit = _locked(desk, _find(desk, visit_id, patients), [slot.practitioner_id])
    own = own_holds(desk, slot, visit.patient_id)
    if (visit.status, _slot(visit)) == ("booked", slot):
        return Moved(visit.id, slot, visit.undo_until, already=True)
    _require_changeable(desk, visit, sequence)
    end = slot.start + desk.directory.visit_type[slot.visit_type_id].length
    others = [other for other in ahead_of(desk, visit.patient_id, slot.start, end) if other.id != visit.id]
    if any(other.overlaps for other in others):
        raise PatientBusy
    if slot.visit_type_id != visit.visit_type_id:
        require_fewer_of_kind(desk, slot, others)
    try:
        with desk.session.begin_nested():
            drop(desk, own)
            run(desk.session, _DROP_COVERS, id=visit.id)
            was_held = any(is_for(held, slot) and held.expires_at > desk.now for held in own)
            place = free_place(desk, slot, visit.patient_id, was_held=was_held, moving=visit.id)
            run(desk.session, _REMEMBER, id=visit.id)
            run(desk.session, _MOVE, id=visit.id, undo_until=desk.now + UNDO, overbooked=False, **place)
    except psycopg.errors.ExclusionViolation:  # nobody who locks comes here; the constraint knows no exceptions
        raise SlotTaken from None
    keeps_time = visit.start - desk.now >= SOON
    if keeps_time:
        _keep(desk, _KEEP_OLD_TIME, visit.id, desk.now + UNDO)
    failpoints.reach("move.after_update")
    _note_move(desk, "visit.moved", visit, slot.practitioner_id, slot.start)
    return Moved(visit.id, _slot(visit), desk.now + UNDO if keeps_time else None)


def undo_move(desk: Asker, visit_id: int, patients: Iterable[int], sequence: int | None = None) -> None:
    """Let a moved visit stand where it stood before; or raise UndoOver, or PatientBusy when they have something else then."""
    before = _find(desk, visit_id, patients)
    earlier = run(desk.session, _EARLIER, id=visit_id, sequence=before.sequence - 1).fetchone()
    if earlier is None:
        raise VisitChanged
    visit = _locked(desk, before, [earlier.practitioner_id])
    if visit.status != "booked" or sequence not in (None, visit.sequence) or visit.sequence != before.sequence:
        raise VisitChanged
    if _is_over(visit.undo_until, desk.now) or min(earlier.start, visit.start) <= desk.now:
        raise UndoOver
    ahead = ahead_of(desk, visit.patient_id, earlier.start, earlier.until)
    if any(other.overlaps and other.id != visit.id for other in ahead):
        raise PatientBusy
    run(desk.session, _DROP_COVERS, id=visit.id)
    sweep(desk.session, [earlier.practitioner_id], desk.now)
    if run(desk.session, _MOVE_BACK, id=visit.id, sequence=visit.sequence - 1).rowcount == 0:
        raise UndoOver
    _note_move(desk, "visit.moved_back", visit, earlier.practitioner_id, earlier.start)


def undo_cancel(desk: Asker, visit_id: int, patients: Iterable[int], sequence: int | None = None) -> None:
    """Let a cancelled visit stand again, or raise UndoOver, or PatientBusy when they booked something else meanwhile.

    No effect on a visit that stands.
    """
    visit = _locked(desk, _find(desk, visit_id, patients))
    if visit.status != "cancelled":
        return
    if sequence not in (None, visit.sequence):
        raise VisitChanged
    if _is_over(visit.undo_until, desk.now) or visit.start <= desk.now:
        raise UndoOver
    if any(other.overlaps for other in ahead_of(desk, visit.patient_id, visit.start, visit.until)):
        raise PatientBusy
    run(desk.session, _DROP_COVERS, id=visit.id)
    sweep(desk.session, [visit.practitioner_id], desk.now)
    if run(desk.session, _RESTORE, id=visit.id).rowcount == 0:
        raise UndoOver
    record(desk.session, desk.actor, "visit.restored", "appointments", visit.id)


def undo_booking(desk: Asker, visit_id: int, patients: Iterable[int], sequence: int | None = None) -> None:
    """Take a booking back within its minutes of undo; its time is free at once. Raises UndoOver afterwards."""
    visit = _locked(desk, _find(desk, visit_id, patients))
    if visit.status == "cancelled":
        raise AlreadyCancelled
    if visit.sequence != (sequence or 0):  # a later step came in between: a move, or a cancellation and its undo
        raise VisitChanged
    if _is_over(visit.undo_until, desk.now) or visit.status != "booked":
        raise UndoOver
    run(desk.session, _CANCEL, id=visit.id, undo_until=None)
    record(desk.session, desk.actor, "visit.unbooked", "appointments", visit.id)


def confirm(desk: Asker, visit_id: int, patients: Iterable[int], sequence: int | None = None) -> None:
    """Note that they come to a visit of one of `patients`, once; it takes no time, so nobody's time is locked. `sequence` as in `cancel`."""
    visit = _find(desk, visit_id, patients, _FIND + "FOR NO KEY UPDATE")
    if visit.status == "cancelled":
        raise AlreadyCancelled
    if visit.status != "booked" or visit.start <= desk.now:
        raise VisitOver
    if sequence not in (None, visit.sequence):
        raise VisitChanged
    if run(desk.session, _CONFIRM, id=visit.id, now=desk.now).rowcount:
        record(desk.session, desk.actor, "visit.confirmed", "appointments", visit.id, sequence=visit.sequence)


def require_changeable(desk: Asker, visit_id: int, patients: Iterable[int], sequence: int | None = None) -> None:
    """Raise the Refusal with which `move` would answer, whatever the new time: nobody should choose one in vain."""
    _require_changeable(desk, _find(desk, visit_id, patients), sequence)


def relocate(session: Session, visit_id: int, place: Mapping[str, Any], actor: Actor) -> None:
    """Let a visit stand where another system says that it stands, under the locks of all concerned; or raise SlotTaken.

    The clinic's rules are for what is booked here; that no two visits overlap is for all.
    """
    try:
        with session.begin_nested():
            run(session, _REMEMBER, id=visit_id)
            run(session, _MOVE, id=visit_id, undo_until=None, **place)
    except psycopg.errors.ExclusionViolation:
        raise SlotTaken from None
    stands = _standing(place["practitioner_id"], place["patient_id"], place["start"])
    record(session, actor, "visit.moved", "appointments", visit_id, **stands)


def revive(session: Session, visit_id: int, actor: Actor) -> None:
    """Let a visit that another system had called off stand again, under the practitioner's lock; or raise SlotTaken."""
    if run(session, _RESTORE, id=visit_id).rowcount == 0:
        raise SlotTaken
    record(session, actor, "visit.restored", "appointments", visit_id)


def _keep(desk: Asker, statement: str, visit_id: int, until: datetime) -> None:
    """The time that a visit had is its patient's own a little longer."""
    run(
        desk.session,
        statement,
        id=visit_id,
        conversation_id=desk.conversation_id,
        expires_at=until,
        now=desk.now,
    )


def _note_move(desk: Asker, action: str, visit: Any, practitioner_id: int, start: datetime) -> None:
    """Write down who moved a visit, and where it stands now."""
    stands = _standing(practitioner_id, visit.patient_id, start)
    record(desk.session, desk.actor, action, "appointments", visit.id, sequence=visit.sequence + 1, **stands)


def _standing(practitioner_id: int, patient_id: int, start: datetime) -> dict[str, Any]:
    """Where a visit stands, as the audit has it."""
    return {"practitioner": practitioner_id, "patient": patient_id, "start": start.isoformat()}


def _require_changeable(desk: Asker, visit: Any, sequence: int | None) -> None:
    """The rules that moving and cancelling share; staff are not bound by the clinic's notice."""
    if visit.status == "cancelled":
        raise AlreadyCancelled
    if visit.status != "booked" or visit.start <= desk.now:
        raise TooLateToChange
    if sequence not in (None, visit.sequence):
        raise VisitChanged
    fresh = visit.sequence == 0 and not _is_over(visit.undo_until, desk.now)  # what was just booked may be corrected
    kind = desk.directory.visit_type.get(visit.visit_type_id)
    if desk.staff_id is None and not fresh and kind and visit.start - desk.now < kind.policy.notice:
        raise NoticeTooShort


def _is_over(undo_until: datetime | None, now: datetime) -> bool:
    return undo_until is None or undo_until <= now


def _slot(visit: Any) -> Slot:
    return Slot(visit.practitioner_id, visit.visit_type_id, visit.location_id, visit.start)


def _find(desk: Asker, visit_id: int, patients: Iterable[int], statement: str = _FIND) -> Any:
    visit = run(desk.session, statement, id=visit_id, patients=list(patients)).fetchone()
    if visit is None:
        raise NoSuchVisit
    return visit


def _locked(desk: Asker, before: Any, practitioners: Iterable[int] = ()) -> Any:
    """A visit read again, after it was locked with its practitioner and some more.

    Raises VisitChanged when it went to a practitioner whom nobody has locked, while we waited.
    """
    locked = {before.practitioner_id, *practitioners}
    lock(desk.session, patients=[before.patient_id], practitioners=locked, holder=desk.conversation_id)
    visit = _find(desk, before.id, [before.patient_id])
    if visit.practitioner_id not in locked:
        raise VisitChanged
    return visit
