"""Who could see a patient, and which rules stand against it, whatever the time."""

from dataclasses import dataclass
from typing import NamedTuple

from core.database import Session, run
from core.scheduling.directory import Directory, Practitioner, VisitType
from core.scheduling.reasons import Barred
from core.scheduling.wishes import Wanted


class Candidate(NamedTuple):
    """Somebody who could see the patient, and for what."""

    practitioner: Practitioner
    visit_type: VisitType


@dataclass(frozen=True)
class Party:
    """Who wants to come: a patient known here or somebody new; `staff` when the desk books for them."""

    patient_id: int | None = None
    staff: bool = False
    seen_by: frozenset[int] = frozenset()  # practitioners they have been to; only asked for where it matters


# A visit that was not called off makes somebody a practitioner's own patient.
_SEEN_BY = """
SELECT DISTINCT practitioner_id FROM appointments WHERE patient_id = %(patient_id)s AND status <> 'cancelled' AND status <> 'pending'
"""


def candidates(directory: Directory, wanted: Wanted) -> list[Candidate]:
    """Who is meant, each with the kind of visit that was asked for or their usual one; the best rated first where that was wished."""
    found = []
    for practitioner in directory.practitioners:
        if wanted.practitioner not in (None, practitioner.id):
            continue
        if wanted.specialty is not None and wanted.specialty not in practitioner.specialties:
            continue
        kinds = [directory.visit_type[id] for id in practitioner.visit_types if wanted.visit_type in (None, id)]
        if kinds:
            in_mode = [kind for kind in kinds if wanted.mode in (None, kind.mode)]
            found.append(Candidate(practitioner, (in_mode or kinds)[0]))
    if wanted.best_rated:
        best = max((c.practitioner.rating or 0 for c in found), default=0)
        found = [c for c in found if (c.practitioner.rating or 0) == best]
    return found


def party(session: Session, chosen: list[Candidate], patient_id: int | None, *, staff: bool) -> Party:
    """What must be known of a patient to apply the rules to these candidates; most often nothing."""
    if patient_id is None or all(candidate.practitioner.accepts_new for candidate in chosen):
        return Party(patient_id, staff)
    return Party(patient_id, staff, frozenset(id for (id,) in run(session, _SEEN_BY, patient_id=patient_id)))


def bar(candidate: Candidate, wanted: Wanted, who: Party) -> Barred | None:
    """The rule that keeps this patient from this candidate, or None. Staff may book what patients may not."""
    practitioner, kind = candidate
    rules: dict[Barred, bool] = {
        "booked_by_staff": kind.policy.booked_by == "staff" and not who.staff,
        "known_only": kind.policy.booked_by == "known" and who.patient_id is None and not who.staff,
        "new_patients_not_taken": not practitioner.accepts_new and practitioner.id not in who.seen_by and not who.staff,
        "insurance_not_taken": wanted.insurance is not None and wanted.insurance not in practitioner.insurances,
        "language_not_spoken": wanted.language is not None and wanted.language not in practitioner.languages,
        "wrong_mode": wanted.mode not in (None, kind.mode),
    }
    return next((rule for rule, broken in rules.items() if broken), None)
