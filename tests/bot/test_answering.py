"""Questions about the clinic, from values to values."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.events import Facts
from bot.flows import answering
from bot.texts import say_all
from bot.understanding.meaning import Meaning
from core.scheduling.directory import Directory
from core.scheduling.policies import DEFAULT
from tests.bot.desk import TODAY
from tests.bot.understanding.clinic import CLINIC, heard


def answered(text: str, directory: Directory = CLINIC) -> str:
    """What is said to a question."""
    meaning: Meaning = heard(text, directory=directory)
    (intent,) = answering.TOLD.keys() & set(meaning.intents)
    return say_all(answering.TOLD[intent](meaning, Facts(directory, TODAY)).says, "en", directory)


def noticed(*hours: int) -> Directory:
    """The clinic with this notice for changes of each kind of visit."""
    kinds = zip(CLINIC.visit_types, hours, strict=True)
    return replace(
        CLINIC,
        visit_types=tuple(replace(kind, policy=replace(DEFAULT, notice=timedelta(hours=each))) for kind, each in kinds),
    )


@pytest.mark.parametrize(
    "text", ["what is your cancellation policy?", "can I still cancel?", "until when can I move it?"]
)
def test_the_window_for_changes_is_told_in_words(text: str) -> None:
    assert answered(text) == "You can cancel or move a visit here as long as it has not begun."
    assert answered(text, noticed(24, 24)).startswith(
        "You can cancel or move a visit here until 1 day before it begins."
    )


def test_where_the_window_differs_it_is_told_for_each_kind() -> None:
    dental, check_up = answered("until when can I cancel?", noticed(48, 0)).split("\n\n")
    assert dental.startswith("Dental cleaning: you can cancel or move a visit here until 2 days before it begins.")
    assert check_up == "Check-up: you can cancel or move a visit here as long as it has not begun."


def test_only_the_price_that_was_asked_for_is_told() -> None:
    kinds = tuple(replace(kind, price=11000 * kind.id, currency="USD") for kind in CLINIC.visit_types)
    priced = replace(CLINIC, visit_types=kinds)
    assert answered("how much is a cleaning?", priced) == "Without insurance:\nDental cleaning: $110.00"
    assert answered("what does Dr Lee charge?", priced) == "Without insurance:\nDental cleaning: $110.00"
    assert "Dental cleaning: $110.00\nCheck-up: $220.00" in answered("how much is it?", priced)


def test_all_doctors_are_told_with_what_they_do() -> None:
    assert answered("which doctors do you have?").splitlines()[:2] == ["Our doctors:", "Dr Lee: Dentistry"]


def test_what_the_clinic_has_not_written_down_is_said_to_be_so() -> None:
    silent = replace(CLINIC, locations=tuple(replace(place, hours=()) for place in CLINIC.locations))
    for text in ("when are you open?", "how much is a cleaning?", "what is your privacy policy?"):
        assert "not written down here. Write “person”" in answered(text, silent)


@pytest.mark.parametrize("text", ["privacy", "do you sell my data?", "who can see my messages?", "data protection"])
def test_where_the_privacy_page_is(text: str) -> None:
    page = "https://www.example.org/privacy"
    told = replace(CLINIC, locations=tuple(replace(place, privacy_url=page) for place in CLINIC.locations))
    assert answered(text, told) == f"What we do with what we know about you:\n{page}"
