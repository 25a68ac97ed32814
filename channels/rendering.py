"""What a reply looks like: text with buttons, or text with numbered choices."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from bot.messages import Choice, Day, Moment, Payload, Pick, Say, by_digit
from bot.texts import say, say_all
from channels.twilio.gsm import as_gsm
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


def with_numbers(payload: Payload, directory: Directory) -> Rendered:
    """Text alone, in the wording and the alphabet of SMS: each choice on a line with the digit that answers it."""
    choices = [choice for choice in payload.reply.choices if choice.kind != "back"]  # one says "back"
    day = _common_day([choice for choice in choices if choice.kind == "option"])
    says = [*payload.reply.says, *([] if day is None else [Say("part.day", {"day": day})])]
    lines = [say(said, payload.language, directory, NUMBERS) for said in says]
    for number, choice in sorted(by_digit(choices).items(), key=lambda item: (item[0] == 0, item[0])):
        label = choice.label if day is None or choice.kind != "option" else _at_its_time(choice.label)
        lines.append(f"{number} {say(label, payload.language, directory, NUMBERS)}")
    return Rendered(as_gsm("\n".join(lines)))


def _common_day(options: Sequence[Choice]) -> Day | None:
    """The day that several times have in common, so that it is said once; None where a zone has to be said with each of them."""
    times = [option.label.values.get("when") for option in options if isinstance(option.action, Pick)]
    moments = [time for time in times if isinstance(time, Moment) and time.zone is None]
    days = {moment.local.date() for moment in moments}
    return Day(days.pop()) if len(moments) == len(options) > 1 and len(days) == 1 else None


def _at_its_time(label: Say) -> Say:
    return Say(label.key, label.values | {"when": Say("part.time", {"when": label.values["when"]})})


def _label(choice: Choice, payload: Payload, directory: Directory) -> str:
    return say(choice.label, payload.language, directory)


RENDER = {BUTTONS: with_buttons, NUMBERS: with_numbers}


# --- texts that are too long for one message ----------------------------------------------------------------------------

_ENDS = (r"\n\n", r"\n", r"(?<=[.!?…])\s", r"\s", r"")
"""Where a text may be cut, the best place first."""


def parts(text: str, longest: int) -> list[str]:
    """A text in pieces that fit, cut between paragraphs, sentences or words where that can be. At least one piece."""
    pieces = []
    while _length(text) > longest:
        cut = _cut(text, longest)
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [*pieces, text]


def _cut(text: str, longest: int) -> int:
    """The last good place within the first `longest` units, and not so early that the piece would be a scrap."""
    fitting = _fitting(text, longest)
    for end in _ENDS:
        places = [found.end() for found in re.finditer(end, text[:fitting]) if found.end() > fitting // 2]
        if places:
            return places[-1]
    return fitting


def _length(text: str) -> int:
    """In UTF-16. Telegram counts so (https://core.telegram.org/api/entities#entity-length); for Twilio it is on the safe side."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _fitting(text: str, longest: int) -> int:
    """How many characters of `text` fit."""
    fitting = min(len(text), longest)
    while _length(text[:fitting]) > longest:
        fitting -= max(1, (_length(text[:fitting]) - longest) // 2)
    return fitting
