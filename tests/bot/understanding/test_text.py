"""Phrases in plain words, and words without their slips."""

import pytest

from bot.understanding.text import Phrases, respelled


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("see|visit a? doctor", "see doctor"),
        ("see|visit a? doctor", "i want to visit a doctor today"),
        ("i? am|feel sick", "feel sick"),
        ("i? am|feel sick", "i am sick"),
        ("chest * hurts", "my chest hurts"),
        ("chest * hurts", "chest really really really hurts"),
        ("call back?", "call"),
        ("e-mail me", "please e mail me"),
    ],
)
def test_a_phrase_is_found(phrase: str, words: str) -> None:
    assert Phrases([phrase]).within(words)


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("see|visit a? doctor", "see the doctor"),
        ("chest * hurts", "chest and so on and on hurts"),
        ("chest * hurts", "chest hurtsome"),
        ("call back?", "recall"),
        ("call", ""),
    ],
)
def test_a_phrase_is_not_found(phrase: str, words: str) -> None:
    assert not Phrases([phrase]).within(words)


def test_phrases_are_looked_for_at_the_beginning_and_as_the_whole() -> None:
    phrases = Phrases(["cancel", "cancel it please?"])
    assert phrases.whole("cancel it please")
    assert not phrases.whole("cancel everything")
    assert phrases.lead("cancel everything")
    assert not phrases.lead("please cancel")
    assert not Phrases([]).whole("")


def test_every_phrase_is_taken_out() -> None:
    assert Phrases(["flu shot", "flu"]).without("a flu shot for flu season") == "a . for . season"


def test_slips_are_read_as_the_words_for_which_they_stand() -> None:
    assert respelled("r u open 2moro", {"r": "are", "u": "you", "2moro": "tomorrow"}) == "are you open tomorrow"
