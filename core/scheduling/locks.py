"""The one order of locks: conversation, patient, practitioners sorted. Taken in a statement of their own, before anything is read.

Lock and read in one statement, or REPEATABLE READ, would miss time off that was committed while waiting.
"""

from collections.abc import Iterable

from core.database import Session, run

_PATIENT, _PRACTITIONER = 1, 2

_LOCK = (
    "SELECT pg_advisory_xact_lock(key) FROM unnest(%(keys)s::bigint[]) WITH ORDINALITY AS k(key, place) ORDER BY place"
)


def lock(session: Session, *, patients: Iterable[int] = (), practitioners: Iterable[int] = ()) -> None:
    """Wait until these people's time is ours to change, until the transaction ends. At most once a turn."""
    keys = [*_keys(_PATIENT, patients), *_keys(_PRACTITIONER, practitioners)]
    run(session, _LOCK, keys=keys)


def _keys(kind: int, ids: Iterable[int]) -> list[int]:
    return [(kind << 56) | id for id in sorted(set(ids))]
