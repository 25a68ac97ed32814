"""A number that can take no text from us is not taken where texts are how we would reach somebody: the same verdict as at sending."""

from dataclasses import replace as replaced
from datetime import date

import pytest
from msgspec.structs import replace

from bot import state as states
from bot.events import Facts, Said
from bot.messages import Reply
from bot.state import Draft, State
from channels.errors import Unreachable
from channels.twilio.send import require_mobile
from core.messaging.texting import example_mobile
from tests.bot.desk import GUEST, SLOTS, TEXTED, Desk, in_words
from tests.bot.understanding.clinic import CLINIC, heard
from tests.core.messaging.test_texting import COUNTRIES, EXAMPLES

WHO = Draft(
    practitioner=1, visit_type=1, whom="new", slot=SLOTS[0], hold=5, name="Ana Lima", birth_date=date(1990, 5, 3)
)
ASKED = State(stack=("booking.contact",), draft=WHO, greeted=True)
LONDON = replaced(CLINIC, organization=replaced(CLINIC.organization, locale="en_GB"))
IN_LONDON = replaced(TEXTED, directory=LONDON)


def says(text: str, state: State, facts: Facts) -> tuple[State, list[Reply]]:
    """What one message brings."""
    region = facts.directory.organization.region
    asked = states.ASKED.get(state.step or "")
    meaning = heard(text, directory=facts.directory, asked=asked, region=region, patients=())
    return Desk(facts).converse(state, Said(meaning))


def keys(replies: list[Reply]) -> list[str]:
    return [said.key for reply in replies for said in reply.says]


@pytest.mark.parametrize("country", COUNTRIES)
def test_the_dialog_takes_the_numbers_that_can_be_sent_to_and_no_others(country: str) -> None:
    facts = replaced(TEXTED, texts_to=(country,))
    for (_, kind), number in EXAMPLES.items():
        state, replies = says(number, ASKED, facts)
        refusal = at_sending(number, country)
        if refusal is None:
            assert keys(replies)[0] == "booking.booked", (kind, number)
        else:
            assert (state.draft, state.step) == (WHO, "booking.contact"), (kind, number)
            assert keys(replies) == [f"no_text.{refusal}", "no_text.1"], (kind, number)


def at_sending(number: str, country: str) -> str | None:
    """Why the sender refuses a number."""
    try:
        require_mobile(number, (country,))
    except Unreachable as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize("country", COUNTRIES)
def test_the_example_that_is_given_is_understood_and_taken(country: str) -> None:
    here = replaced(CLINIC, organization=replaced(CLINIC.organization, locale=f"en_{country}"))
    _, replies = says(example_mobile((country,), country), ASKED, replaced(TEXTED, directory=here, texts_to=(country,)))
    assert keys(replies)[0] == "booking.booked"


@pytest.mark.parametrize("number", ["020 7946 0018", "+1 900 555 0100", "+49 1512 3456789"])
def test_where_no_text_is_sent_any_number_will_do(number: str) -> None:
    for facts in (replaced(GUEST, directory=LONDON), replaced(IN_LONDON, reachable=True)):
        _, replies = says(number, ASKED, facts)
        assert keys(replies)[0] == "booking.booked"


def test_a_landline_as_it_is_written_at_home_is_answered_with_what_works() -> None:
    _, replies = says("020 7946 0018", ASKED, IN_LONDON)
    assert in_words(replies[0]) == "Our text messages cannot get to that number, as it is not a mobile number."
    worded = in_words(replies[1])
    assert "(United Kingdom, Ireland)" in worded
    assert "07400 123456" in worded
    assert "e-mail" in worded


def test_of_many_countries_a_few_are_named_home_first() -> None:
    _, replies = says("020 7946 0018", ASKED, replaced(IN_LONDON, texts_to=("IE", "FR", "DE", "GB", "ES")))
    assert "(United Kingdom, Ireland, France, Germany and others)" in in_words(replies[1])


def test_the_second_time_there_is_less_to_choose_from_and_the_third_time_a_person() -> None:
    desk, state, said, kinds = Desk(IN_LONDON), ASKED, [], []
    for number in ("+442079460018", "+4915123456789", "+449012345678"):
        meaning = heard(number, directory=LONDON, asked="contact", region="GB", patients=())
        state, replies = desk.converse(state, Said(meaning))
        said.append(keys(replies))
        kinds.append([choice.kind for choice in replies[-1].choices])
        assert (state.draft, state.step) == (WHO, "booking.contact")
    assert said == [
        ["no_text.no_mobile", "no_text.1"],
        ["no_text.country_closed", "no_text.2"],
        ["no_text.no_mobile", "no_text.person"],
    ]
    assert kinds == [[], ["person"], []]
    assert (desk.handed_over, state.misses) == (["not_understood"], 0)


def test_a_number_beside_what_was_asked_is_the_first_one() -> None:
    state = State(stack=("booking.birth_date",), draft=replace(WHO, birth_date=None), misses=2, greeted=True)
    _, replies = says("3 May 1990, my number is +44 20 7946 0018", state, IN_LONDON)
    assert keys(replies) == ["no_text.no_mobile", "no_text.1"]


def test_an_address_beside_the_number_is_enough() -> None:
    _, replies = says("020 7946 0018 or ana@example.com", ASKED, IN_LONDON)
    assert keys(replies)[0] == "booking.booked"


def test_a_number_given_unasked_is_answered_at_once_and_the_question_comes_in_its_turn() -> None:
    state = State(stack=("booking.name",), draft=replace(WHO, name=None, birth_date=None), greeted=True)
    state, replies = says("My name is Ana Lima, my number is +44 20 7946 0018", state, IN_LONDON)
    assert keys(replies) == ["no_text.no_mobile", "no_text.later", "booking.birth_date"]
    assert (state.draft.name, state.draft.contact, state.misses) == ("Ana Lima", None, 0)
    state, replies = says("3 May 1990", state, IN_LONDON)
    assert keys(replies) == ["booking.contact"]


def test_an_address_that_we_have_stays_when_a_number_takes_no_text() -> None:
    draft = replace(WHO, birth_date=None, contact="ana@example.com")
    state = State(stack=("booking.birth_date",), draft=draft, greeted=True)
    state, replies = says("3 May 1990, call me at +44 20 7946 0018", state, IN_LONDON)
    assert keys(replies)[:2] == ["no_text.no_mobile", "booking.booked"]


def test_a_time_that_had_to_be_held_again_is_told_before_the_question() -> None:
    _, replies = says("020 7946 0018", replace(ASKED, draft=replace(WHO, hold=None)), IN_LONDON)
    assert keys(replies) == ["no_text.no_mobile", "no_text.later", "booking.held", "booking.contact"]
