"""What their labels are in our words: tables, and nothing of it is known to the product."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Label:
    """One of their intents, and what we say for it: any of `signs`, where the text holds one of the words `about`, if any.

    `measured` is the name under which it counts in the mean; labels of one name count as one, and without a name not at all.
    """

    name: str
    signs: tuple[str, ...]
    measured: str = ""
    about: tuple[str, ...] = ()

    def fits(self, said: frozenset[str], text: str) -> bool:
        """Whether a message that says all of `said` has this label."""
        return not said.isdisjoint(self.signs) and (not self.about or any(word in text for word in self.about))


def _same(name: str, *signs: str) -> Label:
    return Label(name, signs, measured=name)


_MOVE = ("move", "move_it", "instead", "other_day")
_CANCEL = ("cancel", "cancel_visit", "absent")
_ALARM, _REMINDER = ("alarm", "wake"), ("remind",)

# Signs are our intents, and "yes" and "no". Several labels a message: all that fit.
NLUPP = (
    _same("affirm", "yes"),
    _same("deny", "no"),
    _same("cancel_close_leave_freeze", *_CANCEL),
    _same("change", *_MOVE),
    # Theirs is said of whatever concerns a booking: making, changing, asking after one.
    _same("booking", "book", "visits", "move", "cancel_visit", "absent"),
    _same("handoff", "person"),
    _same("when", "visits", "hours"),
    _same("where", "address"),
    _same("greet", "greeting"),
    _same("thank", "thanks"),
    _same("end_call", "goodbye"),
    _same("repeat", "repeat"),
    Label("why", ("why",)),
    Label("how_much", ("price",)),
)

# One label a message: the first that fits, so the most particular stand first.
CLINC = (
    _same("cancel_reservation", "cancel_visit", "absent"),
    _same("confirm_reservation", "visits"),
    _same("change_language", "language"),
    _same("repeat", "repeat"),
    _same("thank_you", "thanks"),
    _same("goodbye", "goodbye"),
    _same("cancel", "cancel", "stop"),
    _same("what_can_i_ask_you", "help"),
    _same("no", "no"),
    _same("yes", "yes"),
    _same("maybe", "maybe"),  # nothing of ours says so yet
    _same("greeting", "greeting"),
    Label("insurance", ("insurance",)),
    Label("are_you_a_bot", ("person",)),
)
HWU = (
    Label("alarm_remove", _CANCEL, about=_ALARM),
    Label("alarm_query", ("visits",), about=_ALARM),
    Label("alarm_set", ("book",), about=_ALARM),
    Label("calendar_remove", ("cancel_visit", "absent")),
    Label("calendar_query", ("visits",)),
    _same("general_repeat", "repeat"),
    _same("general_commandstop", "cancel", "stop"),
    _same("general_negate", "no"),
    _same("general_affirm", "yes"),
    Label("calendar_set", ("book",)),
    Label("general_praise", ("thanks",)),
)
XSID = (
    Label("alarm/cancel_alarm", _CANCEL, "cancel", _ALARM),
    Label("reminder/cancel_reminder", _CANCEL, "cancel", _REMINDER),
    Label("alarm/show_alarms", ("visits",), "show", _ALARM),
    Label("reminder/show_reminders", ("visits",), "show", _REMINDER),
    Label("alarm/set_alarm", ("book",), "set", _ALARM),
    Label("reminder/set_reminder", ("book",), "set", _REMINDER),
    Label("BookRestaurant", ("book",)),
)

LABELS: dict[str, tuple[Label, ...]] = {"nlu++": NLUPP, "clinc150": CLINC, "hwu64": HWU, "xsid": XSID}
"""By the source that a row names."""

NOUNS = {
    "xsid": {"alarms": "appointments", "alarm": "appointment", "reminders": "appointments", "reminder": "appointment"}
}
"""What is set, shown and cancelled there is no business of a desk: it is heard with the desk's own noun in its place."""

TIME_SLOTS = {
    "hwu64": frozenset({"date", "time", "timeofday", "general_frequency"}),
    "xsid": frozenset({"datetime", "recurring_datetime"}),
    "nlu++": frozenset({"date", "date_from", "date_to", "date_period", "time", "time_from", "time_to", "time_period"}),
    "restaurant8k": frozenset({"date", "time"}),
}
"""Their slots that hold a time. A row of these sources without any has none; CLINC150 does not label its times."""

ASKED = {"first_name": "name", "last_name": "name", "ask_name": "name"}
"""What the assistant had asked for, as `frontdesk understand` takes it."""

BEFORE_A_TIME = frozenset(
    {
        "at", "@", "on", "for", "from", "by", "around", "about", "before", "after", "until", "till", "the", "a",
        "make", "it", "any", "time", "anytime", "later", "earlier", "than",
    }
)  # fmt: skip
AFTER_A_TIME = frozenset({"ish", "at", "on", "for", ","})
"""Words of ours before and after a time which their annotators left out."""

SENT_AT = {"restaurant8k": "2018-01-01T09:00:00"}
"""When the messages of a source were sent that does not say it: the year of the days which they name in full."""

POINTS_ONLY = frozenset({"restaurant8k"})
"""Where an evening or a lunch is no time."""

NOT_ITSELF = frozenset({"before", "earlier", "prior", "sooner", "ahead", "after", "later"})
"""A range that begins with such a word leaves out the day that it names."""

SPECIALTIES = {
    "doctor": {
        "primary_care": "General Practitioner",
        "dermatology": "Dermatologist",
        "obgyn": "Gynecologist",
        "ophthalmology": "Ophthalmologist",
        "ent": "ENT Specialist",
    },
    "therapist": {
        "psychology": "Psychologist",
        "psychiatry": "Psychiatrist",
        "family_counselor": "Family Counselor",
    },
}
"""By their domain, which for dentists and hair stylists has no such slot."""

QUESTIONS = {
    "address": "address",
    "doctor": "average_rating",
    "price": "",
    "hours": "",
    "insurance": "",
    "language": "",
}
"""Our intents that ask for something, and the slot that theirs would be asking for, where they have it."""


def of_message(source: str, said: frozenset[str], text: str) -> list[str]:
    """All labels of a source that fit, the most particular first."""
    return [label.name for label in LABELS.get(source, ()) if label.fits(said, text.lower())]


def measured(source: str, names: Sequence[str]) -> set[str]:
    """Under which names their labels count in the mean."""
    return {label.measured for label in LABELS.get(source, ()) if label.name in names and label.measured}
