"""What becomes of a message when Telegram refuses, is busy, does not answer or is not there; and what fits."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram.error import NetworkError

from bot.messages import Payload, Reply, Say
from channels.delivery import MOST_ATTEMPTS
from channels.errors import Permanent
from channels.rendering import Button, parts
from channels.telegram import layout
from channels.telegram.send import Telegram
from core.messaging.outbox import Owed
from core.scheduling.directory import Directory
from tests.channels.telegram.conftest import ACCOUNT, TOKEN, Bot, Chat
from tests.fakes.telegram import FakeTelegram, faults
from tests.fakes.telegram.faults import Fault

TUESDAY = "Tue, Mar 10, 8:00 AM"


def newest(bot: Bot) -> tuple[Any, ...]:
    """Status, error and doubts of what was owed last."""
    (row,) = bot.sql("SELECT status, error, doubts FROM outbox ORDER BY id DESC LIMIT 1")
    return row


def go_on(bot: Bot) -> None:
    """The time for another try has come."""
    bot.sql("UPDATE outbox SET due_at = now() WHERE status = 'due'")
    bot.deliver()


# --- refusals and silence --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (faults.answers(403, "Forbidden: bot was blocked by the user"), ("failed", "blocked", 0)),
        (faults.answers(403, "Forbidden: user is deactivated"), ("failed", "deactivated", 0)),
        (faults.answers(403, "Forbidden: bot can't initiate conversation with a user"), ("failed", "not_started", 0)),
        (faults.answers(400, "Bad Request: chat not found"), ("failed", "chat_not_found", 0)),
        (faults.answers(400, "Bad Request: message is too long"), ("failed", "too_long", 0)),
        (faults.answers(400, "Bad Request: something new"), ("failed", "refused", 0)),
        (faults.answers(500, "Internal Server Error"), ("unknown", "no_answer", 1)),
        (faults.bad_gateway(), ("unknown", "no_answer", 1)),
        (faults.cut(), ("unknown", "no_answer", 1)),
        (faults.garbage(), ("unknown", "no_answer", 1)),
        (faults.busy(7), ("due", "busy", 0)),
        (faults.answers(401, "Unauthorized"), ("due", "token_refused", 0)),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_what_telegram_says_decides(bot: Bot, amy: Chat, fault: Fault, outcome: tuple[object, ...]) -> None:
    bot.telegram.will("sendMessage", fault)
    bot.hears(amy.person.writes("hello"))
    assert newest(bot) == outcome
    lost = outcome[1] in ("blocked", "deactivated", "not_started", "chat_not_found")
    assert bot.sql("SELECT unreachable FROM addresses WHERE channel = 'telegram'") == [(outcome[1] if lost else None,)]


def test_whoever_cannot_be_reached_at_all_is_tried_again_and_nothing_is_doubted(bot: Bot, amy: Chat) -> None:
    update = amy.person.writes("hello")
    with bot.telegram.unreachable():
        bot.hears(update)
        assert newest(bot) == ("due", "not_reached", 0)
        for _ in range(MOST_ATTEMPTS + 1):
            go_on(bot)
    go_on(bot)
    assert newest(bot) == ("sent", None, 0)
    assert len(amy.person.from_bot) == 1


def test_a_confirmation_of_which_nobody_knows_is_said_once_more(bot: Bot, amy: Chat) -> None:
    amy.says("cleaning with Dr Lee Tuesday morning, my name is Amy Lane, born May 3, 1990")
    bot.telegram.will("sendMessage", faults.cut())
    bot.hears(amy.person.taps(TUESDAY))
    assert newest(bot) == ("due", "no_answer", 1)
    go_on(bot)
    assert newest(bot) == ("sent", None, 1)
    assert sum("Booked for Amy" in message.text for message in amy.person.from_bot) == 2
    assert bot.sql("SELECT 1 FROM handoffs") == []


def test_a_confirmation_that_stays_in_doubt_is_shown_to_staff(bot: Bot, amy: Chat) -> None:
    amy.says("cleaning with Dr Lee Tuesday morning, my name is Amy Lane, born May 3, 1990")
    bot.telegram.will("sendMessage", faults.cut(), faults.cut())
    bot.hears(amy.person.taps(TUESDAY))
    go_on(bot)
    assert newest(bot) == ("unknown", "no_answer", 2)
    assert bot.sql("SELECT reason FROM handoffs") == [("undelivered",)]
    sam = bot.clinic.desk("Sam")
    assert "may not have got a message" in sam.do("list")
    (conversation,) = bot.sql("SELECT conversation_id FROM outbox ORDER BY id DESC LIMIT 1")
    assert "(may not have arrived: no_answer)" in sam.do(f"read {conversation[0]}")


def test_a_busy_chat_is_left_alone_for_exactly_as_long_as_telegram_says_and_others_are_not(bot: Bot, amy: Chat) -> None:
    ben = Chat(bot, bot.telegram.person(43, "Ben"))
    bot.telegram.will("sendMessage", faults.busy(7), chat=42)
    bot.hears(amy.person.writes("hello"), ben.person.writes("hello"))
    assert amy.person.from_bot == []
    assert len(ben.person.from_bot) == 1
    assert bot.sql("SELECT round(extract(epoch FROM due_at - clock_timestamp())) FROM outbox WHERE status = 'due'") == [
        (7,)
    ]
    bot.hears(amy.person.writes("are you there?"), ben.person.writes("where are you?"))
    assert amy.person.from_bot == []
    assert len(ben.person.from_bot) == 2
    assert bot.telegram.violations == []


# --- buttons and edits -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "moves"),
    [
        ("Bad Request: message to edit not found", True),
        ("Bad Request: message can't be edited", True),
        (
            "Bad Request: message is not modified: specified new message content and reply markup are exactly the same",
            False,
        ),
    ],
)
def test_a_page_whose_message_is_gone_comes_below_and_one_that_is_right_already_stays(
    bot: Bot, amy: Chat, said: str, moves: bool
) -> None:
    first = amy.says("cleaning with Dr Lee Tuesday morning")
    bot.telegram.will("editMessageText", faults.answers(400, said))
    second = amy.taps("More times")
    assert (second.message_id != first.message_id) == moves
    assert newest(bot) == ("sent", None, 0)


def test_a_tap_that_is_too_old_to_be_acknowledged_is_answered_all_the_same(bot: Bot, amy: Chat) -> None:
    amy.says("cleaning with Dr Lee Tuesday morning")
    too_old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    bot.telegram.will("answerCallbackQuery", faults.answers(400, too_old))
    assert "I am holding" in amy.taps(TUESDAY).text


def test_the_tap_is_acknowledged_before_anything_is_edited_or_said(bot: Bot, amy: Chat) -> None:
    amy.says("cleaning with Dr Lee Tuesday morning")
    before = len(bot.telegram.ledger)
    amy.taps(TUESDAY)
    called = [call.method for call in bot.telegram.ledger[before:]]
    assert called == ["answerCallbackQuery", "editMessageReplyMarkup", "sendMessage"]


def test_buttons_that_will_not_go_do_not_hold_up_the_answer(bot: Bot, amy: Chat) -> None:
    amy.says("cleaning with Dr Lee Tuesday morning")
    bot.telegram.will("editMessageReplyMarkup", faults.bad_gateway())
    assert "I am holding" in amy.taps(TUESDAY).text


@pytest.mark.parametrize("method", ["answerCallbackQuery", "editMessageReplyMarkup"])
def test_whoever_is_told_to_wait_while_tidying_up_waits_with_the_answer_too(bot: Bot, amy: Chat, method: str) -> None:
    amy.says("cleaning with Dr Lee Tuesday morning")
    bot.telegram.will(method, faults.busy(7))
    before = len(bot.telegram.calls("sendMessage"))
    amy.taps(TUESDAY)
    assert newest(bot) == ("due", "busy", 0)
    assert len(bot.telegram.calls("sendMessage")) == before
    assert bot.telegram.violations == []


def test_a_button_carries_a_token_and_nothing_that_could_be_guessed_or_read(bot: Bot, amy: Chat) -> None:
    amy.says("cleaning with Dr Lee Tuesday morning")
    call = bot.telegram.calls("sendMessage")[-1]
    buttons = [button for row in call.parameters["reply_markup"]["inline_keyboard"] for button in row]
    assert all(len(button["callback_data"].encode()) <= 64 for button in buttons)
    assert not any(character.isspace() for button in buttons for character in button["callback_data"])
    assert "parse_mode" not in call.parameters


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_file_that_cannot_be_fetched_now_is_fetched_later_and_in_the_end_given_up(bot: Bot, amy: Chat) -> None:
    bot.telegram.will("getFile", *[faults.bad_gateway()] * 10)
    amy.does(amy.person.sends_photo())
    assert bot.sql("SELECT status, attempts, error FROM attachments") == [("wanted", 1, "not_fetched")]
    for _ in range(4):
        bot.sql("UPDATE attachments SET due_at = now()")
        bot.deliver()
    assert bot.sql("SELECT status, attempts, error, reference FROM attachments") == [("failed", 5, "not_fetched", None)]


def test_a_file_that_telegram_does_not_have_any_more_is_given_up(bot: Bot, amy: Chat) -> None:
    bot.telegram.will("getFile", faults.answers(400, "Bad Request: file is too big"))
    amy.does(amy.person.sends_photo())
    assert bot.sql("SELECT status, error FROM attachments") == [("failed", "refused")]


# --- the contact button, and what fits -------------------------------------------------------------------------------


def payload(*says: Say, asks_number: bool = False) -> Payload:
    return Payload(Reply(says, asks_number=asks_number), "en")


@pytest.fixture
def say(telegram: FakeTelegram) -> Callable[[Payload], None]:
    """Says something to person 42, without a clinic around it."""
    telegram.person(42).starts()
    speaker = Telegram({ACCOUNT: TOKEN}, telegram.url)

    def say(what: Payload) -> None:
        speaker.send(Owed(1, 1, 1, ACCOUNT, "42", 1, b""), what, Directory())

    return say


def test_where_a_number_is_needed_a_button_shares_it(telegram: FakeTelegram, say: Callable[[Payload], None]) -> None:
    amy = telegram.person(42)
    say(payload(Say("booking.contact"), asks_number=True))
    assert amy.keyboard == ["Share my number"]
    assert amy.taps("Share my number")["message"]["contact"]["user_id"] == 42


def test_a_text_that_is_too_long_comes_in_pieces_cut_between_sentences(
    telegram: FakeTelegram, say: Callable[[Payload], None]
) -> None:
    long = " ".join(f"This is sentence number {n}." for n in range(300))
    say(payload(Say("staff.said", {"name": "Sam", "text": long})))
    pieces = [message.text for message in telegram.person(42).from_bot]
    assert len(pieces) == 3
    assert all(piece.endswith(".") for piece in pieces)
    assert " ".join(pieces) == f"Sam: {long}"


def test_no_bot_of_ours_is_a_reason_and_not_a_traceback(telegram: FakeTelegram) -> None:
    speaker = Telegram({}, telegram.url)
    with pytest.raises(Permanent, match="no_such_account"):
        speaker.send(Owed(1, 1, 1, ACCOUNT, "42", 1, b""), payload(Say("welcome")), Directory())
    speaker.close()


@given(st.text(alphabet=st.sampled_from("ab .\n!🙂é"), max_size=300), st.integers(min_value=8, max_value=60))
def test_pieces_fit_and_lose_nothing_but_spaces(text: str, longest: int) -> None:
    pieces = parts(text, longest)
    assert all(len(piece.encode("utf-16-le")) // 2 <= longest for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


def test_short_options_stand_in_two_columns_long_ones_in_one_and_ways_on_below() -> None:
    short = [Button("t", "Tue, Mar 10, 8:00 AM")] * 3
    long = [Button("t", "Tue, Mar 10, 8:00 AM, Dr Haddad")] * 2
    ways = [Button("t", "More times", "more"), Button("t", "Other day", "change")]
    assert [len(row) for row in layout.rows([*short, *ways])] == [2, 1, 2]
    assert [len(row) for row in layout.rows([*long, *ways])] == [1, 1, 2]


def test_a_group_is_written_to_twenty_times_a_minute_and_a_person_once_a_second(telegram: FakeTelegram) -> None:
    speaker = Telegram({}, telegram.url)
    assert speaker.address_rate("-1001").interval.total_seconds() == 60 / 20
    assert speaker.address_rate("42").interval.total_seconds() == 1
    speaker.close()


def test_an_error_whose_words_are_new_is_doubted_and_not_repeated() -> None:
    from channels.telegram import faults as ours

    assert type(ours.meaning(NetworkError("what is this"))).__name__ == "Unknown"
