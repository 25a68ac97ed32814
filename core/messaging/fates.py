"""What became of a message after its vendor had taken it: told later, twice, and in any order."""

from datetime import timedelta
from typing import Literal, NamedTuple

from core import clock
from core.compliance import audit
from core.database import Session, run
from core.messaging import handoffs, reachability

RANKS = {
    "accepted": 0, "scheduled": 0, "queued": 1, "sending": 2, "sent": 3,
    "delivered": 4, "undelivered": 4, "failed": 4, "canceled": 4, "read": 5,
}  # fmt: skip
"""Of two states the higher one came later, whichever we hear of first; of two ends the first one counts."""

FAILED = frozenset({"undelivered", "failed"})

VENDOR = audit.Actor("vendor")


class Failure(NamedTuple):
    """Why it did not arrive: a code of ours; whether nothing reaches that number, or the same message may try again, and when."""

    code: str
    then: Literal["lost", "again", "failed"]
    again_in: timedelta = timedelta(0)


_RANK = " ".join(f"WHEN '{state}' THEN {rank}" for state, rank in RANKS.items())

_NOTE = f"""
UPDATE outbox SET fate = %(fate)s WHERE id = %(id)s AND (vendor_id IS NULL OR vendor_id = %(vendor_id)s)
  AND coalesce(CASE fate {_RANK} END, -1) < %(rank)s
RETURNING address_id
"""

# Once: what fails for a passing reason twice does not pass.
_AGAIN = """
UPDATE outbox SET status = 'due', due_at = clock_timestamp() + %(again_in)s, settled_at = NULL, vendor_id = NULL, fate = NULL, error = %(code)s
WHERE id = %(id)s AND status = 'sent' AND error IS DISTINCT FROM %(code)s RETURNING id
"""

_FAIL = """
UPDATE outbox SET status = 'failed', error = %(code)s WHERE id = %(id)s AND status = 'sent' RETURNING conversation_id, is_vital
"""

_BACK = """
UPDATE outbox SET status = 'due', due_at = clock_timestamp(), settled_at = NULL WHERE id = %(id)s AND status = 'sent'
"""


def note(session: Session, outbox_id: int, vendor_id: str, fate: str, failure: Failure | None) -> bool:
    """Write down what a vendor says of a message, unless more is known already; false where that is so.

    Where it failed: nothing reaches the number any more, and the message goes to the person's next channel; or it is tried once more; or staff
    are told, if it was vital.
    """
    values = {"id": outbox_id, "vendor_id": vendor_id, "fate": fate, "rank": RANKS[fate]}
    row = run(session, _NOTE, **values).fetchone()
    if row is None:
        return False
    if failure is not None:
        _follow_up(session, outbox_id, row.address_id, failure)
    return True


def _follow_up(session: Session, outbox_id: int, address_id: int, failure: Failure) -> None:
    if failure.then == "lost":
        run(session, _BACK, id=outbox_id)
        reachability.lost(session, address_id, failure.code, VENDOR, clock.now(session))
        return
    if (
        failure.then == "again"
        and run(session, _AGAIN, id=outbox_id, code=failure.code, again_in=failure.again_in).rowcount
    ):
        return
    failed = run(session, _FAIL, id=outbox_id, code=failure.code).fetchone()
    if failed is not None and failed.is_vital:
        handoffs.hand_over(session, failed.conversation_id, "undelivered", clock.now(session))
