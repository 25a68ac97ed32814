"""Leaving and coming back: whoever has left hears nothing, whoever comes back is heard, and staff see both."""

from datetime import timedelta

import pytest

from channels.twilio import words
from core import clock
from core.database import transaction
from core.messaging import inbox
from core.messaging.inbox import Sender
from core.scheduling import booking
from frontdesk import verify
from tests.channels.twilio.conftest import AMY, OURS, Chat, Desk
from tests.demo_clinic import VAULT
from tests.fakes.twilio import Person

EDITION = f"({words.words().version})"
OUT = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "stop", " Cancel \n"]
HELLO = "where are you?"


def book(amy: Chat) -> None:
    """A visit of Amy's, tomorrow."""
    amy.texts("cleaning with Dr Lee Tuesday at 9:40")
    amy.texts("1")
    amy.texts("Amy Doe")
    assert "Booked for Amy" in amy.texts("3 May 1987")


def calls(desk: Desk) -> int:
    return len(desk.twilio.calls("create"))


def does_nothing(desk: Desk, *texts: str, person: Person | None = None) -> None:
    """These texts are answered with nothing."""
    before = calls(desk)
    for text in texts:
        desk.hears((person or desk.twilio.person(AMY)).texts(text))
    assert calls(desk) == before
    assert desk.sql("SELECT id FROM inbox WHERE status <> 'answered'") == []


def consents(desk: Desk) -> list[tuple[object, ...]]:
    return desk.sql("SELECT purpose, given, wording FROM consents WHERE purpose = 'messages' ORDER BY id")


def handoffs(desk: Desk) -> list[object]:
    return [reason for (reason,) in desk.sql("SELECT reason FROM handoffs ORDER BY id")]


def has_left(desk: Desk) -> bool:
    return desk.sql("SELECT unreachable FROM addresses WHERE channel = 'sms' ORDER BY id LIMIT 1") == [("opted_out",)]


def visit(desk: Desk) -> object:
    """How the newest visit stands; the demo clinic has an older one."""
    return desk.sql("SELECT status FROM appointments WHERE covers_id IS NULL ORDER BY id DESC LIMIT 1")[0][0]


def last_owed(desk: Desk) -> tuple[object, ...]:
    return desk.sql("SELECT status, error FROM outbox ORDER BY id DESC LIMIT 1")[0]


def verified(desk: Desk) -> dict[str, tuple[str, ...]]:
    """What `frontdesk verify` finds."""
    with transaction(desk.clinic.engine) as session:
        found = verify.check(session, VAULT)
    return {name: finding.broken for name, finding in found.items() if finding.broken}


# --- leaving ---------------------------------------------------------------------------------------------------------


def test_every_word_by_which_one_leaves_is_obeyed_and_written_down(desk: Desk) -> None:
    for number, word in enumerate(OUT):
        does_nothing(desk, word, HELLO, "hello?", person=desk.twilio.person(f"+1207555{number:04}"))
    assert consents(desk) == [("messages", False, f"{word.strip().upper()} {EDITION}") for word in OUT]
    assert desk.sql("SELECT unreachable FROM addresses WHERE channel = 'sms'") == [("opted_out",)] * len(OUT)
    assert handoffs(desk) == ["opted_out"] * len(OUT)
    assert calls(desk) == 0
    assert desk.sql("SELECT inbox_id IS NULL FROM consents") == [(False,)] * len(OUT)
    assert verified(desk) == {}


def test_what_waits_is_not_said_any_more_here_or_elsewhere(desk: Desk, amy: Chat) -> None:
    desk.store(amy.person.texts(HELLO))
    desk.worker.answer_waiting()
    ((conversation_id,),) = desk.sql("SELECT conversation_id FROM outbox WHERE status = 'due'")
    assert isinstance(conversation_id, int)
    with transaction(desk.clinic.engine) as session:
        inbox.settle_beside(session, VAULT, Sender("whatsapp", OURS, AMY), conversation_id)
    desk.store(amy.person.texts("STOP"))
    desk.worker.answer_waiting()
    assert last_owed(desk) == ("failed", "opted_out")
    desk.deliver()
    assert calls(desk) == 0
    assert verified(desk) == {}


def test_whoever_has_left_hears_nothing_from_staff_or_the_clock(desk: Desk, amy: Chat) -> None:
    amy.texts("cleaning with Dr Lee Tuesday at 9:40")
    amy.texts("1")
    does_nothing(desk, "STOP")
    before = calls(desk)
    with transaction(desk.clinic.engine) as session:
        clock.set_now(session, clock.now(session) + timedelta(hours=1))
        assert booking.sweep_expired_holds(session, clock.now(session)) == 1
    desk.answer()
    assert calls(desk) == before
    ((conversation_id,),) = desk.sql("SELECT DISTINCT conversation_id FROM inbox WHERE channel = 'sms'")
    sam = desk.clinic.desk("Sam")
    assert isinstance(conversation_id, int)
    sam.current = conversation_id
    sam.do("say Please call us.")
    desk.answer()
    assert last_owed(desk) == ("failed", "opted_out")
    assert calls(desk) == before
    assert verified(desk) == {}


def test_staff_hear_that_somebody_who_has_left_writes(desk: Desk, amy: Chat) -> None:
    does_nothing(desk, "STOP")
    desk.sql("UPDATE handoffs SET closed_at = now()")
    does_nothing(desk, "I need a skin doctor")
    assert handoffs(desk) == ["opted_out", "opted_out"]
    assert has_left(desk)


def test_leaving_twice_is_leaving(desk: Desk, amy: Chat) -> None:
    does_nothing(desk, "STOP", "stop", "QUIT")
    assert [given for _, given, _ in consents(desk)] == [False] * 3
    assert handoffs(desk) == ["opted_out"]
    assert desk.sql("SELECT count(*) FROM audit WHERE action = 'address.lost'") == [(1,)]


def test_other_numbers_of_ours_and_other_people_are_not_concerned(desk: Desk, amy: Chat) -> None:
    does_nothing(desk, "STOP")
    ben = Chat(desk, desk.twilio.person("+12075550143", "Ben"))
    assert "Harborview" in ben.texts(HELLO)
    assert "Harborview" in amy.does(amy.person.texts_on_whatsapp(HELLO)).text


def test_an_opt_out_that_we_have_missed_is_learnt_when_twilio_refuses(desk: Desk, amy: Chat) -> None:
    """Its webhook was lost: Twilio answers 21610, which is not charged."""
    amy.person.texts("STOP")
    before = calls(desk)
    desk.hears(amy.person.texts(HELLO))
    assert calls(desk) == before + 1
    assert last_owed(desk) == ("failed", "opted_out")
    assert consents(desk) == [("messages", False, "opted_out")]
    does_nothing(desk, HELLO)
    assert verified(desk) == {}


# --- a visit that may have been meant --------------------------------------------------------------------------------


def test_cancel_while_a_visit_is_near_may_have_meant_that(desk: Desk, amy: Chat) -> None:
    book(amy)
    does_nothing(desk, "CANCEL")
    assert handoffs(desk) == ["cancel_or_stop"]
    assert visit(desk) == "booked"  # which of the two was meant, staff find out
    assert has_left(desk)
    assert verified(desk) == {}


@pytest.mark.parametrize("word", ["STOP", "CANCEL"])
def test_other_words_or_a_visit_far_away_mean_leaving(desk: Desk, amy: Chat, word: str) -> None:
    book(amy)
    if word == "CANCEL":
        with transaction(desk.clinic.engine) as session:
            clock.set_now(session, clock.now(session) - timedelta(days=15))
    does_nothing(desk, word)
    assert handoffs(desk) == ["opted_out"]
    assert visit(desk) == "booked"


def test_a_visit_is_cancelled_by_saying_so(desk: Desk, amy: Chat) -> None:
    book(amy)
    assert amy.texts("cancel my visit").startswith("Cancelled")
    assert (visit(desk), consents(desk), handoffs(desk)) == ("cancelled", [], [])


# --- coming back -----------------------------------------------------------------------------------------------------


def chats(desk: Desk, count: int) -> list[Chat]:
    """Some people with the clinic, each by themselves."""
    return [Chat(desk, desk.twilio.person(f"+1207555{number:04}")) for number in range(count)]


def test_whoever_comes_back_is_answered_by_twilio_alone_and_heard_from_then_on(desk: Desk) -> None:
    for word, chat in zip(words_back := ["START", "unstop", " Yes "], chats(desk, 3), strict=True):
        does_nothing(desk, "STOP", HELLO, word, person=chat.person)
        assert [message.by_twilio for message in chat.person.messages] == [True, True]
        assert "Commercial Street" in chat.texts(HELLO)
    back = [("messages", True, f"{word.strip().upper()} {EDITION}") for word in words_back]
    assert [each for each in consents(desk) if each[1]] == back
    assert desk.sql("SELECT unreachable FROM addresses WHERE channel = 'sms'") == [(None,)] * 3
    assert verified(desk) == {}


def test_yes_of_somebody_who_never_left_is_an_answer(desk: Desk) -> None:
    for yes, chat, day in zip(
        ["Yes.", "YES", "yes"], chats(desk, 3), ["Tuesday", "Wednesday", "Thursday"], strict=True
    ):
        chat.texts(f"cleaning with Dr Lee {day} at 9:40")
        assert f"I am holding {day}" in chat.texts(yes)
    assert consents(desk) == []


def test_start_of_somebody_who_never_left_is_written_down_and_not_answered(desk: Desk) -> None:
    does_nothing(desk, "START")
    assert consents(desk) == [("messages", True, f"START {EDITION}")]
    assert handoffs(desk) == []


def test_leaving_and_coming_back_may_go_on(desk: Desk, amy: Chat) -> None:
    does_nothing(desk, "STOP", "START", "CANCEL", "YES", "END", "UNSTOP")
    assert [given for _, given, _ in consents(desk)] == [False, True] * 3
    assert "Commercial Street" in amy.texts(HELLO)


def test_help_is_left_to_twilio(desk: Desk, amy: Chat) -> None:
    does_nothing(desk, "HELP", "info")
    assert (consents(desk), handoffs(desk)) == ([], [])
    assert all(message.by_twilio for message in amy.person.messages)
    does_nothing(desk, "STOP", "HELP")
    assert has_left(desk)


# --- where a service holds the words ---------------------------------------------------------------------------------


def test_on_whatsapp_leaving_is_what_twilio_says_it_is(desk: Desk, amy: Chat) -> None:
    before = amy.does(amy.person.texts_on_whatsapp("stop"))
    assert before.whatsapp  # nobody has left: it is answered
    sender = desk.twilio.whatsapp(OURS)
    desk.twilio.advanced_opt_out(desk.twilio.service(sender), stop=["BASTA"])
    count = calls(desk)
    desk.hears(amy.person.texts_on_whatsapp("Basta"), amy.person.texts_on_whatsapp(HELLO))
    assert calls(desk) == count
    assert consents(desk) == [("messages", False, f"STOP {EDITION}")]
    assert desk.sql("SELECT unreachable FROM addresses WHERE channel = 'whatsapp'") == [("opted_out",)]
    desk.hears(amy.person.texts_on_whatsapp("start"))
    assert "Commercial Street" in amy.does(amy.person.texts_on_whatsapp(HELLO)).text
