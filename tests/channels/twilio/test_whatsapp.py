"""Chats on WhatsApp as a patient sees them: buttons, lists, its 24 hours, and an SMS where they are over."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.twilio import WHATSAPP, contents
from channels.twilio.listing import Item
from channels.twilio.whatsapp import open_whatsapp
from tests.channels.twilio.conftest import OURS, Chat, Desk, settings_for
from tests.fakes.twilio import faults
from tests.fakes.vendor.faults import Fault

WISH = "cleaning with Dr Lee Tuesday morning"


def says(chat: Chat, body: str) -> str:
    return chat.does(chat.person.texts_on_whatsapp(body)).text


def book(chat: Chat) -> str:
    """Amy introduces herself and books; returns the confirmation."""
    offer = chat.does(chat.person.texts_on_whatsapp(f"{WISH}, my name is Amy Lane, born May 3, 1990"))
    return str(chat.does(chat.person.picks(offer.items[0])))


def test_times_are_a_list_and_one_pick_books(amy: Chat) -> None:
    offer = amy.does(amy.person.texts_on_whatsapp(f"{WISH}, my name is Amy Lane, born May 3, 1990"))
    assert offer.opens == "Choose"
    assert offer.items == (
        "Tue, Mar 10, 8:00 AM", "Tue, Mar 10, 8:50 AM", "Tue, Mar 10, 9:40 AM", "More times", "Other day",
    )  # fmt: skip
    booked = amy.does(amy.person.picks("Tue, Mar 10, 8:00 AM"))
    assert booked.text.startswith("Booked for Amy: Cleaning with Dr Lee")
    assert booked.labels == ("Undo",)


def test_where_doctors_differ_they_stand_below_the_time(amy: Chat) -> None:
    offer = amy.does(amy.person.texts_on_whatsapp("a cleaning, first available"))
    named = [description for description in offer.descriptions if description]
    assert not named or all("Dr" in description for description in named)
    assert all(len(item) <= contents.LONGEST_ITEM for item in offer.items)


def test_a_button_is_tapped_hours_later_and_words_do_as_well(desk: Desk, amy: Chat) -> None:
    book(amy)
    assert amy.does(amy.person.taps("Undo")).text.startswith("Undone")
    book(amy)
    assert "is no longer booked" in says(amy, "undo")


def test_more_times_is_one_message_a_turn(desk: Desk, amy: Chat) -> None:
    says(amy, WISH)
    more = amy.does(amy.person.picks("More times"))
    assert more.items[-1] == "Back"
    assert len(amy.ours) == 2


def test_the_same_person_in_two_spellings_has_one_chat(desk: Desk) -> None:
    ana = Chat(desk, desk.twilio.person("+5491112345678"))
    says(ana, "hello")
    ana.person.is_spelled("+541112345678")
    says(ana, "hello again")
    assert desk.sql("SELECT count(*) FROM addresses WHERE channel = 'whatsapp'") == [(1,)]


def test_a_picture_reaches_staff(desk: Desk, amy: Chat) -> None:
    answer = amy.does(amy.person.sends_media(b"a rash", "image/jpeg", "what is this?", whatsapp=True))
    assert "passed it on to the people at the front desk" in answer.text
    assert desk.sql("SELECT status, size FROM attachments") == [("kept", 6)]


def test_words_that_stop_an_sms_are_words_here_unless_twilio_says_otherwise(desk: Desk, amy: Chat) -> None:
    says(amy, "STOP")
    assert desk.sql("SELECT unreachable FROM addresses WHERE channel = 'whatsapp'") == [(None,)]


# --- the 24 hours ----------------------------------------------------------------------------------------------------


def age(desk: Desk, hours: int) -> None:
    desk.sql("UPDATE inbox SET received_at = received_at - interval '1 hour' * %(hours)s", hours=hours)


def staff_say(desk: Desk, text: str) -> None:
    (conversation,) = desk.sql("SELECT conversation_id FROM addresses WHERE channel = 'whatsapp'")
    sam = desk.clinic.desk("Sam")
    sam.do(f"take {conversation[0]}")
    sam.do(f"say {text}")
    desk.deliver()


def test_after_a_day_what_we_say_goes_by_sms_once(desk: Desk, amy: Chat) -> None:
    says(amy, "hello")
    age(desk, 25)
    staff_say(desk, "Your letter is ready.")
    desk.twilio.wait_until(lambda: "Your letter is ready." in amy.ours[-1].text)
    assert not amy.ours[-1].whatsapp
    assert sum("Your letter is ready." in message.text for message in amy.ours) == 1
    assert desk.sql("SELECT channel, status FROM outbox ORDER BY id DESC LIMIT 1") == [("sms", "sent")]


def test_an_answer_by_sms_comes_to_the_same_chat(desk: Desk, amy: Chat) -> None:
    says(amy, "hello")
    age(desk, 25)
    staff_say(desk, "Your letter is ready.")
    desk.hears(amy.person.texts("thanks", OURS))
    assert len({conversation for (conversation,) in desk.sql("SELECT DISTINCT conversation_id FROM inbox")}) == 1


def test_within_a_day_it_goes_as_it_came(desk: Desk, amy: Chat) -> None:
    says(amy, "hello")
    age(desk, 23)
    staff_say(desk, "Your letter is ready.")
    desk.twilio.wait_until(lambda: "Your letter is ready." in amy.ours[-1].text)
    assert amy.ours[-1].whatsapp


def test_without_a_number_for_sms_staff_are_told(desk: Desk, amy: Chat) -> None:
    says(amy, "hello")
    age(desk, 25)
    desk.speakers[WHATSAPP] = open_whatsapp(replace(settings_for(desk.twilio), twilio_number=()))
    staff_say(desk, "Your letter is ready.")
    assert desk.sql("SELECT status, error FROM outbox ORDER BY id DESC LIMIT 1") == [("failed", "window_closed")]
    assert ("undelivered",) in desk.sql("SELECT reason FROM handoffs")


# --- what fits -------------------------------------------------------------------------------------------------------

labels = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zs")), min_size=1, max_size=60)


@given(st.lists(st.builds(Item, st.just("t.1"), labels, st.just("") | labels), min_size=1, max_size=14))
def test_any_choices_fit_into_what_whatsapp_shows(items: list[Item]) -> None:
    shape, filled = contents.shape(items), contents.values("text", items, "Choose")
    (kind,) = shape.types
    rows = shape.types[kind].get("actions") or shape.types[kind]["items"]
    names = [name.strip("{}") for row in rows for key, name in row.items() if key != "type"]
    assert set(names) <= set(filled)
    assert all(filled[name] for name in names)
    longest = contents.LONGEST_TITLE if "actions" in shape.types[kind] else contents.LONGEST_ITEM
    assert all(len(filled[row.get("title", row.get("item")).strip("{}")]) <= longest for row in rows)
    assert len(rows) <= (contents.MOST_BUTTONS if "actions" in shape.types[kind] else contents.MOST_ITEMS)


def test_a_shape_is_made_at_twilio_once(desk: Desk, amy: Chat) -> None:
    says(amy, WISH)
    says(amy, "Wednesday morning")
    made = [call for call in desk.twilio.ledger if call.method == "contents.create"]
    assert len({call.parameters["friendly_name"] for call in made}) == len(made)


@pytest.mark.parametrize("fault", [faults.server_error(500)], ids=["500"])
def test_a_list_that_cannot_be_made_now_is_made_later(desk: Desk, amy: Chat, fault: Fault) -> None:
    desk.twilio.will("contents.list", fault)
    desk.hears(amy.person.texts_on_whatsapp(WISH))
    desk.sql("UPDATE outbox SET due_at = now() WHERE status = 'due'")
    desk.deliver()
    desk.twilio.wait_until(lambda: amy.ours and amy.ours[-1].items)
