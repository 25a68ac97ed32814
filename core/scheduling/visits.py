"""Visits as patients see them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from core.compliance import audit
from core.database import Session, run
from core.errors import NoSuchVisit
from core.scheduling.wishes import Slot


class Visit(msgspec.Struct, frozen=True):
    """One visit of one patient. `start` of the slot is in UTC."""

    id: int
    patient_id: int
    slot: Slot
    status: str
    sequence: int = 0  # iCalendar SEQUENCE: what it is now, as opposed to what it was


_COLUMNS = "SELECT id, patient_id, practitioner_id, visit_type_id, location_id, lower(during) AS start, status, sequence FROM appointments"
_UPCOMING = f"""
{_COLUMNS} WHERE patient_id = ANY (%(patients)s) AND status IN ('booked', 'arrived') AND upper(during) > %(now)s
ORDER BY lower(during), id
"""
_ONE = f"{_COLUMNS} WHERE id = %(id)s AND status <> 'pending'"


def upcoming_for(session: Session, patients: Iterable[int], now: datetime, actor: audit.Actor) -> tuple[Visit, ...]:
    """The visits that these patients have ahead, the next one first."""
    wanted = list(patients)
    for patient_id in wanted:
        audit.record(session, actor, "visits.read", "patients", patient_id)
    return tuple(_visit(row) for row in run(session, _UPCOMING, patients=wanted, now=now))


def get(session: Session, visit_id: int) -> Visit:
    """One visit, whatever its status, or NoSuchVisit."""
    row = run(session, _ONE, id=visit_id).fetchone()
    if row is None:
        raise NoSuchVisit
    return _visit(row)


def _visit(row: Any) -> Visit:
    slot = Slot(row.practitioner_id, row.visit_type_id, row.location_id, row.start)
    return Visit(row.id, row.patient_id, slot, row.status, row.sequence)
