"""Templates: what the Content API takes, what Meta approves, and what a person gets to see. Pure functions."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.fakes.twilio.refusals import invalid
from tests.fakes.twilio.state import Content, Json, Rendered

VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
ADJACENT = re.compile(r"\}\}\s*\{\{")
NAME = re.compile(r"[a-z0-9_]{1,512}")
CATEGORIES = frozenset({"UTILITY", "MARKETING", "AUTHENTICATION"})
LONGEST_BODY, LONGEST_TITLE, LONGEST_ID = 1024, 20, 256
LONGEST_ITEM, LONGEST_ITEM_ID, LONGEST_DESCRIPTION = 24, 200, 72
MOST_BUTTONS, MOST_WITHOUT_APPROVAL, MOST_ITEMS = 10, 3, 10
TEXT, BUTTONS, LIST = "twilio/text", "twilio/quick-reply", "twilio/list-picker"
KNOWN = frozenset({TEXT, BUTTONS, LIST})
CONTENT_REFUSED, NOT_FOR_SMS = 63021, 63005


def check(given: Json) -> None:
    """Refuses what no template can be."""
    types = given.get("types")
    if not isinstance(types, dict) or not types or not KNOWN.issuperset(types):
        raise invalid(f"types must be some of {sorted(KNOWN)}")
    if not given.get("language"):
        raise invalid("language is required")
    for trouble in _troubles(types):
        raise invalid(trouble)


def _troubles(types: Json) -> Iterator[str]:
    """What Twilio's pages on content types forbid [D]; lengths of variables are known only when they are filled in."""
    for name, content in types.items():
        if not content.get("body"):
            yield f"{name}: body is required"
    buttons, items = types.get(BUTTONS, {}), types.get(LIST, {})
    if buttons:
        yield from _trouble_with_buttons(buttons.get("actions") or [])
    if items:
        yield from _trouble_with_items(items)


def _trouble_with_buttons(actions: list[Json]) -> Iterator[str]:
    titles = [str(action.get("title") or "") for action in actions]
    if not 1 <= len(actions) <= MOST_BUTTONS:
        yield f"a quick reply has 1 to {MOST_BUTTONS} buttons"
    if not all(titles) or len(set(titles)) != len(titles):
        yield "titles of buttons must be unique and not empty"
    if any(len(title) > LONGEST_TITLE for title in titles if not VARIABLE.search(title)):
        yield f"titles of buttons have up to {LONGEST_TITLE} characters"
    if any(len(str(action.get("id") or "")) > LONGEST_ID for action in actions):
        yield f"ids of buttons have up to {LONGEST_ID} characters"


def _trouble_with_items(content: Json) -> Iterator[str]:
    items = content.get("items") or []
    if not content.get("button"):
        yield "a list has a button"
    if not 1 <= len(items) <= MOST_ITEMS:
        yield f"a list has 1 to {MOST_ITEMS} items"
    if not all(item.get("item") and item.get("id") for item in items):
        yield "an item has a text and an id"
    if any(_too_long(item) for item in items):
        yield f"an item has {LONGEST_ITEM} characters, its id {LONGEST_ITEM_ID}, its description {LONGEST_DESCRIPTION}"


def _too_long(item: Json) -> bool:
    longest = {"item": LONGEST_ITEM, "id": LONGEST_ITEM_ID, "description": LONGEST_DESCRIPTION}
    texts = {name: str(item.get(name) or "") for name in longest}
    return any(len(texts[name]) > most and not VARIABLE.search(texts[name]) for name, most in longest.items())


def rejection(content: Content) -> str:
    """Why Meta does not approve it; empty when it does [D]."""
    for of_type in content.types.values():
        body = of_type["body"].strip()
        found = VARIABLE.findall(body)
        if body.startswith("{{") or body.endswith("}}"):
            return "Variables can't be at the start or end of the template"
        if ADJACENT.search(body):
            return "Variables can't be next to each other"
        if not all(content.variables.get(name) for name in found):
            return "Each variable needs a sample"
    return ""


def check_request(content: Content, name: str, category: str) -> None:
    """Refuses to submit what cannot be approved."""
    if LIST in content.types:
        raise invalid("twilio/list-picker cannot be submitted for approval")
    if not NAME.fullmatch(name):
        raise invalid("name may have lower case letters, digits and underscores only")
    if category not in CATEGORIES:
        raise invalid(f"category must be one of {sorted(CATEGORIES)}")
    if content.submitted:
        raise invalid("the template has been submitted already")


def render(content: Content, given: Mapping[str, str], now: float, *, whatsapp: bool) -> Rendered:
    """The template with its variables: those given, or its own samples [D]."""
    values = {**content.variables, **given}
    approved = content.status(now) == "approved"
    if not whatsapp:
        fits = TEXT in content.types
        return Rendered(_filled(content.types.get(TEXT, {}).get("body"), values), trouble=None if fits else NOT_FOR_SMS)
    name, of_type = _richest(content.types)
    text = _filled(of_type["body"], values)
    buttons = tuple(
        (_filled(each["title"], values), _filled(each.get("id"), values)) for each in of_type.get("actions", ())
    )
    items = tuple(_item(each, values) for each in of_type.get("items", ()))
    trouble = CONTENT_REFUSED if _too_much(text, buttons, items, approved=approved) else None
    return Rendered(text, buttons, items, _filled(of_type.get("button"), values), approved and name != LIST, trouble)


def _richest(types: Json) -> tuple[str, Json]:
    return next((name, types[name]) for name in (LIST, BUTTONS, TEXT) if name in types)


def _item(item: Json, values: Mapping[str, str]) -> tuple[str, str, str]:
    filled = [_filled(item.get(name), values) for name in ("item", "id", "description")]
    return filled[0], filled[1], filled[2]


def _filled(text: Any, values: Mapping[str, str]) -> str:
    return VARIABLE.sub(lambda found: str(values.get(found[1], found[0])), str(text or ""))


def _too_much(
    text: str, buttons: tuple[tuple[str, str], ...], items: tuple[tuple[str, str, str], ...], *, approved: bool
) -> bool:
    """Whether Meta refuses it as it stands after filling in."""
    titles = [title for title, _ in buttons]
    return (
        (bool(buttons or items) and len(text) > LONGEST_BODY)
        or (len(buttons) > MOST_WITHOUT_APPROVAL and not approved)
        or any(not title or len(title) > LONGEST_TITLE for title in titles)
        or len(set(titles)) != len(titles)
        or any(_too_long({"item": item, "id": id, "description": said}) for item, id, said in items)
        or len({id for _, id, _ in items}) != len(items)
    )
