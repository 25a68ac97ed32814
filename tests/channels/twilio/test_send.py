"""What becomes of an SMS when Twilio refuses, is busy, does not answer or is not there; to whom one goes at all; and what was missed."""

from typing import Any

import pytest

from channels.delivery import MOST_ATTEMPTS
from channels.errors import Unreachable
from channels.twilio import SMS
from channels.twilio.gsm import LONGEST
from channels.twilio.kinds import LONG_CODE
from channels.twilio.send import require_mobile
from core.config import Settings
from core.database import transaction
from core.messaging.outbox import MOST_LOOKS
from frontdesk.ticks import tick
from tests.channels.twilio.conftest import Chat, Desk, settings_for
from tests.demo_clinic import VAULT
from tests.fakes.twilio import FakeTwilio, faults
from tests.fakes.vendor.faults import Fault


def newest(desk: Desk) -> tuple[Any, ...]:
    """Status, error and doubts of what was owed last."""
    (row,) = desk.sql("SELECT status, error, doubts FROM outbox ORDER BY id DESC LIMIT 1")
    return row


def go_on(desk: Desk) -> None:
    """The time for another try has come."""
    desk.sql("UPDATE outbox SET due_at = now() WHERE status = 'due'")
    desk.deliver()


def creates(twilio: FakeTwilio) -> int:
    return len([call for call in twilio.ledger if call.method == "create" and call.happened])


@pytest.mark.parametrize(
    ("code", "status", "outcome"),
    [
        (21211, 400, ("failed", "bad_number", 0)),
        (21614, 400, ("failed", "no_mobile", 0)),
        (21610, 400, ("failed", "opted_out", 0)),
        (21408, 400, ("due", "country_closed", 0)),
        (20429, 429, ("due", "busy", 0)),
        (20003, 401, ("due", "token_refused", 0)),
        (21617, 400, ("failed", "too_long", 0)),
        (29999, 400, ("failed", "twilio_29999", 0)),
        (20500, 500, ("due", "no_answer", 1)),
        (20503, 503, ("due", "no_answer", 1)),
    ],
)
def test_what_twilio_says_decides(desk: Desk, amy: Chat, code: int, status: int, outcome: tuple[object, ...]) -> None:
    desk.twilio.will("create", faults.answers(status, code))
    desk.hears(amy.person.texts("hello"))
    assert newest(desk) == outcome


@pytest.mark.parametrize("fault", [faults.cut(), faults.garbage()], ids=["cut", "garbage"])
def test_a_message_of_which_nobody_knows_is_looked_for_before_it_is_said_again(
    desk: Desk, amy: Chat, fault: Fault
) -> None:
    desk.twilio.will("create", fault)
    desk.hears(amy.person.texts("hello"))
    assert newest(desk) == ("due", "no_answer", 1)
    go_on(desk)
    assert newest(desk) == ("sent", None, 1)
    assert creates(desk.twilio) == 1
    desk.twilio.wait_until(lambda: len(amy.ours) == 1)


def test_a_message_that_never_arrived_is_said_again_until_it_does(desk: Desk, amy: Chat) -> None:
    desk.twilio.will("create", faults.refuse(), faults.refuse(), faults.refuse())
    desk.hears(amy.person.texts("hello"))
    for _ in range(3):
        go_on(desk)
    assert newest(desk) == ("sent", None, 3)
    assert creates(desk.twilio) == 1


def test_what_is_lost_again_and_again_stays_unknown(desk: Desk, amy: Chat) -> None:
    desk.twilio.will("create", *[faults.refuse()] * (MOST_LOOKS + 1))
    desk.hears(amy.person.texts("hello"))
    for _ in range(MOST_LOOKS + 1):
        go_on(desk)
    assert newest(desk) == ("unknown", "no_answer", MOST_LOOKS + 1)
    assert creates(desk.twilio) == 0


@pytest.mark.parametrize("arrived", [True, False])
def test_what_a_sender_left_when_it_died_is_looked_for_and_arrives_once(desk: Desk, amy: Chat, arrived: bool) -> None:
    desk.hears(amy.person.texts("hello"))
    if not arrived:
        desk.twilio.will("create", faults.refuse())
        desk.hears(amy.person.texts("where are you?"))
    desk.sql(
        "UPDATE outbox SET status = 'sending', leased_until = now(), vendor_id = NULL WHERE id = (SELECT max(id) FROM outbox)"
    )
    tick(desk.clinic.engine, VAULT, "expire_sends")
    go_on(desk)
    assert newest(desk)[0] == "sent"
    assert creates(desk.twilio) == 1 + (not arrived)


def test_whoever_cannot_be_reached_at_all_is_tried_again_and_nothing_is_doubted(desk: Desk, amy: Chat) -> None:
    told = amy.person.texts("hello")
    with desk.twilio.unreachable():
        desk.hears(told)
        assert newest(desk) == ("due", "not_reached", 0)
        for _ in range(MOST_ATTEMPTS + 1):
            go_on(desk)
    go_on(desk)
    assert newest(desk) == ("sent", None, 0)


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("+12075550142", None),
        ("+4915112345678", "country_closed"),
        ("+19005550100", "no_mobile"),  # premium
        ("+18005550100", "no_mobile"),  # toll-free: nobody's telephone
        ("12345", "bad_number"),
    ],
)
def test_texts_go_to_mobile_numbers_of_our_countries_only(number: str, why: str | None) -> None:
    if why is None:
        require_mobile(number, ("US",))
        return
    with pytest.raises(Unreachable, match=why):
        require_mobile(number, ("US",))


def test_an_answer_to_a_foreign_number_costs_nothing_and_staff_see_it(desk: Desk) -> None:
    eve = Chat(desk, desk.twilio.person("+4915112345678"))
    desk.hears(eve.person.texts("hello"))
    assert newest(desk) == ("failed", "country_closed", 0)
    assert creates(desk.twilio) == 0
    assert desk.sql("SELECT reason FROM handoffs") == [("undelivered",)]


def test_a_long_text_counts_all_of_its_segments_against_the_pace(desk: Desk, amy: Chat) -> None:
    desk.store(amy.person.texts("cleaning with Dr Lee Tuesday morning"))
    desk.worker.answer_waiting()
    desk.hurry()
    assert desk.deliver_one()
    ((seconds,),) = desk.sql("SELECT extract(epoch FROM next_at - clock_timestamp())::float8 FROM paces")
    segments = amy_segments(desk, amy)
    assert segments >= 2
    assert isinstance(seconds, float)
    assert segments - 1 < seconds <= segments / LONG_CODE.segments_per_second


def amy_segments(desk: Desk, amy: Chat) -> int:
    desk.twilio.wait_until(lambda: amy.ours)
    return amy.ours[-1].segments


def test_an_answer_is_kept_for_an_hour_and_not_for_longer(desk: Desk, amy: Chat) -> None:
    amy.texts("hello")
    (call,) = [call for call in desk.twilio.ledger if call.method == "create"]
    assert call.parameters["ValidityPeriod"] == "3600"
    assert call.parameters["StatusCallback"].startswith(
        f"http://127.0.0.1:1/webhooks/twilio/{desk.twilio.account}/status?outbox="
    )
    assert len(call.parameters["Body"]) <= LONGEST


def test_what_never_reached_us_is_taken_in_once(desk: Desk, amy: Chat) -> None:
    known, missed = amy.person.texts("hello"), amy.person.texts("where are you?")
    desk.store(known)
    for expected in ([False, True], [False, False]):
        with transaction(desk.clinic.engine) as session:
            kept = [keep(session, VAULT) for keep in desk.speakers[SMS].missed()]
        assert sorted(kept) == expected
    desk.answer()
    desk.twilio.wait_until(lambda: "12 Commercial Street" in amy.ours[-1].text)
    assert missed["MessageSid"] in {str(id) for (id,) in desk.sql("SELECT external_id FROM inbox")}


def test_a_stop_that_was_missed_is_not_taken_in_after_the_start_that_took_it_back(desk: Desk, amy: Chat) -> None:
    amy.texts("hello")
    amy.person.texts("STOP")  # whose webhook is lost
    desk.hears(amy.person.texts("START"))
    with transaction(desk.clinic.engine) as session:
        assert [keep(session, VAULT) for keep in desk.speakers[SMS].missed()] == [False, False]
    assert amy.texts("where are you?")


def test_a_stop_that_was_missed_is_obeyed(desk: Desk, amy: Chat) -> None:
    amy.texts("hello")
    amy.person.texts("STOP")
    with transaction(desk.clinic.engine) as session:
        assert [keep(session, VAULT) for keep in desk.speakers[SMS].missed()] == [False, True]
    desk.answer()
    assert desk.sql("SELECT unreachable FROM addresses WHERE channel = 'sms'") == [("opted_out",)]


def test_who_does_not_want_to_be_asked_twice_says_so(twilio: FakeTwilio) -> None:
    from channels.twilio.send import open_sms

    settings = settings_for(twilio)
    silent = Settings(**{**vars(settings), "twilio_reconcile": False})
    assert [*open_sms(silent).missed()] == []
