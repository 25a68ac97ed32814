"""What fits into a message of Telegram, and how its buttons stand."""

from collections.abc import Sequence

from channels.rendering import Button

LONGEST_TEXT = 4096  # https://core.telegram.org/bots/api#sendmessage
LONGEST_NOTE = 200  # https://core.telegram.org/bots/api#answercallbackquery
LONGEST_LABEL = 64  # characters; of more than that no phone shows the rest
NARROW = 22  # characters of a label that a phone shows whole beside another one


def label(text: str) -> str:
    """What stands on a button."""
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1].rstrip()}…"


def rows(buttons: Sequence[Button]) -> list[list[Button]]:
    """Options in two columns where their labels are short; below them in one row the ways on: more, another day, back."""
    options = [button for button in buttons if button.kind == "option"]
    ways = [button for button in buttons if button.kind != "option"]
    columns = 2 if all(len(button.label) <= NARROW for button in options) else 1
    return [options[n : n + columns] for n in range(0, len(options), columns)] + ([ways] if ways else [])
