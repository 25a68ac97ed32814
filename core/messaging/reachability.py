"""Addresses that nothing reaches any more: a bot that was blocked, a number that is gone. What was owed there goes elsewhere."""

from datetime import datetime

from core import clock
from core.compliance import audit
from core.crypto import Vault
from core.database import Session, run
from core.messaging import handoffs, inbox
from core.messaging.inbox import Sender
from core.messaging.outbox import Owed
from core.people import identities

VENDORS = audit.Actor("sender")

_SPEAKS_FOR = "SELECT patient_id, relationship FROM patient_addresses WHERE address_id = %(id)s ORDER BY patient_id"

OPTED_OUT = "opted_out"
"""Why an address is unreachable whose owner wants no more messages there: only they can change that."""

_LOST = """
UPDATE addresses SET unreachable = %(why)s, unreachable_at = clock_timestamp()
WHERE id = %(id)s AND unreachable IS DISTINCT FROM %(why)s AND unreachable IS DISTINCT FROM 'opted_out' RETURNING id
"""
_FOUND = """
UPDATE addresses SET unreachable = NULL, unreachable_at = NULL WHERE id = %(id)s AND unreachable IS NOT NULL RETURNING id
"""

# The next channel of the same person: where they wrote from last.
_HAND_ON = """
UPDATE outbox o SET address_id = n.id, channel = n.channel, attempts = 0, due_at = clock_timestamp() FROM (
  SELECT b.id, b.channel FROM addresses a JOIN addresses b ON b.conversation_id = a.conversation_id
  WHERE a.id = %(id)s AND b.id <> a.id AND b.unreachable IS NULL
  ORDER BY (SELECT max(m.id) FROM inbox m WHERE m.address_id = b.id) DESC NULLS LAST, b.id DESC LIMIT 1) n
WHERE o.address_id = %(id)s AND o.status = 'due'
"""
_GIVE_UP = """
UPDATE outbox SET status = 'failed', error = %(why)s, settled_at = clock_timestamp()
WHERE address_id = %(id)s AND status = 'due' RETURNING conversation_id
"""


_MOVE = """
UPDATE outbox SET address_id = %(address_id)s, channel = %(channel)s, attempts = 0, due_at = clock_timestamp()
WHERE id = %(id)s AND status = 'due' AND EXISTS (SELECT FROM addresses WHERE id = %(address_id)s AND unreachable IS NULL)
"""
_GIVE_UP_ONE = """
UPDATE outbox SET status = 'failed', error = %(why)s, settled_at = clock_timestamp() WHERE id = %(id)s AND status = 'due'
"""


def lost(session: Session, address_id: int, why: str, actor: audit.Actor, now: datetime) -> None:
    """Nothing reaches this address: what waits for it goes to the person's next one, or staff are told that it did not arrive."""
    if run(session, _LOST, id=address_id, why=why).rowcount:
        audit.record(session, actor, "address.lost", "addresses", address_id, why=why)
    run(session, _HAND_ON, id=address_id)
    for conversation_id in {row.conversation_id for row in run(session, _GIVE_UP, id=address_id, why=why)}:
        handoffs.hand_over(session, conversation_id, "undelivered", now)


def move(session: Session, vault: Vault, owed: Owed, to: tuple[str, str], why: str) -> None:
    """Let a message go to the same address on another channel and account.

    Where somebody else's chat is there, or nothing reaches it there either, staff are told.
    """
    channel, account = to
    sender = Sender(channel, account, owed.address)
    home = inbox.find_home(session, vault, sender) if account else None
    if account and home is None:
        home = inbox.settle_beside(session, vault, sender, owed.conversation_id)
        _speak_for_the_same(session, owed.address_id, home)
    is_theirs = home is not None and home.conversation_id == owed.conversation_id
    if is_theirs and run(session, _MOVE, id=owed.id, address_id=home and home.address_id, channel=channel).rowcount:
        return
    if run(session, _GIVE_UP_ONE, id=owed.id, why=why).rowcount:
        handoffs.hand_over(session, owed.conversation_id, "undelivered", clock.now(session))


def _speak_for_the_same(session: Session, address_id: int, beside: inbox.Home | None) -> None:
    """The same number on another channel is the same person's."""
    if beside is None:
        return
    for patient_id, relationship in run(session, _SPEAKS_FOR, id=address_id).fetchall():
        identities.link(session, beside.address_id, patient_id, relationship, VENDORS)


def opt_out(session: Session, address_id: int, actor: audit.Actor) -> None:
    """The person wants no more messages there: what waits is not said, there or elsewhere."""
    if run(session, _LOST, id=address_id, why=OPTED_OUT).rowcount:
        audit.record(session, actor, "address.lost", "addresses", address_id, why=OPTED_OUT)
    run(session, _GIVE_UP, id=address_id, why=OPTED_OUT)


def found(session: Session, address_id: int, actor: audit.Actor) -> None:
    """The person can be reached there again."""
    if run(session, _FOUND, id=address_id).rowcount:
        audit.record(session, actor, "address.found", "addresses", address_id)
