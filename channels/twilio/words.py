"""Leaving and coming back, in the law's words."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

Sense = Literal["out", "in", "in_if_out", "help"]

_TYPES: dict[str, Sense] = {"STOP": "out", "START": "in", "HELP": "help"}  # of Twilio's field OptOutType


class Words(NamedTuple):
    """What the words mean, and which edition of them that is."""

    version: str
    senses: dict[str, Sense]


@cache
def words() -> Words:
    """Of all languages together: nobody says in which one they stop."""
    known = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
    version = known.pop("version")
    senses = {word: sense for language in known.values() for sense, listed in language.items() for word in listed}
    return Words(version, senses)


def sense_of(text: str, opt_out_type: str = "") -> Sense | None:
    """What a whole message means as such a word, whatever its case and the spaces around it; None where it is none.

    "STOP 12345", "cancel my appointment" and "yes please" are none.
    """
    return _TYPES.get(opt_out_type.upper()) or words().senses.get(text.strip().upper())
