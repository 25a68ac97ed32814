"""Holding and booking. Nobody gets a time that somebody else has: an exclusion constraint in the database says so.

Whoever takes or frees time locks the practitioner first, in a statement of its own, and reads only afterwards. The constraint is the
backstop, reached through ON CONFLICT DO NOTHING so that losing a race is an answer and not an error.
"""

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

from core import failpoints
from core.compliance.audit import CLOCK, record
from core.database import Session, metadata, run, scalar
from core.errors import PatientBusy, SlotTaken, TooManyHolds, TooManyOfKind, TooManyVisits
from core.messaging import inbox
from core.scheduling.availability import FreeStart, Interval
from core.scheduling.locks import lock
from core.scheduling.matching import Candidate
from core.scheduling.slots import Asker, need, verdict
from core.scheduling.wishes import Slot

UNDO = timedelta(minutes=10)
MOST_LAPSED = 3  # holds a newcomer may let run out within a day

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
    ),  # the visit that had this time, cancelled or moved: kept for its undo
    Column("undo_until", DateTime(timezone=True)),  # of the last step: a booking, a move, a cancellation
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("external_id", Text, unique=True),  # of a visit that came from another system
    Column(
        "planned_sequence", Integer
    ),  # the version whose reminders are planned: whoever changes a visit knows of none
    Column("confirmed_sequence", Integer),  # the version to which they said that they come
    Column("confirmed_at", DateTime(timezone=True)),
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
    CheckConstraint("(confirmed_sequence IS NULL) = (confirmed_at IS NULL)", name="confirmed"),
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
    Index(
        "appointments_unplanned_idx",
        "id",
        postgresql_where=text("status = 'booked' AND planned_sequence IS DISTINCT FROM sequence"),
    ),
    # What takes time now; years of past visits must not make the next booking slower.
    Index(
        "appointments_practitioner_id_idx",
        "practitioner_id",
        postgresql_where=text("status IN ('pending', 'booked', 'arrived')"),
    ),
)

# What a visit was before each of its moves, by the iCalendar SEQUENCE it had then.
earlier_versions = Table(
    "earlier_versions",
    metadata,
    Column("appointment_id", BigInteger, ForeignKey("appointments.id"), primary_key=True),
    Column("sequence", Integer, primary_key=True),
    Column("practitioner_id", BigInteger, ForeignKey("practitioners.id"), nullable=False),
    Column("visit_type_id", BigInteger, ForeignKey("visit_types.id"), nullable=False),
    Column("location_id", BigInteger, ForeignKey("locations.id"), nullable=False),
    Column("during", TSTZRANGE, nullable=False),
    Column("blocked", TSTZRANGE, nullable=False),
    Column("seat", SmallInteger, nullable=False),
    Column("overbooked", Boolean, nullable=False),
    Column("local_start", DateTime(timezone=False), nullable=False),
    Column("zone", Text, nullable=False),
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


# Whoever takes or frees time is noted in the same statement, and where the visit stands.
_INSERT = """
WITH taken AS (
INSERT INTO appointments (status, practitioner_id, patient_id, visit_type_id, location_id, during, blocked, seat,
                          local_start, zone, conversation_id, expires_at, undo_until, created_at)
VALUES (%(status)s, %(practitioner_id)s, %(patient_id)s, %(visit_type_id)s, %(location_id)s,
        tstzrange(%(start)s, %(end)s), tstzrange(%(blocked_start)s, %(blocked_end)s), %(seat)s,
        %(local_start)s, %(zone)s, %(conversation_id)s, %(expires_at)s, %(undo_until)s, %(now)s)
ON CONFLICT DO NOTHING RETURNING id, practitioner_id, patient_id, lower(during) AS start),
noted AS (
INSERT INTO audit (actor, action, entity, entity_id, detail)
SELECT %(actor)s, %(action)s, 'appointments', id,
       jsonb_build_object('practitioner', practitioner_id, 'patient', patient_id, 'start', start) FROM taken)
SELECT id FROM taken
"""

# The one hold of a conversation; and the time of a visit just cancelled, where its patient wants that very time again.
_OWN_HOLDS = """
SELECT id, practitioner_id, visit_type_id, location_id, lower(during) AS start, expires_at FROM appointments
WHERE status = 'pending' AND ((covers_id IS NULL AND conversation_id = %(conversation_id)s)
  OR (covers_id IS NOT NULL AND patient_id = %(patient_id)s
      AND practitioner_id = %(practitioner_id)s AND blocked && tstzrange(%(start)s, %(end)s)))
"""

_RELEASE = """
SELECT id FROM appointments
WHERE conversation_id = %(conversation_id)s AND status = 'pending' AND covers_id IS NULL
"""

_DROP = """
WITH dropped AS (DELETE FROM appointments WHERE id = ANY (%(ids)s) AND status = 'pending' RETURNING id)
INSERT INTO audit (actor, action, entity, entity_id) SELECT %(actor)s, 'hold.released', 'appointments', id FROM dropped
"""

_SWEEP = """
DELETE FROM appointments WHERE status = 'pending' AND expires_at <= %(now)s AND practitioner_id = ANY (%(practitioners)s)
RETURNING id, practitioner_id, conversation_id, covers_id
"""

_DUE_FOR_SWEEP = "SELECT DISTINCT practitioner_id FROM appointments WHERE status = 'pending' AND expires_at <= %(now)s"

_AHEAD = """
SELECT a.id, a.practitioner_id, a.visit_type_id, lower(a.during) AS start, a.undo_until,
       a.status <> 'pending' AND a.during && tstzrange(%(start)s, %(end)s) AS overlaps
FROM appointments a LEFT JOIN appointments covered ON covered.id = a.covers_id
WHERE a.patient_id = %(patient_id)s AND upper(a.during) > %(now)s
  AND (a.status IN ('booked', 'arrived') OR (a.status = 'pending' AND covered.status = 'cancelled' AND a.expires_at > %(now)s))
"""

# What a hold that ran out has told its dialog: see `sweep`.
_LAPSED = """
SELECT count(*) FROM inbox WHERE conversation_id = %(conversation_id)s AND channel = 'clock' AND external_id LIKE 'hold_expired:%%'
  AND received_at > now() - interval '1 day'
"""


def hold(desk: Asker, slot: Slot, patient_id: int | None = None, *, patience: int = 1) -> Hold:
    """Keep `slot` for a while, instead of anything this conversation held before; or raise SlotTaken and keep what was held.

    How long is the policy of the visit type, times `patience` where people answer late. A newcomer who let three holds
    run out within a day gets no other: TooManyHolds. What newcomers hold together is bounded too: see `newcomers`.
    """
    require_known(desk, slot)
    if desk.newcomer and scalar(desk.session, _LAPSED, conversation_id=desk.conversation_id) >= MOST_LAPSED:
        raise TooManyHolds
    lock(desk.session, practitioners=[slot.practitioner_id], holder=desk.conversation_id)
    own = own_holds(desk, slot)
    with _undone_if_refused(desk.session, own):
        drop(desk, own)
        until = desk.now + desk.directory.visit_type[slot.visit_type_id].policy.hold * patience
        hold_id = _take(desk, free_place(desk, slot, patient_id), status="pending", expires_at=until)
        failpoints.reach("hold.after_insert")
        return Hold(hold_id, until)


def book(desk: Asker, slot: Slot, patient_id: int) -> Booked:
    """Give `slot` to a patient, letting go of what this conversation held; or raise a Refusal and keep what was held.

    Time off that was entered after a hold was made outranks the hold. Booking what the patient has already is no error: see `Booked.already`.
    """
    require_known(desk, slot)
    lock(desk.session, patients=[patient_id], practitioners=[slot.practitioner_id], holder=desk.conversation_id)
    own = own_holds(desk, slot, patient_id)
    ahead = ahead_of(desk, patient_id, slot.start, slot.start + desk.directory.visit_type[slot.visit_type_id].length)
    for visit in ahead:
        if visit.overlaps and visit.practitioner_id == slot.practitioner_id and visit.start == slot.start:
            drop(desk, own)
            return Booked(visit.id, visit.undo_until or desk.now, already=True)
    if any(visit.overlaps for visit in ahead):
        raise PatientBusy
    if len(ahead) >= desk.directory.visit_type[slot.visit_type_id].policy.most_ahead:
        raise TooManyVisits
    require_fewer_of_kind(desk, slot, ahead)
    with _undone_if_refused(desk.session, own):
        undo_until = desk.now + UNDO
        was_held = any(is_for(h, slot) and h.expires_at > desk.now for h in own)
        drop(desk, own)
        place = free_place(desk, slot, patient_id, was_held=was_held)
        visit_id = _take(desk, place, status="booked", patient_id=patient_id, undo_until=undo_until)
        failpoints.reach("book.after_insert")
        return Booked(visit_id, undo_until)


def release(desk: Asker) -> None:
    """Let go of whatever this conversation holds."""
    lock(desk.session, holder=desk.conversation_id)
    drop(desk, run(desk.session, _RELEASE, conversation_id=desk.conversation_id).fetchall())


def sweep_expired_holds(session: Session, now: datetime) -> int:
    """Delete holds that have run out, and tell their dialogs. Correctness never waits for this: it is good housekeeping."""
    due = [id for (id,) in run(session, _DUE_FOR_SWEEP, now=now)]
    if not due:
        return 0
    lock(session, practitioners=due)
    return sweep(session, due, now)


def _take(desk: Asker, place: dict[str, Any], **facts: Any) -> int:
    """Insert what takes time at a place found by `free_place`, unless somebody was faster."""
    absent = {"patient_id": None, "expires_at": None, "undo_until": None}
    noted = {"actor": str(desk.actor), "action": "hold.made" if facts["status"] == "pending" else "visit.booked"}
    row = run(desk.session, _INSERT, **absent | place | noted | facts).fetchone()
    if row is None:
        raise SlotTaken
    taken: int = row.id
    return taken


def free_place(
    desk: Asker, slot: Slot, patient_id: int | None, *, was_held: bool = False, moving: int | None = None
) -> dict[str, Any]:
    """What the row of a visit says when it takes this slot, under the practitioner's lock; or SlotTaken.

    Time that was held in time may be taken at short notice. The visit `moving` does not stand in its own way.
    """
    sweep(desk.session, [slot.practitioner_id], desk.now)
    window = blocked(desk, slot)
    (plan,) = desk.plans([_candidate(desk, slot)], window, moving).values()
    free = verdict(desk, plan, slot, patient_id, was_held=was_held)
    if not isinstance(free, FreeStart):
        raise SlotTaken("just_taken" if free == "full" else free)
    zone = desk.directory.location[slot.location_id].zone
    return {
        "practitioner_id": slot.practitioner_id,
        "visit_type_id": slot.visit_type_id,
        "location_id": slot.location_id,
        "start": slot.start,
        "end": slot.start + desk.directory.visit_type[slot.visit_type_id].length,
        "blocked_start": window.start,
        "blocked_end": window.end,
        "seat": free.seat,
        "local_start": slot.start.astimezone(zone).replace(tzinfo=None),
        "zone": zone.key,
        "conversation_id": desk.conversation_id,
        "now": desk.now,
    }


def ahead_of(desk: Asker, patient_id: int, start: datetime, end: datetime) -> list[Any]:
    """What a patient has ahead, times kept for an undo included, and which visits overlap with `start` to `end`."""
    return run(desk.session, _AHEAD, patient_id=patient_id, start=start, end=end, now=desk.now).fetchall()


def require_fewer_of_kind(desk: Asker, slot: Slot, ahead: list[Any]) -> None:
    """Raise TooManyOfKind where a patient has as many visits of this kind ahead as the clinic allows."""
    most = desk.directory.visit_type[slot.visit_type_id].policy.most_of_kind
    if most is not None and sum(visit.visit_type_id == slot.visit_type_id for visit in ahead) >= most:
        raise TooManyOfKind


def require_known(desk: Asker, slot: Slot) -> None:
    """Raise SlotTaken where the clinic no longer has the people, places or kinds of visit that an old offer names."""
    directory = desk.directory
    if not (
        slot.practitioner_id in directory.practitioner
        and slot.visit_type_id in directory.visit_type
        and slot.location_id in directory.location
    ):
        raise SlotTaken("not_working")


def own_holds(desk: Asker, slot: Slot, patient_id: int | None = None) -> list[Any]:
    """What makes way for this slot, under the lock: the one hold of the conversation, and time kept for an undo of the same patient."""
    wanted = blocked(desk, slot)
    return run(
        desk.session,
        _OWN_HOLDS,
        conversation_id=desk.conversation_id,
        patient_id=patient_id,
        practitioner_id=slot.practitioner_id,
        start=wanted.start,
        end=wanted.end,
    ).fetchall()


def _candidate(desk: Asker, slot: Slot) -> Candidate:
    directory = desk.directory
    return Candidate(directory.practitioner[slot.practitioner_id], directory.visit_type[slot.visit_type_id])


def blocked(desk: Asker, slot: Slot) -> Interval:
    """What a visit in this slot takes, with its buffers."""
    needed = need(desk.directory.visit_type[slot.visit_type_id])
    return Interval(slot.start - needed.before, slot.start + needed.length + needed.after)


def is_for(held: Any, slot: Slot) -> bool:
    """Whether a hold was made for this very slot."""
    return Slot(held.practitioner_id, held.visit_type_id, held.location_id, held.start) == slot


def drop(desk: Asker, holds: list[Any]) -> None:
    """Let go of holds."""
    if holds:
        run(desk.session, _DROP, ids=[held.id for held in holds], actor=str(desk.actor))


def _undone_if_refused(session: Session, own: list[Any]) -> AbstractContextManager[Any]:
    """What was held is still held when the new time cannot be had. Without a hold there is nothing to save."""
    return session.begin_nested() if own else nullcontext()


def sweep(session: Session, practitioners: list[int], now: datetime) -> int:
    """Delete the holds of these locked practitioners that have run out, and tell their dialogs; returns how many."""
    swept = run(session, _SWEEP, practitioners=practitioners, now=now).fetchall()
    for held in swept:
        record(session, CLOCK, "hold.expired", "appointments", held.id)
        if held.conversation_id is not None and held.covers_id is None:
            inbox.tell_time(session, held.conversation_id, f"hold_expired:{held.id}")
    return len(swept)
