"""What fits into a message of Telegram, and how its buttons stand."""

import re
from collections.abc import Sequence

from channels.rendering import Button

LONGEST_TEXT = 4096  # https://core.telegram.org/bots/api#sendmessage
LONGEST_NOTE = 200  # https://core.telegram.org/bots/api#answercallbackquery
LONGEST_LABEL = 64  # characters; of more than that no phone shows the rest
NARROW = 22  # characters of a label that a phone shows whole beside another one

_ENDS = (r"\n\n", r"\n", r"(?<=[.!?…])\s", r"\s", r"")
"""Where a text may be cut, the best place first."""


def parts(text: str, longest: int = LONGEST_TEXT) -> list[str]:
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
    """In UTF-16, as Telegram counts: https://core.telegram.org/api/entities#entity-length"""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _fitting(text: str, longest: int) -> int:
    """How many characters of `text` fit."""
    fitting = min(len(text), longest)
    while _length(text[:fitting]) > longest:
        fitting -= max(1, (_length(text[:fitting]) - longest) // 2)
    return fitting


def label(text: str) -> str:
    """What stands on a button."""
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1].rstrip()}…"


def rows(buttons: Sequence[Button]) -> list[list[Button]]:
    """Options in two columns where their labels are short; below them in one row the ways on: more, another day, back."""
    options = [button for button in buttons if button.kind == "option"]
    ways = [button for button in buttons if button.kind != "option"]
    columns = 2 if all(len(button.label) <= NARROW for button in options) else 1
    return [options[n : n + columns] for n in range(0, len(options), columns)] + ([ways] if ways else [])
