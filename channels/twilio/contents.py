"""What WhatsApp shows: a few buttons, a list to choose from, or text; within its limits, as Twilio's Content API takes them.

https://www.twilio.com/docs/content/twilio-quick-reply and https://www.twilio.com/docs/content/twilio-list-picker
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from channels.twilio.listing import Item

MOST_BUTTONS, LONGEST_TITLE = 3, 20
MOST_ITEMS, LONGEST_ITEM, LONGEST_DESCRIPTION = 10, 24, 72
LONGEST_BODY = 1024  # of a message with something to choose


class Shape(NamedTuple):
    """A content that any message with so many choices can use: its name, its types for the Content API, and a sample of its variables."""

    name: str
    types: dict[str, Any]
    variables: dict[str, str]


def shape(items: Sequence[Item]) -> Shape:
    """Buttons where they are few and short, otherwise a list."""
    are_buttons = len(items) <= MOST_BUTTONS and all(len(item.label) <= LONGEST_TITLE for item in items)
    if are_buttons:
        return _buttons(len(items))
    rows = [_fitted(item) for item in items[:MOST_ITEMS]]
    return _list(len(rows), described=len([*takewhile(lambda row: row[1], rows)]))


def values(text: str, items: Sequence[Item], opens: str) -> dict[str, str]:
    """The variables of a shape: the text, what opens a list, and of each choice label, id and description; none is empty."""
    filled = {"1": text, "2": opens}
    for number, item in enumerate(items[:MOST_ITEMS]):
        label, description = _fitted(item)
        filled |= dict(zip(_names(number), (label, item.token, description), strict=True))
    return {name: value for name, value in filled.items() if value}


def _fitted(item: Item) -> tuple[str, str]:
    """Label and description; what is too long for a label begins there and stands whole below."""
    if len(item.label) <= LONGEST_ITEM:
        return item.label, _cut(item.description, LONGEST_DESCRIPTION)
    whole = ", ".join(filter(None, [item.label, item.description]))
    return _cut(item.label, LONGEST_ITEM), _cut(whole, LONGEST_DESCRIPTION)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def _names(number: int) -> tuple[str, str, str]:
    """Of the variables for the label, the id and the description of a choice."""
    first = 3 + 3 * number
    return str(first), str(first + 1), str(first + 2)


def _buttons(count: int) -> Shape:
    names = [_names(number)[:2] for number in range(count)]
    actions = [{"type": "QUICK_REPLY", "title": _variable(title), "id": _variable(id)} for title, id in names]
    return Shape(
        f"frontdesk_buttons_{count}", {"twilio/quick-reply": {"body": "{{1}}", "actions": actions}}, _sample(names)
    )


def _list(count: int, described: int) -> Shape:
    """The first so many items have a description: one that is there may not be empty."""
    names = [_names(number)[: 3 if number < described else 2] for number in range(count)]
    items = [dict(zip(("item", "id", "description"), map(_variable, each), strict=False)) for each in names]
    types = {"twilio/list-picker": {"body": "{{1}}", "button": "{{2}}", "items": items}}
    return Shape(f"frontdesk_list_{count}_{described}", types, _sample(names))


def _variable(name: str) -> str:
    return f"{{{{{name}}}}}"


def _sample(names: Sequence[tuple[str, ...]]) -> dict[str, str]:
    return {"1": "Free times", "2": "Choose"} | {name: name for each in names for name in each}
