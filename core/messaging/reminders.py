"""Reminders of visits: a row for each, planned once, settled once. Whoever changes a visit knows nothing of them.

A visit whose `planned_sequence` is not its `sequence` has no plan yet; the next tick makes one. What is said is decided when the time
has come, from the visit, the address and the chat as they are then, under the lock of the conversation: see docs/decisions/0020-reminders.md.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Interval,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)

from core.compliance import audit
from core.crypto import DataKey, Vault
from core.database import Session, metadata, run
from core.messaging import reachability, reminding
from core.messaging.reminding import Decided, Due, Reason, Sent, planned, promised
from core.scheduling import policies
from core.scheduling.booking import UNDO
from core.scheduling.visits import Visit
from core.scheduling.wishes import Slot

AT_ONCE = 500  # visits planned in one transaction, reminders dropped in one statement

reminders = Table(
    "reminders",
    metadata,
    Column("appointment_id", BigInteger, ForeignKey("appointments.id"), nullable=False),
    Column("sequence", Integer, nullable=False),  # of the visit: another version has reminders of its own
    Column("lead", Interval, nullable=False),  # how long before the visit, as the clinic's rules have it
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("status", Text, nullable=False, server_default="due"),
    Column("reason", Text),
    Column(
        "outbox_id", BigInteger, ForeignKey("outbox.id")
    ),  # what it was said by, and where it stands what came of that
    Column("address_id", BigInteger, ForeignKey("addresses.id")),  # to whom
    Column("settled_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("appointment_id", "sequence", "lead"),
    CheckConstraint("status IN ('due', 'owed', 'skipped', 'failed')", name="status"),
    CheckConstraint("(status IN ('skipped', 'failed')) = (reason IS NOT NULL)", name="reason"),
    CheckConstraint(
        "(status = 'owed') = (outbox_id IS NOT NULL) AND (status = 'owed') = (address_id IS NOT NULL)", name="owed"
    ),
    CheckConstraint("(status = 'due') = (settled_at IS NULL)", name="settled"),
    Index("reminders_due_at_idx", "due_at", postgresql_where=text("status = 'due'")),
    Index("reminders_address_id_idx", "address_id", "settled_at", postgresql_where=text("status = 'owed'")),
)


# --- the plan --------------------------------------------------------------------------------------------------------

_UNPLANNED = """
SELECT id, sequence, visit_type_id, lower(during) AS start, local_start, zone, undo_until FROM appointments
WHERE status = 'booked' AND planned_sequence IS DISTINCT FROM sequence ORDER BY id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED
"""
_PLAN = """
INSERT INTO reminders (appointment_id, sequence, lead, due_at, status, reason, settled_at)
SELECT id, sequence, lead, due_at, CASE WHEN why IS NULL THEN 'due' ELSE 'skipped' END, why, CASE WHEN why IS NOT NULL THEN %(now)s END
FROM unnest(%(ids)s::bigint[], %(sequences)s::integer[], %(leads)s::interval[], %(due)s::timestamptz[], %(why)s::text[])
  AS planned (id, sequence, lead, due_at, why)
ON CONFLICT DO NOTHING
"""
_PLANNED = "UPDATE appointments SET planned_sequence = sequence WHERE id = ANY (%(ids)s)"


def plan(session: Session, now: datetime) -> int:
    """Write down when the visits that were booked, moved, restored or imported lately are reminded of; returns how many visits those were.

    A visit that has begun is marked, and has no reminders.
    """
    visits = run(session, _UNPLANNED, most=AT_ONCE).fetchall()
    if not visits:
        return 0
    policy = policies.by_kind(session)
    rows = []
    for visit in visits:
        zone = ZoneInfo(visit.zone)
        start = promised(visit.start, visit.local_start, zone)
        told_at = visit.undo_until and visit.undo_until - UNDO
        made = planned(start, zone, policy(visit.visit_type_id), now, told_at)
        rows += [(visit.id, visit.sequence, *each) for each in made]
    if rows:
        columns = zip(("ids", "sequences", "leads", "due", "why"), zip(*rows, strict=True), strict=True)
        run(session, _PLAN, now=now, **{name: list(values) for name, values in columns})
    run(session, _PLANNED, ids=[visit.id for visit in visits])
    return len(visits)


# --- when its time has come ------------------------------------------------------------------------------------------

# From the patient to the addresses: a plan that was made while both tables were empty would begin with all addresses of a channel.
_ADDRESSES = "patient_addresses p JOIN LATERAL (SELECT * FROM addresses WHERE id = p.address_id OFFSET 0) b ON true"
# Where a patient is reached: of the addresses that may be written to first, and are not dead, the one from which they wrote last.
_REACHED = f"""
LEFT JOIN LATERAL (
  SELECT b.id, b.conversation_id FROM {_ADDRESSES}
  WHERE p.patient_id = v.patient_id AND b.unreachable IS NULL AND b.channel = ANY (%(channels)s)
  ORDER BY (SELECT max(m.id) FROM inbox m WHERE m.conversation_id = b.conversation_id AND m.address_id = b.id) DESC NULLS LAST, b.id DESC
  LIMIT 1) a ON true
"""
# Why a reminder cannot be said, from the state as it is; of several due of one visit only the nearest is of use.
_WHY = f"""
CASE WHEN v.status = 'cancelled' THEN 'cancelled'
     WHEN v.sequence <> r.sequence THEN 'moved'
     WHEN v.status <> 'booked' OR lower(v.during) - %(too_near)s <= %(now)s THEN 'late'
     WHEN EXISTS (SELECT FROM reminders n WHERE n.appointment_id = r.appointment_id AND n.sequence = r.sequence
                    AND n.lead < r.lead AND n.due_at <= %(now)s) THEN 'late'
     WHEN a.id IS NULL THEN CASE WHEN EXISTS (
       SELECT FROM {_ADDRESSES}
       WHERE p.patient_id = v.patient_id AND b.unreachable = '{reachability.OPTED_OUT}' AND b.channel = ANY (%(channels)s))
       THEN 'opted_out' ELSE 'no_address' END END
"""
_DROP = f"""
WITH hopeless AS (
  SELECT r.appointment_id, r.sequence, r.lead, w.why
  FROM reminders r JOIN appointments v ON v.id = r.appointment_id {_REACHED} JOIN LATERAL (SELECT {_WHY} AS why) w ON w.why IS NOT NULL
  WHERE r.status = 'due' AND r.due_at <= %(now)s LIMIT %(most)s FOR UPDATE OF r SKIP LOCKED)
UPDATE reminders r SET status = 'skipped', reason = why, settled_at = %(now)s FROM hopeless h
WHERE (r.appointment_id, r.sequence, r.lead) = (h.appointment_id, h.sequence, h.lead)
"""

_CHAT = f"""
SELECT c.id, k.id AS key_id, k.wrapped, c.state, c.asked_at
FROM reminders r JOIN appointments v ON v.id = r.appointment_id {_REACHED.replace("LEFT", "", 1)}
JOIN conversations c ON c.id = a.conversation_id JOIN data_keys k ON k.id = c.data_key_id
WHERE r.status = 'due' AND r.due_at <= %(now)s AND c.id <> ALL (%(but)s)
ORDER BY r.due_at LIMIT 1 FOR NO KEY UPDATE OF c SKIP LOCKED
"""

# Visits before their reminders: whoever cancels or moves one has it first, too.
_DUE = f"""
SELECT v.id, v.patient_id, v.practitioner_id, v.visit_type_id, v.location_id, v.status, v.sequence, lower(v.during) AS start,
       v.local_start, v.zone, r.lead, r.due_at, a.id AS address_id, {_WHY} AS why
FROM appointments v JOIN reminders r ON r.appointment_id = v.id {_REACHED}
WHERE v.patient_id = ANY (ARRAY(
    SELECT p.patient_id FROM patient_addresses p JOIN addresses b ON b.id = p.address_id WHERE b.conversation_id = %(id)s))
  AND v.status = 'booked' AND a.conversation_id = %(id)s AND r.status = 'due' AND r.sequence = v.sequence AND r.due_at < %(until)s
ORDER BY v.id, r.lead FOR SHARE OF v FOR UPDATE OF r
"""
_SENT = """
SELECT address_id, settled_at FROM reminders
WHERE address_id = ANY (%(ids)s) AND status = 'owed' AND settled_at > %(since)s GROUP BY address_id, outbox_id, settled_at
"""


@dataclass(frozen=True)
class Chat:
    """A conversation in which somebody is to be reminded of something, locked until the transaction ends."""

    id: int
    key_id: int
    wrapped: bytes
    sealed_state: bytes | None
    asked_at: datetime | None  # when a question was asked that is still open

    def key(self, vault: Vault) -> DataKey:
        """What this conversation's words are sealed with. Raises Unreadable."""
        return vault.unwrap(self.key_id, self.wrapped)

    def state(self, key: DataKey) -> bytes | None:
        """What the dialog remembers; None before the first turn. Raises Unreadable."""
        return self.sealed_state and key.open("conversations.state", self.id, self.sealed_state)


def drop(session: Session, channels: Collection[str], now: datetime) -> int:
    """Settle what is due and helps nobody any more, or reaches nobody on `channels`; returns how many reminders that were."""
    return run(session, _DROP, most=AT_ONCE, **_values(channels, now)).rowcount


def next_chat(session: Session, channels: Collection[str], now: datetime, but: Iterable[int]) -> Chat | None:
    """Lock the conversation of whoever has waited longest for a reminder, `but` not these, nor one that somebody else is at."""
    row = run(session, _CHAT, but=list(but), **_values(channels, now)).fetchone()
    return None if row is None else Chat(row.id, row.key_id, row.wrapped, row.state, row.asked_at)


def due_in(session: Session, chat: Chat, channels: Collection[str], now: datetime) -> list[Due]:
    """What is due in this conversation, and what will be within a day; until the transaction ends nobody changes these visits."""
    values = _values(channels, now) | {"id": chat.id, "until": now + reminding.DAY}
    return [
        Due(
            Visit(
                row.id,
                row.patient_id,
                Slot(row.practitioner_id, row.visit_type_id, row.location_id, row.start),
                row.status,
                row.sequence,
            ),
            row.lead,
            row.due_at,
            row.local_start,
            ZoneInfo(row.zone),
            row.address_id,
            row.why,
        )
        for row in run(session, _DUE, **values)
    ]


def sent_lately(session: Session, dues: Iterable[Due], now: datetime) -> list[Sent]:
    """The texts that have reminded these addresses within the last eight days."""
    ids = list({due.address_id for due in dues})
    return [Sent(*row) for row in run(session, _SENT, ids=ids, since=now - 8 * reminding.DAY)]


def _values(channels: Collection[str], now: datetime) -> dict[str, object]:
    return {"channels": list(channels), "now": now, "too_near": reminding.TOO_NEAR}


# --- what came of it -------------------------------------------------------------------------------------------------

_SETTLE = """
UPDATE reminders SET status = %(status)s, reason = %(reason)s, outbox_id = %(outbox_id)s, address_id = %(address_id)s, settled_at = %(now)s
WHERE (appointment_id, sequence, lead) = (%(visit)s, %(sequence)s, %(lead)s)
"""
_POSTPONE = """
UPDATE reminders SET due_at = %(until)s WHERE (appointment_id, sequence, lead) = (%(visit)s, %(sequence)s, %(lead)s)
"""


def settle(session: Session, decided: Decided, now: datetime) -> None:
    """Write down what is not said now, and why, or when it is looked at again."""
    for due, reason in decided.skipped.items():
        _settle(session, due, now, "skipped", reason)
    for due, until in decided.postponed.items():
        run(session, _POSTPONE, until=until, **_key(due))


def owed(session: Session, text: reminding.Text, outbox_id: int, now: datetime) -> None:
    """Write down by which message these visits are reminded of, in the audit too."""
    for due in text.dues:
        _settle(session, due, now, "owed", None, outbox_id)
    for due in text.visits:
        detail = {"sequence": due.visit.sequence, "outbox": outbox_id}
        audit.record(session, audit.CLOCK, "visit.reminded", "appointments", due.visit.id, **detail)


def failed(session: Session, dues: Iterable[Due], reason: Reason, now: datetime) -> None:
    """Write down that what is due can be said to nobody, and why."""
    for due in dues:
        if due.due_at <= now:
            _settle(session, due, now, "failed", reason)


def _settle(
    session: Session, due: Due, now: datetime, status: str, reason: Reason | None, outbox_id: int | None = None
) -> None:
    address_id = None if outbox_id is None else due.address_id
    values = {"status": status, "reason": reason, "outbox_id": outbox_id, "address_id": address_id, "now": now}
    run(session, _SETTLE, **values, **_key(due))


def _key(due: Due) -> dict[str, object]:
    visit, sequence, lead = due.key
    return {"visit": visit, "sequence": sequence, "lead": lead}


# What the outbox knows better: whether a message arrived.
_TALLY = """
SELECT CASE WHEN r.status <> 'owed' THEN r.status WHEN o.status IN ('due', 'sending') THEN 'owed' WHEN o.status = 'sent' THEN 'sent' ELSE 'failed' END,
       coalesce(r.reason, CASE WHEN o.status IN ('failed', 'unknown') THEN coalesce(o.error, o.status) END), count(*)
FROM reminders r LEFT JOIN outbox o ON o.id = r.outbox_id GROUP BY 1, 2 ORDER BY 1, 2
"""


def tally(session: Session) -> Mapping[tuple[str, str | None], int]:
    """How many reminders there are of each outcome and reason: due, owed, sent, skipped, failed."""
    return Counter({(status, reason): count for status, reason, count in run(session, _TALLY)})
