"""Holding, booking, cancelling. Nobody gets a time that somebody else has: an exclusion constraint in the database says so.

Whoever takes or frees time locks the practitioner first, in a statement of its own, and reads only afterwards. The constraint is the
backstop, reached through ON CONFLICT DO NOTHING so that losing a race is an answer and not an error.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import TSTZRANGE, UUID, ExcludeConstraint
from sqlalchemy.orm import Session

from core import failpoints
from core.compliance.audit import CLOCK, record
from core.database import metadata, run
from core.errors import AlreadyCancelled, NoSuchVisit, PatientBusy, SlotTaken, TooLateToChange, TooManyVisits, UndoOver
from core.messaging import inbox
from core.scheduling import plans
from core.scheduling.availability import Interval
from core.scheduling.locks import lock
from core.scheduling.slots import LEAD, Asker, Slot, accepts, need

HOLD = timedelta(minutes=10)
UNDO = timedelta(minutes=10)
# A visit nearer than this is freed at once when cancelled: its time matters more than a sure undo.
SOON = timedelta(hours=4)
MOST_UPCOMING = 10  # visits one patient may have ahead

appointments = Table(
    "appointments",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("uid", UUID, nullable=False, server_default=text("gen_random_uuid()")),  # iCalendar UID, the same for life
    Column("sequence", Integer, nullable=False, server_default="0"),  # iCalendar SEQUENCE: rises with every change
    Column("status", Text, nullable=False),
    Column("practitioner_id", BigInteger, ForeignKey("practitioners.id"), nullable=False),
    Column("patient_id", BigInteger, ForeignKey("patients.id")),
    Column("visit_type_id", BigInteger, ForeignKey("visit_types.id"), nullable=False),
    Column("location_id", BigInteger, ForeignKey("locations.id"), nullable=False),
    Column("during", TSTZRANGE, nullable=False),
    Column("blocked", TSTZRANGE, nullable=False),  # with buffers
    Column("seat", SmallInteger, nullable=False, server_default="1"),
    Column("overbooked", Boolean, nullable=False, server_default=text("false")),
    # The wall time that was promised, so that a changed zone rule can be applied.
    Column("local_start", DateTime(timezone=False), nullable=False),
    Column("zone", Text, nullable=False),
    Column("conversation_id", BigInteger, ForeignKey("conversations.id")),  # who holds or booked it
    Column("expires_at", DateTime(timezone=True)),  # of a hold
    Column(
        "covers_id", BigInteger, ForeignKey("appointments.id")
    ),  # the cancelled visit whose time this hold keeps for undo
    Column("undo_until", DateTime(timezone=True)),  # of the last booking or cancellation
    Column("created_at", DateTime(timezone=True), nullable=False),
    CheckConstraint("status IN ('pending', 'booked', 'arrived', 'fulfilled', 'noshow', 'cancelled')", name="status"),
    CheckConstraint("(status = 'pending') = (expires_at IS NOT NULL)", name="only_holds_expire"),
    CheckConstraint("status = 'pending' OR patient_id IS NOT NULL", name="visits_have_patients"),
    # An empty range would block nobody, a closed one the next visit too.
    CheckConstraint("NOT isempty(during) AND lower_inc(during) AND NOT upper_inc(during)", name="during_half_open"),
    CheckConstraint("NOT isempty(blocked) AND lower_inc(blocked) AND NOT upper_inc(blocked)", name="blocked_half_open"),
    CheckConstraint(
        "NOT lower_inf(blocked) AND NOT upper_inf(blocked) AND isfinite(lower(blocked)) AND isfinite(upper(blocked))",
        name="bounded",
    ),
    CheckConstraint("blocked @> during", name="buffers_outside"),
    CheckConstraint("seat >= 1", name="seat"),
    # Ranges instead of btree_gist: no extension may be required, and it costs the same.
    ExcludeConstraint(
        (text("int8range(practitioner_id, practitioner_id, '[]')"), "&&"),
        (text("int8range(seat, seat, '[]')"), "&&"),
        ("blocked", "&&"),
        where=text("status IN ('pending', 'booked', 'arrived') AND NOT overbooked"),
        using="gist",
        name="appointments_no_overlap",
    ),
    Index("appointments_patient_id_idx", "patient_id", postgresql_where=text("status IN ('booked', 'arrived')")),
    Index("appointments_expires_at_idx", "expires_at", postgresql_where=text("status = 'pending'")),
    Index("appointments_covers_id_idx", "covers_id", postgresql_where=text("status = 'pending'")),
    Index("appointments_conversation_id_idx", "conversation_id", postgresql_where=text("status = 'pending'")),
    # What takes time now; years of past visits must not make the next booking slower.
    Index(
        "appointments_practitioner_id_idx",
        "practitioner_id",
        postgresql_where=text("status IN ('pending', 'booked', 'arrived')"),
    ),
)


@dataclass(frozen=True)
class Hold:
    """A time kept for somebody while something is still to be answered."""

    id: int
    until: datetime


@dataclass(frozen=True)
class Booked:
    """A visit that stands; `already` when it stood before."""

    id: int
    undo_until: datetime
    already: bool = False


@dataclass(frozen=True)
class Cancelled:
    """A visit called off. `undo_until` is None when its time was freed at once."""

    id: int
    undo_until: datetime | None


_INSERT = """
INSERT INTO appointments (status, practitioner_id, patient_id, visit_type_id, location_id, during, blocked, seat,
                          local_start, zone, conversation_id, expires_at, covers_id, undo_until, created_at)
VALUES (%(status)s, %(practitioner_id)s, %(patient_id)s, %(visit_type_id)s, %(location_id)s,
        tstzrange(%(start)s, %(end)s), tstzrange(%(blocked_start)s, %(blocked_end)s), %(seat)s,
        %(local_start)s, %(zone)s, %(conversation_id)s, %(expires_at)s, %(covers_id)s, %(undo_until)s, %(now)s)
ON CONFLICT DO NOTHING RETURNING id
"""

# The one hold of a conversation; and the time of a visit just cancelled, where its patient wants that very time again.
_OWN_HOLDS = """
SELECT id, practitioner_id, visit_type_id, location_id, lower(during) AS start, expires_at FROM appointments
WHERE status = 'pending' AND ((covers_id IS NULL AND conversation_id = %(conversation_id)s)
  OR (covers_id IS NOT NULL AND patient_id = %(patient_id)s
      AND practitioner_id = %(practitioner_id)s AND blocked && tstzrange(%(start)s, %(end)s)))
"""

_RELEASE = """
SELECT id, practitioner_id FROM appointments
WHERE conversation_id = %(conversation_id)s AND status = 'pending' AND covers_id IS NULL
"""

_DROP = "DELETE FROM appointments WHERE id = ANY (%(ids)s) AND status = 'pending'"

_SWEEP = """
DELETE FROM appointments WHERE status = 'pending' AND expires_at <= %(now)s AND practitioner_id = ANY (%(practitioners)s)
RETURNING id, practitioner_id, conversation_id, covers_id
"""

_DUE_FOR_SWEEP = "SELECT DISTINCT practitioner_id FROM appointments WHERE status = 'pending' AND expires_at <= %(now)s"

_AHEAD = """
SELECT id, practitioner_id, lower(during) AS start, undo_until,
       status <> 'pending' AND during && tstzrange(%(start)s, %(end)s) AS overlaps
FROM appointments
WHERE patient_id = %(patient_id)s AND upper(during) > %(now)s
  AND (status IN ('booked', 'arrived') OR (status = 'pending' AND covers_id IS NOT NULL AND expires_at > %(now)s))
"""

_FIND = """
SELECT id, practitioner_id, patient_id, visit_type_id, location_id, status, undo_until, lower(during) AS start,
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

_DROP_COVER = "DELETE FROM appointments WHERE covers_id = %(id)s AND status = 'pending'"

# The time is ours while it is free; the constraint has the last word.
_RESTORE = """
UPDATE appointments SET status = 'booked', sequence = sequence + 1, undo_until = NULL
WHERE id = %(id)s AND status = 'cancelled' AND (overbooked OR NOT EXISTS (
  SELECT 1 FROM appointments other WHERE other.practitioner_id = appointments.practitioner_id AND other.seat = appointments.seat
    AND other.blocked && appointments.blocked AND other.id <> appointments.id
    AND other.status IN ('pending', 'booked', 'arrived') AND NOT other.overbooked))
"""


def hold(desk: Asker, slot: Slot, length: timedelta = HOLD) -> Hold:
    """Keep `slot` for a while, instead of anything this conversation held before; or raise SlotTaken and keep what was held."""
    own = _own_holds(desk, slot)
    lock(desk.session, practitioners=[slot.practitioner_id, *(h.practitioner_id for h in own)])
    with _undone_if_refused(desk.session, own):
        _drop(desk, own)
        until = desk.now + length
        hold_id = _take(desk, slot, status="pending", expires_at=until)
        failpoints.reach("hold.after_insert")
        record(desk.session, desk.actor, "hold.made", "appointments", hold_id)
        return Hold(hold_id, until)


def book(desk: Asker, slot: Slot, patient_id: int) -> Booked:
    """Give `slot` to a patient, letting go of what this conversation held; or raise a Refusal and keep what was held.

    Time off that was entered after a hold was made outranks the hold. Booking what the patient has already is no error: see `Booked.already`.
    """
    own = _own_holds(desk, slot, patient_id)
    lock(
        desk.session,
        patients=[patient_id],
        practitioners=[slot.practitioner_id, *(h.practitioner_id for h in own)],
    )
    ahead = _ahead(desk, patient_id, slot.start, slot.start + desk.directory.visit_type[slot.visit_type_id].length)
    for visit in ahead:
        if visit.overlaps and visit.practitioner_id == slot.practitioner_id and visit.start == slot.start:
            _drop(desk, own)
            return Booked(visit.id, visit.undo_until or desk.now, already=True)
    if any(visit.overlaps for visit in ahead):
        raise PatientBusy
    if len(ahead) >= MOST_UPCOMING:
        raise TooManyVisits
    with _undone_if_refused(desk.session, own):
        undo_until = desk.now + UNDO
        was_held = any(_is_for(h, slot) and h.expires_at > desk.now for h in own)
        _drop(desk, own)
        visit_id = _take(
            desk,
            slot,
            status="booked",
            patient_id=patient_id,
            undo_until=undo_until,
            lead=timedelta(0) if was_held else LEAD,
        )
        record(desk.session, desk.actor, "visit.booked", "appointments", visit_id)
        return Booked(visit_id, undo_until)


def release(desk: Asker) -> None:
    """Let go of whatever this conversation holds."""
    own = run(desk.session, _RELEASE, conversation_id=desk.conversation_id).fetchall()
    if own:
        lock(desk.session, practitioners=[h.practitioner_id for h in own])
        _drop(desk, own)


def cancel(desk: Asker, visit_id: int, patients: Iterable[int]) -> Cancelled:
    """Call off a visit of one of `patients`. Its time stays theirs while they can undo, unless the visit is too near for that."""
    visit = _locked_visit(desk, visit_id, patients)
    if visit.status == "cancelled":
        raise AlreadyCancelled
    if visit.status != "booked" or visit.start <= desk.now:
        raise TooLateToChange
    undo_until = desk.now + UNDO
    keeps_time = visit.start - desk.now >= SOON
    run(desk.session, _CANCEL, id=visit.id, undo_until=undo_until)
    if keeps_time:
        run(
            desk.session,
            _KEEP_TIME,
            id=visit.id,
            conversation_id=desk.conversation_id,
            expires_at=undo_until,
            now=desk.now,
        )
    record(desk.session, desk.actor, "visit.cancelled", "appointments", visit.id)
    return Cancelled(visit.id, undo_until if keeps_time else None)


def undo_cancel(desk: Asker, visit_id: int, patients: Iterable[int]) -> None:
    """Let a cancelled visit stand again, or raise UndoOver, or PatientBusy when they booked something else meanwhile.

    No effect on a visit that stands.
    """
    visit = _locked_visit(desk, visit_id, patients)
    if visit.status != "cancelled":
        return
    if visit.undo_until is None or visit.undo_until <= desk.now or visit.start <= desk.now:
        raise UndoOver
    if any(other.overlaps for other in _ahead(desk, visit.patient_id, visit.start, visit.until)):
        raise PatientBusy
    run(desk.session, _DROP_COVER, id=visit.id)
    _sweep(desk.session, [visit.practitioner_id], desk.now)
    if run(desk.session, _RESTORE, id=visit.id).rowcount == 0:
        raise UndoOver
    record(desk.session, desk.actor, "visit.restored", "appointments", visit.id)


def undo_booking(desk: Asker, visit_id: int, patients: Iterable[int]) -> None:
    """Take a booking back within its minutes of undo; its time is free at once. Raises UndoOver afterwards."""
    visit = _locked_visit(desk, visit_id, patients)
    if visit.status == "cancelled":
        raise AlreadyCancelled
    if visit.undo_until is None or visit.undo_until <= desk.now or visit.status != "booked":
        raise UndoOver
    run(desk.session, _CANCEL, id=visit.id, undo_until=None)
    record(desk.session, desk.actor, "visit.unbooked", "appointments", visit.id)


def sweep_expired_holds(session: Session, now: datetime) -> int:
    """Delete holds that have run out, and tell their dialogs. Correctness never waits for this: it is good housekeeping."""
    due = [id for (id,) in run(session, _DUE_FOR_SWEEP, now=now)]
    if not due:
        return 0
    lock(session, practitioners=due)
    return _sweep(session, due, now)


def _take(
    desk: Asker,
    slot: Slot,
    *,
    status: str,
    patient_id: int | None = None,
    expires_at: datetime | None = None,
    undo_until: datetime | None = None,
    lead: timedelta = LEAD,
) -> int:
    """Insert what takes time, under the practitioner's lock, if the rules offer it and nobody was faster."""
    _sweep(desk.session, [slot.practitioner_id], desk.now)
    window = _blocked(desk, slot)
    plan = plans.load(desk.session, [slot.practitioner_id], window, desk.now, desk.conversation_id)[
        slot.practitioner_id
    ]
    free = accepts(desk.directory, plan, slot, desk.now, lead)
    if free is None:
        raise SlotTaken
    zone = desk.directory.location[slot.location_id].zone
    row = run(
        desk.session,
        _INSERT,
        status=status,
        practitioner_id=slot.practitioner_id,
        patient_id=patient_id,
        visit_type_id=slot.visit_type_id,
        location_id=slot.location_id,
        start=slot.start,
        end=slot.start + desk.directory.visit_type[slot.visit_type_id].length,
        blocked_start=window.start,
        blocked_end=window.end,
        seat=free.seat,
        local_start=slot.start.astimezone(zone).replace(tzinfo=None),
        zone=zone.key,
        conversation_id=desk.conversation_id,
        expires_at=expires_at,
        covers_id=None,
        undo_until=undo_until,
        now=desk.now,
    ).fetchone()
    if row is None:
        raise SlotTaken
    taken: int = row.id
    return taken


def _ahead(desk: Asker, patient_id: int, start: datetime, end: datetime) -> list[Any]:
    """What a patient has ahead, times kept for an undo included, and which visits overlap with `start` to `end`."""
    return run(desk.session, _AHEAD, patient_id=patient_id, start=start, end=end, now=desk.now).fetchall()


def _known(desk: Asker, slot: Slot) -> bool:
    """Whether the clinic still has the people, places and kinds of visit that an old offer names."""
    return (
        slot.practitioner_id in desk.directory.practitioner
        and slot.visit_type_id in desk.directory.visit_type
        and slot.location_id in desk.directory.location
    )


def _own_holds(desk: Asker, slot: Slot, patient_id: int | None = None) -> list[Any]:
    if not _known(desk, slot):
        raise SlotTaken
    blocked = _blocked(desk, slot)
    return run(
        desk.session,
        _OWN_HOLDS,
        conversation_id=desk.conversation_id,
        patient_id=patient_id,
        practitioner_id=slot.practitioner_id,
        start=blocked.start,
        end=blocked.end,
    ).fetchall()


def _blocked(desk: Asker, slot: Slot) -> Interval:
    """What a visit in this slot takes, with its buffers."""
    needed = need(desk.directory.visit_type[slot.visit_type_id])
    return Interval(slot.start - needed.before, slot.start + needed.length + needed.after)


def _is_for(held: Any, slot: Slot) -> bool:
    return Slot(held.practitioner_id, held.visit_type_id, held.location_id, held.start) == slot


def _drop(desk: Asker, holds: list[Any]) -> None:
    if holds:
        run(desk.session, _DROP, ids=[held.id for held in holds])
    for held in holds:
        record(desk.session, desk.actor, "hold.released", "appointments", held.id)


def _undone_if_refused(session: Session, own: list[Any]) -> AbstractContextManager[Any]:
    """What was held is still held when the new time cannot be had. Without a hold there is nothing to save."""
    return session.begin_nested() if own else nullcontext()


def _locked_visit(desk: Asker, visit_id: int, patients: Iterable[int]) -> Any:
    """A visit of one of these patients, read after its practitioner was locked."""
    values = {"id": visit_id, "patients": list(patients)}
    visit = run(desk.session, _FIND, **values).fetchone()
    if visit is None:
        raise NoSuchVisit
    lock(desk.session, patients=[visit.patient_id], practitioners=[visit.practitioner_id])
    return run(desk.session, _FIND, **values).fetchone()


def _sweep(session: Session, practitioners: list[int], now: datetime) -> int:
    swept = run(session, _SWEEP, practitioners=practitioners, now=now).fetchall()
    for held in swept:
        record(session, CLOCK, "hold.expired", "appointments", held.id)
        if held.conversation_id is not None and held.covers_id is None:
            inbox.tell_time(session, held.conversation_id, f"hold_expired:{held.id}")
    return len(swept)
