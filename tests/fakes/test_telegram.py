"""The fake Telegram is judged by two libraries that have talked to the real one for years: they understand its answers."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.bot_libraries import NAMES, Libraries, Library
from tests.fakes.telegram import FakeTelegram, Group, ManualClock, Person, faults, refusals, updates
from tests.fakes.telegram.fake import TOKEN
from tests.fakes.telegram.updates import Json

# Of values that will be timedelta one day.
pytestmark = pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning")

HOOK = "http://127.0.0.1:9/hook"


@pytest.fixture(scope="module")
def libraries() -> Iterator[Libraries]:
    libraries = Libraries()
    yield libraries
    libraries.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def telegram(clock: ManualClock) -> Iterator[FakeTelegram]:
    with FakeTelegram(clock) as telegram:
        telegram.bot()
        yield telegram


@pytest.fixture(params=NAMES)
def library(request: pytest.FixtureRequest, libraries: Libraries, telegram: FakeTelegram) -> Library:
    library = libraries.by_name[request.param]
    library.connect(telegram.url, TOKEN)
    return library


@pytest.fixture
def amy(telegram: FakeTelegram) -> Person:
    """She has pressed Start."""
    amy = telegram.person(7, "Amy")
    amy.starts()
    return amy


@pytest.fixture
def group(telegram: FakeTelegram, amy: Person) -> Group:
    group = telegram.group(-50, "Family")
    group.adds(telegram.bot(), by=amy)
    return group


def answer_to(telegram: FakeTelegram) -> Json:
    """The JSON of the newest answer."""
    answer: Json = telegram.ledger[-1].answer
    return answer


# What goes well.


def test_a_bot_knows_who_it_is(telegram: FakeTelegram, library: Library) -> None:
    me = library.call("get_me")
    assert (me.id, me.username, me.is_bot, me.first_name) == (123456, "clinic_bot", True, "Clinic")
    assert me.can_read_all_group_messages is False


def test_a_message_is_stored_and_given_back_as_it_was_understood(library: Library, amy: Person) -> None:
    sent = library.call("send_message", chat_id=7, text=" Hi <b>you</b> ", parse_mode="HTML")
    assert (sent.chat.id, sent.text, sent.from_user.id) == (7, "Hi you", 123456)
    assert [(each.type, each.offset, each.length) for each in sent.entities] == [("bold", 3, 3)]
    assert sent.date == datetime(2026, 3, 9, 8, 55, tzinfo=UTC)
    assert amy.sees == ["Hi you"]
    assert amy.last.message_id == sent.message_id == 2


def test_entities_may_be_given_as_such_and_beyond_a_hundred_they_are_dropped(library: Library, amy: Person) -> None:
    bold = [library.types.MessageEntity(type="bold", offset=n, length=1) for n in range(101)]
    sent = library.call("send_message", chat_id=7, text="x" * 101, entities=bold)
    assert len(sent.entities) == 100


def test_a_reply_names_what_it_answers(library: Library, amy: Person) -> None:
    written = amy.writes("hello")["message"]["message_id"]
    sent = library.call("send_message", chat_id=7, text="Hi", reply_parameters=_reply_to(library, written))
    assert (sent.reply_to_message.message_id, sent.reply_to_message.text) == (written, "hello")


def _reply_to(library: Library, message_id: int) -> Any:
    return library.types.ReplyParameters(message_id=message_id)


def test_a_keyboard_is_shown_until_an_edit_comes_without_it(library: Library, amy: Person) -> None:
    sent = library.call(
        "send_message", chat_id=7, text="When?", reply_markup=library.inline(["9:00", "9:30"], ["More"])
    )
    assert [[button.text for button in row] for row in sent.reply_markup.inline_keyboard] == [
        ["9:00", "9:30"],
        ["More"],
    ]
    assert amy.sees == ["When? [9:00] [9:30] [More]"]
    edited = library.call("edit_message_text", chat_id=7, message_id=sent.message_id, text="9:00 it is.")
    assert (edited.text, edited.reply_markup, edited.edit_date is not None) == ("9:00 it is.", None, True)
    assert (amy.sees, amy.last.edited) == (["9:00 it is."], True)


def test_a_keyboard_is_exchanged_alone(library: Library, amy: Person) -> None:
    sent = library.call("send_message", chat_id=7, text="When?", reply_markup=library.inline(["9:00"]))
    where = {"chat_id": 7, "message_id": sent.message_id}
    library.call("edit_message_reply_markup", **where, reply_markup=library.inline(["10:00"]))
    assert amy.sees == ["When? [10:00]"]
    library.call("edit_message_reply_markup", **where)
    assert amy.sees == ["When?"]


def test_a_tap_arrives_with_its_data_and_is_answered(telegram: FakeTelegram, library: Library, amy: Person) -> None:
    sent = library.call("send_message", chat_id=7, text="Sure?", reply_markup=library.inline([("Yes", "token")]))
    amy.taps("Yes")
    query = library.call("get_updates")[-1].callback_query
    assert (query.data, query.from_user.id, query.message.message_id) == ("token", 7, sent.message_id)
    assert amy.answered_taps == []
    assert library.call("answer_callback_query", callback_query_id=query.id, text="Done") is True
    assert [tap.answer["text"] for tap in amy.answered_taps if tap.answer] == ["Done"]


def test_stale_and_foreign_taps_arrive_too(telegram: FakeTelegram, library: Library, amy: Person) -> None:
    sent = library.call("send_message", chat_id=7, text="Sure?", reply_markup=library.inline([("Yes", "token")]))
    library.call("edit_message_text", chat_id=7, message_id=sent.message_id, text="Too late.")
    with pytest.raises(LookupError):
        amy.taps("Yes")
    amy.taps_stale(sent.message_id, "Yes")
    amy.taps_data("somebody else's")
    assert [update.callback_query.data for update in library.call("get_updates")[-2:]] == ["token", "somebody else's"]


def test_a_tap_on_a_deleted_message_carries_a_message_that_cannot_be_seen(library: Library, amy: Person) -> None:
    sent = library.call("send_message", chat_id=7, text="Sure?", reply_markup=library.inline(["Yes"]))
    assert library.call("delete_message", chat_id=7, message_id=sent.message_id) is True
    assert amy.sees == []
    amy.taps_stale(sent.message_id, "Yes")
    tapped = library.call("get_updates")[-1].callback_query.message
    assert tapped.message_id == sent.message_id
    assert tapped.date in {0, datetime.fromtimestamp(0, UTC)}  # aiogram leaves it as it comes


def test_a_button_below_the_chat_is_written_or_shares_the_number(library: Library, amy: Person) -> None:
    library.call("send_message", chat_id=7, text="?", reply_markup=library.keyboard("Share", request_contact=True))
    assert amy.keyboard == ["Share"]
    amy.taps("Share")
    contact = library.call("get_updates")[-1].message.contact
    assert (contact.user_id, contact.phone_number) == (7, "+12075550101")
    library.call("send_message", chat_id=7, text="Thanks", reply_markup=library.types.ReplyKeyboardRemove())
    assert amy.keyboard == []


def test_typing_is_shown(library: Library, amy: Person) -> None:
    assert library.call("send_chat_action", chat_id=7, action="typing") is True


def test_commands_are_kept_by_scope_and_language(library: Library, amy: Person) -> None:
    command = library.types.BotCommand(command="menu", description="What I can do")
    menu = library.types.BotCommand(command="menu", description="Was ich kann")
    here = library.types.BotCommandScopeChat(chat_id=7)
    library.call("set_my_commands", commands=[command])
    library.call("set_my_commands", commands=[menu], scope=here, language_code="de")
    assert [each.description for each in library.call("get_my_commands")] == ["What I can do"]
    told = library.call("get_my_commands", scope=here, language_code="de")
    assert [each.description for each in told] == ["Was ich kann"]
    assert list(library.call("get_my_commands", language_code="fr")) == []


def test_descriptions_are_kept_by_language(library: Library) -> None:
    library.call("set_my_description", description="Books visits.")
    library.call("set_my_description", description="Bucht Besuche.", language_code="de")
    assert library.call("get_my_description", language_code="de").description == "Bucht Besuche."
    assert library.call("get_my_description", language_code="fr").description == "Books visits."
    library.call("set_my_short_description", short_description="Books.")
    assert library.call("get_my_short_description").short_description == "Books."


def test_a_document_is_sent_and_sent_again_by_its_id(library: Library, amy: Person) -> None:
    sent = library.call("send_document", chat_id=7, document=library.upload(b"%PDF", "visit.pdf"), caption="Your visit")
    assert (sent.document.file_name, sent.document.file_size, sent.caption) == ("visit.pdf", 4, "Your visit")
    assert library.download(sent.document.file_id) == b"%PDF"
    again = library.call("send_document", chat_id=7, document=sent.document.file_id)
    assert again.document.file_unique_id == sent.document.file_unique_id


def test_what_people_send_can_be_downloaded(telegram: FakeTelegram, library: Library, amy: Person) -> None:
    amy.sends_voice(b"OggS voice", duration=2)
    voice = library.call("get_updates")[-1].message.voice
    assert library.download(voice.file_id) == b"OggS voice"
    assert [call.method for call in telegram.ledger[-2:]] == ["getFile", "download"]


def test_a_bot_leaves_a_group(library: Library, group: Group) -> None:
    assert library.call("leave_chat", chat_id=group.id) is True
    with pytest.raises(library.raises.forbidden):
        library.call("send_message", chat_id=group.id, text="Hello?")


def test_a_webhook_is_set_shown_and_deleted(clock: ManualClock, library: Library) -> None:
    kinds = ["message", "callback_query"]
    arguments = {"secret_token": "s-3_T", "max_connections": 7, "allowed_updates": kinds}
    assert library.call("set_webhook", url=HOOK, **arguments) is True
    info = library.call("get_webhook_info")
    assert (info.url, info.max_connections, list(info.allowed_updates)) == (HOOK, 7, kinds)
    assert info.pending_update_count == 0
    assert library.call("delete_webhook") is True
    assert library.call("get_webhook_info").url == ""


def test_one_server_serves_several_bots(telegram: FakeTelegram, library: Library, amy: Person) -> None:
    other = telegram.bot("99:OTHER", "other_bot")
    amy.at(other).starts()
    assert [update.message.text for update in library.call("get_updates")] == ["/start"]
    library.connect(telegram.url, "99:OTHER")
    assert library.call("get_me").username == "other_bot"
    library.call("send_message", chat_id=7, text="From the other")
    assert (amy.sees, amy.at(other).sees) == ([], ["From the other"])


# Polling.


def test_an_offset_confirms_everything_below_it(library: Library, amy: Person) -> None:
    for text in ("one", "two", "three"):
        amy.writes(text)
    first, second = library.call("get_updates", limit=2)
    assert [first.message.text, second.message.text] == ["/start", "one"]
    assert second.update_id == first.update_id + 1
    again = library.call("get_updates", limit=1)
    assert [update.update_id for update in again] == [first.update_id]
    rest = library.call("get_updates", offset=second.update_id + 1)
    assert [update.message.text for update in rest] == ["two", "three"]
    assert [update.message.text for update in library.call("get_updates", offset=-1)] == ["three"]
    assert [update.message.text for update in library.call("get_updates")] == ["three"]


def test_a_long_poll_ends_when_something_happens(telegram: FakeTelegram, library: Library, amy: Person) -> None:
    offset = library.call("get_updates")[-1].update_id + 1
    waiting = library.start("get_updates", offset=offset, timeout=50)
    telegram.wait_until(lambda: telegram.bot().poller is not None)
    amy.writes("at last")
    assert [update.message.text for update in waiting.result(5)] == ["at last"]


def test_a_long_poll_ends_when_its_time_is_over(telegram: FakeTelegram, clock: ManualClock, library: Library) -> None:
    waiting = library.start("get_updates", timeout=20)
    telegram.wait_until(lambda: telegram.bot().poller is not None)
    clock.advance(19)
    assert not waiting.done()
    clock.advance(1)
    assert list(waiting.result(5)) == []


def test_kinds_that_were_not_asked_for_do_not_come_until_they_are(library: Library, amy: Person) -> None:
    library.call("get_updates", allowed_updates=["message"])
    amy.edits(amy.writes("one"), "two")
    updates_now = library.call("get_updates")
    assert [update.message.text for update in updates_now] == ["/start", "one"]
    library.call("get_updates", allowed_updates=["message", "edited_message"])
    amy.edits(2, "three")
    assert library.call("get_updates")[-1].edited_message.text == "three"


def test_of_two_pollers_the_older_one_is_told(telegram: FakeTelegram, library: Library) -> None:
    older = library.start("get_updates", timeout=50)
    telegram.wait_until(lambda: telegram.bot().poller is not None)
    library.call("get_updates")
    with pytest.raises(library.raises.conflict) as told:
        older.result(5)
    assert refusals.OTHER_POLLER.removeprefix("Conflict: ") in str(told.value)


def test_polling_and_a_webhook_exclude_each_other(telegram: FakeTelegram, library: Library) -> None:
    waiting = library.start("get_updates", timeout=50)
    telegram.wait_until(lambda: telegram.bot().poller is not None)
    library.call("set_webhook", url=HOOK)
    with pytest.raises(library.raises.conflict):
        waiting.result(5)
    with pytest.raises(library.raises.conflict):
        library.call("get_updates")
    assert answer_to(telegram)["description"] == refusals.WEBHOOK_ACTIVE


# What is refused.

KEYBOARD = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}


def _buttons(*rows: int) -> Json:
    return {"inline_keyboard": [[{"text": "x", "callback_data": "x"}] * number for number in rows]}


def _button(**button: str) -> Json:
    return {"inline_keyboard": [[button]]}


def _html(text: str) -> Json:
    return {"chat_id": 7, "text": text, "parse_mode": "HTML"}


def _markdown(text: str) -> Json:
    return {"chat_id": 7, "text": text, "parse_mode": "MarkdownV2"}


def _with(markup: Json, chat_id: int = 7) -> Json:
    return {"chat_id": chat_id, "text": "?", "reply_markup": markup}


def _edit(message_id: int, text: str = "new") -> Json:
    return {"chat_id": 7, "message_id": message_id, "text": text}


CANNOT = "can't parse entities: "
REFUSED: list[tuple[str, Json, int, str]] = [
    ("send_message", {"chat_id": 7, "text": " "}, 400, "message text is empty"),
    ("send_message", {"chat_id": 7, "text": "x" * 4097}, 400, "message is too long"),
    ("send_message", {"chat_id": 7, "text": "😀" * 2049}, 400, "message is too long"),
    ("send_message", {"chat_id": 8, "text": "Hi"}, 400, "chat not found"),
    ("send_message", {"chat_id": "@nobody", "text": "Hi"}, 400, "chat not found"),
    ("send_message", {"chat_id": 9, "text": "Hi"}, 403, "bot was blocked by the user"),
    ("send_message", {"chat_id": 10, "text": "Hi"}, 403, "user is deactivated"),
    ("send_message", {"chat_id": 11, "text": "Hi"}, 403, "bot can't initiate conversation with a user"),
    ("send_message", {"chat_id": -60, "text": "Hi"}, 403, "bot was kicked from the group chat"),
    ("send_message", {"chat_id": -1001, "text": "Hi"}, 403, "bot was kicked from the supergroup chat"),
    ("send_message", {"chat_id": -70, "text": "Hi"}, 400, "chat not found"),
    ("send_message", _html("<b>x"), 400, CANNOT + 'Can\'t find end tag corresponding to start tag "b"'),
    (
        "send_message",
        _html("é<b>x</i>"),
        400,
        CANNOT + 'Unmatched end tag at byte offset 6, expected "</b>", found "</i>"',
    ),
    ("send_message", _html("x</b>"), 400, CANNOT + "Unexpected end tag at byte offset 1"),
    ("send_message", _html("<br>"), 400, CANNOT + 'Unsupported start tag "br" at byte offset 0'),
    ("send_message", _html("1 < 2"), 400, CANNOT + 'Unsupported start tag "" at byte offset 2'),
    ("send_message", _html("x <b"), 400, CANNOT + "Unclosed start tag at byte offset 2"),
    (
        "send_message",
        _markdown("9.30"),
        400,
        CANNOT + "Character '.' is reserved and must be escaped with the preceding '\\'",
    ),
    ("send_message", _markdown("a [b"), 400, CANNOT + "Can't find end of TextUrl entity at byte offset 2"),
    ("send_message", _markdown("a *b"), 400, CANNOT + "Can't find end of Bold entity at byte offset 2"),
    (
        "send_message",
        _markdown("a]"),
        400,
        CANNOT + "Character ']' is reserved and must be escaped with the preceding '\\'",
    ),
    ("send_message", {"chat_id": 7, "text": "x", "parse_mode": "BBCode"}, 400, "unsupported parse_mode"),
    ("send_message", _with(_button(text="Yes", callback_data="")), 400, "BUTTON_DATA_INVALID"),
    ("send_message", _with(_button(text="Yes", callback_data="é" * 33)), 400, "BUTTON_DATA_INVALID"),
    ("send_message", _with(_button(text=" ", callback_data="x")), 400, "inline keyboard button text must be non-empty"),
    (
        "send_message",
        _with(_button(text="Yes")),
        400,
        "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
    ),
    ("send_message", _with(_buttons(*[8] * 12, 5)), 400, "reply markup is too long"),
    ("send_message", _with(_buttons(9)), 400, "BUTTON_ROW_TOO_LONG"),
    ("send_message", _with({"keyboard": [[{"text": ""}]]}), 400, "keyboard button text must be non-empty"),
    (
        "send_message",
        _with({"keyboard": [[{"text": "Share", "request_contact": True}]]}, chat_id=-50),
        400,
        "phone number can be requested in private chats only",
    ),
    (
        "send_message",
        {"chat_id": 7, "text": "x", "reply_parameters": {"message_id": 99}},
        400,
        "message to be replied not found",
    ),
    ("edit_message_text", _edit(2, "Hello"), 400, refusals.NOT_MODIFIED),
    ("edit_message_text", {**_edit(3, "Sure?"), "reply_markup": KEYBOARD}, 400, refusals.NOT_MODIFIED),
    (
        "edit_message_reply_markup",
        {"chat_id": 7, "message_id": 3, "reply_markup": KEYBOARD},
        400,
        refusals.NOT_MODIFIED,
    ),
    ("edit_message_reply_markup", {"chat_id": 7, "message_id": 2}, 400, refusals.NOT_MODIFIED),
    ("edit_message_text", _edit(99), 400, "message to edit not found"),
    ("edit_message_text", _edit(1), 400, "message can't be edited"),
    ("edit_message_text", _edit(4), 400, "message can't be edited"),
    ("edit_message_text", _edit(5), 400, "there is no text in the message to edit"),
    ("edit_message_text", _edit(2, ""), 400, "message text is empty"),
    ("edit_message_text", {**_edit(2), "chat_id": 9}, 403, "bot was blocked by the user"),
    ("delete_message", {"chat_id": 7, "message_id": 99}, 400, "message to delete not found"),
    ("delete_message", {"chat_id": -50, "message_id": 1}, 400, "message can't be deleted"),
    ("answer_callback_query", {"callback_query_id": "4711"}, 400, refusals.QUERY_TOO_OLD),
    ("answer_callback_query", {"callback_query_id": "4711", "text": "x" * 201}, 400, "MESSAGE_TOO_LONG"),
    ("send_chat_action", {"chat_id": 7, "action": "sleeping"}, 400, "wrong parameter action in request"),
    ("send_document", {"chat_id": 7, "document": "nonsense"}, 400, "wrong file identifier/HTTP URL specified"),
    ("get_file", {"file_id": "nonsense"}, 400, "wrong file_id or the file is temporarily unavailable"),
    ("leave_chat", {"chat_id": 7}, 400, "chat member status can't be changed in private chats"),
    ("set_my_description", {"description": "x" * 513}, 400, "description is too long"),
    ("set_my_short_description", {"short_description": "x" * 121}, 400, "short description is too long"),
    ("set_webhook", {"url": "ftp://127.0.0.1/"}, 400, "invalid webhook URL specified"),
    ("set_webhook", {"url": "http://example.org/"}, 400, "bad webhook: An HTTPS URL must be provided for webhook"),
    ("set_webhook", {"url": HOOK, "secret_token": "no spaces"}, 400, "secret token contains unallowed characters"),
    ("set_webhook", {"url": HOOK, "secret_token": "x" * 257}, 400, "secret token is too long"),
]


@pytest.fixture
def town(telegram: FakeTelegram, library: Library, amy: Person, group: Group) -> None:
    """Everybody to whom something can go wrong."""
    library.call("send_message", chat_id=7, text="Hello")
    library.call("send_message", chat_id=7, text="Sure?", reply_markup=library.inline([("Yes", "yes")]))
    library.call("send_message", chat_id=7, text="Below", reply_markup=library.keyboard("x"))
    library.call("send_document", chat_id=7, document=library.upload(b"x", "x.txt"))
    for user_id in (9, 10):
        telegram.person(user_id).starts()
    telegram.person(9).blocks()
    telegram.person(10).deactivates()
    group.writes(telegram.person(11), "/hello")
    for group_id in (-60, -1001):
        telegram.group(group_id).adds(telegram.bot(), by=amy)
        telegram.group(group_id).kicks(telegram.bot(), by=amy)


@pytest.mark.usefixtures("town")
def test_what_telegram_refuses_is_refused_in_its_words(
    telegram: FakeTelegram, clock: ManualClock, library: Library
) -> None:
    """One server for all, as each leaves it as it was."""
    before = telegram.person(7).messages
    for method, arguments, code, words in REFUSED:
        clock.advance(1)  # setWebhook may be called once a second
        with _named(f"{method} {arguments}"), pytest.raises(library.raises.of(code), match=f"(?i){re.escape(words)}"):
            library.call(method, **_typed(library, arguments))
        prefix = {400: "Bad Request", 403: "Forbidden"}[code]
        assert answer_to(telegram) == {"ok": False, "error_code": code, "description": f"{prefix}: {words}"}
    assert telegram.person(7).messages == before
    assert (telegram.errors, telegram.violations) == ([], [])


@contextmanager
def _named(what: str) -> Iterator[None]:
    """A failure says of what."""
    try:
        yield
    except BaseException as error:
        error.add_note(what)
        raise


def _typed(library: Library, arguments: Json) -> Json:
    """The same arguments in the library's own types."""
    made = dict(arguments)
    markup = made.get("reply_markup", {})
    if "inline_keyboard" in markup:
        rows = [[library.types.InlineKeyboardButton(**button) for button in row] for row in markup["inline_keyboard"]]
        made["reply_markup"] = library.types.InlineKeyboardMarkup(inline_keyboard=rows)
    if "keyboard" in markup:
        button = markup["keyboard"][0][0]
        asks = isinstance(button, dict) and button.get("request_contact", False)
        label = button["text"] if isinstance(button, dict) else button
        made["reply_markup"] = library.keyboard(label, request_contact=asks)
    if "reply_parameters" in made:
        made["reply_parameters"] = library.types.ReplyParameters(**made["reply_parameters"])
    return made


@pytest.mark.parametrize(
    ("commands", "words"),
    [
        ([("Menu", "upper case")], "BOT_COMMAND_INVALID"),
        ([("x" * 33, "long")], "BOT_COMMAND_INVALID"),
        ([("menu", "")], "BOT_COMMAND_DESCRIPTION_INVALID"),
        ([("menu", "x" * 257)], "BOT_COMMAND_DESCRIPTION_INVALID"),
        ([("menu", "one of too many")] * 101, "BOT_COMMANDS_TOO_MUCH"),
    ],
    ids=["upper case", "a long name", "no description", "a long description", "too many"],
)
def test_broken_commands_are_refused(library: Library, commands: list[tuple[str, str]], words: str) -> None:
    made = [library.types.BotCommand(command=name, description=said) for name, said in commands]
    with pytest.raises(library.raises.bad_request, match=f"(?i){words}"):
        library.call("set_my_commands", commands=made)


def test_a_tap_can_be_answered_for_seconds_only(clock: ManualClock, library: Library, amy: Person) -> None:
    library.call("send_message", chat_id=7, text="Sure?", reply_markup=library.inline(["Yes"]))
    query_id = amy.taps("Yes")["callback_query"]["id"]
    clock.advance(16)
    with pytest.raises(library.raises.bad_request, match="uery is too old"):
        library.call("answer_callback_query", callback_query_id=query_id)
    assert amy.answered_taps == []


def test_a_message_can_be_deleted_for_two_days_and_edited_for_ever(
    clock: ManualClock, library: Library, amy: Person
) -> None:
    sent = library.call("send_message", chat_id=7, text="Hello")
    clock.advance(48 * 3600 + 1)
    with pytest.raises(library.raises.bad_request, match="essage can't be deleted for everyone"):
        library.call("delete_message", chat_id=7, message_id=sent.message_id)
    library.call("edit_message_text", chat_id=7, message_id=sent.message_id, text="Gone")
    assert amy.sees == ["Gone"]


def test_files_that_are_too_large_are_refused(telegram: FakeTelegram, library: Library, amy: Person) -> None:
    telegram.world.largest_upload = telegram.world.largest_download = 10
    with pytest.raises(library.raises.too_large):
        library.call("send_document", chat_id=7, document=library.upload(b"x" * 11, "x.txt"))
    assert answer_to(telegram)["error_code"] == 413
    amy.sends_document(b"x" * 11)
    with pytest.raises(library.raises.bad_request, match="ile is too big"):
        library.call("get_file", file_id=library.call("get_updates")[-1].message.document.file_id)


def test_a_caption_is_shorter_than_a_text(telegram: FakeTelegram, library: Library, amy: Person) -> None:
    with pytest.raises(library.raises.bad_request, match="essage caption is too long"):
        library.call("send_document", chat_id=7, document=library.upload(b"x", "x.txt"), caption="x" * 1025)


def test_a_wrong_token_and_an_unknown_method_are_noted(telegram: FakeTelegram, library: Library, amy: Person) -> None:
    library.connect(telegram.url, "123456:WRONG")
    with pytest.raises(library.raises.unauthorized):
        library.call("get_me")
    library.connect(telegram.url, TOKEN)
    with pytest.raises(library.raises.not_found):
        library.call("send_dice", chat_id=7)
    assert telegram.errors == ["a call with a token of no bot", "sendDice is not known here"]


def test_a_webhook_is_not_set_twice_within_a_second(clock: ManualClock, library: Library) -> None:
    library.call("set_webhook", url=HOOK)
    with pytest.raises(library.raises.too_many):
        library.call("set_webhook", url=HOOK)
    clock.advance(1)
    library.call("set_webhook", url=HOOK)


# How much may be sent.


def _seconds(raised: pytest.ExceptionInfo[Exception]) -> Any:
    error: Any = raised.value  # of this library or that
    after = error.retry_after
    return int(after.total_seconds()) if isinstance(after, timedelta) else after


def test_a_chat_takes_a_burst_and_then_one_a_second(clock: ManualClock, library: Library, amy: Person) -> None:
    for n in range(5):
        library.call("send_message", chat_id=7, text=f"{n}")
    with pytest.raises(library.raises.too_many) as told:
        library.call("send_message", chat_id=7, text="one too many")
    assert _seconds(told) == 1
    clock.advance(1)
    library.call("send_message", chat_id=7, text="5")
    assert amy.sees == ["0", "1", "2", "3", "4", "5"]


def test_who_does_not_wait_as_told_is_noted(telegram: FakeTelegram, clock: ManualClock, library: Library) -> None:
    for user_id in (7, 8):
        telegram.person(user_id).starts()
    telegram.will("sendMessage", faults.busy(7), chat=7)
    with pytest.raises(library.raises.too_many) as told:
        library.call("send_message", chat_id=7, text="first")
    assert _seconds(told) == 7
    clock.advance(3)
    library.call("send_message", chat_id=8, text="others go on")
    with pytest.raises(library.raises.too_many) as told:
        library.call("send_message", chat_id=7, text="too early")
    assert (_seconds(told), telegram.violations) == (4, ["sent to chat 7 4.0 s before retry_after was over"])
    clock.advance(4)
    library.call("send_message", chat_id=7, text="in time")
    assert len(telegram.violations) == 1


def test_a_bot_sends_thirty_a_second(telegram: FakeTelegram, clock: ManualClock, library: Library) -> None:
    for user_id in range(1, 32):
        telegram.person(user_id).starts()
    for user_id in range(1, 31):
        library.call("send_message", chat_id=user_id, text="Reminder")
    with pytest.raises(library.raises.too_many):
        library.call("send_message", chat_id=31, text="Reminder")
    clock.advance(1)
    library.call("send_message", chat_id=31, text="Reminder")


def test_a_group_takes_twenty_a_minute(clock: ManualClock, library: Library, group: Group) -> None:
    for n in range(20):
        library.call("send_message", chat_id=group.id, text=f"{n}")
        clock.advance(2)
    with pytest.raises(library.raises.too_many) as told:
        library.call("send_message", chat_id=group.id, text="20")
    assert _seconds(told) == 20


def test_limits_can_be_turned_off(libraries: Libraries) -> None:
    library = libraries.by_name["aiogram"]
    with FakeTelegram(ManualClock(), limits=False) as telegram:
        telegram.person(7).starts()
        library.connect(telegram.url, TOKEN)
        for n in range(10):
            library.call("send_message", chat_id=7, text=f"{n}")
    assert len(telegram.calls("sendMessage", chat=7)) == 10


# What goes wrong by order.


def test_a_server_that_fails_does_nothing(telegram: FakeTelegram, library: Library, amy: Person) -> None:
    telegram.will("sendMessage", faults.answers(500), faults.bad_gateway(), None)
    with pytest.raises(library.raises.server):
        library.call("send_message", chat_id=7, text="one")
    with pytest.raises(library.raises.gateway):
        library.call("send_message", chat_id=7, text="two")
    library.call("send_message", chat_id=7, text="three")
    assert amy.sees == ["three"]
    assert [call.status for call in telegram.calls("sendMessage")] == [500, 502, 200]


def test_an_answer_can_be_lost_though_the_message_was_stored(
    telegram: FakeTelegram, library: Library, amy: Person
) -> None:
    telegram.will("sendMessage", faults.cut(), faults.refuse())
    for text in ("stored", "never seen"):
        with pytest.raises(library.raises.network):
            library.call("send_message", chat_id=7, text=text)
    assert amy.sees == ["stored"]
    assert [(call.fault, call.happened, call.ok, call.status) for call in telegram.calls("sendMessage")] == [
        ("cut", True, True, 0),
        ("refuse", False, False, 0),
    ]


def test_a_server_can_hang_until_it_is_released(telegram: FakeTelegram, library: Library, amy: Person) -> None:
    telegram.will("sendMessage", faults.hang(), faults.hang())
    with pytest.raises(library.raises.timeout):
        library.call("send_message", chat_id=7, text="one", **library.impatient(0.2))
    waiting = library.start("send_message", chat_id=7, text="two")
    amy.waits_for(2)
    assert not waiting.done()
    telegram.release()
    assert waiting.result(5).text == "two"


def test_a_server_can_be_slow(telegram: FakeTelegram, clock: ManualClock, library: Library, amy: Person) -> None:
    telegram.will("sendMessage", faults.slow(5))
    waiting = library.start("send_message", chat_id=7, text="one")
    amy.waits_for("one")
    clock.advance(4)
    assert not waiting.done()
    clock.advance(1)
    assert waiting.result(5).text == "one"


def test_an_answer_can_be_garbled(telegram: FakeTelegram, library: Library, amy: Person) -> None:
    telegram.will("SENDMESSAGE", faults.garbage())
    with pytest.raises(library.raises.garbled):
        library.call("send_message", chat_id=7, text="one")
    assert amy.sees == ["one"]


def test_a_server_can_be_unreachable(telegram: FakeTelegram, library: Library, amy: Person) -> None:
    library.call("get_me")
    with telegram.unreachable(), pytest.raises(library.raises.network):
        library.call("get_me")
    assert library.call("get_me").id == 123456


# What is written down.


def test_the_ledger_survives_as_lines(tmp_path: Path, libraries: Libraries) -> None:
    library, path = libraries.by_name["aiogram"], tmp_path / "ledger.jsonl"
    with FakeTelegram(ledger=path) as telegram:
        telegram.person(7).starts()
        library.connect(telegram.url, TOKEN)
        library.call("send_message", chat_id=7, text="Hello", reply_markup=library.inline(["Yes"]))
    line = json.loads(path.read_text())
    assert (line["method"], line["chat_id"], line["status"]) == ("sendMessage", 7, 200)
    assert line["parameters"]["reply_markup"] == {"inline_keyboard": [[{"text": "Yes", "callback_data": "Yes"}]]}
    assert line["answer"]["result"]["message_id"] == 2


# What updates look like.


def _acts(amy: Person) -> list[tuple[Json, Callable[[Any], Any], Any]]:
    """What people do; where both libraries have it; what it must be."""
    blocked = [amy.blocks(), amy.unblocks()]
    return [
        (amy.starts("ref_1-x"), lambda update: update.message.text, "/start ref_1-x"),
        (amy.writes("hello"), lambda update: update.message.text, "hello"),
        (amy.edits(amy.writes("helo"), "hello"), lambda update: update.edited_message.text, "hello"),
        (amy.shares_own_contact("+12075550101"), lambda update: update.message.contact.user_id, 7),
        (amy.forwards_contact("+12075550102", 8), lambda update: update.message.contact.user_id, 8),
        (amy.forwards_contact("+12075550103"), lambda update: update.message.contact.user_id, None),
        (amy.forwards("hi", updates.user(8)), lambda update: update.message.forward_origin.sender_user.id, 8),
        (amy.sends_voice(duration=4), _duration, 4),
        (amy.sends_photo(caption="my tooth"), lambda update: update.message.caption, "my tooth"),
        (amy.sends_photo(), lambda update: len(update.message.photo), 2),
        (amy.sends_document(file_name="a.pdf"), lambda update: update.message.document.file_name, "a.pdf"),
        (amy.sends_sticker(emoji="👋"), lambda update: update.message.sticker.emoji, "👋"),
        (amy.sends_location(1.5, 2.5), lambda update: update.message.location.latitude, 1.5),
        (amy.writes("this", reply_to=1), lambda update: update.message.reply_to_message.message_id, 1),
        (blocked[0], lambda update: update.my_chat_member.new_chat_member.status, "kicked"),
        (blocked[1], lambda update: update.my_chat_member.old_chat_member.status, "kicked"),
    ]


def _duration(update: Any) -> int:
    """python-telegram-bot is on its way from seconds to timedelta."""
    duration = update.message.voice.duration
    return duration if isinstance(duration, int) else int(duration.total_seconds())


def test_updates_are_read_by_both_libraries_as_they_were_meant(library: Library, amy: Person) -> None:
    for update, read, meant in _acts(amy):
        model = library.read_update(update)
        assert model.update_id == update["update_id"]
        assert read(model) == meant
        content = model.message or model.edited_message or model.my_chat_member
        assert (content.chat.id, content.from_user.id, content.from_user.first_name) == (7, 7, "Amy")


def test_a_command_is_marked(library: Library, amy: Person) -> None:
    (entity,) = library.read_update(amy.starts("x")).message.entities
    assert (entity.type, entity.offset, entity.length) == ("bot_command", 0, 6)


def test_in_privacy_mode_a_bot_hears_only_what_is_meant_for_it(library: Library, amy: Person, group: Group) -> None:
    group.writes(amy, "hello all")
    group.writes(amy, "/book")
    group.writes(amy, "hello @clinic_bot")
    sent = library.call("send_message", chat_id=group.id, text="Yes?", reply_markup=library.inline(["Book"]))
    group.writes(amy, "an answer", reply_to=sent.message_id)
    group.taps(amy, "Book")
    heard = library.call("get_updates")
    assert heard[1].my_chat_member.new_chat_member.status == "member"
    assert [update.message.text for update in heard[2:-1]] == ["/book", "hello @clinic_bot", "an answer"]
    tap = heard[-1].callback_query
    assert (tap.message.chat.id, tap.message.chat.type, tap.from_user.id) == (-50, "group", 7)
