"""Expected refusals: facts of the desk, each with a code that is also a text key."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.scheduling.reasons import Reason


class Refusal(Exception):
    """Something the desk may not do; `code` names the reason."""

    code = "refused"


class SlotTaken(Refusal):
    """Somebody else has this time, or the rules no longer offer it; `reason` is one of core.scheduling.reasons."""

    code = "slot_taken"

    def __init__(self, reason: "Reason" = "just_taken") -> None:
        super().__init__(reason)
        self.reason = reason


class PatientBusy(Refusal):
    """The patient has another visit at this time."""

    code = "patient_busy"


class TooManyVisits(Refusal):
    """The patient has as many upcoming visits as one person may hold."""

    code = "too_many_visits"


class TooManyOfKind(Refusal):
    """The patient has as many visits of this kind ahead as the clinic allows."""

    code = "too_many_of_kind"


class TooManyHolds(Refusal):
    """Somebody unknown has let several holds run out today."""

    code = "too_many_holds"


class NoSuchVisit(Refusal):
    """No visit of this patient is known by that id."""

    code = "no_such_visit"


class AlreadyCancelled(Refusal):
    """The visit is cancelled already."""

    code = "already_cancelled"


class TooLateToChange(Refusal):
    """The visit has begun or is over."""

    code = "too_late_to_change"


class UndoOver(Refusal):
    """The minutes in which a step could be taken back are over, or its time is somebody else's."""

    code = "undo_over"


class NoticeTooShort(Refusal):
    """The visit is nearer than the clinic lets patients change it by themselves."""

    code = "notice_too_short"


class VisitChanged(Refusal):
    """The visit is not what it was when this step was offered."""

    code = "visit_changed"


class VisitOver(Refusal):
    """The visit has begun or is over, so that nobody can say any more whether they will come."""

    code = "visit_over"
