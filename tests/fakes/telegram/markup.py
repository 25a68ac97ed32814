"""What Telegram makes of text, entities and keyboards, and what it refuses."""

import re
from typing import Any

from tests.fakes.telegram.parameters import Parameters
from tests.fakes.telegram.refusals import bad_request
from tests.fakes.telegram.updates import Json, utf16

LONGEST_TEXT = 4096
LONGEST_CAPTION = 1024
MOST_ENTITIES = 100
MOST_BUTTONS = 100
MOST_IN_A_ROW = 8
LONGEST_DATA = 64  # bytes

ENTITY_TYPES = {
    *("mention", "hashtag", "cashtag", "bot_command", "url", "email", "phone_number", "bold", "italic", "underline"),
    *("strikethrough", "spoiler", "blockquote", "expandable_blockquote", "code", "pre", "text_link", "text_mention"),
    "custom_emoji",
}
TAGS = {
    **dict.fromkeys(("b", "strong"), "bold"),
    **dict.fromkeys(("i", "em"), "italic"),
    **dict.fromkeys(("u", "ins"), "underline"),
    **dict.fromkeys(("s", "strike", "del"), "strikethrough"),
    **dict.fromkeys(("span", "tg-spoiler"), "spoiler"),
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "tg-emoji": "custom_emoji",
}
TAG = re.compile(r"<(?P<end>/?)(?P<name>[^\s>]*)")
CHARACTER = re.compile(r"&(?:(?P<name>lt|gt|amp|quot);|#(?P<number>\d+);|#x(?P<hex>[0-9a-fA-F]+);)")
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
HREF = re.compile(r"""href\s*=\s*["']?([^"'\s>]*)""")

OpenTag = tuple[str, int, str]  # its name, where its text begins, and its attributes

RESERVED = set("_*[]()~`>#+-=|{}.!")
MARKS = {"*": "bold", "_": "italic", "__": "underline", "~": "strikethrough", "||": "spoiler", "`": "code"}
CLOSED_BY = {"[": "]"}
MARK_NAMES = {
    "bold": "Bold",
    "italic": "Italic",
    "underline": "Underline",
    "strikethrough": "Strikethrough",
    "spoiler": "Spoiler",
    "code": "Code",
    "pre": "Pre",
}


def formatted(
    parameters: Parameters, name: str, longest: int, *, empty_is_fine: bool = False
) -> tuple[str, list[Json]]:
    """The text of a message as people will see it, with its entities; refuses what is broken, empty or too long."""
    entities_name = "entities" if name == "text" else f"{name}_entities"
    text, entities = _parsed(parameters, parameters.text(name), entities_name)
    text, entities = _stripped(text, entities)
    if not text and not empty_is_fine:
        raise bad_request("message text is empty")
    if utf16(text) > longest:
        raise bad_request("message is too long" if name == "text" else "message caption is too long")
    return text, entities[:MOST_ENTITIES]


def _parsed(parameters: Parameters, raw: str, entities_name: str) -> tuple[str, list[Json]]:
    mode = parameters.text("parse_mode").lower()
    if mode == "html":
        return parse_html(raw)
    if mode == "markdownv2":
        return parse_markdown(raw)
    if mode not in {"", "none"}:
        raise bad_request("unsupported parse_mode")
    return raw, checked_entities(raw, parameters.nested(entities_name, "entities"))


def checked_entities(text: str, entities: Any) -> list[Json]:
    """Entities that were given as such."""
    if entities is None:
        return []
    if not isinstance(entities, list):
        raise bad_request("expected an Array of MessageEntity")
    for entity in entities:
        if not isinstance(entity, dict) or not {"type", "offset", "length"} <= entity.keys():
            raise bad_request('can\'t parse MessageEntity: Can\'t find field "type", "offset" or "length"')  # [R]
        if entity["type"] not in ENTITY_TYPES:
            raise bad_request("can't parse MessageEntity: Unsupported type specified")  # [R]
        _check_reach(entity, utf16(text))
    return list(entities)


def _check_reach(entity: Json, end: int) -> None:
    start, length = entity["offset"], entity["length"]
    if start + length > end:
        raise bad_request(  # [R]
            f"entity beginning at UTF-16 offset {start} ends after the end of the text at UTF-16 offset {end}"
        )


def _stripped(text: str, entities: list[Json]) -> tuple[str, list[Json]]:
    """Telegram cuts white space off at both ends, and what marks nothing then."""
    left = utf16(text) - utf16(text.lstrip())
    text = text.strip()
    kept = []
    for entity in entities:
        start = max(entity["offset"] - left, 0)
        end = min(entity["offset"] - left + entity["length"], utf16(text))
        if start < end:
            kept.append({**entity, "offset": start, "length": end - start})
    return text, kept


def _cannot_parse(words: str) -> Exception:
    return bad_request(f"can't parse entities: {words}")


def parse_html(source: str) -> tuple[str, list[Json]]:
    """HTML as Telegram knows it: few tags, four named characters [S MessageEntity.cpp]."""
    text, entities = "", list[Json]()
    open_tags: list[OpenTag] = []
    at = 0
    while at < len(source):
        if source[at] == "<":
            at = _tag(source, at, text, open_tags, entities)
        elif character := CHARACTER.match(source, at):
            text += _character(character)
            at = character.end()
        else:
            text += source[at]
            at += 1
    if open_tags:
        raise _cannot_parse(f'Can\'t find end tag corresponding to start tag "{open_tags[-1][0]}"')
    return text, sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def _character(found: re.Match[str]) -> str:
    if found["name"]:
        return NAMED[found["name"]]
    return chr(int(found["number"]) if found["number"] else int(found["hex"], 16))


def _tag(source: str, at: int, text: str, open_tags: list[OpenTag], entities: list[Json]) -> int:
    """Reads one tag; returns where the text goes on."""
    where = len(source[:at].encode())
    found = TAG.match(source, at)
    assert found is not None
    name, end = found["name"].lower(), source.find(">", at)
    if found["end"] and not open_tags:
        raise _cannot_parse(f"Unexpected end tag at byte offset {where}")
    if not found["end"] and name not in TAGS and found.end() < len(source):
        raise _cannot_parse(f'Unsupported start tag "{name}" at byte offset {where}')
    if end < 0:
        raise _cannot_parse(f"Unclosed {'end' if found['end'] else 'start'} tag at byte offset {where}")
    if found["end"]:
        _close(name, where, text, open_tags, entities)
    else:
        _open(name, source[found.end() : end], where, utf16(text), open_tags)
    return end + 1


def _open(name: str, rest: str, where: int, start: int, open_tags: list[OpenTag]) -> None:
    if name == "span" and "tg-spoiler" not in rest:
        raise _cannot_parse(f'Tag "span" must have class "tg-spoiler" at byte offset {where}')
    open_tags.append((name, start, rest))


def _close(name: str, where: int, text: str, open_tags: list[OpenTag], entities: list[Json]) -> None:
    opened, start, rest = open_tags.pop()
    if name != opened:
        raise _cannot_parse(f'Unmatched end tag at byte offset {where}, expected "</{opened}>", found "</{name}>"')
    entity: Json = {"type": TAGS[name], "offset": start, "length": utf16(text) - start}
    if name == "a":
        address = HREF.search(rest)
        entity["url"] = address[1] if address else ""
    if entity["length"] and entity.get("url") != "":
        entities.append(entity)


def parse_markdown(source: str) -> tuple[str, list[Json]]:
    """MarkdownV2: what is reserved must be escaped wherever it marks nothing [S MessageEntity.cpp]."""
    text, entities = "", list[Json]()
    open_marks: list[tuple[str, int, int]] = []
    at = 0
    while at < len(source):
        where = len(source[:at].encode())
        opened = open_marks[-1][0] if open_marks else ""
        code = opened in {"`", "```"}
        mark = _mark(source, at, code=code)
        if source[at] == "\\" and at + 1 < len(source) and 0 < ord(source[at + 1]) < 127:
            text += source[at + 1]
            at += 2
        elif mark and mark == CLOSED_BY.get(opened, opened):
            at = _end_of_mark(source, at + len(mark), text, open_marks.pop(), entities)
        elif mark and mark != "]" and not code:
            open_marks.append((mark, utf16(text), where))
            at += len(mark)
        elif source[at] in RESERVED and not code and not _begins_quote(source, at):
            reserved = f"Character '{source[at]}' is reserved and must be escaped with the preceding '\\'"
            raise _cannot_parse(reserved)
        else:
            text += source[at]
            at += 1
    if open_marks:
        mark, _, where = open_marks[-1]
        raise _cannot_parse(f"Can't find end of {_name_of(mark)} entity at byte offset {where}")
    return text, sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def _mark(source: str, at: int, *, code: bool) -> str | None:
    """The mark that stands here, longest first; within code only its end counts."""
    longest_first = ["```", "`"] if code else ["```", "__", "||", "*", "_", "~", "`", "[", "]"]
    return next((mark for mark in longest_first if source.startswith(mark, at)), None)


def _begins_quote(source: str, at: int) -> bool:
    """At the beginning of a line ">" begins a quotation; the fake lets it be and marks nothing."""
    return source[at] == ">" and (at == 0 or source[at - 1] == "\n")


def _end_of_mark(source: str, at: int, text: str, opened: tuple[str, int, int], entities: list[Json]) -> int:
    mark, start, _ = opened
    entity: Json = {"offset": start, "length": utf16(text) - start}
    if mark == "[":
        end = source.find(")", at)
        if not source.startswith("(", at):
            raise _cannot_parse("Character ']' is reserved and must be escaped with the preceding '\\'")
        if end < 0:
            raise _cannot_parse(f"Can't find end of a URL at byte offset {len(source[:at].encode())}")
        entity |= {"type": "text_link", "url": source[at + 1 : end]}
        at = end + 1
    else:
        entity["type"] = "pre" if mark == "```" else MARKS[mark]
    if entity["length"]:
        entities.append(entity)
    return at


def _name_of(mark: str) -> str:
    return "TextUrl" if mark == "[" else MARK_NAMES["pre" if mark == "```" else MARKS[mark]]


def reply_markup(parameters: Parameters, *, private: bool, inline_only: bool = False) -> Json | None:
    """The keyboard of a message, or None; refuses what Telegram refuses."""
    markup = parameters.nested("reply_markup", "reply keyboard markup")
    if markup is None or markup == {}:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" in markup:
        return _inline(markup["inline_keyboard"])
    if inline_only:
        raise bad_request("inline keyboard expected")
    if "keyboard" in markup:
        return {**markup, "keyboard": _reply_keyboard(markup["keyboard"], private=private)}
    return markup


def _inline(rows: Any) -> Json | None:
    buttons = [[_inline_button(button) for button in row] for row in _rows(rows)]
    return {"inline_keyboard": buttons} if any(buttons) else None


def _rows(rows: Any) -> list[list[Any]]:
    """Rows that are not empty, no more than may be."""
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request("can't parse inline keyboard: expected an Array of Arrays")  # [R]
    if sum(map(len, rows)) > MOST_BUTTONS:
        raise bad_request("reply markup is too long")  # [S words, R number]
    if any(len(row) > MOST_IN_A_ROW for row in rows):
        # Telegram shows eight and drops the rest [R]; a fake is of more use when it says so, in words of its own.
        raise bad_request("BUTTON_ROW_TOO_LONG")
    return [row for row in rows if row]


def _inline_button(button: Any) -> Json:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: expected an Object")
    if not str(button.get("text") or "").strip():
        raise bad_request("inline keyboard button text must be non-empty")  # [S ReplyMarkup.cpp]
    shown = {key: value for key, value in button.items() if value is not None}
    if len(shown) == 1:
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if "callback_data" in shown and not 1 <= len(str(shown["callback_data"]).encode()) <= LONGEST_DATA:
        raise bad_request("BUTTON_DATA_INVALID")
    return shown


def _reply_keyboard(rows: Any, *, private: bool) -> list[list[Json]]:
    return [[_reply_button(button, private=private) for button in row] for row in _rows(rows)]


def _reply_button(button: Any, *, private: bool) -> Json:
    shown: Json = {"text": button} if isinstance(button, str) else dict(button)
    if not str(shown.get("text") or "").strip():
        raise bad_request("keyboard button text must be non-empty")  # [S ReplyMarkup.cpp]
    if shown.get("request_contact") and not private:
        raise bad_request("phone number can be requested in private chats only")  # [S]
    return shown
