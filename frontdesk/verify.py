"""`frontdesk verify`: the promises of the design, checked on a database as it is. Nothing is changed.

Each check reads its tables once, in order; none compares every row with every other.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, groupby, islice, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bot import state as states
from channels import CHANNELS, CHECKABLE
from channels.delivery import MOST_ATTEMPTS
from core import clock
from core.compliance import seals
from core.compliance.seals import Noted
from core.crypto import Unreadable, Vault
from core.database import Session, run, scalar, stream
from core.messaging import conversations, outbox, reminders
from frontdesk.errors import CannotRun

STUCK = timedelta(seconds=60)  # a message may wait as long as a lease and a recovery take
FARTHEST = timedelta(days=1)  # no vendor asks for more patience
UNSEALED = timedelta(
    minutes=5
)  # an audit row is sealed within two ticks and the longest transaction before it; what is due, too
MOST_SHOWN = 20
LOOKED_UP_AT_ONCE = 5_000  # seals that were kept outside

SETTINGS = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",  # all checks look at the same moment
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)
"""How the transaction of a check begins: it may look for as long as it takes, and holds nobody up."""


class Sent(msgspec.Struct, frozen=True):
    """A line of a vendor's ledger: it took this message."""

    outbox_id: int
    at: str = ""
    address_key: str = ""


@dataclass(frozen=True)
class Evidence:
    """What is looked at: the database, and what was kept outside of it."""

    session: Session
    vault: Vault
    noted: Iterable[Noted] = ()
    ledger: Iterable[Sent] | None = None


class Finding(NamedTuple):
    """How often one promise was looked at, the ids of what breaks it, and what else staff should know."""

    checked: int
    broken: tuple[str, ...]
    notes: tuple[str, ...] = ()


# --- I1 --------------------------------------------------------------------------------------------------------------

# Visits in order of time; an island ends where a visit begins that nothing before it reaches. Only within islands can two overlap.
_OVERLAPS = """
WITH live AS (
  SELECT id, practitioner_id, seat, blocked,
    max(upper(blocked)) OVER (PARTITION BY practitioner_id, seat ORDER BY lower(blocked), id
                              ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
  FROM appointments WHERE status IN ('pending', 'booked', 'arrived') AND NOT overbooked),
islands AS (
  SELECT id, practitioner_id, seat, blocked,
    count(*) FILTER (WHERE reached IS NULL OR reached <= lower(blocked))
      OVER (PARTITION BY practitioner_id, seat ORDER BY lower(blocked), id) AS island
  FROM live)
SELECT a.id AS one, b.id AS other FROM islands a JOIN islands b USING (practitioner_id, seat, island)
WHERE b.id > a.id AND b.blocked && a.blocked ORDER BY 1, 2
"""
# On a seat that its practitioner does not have, while all those that they have may be taken.
_NO_SEAT = """
SELECT a.id, a.seat, p.seats FROM appointments a JOIN practitioners p ON p.id = a.practitioner_id AND a.seat > p.seats
WHERE a.status IN ('pending', 'booked', 'arrived') AND NOT a.overbooked AND p.seats <= (
  SELECT count(*) FROM appointments b WHERE b.practitioner_id = a.practitioner_id AND b.blocked && a.blocked AND b.id <> a.id
    AND b.status IN ('pending', 'booked', 'arrived') AND NOT b.overbooked)
ORDER BY a.id
"""
_LIVE = "SELECT count(*) FROM appointments WHERE status IN ('pending', 'booked', 'arrived') AND NOT overbooked"


def no_overlaps(evidence: Evidence) -> Finding:
    """I1: no two live visits or holds of one practitioner overlap on one seat."""
    session = evidence.session
    overlaps = (f"{one} and {other}" for one, other in run(session, _OVERLAPS))
    no_seat = (f"{id}: on seat {seat}, where there are {seats}" for id, seat, seats in run(session, _NO_SEAT))
    return Finding(scalar(session, _LIVE), (*overlaps, *no_seat))


# --- I2 --------------------------------------------------------------------------------------------------------------

_TWICE = """
SELECT min(id) FROM inbox GROUP BY channel, account, external_id HAVING count(*) > 1
"""
# Whoever has the lease is at it; but no lease is as long as that.
_NOT_FINAL = """
SELECT m.id FROM inbox m JOIN conversations c ON c.id = m.conversation_id
WHERE m.status = 'new' AND m.received_at < clock_timestamp() - %(stuck)s
  AND c.leased_until NOT BETWEEN clock_timestamp() AND clock_timestamp() + %(lease)s
"""
# What was put aside is for staff to look at.
_FOR_NOBODY = """
SELECT m.id FROM inbox m WHERE m.status = 'aside'
  AND NOT EXISTS (SELECT FROM handoffs h WHERE h.conversation_id = m.conversation_id AND h.reason = 'aside')
"""
_UNNUMBERED = "SELECT id FROM inbox WHERE status <> 'new' AND seq IS NULL"
_INBOX = "SELECT count(*) FROM inbox"


def every_message_is_answered_once(evidence: Evidence) -> Finding:
    """I2: every stored message has one row, and reaches a final state."""
    session = evidence.session
    values = {"stuck": STUCK, "lease": conversations.LEASE}
    broken = [row for flaw in (_TWICE, _NOT_FINAL, _UNNUMBERED, _FOR_NOBODY) for row in run(session, flaw, **values)]
    return Finding(scalar(session, _INBOX), tuple(str(id) for (id,) in broken))


# --- I3 --------------------------------------------------------------------------------------------------------------

# Web chat and the terminal fetch for themselves: what their reader has not seen yet waits for them, however long. A vendor's pace may
# hold up the first of those that wait for an address, and that one holds up the others.
_UNSETTLED = """
SELECT id, flaw FROM (
  SELECT id, CASE
    WHEN status = 'sending' AND leased_until < clock_timestamp() - %(stuck)s THEN 'its sender died, and nobody settled it'
    WHEN status = 'sending' AND coalesce(leased_until > clock_timestamp() + %(lease)s, true) THEN 'its lease does not end'
    WHEN status = 'due' AND channel <> ALL (%(read)s) AND is_first AND greatest(due_at, paced_until) < clock_timestamp() - %(stuck)s
      THEN 'waits too long'
    WHEN status = 'due' AND due_at > clock_timestamp() + %(farthest)s THEN 'waits for a time that is too far'
    WHEN status = 'sent' AND attempts = 0 THEN 'sent without an attempt'
    WHEN status = 'failed' AND error IS NULL THEN 'failed without a reason'
    WHEN status IN ('sent', 'failed', 'unknown') AND settled_at IS NULL THEN 'settled at no time'
    WHEN doubts > CASE WHEN channel = ANY (%(checkable)s) THEN %(most_looks)s ELSE 2 END THEN 'said again without need'
    WHEN attempts > %(most)s THEN 'tried too often' END AS flaw
  FROM (
    SELECT o.*, greatest(a.next_at, p.next_at) AS paced_until,
      o.id = min(o.id) FILTER (WHERE status IN ('due', 'sending')) OVER (PARTITION BY o.address_id) AS is_first
    FROM outbox o JOIN addresses a ON a.id = o.address_id LEFT JOIN paces p ON p.channel = a.channel AND p.account = a.account
  ) queue) looked_at
WHERE flaw IS NOT NULL
"""

# In the order in which they were owed: nothing goes out before what came before it, and one at a time. What has a fate may have failed
# after it was sent, and have gone once more, behind others.
_OUT_OF_ORDER = """
WITH queue AS (
  SELECT id, status, channel, settled_at,
    min(seq) FILTER (WHERE status = 'due' AND fate IS NULL) OVER (PARTITION BY address_id) AS first_due, seq,
    max(settled_at) FILTER (WHERE fate IS NULL)
      OVER (PARTITION BY address_id ORDER BY seq, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before,
    count(*) FILTER (WHERE status = 'sending') OVER (PARTITION BY address_id) AS in_flight,
    count(*) OVER (PARTITION BY conversation_id, seq) AS same_place
  FROM outbox)
SELECT id, 'overtook what was owed before' AS flaw FROM queue WHERE status IN ('sent', 'sending') AND first_due < seq
UNION ALL SELECT id, 'settled before what was owed before' FROM queue WHERE settled_at < before AND channel <> ALL (%(read)s)
UNION ALL SELECT id, 'in flight beside another' FROM queue WHERE status = 'sending' AND in_flight > 1
UNION ALL SELECT id, 'has its place twice' FROM queue WHERE same_place > 1
"""

# A digit answers the newest prompt that was sent: one that may have been seen has the time, and no other.
_PROMPTS = """
SELECT o.id, 'its prompt does not know when it was sent' AS flaw FROM outbox o JOIN prompts p ON p.outbox_id = o.id
WHERE (o.status IN ('sent', 'unknown')) <> (p.sent_at IS NOT NULL)
"""
# What was said in a conversation has the numbers 1, 2, 3 … on both sides together: no line can be taken away.
_NUMBERS = """
SELECT 'conversation ' || c.id, 'of its ' || c.last_seq || ' lines ' || count(DISTINCT seq) || ' are there'
  || CASE WHEN count(seq) > count(DISTINCT seq) THEN ', some of them twice' ELSE '' END AS flaw
FROM conversations c LEFT JOIN (
  SELECT conversation_id, seq FROM inbox UNION ALL SELECT conversation_id, seq FROM outbox) said
  ON said.conversation_id = c.id AND seq BETWEEN 1 AND c.last_seq
GROUP BY c.id HAVING count(seq) <> c.last_seq OR count(DISTINCT seq) <> c.last_seq ORDER BY c.id
"""
_OUTBOX = "SELECT count(*) FROM outbox"


def every_reply_is_accounted_for(evidence: Evidence) -> Finding:
    """I3: every owed message was handed over once or its failure is written down, in order, one at a time."""
    session = evidence.session
    read = [name for name, channel in CHANNELS.items() if channel.open is None]
    values = {"stuck": STUCK, "read": read, "most": MOST_ATTEMPTS, "lease": outbox.LEASE, "farthest": FARTHEST}
    values |= {"checkable": list(CHECKABLE), "most_looks": outbox.MOST_LOOKS}
    broken = [row for flaws in (_UNSETTLED, _OUT_OF_ORDER, _PROMPTS, _NUMBERS) for row in run(session, flaws, **values)]
    if evidence.ledger is not None:
        owed = run(session, _SENDABLE, read=read).fetchall()
        broken += _against_ledger(owed, list(evidence.ledger))
    return Finding(scalar(session, _OUTBOX), tuple(f"{id}: {flaw}" for id, flaw in broken))


_SENDABLE = """
SELECT id, address_id, status, doubts, fate FROM outbox WHERE channel <> ALL (%(read)s) ORDER BY address_id, seq, id
"""


def _against_ledger(owed: list[Any], ledger: list[Sent]) -> Iterator[tuple[int, str]]:
    """What the vendors took, in their order, beside what we believe that they have."""
    taken = Counter(sent.outbox_id for sent in ledger)
    place = {sent.outbox_id: number for number, sent in reversed([*enumerate(ledger)])}  # where it stands first
    yield from ((id, "was sent, and is not owed") for id in taken.keys() - {row.id for row in owed})
    for row in owed:
        again = row.doubts + (row.fate is not None)  # what failed after it was sent may have gone once more
        if row.status == "sent" and not taken[row.id]:
            yield row.id, "counts as sent, and the vendor never had it"
        if row.status in ("due", "failed") and taken[row.id] > again:
            yield row.id, f"was sent, and counts as {row.status}"
        if taken[row.id] > max(1, again + (row.status == "sent")):
            yield row.id, f"was sent {taken[row.id]} times"
    for _, of_address in groupby(owed, lambda row: row.address_id):
        for earlier, later in pairwise(row.id for row in of_address if row.id in place):
            if place[later] < place[earlier]:
                yield later, "was sent before what was owed before"


def read_noted(file: Path) -> Iterator[Noted]:
    """The seals that a machine has kept, read as they are asked for."""
    try:
        yield from seals.noted(file)
    except OSError as error:
        raise CannotRun(f"{file} cannot be read ({error.strerror}).") from None


def read_ledger(file: Path) -> list[Sent]:
    """A vendor's ledger, a JSON object a line. A last line that was cut short is passed over: its writer was killed."""
    try:
        *lines, _ = file.read_bytes().split(b"\n")
        return [msgspec.json.decode(line, type=Sent) for line in lines if line.strip()]
    except OSError as error:
        raise CannotRun(f"{file} cannot be read ({error.strerror}).") from None
    except msgspec.MsgspecError as error:
        raise CannotRun(f'{file} is no ledger: each line is to be like {{"outbox_id": 17}} ({error}).') from None


# --- I4 --------------------------------------------------------------------------------------------------------------

_REMINDED_TWICE = """
SELECT appointment_id AS id, 'has one reminder twice' AS flaw FROM reminders GROUP BY appointment_id, sequence, lead HAVING count(*) > 1
"""
_NOT_REMINDED = """
SELECT a.id, 'is planned, and has no reminders' AS flaw
FROM appointments a LEFT JOIN policies k ON k.visit_type_id = a.visit_type_id LEFT JOIN policies c ON c.visit_type_id IS NULL
WHERE a.status = 'booked' AND a.planned_sequence = a.sequence AND lower(a.during) > %(now)s
  AND coalesce(k.reminders, c.reminders) IS DISTINCT FROM '{}'
  AND NOT EXISTS (SELECT FROM reminders r WHERE r.appointment_id = a.id AND r.sequence = a.sequence)
"""
# iCalendar's SEQUENCE counts the changes of a visit: what was said of a version was said before the next one was there.
_REMINDED_LATE = """
SELECT entity_id AS id, 'was reminded of after it had changed' AS flaw FROM (
  SELECT entity_id, action, detail, count(*) FILTER (WHERE action IN (
    'visit.cancelled', 'visit.unbooked', 'visit.restored', 'visit.moved', 'visit.moved_back')) OVER (PARTITION BY entity_id ORDER BY id) AS sequence
  FROM audit WHERE entity = 'appointments') noted
WHERE action = 'visit.reminded' AND (detail ->> 'sequence')::bigint <> sequence
"""
_NOT_NOTED = """
WITH reminded AS (SELECT DISTINCT appointment_id AS id, sequence::bigint, outbox_id AS outbox FROM reminders WHERE status = 'owed'),
noted AS (
  SELECT entity_id AS id, (detail ->> 'sequence')::bigint AS sequence, (detail ->> 'outbox')::bigint AS outbox
  FROM audit WHERE entity = 'appointments' AND action = 'visit.reminded')
SELECT id, 'counts as reminded of, and that is not written down' AS flaw FROM (TABLE reminded EXCEPT TABLE noted) unnoted
UNION ALL
SELECT id, 'was reminded of, and does not count as that' FROM (TABLE noted EXCEPT TABLE reminded) uncounted
"""
_REMINDERS = "SELECT (SELECT count(*) FROM reminders) + (SELECT count(*) FROM appointments WHERE status <> 'pending')"
_UNPLANNED = """
SELECT count(*) FROM appointments a WHERE status = 'booked' AND planned_sequence IS DISTINCT FROM sequence
  AND (SELECT max(at) FROM audit WHERE entity = 'appointments' AND entity_id = a.id) < clock_timestamp() - %(patience)s
"""
_UNSAID = "SELECT count(*) FROM reminders WHERE status = 'due' AND due_at < %(now)s - %(patience)s"


def every_reminder_comes_once_or_says_why_not(evidence: Evidence) -> Finding:
    """I4: every visit has its reminders, each of them said once or skipped for a reason, and none said of what had changed before."""
    session = evidence.session
    now = clock.now(session)
    flaws = (_REMINDED_TWICE, _NOT_REMINDED, _REMINDED_LATE, _NOT_NOTED)
    broken = (f"visit {id}: {flaw}" for statement in flaws for id, flaw in run(session, statement, now=now))
    return Finding(scalar(session, _REMINDERS), tuple(broken), tuple(_about_reminders(session, now)))


def _about_reminders(session: Session, now: datetime) -> Iterator[str]:
    """What came of all of them, and what a worker would do if one ran."""
    tally = reminders.tally(session).items()
    if counted := [f"{count} {status}{f' ({why})' if why else ''}" for (status, why), count in tally]:
        yield f"reminders: {', '.join(counted)}"
    for statement, what in ((_UNPLANNED, "visits are not planned"), (_UNSAID, "reminders are due and not said")):
        if count := scalar(session, statement, now=now, patience=UNSEALED):
            yield f"{count} {what} yet: a worker does that while it runs"


# --- I5 --------------------------------------------------------------------------------------------------------------


def audit_is_as_it_was_written(evidence: Evidence) -> Finding:
    """I5: the audit is as it was sealed, and has a row for every change."""
    session = evidence.session
    outside = tuple(flaws_outside(evidence))
    unrecorded = (f"{entity} {id}: {flaw}" for entity, id, flaw in run(session, _UNRECORDED))
    notes = (*_late(session), *([OLDER_BACKUP] if outside else []))
    return Finding(scalar(session, _AUDIT), (*flaws_of_chain(evidence), *outside, *unrecorded), notes)


OLDER_BACKUP = "if an older backup was put back, this is its doing: the runbook says what to do with audit-seals"


def flaws_of_chain(evidence: Evidence) -> Iterator[str]:
    """What was done to sealed rows, and to their seals."""
    rows = _Portions(seals.rows(evidence.session))
    before = seals.BEFORE_ALL
    for seal in seals.every(evidence.session):
        is_genuine = seals.is_genuine(evidence.vault, before, seal, rows.until(seal.last_id))
        if seal.id != before.id + 1:
            yield f"seal {before.id + 1}: is missing"
        elif not is_genuine:
            yield f"seal {seal.id}: audit rows {before.last_id + 1} to {seal.last_id} are not as they were sealed"
        before = seal


class _Portions:
    """Audit rows, handed out seal by seal; however many there are, they are never all at hand."""

    def __init__(self, rows: Iterator[seals.Row]) -> None:
        self._rows = rows
        self._next = next(rows, None)

    def until(self, last_id: int) -> Iterator[seals.Row]:
        """The rows up to this number that were not handed out yet."""
        while self._next is not None and self._next.id <= last_id:
            yield self._next
            self._next = next(self._rows, None)


def flaws_outside(evidence: Evidence) -> Iterator[str]:
    """Seals that were kept outside of the database, and are not what is in it."""
    noted = iter(evidence.noted)
    while some := set(islice(noted, LOOKED_UP_AT_ONCE)):
        inside = seals.hashes(evidence.session, {each.id for each in some})
        for id, hash in sorted(some):
            if id not in inside:
                yield f"seal {id}: was kept outside, and is gone"
            elif inside[id] != hash:
                yield f"seal {id}: another one was kept outside"


_AUDIT = "SELECT count(*) FROM audit"
_LATE = """
SELECT count(*) AS count, min(id) AS first FROM audit
WHERE id > coalesce((SELECT last_id FROM audit_seals ORDER BY id DESC LIMIT 1), 0) AND at < clock_timestamp() - %(unsealed)s
"""


def _late(session: Session) -> Iterator[str]:
    late = run(session, _LATE, unsealed=UNSEALED).fetchone()
    if late is not None and late.count:
        yield f"{late.count} audit rows from {late.first} on are not sealed yet: a worker does that while it runs"


# What can be seen in the tables, and who wrote it down: iCalendar's SEQUENCE counts the changes of a visit. Where it stands is in what was
# written last; a visit of another system may come with any status.
_UNRECORDED = """
WITH visits AS (
  SELECT entity_id AS id,
    bool_or(action = 'visit.booked') AS was_booked, bool_or(action = 'hold.made') AS was_held,
    bool_or(action IN ('hold.released', 'hold.expired')) AS let_go,
    count(*) FILTER (WHERE action IN ('visit.cancelled', 'visit.unbooked')) AS ended,
    count(*) FILTER (WHERE action = 'visit.restored') AS restored,
    count(*) FILTER (WHERE action IN (
      'visit.cancelled', 'visit.unbooked', 'visit.restored', 'visit.moved', 'visit.moved_back')) AS changes,
    array_agg(action) AS actions,
    (array_agg(detail ORDER BY id DESC) FILTER (WHERE detail ? 'start'))[1] AS stands
  FROM audit WHERE entity = 'appointments' GROUP BY entity_id)
SELECT 'appointment' AS entity, a.id, 'nobody is written down who made it' AS flaw
FROM appointments a LEFT JOIN visits v USING (id)
WHERE a.covers_id IS NULL AND NOT coalesce(CASE WHEN a.status = 'pending' THEN v.was_held ELSE v.was_booked END, false)
UNION ALL
SELECT 'appointment', a.id, 'it is ' || a.status || ', and that is not written down'
FROM appointments a LEFT JOIN visits v USING (id)
WHERE a.status <> 'pending' AND ((a.status = 'cancelled') <> (coalesce(v.ended, 0) > coalesce(v.restored, 0))
  OR (a.status IN ('arrived', 'fulfilled', 'noshow') AND a.external_id IS NULL AND 'visit.' || a.status <> ALL (v.actions)))
UNION ALL
SELECT 'appointment', a.id, 'its sequence is ' || a.sequence || ', and other changes are written down'
FROM appointments a LEFT JOIN visits v USING (id) WHERE a.status <> 'pending' AND a.sequence <> coalesce(v.changes, 0)
UNION ALL
SELECT 'appointment', a.id, 'it stands elsewhere than is written down'
FROM appointments a JOIN visits v USING (id)
WHERE ((stands ->> 'practitioner')::bigint, (stands ->> 'patient')::bigint, (stands ->> 'start')::timestamptz)
  IS DISTINCT FROM (a.practitioner_id, a.patient_id, lower(a.during)) AND stands IS NOT NULL
UNION ALL
SELECT 'appointment', v.id, CASE WHEN was_booked THEN 'it was booked, and is gone' ELSE 'nobody is written down who let go of it' END
FROM visits v LEFT JOIN appointments a USING (id) WHERE a.id IS NULL AND (was_booked OR (was_held AND NOT let_go))
UNION ALL
SELECT 'handoff', h.id, 'nobody is written down who opened it' FROM handoffs h
WHERE NOT EXISTS (SELECT 1 FROM audit WHERE entity = 'handoffs' AND entity_id = h.id AND action = 'handoff.opened')
UNION ALL
SELECT 'handoff', h.id, 'nobody is written down who closed it' FROM handoffs h
WHERE closed_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM audit WHERE entity = 'handoffs' AND entity_id = h.id AND action = 'handoff.closed')
UNION ALL
SELECT 'handoff', entity_id, 'it was opened, and is gone' FROM audit
WHERE action = 'handoff.opened' AND entity = 'handoffs' AND NOT EXISTS (SELECT 1 FROM handoffs h WHERE h.id = entity_id)
UNION ALL
SELECT 'conversation', c.id, 'it is not written down who has it' FROM conversations c LEFT JOIN (
  SELECT DISTINCT ON (entity_id) entity_id AS id, CASE WHEN action <> 'conversation.handed_back' THEN actor END AS has_it
  FROM audit WHERE entity = 'conversations'
    AND action IN ('conversation.taken_over', 'conversation.answered', 'conversation.handed_back')
  ORDER BY entity_id, audit.id DESC) last USING (id)
WHERE 'staff:' || c.staff_id IS DISTINCT FROM last.has_it
UNION ALL
SELECT 'patient', p.patient_id, 'nobody is written down who linked address ' || p.address_id FROM patient_addresses p
WHERE NOT EXISTS (SELECT 1 FROM audit WHERE entity = 'patients' AND entity_id = p.patient_id AND action = 'patient.linked'
                  AND detail @> jsonb_build_object('address', p.address_id))
"""


# --- I7 --------------------------------------------------------------------------------------------------------------

_STATES = """
SELECT c.id, c.state, k.id AS key_id, k.wrapped FROM conversations c JOIN data_keys k ON k.id = c.data_key_id
WHERE c.state IS NOT NULL
"""


def every_dialog_can_go_on(evidence: Evidence) -> Finding:
    """I7: every dialog is in a state that the declared machine can reach."""
    checked, broken = 0, []
    for row in stream(evidence.session, "states", _STATES):
        checked += 1
        if flaw := _flaw_of_dialog(evidence.vault, row):
            broken.append(f"{row.id}: {flaw}")
    return Finding(checked, tuple(broken))


def _flaw_of_dialog(vault: Vault, row: Any) -> str | None:
    try:
        packed = vault.unwrap(row.key_id, row.wrapped).open("conversations.state", row.id, row.state)
    except Unreadable:
        return "unreadable"
    return states.flaw_of(packed)


INVARIANTS: dict[str, Callable[[Evidence], Finding]] = {
    "I1": no_overlaps,
    "I2": every_message_is_answered_once,
    "I3": every_reply_is_accounted_for,
    "I4": every_reminder_comes_once_or_says_why_not,
    "I5": audit_is_as_it_was_written,
    "I7": every_dialog_can_go_on,
}


def check(
    session: Session, vault: Vault, *, noted: Iterable[Noted] = (), ledger: Iterable[Sent] | None = None
) -> dict[str, Finding]:
    """Every invariant with what was found; `noted` and `ledger` are what was kept outside of the database."""
    evidence = Evidence(session, vault, noted, ledger)
    return {name: invariant(evidence) for name, invariant in INVARIANTS.items()}


def report(found: dict[str, Finding]) -> str:
    """What was found, a line for each invariant."""
    return "\n".join(chain.from_iterable(_lines(name, finding) for name, finding in found.items()))


def _lines(name: str, finding: Finding) -> Iterator[str]:
    promise = (INVARIANTS[name].__doc__ or "").partition(": ")[2]
    verdict = f"{len(finding.broken)} BROKEN" if finding.broken else "holds"
    yield f"{name}  {finding.checked:>8} checked  {verdict:<10}  {promise}"
    yield from (f"      {broken}" for broken in finding.broken[:MOST_SHOWN])
    if len(finding.broken) > MOST_SHOWN:
        yield f"      and {len(finding.broken) - MOST_SHOWN} more"
    yield from (f"      {note}" for note in finding.notes)
