"""What their labels are in our words: tables, and nothing of it is known to the product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.understanding.meaning import Guessed


@dataclass(frozen=True)
class Label:
    """One of their intents, and what we say for it: any of `signs`, where the text holds one of the words `about`, if any.

    `measured` is the name under which it counts in the mean; labels of one name count as one, and without a name not at all.
    """

    name: str
    signs: tuple[str, ...]
    measured: str = ""
    about: tuple[str, ...] = ()
    domain: str = ""  # where alone theirs is said

    def confidence(self, said: Mapping[str, float], text: str, domain: str) -> float:
        """How sure it is that a message has this label, of which all of `said` is heard."""
        is_about = not self.about or any(word in text for word in self.about)
        is_about &= not self.domain or self.domain == domain
        return max((said.get(sign, 0.0) for sign in self.signs), default=0.0) if is_about else 0.0


def _same(name: str, *signs: str) -> Label:
    return Label(name, signs, measured=name)


_MOVE = ("move", "move_it", "change")
_CANCEL = ("cancel", "cancel_visit", "absent")
_ALARM, _REMINDER = ("alarm", "wake"), ("remind",)

# Signs are our intents, and "yes" and "no". Several labels a message: all that fit.
NLUPP = (
    _same("affirm", "yes"),
    _same("deny", "no"),
    _same("cancel_close_leave_freeze", "end", *_CANCEL),
    _same("change", *_MOVE),
    # Theirs are said of whatever concerns a visit: making, changing, asking after one.
    Label(
        "booking", ("visit", "book", "visits", "move", "cancel_visit", "absent", "confirm"), "booking", domain="hotels"
    ),
    Label("appointment", ("book", "visits", "move", "cancel_visit", "absent", "confirm"), domain="banking"),
    _same("handoff", "person"),
    _same("when", "when"),
    Label("when", ("visits", "hours", "policy"), "when", about=("when", "what time")),
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
    Label("calendar_update", ("cancel_visit", "end"), about=("calendar", "event")),
    _same("cancel_reservation", "cancel_visit", "absent"),
    _same("confirm_reservation", "confirm"),
    _same("change_language", "change_language", "language"),
    _same("repeat", "repeat"),
    _same("goodbye", "goodbye"),
    _same("thank_you", "thanks", "praise"),
    _same("cancel", "cancel", "stop", "undo"),
    _same("what_can_i_ask_you", "help"),
    _same("no", "no"),
    _same("yes", "yes"),
    _same("maybe", "maybe"),
    Label("restaurant_reservation", ("book",)),
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
    Label("general_explain", ("explain",)),
    Label("general_confirm", ("confirm",)),
    Label("general_dontcare", ("any", "maybe")),
    _same("general_repeat", "repeat"),
    _same("general_commandstop", "cancel", "stop"),
    _same("general_negate", "no"),
    _same("general_affirm", "yes"),
    Label("general_praise", ("praise", "thanks")),
    Label("calendar_set", ("book",)),
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
        "make", "it", "any", "time", "please", "anytime", "later", "earlier", "than",
    }
)  # fmt: skip
AFTER_A_TIME = frozenset({"ish", "at", "on", "the", "for", ","})
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
    "phone": "phone_number",
    "rating": "average_rating",
    "services": "",
    "doctor": "",
    "price": "",
    "hours": "",
    "insurance": "",
    "language": "",
}
"""Our intents that ask for something, and the slot that theirs would be asking for, where they have it."""


def of_message(source: str, said: Mapping[str, float], text: str, domain: str = "") -> list[str]:
    """All labels of a source that fit, the surest first; of those that are equally sure, the most particular."""
    sure: dict[str, float] = {}
    for label in LABELS.get(source, ()):  # two lines of one name are one label
        sure[label.name] = max(sure.get(label.name, 0.0), label.confidence(said, text.lower(), domain))
    return sorted((name for name in sure if sure[name]), key=lambda name: -sure[name])


def measured(source: str, names: Sequence[str]) -> set[str]:
    """Under which names their labels count in the mean."""
    return {label.measured for label in LABELS.get(source, ()) if label.name in names and label.measured}


# --- what guesses are learned from (`tests.nlu.train`) ---------------------------------------------------------------


@dataclass(frozen=True)
class Taught:
    """Which labels of a source mean a guess, and which say nothing of it; all its other labels say that it is not meant."""

    labels: frozenset[str]
    open: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()  # meant only where one of these labels stands beside it


def _taught(names: str, open: str = "", beside: str = "") -> Taught:
    return Taught(*(frozenset(text.split()) for text in (names, open, beside)))


TAUGHT_BY = {"clinc150": "messages_clinc", "hwu64": "messages_hwu", "nlu++": "messages_nlupp"}
"""The sources whose licence (CC BY) lets others learn from them, and their files. SGD and xSID are not among them."""

_VISIT = "booking appointment"
TAUGHT: dict[Guessed, dict[str, Taught]] = {
    "yes": {
        "clinc150": _taught("yes"),
        "hwu64": _taught("general_affirm", open="general_praise"),
        "nlu++": _taught("affirm", open="acknowledge"),
    },
    "no": {"clinc150": _taught("no"), "hwu64": _taught("general_negate"), "nlu++": _taught("deny")},
    "maybe": {
        "clinc150": _taught("maybe"),
        "hwu64": _taught("", open="general_dontcare"),
        "nlu++": _taught("", open="dont_know"),
    },
    "any": {
        "clinc150": _taught("", open="maybe"),
        "hwu64": _taught("general_dontcare"),
        "nlu++": _taught("", open="dont_know"),
    },
    "stop": {
        "clinc150": _taught("cancel"),
        "hwu64": _taught("general_commandstop"),
        "nlu++": _taught("", open="cancel_close_leave_freeze end_call deny"),
    },
    "end": {
        "clinc150": _taught("cancel_reservation", open="cancel calendar_update"),
        "hwu64": _taught("calendar_remove alarm_remove", open="general_commandstop"),
        "nlu++": _taught("cancel_close_leave_freeze"),
    },
    "cancel_visit": {
        "clinc150": _taught("cancel_reservation", open="calendar_update"),
        "hwu64": _taught("calendar_remove alarm_remove"),
        "nlu++": _taught("cancel_close_leave_freeze", beside=_VISIT),
    },
    "change": {
        "clinc150": _taught(
            "insurance_change",
            open="calendar_update reminder_update change_user_name change_language cancel_reservation",
        ),
        "nlu++": _taught("change"),
    },
    "book": {
        "clinc150": _taught(
            "restaurant_reservation schedule_meeting",
            open="book_hotel book_flight schedule_maintenance accept_reservations calendar_update reminder_update reminder",
        ),
        "hwu64": _taught("calendar_set alarm_set"),
        "nlu++": _taught(
            _VISIT, open="existing change cancel_close_leave_freeze check_in check_out when restaurant spa"
        ),
    },
    "visit": {
        "clinc150": _taught("cancel_reservation confirm_reservation restaurant_reservation", open="book_hotel"),
        "nlu++": _taught(_VISIT),
    },
    "visits": {
        "clinc150": _taught("calendar meeting_schedule", open="confirm_reservation reminder next_holiday"),
        "hwu64": _taught("calendar_query alarm_query"),
        "nlu++": _taught("", open=f"existing when {_VISIT}"),
    },
    "confirm": {
        "clinc150": _taught("confirm_reservation"),
        "hwu64": _taught("general_confirm", open="calendar_query"),
        "nlu++": _taught("", open=_VISIT),
    },
    "when": {"nlu++": _taught("when")},
    "person": {"nlu++": _taught("handoff"), "clinc150": _taught("", open="are_you_a_bot make_call")},
    "repeat": {"clinc150": _taught("repeat"), "hwu64": _taught("general_repeat"), "nlu++": _taught("repeat")},
    "explain": {"clinc150": _taught("", open="repeat"), "hwu64": _taught("general_explain")},
    "help": {
        "clinc150": _taught("what_can_i_ask_you"),
        "hwu64": _taught("", open="general_quirky"),
        "nlu++": _taught("", open="request_info how"),
    },
    "change_language": {"clinc150": _taught("change_language"), "nlu++": _taught("")},
    "greeting": {"clinc150": _taught("greeting"), "nlu++": _taught("greet")},
    "thanks": {
        "clinc150": _taught("thank_you"),
        "hwu64": _taught("", open="general_praise general_affirm"),
        "nlu++": _taught("thank"),
    },
    "praise": {"clinc150": _taught("", open="thank_you"), "hwu64": _taught("general_praise", open="general_affirm")},
    "goodbye": {"clinc150": _taught("goodbye"), "nlu++": _taught("end_call")},
}

ABOUT_VISITS = frozenset({"cancel_visit", "book", "visits", "confirm"})
"""Guesses of which the examples speak of other things that are set, shown and cancelled; each is heard a second time, of a visit."""

LIKE_A_VISIT = dict.fromkeys(
    ("alarm", "reminder", "event", "meeting", "reservation", "booking", "table"), "appointment"
) | dict.fromkeys(("alarms", "reminders", "events", "meetings", "reservations", "bookings", "calendar"), "appointments")


def taught(source: str, row: dict[str, Any]) -> tuple[frozenset[str], frozenset[str]]:
    """Which guesses are right of a row, and which are wrong; of those in neither it says nothing."""
    theirs = frozenset(row["intents"] or () if "intents" in row else [row["intent"]])
    told = {what: sources[source] for what, sources in TAUGHT.items() if source in sources}
    unsaid = {what for what, one in told.items() if theirs & one.open}
    right = {what for what, one in told.items() if theirs & one.labels and (not one.beside or theirs & one.beside)}
    return frozenset(right - unsaid), frozenset(told) - right - unsaid
