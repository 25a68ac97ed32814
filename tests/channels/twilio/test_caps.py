"""How much goes out at most, however it comes to be owed: codes, money, conversations that we begin. Then staff are told."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from channels.twilio import SMS, WHATSAPP, caps, library
from channels.twilio.send import open_sms
from channels.twilio.whatsapp import open_whatsapp
from core.database import transaction
from core.messaging import inbox, outbox
from core.messaging.inbox import Home
from core.messaging.outbox import ANSWER, CODE, REMINDER
from tests import reminders
from tests.channels.twilio.conftest import OURS, Chat, Desk, Post, settings_for
from tests.demo_clinic import VAULT
from tests.factories import owe, said
from tests.fakes.twilio import faults
from tests.fakes.twilio.people import Person

PRICE = Decimal("0.01")


def grant(desk: Desk, **changes: Any) -> None:
    """The clinic's settings, but for these."""
    settings = replace(settings_for(desk.twilio), **changes)
    desk.speakers = {SMS: open_sms(settings), WHATSAPP: open_whatsapp(settings)}


def writes(desk: Desk, number: str) -> Home:
    """Somebody texts the clinic; returns where their chat lives."""
    desk.hears(desk.twilio.person(number).texts("hello", OURS))
    with transaction(desk.clinic.engine) as session:
        home = inbox.find_home(session, VAULT, inbox.Sender(SMS, OURS, number))
    assert home is not None
    return home


def owes(desk: Desk, home: Home, priority: int, key: str = "at_rest", *, is_vital: bool = False) -> None:
    """The clinic owes them one more message, and sends what it may."""
    with transaction(desk.clinic.engine) as session:
        sealed = home.key.seal("outbox.payload", home.conversation_id, said(key))
        owe(session, home, outbox.Message(99, sealed, priority=priority, is_vital=is_vital))
    desk.deliver()


def newest(desk: Desk) -> tuple[object, ...]:
    return desk.sql("SELECT status, error FROM outbox ORDER BY id DESC LIMIT 1")[0]


def to_mend(desk: Desk) -> list[tuple[object, ...]]:
    return desk.sql("SELECT code FROM troubles WHERE closed_at IS NULL")


def used(desk: Desk, what: str) -> object:
    return desk.sql("SELECT used FROM quotas WHERE what = %(what)s", what=what)[0][0]


def test_a_number_gets_three_codes_in_ten_minutes(desk: Desk) -> None:
    home = writes(desk, "+12075550142")
    for _ in range(3):
        owes(desk, home, CODE)
        assert newest(desk) == ("sent", None)
    owes(desk, home, CODE)
    assert newest(desk) == ("failed", "many_codes")
    desk.sql("UPDATE quotas SET until = until - interval '10 minutes'")
    owes(desk, home, CODE)
    assert newest(desk) == ("sent", None)
    assert to_mend(desk) == []


def test_a_range_of_numbers_gets_no_more_codes_than_patients_would_want_and_staff_are_told(desk: Desk) -> None:
    homes = [writes(desk, f"+1207555{number:04}") for number in range(100, 100 + caps.RANGE + 1)]
    for home in homes[:-1]:
        owes(desk, home, CODE)
        assert newest(desk) == ("sent", None)
    owes(desk, homes[-1], CODE)
    assert newest(desk) == ("failed", "many_codes")
    assert to_mend(desk) == [("many_codes",)]
    owes(desk, homes[-1], ANSWER)
    assert newest(desk) == ("sent", None)


def test_when_the_days_money_is_used_up_reminders_wait_answers_have_a_quarter_of_it_and_staff_are_told(
    desk: Desk,
) -> None:
    home = writes(desk, "+12075550142")
    spent = used(desk, caps.MONEY)
    assert isinstance(spent, Decimal)
    grant(desk, twilio_segment_price=PRICE, twilio_daily_budget=spent + 4 * PRICE)
    desk.sql("UPDATE quotas SET used = %(used)s WHERE what = %(what)s", used=spent, what=caps.MONEY)
    room = (spent + 4 * PRICE) * Decimal("0.75")
    desk.sql(
        "INSERT INTO quotas VALUES (%(what)s, %(used)s, 1, now() + interval '1 day')", used=room, what=caps.UNASKED
    )
    owes(desk, home, REMINDER)
    assert newest(desk) == ("due", "budget_used_up")
    assert to_mend(desk) == [("budget_used_up",)]
    ben = writes(desk, "+12075550143")
    assert newest(desk) == ("sent", None)
    for _ in range(4):
        owes(desk, ben, ANSWER)
    assert newest(desk)[0] == "due"
    grant(desk, twilio_daily_budget=Decimal(50))
    desk.sql("UPDATE outbox SET due_at = now() WHERE status = 'due'")
    desk.deliver()
    assert desk.sql("SELECT DISTINCT status FROM outbox") == [("sent",)]


def test_in_an_emergency_nobody_counts_money(desk: Desk, amy: Chat) -> None:
    grant(desk, twilio_daily_budget=Decimal(0))
    desk.hears(amy.person.texts("I have chest pain"))
    assert any("911" in message.text for message in amy.ours)


def test_a_text_costs_by_the_segment(desk: Desk, amy: Chat) -> None:
    grant(desk, twilio_segment_price=PRICE)
    amy.texts("hello")
    segments = sum(message.segments for message in amy.ours)
    assert used(desk, caps.MONEY) == PRICE * segments


def test_what_did_not_go_costs_nothing_and_what_may_have_gone_does(desk: Desk, amy: Chat) -> None:
    grant(desk, twilio_segment_price=PRICE)
    desk.twilio.will("create", faults.busy(), faults.cut())
    desk.hears(amy.person.texts("hello"))
    assert used(desk, caps.MONEY) == 0
    desk.sql("UPDATE outbox SET due_at = now() WHERE status = 'due'")
    desk.deliver_one()
    assert newest(desk) == ("due", "no_answer")
    desk.twilio.wait_until(lambda: amy.ours)
    assert used(desk, caps.MONEY) == PRICE * amy.ours[-1].segments


def test_where_no_more_conversations_may_begin_today_it_is_an_sms(
    desk: Desk, amy: Chat, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "FRESH_FOR", timedelta(0))
    grant(desk, twilio_daily_conversations=1)
    with transaction(desk.clinic.engine) as session:
        clinic = desk.worker.directory.current(session)
    reminders.submitted(desk.twilio, "reminder", clinic)
    people = [_books(desk, "+12075550142", "Amy"), _books(desk, "+12075550143", "Ben")]
    desk.sql("UPDATE inbox SET received_at = received_at - interval '25 hours'")
    for person in people:
        _reminds(desk, person)
    post.go_on()
    assert [person.messages[-1].whatsapp for person in people] == [True, False]
    assert all("A reminder from" in person.messages[-1].text for person in people)


def _books(desk: Desk, number: str, name: str) -> Person:
    person = desk.twilio.person(number)
    chat = Chat(desk, person)
    wish = f"cleaning with Dr Lee Tuesday morning, my name is {name} Lane, born May 3, 1990"
    offer = chat.does(person.texts_on_whatsapp(wish))
    chat.does(person.picks(offer.items[0]))
    return person


def _reminds(desk: Desk, person: Person) -> None:
    with transaction(desk.clinic.engine) as session:
        home = inbox.find_home(session, VAULT, inbox.Sender(WHATSAPP, OURS, person.number))
        assert home is not None
        reminders.remind(session, home)
    desk.deliver()


def test_what_the_clinic_has_to_mend_stands_on_the_desk_until_it_is_mended_and_again_when_it_is_not(
    desk: Desk, amy: Chat
) -> None:
    desk.twilio.will("create", faults.answers(401, 20003), faults.answers(401, 20003))
    desk.hears(amy.person.texts("hello"))
    sam = desk.clinic.desk("Sam")
    assert "token_refused: Twilio does not take TWILIO_AUTH_TOKEN" in sam.do("list")
    assert "off the list" in sam.do("mended token_refused")
    assert "token_refused" not in sam.do("list")
    assert "not on the list" in sam.do("mended token_refused")
    desk.sql("UPDATE outbox SET due_at = now() WHERE status = 'due'")
    desk.deliver()
    assert "token_refused" in sam.do("list")


def test_a_code_of_a_receipt_that_is_ours_to_mend_stands_there_too(desk: Desk, amy: Chat, post: Post) -> None:
    amy.person.cannot_get(30034)
    desk.hears(amy.person.texts("hello"))
    post.carry()
    assert to_mend(desk) == [("not_registered",)]
