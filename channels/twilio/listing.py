"""A reply as something to choose from: what a choice is called, and what more there is to say of it."""

from typing import NamedTuple

from bot.messages import Choice, Payload, Say, by_digit
from bot.texts import say, say_all
from core.scheduling.directory import Directory


class Item(NamedTuple):
    """Something to choose; `token` is `prompt.number`."""

    token: str
    label: str
    description: str = ""


class Listed(NamedTuple):
    """A reply, ready for people's eyes."""

    text: str
    items: tuple[Item, ...] = ()


def listed(payload: Payload, directory: Directory) -> Listed:
    """Text, and an item for each choice; of times the doctor and the place stand below. A person is always a word away."""
    text = say_all(payload.reply.says, payload.language, directory)
    shown = [(number, choice) for number, choice in by_digit(payload.reply.choices).items() if choice.kind != "person"]
    items = tuple(Item(f"{payload.token}.{number}", *_worded(choice, payload, directory)) for number, choice in shown)
    return Listed(text, items)


def _worded(choice: Choice, payload: Payload, directory: Directory) -> tuple[str, str]:
    label = choice.label
    if not label.key.startswith("choice.slot_"):
        return say(label, payload.language, directory), ""
    beside = [str(label.values[name]) for name in ("doctor", "place") if name in label.key]
    return say(Say("choice.slot", label.values), payload.language, directory), ", ".join(beside)
