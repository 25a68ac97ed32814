"""`frontdesk verify`: the promises of the design, checked on a database as it is. Nothing is changed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.orm import Session

from bot import state as states
from channels import CHANNELS
from core.crypto import Unreadable, Vault
from core.database import run, scalar

STUCK = timedelta(seconds=60)  # a message may wait as long as a lease and a recovery take


@dataclass(frozen=True)
class Finding:
    """How often one promise was looked at, and the ids of what breaks it."""

    checked: int
    broken: tuple[str, ...]


_OVERLAPS = """
SELECT a.id AS one, b.id AS other FROM appointments a JOIN appointments b
  ON b.practitioner_id = a.practitioner_id AND b.seat = a.seat AND b.id > a.id AND b.blocked && a.blocked
WHERE a.status IN ('pending', 'booked', 'arrived') AND NOT a.overbooked
  AND b.status IN ('pending', 'booked', 'arrived') AND NOT b.overbooked
"""
_LIVE = "SELECT count(*) FROM appointments WHERE status IN ('pending', 'booked', 'arrived') AND NOT overbooked"

_TWICE = """
SELECT min(id) FROM inbox GROUP BY channel, account, external_id HAVING count(*) > 1
"""
_NOT_FINAL = """
SELECT m.id FROM inbox m JOIN conversations c ON c.id = m.conversation_id
WHERE m.status = 'new' AND m.received_at < clock_timestamp() - %(stuck)s AND c.leased_until < clock_timestamp()
"""
_UNNUMBERED = "SELECT id FROM inbox WHERE status <> 'new' AND seq IS NULL"
_INBOX = "SELECT count(*) FROM inbox"

# Web chat and the terminal fetch for themselves: what their reader has not seen yet waits for them, however long.
_UNSETTLED = """
SELECT id FROM outbox WHERE
     status = 'sending' AND leased_until < clock_timestamp() - %(stuck)s
  OR status = 'due' AND channel <> ALL (%(read)s) AND due_at < clock_timestamp() - %(stuck)s
  OR status = 'sent' AND attempts = 0
  OR status = 'failed' AND error IS NULL
  OR status IN ('sent', 'failed', 'unknown') AND settled_at IS NULL
"""
_OUT_OF_ORDER = """
SELECT later.id FROM outbox later JOIN outbox earlier
  ON earlier.address_id = later.address_id AND earlier.seq < later.seq
WHERE later.status IN ('sent', 'sending') AND earlier.status = 'due'
"""
_OUTBOX = "SELECT count(*) FROM outbox"

_STATES = """
SELECT c.id, c.state, k.id AS key_id, k.wrapped FROM conversations c JOIN data_keys k ON k.id = c.data_key_id
WHERE c.state IS NOT NULL
"""


def no_overlaps(session: Session, _vault: Vault) -> Finding:
    """I1: no two live visits or holds of one practitioner overlap on one seat."""
    return Finding(scalar(session, _LIVE), tuple(f"{a} and {b}" for a, b in run(session, _OVERLAPS)))


def every_message_is_answered_once(session: Session, _vault: Vault) -> Finding:
    """I2: every stored message has one row, and reaches a final state."""
    broken = [*run(session, _TWICE), *run(session, _NOT_FINAL, stuck=STUCK), *run(session, _UNNUMBERED)]
    return Finding(scalar(session, _INBOX), tuple(str(id) for (id,) in broken))


def every_reply_is_accounted_for(session: Session, _vault: Vault) -> Finding:
    """I3: every owed message was handed over or its failure is written down, in order."""
    read = [name for name, channel in CHANNELS.items() if channel.send is None]
    broken = [*run(session, _UNSETTLED, stuck=STUCK, read=read), *run(session, _OUT_OF_ORDER)]
    return Finding(scalar(session, _OUTBOX), tuple(str(id) for (id,) in broken))


def every_dialog_can_go_on(session: Session, vault: Vault) -> Finding:
    """I7: every dialog is in a state that the declared machine can reach."""
    broken = []
    rows = run(session, _STATES).fetchall()
    for row in rows:
        try:
            packed = vault.unwrap(row.key_id, row.wrapped).open("conversations.state", row.id, row.state)
        except Unreadable:
            broken.append(f"{row.id}: unreadable")
            continue
        flaw = states.flaw_of(packed)
        if flaw is not None:
            broken.append(f"{row.id}: {flaw}")
    return Finding(len(rows), tuple(broken))


INVARIANTS: dict[str, Callable[[Session, Vault], Finding]] = {
    "I1": no_overlaps,
    "I2": every_message_is_answered_once,
    "I3": every_reply_is_accounted_for,
    "I7": every_dialog_can_go_on,
}


def check(session: Session, vault: Vault) -> dict[str, Finding]:
    """Every invariant with what was found."""
    return {name: invariant(session, vault) for name, invariant in INVARIANTS.items()}


def report(found: dict[str, Finding]) -> str:
    """What was found, a line for each invariant."""
    lines = []
    for name, finding in found.items():
        promise = (INVARIANTS[name].__doc__ or "").partition(": ")[2]
        verdict = f"{len(finding.broken)} BROKEN" if finding.broken else "holds"
        lines.append(f"{name}  {finding.checked:>8} checked  {verdict:<10}  {promise}")
        lines += [f"      {broken}" for broken in finding.broken[:20]]
    return "\n".join(lines)
