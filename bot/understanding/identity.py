"""Who the writer is: own name, birth date, e-mail, phone number."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import phonenumbers

from bot.understanding.dates import FullDate
from bot.understanding.days import calendar_day
from bot.understanding.lexicon import Lexicon
from bot.understanding.meaning import Asked
from bot.understanding.text import plain

MONTH_FIRST = frozenset({"US", "PH", "PR", "GU", "VI", "FM", "MH", "PW"})

EMAIL = re.compile(r"(?<![\w.+-])[\w.+%'-]{1,64}@[^\W_][\w-]{0,62}(?:\.[\w-]{1,63}){1,6}(?<![-_.])")
_NAME_WORD = re.compile(r"[^\W\d_][^\s\d,;:!?()\[\]<>@/\\|\"=*#%&_+]*")
_PLAIN_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_NUMBERS = re.compile(r"\d+")
_LEADS_TO_NAME = re.compile(r"[\s:=\"'-]*")
_SENTENCE_END = re.compile(r"(?:[!?]|(?<=\w\w\w)\.)\s+")  # "St. John" goes on
_APOSTROPHE = re.compile(r"['’]")
_MOST_WORDS = 10
_MOST_WORDS_OF_FIRST = 4
_MOST_SENTENCES = 3
_LONGEST = 80


@dataclass(frozen=True)
class Identity:
    """What the writer says about themselves."""

    name: str | None = None
    birth_date: date | None = None
    email: str | None = None
    phone: str | None = None


def read(
    text: str,
    lexicon: Lexicon,
    dates: tuple[FullDate, ...],
    asked: Asked | None,
    region: str,
    today: date,
    *,
    says_else: Callable[[str], bool],
    is_thing: Callable[[str], bool],
) -> Identity:
    """What `text` says about its writer; a birth date may lie in the future, which is for the dialog to say.

    `says_else` tells a whole message that has another meaning ("Skip") from a name; `is_thing` what something of the clinic is called.
    """
    email = EMAIL.search(text)
    born, rest = _birth_date(text, lexicon, dates, asked, region, today)
    if email:
        rest = rest.replace(email[0], " , ")
    return Identity(
        name=_name(rest, lexicon, asked) or (_answer(rest, lexicon, says_else, is_thing) if asked == "name" else None),
        birth_date=born,
        email=email[0] if email else None,
        phone=_phone(rest, asked, region),
    )


def _birth_date(
    text: str, lexicon: Lexicon, dates: tuple[FullDate, ...], asked: Asked | None, region: str, today: date
) -> tuple[date | None, str]:
    """The birth date, and the text without it."""
    words = f" {plain(text)} "
    cued = any(f" {cue} " in words for cue in lexicon.people["birth"])
    for found in dates:
        long_ago = (today - found.day).days > 366
        if (
            asked == "birth_date"
            or cued
            or (asked is not None and long_ago)
            or (long_ago and _introduces(text[: found.start], lexicon))
        ):
            day = found.day if region in MONTH_FIRST or found.other is None else found.other
            rest = f"{_without_cue(text[: found.start], lexicon)} , {text[found.end :]}"
            return _of_this_century(day, text[found.start : found.end], today), rest
    if asked == "birth_date" or cued:
        return _from_numbers(text, region, today), text
    return None, text


def _without_cue(text: str, lexicon: Lexicon) -> str:
    """`text` without the words that announce a birth date at its end."""
    cues = "|".join(r"\W+".join(cue.split()) for cue in sorted(lexicon.people["birth"], key=len, reverse=True))
    return re.sub(rf"(?i)\b(?:and |on |i |was |my )*(?:{cues})\W*(?:on|is)?\W*\Z", "", text)


def _introduces(before: str, lexicon: Lexicon) -> bool:
    """Whether a name has just been told: a day of long ago that stands beside it is no day of a visit."""
    name = _name(before, lexicon, None)
    return name is not None and plain(before).endswith(plain(name))


def _of_this_century(day: date, written: str, today: date) -> date:
    """Nobody is born in the future: "03/05/90" is 1990."""
    two_digits = max((len(digits) for digits in _NUMBERS.findall(written)), default=0) < 4
    if two_digits and day > today:
        return calendar_day(day.year - 100, day.month, day.day) or day
    return day


_IN_A_ROW = re.compile(r"\d+(?:(?: ?[./,-] ?|\s+)\d+){2}")


def _from_numbers(text: str, region: str, today: date) -> date | None:
    """Three numbers in a row, or eight digits."""
    numbers = _NUMBERS.findall(text)
    if len(numbers) == 3 and not _IN_A_ROW.search(text):
        return None
    if len(numbers) == 1 and len(numbers[0]) == 8:
        digits = numbers[0]
        iso = digits.startswith(("19", "20"))
        numbers = [digits[:4], digits[4:6], digits[6:]] if iso else [digits[:2], digits[2:4], digits[4:]]
    if len(numbers) != 3 or any(len(number) > 4 for number in numbers):
        return None
    first, second, third = (int(number) for number in numbers)
    if len(numbers[0]) == 4:
        return calendar_day(first, second, third)
    year = third if third >= 100 else today.year // 100 * 100 + third - 100 * (third > today.year % 100)
    orders = [(first, second), (second, first)]
    return next(
        (
            d
            for month, day in (orders if region in MONTH_FIRST else orders[::-1])
            if (d := calendar_day(year, month, day))
        ),
        None,
    )


def _phone(text: str, asked: Asked | None, region: str) -> str | None:
    if sum(character.isdigit() for character in text) < 6:
        return None
    for found in phonenumbers.PhoneNumberMatcher(text, region, leniency=phonenumbers.Leniency.POSSIBLE, max_tries=5):
        plausible = asked == "contact" or found.raw_string.startswith("+") or phonenumbers.is_valid_number(found.number)
        if plausible and len(_NUMBERS.sub("", found.raw_string)) < len(found.raw_string) - 5:
            return phonenumbers.format_number(found.number, phonenumbers.PhoneNumberFormat.E164)
    return None


def international(number: str) -> str | None:
    """A telephone number in international form, with or without its plus, as E.164; None where it is none."""
    try:
        parsed = phonenumbers.parse(f"+{number.lstrip('+')}"[:40])
    except phonenumbers.NumberParseException:
        return None
    is_possible = phonenumbers.is_possible_number(parsed)
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) if is_possible else None


def _name(text: str, lexicon: Lexicon, asked: Asked | None) -> str | None:
    """The name after words that announce one, or before "here"."""
    words = [(word[0], plain(word[0]), word.start(), word.end()) for word in _NAME_WORD.finditer(text)]
    cased = any(word[0].islower() for word, _, _, _ in words)
    for cue, sign in _cues(lexicon):
        for position in range(len(words) - len(cue)):
            if tuple(word for _, word, _, _ in words[position : position + len(cue)]) == cue:
                end, start = words[position + len(cue) - 1][3], words[position + len(cue)][2]
                leads = _LEADS_TO_NAME.fullmatch(text, end, start)
                if leads and (name := _leading_name(text[start:], lexicon, sign(cased=cased, asked=asked == "name"))):
                    return name
    return _name_before_here(text, lexicon)


Sign = Callable[[str, str, bool], bool]
"""Whether a word, as written and plain, may belong to a name; and whether it is its first."""


def _cues(lexicon: Lexicon) -> Iterator[tuple[tuple[str, ...], Callable[..., Sign]]]:
    """The words that announce a name, and how a name after them is known."""

    def announced(*, cased: bool, **_: bool) -> Sign:
        def is_name(written: str, word: str, is_first: bool) -> bool:
            return word not in lexicon.ordinary or (
                word in lexicon.people["also_names"] and (is_first or (cased and written[0].isupper()))
            )

        return is_name

    def guessed(*, asked: bool, **_: bool) -> Sign:
        def is_name(written: str, word: str, is_first: bool) -> bool:
            is_given = is_first and word in lexicon.given_names
            if word in lexicon.ordinary:
                return (written[0].isupper() and word in lexicon.people["also_names"]) or (asked and is_given)
            return asked or written[0].isupper() or is_given

        return is_name

    yield from ((tuple(phrase.split()), announced) for phrase in lexicon.people["name"])
    yield from ((tuple(phrase.split()), guessed) for phrase in lexicon.people["name_if_capital"])


def _leading_name(text: str, lexicon: Lexicon, is_name: Sign) -> str | None:
    """The name that `text` begins with."""
    name: list[str] = []
    for written in _without_honorific(text[: 2 * _LONGEST].split(), lexicon):
        bare = written.strip(",;!?.") if not re.fullmatch(r"\w\.,?", written) else written.strip(",")
        bare = bare.removesuffix("'s")
        particle = plain(bare) in lexicon.people["particles"] and (bool(name) or bare[:1].isupper())
        if _NAME_WORD.fullmatch(bare) is None or not (particle or is_name(bare, plain(bare), not name)):
            break
        name.append(bare)
        if written != bare and written[-1] in ",;!?.":
            break
    joined = " ".join(name)
    return joined if name and len(name) <= _MOST_WORDS and len(joined) <= _LONGEST else None


def _name_before_here(text: str, lexicon: Lexicon) -> str | None:
    """ "Hi, Ana Lima here": at the beginning of a clause, and no question."""
    found = lexicon.name_here.search(text)
    if found is None or "?" in text[found.end() :]:
        return None
    words = [plain(word) for word in found["name"].split()]
    return None if any(word in lexicon.ordinary or word in lexicon.people["title"] for word in words) else found["name"]


def _first_name(text: str, lexicon: Lexicon, is_thing: Callable[[str], bool]) -> str | None:
    """ "John. I've had a cough", where a name was asked: one of the first sentences, or a given name before a comma."""
    sentences = _SENTENCE_END.split(text, maxsplit=_MOST_SENTENCES)
    before_comma = text.split(",", maxsplit=1)
    candidates = [(one.split(), False) for one in sentences] if len(sentences) > 1 else []
    candidates += [(before_comma[0].split(), True)] if len(before_comma) > 1 else []
    for written, is_given in candidates:
        words = [word.strip(" .,!?") for word in written]
        if _reads_as_name(words, lexicon, is_given=is_given) and not is_thing(plain(" ".join(words))):
            return " ".join(words)
    return None


def _reads_as_name(words: list[str], lexicon: Lexicon, *, is_given: bool) -> bool:
    """Whether words are a name by their capital letters, or by a usual given name, which `is_given` demands."""
    if not 1 <= len(words) <= _MOST_WORDS_OF_FIRST or any(_is_no_name(plain(word), lexicon) for word in words):
        return False
    is_written = all(word[:1].isupper() for word in words) and not is_given
    return is_written or plain(words[0]) in lexicon.given_names


def _is_no_name(word: str, lexicon: Lexicon) -> bool:
    is_ordinary = word in lexicon.ordinary and word not in lexicon.people["also_names"]
    return is_ordinary or not word or word in lexicon.people["title"] or _is_of_time(word, lexicon)


def _answer(
    text: str, lexicon: Lexicon, says_else: Callable[[str], bool], is_thing: Callable[[str], bool]
) -> str | None:
    """The name in an answer to the question for one."""
    return _whole_name(text, lexicon, says_else) or _first_name(text, lexicon, is_thing)


def _whole_name(text: str, lexicon: Lexicon, says_else: Callable[[str], bool]) -> str | None:
    """The whole text as a name, where a name was asked: any signs may be in it, but no ordinary words."""
    words = _without_honorific(text.strip(" ,.;:!").split(), lexicon)
    name = " ".join(word for word in words if word != ",").strip(" ,.;:!")
    letters = any(character.isalpha() for character in name)
    if (
        not letters
        or "?" in name
        or _SENTENCE_END.search(name)
        or name[0].isdigit()
        or len(words) > _MOST_WORDS
        or len(name) > _LONGEST
    ):
        return None
    if any(_is_ordinary(word.strip(",.;:!"), lexicon) for word in words) or all(_is_of_time(w, lexicon) for w in words):
        return None
    return None if says_else(name) else name


def _without_honorific(words: list[str], lexicon: Lexicon) -> list[str]:
    while words and plain(words[0]) in lexicon.people["honorific"]:
        words = words[1:]
    return words


def _is_ordinary(word: str, lexicon: Lexicon) -> bool:
    """Whether it is one of the words that we know, and neither written as a name nor one as well."""
    if not _PLAIN_WORD.fullmatch(word):
        return False
    allowed = (*lexicon.people["particles"], *lexicon.people["also_names"])
    is_written_as_name = word[0].isupper() and not _APOSTROPHE.search(word)  # "I'm" is no name
    return plain(word) in lexicon.ordinary and plain(word) not in allowed and not is_written_as_name


def _is_of_time(word: str, lexicon: Lexicon) -> bool:
    """Whether it is a word such as "Thursday"; names of months are names of people too."""
    terms = lexicon.terms.get(plain(word), ())
    return any(term.words == (plain(word),) and term.kind != "month" for term in terms)


def capitalised(name: str, lexicon: Lexicon) -> str:
    """A name that was typed without any capital letter, as it is written: "mark van der berg" is Mark van der Berg."""
    if not name.islower():
        return name
    particles = lexicon.people["particles"]
    return " ".join(word if word in particles else word[:1].upper() + word[1:] for word in name.split(" "))
