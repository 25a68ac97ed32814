"""What became of a message after its vendor had taken it: told later, twice, and in any order."""

from datetime import timedelta
from typing import Any, Literal, NamedTuple

from core import clock
from core.compliance import audit
from core.database import Session, run
from core.messaging import handoffs, reachability, troubles
from core.people import consent

RANKS = {
    "accepted": 0, "scheduled": 0, "queued": 1, "sending": 2, "sent": 3,
    "delivered": 4, "undelivered": 4, "failed": 4, "canceled": 4, "read": 5,
}  # fmt: skip
"""Of two states the higher one came later, whichever we hear of first; of two ends the first one counts."""

FAILED = frozenset({"undelivered", "failed"})

AGAIN = "again"
"""The fate of what goes once more, until its vendor says more of that."""

VENDOR = audit.Actor("vendor")

Then = Literal["lost", "again", "elsewhere", "failed"]
"""Nothing reaches that number; the same message may go again, once; it must go another way; it does not go."""


class Failure(NamedTuple):
    """Why it did not arrive: a code of ours, what follows from it, when it may go again, and whether the clinic has something to mend."""

    code: str
    then: Then
    again_in: timedelta = timedelta(0)
    is_ours: bool = False


_RANK = " ".join(f"WHEN '{state}' THEN {rank}" for state, rank in RANKS.items())

# A message that goes once more keeps the vendor's id of the last time, so that what is still told of that is known from what is told of now.
_NOTE = f"""
UPDATE outbox SET fate = %(fate)s WHERE id = %(id)s AND coalesce(CASE fate {_RANK} END, -1) < %(rank)s AND CASE
  WHEN status = 'sending' THEN vendor_id IS DISTINCT FROM %(vendor_id)s
  WHEN status = 'due' THEN doubts > 0 AND vendor_id IS DISTINCT FROM %(vendor_id)s
  ELSE coalesce(vendor_id = %(vendor_id)s, true) END
RETURNING address_id, conversation_id, status
"""

# The vendor was faster than our own note that it has the message: whoever calls it now finds that settled.
_TAKEN = """
WITH o AS (
  UPDATE outbox SET status = 'sent', vendor_id = %(vendor_id)s, leased_until = NULL, settled_at = clock_timestamp()
  WHERE id = %(id)s AND status IN ('sending', 'due', 'unknown') RETURNING id)
UPDATE prompts SET sent_at = coalesce(sent_at, clock_timestamp()) FROM o WHERE outbox_id = o.id
"""

# A prompt that nobody has seen is not what a digit answers.
_UNSENT = "p AS (UPDATE prompts SET sent_at = NULL FROM o WHERE outbox_id = o.id)"

_BACK = f"""
WITH o AS (
  UPDATE outbox SET status = 'due', due_at = clock_timestamp() + %(again_in)s, settled_at = NULL, fate = '{AGAIN}', error = %(code)s
  WHERE id = %(id)s AND status = 'sent' AND attempts < %(tries)s RETURNING id),
{_UNSENT}
SELECT id FROM o
"""

_FAIL = f"""
WITH o AS (
  UPDATE outbox SET status = 'failed', error = %(code)s WHERE id = %(id)s AND status = 'sent'
  RETURNING id, conversation_id, is_vital),
{_UNSENT}
SELECT conversation_id, is_vital FROM o
"""

ONCE_MORE = 2  # tries: what fails for a passing reason twice does not pass
ALWAYS = 1_000


def note(session: Session, outbox_id: int, vendor_id: str, fate: str, failure: Failure | None) -> bool:
    """Write down what a vendor says of a message, unless more is known already; false where that is so.

    Where it failed: nothing reaches the number any more, and the message goes to the person's next channel; or it goes another way; or it is
    tried once more; or staff are told, if it was vital.
    """
    values = {"id": outbox_id, "vendor_id": vendor_id, "fate": fate, "rank": RANKS[fate]}
    row = run(session, _NOTE, **values).fetchone()
    if row is None:
        return False
    if failure is not None and row.status != "failed":  # then it is known, and has been followed up
        run(session, _TAKEN, id=outbox_id, vendor_id=vendor_id)
        if failure.is_ours:
            troubles.meet(session, failure.code, clock.now(session))
        _FOLLOW_UP[failure.then](session, outbox_id, row, failure)
    return True


def _lost(session: Session, outbox_id: int, row: Any, failure: Failure) -> None:
    _send_back(session, outbox_id, failure, ALWAYS)
    if failure.code == reachability.OPTED_OUT:
        consent.record(session, row.address_id, None, "messages", given=False, wording=failure.code, inbox_id=None)
        reachability.opt_out(session, row.address_id, VENDOR)
        handoffs.hand_over(session, row.conversation_id, reachability.OPTED_OUT, clock.now(session))
    else:
        reachability.lost(session, row.address_id, failure.code, VENDOR, clock.now(session))


def _elsewhere(session: Session, outbox_id: int, _row: Any, failure: Failure) -> None:
    """Its channel knows which way, by the code."""
    _send_back(session, outbox_id, failure, ALWAYS)


def _again(session: Session, outbox_id: int, row: Any, failure: Failure) -> None:
    if not _send_back(session, outbox_id, failure, ONCE_MORE):
        _fail(session, outbox_id, row, failure)


def _send_back(session: Session, outbox_id: int, failure: Failure, tries: int) -> bool:
    """Let it be owed again, unless it was tried so often."""
    values = {"id": outbox_id, "code": failure.code, "again_in": failure.again_in, "tries": tries}
    return run(session, _BACK, **values).fetchone() is not None


def _fail(session: Session, outbox_id: int, _row: Any, failure: Failure) -> None:
    failed = run(session, _FAIL, id=outbox_id, code=failure.code).fetchone()
    if failed is not None and failed.is_vital:
        handoffs.hand_over(session, failed.conversation_id, "undelivered", clock.now(session))


_FOLLOW_UP = {"lost": _lost, "elsewhere": _elsewhere, "again": _again, "failed": _fail}
