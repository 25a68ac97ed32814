"""What Twilio says later of a message: in any order, twice, too early, and what follows from each of its codes."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.twilio import SMS
from channels.twilio.codes import CODES, Blame
from channels.twilio.fates import Fates
from core.database import run, transaction
from core.messaging import fates, inbox, outbox
from core.messaging.inbox import Sender
from core.messaging.outbox import Outcome, Owed, Rate
from tests.channels.twilio.conftest import OURS, Desk, Post
from tests.demo_clinic import VAULT
from tests.factories import Practice
from tests.fakes.bell import SilentBell
from tests.fakes.twilio import Person

# --- one message, and all that can be said of it ---------------------------------------------------------------------


@dataclass
class Sent:
    """A message of the practice that Twilio has taken as SM1, or is about to take."""

    practice: Practice
    bell: SilentBell = field(default_factory=SilentBell)

    def __post_init__(self) -> None:
        self.fates = Fates(self.practice.engine, self.bell)
        self.practice.forget_chats()
        self.practice.newcomer(channel=SMS).owe(
            "chat.welcome", is_vital=True, token="a", choices=b"", expires_at=self.practice.now
        )
        ((self.id,),) = self.practice.sql("SELECT id FROM outbox")

    def claim(self) -> Owed:
        """A sender is about to call Twilio."""
        self.practice.sql("UPDATE outbox SET due_at = now(); UPDATE addresses SET next_at = '-infinity'")
        with transaction(self.practice.engine) as session:
            claimed = outbox.claim(session, VAULT, {SMS: Rate()})
        assert claimed is not None
        return claimed[1]

    def settle(self, owed: Owed, outcome: Outcome) -> None:
        with transaction(self.practice.engine) as session:
            outbox.settle(session, owed, outcome)

    def go(self, sid: str = "SM1") -> None:
        """It is sent."""
        self.settle(self.claim(), Outcome("sent", vendor_id=sid))

    def hears(self, state: str, code: str = "", *, sid: str = "SM1", outbox_id: str | None = None) -> None:
        fields = {"MessageSid": sid, "MessageStatus": state, "ErrorCode": code}
        self.fates.take(str(self.id) if outbox_id is None else outbox_id, fields)

    def stands(self) -> tuple[Any, ...]:
        """Its status, its error and its fate."""
        ((status, error, fate),) = self.practice.sql("SELECT status, error, fate FROM outbox")
        return status, error, fate

    @property
    def handoffs(self) -> list[str]:
        return [reason for (reason,) in self.practice.sql("SELECT reason FROM handoffs ORDER BY id")]

    def begin_again(self) -> None:
        """As if nothing had been said of it yet."""
        self.practice.sql(
            "UPDATE outbox SET status = 'sent', vendor_id = 'SM1', fate = NULL, error = NULL, settled_at = now(), attempts = 1;"
            "UPDATE addresses SET unreachable = NULL, unreachable_at = NULL"
        )


@pytest.fixture
def owed(lasting_practice: Practice) -> Sent:
    """A message that nobody has handed over yet."""
    return Sent(lasting_practice)


@pytest.fixture
def sent(owed: Sent) -> Sent:
    owed.go()
    return owed


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([*fates.RANKS]), min_size=1, max_size=8))
def test_a_fate_never_goes_back_in_whatever_order_it_is_told(sent: Sent, states: list[str]) -> None:
    """Doubled and late ones too: the text fails for good, so that nothing goes again."""
    sent.begin_again()
    ranks = []
    for state in states:
        sent.hears(state, "30007" if state in fates.FAILED else "")
        ranks.append(fates.RANKS[sent.stands()[2]])
    assert ranks == sorted(ranks)
    assert ranks[-1] == max(fates.RANKS[state] for state in states)
    ends = [state for state in states if fates.RANKS[state] >= 4]
    if ends and "read" not in ends:
        assert sent.stands()[2] == ends[0]  # of two ends the first one counts
    if not set(ends) & fates.FAILED:
        assert sent.stands()[:2] == ("sent", None)


def test_what_is_said_of_others_changes_nothing(sent: Sent) -> None:
    before = sent.stands()
    for outbox_id in ("", "0", str(sent.id + 1), "9" * 18, "9" * 30, "x", "²"):
        sent.hears("failed", "30003", outbox_id=outbox_id)
    sent.hears("failed", "30003", sid="SM2")
    sent.hears("failed", "30003", sid="")
    sent.hears("thought of")
    sent.hears("")
    assert (sent.stands(), sent.handoffs, sent.bell.rings) == (before, [], [])


def test_a_message_that_was_never_handed_over_has_no_fate(owed: Sent) -> None:
    for state in fates.RANKS:
        owed.hears(state, "30003")
    assert (owed.stands(), owed.handoffs) == (("due", None, None), [])


@pytest.mark.parametrize("state", ["sent", "delivered"])
def test_good_news_may_come_before_the_call_has_returned(owed: Sent, state: str) -> None:
    claimed = owed.claim()
    owed.hears(state)
    owed.settle(claimed, Outcome("sent", vendor_id="SM1"))
    assert owed.stands() == ("sent", None, state)
    assert owed.practice.broken_promises() == {}


def test_bad_news_may_come_before_the_call_has_returned(owed: Sent) -> None:
    """And again, and doubled: it is tried once more, then staff are told."""
    for sid, expected in [
        ("SM1", ("due", "unknown_error", "again")),
        ("SM2", ("failed", "unknown_error", "undelivered")),
    ]:
        claimed = owed.claim()
        for _ in range(2):
            owed.hears("undelivered", "30008", sid=sid)
        assert owed.stands() == expected
        owed.settle(claimed, Outcome("sent", vendor_id=sid))
        owed.hears("undelivered", "30008", sid=sid)
        assert owed.stands() == expected
        assert owed.practice.broken_promises() == {}
    assert owed.handoffs == ["undelivered"]
    assert owed.bell.rings == ["outbox", "outbox"]


def test_news_of_the_first_try_say_nothing_of_the_second(sent: Sent) -> None:
    """A doubled failure once stood in the way of all that was told of the second try."""
    sent.hears("sent")
    sent.hears("undelivered", "30003")
    for _ in range(2):
        sent.hears("undelivered", "30003")
        sent.hears("sent")
    assert sent.stands() == ("due", "handset_off", "again")
    claimed = sent.claim()
    sent.hears("undelivered", "30003")
    assert sent.stands() == ("sending", "handset_off", "again")
    sent.settle(claimed, Outcome("sent", vendor_id="SM2"))
    sent.hears("undelivered", "30003")
    assert sent.stands() == ("sent", None, "again")
    sent.hears("delivered", sid="SM2")
    assert (sent.stands(), sent.handoffs) == (("sent", None, "delivered"), [])


def test_what_fails_twice_for_a_passing_reason_does_not_pass(sent: Sent) -> None:
    """Settling forgets the code of the time before: this once went on for ever."""
    sent.hears("undelivered", "30008")
    sent.go("SM2")
    sent.hears("undelivered", "30003", sid="SM2")
    assert (sent.stands(), sent.handoffs) == (("failed", "handset_off", "undelivered"), ["undelivered"])
    assert sent.practice.broken_promises() == {}


def test_a_message_of_which_nobody_knew_is_known_once_twilio_speaks_of_it(owed: Sent) -> None:
    owed.settle(owed.claim(), Outcome("unknown", error="no_answer", checkable=True))
    assert owed.stands() == ("due", "no_answer", None)
    owed.hears("undelivered", "30007")
    assert (owed.stands(), owed.handoffs) == (("failed", "filtered", "undelivered"), ["undelivered"])
    assert owed.practice.broken_promises() == {}


def test_an_address_that_is_found_again_is_not_lost_by_old_news(sent: Sent) -> None:
    sent.hears("undelivered", "30005")
    sent.practice.sql("UPDATE addresses SET unreachable = NULL, unreachable_at = NULL")
    sent.hears("undelivered", "30005")
    assert sent.practice.sql("SELECT unreachable FROM addresses WHERE unreachable IS NOT NULL") == []
    assert sent.handoffs == ["undelivered"]


def test_a_code_that_is_ours_to_mend_is_in_the_log(sent: Sent, capsys: pytest.CaptureFixture[str]) -> None:
    sent.hears("undelivered", "30034")
    assert "not_registered" in capsys.readouterr().err


# --- through the whole -----------------------------------------------------------------------------------------------


def codes_of(blame: Blame) -> list[int]:
    return [code for code, verdict in CODES.items() if verdict.blame == blame]


def people(desk: Desk, codes: list[int], *, times: int = 1, is_vital: bool = True) -> dict[int, Person]:
    """Somebody for each code, who has written and whose answer comes to that, so many times; nothing was told of it yet."""
    persons = {code: desk.twilio.person(f"+1207555{number:04}") for number, code in enumerate(codes, start=100)}
    for code, person in persons.items():
        person.cannot_get(*[code] * times)
        desk.store(person.texts("where are you?"))
    desk.worker.answer_waiting()
    if is_vital:
        desk.sql("UPDATE outbox SET is_vital = true")
    desk.deliver()
    return persons


def rows(desk: Desk) -> list[tuple[object, ...]]:
    return desk.sql("SELECT status, error FROM outbox ORDER BY id")


def handoffs(desk: Desk) -> list[object]:
    return [reason for (reason,) in desk.sql("SELECT reason FROM handoffs ORDER BY conversation_id, id")]


def unreachable(desk: Desk) -> list[object]:
    return [
        why for (why,) in desk.sql("SELECT unreachable FROM addresses WHERE channel IN ('sms', 'whatsapp') ORDER BY id")
    ]


def test_a_number_that_takes_nothing_is_marked_and_staff_are_told(desk: Desk, post: Post) -> None:
    codes = [code for code in codes_of("number") if code != 21610]
    people(desk, codes, is_vital=False)
    post.go_on()
    words = [CODES[code].code for code in codes]
    assert unreachable(desk) == words
    assert rows(desk) == [("failed", word) for word in words]
    assert handoffs(desk) == ["undelivered"] * len(codes)
    assert len(desk.twilio.calls("create")) == len(codes)


def test_an_opt_out_of_which_we_hear_by_a_failure_is_one(desk: Desk, post: Post) -> None:
    """As where a service holds the list, and refuses a message only after it was taken."""
    people(desk, [21610])
    post.go_on()
    assert unreachable(desk) == ["opted_out"]
    assert rows(desk) == [("failed", "opted_out")]
    assert desk.sql("SELECT purpose, given, wording FROM consents") == [("messages", False, "opted_out")]


def test_what_fails_for_a_passing_reason_goes_once_more(desk: Desk, post: Post) -> None:
    codes = codes_of("passing")
    persons = people(desk, codes)
    desk.sql("UPDATE addresses SET next_at = '-infinity'")
    post.go_on()
    assert rows(desk) == [("sent", None)] * len(codes)
    assert all(len(person.messages) == 1 for person in persons.values())
    assert handoffs(desk) == []


def test_what_fails_again_for_a_passing_reason_has_failed(desk: Desk, post: Post) -> None:
    codes = codes_of("passing")
    people(desk, codes, times=3)
    post.go_on()
    post.go_on()
    assert rows(desk) == [("failed", CODES[code].code) for code in codes]
    assert handoffs(desk) == ["undelivered"] * len(codes)
    assert len(desk.twilio.calls("create")) == 2 * len(codes)


def test_a_text_that_does_not_go_fails_and_staff_hear_of_what_matters(desk: Desk, post: Post) -> None:
    codes = [*codes_of("text"), *codes_of("ours"), 99999]
    words = [*(CODES[code].code for code in codes[:-1]), "twilio_99999"]
    people(desk, codes, is_vital=False)
    post.go_on()
    assert rows(desk) == [("failed", word) for word in words]
    assert handoffs(desk) == []
    people(desk, codes, is_vital=True)
    post.go_on()
    assert rows(desk) == [("failed", word) for word in words * 2]
    assert handoffs(desk) == ["undelivered"] * len(codes)
    assert set(unreachable(desk)) == {None}
    assert len(desk.twilio.calls("create")) == 2 * len(codes)


def on_whatsapp(desk: Desk, number: str = "+12075550142") -> Person:
    """Somebody who has written there, and is to be answered."""
    person = desk.twilio.person(number)
    desk.store(person.texts_on_whatsapp("where are you?"))
    desk.worker.answer_waiting()
    return person


def also_texts(desk: Desk, number: str = "+12075550142") -> None:
    """The newest conversation on WhatsApp has this number by SMS too."""
    ((conversation_id,),) = desk.sql("SELECT max(conversation_id) FROM addresses WHERE channel = 'whatsapp'")
    assert isinstance(conversation_id, int)
    with transaction(desk.clinic.engine) as session:
        assert inbox.settle_beside(session, VAULT, Sender(SMS, OURS, number), conversation_id) is not None


def shown_on(person: Person) -> list[bool]:
    """Of what the clinic said: was it on WhatsApp?"""
    return [message.whatsapp for message in person.messages]


def test_what_whatsapp_no_longer_takes_goes_by_sms_to_the_same_number_once(desk: Desk, post: Post) -> None:
    """A1: the create call says 201, and the failure comes later. Whether we have texted with them or not; after one try or several."""
    numbers = ["+12075550142", "+12075550143"]
    persons = [on_whatsapp(desk, number) for number in numbers]
    also_texts(desk, numbers[-1])
    desk.sql("UPDATE outbox SET attempts = 3 WHERE id = (SELECT max(id) FROM outbox)")
    for person in persons:
        person.cannot_get(63016)
    desk.deliver()
    for _ in range(3):
        post.go_on()
    assert rows(desk) == [("sent", None)] * 2
    assert [shown_on(person) for person in persons] == [[False], [False]]
    assert handoffs(desk) == []
    assert sorted(str(call.to) for call in desk.twilio.calls("create")) == sorted(numbers * 2)
    assert desk.sql("SELECT channel FROM outbox") == [("sms",)] * 2


def test_where_somebody_else_texts_from_that_number_staff_are_told(desk: Desk, post: Post) -> None:
    stranger = desk.twilio.person("+12075550142")
    desk.hears(stranger.texts("where are you?"))
    person = on_whatsapp(desk)
    person.cannot_get(63016)
    desk.deliver()
    post.go_on()
    assert rows(desk) == [("sent", None), ("failed", "window_closed")]
    assert handoffs(desk) == ["undelivered"]


def test_whoever_blocks_us_on_whatsapp_is_told_by_sms(desk: Desk, post: Post) -> None:
    person = on_whatsapp(desk)
    also_texts(desk)
    person.cannot_get(63014)
    desk.deliver()
    post.go_on()
    assert rows(desk) == [("sent", None)]
    assert shown_on(person) == [False]
    assert unreachable(desk) == ["blocked", None]
    assert handoffs(desk) == []


def test_others_may_be_answered_before_what_goes_again(desk: Desk, post: Post) -> None:
    """It settles behind what was owed later, and that is as it should be."""
    person = desk.twilio.person("+12075550142")
    person.cannot_get(30008)
    desk.hears(person.texts("where are you?"))
    desk.hears(person.texts("when are you open?"))
    post.go_on()
    assert rows(desk) == [("sent", None)] * 2
    assert len(person.messages) == 2
    with transaction(desk.clinic.engine) as session:
        settled = run(session, "SELECT settled_at FROM outbox ORDER BY id").fetchall()
    assert settled[0] > settled[1]
