"""What a reply looks like: text with buttons, or text with numbered choices."""

from typing import NamedTuple

from bot.messages import Choice, Payload, Say, by_digit
from bot.texts import say, say_all
from core.scheduling.directory import Directory

BUTTONS = "web"
NUMBERS = "sms"


class Button(NamedTuple):
    """Something to tap; `token` is `prompt.number`."""

    token: str
    label: str
    kind: str = "option"  # of its choice


class Rendered(NamedTuple):
    """A reply, ready for people's eyes."""

    text: str
    buttons: tuple[Button, ...] = ()
    number_label: str | None = None  # of a button that shares the person's own number, where there are such


def with_buttons(payload: Payload, directory: Directory) -> Rendered:
    """Text, and a button for each choice. A person is always a word away, so there is no button for that."""
    text = say_all(payload.reply.says, payload.language, directory)
    shown = [(number, choice) for number, choice in by_digit(payload.reply.choices).items() if choice.kind != "person"]
    buttons = tuple(
        Button(f"{payload.token}.{number}", _label(choice, payload, directory), choice.kind) for number, choice in shown
    )
    asks_number = payload.reply.asks_number
    return Rendered(
        text, buttons, say(Say("choice.share_number"), payload.language, directory) if asks_number else None
    )


# An SMS in the GSM alphabet holds 160 characters, with one sign outside of it 70.
_GSM = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "…": "...", "•": "-"})


def with_numbers(payload: Payload, directory: Directory) -> Rendered:
    """Text alone, each choice on a line with the digit that answers it; typographic signs as an SMS can have them."""
    text = say_all(payload.reply.says, payload.language, directory)
    by_word = [choice for choice in payload.reply.choices if choice.kind != "back"]
    numbered = sorted(by_digit(by_word).items(), key=lambda item: (item[0] == 0, item[0]))
    lines = [f"{number} {_label(choice, payload, directory)}" for number, choice in numbered]
    return Rendered("\n".join([text, *lines]).translate(_GSM))


def _label(choice: Choice, payload: Payload, directory: Directory) -> str:
    return say(choice.label, payload.language, directory)


RENDER = {BUTTONS: with_buttons, NUMBERS: with_numbers}
