"""What is guessed where no phrase says it: weights learned from examples, and how little may rest on them."""

from importlib.resources import files

import pytest

from bot.understanding import lexicon
from bot.understanding.guesses import features, guess, load
from bot.understanding.intents import answer, intents
from bot.understanding.lexicon import load as load_lexicon
from bot.understanding.text import plain
from tests.bot.understanding.clinic import heard

ENGLISH = load_lexicon("en")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ("could you say all of that one more time for me", "repeat"),
        ("i would rather talk in french from now on", "change_language"),
        ("what sort of things are you able to help me with", "help"),
        ("i am not really sure about it yet", "maybe"),
        ("the reservation that i made is not necessary any more", "cancel_visit"),
    ],
)
def test_likely_wishes_are_guessed(words: str, what: str) -> None:
    assert what in {one.what for one in guess(words, "en")}


def test_the_likeliest_stands_first() -> None:
    guesses = guess("yes please cancel my reservation", "en")
    assert list(guesses) == sorted(guesses, key=lambda one: -one.confidence)
    assert all(0 < one.confidence <= 1 for one in guesses)


@pytest.mark.parametrize(
    "words", ["", "quiero cancelar mi cita", "xyzzy plugh qwrtz", "1" * 1000, "预约", "dr drop table patients"]
)
def test_of_strange_words_nothing_is_guessed(words: str) -> None:
    assert guess(words, "en") == ()


@pytest.mark.parametrize("language", ["es", "../en", ""])
def test_a_language_without_weights_has_no_guesses(language: str) -> None:
    assert guess("say that again", language) == ()


def test_the_weights_are_small_and_say_where_they_come_from() -> None:
    folder = files(lexicon)
    assert len(folder.joinpath("en.weights").read_bytes()) < 1_000_000
    assert all(source in folder.joinpath("NOTICE").read_text("utf-8") for source in ("CLINC150", "HWU64", "NLU++"))
    weights = load("en")
    assert weights is not None
    assert len(weights.weights) == len(weights.features) * len(weights.guesses)


def test_of_numbers_only_that_they_are_some_counts() -> None:
    assert set(features("at 3")) == set(features("at 41"))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("Sounds good to me", "yes"),
        ("That should work", "yes"),
        ("This seems nice.", "yes"),
        ("Great, that's perfect", "yes"),
        ("I guess so", "yes"),
        ("I'll take it", "yes"),
        ("nah", "no"),
        ("Not right now", "no"),
        ("neither", "no"),
        ("Maybe another time", "no"),
        ("that is not right", "no"),
        ("that would be a no", "no"),
        ("I am calling about my son", None),
        ("exactly what time is it", None),
        ("I want to see a doctor", None),
        ("no idea", None),
    ],
)
def test_yes_and_no_have_many_forms(text: str, what: str | None) -> None:
    assert answer(plain(text), ENGLISH) == what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("What's your phone number?", "phone"),
        ("how is she rated?", "rating"),
        ("do you offer whitening?", "services"),
        ("I'm running ten minutes late", "late"),
        ("put me on the waiting list please", "waiting_list"),
        ("I need a copy of my records", "records"),
        ("can I get a refill", "prescription"),
        ("I was charged twice", "bill"),
        ("could I have a receipt", "receipt"),
        ("I want to make a complaint", "feedback"),
        ("please delete my data", "forget"),
        ("what data do you have about me", "export"),
        ("can we speak Spanish", "change_language"),
        ("is my appointment still confirmed?", "confirm"),
        ("I'm looking for a dentist", "find"),
        ("I'm not sure yet", "maybe"),
        ("I don't mind", "any"),
        ("what do you mean", "explain"),
        ("you are so helpful", "praise"),
    ],
)
def test_what_patients_wish(text: str, what: str) -> None:
    assert what in intents(plain(text), ENGLISH)


@pytest.mark.parametrize(
    "text", ["please don't cancel my appointment", "I do not want to cancel my visit", "do not cancel it"]
)
def test_who_says_not_to_cancel_cancels_nothing(text: str) -> None:
    wanted = intents(plain(text), ENGLISH)
    assert "keep" in wanted
    assert not {"cancel", "cancel_visit"} & set(wanted)


def test_who_gives_a_number_does_not_ask_for_one() -> None:
    assert heard("the number is 207 555 0188", asked="contact").intents == ()
    assert heard("my phone number is 207 555 0188").intents == ()
    assert "phone" in heard("what is the number?").intents
