"""`frontdesk understand`: JSON lines of messages in, JSON lines of what they mean out."""

from collections.abc import Iterable
from datetime import datetime, time
from typing import Any, TextIO

import msgspec

from bot.state import ASKED
from bot.understanding import understand
from bot.understanding.meaning import Asked, Context
from core.scheduling.directory import Directory


class Message(msgspec.Struct):
    """One line of the input.

    `previous_prompt` is what the clinic said before. The key of a question that free text answers (`booking.name`,
    `booking.birth_date`, `booking.contact`) is the same as `asked`; any other text is a sentence and sets nothing.
    """

    id: str
    text: str
    lang: str = "en"
    reference: str = "2026-01-01"
    previous_prompt: str | None = None
    asked: Asked | None = None
    opens: time = time(0)
    closes: time = time(0)
    region: str = "US"


def run(lines: Iterable[str], out: TextIO, directory: Directory) -> None:
    """Write the meaning of each message as one line; a line that cannot be read is answered with its error."""
    for line in lines:
        if line.strip():
            out.write(msgspec.json.encode(_answer(line, directory)).decode() + "\n")


def _answer(line: str, directory: Directory) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(line, type=Message)
        reference = datetime.fromisoformat(message.reference).replace(tzinfo=None)
    except (ValueError, msgspec.DecodeError) as error:  # a line may hold half a surrogate pair
        return {"id": _id(line), "error": str(error)}
    context = Context(
        reference=reference,
        directory=directory,
        language=message.lang,
        asked=message.asked or ASKED.get(message.previous_prompt or ""),
        opens=message.opens,
        closes=message.closes,
        region=message.region,
    )
    meaning = understand(message.text, context)
    return {"id": message.id, "intent": next(iter(meaning.intents), None), **msgspec.to_builtins(meaning)}


def _id(line: str) -> str | None:
    """The id of a line whose other fields are wrong, so that its error can be told apart."""
    try:
        value = msgspec.json.decode(line)
    except (ValueError, msgspec.DecodeError):
        return None
    return value["id"] if isinstance(value, dict) and isinstance(value.get("id"), str) else None
