"""Emergencies, intents, answers, names and identities, as patients write them."""

from datetime import date
from typing import Any

import pytest

from tests.bot.understanding.clinic import CLINIC, heard

EMERGENCIES = [
    "chest pain", "I have had chest pain since Monday, can I see Dr Lee?", "pressure in my chest",
    "my chest hurts", "I can't breathe", "cant breath", "I CAN\u2019T BREATHE", "c\u200bhest pa\u200bin",
    "he isn't breathing", "short of breath", "I think it's a heart attack", "is this a stroke?",
    "face drooping on one side", "slurred speech", "suicide", "I want to kill myself", "I want to die",
    "end my life", "she took too many pills", "overdose", "bleeding heavily", "the nosebleed won't stop",
    "he is unconscious", "my son swallowed a battery", "severe allergic reaction", "my throat is swelling",
    "having a seizure", "choking", "coughing up blood", "my baby is limp", "dad is not responding",
    "this is an emergency", "my husband passed out", "should I call 911",
]  # fmt: skip
HARMLESS = [
    "heart doctor please", "a stroke of luck", "skin bleeding check", "emergency contact is my wife",
    "it's not an emergency", "no chest pain", "flu shot", "bleeding gums", "I'm dying to see you", "toothache",
    "room 112", "chest x-ray", "backstroke lessons", "my heart is set on Tuesday", "breast check", "allergy test",
    "kill two birds with one stone",
]  # fmt: skip

INTENTS: list[tuple[str, tuple[str, ...]]] = [
    ("cancel", ("cancel",)),
    ("cancel my appointment", ("cancel_visit",)),
    ("I can't make it on Friday", ("absent",)),
    ("cancel my visit, I can't make it", ("cancel_visit",)),
    ("I'll be there", ("coming",)),
    ("yes, I am coming", ("coming",)),
    ("can I reschedule my appointment", ("move",)),
    ("when is my visit", ("visits",)),
    ("When's my next appointment?", ("visits",)),
    ("what time do you open", ("hours",)),
    ("are you open on Saturday?", ("hours",)),
    ("where are you", ("address",)),
    ("talk to a human", ("person",)),
    ("let me speak to somebody", ("person",)),
    ("start over", ("restart",)),
    ("go back", ("back",)),
    ("help", ("help",)),
    ("undo", ("undo",)),
    ("more", ("more",)),
    ("other times please", ("more",)),
    ("something later", ("more",)),
    ("something earlier", ("earlier",)),
    ("that's too late for me", ("earlier",)),
    ("do you have anything no earlier than 10?", ("earlier", "book")),
    ("move it to Friday", ("move_it", "move")),
    ("can I come a bit later?", ("move_it", "more")),
    ("move Leo to Friday", ("move",)),
    ("cancel Leo", ("cancel",)),
    ("sorry, I meant Thursday", ("instead",)),
    ("actually I also need a dentist", ("also", "book")),
    ("can I get it back?", ("undo",)),
    ("where is it?", ("address",)),
    ("another doctor", ("other_doctor",)),
    ("thanks, see you tomorrow", ("goodbye", "thanks")),
    ("how long does it take?", ()),
    ("another day", ("other_day",)),
    ("hi", ("greeting",)),
    ("Hello!", ("greeting",)),
    ("thank you so much", ("thanks",)),
    ("bye", ("goodbye",)),
    ("I want to book an appointment", ("book",)),
    ("Hi, I need a doctor", ("book", "greeting")),
    ("my back hurts", ()),
]

YES = [
    "yes",
    "Yes please",
    "yep",
    "yeah",
    "sure",
    "ok",
    "okay thanks",
    "sounds good",
    "that works",
    "perfect",
    "👍",
    "y",
    "correct",
    "of course",
]
NO = [
    "no",
    "nope",
    "nah",
    "no thanks",
    "not that one",
    "no, Thursday",
    "none of those",
    "No!",
    "never",
    "that doesn't work",
]
NEITHER = [
    "not sure",
    "no problem",
    "I don't know",
    "next week",
    "2",
    "",
    "I'd like to book",
    "who is Dr Lee?",
    "never mind",
    "right now",
]

NUMBERS = [
    ("2", 2),
    ("2.", 2),
    ("#1", 1),
    ("one", 1),
    ("1 please", 1),
    ("option 2", 2),
    ("2️⃣", 2),
    ("(3)", 3),
    ("I'll take 2", 2),
    ("٢", 2),
]
ORDINALS = [
    ("the second one", 2),
    ("second", 2),
    ("the last", -1),
    ("the last one please", -1),
    ("1st", 1),
    ("I'll take the third", 3),
]

NAMED: list[tuple[str, dict[str, Any]]] = [
    ("Dr Hadad", {"practitioners": (2,)}),
    ("with hadad at 10", {"practitioners": (2,)}),
    ("Dr Smith tomorrow", {"practitioners": (3, 4)}),
    ("Dr Ana Smith", {"practitioners": (3,)}),
    ("dr o'brien", {"practitioners": (5,)}),
    ("Doctor van der Berg", {"practitioners": (6,)}),
    ("Lee tomorrow", {"practitioners": (1,)}),
    ("doctor Mina", {"practitioners": (1,)}),
    ("Dr Nobody", {"unknown_practitioner": "Dr Nobody"}),
    ("a doctor tomorrow", {}),
    ("I need a doctor now", {}),
    ("I NEED A DOCTOR NOW", {}),
    ("a dermatolgist", {"specialties": ("dermatology",)}),
    ("skin doctors", {"specialties": ("dermatology",)}),
    ("the kids’ doctor", {"specialties": ("pediatrics",)}),
    ("a checkup at the main street clinic", {"visit_types": (2,), "locations": (1,)}),
    ("for my son", {"someone_else": True}),
    ("for Leo", {"patients": (7,)}),
    ("it's for me", {"myself": True}),
    ("me", {"myself": True}),
    ("for Zoe", {"someone_else": True}),
    ("for Lunch", {}),
    ("For Dental Care", {}),
    ("for Zoe Mia Stone", {"someone_else": True}),
    ("not Dr Lee", {"not_practitioners": (1,)}),
    ("my daughter Zoe", {"someone_else": True}),
    ("leo@example.com", {}),
    ("This is Mia, a dentist for Leo", {"specialties": ("dentistry",), "patients": (7,)}),
    ("Mia here, for my son", {"someone_else": True}),
    ("I'm Mia", {"patients": (8,)}),
    ("can you tell me more", {}),
    (
        "cleaning with Dr Lee Tuesday morning for my son Leo",
        {"visit_types": (1,), "practitioners": (1,), "patients": (7,)},
    ),
]

WRITERS: list[tuple[str, str | None, dict[str, Any]]] = [
    ("my name is Ana Lima", None, {"name": "Ana Lima"}),
    ("I'm Ana Lima, born 3 May 1990", None, {"name": "Ana Lima", "birth_date": date(1990, 5, 3)}),
    ("I'm looking for a doctor", None, {}),
    ("This is Ana Lima, I need a dentist for my son", None, {}),
    ("I'm Ana Lima, for me and my son", None, {"name": "Ana Lima"}),
    ("ana lima", "name", {"name": "Ana Lima"}),
    ("Zoë van der Berg-Müller", "name", {"name": "Zoë van der Berg-Müller"}),
    ("李小龙", "name", {"name": "李小龙"}),
    ("Ana Lima, 05/03/1990", "name", {"name": "Ana Lima", "birth_date": date(1990, 5, 3)}),
    ("I want to talk to a person", "name", {}),
    ("cancel", "name", {}),
    ("3 May 1990", "birth_date", {"birth_date": date(1990, 5, 3)}),
    ("May 3rd, 1990", "birth_date", {"birth_date": date(1990, 5, 3)}),
    ("1990-05-03", "birth_date", {"birth_date": date(1990, 5, 3)}),
    ("3.5.1990", "birth_date", {"birth_date": date(1990, 5, 3)}),
    ("05/03/1990", "birth_date", {"birth_date": date(1990, 5, 3)}),
    ("5/3/90", "birth_date", {"birth_date": date(1990, 5, 3)}),
    ("19900503", "birth_date", {"birth_date": date(1990, 5, 3)}),
    ("3 May", "birth_date", {}),
    ("3 May 2030", "birth_date", {"birth_date": date(2030, 5, 3)}),
    ("ana.lima@example.com.", "contact", {"email": "ana.lima@example.com"}),
    ("(415) 555-2671", "contact", {"phone": "+14155552671"}),
    ("my number is +44 20 7946 0958", None, {"phone": "+442079460958"}),
]


@pytest.mark.parametrize("text", EMERGENCIES)
def test_an_emergency_is_seen(text: str) -> None:
    assert heard(text).emergency


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_sounds_like_one_is_no_emergency(text: str) -> None:
    assert not heard(text).emergency


def test_an_emergency_is_seen_at_the_end_of_a_long_message() -> None:
    assert heard("well " * 1_900 + "and I have chest pain").emergency


@pytest.mark.parametrize(("text", "intents"), INTENTS)
def test_an_intent_is_understood(text: str, intents: tuple[str, ...]) -> None:
    assert heard(text).intents == intents


@pytest.mark.parametrize(
    ("text", "answer"), [(t, "yes") for t in YES] + [(t, "no") for t in NO] + [(t, None) for t in NEITHER]
)
def test_yes_and_no_are_told_apart(text: str, answer: str | None) -> None:
    assert heard(text).answer == answer


@pytest.mark.parametrize(("text", "number"), NUMBERS)
def test_a_number_answers_numbered_choices(text: str, number: int) -> None:
    assert heard(text).number == number


@pytest.mark.parametrize(("text", "ordinal"), ORDINALS)
def test_a_place_answers_numbered_choices(text: str, ordinal: int) -> None:
    assert heard(text).ordinal == ordinal


@pytest.mark.parametrize(("text", "expected"), NAMED)
def test_names_are_found(text: str, expected: dict[str, Any]) -> None:
    fields = (
        "practitioners", "unknown_practitioner", "specialties", "visit_types", "locations", "patients",
        "someone_else", "myself", "not_practitioners",
    )  # fmt: skip
    meaning = heard(text)
    assert {field: getattr(meaning, field) for field in fields if getattr(meaning, field)} == expected


@pytest.mark.parametrize(("text", "asked", "expected"), WRITERS)
def test_the_writer_is_understood(text: str, asked: Any, expected: dict[str, Any]) -> None:
    meaning = heard(text, asked=asked)
    fields = ("name", "birth_date", "email", "phone")
    assert {field: getattr(meaning, field) for field in fields if getattr(meaning, field)} == expected
    assert meaning.when is None
    assert meaning.readings == ()


def test_day_and_month_change_places_with_the_region() -> None:
    assert heard("05/03/1990", asked="birth_date", region="GB").birth_date == date(1990, 3, 5)


def test_a_visit_day_may_be_said_while_the_birth_date_is_asked() -> None:
    meaning = heard("no, Monday", asked="birth_date")
    assert meaning.birth_date is None
    assert meaning.when is not None


def test_the_clinic_of_the_tests_has_two_of_a_name() -> None:
    assert [p.id for p in CLINIC.practitioners if p.family_name == "Smith"] == [3, 4]
