"""Chats as text that anybody can read and write: the specification of the talk.

    # Two patients want the same time.
    clock:   2026-03-09 08:55
    channel: sms
    as:      +12075550101
    patient: 2
    clinic:  That time has just been taken.
             1 Mon, Mar 9, 9:30 AM
    staff:   say Good morning, this is Sam.
    clinic:  Sam: Good morning, this is Sam.

`texts` are the countries that the clinic sends SMS to, where it sends any. `remind: on` lets it remind people here of their visits. `staff` is what a person at the front desk types about this conversation. `clock` is the clinic's local time; `as` says who writes from here on. Longer messages go on in indented lines.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.config import parse_countries
from frontdesk.terminal import Answer

Word = Literal["clock", "texts", "remind", "channel", "as", "patient", "staff", "clinic", "#", ""]

_WORDS: tuple[Word, ...] = ("clock", "texts", "remind", "channel", "as", "patient", "staff", "clinic")
_INDENT = 9


@dataclass(frozen=True)
class Line:
    """One entry of a transcript; comments and empty lines are kept as they are."""

    word: Word
    text: str


def parse(text: str) -> list[Line]:
    """A transcript's entries. Raises ValueError for a line that is none."""
    lines: list[Line] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        word, colon, rest = raw.partition(":")
        if raw.startswith("#"):
            lines.append(Line("#", raw))
        elif colon and word in _WORDS:
            lines.append(Line(word, rest.strip()))
        elif raw.startswith(" ") and lines:
            lines[-1] = Line(lines[-1].word, f"{lines[-1].text}\n{raw.strip()}")
        elif not raw.strip():
            if lines and lines[-1].word in ("clinic", "patient") and _goes_on(text, number):
                lines[-1] = Line(lines[-1].word, lines[-1].text + "\n")
            else:
                lines.append(Line("", ""))
        else:
            raise ValueError(f"line {number} is no entry of a transcript: {raw!r}")
    return lines


def _goes_on(text: str, number: int) -> bool:
    """Whether an empty line lies within a message."""
    following = text.splitlines()[number:]
    return bool(following) and following[0].startswith(" ")


def format_(lines: Iterable[Line]) -> str:
    """Entries as text; the opposite of `parse`."""
    return "".join(f"{_formatted(line)}\n" for line in lines)


def _formatted(line: Line) -> str:
    if line.word in ("#", ""):
        return line.text
    first, *more = line.text.split("\n")
    head = f"{line.word}:".ljust(_INDENT) + first
    return "\n".join([head.rstrip(), *(" " * _INDENT + each if each else "" for each in more)])


def shown(answer: Answer) -> str:
    """A message of the clinic with its buttons, as a transcript writes it."""
    text, buttons, *_ = answer.rendered
    return "\n".join([text, " ".join(f"[{button.label}]" for button in buttons)]) if buttons else text


@dataclass(frozen=True)
class Stage:
    """Where a transcript is played: how to set the clock, and how to let somebody say something. What is said unasked comes as time passes."""

    set_clock: Callable[[datetime], None]
    set_texts: Callable[[tuple[str, ...]], None]
    set_reminders: Callable[[bool], None]
    unasked: Callable[[str, str], list[Answer]]  # channel, address
    say: Callable[[str, str, str], list[Answer]]  # channel, address, text
    staff: Callable[[str, str, str], list[Answer]]  # the same: somebody at the front desk, about that conversation


def play(lines: Iterable[Line], stage: Stage) -> Iterator[Line]:
    """The same transcript with what the clinic says now, in the place of what it said when it was written."""
    channel, address = "web", "guest"
    for line in lines:
        if line.word == "clinic":
            continue
        yield line
        match line.word:
            case "clock":
                stage.set_clock(datetime.fromisoformat(line.text))
                yield from map(_of_clinic, stage.unasked(channel, address))
            case "texts":
                stage.set_texts(parse_countries(line.text))
            case "remind":
                stage.set_reminders(line.text == "on")
            case "channel":
                channel = line.text
            case "as":
                address = line.text
            case "patient" | "staff":
                act = stage.say if line.word == "patient" else stage.staff
                yield from map(_of_clinic, act(channel, address, line.text))


def _of_clinic(answer: Answer) -> Line:
    return Line("clinic", shown(answer))
