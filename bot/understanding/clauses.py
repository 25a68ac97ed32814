"""Two wishes in one message ("cancel Tuesday and give me something next week"): where one ends and the next begins."""

import re
from collections.abc import Iterator
from itertools import islice

from bot.understanding import intents
from bot.understanding.lexicon import Lexicon, load
from bot.understanding.text import clean, plain

MOST_JOINTS = 3  # a longer message is one wish: it must not cost more than it may
_ACTS = frozenset({"cancel", "cancel_visit", "absent", "visits", "undo"})
"""What is done at once, and before anything that begins a talk of its own."""


def clauses(text: str, language: str) -> tuple[str, ...]:
    """The wishes of a message that mean more apart than together, those that are done at once first; most have only one."""
    lexicon = load(language)
    said = clean(text)
    if lexicon.joints.search(said) is None or intents.is_emergency(plain(said), lexicon):
        return (text,)
    for before, after in _splits(said, lexicon):
        first, second = _wants(before, lexicon), _wants(after, lexicon)
        if "move" in first | second:
            continue
        if first & _ACTS and second - first & (_ACTS | {"book"}):
            return before, after
        if "book" in first and second & _ACTS:
            return after, before
    return (text,)


def halves(text: str, language: str) -> Iterator[tuple[str, str]]:
    """Every way to take a message apart where something joins its parts."""
    return _splits(clean(text), load(language))


def _splits(said: str, lexicon: Lexicon) -> Iterator[tuple[str, str]]:
    for cue in islice(lexicon.joints.finditer(said), MOST_JOINTS):
        yield said[: cue.start()].strip(), said[cue.end() :].strip()


def _wants(part: str, lexicon: Lexicon) -> set[str]:
    return set(intents.intents(plain(part), lexicon))


def without(said: str, pattern: re.Pattern[str]) -> str:
    """`said` without what the pattern finds ("not the dentist, the skin doctor"), every other character at its place."""
    return pattern.sub(lambda found: " " * len(found[0]), said)
