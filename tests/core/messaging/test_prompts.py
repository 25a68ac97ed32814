"""What a digit answers, and what a tap means."""

import pytest

from core import clock
from core.database import transaction
from core.messaging import conversations, outbox, readers
from core.messaging.outbox import ANY_RATE, Outcome
from tests.factories import Person, Practice, minutes, owe

CHANNEL = "recording"
SENT = Outcome("sent")


@pytest.fixture
def amy(practice: Practice) -> Person:
    return practice.person("amy", CHANNEL)


def ask(practice: Practice, person: Person, question: str, seq: int = 1, life: int = 60) -> None:
    """A question is owed; its choices are named like it."""
    with transaction(practice.engine) as session:
        sealed = (
            person.home.key.seal(place, person.home.conversation_id, clear)
            for place, clear in (("outbox.payload", b"{}"), ("prompts.choices", question.encode()))
        )
        payload, choices = sealed
        until = clock.now(session) + minutes(life)
        owe(session, person.home, outbox.Message(seq, payload, question, choices, until))


def send(practice: Practice, outcome: Outcome = SENT) -> None:
    """The next message goes out, and comes to this."""
    with transaction(practice.engine) as session:
        claimed = outbox.claim(session, practice.vault, {CHANNEL: ANY_RATE})
        assert claimed is not None
        _, owed = claimed
        outbox.settle(session, owed, outcome)


def answered_by_digit(practice: Practice, person: Person, id: str = "digit") -> str | None:
    """Which question a digit answers that is received now, or was received before as message `id`."""
    person.write("1", id)
    with transaction(practice.engine) as session:
        (claimed,) = conversations.claim(session)
        turn = conversations.lock(session, practice.vault, claimed)
        assert turn is not None
        assert turn.message.external_id == id
        return None if turn.choices is None else turn.choices.decode()


def crossed_by_digit(practice: Practice, person: Person) -> str | None:
    """Which earlier question a digit may answer as well that is received now."""
    person.write("1")
    with transaction(practice.engine) as session:
        (claimed,) = conversations.claim(session)
        turn = conversations.lock(session, practice.vault, claimed)
        assert turn is not None
        return None if turn.crossed is None else turn.crossed.decode()


def tapped(practice: Practice, person: Person, token: str) -> str | None:
    """Which question a tap answers."""
    with transaction(practice.engine) as session:
        sealed = outbox.prompt(session, person.home.conversation_id, token)
    home = person.home
    return None if sealed is None else home.key.open("prompts.choices", home.conversation_id, sealed).decode()


class TestDigits:
    def test_a_digit_answers_the_newest_question(self, practice: Practice, amy: Person) -> None:
        for seq, question in enumerate(["which doctor?", "which time?"]):
            ask(practice, amy, question, seq)
            send(practice)
        assert answered_by_digit(practice, amy) == "which time?"

    def test_a_question_that_was_not_sent_yet_is_not_answered(self, practice: Practice, amy: Person) -> None:
        ask(practice, amy, "which doctor?", seq=1)
        send(practice)
        ask(practice, amy, "which time?", seq=2)
        assert answered_by_digit(practice, amy) == "which doctor?"

    def test_a_digit_that_came_before_the_question_was_sent_answers_the_one_before(
        self, practice: Practice, amy: Person
    ) -> None:
        ask(practice, amy, "which doctor?", seq=1)
        send(practice)
        amy.write("1", "early")
        ask(practice, amy, "which time?", seq=2)
        send(practice)
        assert answered_by_digit(practice, amy, "early") == "which doctor?"

    def test_nothing_was_asked(self, practice: Practice, amy: Person) -> None:
        assert answered_by_digit(practice, amy) is None

    def test_an_old_question_is_not_answered_and_none_before_it(self, practice: Practice, amy: Person) -> None:
        ask(practice, amy, "which doctor?", seq=1, life=600)
        send(practice)
        ask(practice, amy, "which time?", seq=2, life=-1)
        send(practice)
        assert answered_by_digit(practice, amy) is None

    def test_a_question_that_may_have_arrived_counts_as_sent(self, practice: Practice, amy: Person) -> None:
        ask(practice, amy, "which doctor?")
        send(practice, Outcome("unknown", error="timeout"))
        assert answered_by_digit(practice, amy) == "which doctor?"

    def test_a_question_whose_sender_died_counts_as_sent(self, practice: Practice, amy: Person) -> None:
        ask(practice, amy, "which doctor?")
        with transaction(practice.engine) as session:
            outbox.claim(session, practice.vault, {CHANNEL: ANY_RATE})
        practice.sql("UPDATE outbox SET leased_until = clock_timestamp() - interval '1 second'")
        with transaction(practice.engine) as session:
            outbox.expire_leases(session)
        assert answered_by_digit(practice, amy) == "which doctor?"

    @pytest.mark.parametrize("trouble", [Outcome("failed", error="blocked"), Outcome("due", error="busy")])
    def test_a_question_that_did_not_arrive_is_not_answered(
        self, practice: Practice, amy: Person, trouble: Outcome
    ) -> None:
        ask(practice, amy, "which doctor?")
        send(practice, trouble)
        assert answered_by_digit(practice, amy) is None

    def test_what_a_reader_has_shown_was_sent(self, practice: Practice) -> None:
        reader = practice.person("reader", "web")
        ask(practice, reader, "which doctor?", seq=1)
        ask(practice, reader, "which time?", seq=2)
        with transaction(practice.engine) as session:
            readers.seen(session, reader.home.address_id, 1)
        assert answered_by_digit(practice, reader) == "which doctor?"

    def test_the_clinics_clock_does_not_matter(self, practice: Practice, amy: Person) -> None:
        """A clock that was set back by months for a rehearsal still knows what came first."""
        practice.start_clock()
        ask(practice, amy, "which doctor?")
        send(practice)
        assert answered_by_digit(practice, amy) == "which doctor?"


class TestCrossing:
    """A digit may have been on its way to one question when the next one came."""

    @pytest.fixture(autouse=True)
    def asked_twice(self, practice: Practice, amy: Person) -> None:
        for seq, question in enumerate(["which time?", "will you come?"]):
            ask(practice, amy, question, seq)
            send(practice)

    def test_a_digit_right_after_a_question_may_answer_the_one_before(self, practice: Practice, amy: Person) -> None:
        assert crossed_by_digit(practice, amy) == "which time?"

    def test_a_minute_later_it_does_not(self, practice: Practice, amy: Person) -> None:
        practice.sql("UPDATE prompts SET sent_at = sent_at - interval '61 seconds'")
        assert crossed_by_digit(practice, amy) is None

    def test_a_question_that_was_answered_is_over(self, practice: Practice, amy: Person) -> None:
        amy.write("2")
        with transaction(practice.engine) as session:
            (claimed,) = conversations.claim(session)
            turn = conversations.lock(session, practice.vault, claimed)
            assert turn is not None
            conversations.finish(session, turn, b"{}", None, amy.home.address_id, [])
        assert crossed_by_digit(practice, amy) is None

    def test_a_question_whose_time_is_over_is_not_answered(self, practice: Practice, amy: Person) -> None:
        practice.sql("UPDATE prompts SET expires_at = now() WHERE token = 'which time?'")
        assert crossed_by_digit(practice, amy) is None

    def test_a_question_that_has_not_arrived_is_not_answered(self, practice: Practice, amy: Person) -> None:
        practice.sql("UPDATE prompts SET sent_at = NULL WHERE token = 'which time?'")
        assert crossed_by_digit(practice, amy) is None

    def test_what_was_asked_on_another_channel_is_not_answered_here(self, practice: Practice, amy: Person) -> None:
        other = practice.person("amy elsewhere", CHANNEL)
        practice.sql(
            "UPDATE outbox SET address_id = %(id)s WHERE id = (SELECT min(id) FROM outbox)", id=other.home.address_id
        )
        assert crossed_by_digit(practice, amy) is None


class TestTaps:
    def test_an_old_button_still_says_what_it_means(self, practice: Practice, amy: Person) -> None:
        ask(practice, amy, "which doctor?", seq=1, life=-600)
        ask(practice, amy, "which time?", seq=2)
        assert tapped(practice, amy, "which doctor?") == "which doctor?"
        assert tapped(practice, amy, "which time?") == "which time?"

    def test_a_button_of_somebody_else_means_nothing(self, practice: Practice, amy: Person) -> None:
        ask(practice, practice.person("ben", CHANNEL), "which doctor?")
        assert tapped(practice, amy, "which doctor?") is None
