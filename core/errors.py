"""Expected refusals: facts of the desk, each with a code that is also a text key."""


class Refusal(Exception):
    """Something the desk may not do; `code` names the reason."""

    code = "refused"


class SlotTaken(Refusal):
    """Somebody else has this time, or the rules no longer offer it."""

    code = "slot_taken"


class PatientBusy(Refusal):
    """The patient has another visit at this time."""

    code = "patient_busy"


class TooManyVisits(Refusal):
    """The patient has as many upcoming visits as one person may hold."""

    code = "too_many_visits"


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
