"""What nobody has asked for, on WhatsApp: freely within its 24 hours, by an approved text after that, by SMS otherwise; never twice."""

import json
from datetime import datetime, timedelta

import pytest

from bot.texts import languages
from channels.twilio import WHATSAPP, library, templates
from core.database import transaction
from core.messaging import inbox
from core.messaging.inbox import Sender
from frontdesk.reminding import Reminding
from frontdesk.ticks import tick
from tests import reminders
from tests.channels.twilio.conftest import AMY, OURS, Chat, Desk, Post
from tests.demo_clinic import VAULT
from tests.fakes.twilio import Content, faults

WORDS = "A reminder from"
LABELS = ("Confirm", "Move", "Cancel the visit")


@pytest.fixture(autouse=True)
def always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Meta decides is seen at once, and not after ten minutes."""
    monkeypatch.setattr(library, "FRESH_FOR", timedelta(0))


def approve(desk: Desk, *, approved: bool = True) -> Content:
    """The clinic has submitted its reminder to Meta."""
    with transaction(desk.clinic.engine) as session:
        clinic = desk.worker.directory.current(session)
    return reminders.submitted(desk.twilio, "reminder", clinic, approved=approved)


@pytest.fixture
def booked(desk: Desk, amy: Chat) -> Chat:
    """Amy has booked on WhatsApp."""
    wish = "cleaning with Dr Lee Tuesday morning, my name is Amy Lane, born May 3, 1990"
    offer = amy.does(amy.person.texts_on_whatsapp(wish))
    amy.does(amy.person.picks(offer.items[0]))
    return amy


def remind(desk: Desk, *, hours: int = 25) -> None:
    """She is reminded so many hours after she wrote last, as far as we know."""
    desk.sql("UPDATE inbox SET received_at = received_at - interval '1 hour' * %(hours)s", hours=hours)
    with transaction(desk.clinic.engine) as session:
        home = inbox.find_home(session, VAULT, Sender(WHATSAPP, OURS, AMY))
        assert home is not None
        reminders.remind(session, home)
    desk.deliver()


def reminded(chat: Chat) -> list[bool]:
    """The reminders that have arrived; was it on WhatsApp?"""
    return [message.whatsapp for message in chat.ours if WORDS in message.text]


def test_after_a_day_an_approved_text_reminds_and_its_buttons_act(desk: Desk, booked: Chat, post: Post) -> None:
    template = approve(desk)
    remind(desk)
    post.go_on()
    assert reminded(booked) == [True]
    assert booked.ours[-1].labels == LABELS
    assert desk.twilio.calls("create")[-1].parameters["ContentSid"] == template.sid
    assert "cancelled" in booked.does(booked.person.taps("Cancel the visit")).text.lower()


def test_what_twilio_is_given_is_the_template_and_what_stands_in_its_place(desk: Desk, booked: Chat) -> None:
    approve(desk)
    remind(desk)
    given = desk.twilio.calls("create")[-1].parameters
    assert "Body" not in given
    values = json.loads(given["ContentVariables"])
    assert [*values] == ["1", "2", "3", "4"]
    assert (values["1"], values["3"]) == ("Ben", "12 Commercial Street")


def test_a_visit_is_reminded_of_by_what_was_approved_and_confirmed_by_its_button(
    desk: Desk, booked: Chat, post: Post
) -> None:
    """From the plan to the phone: what the scheduler owes is what WhatsApp lets through."""
    approve(desk)
    tick(desk.clinic.engine, VAULT, "plan_reminders")
    desk.clinic.set_clock(datetime(2026, 3, 9, 19, 35))
    desk.sql("UPDATE inbox SET received_at = received_at - interval '25 hours'")
    assert Reminding(desk.clinic.engine, VAULT).remind() == 0  # an invented clinic reminds nobody on a real channel
    desk.sql("UPDATE reminders SET status = 'due', reason = NULL, settled_at = NULL WHERE reason = 'no_address'")
    assert Reminding(desk.clinic.engine, VAULT, for_demo=True).remind() == 1
    desk.deliver()
    post.go_on()
    assert reminded(booked) == [True]
    values = json.loads(desk.twilio.calls("create")[-1].parameters["ContentVariables"])
    assert (values["1"], values["3"]) == ("Amy", "12 Commercial Street, Portland, ME 04101")
    assert values["2"].startswith("Tuesday, March 10 at ")
    assert "We expect Amy on Tuesday, March 10" in booked.does(booked.person.taps("Confirm")).text
    assert desk.sql("SELECT confirmed_sequence FROM appointments WHERE confirmed_at IS NOT NULL") == [(0,)]


@pytest.mark.parametrize("submitted", [True, False])
def test_without_an_approved_text_it_is_an_sms(desk: Desk, booked: Chat, post: Post, submitted: bool) -> None:
    if submitted:
        approve(desk, approved=False)
    remind(desk)
    post.go_on()
    assert reminded(booked) == [False]


def test_within_the_day_it_needs_no_approval(desk: Desk, booked: Chat) -> None:
    remind(desk, hours=1)
    desk.twilio.wait_until(lambda: reminded(booked) == [True])
    assert booked.ours[-1].labels == LABELS


def test_where_whatsapp_says_no_to_free_words_the_approved_text_goes_and_no_sms(
    desk: Desk, booked: Chat, post: Post
) -> None:
    approve(desk)
    booked.person.cannot_get(63016)
    remind(desk, hours=1)
    for _ in range(3):
        post.go_on()
    assert reminded(booked) == [True]
    assert len(_reminders_to_twilio(desk)) == 2


@pytest.mark.parametrize("code", [63016, 63021, 63049])
def test_where_the_approved_text_fails_as_well_an_sms_goes_once(
    desk: Desk, booked: Chat, post: Post, code: int
) -> None:
    approve(desk)
    booked.person.cannot_get(63016, code)
    remind(desk, hours=1)
    for _ in range(4):
        post.go_on()
    assert reminded(booked) == [False]
    assert len(_reminders_to_twilio(desk)) == 3


def test_a_text_that_twilio_refuses_at_once_becomes_an_sms(desk: Desk, booked: Chat, post: Post) -> None:
    approve(desk)
    desk.twilio.will("create", faults.answers(400, 21656))
    remind(desk)
    post.go_on()
    assert reminded(booked) == [False]


def test_an_approval_that_meta_takes_back_is_seen(desk: Desk, booked: Chat, post: Post) -> None:
    template = approve(desk)
    remind(desk)
    template.submitted = False
    remind(desk)
    post.go_on()
    assert reminded(booked) == [True, False]


def test_a_call_that_may_have_arrived_is_looked_for_before_the_approved_text_goes_again(
    desk: Desk, booked: Chat, post: Post
) -> None:
    approve(desk)
    desk.twilio.will("create", faults.cut())
    remind(desk)
    desk.sql("UPDATE outbox SET due_at = now() WHERE status = 'due'")
    desk.deliver()
    post.go_on()
    assert reminded(booked) == [True]


def test_whoever_blocks_us_gets_no_other_text_and_staff_are_told(desk: Desk, booked: Chat, post: Post) -> None:
    approve(desk)
    booked.person.cannot_get(63014)
    remind(desk)
    for _ in range(3):
        post.go_on()
    assert reminded(booked) == []
    assert _reminders_to_twilio(desk) == [True]
    assert desk.sql("SELECT reason FROM handoffs") == [("undelivered",)]


@pytest.mark.parametrize("language", languages())
def test_an_approved_text_reads_as_the_one_that_was_submitted(desk: Desk, language: str) -> None:
    with transaction(desk.clinic.engine) as session:
        clinic = desk.worker.directory.current(session)
    for kind, template in templates.TEMPLATES.items():
        notice = reminders.notice(kind, language)
        text, values = templates.filled(notice, clinic)
        body = templates.content(kind, language, clinic)["types"]["twilio/quick-reply"]["body"]
        for number, value in values.items():
            body = body.replace(f"{{{{{number}}}}}", value)
        assert text == body
        assert len(notice.reply.choices) == len(template.buttons)


def _reminders_to_twilio(desk: Desk) -> list[bool]:
    """All calls that were to remind; did they go to WhatsApp?"""
    calls = desk.twilio.calls("create")[2:]
    return [str(call.parameters["To"]).startswith("whatsapp:") for call in calls]
