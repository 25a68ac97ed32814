"""What may arrive and should cost little and mean nothing: bait for parsers, and random strings from pieces of grammar.

`python -m tests.understanding.hostile --count 100000` plays that many random strings and prints the slowest inputs.
"""

import argparse
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from time import process_time
from typing import get_args

import msgspec

from bot.understanding import understand_all, warm_up
from bot.understanding.lexicon import Lexicon, load
from bot.understanding.meaning import Asked, Context, Meaning, When
from bot.understanding.text import clean, plain
from tests.understanding.clinic import CLINIC
from tests.understanding.lines import MONDAY

BUDGET = 0.25  # seconds of CPU that any message may take
CHUNK = 500  # strings that a process plays at a time
PATIENTS = ((1, "Maria Costa"), (2, "Leo Costa"), (3, "Nina Costa"))
ASKED: tuple[Asked | None, ...] = (None, *get_args(Asked))

PIECES = [
    "a", "1", "1 ", "1/", "1/2/", "1-", "1.", "1:", "1,", "12 ", "2026 ", "2026-", "31/12/1999 ", "10:00 ", "10:00-", "at ", "at 1 ",
    "monday ", "monday, ", "mon tue ", "monday or ", "not monday ", "every monday ", "next ", "next friday ", "last ", "may ", "march 1 ",
    "1 may ", "2026 March 9 ", "2026 March 9, ", "2026 March 9 or ", "in ", "in 1 ", "in a ", "1 day ", "week ", "days from ", "between ", "between 1 and ", "from 1 to ", "to 1 ", "to ", "until ",
    "not ", "no, ", "or ", "and ", "then ", "or else ", "and 1 ", "half past ", "quarter to ", "first ", "the first ", "second ", "1st ",
    "twenty ", "twenty one ", "hundred ", "1 2 3 ", "am ", "1 am ", "noon ", "morning ", "asap ", "of ", "the day after ", "week after ",
    "dr ", "Dr Smiht ", "Dr Patel, ", "doctor of ", "with ", "for ", "for Leo ", "Leo ", "not Leo, ", "Dermatologiss ", "dentist and ",
    "dentist tuesday, skin doctor friday, ", "cancel and book ", "cancel tuesday and ", "move 1 to ", "book ", "I am A ", "A ", "my name is ",
    "this is ", "born ", "born 1/1/1990 ", "a.", "a@", "a@a.", "a.a@a.a ", "@", "+1 ", "555-1234 ", "(207) 555-0100 ", "0", "00 ",
    "pain ", "chest ", "chest a a a ", "not chest pain ", "heart * ", "my my my ", "how much ", "can i ", "is * ", "do you ",
    "(", "((1", ")", "[[", "{}", "{0}", "\\", "%s", "'", "''", '"', "`", "-", "--", "_", "*", ".", "...", "?", "!", "?! ", ",", ", ", ";", ":", "/",
    "\n", "\t", " ", "\0", "\x7f", "\u00ad", "\u0301", "\u200b", "\u200d", "\u202e", "\u2066", "\ufeff", "\ufffd", "\U000e0001", "\ud800",
    "😀", "👩‍👩‍👧", "2️⃣", "👍", "🇺🇸", "ﷺ", "ﬁ", "½", "²", "①", "㏠", "㋀", "٣", "९", "１", "Ⅷ", "İ", "ß", "ǅ", "a\u0301", "é", "中", "す", "한", "ก", "ا",
]  # fmt: skip
"""Each of these, repeated until a message is full, is bait for something that is more than linear."""

NESTS = [
    "(" * 5_000 + ")" * 5_000,
    "(1 or " * 1_500 + "2" + ")" * 1_000,
    "[" * 5_000 + "monday" + "]" * 4_000,
    "a" * 5_000 + "!" * 5_000,
    "a@" + "a." * 4_000 + "!",
    " ".join(f"{number}" for number in range(1, 2_000)),
    "/".join(f"{number}" for number in range(1, 2_000)),
    " ".join(f"{number}/{number}/{number}" for number in range(1, 600)),
    "mon tue wed thu fri sat sun " * 300,
    "monday or tuesday or wednesday or thursday or friday or " * 200,
    " and ".join(["the dentist on tuesday", "the skin doctor on friday at 10"] * 120),
    "; then ".join(["cancel my visit on tuesday", "book the dentist next week"] * 120),
    "dentist and skin doctor and eye doctor and" + " or" * 320,
    "dentist and skin doctor on " + "2026 March 9 or " * 60 + "and",
    "move 2026 March 9 to " * 50,
    "move, " + "or, at, " * 120,
    "between " * 300 + "1 and " * 300,
    "my name is " + "A B " * 2_000,
    "9" * 1_000_000,
    "-" + "9" * 1_000_000,
    "1/" * 500_000,
    "number " + "9" * 1_000_000,
    "option " + "9" * 900,
    "in " + "9" * 900 + " days",
    "at " + "9" * 900,
    "the " + "9" * 900 + "th",
    "1." + "0" * 900,
    "9" * 900 + "/" + "9" * 90,
    "½" * 1_000,
    "ﷺ" * 10_000,
    "\u0301" * 10_000,
    "a" + "\u0301" * 9_999,
    "\u202e" * 10_000,
    "monday " * 140 + "\u200b" * 9_000,
]

GRAMMAR = " ".join(
    [
        "monday tue thurs saturday next last this every today tomorrow tmrw yesterday week month fortnight weekend day days",
        "morning afternoon evening noon midnight at around after before by until between from to and or not no except of in",
        "the a first second third 1st 2nd 23rd half quarter past o'clock am pm ish may march sept jan 1 2 3 7 12 15 30 31 99",
        "2026 1999 3/4 12/25 31/4/2026 2026-03-19 10:30 25:70 1030 9.30 10-12 twenty thirty asap soon earliest whenever later",
        "earlier if otherwise else rather best book cancel move appt dr Dr doctor Patel Lee haddad leo Nina dentist skin cleaning",
        "yes no ok sure the second one option number my son for me same again price open where insurance aetna help stop",
        "chest pain breathe born dob name is Ana Lima a@example.com +12075550148 555-0148 with instead actually make it",
    ]
).split()
SIGNS = [
    *".,;:!?/\\-–—_'\"()[]{}<>@#$%^&*+=|~`",
    " ", "  ", "\n", "\t", "\0", "\u00a0", "\u200b", "\u200d", "\u202e", "\u2066", "\ufeff", "\u0301", "\ud800", "\ufffd", "\U000e0001",
    *"½²①㏠٣९１ⅧﷺİßﬁＡаое中す한กاשéñü", "😀", "👍", "2️⃣", "👩‍👩‍👧", "🇺🇸",
]  # fmt: skip


# What falls short today, each with a message that shows it. A test says when one no longer does: take it away here.
TOO_SLOW: dict[str, str] = {}
FLAWS: dict[str, str] = {}


@dataclass(frozen=True)
class Cost:
    """What a message took."""

    seconds: float
    text: str
    asked: Asked | None
    broken: str = ""  # what is wrong with its meaning

    def __str__(self) -> str:
        text = ascii(self.text)
        shown = text if len(text) <= 160 else f"{text[:120]} … {text[-30:]} ({len(self.text)} characters)"
        return f"{self.seconds * 1000:7.1f} ms  asked {self.asked or 'nothing'}  {shown}  {self.broken}".rstrip()


def full(piece: str) -> str:
    """`piece` again and again, for as long as a message is looked at."""
    return piece * (10_000 // len(piece))


def strings(seed: int) -> Iterator[str]:
    """Random messages from pieces of grammar, digits, signs and letters of any script; the same for the same seed."""
    dice = random.Random(seed)
    while True:
        pieces, glue = dice.choice([GRAMMAR, GRAMMAR, SIGNS, GRAMMAR + SIGNS]), dice.choice([" ", " ", "", ", "])
        length = dice.choice([dice.randint(1, 6), dice.randint(1, 12), dice.randint(5, 40), dice.randint(40, 400)])
        yield glue.join(_piece(dice, pieces) for _ in range(length))


def _piece(dice: random.Random, pieces: Sequence[str]) -> str:
    match dice.randint(0, 11):
        case 0:
            return str(dice.randint(0, 10 ** dice.randint(1, 12)))
        case 1:
            return chr(dice.randint(1, 0x10FFFF))
        case 2:
            word = dice.choice(pieces)
            place = dice.randrange(len(word))
            return word[:place] + dice.choice(["", word[place] * 2, "x"]) + word[place + 1 :]
    return dice.choice(pieces)


def heard(text: str, asked: Asked | None = None) -> tuple[Meaning, ...]:
    """What the desk understands, as it does in a conversation with somebody of a family."""
    context = Context(
        MONDAY, CLINIC, asked=asked, patients=PATIENTS, asked_whom=True, opens=CLINIC.opens, closes=CLINIC.closes
    )
    return understand_all(text, context)


def cost(text: str, asked: Asked | None = None) -> Cost:
    """What understanding takes, the least of three where it seems to be too much: others use the machine too."""
    seconds, broken = _taken(text, asked)
    for _ in range(2):
        if seconds > BUDGET / 2 and why_slow(text) is None:
            seconds = min(seconds, _taken(text, asked)[0])
    return Cost(seconds, text, asked, broken)


def _taken(text: str, asked: Asked | None) -> tuple[float, str]:
    started = process_time()
    try:
        meanings = heard(text, asked)
    except Exception as error:
        return process_time() - started, f"{type(error).__name__}: {error}"
    seconds = process_time() - started
    return seconds, "; ".join(flaw for meaning in meanings for flaw in flaws(meaning, text))


def flaws(meaning: Meaning, text: str) -> Iterator[str]:
    """What no meaning may be, whatever was written: unwritable, endless, or a time out of nothing."""
    if msgspec.json.decode(msgspec.json.encode(meaning), type=Meaning) != meaning:
        yield "it cannot be written down and read again"
    wishes = [wish for first in (meaning.when, *meaning.readings) if first for wish in first.in_order]
    if len(meaning.readings) > 4:
        yield "it has more than four readings"
    if any(days.start and days.end and days.start >= days.end for wish in wishes for days in wish.days + wish.not_days):
        yield "days end before they begin"
    said = clean(text)
    for written in (meaning.impossible_date, meaning.past_date, *(entity.text for entity in meaning.entities)):
        if written is not None and written not in said:
            yield f"nobody wrote {written!r}"
    asks = meaning.when not in (None, When()) or meaning.readings or meaning.past_date or meaning.impossible_date
    if (asks or meaning.birth_date) and not says_time(said, load("en")):
        yield "a time was invented"


def says_time(said: str, lexicon: Lexicon) -> bool:
    """Whether there is a digit or a word of time at all."""
    words = plain(said)
    return any(character.isdecimal() for character in words) or any(
        word in lexicon.terms or any(term.startswith(word[:3]) for term in lexicon.terms) for word in words.split()
    )


def play(seed: int, count: int) -> list[Cost]:
    """The costs of that many random messages: all that are too much or wrong, and the slowest of the others."""
    warm_up(CLINIC)
    dice = random.Random(seed)
    costs = sorted(
        (cost(text, dice.choice(ASKED)) for text in islice(strings(seed), count)), key=lambda one: -one.seconds
    )
    return [one for place, one in enumerate(costs) if place < 10 or one.broken]


def bait() -> list[str]:
    """Every message that was made to be slow."""
    return [*map(full, PIECES), *NESTS]


def why_slow(text: str) -> str | None:
    """The known reason why a message takes more than it may."""
    return next((why for start, why in TOO_SLOW.items() if text.startswith(start)), None)


def is_news(one: Cost) -> bool:
    """Whether something falls short that is not known to."""
    flaws = set(filter(None, one.broken.split("; "))) - FLAWS.keys()
    return bool(flaws) or (one.seconds > BUDGET and why_slow(one.text) is None)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=100_000, help="how many random strings")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    asked = parser.parse_args(arguments)
    warm_up(CLINIC)
    made = [cost(text, question) for text in bait() for question in ASKED]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        seeds = [asked.seed * 1_000_000 + chunk for chunk in range(-(-asked.count // CHUNK))]
        costs = [one for some in pool.map(play, seeds, [CHUNK] * len(seeds)) for one in some]
    news = [one for one in made + costs if is_news(one)]
    for title, some in (
        ("Made to be slow", made),
        ("Random", costs),
        ("Too slow, or wrong, and not known to be", news),
    ):
        slowest = sorted(some, key=lambda one: -one.seconds)
        sys.stdout.write("\n".join([f"{title}:", *map(str, slowest if some is news else slowest[:10])]) + "\n")
    known = Counter(flaw for one in costs for flaw in one.broken.split("; ") if flaw)
    sys.stdout.write(f"Known to be wrong: {dict(known)}\n")
    return 1 if news else 0


if __name__ == "__main__":
    sys.exit(main())
