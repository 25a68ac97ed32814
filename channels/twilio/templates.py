"""What may be written first on WhatsApp: messages that Meta has approved, as Twilio's Content API takes them. Pure.

They name no specialty, no doctor and no reason: others may see the screen.
"""

from datetime import date, datetime
from typing import Any, NamedTuple

from bot import texts
from bot.messages import Day, Moment, NoticeKind, Payload, Price, Say, Value
from core.scheduling.directory import Directory


class Template(NamedTuple):
    """A text by its key, the names of what is put into it as {{1}}, {{2}}, …, and the keys of its buttons.

    The token of the prompt is the last variable. A button's id is `token.number`, as on all channels: the choices of the
    prompt stand in the order of the buttons.
    """

    key: str
    variables: tuple[str, ...]
    buttons: tuple[str, ...]


TEMPLATES: dict[NoticeKind, Template] = {
    "reminder": Template(
        "whatsapp.template.reminder",
        ("patient", "when", "place"),
        ("whatsapp.template.button.confirm", "whatsapp.template.button.move", "whatsapp.template.button.cancel"),
    ),
    "visit_moved": Template(
        "whatsapp.template.visit_moved",
        ("patient", "was", "when", "place"),
        ("whatsapp.template.button.suits", "whatsapp.template.button.other_time", "whatsapp.template.button.cancel"),
    ),
    "visit_cancelled": Template(
        "whatsapp.template.visit_cancelled", ("patient", "when"), ("whatsapp.template.button.other_time",)
    ),
    "waiting_list": Template(
        "whatsapp.template.waiting_list",
        ("patient", "when", "place"),
        ("whatsapp.template.button.take", "whatsapp.template.button.leave"),
    ),
    "agenda": Template("whatsapp.template.agenda", ("day",), ("whatsapp.template.button.agenda",)),
    "bill": Template("whatsapp.template.bill", ("patient", "day", "price"), ("whatsapp.template.button.bill",)),
    "feedback": Template(
        "whatsapp.template.feedback",
        ("day",),
        ("whatsapp.template.button.good", "whatsapp.template.button.fair", "whatsapp.template.button.bad"),
    ),
    "message": Template("whatsapp.template.message", (), ("whatsapp.template.button.read",)),
}

SAMPLES: dict[str, Value] = {
    "patient": "Ben",
    "was": Moment(datetime.fromisoformat("2026-03-09T15:00")),
    "when": Moment(datetime.fromisoformat("2026-03-10T09:20")),
    "day": Day(date(2026, 3, 10)),
    "place": "12 Commercial Street",
    "price": Price(11_000, "USD"),
}
"""What Meta is shown in place of each variable; it approves nothing without."""

SAMPLE_TOKEN = "mq3vXk9Q2wE"  # noqa: S105 - of no prompt


def friendly_name(kind: NoticeKind, language: str) -> str:
    """By what a template is found again at Twilio."""
    return f"frontdesk_{kind}_{language.replace('-', '_').lower()}"


def content(kind: NoticeKind, language: str, directory: Directory) -> dict[str, Any]:
    """The template as the Content API takes it, with the clinic's name in it."""
    template = TEMPLATES[kind]
    holes: dict[str, Value] = {name: _hole(number) for number, name in enumerate(template.variables, 1)}
    samples = [texts.word(SAMPLES[name], language, directory) for name in template.variables]
    token = _hole(len(samples) + 1)
    return {
        "friendly_name": friendly_name(kind, language),
        "language": language,
        "variables": {str(number): sample for number, sample in enumerate([*samples, SAMPLE_TOKEN], 1)},
        "types": {
            "twilio/quick-reply": {
                "body": texts.say(Say(template.key, holes), language, directory),
                "actions": [
                    {
                        "type": "QUICK_REPLY",
                        "title": texts.say(Say(label), language, directory),
                        "id": f"{token}.{number}",
                    }
                    for number, label in enumerate(template.buttons, 1)
                ],
            }
        },
    }


def filled(payload: Payload, directory: Directory) -> tuple[str, dict[str, str]]:
    """A notice as its template says it: the whole text, and the template's variables. It has a token, and as many choices as buttons."""
    assert payload.notice is not None
    assert payload.token is not None
    template = TEMPLATES[payload.notice]
    values = payload.reply.says[0].values
    worded = [texts.word(values[name], payload.language, directory) for name in template.variables]
    text = texts.say(Say(template.key, dict(zip(template.variables, worded, strict=True))), payload.language, directory)
    return text, {str(number): value for number, value in enumerate([*worded, payload.token], 1)}


def _hole(number: int) -> str:
    """A variable, as Twilio writes it."""
    return f"{{{{{number}}}}}"
