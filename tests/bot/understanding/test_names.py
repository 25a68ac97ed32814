"""Who and what is named, where names are made of words that mean something else too."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from bot.understanding.meaning import Meaning
from core.scheduling import vocabulary
from core.scheduling.directory import Directory, Insurance, Location, Practitioner, Specialty
from tests.bot.understanding.clinic import heard

_UTC = ZoneInfo("UTC")
TOWN = Directory(
    specialties=(
        Specialty("dentistry", "Dentistry", ("dentist", "dental")),
        Specialty("ophthalmology", "Ophthalmology", ("eye doctor",)),
    ),
    practitioners=(
        Practitioner(1, "", "", "Braid It Up", (), ()),
        Practitioner(2, "", "", "The Shop - Cuts For Men & Women", (), ()),
        Practitioner(3, "", "", "Hillcrest", (), ()),
        Practitioner(4, "", "", "Hillcrest Redwood City", (), ()),
        Practitioner(5, "", "", "Family Dental Care", ("dentistry",), ()),
        Practitioner(6, "Dr", "", "Radhika M. Varma, MD", (), ()),
        Practitioner(7, "Dr", "Robert", "Haddad", (), ()),
        Practitioner(8, "Dr", "Helena", "Long", (), ()),
        Practitioner(9, "", "", "Springfield Dental Excellence", ("dentistry",), ()),
        Practitioner(10, "", "", "Springfield", ("dentistry",), ()),
        Practitioner(11, "Dr", "", "Alexis", (), ()),
        Practitioner(12, "Dr", "", "Morgan", (), ()),
    ),
    locations=tuple(
        Location(number, name, "", _UTC, "911")
        for number, name in enumerate(
            ("Springfield", "Redwood City", "San Francisco", "South San Francisco", "St. Helena", "New York City"), 1
        )
    ),
    insurances=(Insurance(1, "Blue Cross Blue Shield"), Insurance(2, "Aetna")),
)


def in_town(text: str, asked: str | None = None) -> Meaning:
    return heard(text, directory=TOWN, asked=asked, patients=())


@pytest.mark.parametrize(
    "text",
    [
        "can you do it on Friday?",
        "I need it for me",
        "The women in my family",
        "A dentist for men, please",
        "I need family dental care",
        "i want it up to 5",
        "a long visit",
        "I'm looking for a dentist in Springfield",
        "anybody in St. Helena",
    ],
)
def test_ordinary_words_of_names_name_nobody(text: str) -> None:
    assert in_town(text).practitioners == ()


@pytest.mark.parametrize(
    ("text", "practitioners"),
    [
        ("Braid It Up on Friday", (1,)),
        ("Can I get in at The Shop - Cuts for Men & Women?", (2,)),
        ("Hillcrest tomorrow", (3,)),
        ("hillcrest tomorrow", (3,)),
        ("Hillcrest Redwood City tomorrow", (4,)),
        ("I'd like Family Dental Care", (5,)),
        ("at springfield dental excellence", (9,)),
        ("Dr. Radhika Varma", (6,)),
        ("radhika varma please", (6,)),
        ("Dr Varma", (6,)),
        ("Dr Long", (8,)),
        ("Helena Long", (8,)),
    ],
)
def test_practices_and_people_are_named_by_what_is_their_own(text: str, practitioners: tuple[int, ...]) -> None:
    assert in_town(text).practitioners == practitioners


def test_who_is_called_as_a_place_is_takes_its_name_and_not_the_place() -> None:
    assert in_town("Springfield Dental Excellence").locations == ()
    assert in_town("a dentist in Springfield").locations == (1,)


@pytest.mark.parametrize(
    ("text", "practitioners"),
    [
        ("Dr Bob tomorrow", (7,)),
        ("Dr. Rob Haddad", (7,)),
        ("can I get Hadad on Friday?", (7,)),
        ("hadad", (7,)),
        ("Is Haddad's calendar open?", (7,)),
        ("I have had a cough", ()),
    ],
)
def test_doctors_are_known_by_short_names_and_with_a_typo(text: str, practitioners: tuple[int, ...]) -> None:
    assert in_town(text).practitioners == practitioners


@pytest.mark.parametrize(
    ("text", "locations"),
    [
        ("anyone in SF?", (3,)),
        ("in San Fran please", (3,)),
        ("South San Francisco", (4,)),
        ("NYC", (6,)),
        ("sf", ()),
        ("SOMETHING IN SPRINGFIELD", (1,)),
    ],
)
def test_places_are_known_by_their_first_letters(text: str, locations: tuple[int, ...]) -> None:
    assert in_town(text).locations == locations


def test_insurances_are_known_by_their_first_letters() -> None:
    assert in_town("do you take BCBS?").insurances == (1,)
    assert in_town("do you take blue cross blue sheild?").insurances == (1,)


@pytest.mark.parametrize(
    ("text", "asked", "name"),
    [
        ("My name is Mark", None, "Mark"),
        ("my name is mark", None, "Mark"),
        ("my name is mark i need a dentist", None, "Mark"),
        ("my name is ana may i come tomorrow", None, "Ana"),
        ("My name is Ana Price", None, "Ana Price"),
        ("this is Mark btw", None, "Mark"),
        ("this is bob, i need a checkup", None, "Bob"),
        ("I'm Angela I would like to come", None, "Angela"),
        ("Hi, Ana Lima here", None, "Ana Lima"),
        ("Yes I am Mark.", "name", "Mark"),
        ("I'm Mark", "name", "Mark"),
        ("it's mark", "name", "Mark"),
        ("John. I've had a cough for a week", "name", "John"),
        ("john, and it is urgent", "name", "John"),
        ("Sure. Priya Raman", "name", "Priya Raman"),
        ("Hm. What for?", "name", None),
        ("my daughter Zoe needs glasses", None, "Zoe"),
        ("my name is maria van der berg", None, "Maria van der Berg"),
        ("it is 3PM here", None, None),
        ("I'm good", "name", None),
        ("I'm Sick", None, None),
        ("is Morgan here today?", None, None),
        ("Dr. Alexis. She is the best", "name", None),
        ("Tuesday. Or Friday", "name", None),
        ("Dental. Since yesterday", "name", None),
        ("call me tomorrow", None, None),
    ],
)
def test_names_of_writers_are_told_from_other_words(text: str, asked: str | None, name: str | None) -> None:
    assert in_town(text, asked).name == name


@pytest.mark.parametrize(
    ("text", "asked", "name", "practitioners"),
    [
        ("My name is Alexis", None, "Alexis", ()),
        ("Alexis", "name", "Alexis", ()),
        ("Alexis. I have a sore throat", "name", "Alexis", ()),
        ("I'm Alexis, I'd like to see Dr. Alexis", None, "Alexis", (11,)),
        ("My name is Alexis and I want an appointment with Dr Morgan", None, "Alexis", (12,)),
        ("my daughter Alexis needs to see Morgan", None, "Alexis", (12,)),
        ("Alexis tomorrow", None, None, (11,)),
    ],
)
def test_a_patient_may_be_called_as_a_doctor_is(
    text: str, asked: str | None, name: str | None, practitioners: tuple[int, ...]
) -> None:
    meaning = in_town(text, asked)
    assert (meaning.name, meaning.practitioners) == (name, practitioners)


def test_whom_somebody_is_compared_with_is_not_meant() -> None:
    assert in_town("Dr. Morgan please, he is nicer than Dr. Alexis.").practitioners == (12,)
    assert in_town("I don't want Dr. Alexis but Dr. Morgan").practitioners == (12,)


def test_a_day_of_long_ago_is_a_birth_date_only_beside_the_name() -> None:
    assert in_town("My name is Ana Lima, I was there on 3 March 2024").birth_date is None
    assert in_town("My name is Ana Lima, 3 March 1990").birth_date == date(1990, 3, 3)


@pytest.mark.parametrize(
    ("text", "patients"),
    [("for Bob", (1,)), ("for bobby tomorrow", (1,)), ("Kate needs a dentist", (2,)), ("my bill is wrong", ())],
)
def test_patients_are_known_by_short_names(text: str, patients: tuple[int, ...]) -> None:
    known = ((1, "Robert"), (2, "Katherine"), (3, "William"))
    assert heard(text, directory=TOWN, patients=known).patients == patients


@pytest.mark.parametrize(
    ("text", "specialties"),
    [
        ("my shrink", ("psychiatry",)),
        ("the eye guy", ("ophthalmology",)),
        ("my knee doc", ("orthopedics",)),
        ("is the skin lady in?", ("dermatology",)),
        ("a dr for my nerves", ("neurology",)),
        ("elderly specialist", ("geriatrics",)),
        ("a denist", ("dentistry",)),
        ("my son has pimples", ("dermatology", "primary_care")),
        ("a dermatologist for pimples", ("dermatology",)),
        ("sore knee", ("orthopedics", "primary_care")),
        ("my shoulder hurts when I lift it", ("orthopedics", "primary_care")),
        ("I am on my knees begging you", ()),
        ("I lost a filling", ("dentistry",)),
        ("I got your message, no stress", ()),
        ("call me back, there is a problem", ()),
    ],
)
def test_lay_words_and_symptoms_lead_to_a_specialty(text: str, specialties: tuple[str, ...]) -> None:
    assert heard(text, directory=Directory(specialties=vocabulary.specialties())).specialties == specialties


def test_symptoms_lead_to_what_the_clinic_knows() -> None:
    assert in_town("my eye hurts").specialties == ("ophthalmology",)
    assert in_town("my knee hurts").specialties == ()


def test_a_name_may_have_initials() -> None:
    assert in_town("Dr. Norma E. Deato please").unknown_practitioner == "Dr. Norma E. Deato"
    assert in_town("with Dr. Radhika M. Varma I hope").practitioners == (6,)


@pytest.mark.parametrize("who", ["hubby", "kiddo", "nana", "mother-in-law", "stepdad", "roommate", "little one"])
def test_family_members_are_somebody_else(who: str) -> None:
    assert in_town(f"it is for my {who}").someone_else
