"""Everything the bot says has words, in every language, and stands in a catalog."""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from string import Formatter
from typing import get_args
from zoneinfo import ZoneInfo

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from bot import flows, texts
from bot.events import Received
from bot.flows import wording
from bot.messages import Countries, Day, Language, Moment, Parts, Price, Say, Span, Value, Wish
from bot.state import Step
from bot.understanding.meaning import Asked, Meaning
from channels.rendering import NUMBERS
from core import errors
from core.messaging.texting import NoText
from core.scheduling import vocabulary
from core.scheduling.directory import Directory, Location, OpeningHours, Organization, VisitType
from core.scheduling.reasons import REASONS
from core.scheduling.wishes import DayRange, TimeRange, When
from tests.bot.understanding import clinic as understanding
from tests.bot.understanding.clinic import days, heard

ROOT = Path(__file__).parents[2]
SPEAKERS = [
    *(ROOT / "bot").rglob("*.py"),
    ROOT / "frontdesk" / "worker.py",
    ROOT / "frontdesk" / "twilio.py",
    ROOT / "frontdesk" / "telegram.py",
    *(ROOT / "channels").rglob("*.py"),
]  # files that say something to patients
LANGUAGES = texts.languages()

CLINIC = Directory(
    locations=(
        Location(
            1,
            "Old Port",
            "12 Commercial Street",
            ZoneInfo("America/New_York"),
            "911",
            hours=tuple(OpeningHours(day, time(8), time(17)) for day in range(5)),
        ),
        Location(
            2,
            "Bayside",
            "3 Kennebec Street",
            ZoneInfo("America/New_York"),
            "911",
            hours=(OpeningHours(2, time(9), time(0)),),
        ),
    ),
    visit_types=(
        VisitType(1, "Cleaning", price=11_000, currency="USD"),
        VisitType(2, "Advice", price=900, currency="JPY"),
        VisitType(3, "Talk"),
    ),
    organization=Organization("Harborview Clinic", "Harborview", phone="(207) 555-0100"),
)
TUESDAY = Moment(datetime(2026, 3, 10, 15, 20))
SAMPLES: dict[str, Value] = {
    "pages": "https://www.example.org/privacy",
    "doctor": "Dr Lee", "name": "Grace Lee", "patient": "Ben", "visit_type": "Cleaning", "specialty": "Dentistry",
    "place": "Old Port", "address": "12 Commercial Street", "link": "https://video.example/lee",
    "where": Say("where.place", {"place": "Old Port", "address": "12 Commercial Street"}),
    "details": Parts((Say("part.visit_type", {"visit_type": "Cleaning"}), Say("part.patient", {"patient": "Ben"}))),
    "preparation": "Please bring the vaccination record.", "when": TUESDAY, "until": TUESDAY, "wish": Wish(days("17")),
    "day": Day(date(2026, 3, 10)), "example": Day(date(1990, 5, 3)), "date": "30 February", "number": 7, "was": TUESDAY, "notice": Span(1440), "kinds": "Cleaning, Eye exam", "price": Price(11000, "USD"), "prices": Parts((Say("price.line", {"visit_type": "Cleaning", "price": Price(11000, "USD")}),)), "text": "Good day", "horizon": Span(129_600), "insurance": "Aetna", "mode": Say("mode.video"), "language": Language(("es",)), "languages": Language(("en", "es")), "insurances": "Aetna, Cigna", "doctors": "Dr Lee, Dr Kim", "specialties": "Dentistry", "about": "Teeth without fear.", "rating": "4.8", "megabytes": 10, "countries": Countries(("US", "CA")), "mobile": "(201) 555-0123",
}  # fmt: skip
# What pieces of a date are made of; worded by `bot.texts` itself.
PIECES = {"format": {"day": "Monday", "time": "9:00", "start": "9:00", "end": "10:00", "days": "on Monday"}}


def catalog(language: str) -> Catalog:
    with (texts.LOCALES / language / "frontdesk.po").open("rb") as file:
        return read_po(file, locale=language)


def keys(language: str = "en") -> set[str]:
    return {_key(message.id) for message in catalog(language) if message.id}


def variants(language: str = "en") -> set[str]:
    """Wordings of a sentence for one channel."""
    return {key for key in keys(language) if key.endswith(f".{NUMBERS}")}


def _key(id: str | tuple[str, ...] | list[str]) -> str:
    return id if isinstance(id, str) else id[0]


def constants(path: Path) -> Iterator[str]:
    """The strings of a file that are no docstrings."""
    tree = ast.parse(path.read_text("utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


def made_up_keys() -> set[str]:
    """The keys that code puts together."""
    steps = [*get_args(Step)]
    offers = {f"choice.slot{doctor}{place}" for doctor in ("", "_doctor") for place in ("", "_place")}
    return {
        *offers,
        *(f"refused.{refusal.code}" for refusal in errors.Refusal.__subclasses__()),
        *(f"not_understood.{miss}" for miss in (1, 2)),
        *(f"not_understood.{miss}.{step}" for miss in (1, 2) for step in steps),
        *(f"{step}.why" for step in steps),
        *(f"no_text.{why}" for why in (*get_args(NoText), 1, 2)),
        *(f"changing.undone_{what}" for what in ("booking", "moving", "cancelling")),
        *(f"choice.{what}_visit_patient" for what in ("show", "move", "cancel")),
        *(f"received.{what}" for what in get_args(Received.__annotations__["what"])),
        "refused.undo_over_cancelled",
        *(f"answer.{what}{end}" for what in ("takes", "speaks") for end in ("", "_not", ".all", ".nobody")),
        *(f"answer.{what}{end}" for what in ("insurances", "languages") for end in ("", ".all")),
        "mode.video",
        "mode.in_person",
        *(f"why.{reason}" for reason in REASONS),
        *(f"why.{reason}.doctor" for reason in REASONS if reason not in wording.OF_THE_CLINIC),
    }


def said_in_code() -> set[str]:
    known = keys()
    return {text for path in SPEAKERS for text in constants(path) if text in known}


def test_every_key_of_the_catalog_is_used() -> None:
    assert keys() - variants() - said_in_code() - made_up_keys() == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_wording_for_one_channel_is_of_a_sentence_and_names_nothing_else(language: str) -> None:
    by_key = {_key(message.id): message for message in catalog(language) if message.id}
    for key in variants(language):
        sentence, wording = by_key[key.removesuffix(f".{NUMBERS}")], by_key[key]
        assert wording.pluralizable == sentence.pluralizable, key
        assert _placeholders(wording.string) <= _placeholders(sentence.string) | {*texts._CLINIC}, key


def test_a_channel_without_a_wording_of_its_own_says_the_sentence_as_it_stands() -> None:
    assert texts.say(Say("hello"), "en", CLINIC, NUMBERS) == "Hello from Harborview Clinic."
    assert texts.say(Say("welcome"), "en", CLINIC, NUMBERS) == texts.say(Say("welcome"), "en", CLINIC)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_key_that_is_said_has_words(language: str) -> None:
    literal = {
        node.args[0].value
        for path in SPEAKERS
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in _SAYING
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert len(literal) > 40
    assert (literal | made_up_keys()) - keys(language) == set()


_SAYING = {"Say", "reply", "_word"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_can_be_said_and_has_no_gaps(language: str) -> None:
    for message in (message for message in catalog(language) if message.id):
        key = _key(message.id)
        values = SAMPLES | PIECES.get(key.partition(".")[0], {})
        for count in [{"count": 1}, {"count": 2}] if message.pluralizable else [{}]:
            worded = texts.say(Say(key, values | count), language, CLINIC)
            assert not re.search(r"[{}]|  |None", worded), (key, worded)
            assert worded.strip(), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_say_the_same_facts(language: str) -> None:
    english = {_key(message.id): _placeholders(message.string) for message in catalog("en") if message.id}
    for message in catalog(language):
        if message.id and _key(message.id) not in variants(language):
            assert _placeholders(message.string) == english[_key(message.id)]


def _placeholders(pattern: str | tuple[str, ...] | list[str] | None) -> set[str]:
    forms = [pattern] if isinstance(pattern, str) else pattern or []
    return {name for form in forms for _, name, _, _ in Formatter().parse(form) if name}


QUOTED = re.compile("“([^“”{}]+)”")
EXAMPLES = [(_key(m.id), example) for m in catalog("en") for example in QUOTED.findall(str(m.string))]


@pytest.mark.parametrize(("key", "example"), EXAMPLES)
def test_what_the_bot_suggests_to_write_is_understood(key: str, example: str) -> None:
    asked = next((what for what in get_args(Asked) if key.endswith(f"booking.{what}")), None)
    demo = replace(understanding.CLINIC, specialties=vocabulary.specialties())
    meaning = heard(example, directory=demo, asked=asked)
    assert meaning != Meaning(text=meaning.text)


def test_no_sentence_stands_in_python() -> None:
    assert flows.__file__ is not None
    sentence = re.compile(r"^[A-Z][a-z’']*,? (?:[A-Za-z’',]+ )+[A-Za-z’']+[.?!:]?$")
    found = {text for path in (ROOT / "bot").rglob("*.py") for text in constants(path) if sentence.match(text)}
    assert found == set()


def word(value: Value, style: str = "") -> str:
    """A value as it is worded in English, in the United States."""
    sentence = texts._Sentence("en", CLINIC)
    return sentence.format_field(value, style)


def wish(**said: object) -> Wish:
    return Wish(When(**said))  # type: ignore[arg-type]


WORDED: list[tuple[Value, str, str]] = [
    (TUESDAY, "", "Tuesday, March 10 at 3:20 PM"),
    (TUESDAY, "short", "Tue, Mar 10, 3:20 PM"),
    (TUESDAY, "time", "3:20 PM"),
    (Moment(TUESDAY.local, "Europe/Lisbon"), "", "Tuesday, March 10 at 3:20 PM (Europe/Lisbon)"),
    (Day(date(1990, 5, 3)), "long", "May 3, 1990"),
    (Span(24 * 60), "", "1 day"),
    (Span(36 * 60), "", "36 hours"),
    (Span(90), "", "90 minutes"),
    (Span(90 * 24 * 60), "", "3 months"),
    (Price(11000, "USD"), "", "$110.00"),
    (Countries(("US", "GB", "XX")), "", "United States, United Kingdom, XX"),
    (Wish(days("17")), "on", "on Tuesday, March 17"),
    (Wish(days("17", "18")), "on", "on Tuesday, March 17 or on Wednesday, March 18"),
    (Wish(days("16..23")), "on", "from Monday, March 16 to Sunday, March 22"),
    (Wish(days("17")), "full", "Tuesday, March 17, 2026"),
    (wish(weekdays=(0, 2)), "on", "on Monday or on Wednesday"),
    (wish(days=(DayRange(date(2026, 3, 17), None),)), "on", "from Tuesday, March 17"),
    (wish(days=(DayRange(None, date(2026, 3, 17)),)), "on", "until Monday, March 16"),
    (wish(times=(TimeRange(None, time(12)),)), "on", "before 12:00 PM"),
    (wish(times=(TimeRange(time(15), None),)), "", "after 3:00 PM"),
    (wish(times=(TimeRange(time(14), time(16)),)), "", "between 2:00 PM and 4:00 PM"),
    (wish(days=(DayRange(date(2026, 3, 17), date(2026, 3, 18)),), at=time(9)), "on", "on Tuesday, March 17 at 9:00 AM"),
    (wish(first_available=True), "", "then"),
    (
        wish(days=(DayRange(date(2026, 3, 16), date(2026, 3, 23)),), not_weekdays=(2,)),
        "on",
        "from Monday, March 16 to Sunday, March 22 but not on Wednesday",
    ),
    (wish(not_days=(DayRange(date(2026, 3, 17), date(2026, 3, 18)),)), "", "but not on Tuesday, March 17"),
]


@pytest.mark.parametrize(("value", "style", "expected"), WORDED, ids=[expected for _, _, expected in WORDED])
def test_a_value_is_worded_as_people_say_it(value: Value, style: str, expected: str) -> None:
    assert word(value, style) == expected


def test_prices_follow_their_currency() -> None:
    assert texts.say(Say("prices"), "en", CLINIC).splitlines()[1:] == ["Cleaning: $110.00", "Advice: ¥900"]


def test_hours_are_told_in_stretches_of_days_that_are_alike() -> None:
    assert texts.say(Say("hours"), "en", CLINIC).splitlines()[1:] == [
        "Old Port:", "Mon–Fri 8:00 AM–5:00 PM", "Bayside:", "Wed 9:00 AM–12:00 AM",
    ]  # fmt: skip


@pytest.mark.parametrize(("count", "expected"), [(1, "This time is free"), (3, "Free times")])
def test_one_time_and_several_are_told_apart(count: int, expected: str) -> None:
    worded = texts.say(Say("booking.offer", SAMPLES | {"count": count}), "en", CLINIC)
    assert worded.startswith(expected)


def test_a_key_without_words_is_a_bug() -> None:
    with pytest.raises(KeyError):
        texts.say(Say("no.such.key"), "en", CLINIC)
    with pytest.raises(KeyError):
        texts.say(Say("booking.held"), "en", CLINIC)
