"""The one order of locks: conversation, patient, practitioners sorted. Taken in a statement of their own, before anything is read.

Lock and read in one statement, or REPEATABLE READ, would miss time off that was committed while waiting.
"""

from collections.abc import Iterable

from core.database import Session, run

_PATIENT, _PRACTITIONER = 1, 2

# With whom a conversation holds a time may be read before the lock: its own turn alone holds for it.
_LOCK = """
SELECT pg_advisory_xact_lock(key) FROM (
  SELECT unnest(%(keys)s::bigint[]) AS key
  UNION SELECT %(kind)s | practitioner_id FROM appointments
  WHERE conversation_id = %(holder)s AND status = 'pending' AND covers_id IS NULL
  ORDER BY key OFFSET 0) sorted
"""


def lock(
    session: Session, *, patients: Iterable[int] = (), practitioners: Iterable[int] = (), holder: int | None = None
) -> None:
    """Wait until these people's time is ours to change, until the transaction ends. At most once a turn.

    With the conversation `holder` comes the practitioner with whom it holds a time.
    """
    keys = [*_keys(_PATIENT, patients), *_keys(_PRACTITIONER, practitioners)]
    run(session, _LOCK, keys=keys, kind=_PRACTITIONER << 56, holder=holder)


def _keys(kind: int, ids: Iterable[int]) -> list[int]:
    return [(kind << 56) | id for id in set(ids)]
