"""Two wishes in one message, whom somebody does not mean, and who of a family is meant."""

from typing import Any

import pytest

from tests.bot.understanding.clinic import heard, heard_all

TWO = {
    "cancel Tuesday and give me something next week": ("cancel Tuesday", "give me something next week"),
    "cancel my visit. I need a dentist tomorrow": ("cancel my visit", "I need a dentist tomorrow"),
    "book a dentist and cancel my visit on Tuesday": ("cancel my visit on Tuesday", "book a dentist"),
    "show my visits and then cancel the one on Tuesday": ("show my visits", "cancel the one on Tuesday"),
    "I can't make it Thursday and need something on Friday": ("I can't make it Thursday", "need something on Friday"),
    "my visits and book a dentist": ("my visits", "book a dentist"),
    "the dentist on Tuesday and the skin doctor on Friday": ("the dentist on Tuesday", "the skin doctor on Friday"),
}
ONE = [
    "cancel Tuesday and Thursday",
    "Hi! I have to cancel my appointment, thanks",
    "I can't make it on Thursday, sorry",
    "cancel and rebook my visit",
    "thanks, and I need a dentist",
    "Dr Lee, the dentist, on Tuesday and not before 10",
    "I have chest pain, cancel my visit and book the heart doctor",
]


@pytest.mark.parametrize("text", TWO)
def test_two_wishes_are_told_apart(text: str) -> None:
    assert tuple(meaning.text for meaning in heard_all(text)) == TWO[text]


@pytest.mark.parametrize("text", ONE)
def test_one_wish_stays_whole(text: str) -> None:
    assert len(heard_all(text)) == 1


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("not Dr Lee, Dr Haddad", {"practitioners": (2,)}),
        ("not with Dr Lee but with Dr Haddad", {"practitioners": (2,)}),
        ("the skin doctor instead of the dentist", {"specialties": ("dermatology",)}),
        ("I have not seen Dr Lee yet, can I book with her", {"practitioners": (1,)}),
        ("not for me, for Leo", {"patients": (7,), "myself": False}),
        ("for my son, not me", {"someone_else": True, "myself": False}),
    ],
)
def test_whom_somebody_does_not_mean_is_not_meant(text: str, meant: dict[str, Any]) -> None:
    meaning = heard(text)
    assert {field: getattr(meaning, field) for field in meant} == meant


FAMILY = ((7, "Leo Stone"), (8, "Leo Costa"), (9, "Nina Stone"))
TWINS = ((7, "Leo Stone (2015)"), (8, "Leo Stone (2018)"))


@pytest.mark.parametrize(
    ("text", "family", "patients"),
    [
        ("for Leo", FAMILY, (7, 8)),
        ("for Leo S", FAMILY, (7,)),
        ("leo costa please", FAMILY, (8,)),
        ("not Leo Costa, Leo Stone", FAMILY, (7,)),
        ("Leo Lima", FAMILY, ()),
        ("Nina", FAMILY, (9,)),
        ("Leo 2018", TWINS, (8,)),
        ("Leo Stone", TWINS, (7, 8)),
    ],
)
def test_namesakes_are_told_apart_or_asked_for(
    text: str, family: tuple[tuple[int, str], ...], patients: tuple[int, ...]
) -> None:
    assert heard(text, patients=family).patients == patients


@pytest.mark.parametrize(("text", "patients"), [("Loe", (7,)), ("Mai", (8,)), ("Lea", ()), ("Tim", ())])
def test_a_first_name_that_was_asked_may_hold_a_typo(text: str, patients: tuple[int, ...]) -> None:
    assert heard(text, asked_whom=True).patients == patients
