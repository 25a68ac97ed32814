"""A reminder comes in the middle of an offer: a digit that both would take is asked back once, and anything clearer is not."""

import pytest

from channels.twilio import SMS
from core.database import transaction
from core.messaging import inbox
from core.messaging.inbox import Sender
from tests import reminders
from tests.channels.twilio.conftest import AMY, OURS, Chat, Desk
from tests.demo_clinic import VAULT

BOOK = "cleaning with Dr Lee Tuesday morning, my name is Amy Lane, born May 3, 1990"


@pytest.fixture
def offered(desk: Desk, amy: Chat) -> Chat:
    """Amy has a visit, and asks for another one; while she reads the times, a reminder of the first one comes."""
    amy.texts(BOOK)
    amy.texts("1")
    assert "Thu" in amy.texts("cleaning with Dr Lee on Thursday")
    with transaction(desk.clinic.engine) as session:
        home = inbox.find_home(session, VAULT, Sender(SMS, OURS, AMY))
        assert home is not None
        reminders.remind(session, home)
    desk.deliver()
    desk.twilio.wait_until(lambda: "A reminder from" in amy.ours[-1].text)
    return amy


def visits(desk: Desk) -> list[tuple[object, ...]]:
    """What has become of Amy's visits."""
    return desk.sql(
        "SELECT v.status FROM appointments v JOIN patient_addresses USING (patient_id) JOIN addresses a ON a.id = address_id "
        "WHERE a.channel = 'sms' AND v.status <> 'pending' ORDER BY v.id"
    )


def test_a_digit_that_fits_both_is_asked_back_and_the_next_one_chooses(desk: Desk, offered: Chat) -> None:
    asked = offered.texts("3")
    assert asked.startswith("Which one do you mean?\n1 Call the visit off\n2 Thu, Mar 12")
    assert visits(desk) == [("booked",)]
    assert "Booked for Amy" in offered.texts("2")


def test_the_reminder_may_be_meant(desk: Desk, offered: Chat) -> None:
    offered.texts("3")
    assert "cancelled" in offered.texts("1").lower()
    assert visits(desk) == [("cancelled",)]


def test_a_digit_that_only_one_of_them_has_is_that_ones(desk: Desk, offered: Chat) -> None:
    assert "Which one" not in offered.texts("4")  # more times
    assert visits(desk) == [("booked",)]


def test_words_are_not_asked_back(desk: Desk, offered: Chat) -> None:
    assert "cancelled" in offered.texts("cancel my visit on Tuesday").lower()


def test_a_minute_later_the_newer_one_is_meant(desk: Desk, offered: Chat) -> None:
    desk.sql("UPDATE prompts SET sent_at = sent_at - interval '61 seconds'")
    assert "cancelled" in offered.texts("3").lower()


def test_an_answer_to_the_question_before_that_crossed_nothing_is_taken_at_once(desk: Desk, amy: Chat) -> None:
    """Question after question within a minute, as in any booking."""
    amy.texts("skin doctor")
    amy.texts("1")
    amy.texts("Amy Lane")
    assert "Which one" not in amy.texts("May 3, 1990")
