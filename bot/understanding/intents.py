"""What the writer wants: emergencies, yes and no, choices by number, intents."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, cast

from bot.understanding.lexicon import Lexicon
from bot.understanding.meaning import Intent

COMMANDS: dict[str, Intent] = {
    "start": "greeting",
    "book": "book",
    "visits": "visits",
    "cancel": "cancel",
    "hours": "hours",
    "person": "person",
    "help": "help",
    "undo": "undo",
    "back": "back",
}
"""What commands such as /book mean, in every language."""


def is_emergency(words: str, lexicon: Lexicon) -> bool:
    """Whether somebody may need help now. In doubt, yes."""
    if not lexicon.emergency.within(words):
        return False
    return lexicon.emergency.within(lexicon.harmless.without(words))


def answer(words: str, lexicon: Lexicon) -> Literal["yes", "no"] | None:
    """Yes or no, where the message begins with it."""
    answers = lexicon.answers
    if answers["neither"].whole(words):
        return None
    core = " ".join(_trimmed(words.split(), lexicon)) or words.partition(" ")[0]
    for form in (core, words):
        if form and (answers["yes_alone"].whole(form) or answers["yes"].whole(form)):
            return "yes"
        if form and answers["no_alone"].whole(form):
            return "no"
    while (first := words.partition(" "))[0] in lexicon.choice["opener"] and first[2]:
        words = first[2]
    neither = answers["neither"].lead(words)
    kinds: tuple[Literal["yes", "no"], ...] = ("no", "yes")
    for kind in kinds:
        found = answers[kind].lead(words)
        if found and not (neither and neither.end() > found.end() - (neither.end() == found.end())):
            return kind
    return None


def number(words: str, lexicon: Lexicon) -> int | None:
    """A bare number, or one that is said to be the choice."""
    return _chosen(words, lexicon, lexicon.numbers, digits=True)


def ordinal(words: str, lexicon: Lexicon) -> int | None:
    """A place in the list of choices; -1 is the last."""
    places = lexicon.places
    spoken = words.split()
    for before, noun in pairwise(spoken):
        is_noun = noun in lexicon.choice["noun"] or (noun == spoken[-1] == "1" and len(spoken) <= 3)  # "the 2nd 1"
        is_place = before in places and f"{before} {noun}" not in lexicon.choice["no_place"]
        if is_noun and is_place and spoken[-1] not in ("available", "possible"):
            return places[before]
    return _chosen(words, lexicon, places, digits=False)


def _chosen(words: str, lexicon: Lexicon, names: dict[str, int], *, digits: bool) -> int | None:
    choice, spoken = lexicon.choice, words.split()
    if len(spoken) > 12:
        return None
    for option, value in pairwise(spoken):
        if (
            digits
            and option in choice["option"]
            and option not in ("no", "time", "slot")
            and (said := _value(value, names, digits))
        ):
            return said
    begin = 0
    while begin < len(spoken) and (
        spoken[begin] in choice["lead"] or (begin == 0 and spoken[begin] in choice["option"])
    ):
        begin += 1
    if begin == len(spoken) or any(word not in choice["tail"] for word in spoken[begin + 1 :]):
        return None
    if spoken[begin] == "one" and begin and spoken[begin - 1] not in choice["option"]:
        return None  # "the one"
    return _value(spoken[begin], names, digits)


def _value(word: str, names: dict[str, int], digits: bool) -> int | None:
    if digits and word.isdecimal() and len(word) <= 3:
        return int(word)
    return names.get(word)


def intents(words: str, lexicon: Lexicon) -> tuple[Intent, ...]:
    """All that is wanted, the most particular first."""
    found = dict.fromkeys(_intents(words, lexicon))
    return tuple(intent for intent in found if not lexicon.unless.get(intent, frozenset()) & found.keys())


def _intents(words: str, lexicon: Lexicon) -> Iterator[Intent]:
    core = " ".join(_trimmed(words.split(), lexicon))
    for intent, phrases in lexicon.intents["whole"].items():
        if words and (phrases.whole(words) or (core and phrases.whole(core))):
            yield cast(Intent, intent)
    for intent, phrases in lexicon.intents["within"].items():
        if phrases.within(words):
            yield cast(Intent, intent)
    for intent, phrases in lexicon.intents["lead"].items():
        if phrases.lead(words):
            yield cast(Intent, intent)


def _trimmed(words: list[str], lexicon: Lexicon) -> list[str]:
    begin, end = 0, len(words)
    while begin < end and words[begin] in lexicon.polite:
        begin += 1
    while end > begin and words[end - 1] in lexicon.polite:
        end -= 1
    return words[begin:end]
