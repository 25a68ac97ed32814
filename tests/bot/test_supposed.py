"""What is only guessed: answered or asked about, and nothing is done."""

import pytest

from bot.dialog import advance
from bot.events import Cancel, FindVisits, ReleaseHold, Said
from bot.flows import anywhere
from bot.messages import Reply
from bot.state import State
from bot.texts import say_all
from bot.understanding.meaning import Guess, Guessed, Meaning
from tests.bot.desk import FAMILY, ONE
from tests.bot.understanding.clinic import CLINIC, heard


def guessed(*what: Guessed) -> Said:
    return Said(Meaning(text="…", guesses=tuple(Guess(one, 0.99) for one in what)))


@pytest.mark.parametrize("what", ["cancel_visit", "end", "change", "visits", "confirm"])
def test_a_guess_about_visits_shows_them_and_touches_none(what: Guessed) -> None:
    assert advance(State(), guessed(what), ONE).request == FindVisits("show")


@pytest.mark.parametrize("what", [*anywhere.SUPPOSED, "stop", "yes", "no", "move", "cancel"])
def test_nothing_is_done_on_a_guess(what: Guessed) -> None:
    turn = advance(State(), guessed(what), FAMILY)
    assert not isinstance(turn.request, Cancel | ReleaseHold)
    assert turn.handoffs == ()


def test_what_is_said_stands_before_what_is_guessed() -> None:
    meaning = heard("hello")
    said = Said(Meaning(text="hello", intents=meaning.intents, guesses=(Guess("cancel_visit", 0.99),)))
    assert advance(State(), said, ONE).request is None


def test_what_is_hardly_likely_is_not_answered() -> None:
    said = Said(Meaning(text="…", guesses=(Guess("visits", anywhere.LIKELY - 0.01),)))
    assert advance(State(), said, ONE).state.misses == 1


def test_a_guess_that_the_desk_has_no_answer_to_is_a_misunderstanding() -> None:
    assert advance(State(), guessed("when"), ONE).state.misses == 1


@pytest.mark.parametrize("text", ["I need a copy of my records", "where is my invoice?", "delete my data"])
def test_what_is_for_people_offers_a_person(text: str) -> None:
    (*_, answer) = advance(State(greeted=True), Said(heard(text)), ONE).replies
    assert "people at our front desk" in _words(answer)
    assert [choice.label.key for choice in answer.choices] == ["choice.person"]


def _words(reply: Reply) -> str:
    return say_all(reply.says, "en", CLINIC)
