"""`frontdesk understand`: JSON lines of messages in, JSON lines of what they mean out."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, time
from typing import Any, TextIO
from zoneinfo import ZoneInfo

import msgspec

from bot.state import ASKED
from bot.understanding import understand
from bot.understanding.meaning import Asked, Context
from bot.understanding.text import plain
from core.scheduling import vocabulary
from core.scheduling.directory import Directory, Location, Practitioner, Specialty


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


class Listed(msgspec.Struct, frozen=True):
    """One line of a file of names: a person or a practice to be seen, and where."""

    name: str
    city: str = ""
    domain: str = ""  # whose name stands for the specialty where there is none
    specialty: str = ""


_TITLES = ("Dr. ", "Dr ")


def directory_of(lines: Iterable[str]) -> Directory:
    """The directory that a file of names makes: everybody a practitioner with their line's number, every city a location.

    Specialties that Frontdesk has words for keep those words; others are known by their own name. What the file calls
    several specialties together (a "therapist" may be a psychologist or a psychiatrist there) is the name of none of them.
    """
    listed = [msgspec.json.decode(line, type=Listed) for line in lines if line.strip()]
    fields = dict.fromkeys((one.domain, one.specialty or one.domain) for one in listed)
    together = {plain(domain) for domain, count in Counter(domain for domain, _ in fields).items() if count > 1}
    names = dict.fromkeys(name for _, name in fields if name)
    codes = _codes(names)
    own = [name for name in names if plain(name) not in codes]
    elsewhere = together | {plain(name) for name in own}
    return Directory(
        specialties=(
            *(replace(one, words=_except(elsewhere, one.words)) for one in vocabulary.specialties()),
            *(Specialty(_code(name), name) for name in own),
        ),
        practitioners=tuple(_practitioner(number, one, codes) for number, one in enumerate(listed, start=1)),
        locations=tuple(
            Location(number, city, "", ZoneInfo("UTC"), "")
            for number, city in enumerate(dict.fromkeys(one.city for one in listed if one.city), start=1)
        ),
    )


def _codes(names: Iterable[str]) -> dict[str, str]:
    """Our specialties by their plain names in a file; where it has two names for one of ours, by the more usual of the two."""
    places = {
        plain(phrase): (place, one.code)
        for one in vocabulary.specialties()
        for place, phrase in enumerate((one.label, *one.words))
    }
    usual: dict[str, str] = {}
    for name in sorted((plain(name) for name in names if plain(name) in places), key=lambda name: places[name]):
        usual.setdefault(places[name][1], name)
    return {name: code for code, name in usual.items()}


def _code(name: str) -> str:
    return plain(name).replace(" ", "_")


def _except(unwanted: set[str], words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in words if plain(word) not in unwanted)


def _practitioner(number: int, listed: Listed, codes: dict[str, str]) -> Practitioner:
    title = next((title for title in _TITLES if listed.name.startswith(title)), "")
    field = listed.specialty or listed.domain
    code = codes.get(plain(field), _code(field))
    # A name in one piece does not say which of its words is the family's: any of them may be.
    return Practitioner(number, title.strip(), "", listed.name.removeprefix(title), (code,) if code else (), ())


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
