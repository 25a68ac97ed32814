"""What an update means: two libraries that read the real ones agree on what it says, and a table tells what it is to us."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiogram
import pytest
import telegram
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.messages import Inbound, InGroup, Nothing, Other, OwnNumber, Presence, Receipt, Tap, Upload, Words
from channels.telegram.decode import Envelope, amended, decode, envelope
from channels.telegram.updates import Unreadable, read
from tests.fakes.telegram import updates
from tests.fakes.telegram.updates import Json

DATA = Path(__file__).parents[2] / "data"
RECORDED = [json.loads(line) for line in (DATA / "telegram-updates.jsonl").read_text("utf-8").splitlines()]
"""As the pages of the Bot API show them, up to version 10.3: https://core.telegram.org/bots/api#update"""

AMY, BEN, OTHER_DESK = updates.user(42), updates.user(43, "Ben"), updates.bot_user(99, "Desk", "other_desk_bot")
DESK = updates.bot_user(123456, "Harborview", "clinic_bot")
FAMILY = updates.group_chat(-1001234567890, "Family")
ALONE = updates.private_chat(AMY)
FILE = updates.file("file-1", "unique-1", 1000)


each_recorded = pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded["name"])


def packed(update: Json) -> bytes:
    return json.dumps(update).encode()


def sent(content: Json, *, sender: Json = AMY, chat: Json = ALONE, number: int = 1, **more: Any) -> bytes:
    """A message as Telegram brings it."""
    return packed(updates.update(number, message=updates.message(7, sender, chat, 1773064500, content, **more)))


# --- the libraries ---------------------------------------------------------------------------------------------------


class Read(NamedTuple):
    """What an update says, whoever reads it."""

    number: int
    chat: str
    sender: int
    sent_at: datetime | None
    message: int | None
    text: str | None
    data: str | None
    phone: str | None
    owner: int | None


def by_aiogram(update: Json) -> Read:
    return _read(aiogram.types.Update.model_validate(update), "from_user")


def by_python_telegram_bot(update: Json) -> Read:
    return _read(telegram.Update.de_json(update, None), "from_user")


def by_us(update: Json) -> Read:
    about = envelope(packed(update))
    return _read(read(packed(update)), "sender")._replace(
        number=about.number, chat=about.chat, sent_at=about.sent_at and about.sent_at.replace(microsecond=0)
    )


def _read(model: Any, name_of_sender: str) -> Read:
    tap, said = model.callback_query, model.message or model.edited_message
    about = said or model.my_chat_member or tap
    touched = said or (tap and tap.message)
    sender = getattr(about, name_of_sender).id
    chat = getattr(touched or about, "chat", None)
    contact = said and said.contact
    return Read(
        number=model.update_id,
        chat=str(chat.id if chat else sender),
        sender=sender,
        sent_at=getattr(about, "date", None),
        message=touched and touched.message_id,
        text=said and said.text,
        data=tap and tap.data,
        phone=contact and contact.phone_number,
        owner=contact and contact.user_id,
    )


ids = st.integers(1, 2**52 - 1)
dates = st.integers(1, 4_102_444_800)  # until 2100
words = st.text(min_size=1, max_size=40)
tokens = st.text("ABCDEFabcdef0123456789-_", min_size=1, max_size=64)
people = st.builds(
    updates.user, ids, words, last_name=st.none() | words, username=st.none() | tokens, language_code=st.none() | tokens
)
chats = st.builds(updates.private_chat, people) | st.builds(updates.group_chat, ids.map(lambda id: -id), words)
files = st.builds(updates.file, tokens, tokens, ids)
captions = st.fixed_dictionaries({}, optional={"caption": words, "media_group_id": tokens})
contents = st.one_of(
    st.builds(updates.text, words),
    st.builds(updates.text, st.from_regex(r"/[a-z_]{1,9}(@clinic_bot)?( [a-z ]{0,9})?", fullmatch=True)),
    st.builds(updates.text, tokens.map("/start {}".format)),
    st.builds(updates.contact, st.from_regex(r"\+?[0-9]{5,15}", fullmatch=True), words, st.none() | ids),
    st.builds(lambda file, about: {**updates.voice(file), **about}, files, captions),
    st.builds(lambda file, about: {**updates.photo(file), **about}, files, captions),
    st.builds(lambda file, name, about: {**updates.document(file, name), **about}, files, words, captions),
    st.builds(updates.sticker, files),
    st.just(updates.location(43.66, -70.26)),
)
NOT_FORWARDED: Json = {}
forwarded = st.just(NOT_FORWARDED) | st.builds(updates.forwarded_from, people, dates)
contents = st.builds(lambda content, origin: {**content, **origin}, contents, forwarded)
messages = st.builds(updates.message, ids, people, chats, dates, contents)
messages = messages | st.builds(updates.message, ids, people, chats, dates, contents, reply_to=messages)
taps = st.builds(
    updates.callback_query, tokens, people, messages | st.builds(updates.inaccessible, ids, chats), data=words
)
taps = taps | taps.map(lambda tap: {name: value for name, value in tap.items() if name != "message"})
memberships = st.builds(
    updates.chat_member,
    chats,
    people,
    dates,
    st.just(DESK),
    old=st.just("left"),
    new=st.sampled_from(["member", "kicked"]),
)
generated = st.one_of(
    st.builds(lambda number, message: updates.update(number, message=message), ids, messages),
    st.builds(
        lambda number, message, text: updates.update(number, edited_message=updates.edited(message, text, 1773064999)),
        ids,
        messages,
        words,
    ),
    st.builds(lambda number, tap: updates.update(number, callback_query=tap), ids, taps),
    st.builds(lambda number, member: updates.update(number, my_chat_member=member), ids, memberships),
)


@given(generated)
@settings(max_examples=200, deadline=None)
def test_two_libraries_agree_with_us_on_what_an_update_says(update: Json) -> None:
    assert by_us(update) == by_aiogram(update) == by_python_telegram_bot(update)


@each_recorded
def test_they_agree_on_recorded_updates_too(recorded: Json) -> None:
    update = recorded["update"]
    if {"message", "edited_message", "callback_query", "my_chat_member"} & update.keys():
        assert by_us(update) == by_aiogram(update) == by_python_telegram_bot(update)
    else:
        assert envelope(packed(update)) == Envelope(update["update_id"])


# --- what it is to us ------------------------------------------------------------------------------------------------

UNSUPPORTED, STRANGER = Other("unsupported"), Other("strange_contact")

MEANT: dict[str, Inbound] = {
    "start with a payload": Words("", "start", "vis-8Kq_2"),
    "words in a topic of a private chat": Words("a skin doctor, please 🙏"),
    "an answer that quotes another chat": Words("does that day work?"),
    "one's own contact": OwnNumber("12075550101"),
    "a card of the address book": STRANGER,
    "one's own card from somebody else": STRANGER,
    "one's own card from an inline bot": STRANGER,
    "a photo of an album": Upload(
        "photo", "AgACAgIAAxkBAAMMy", "image/jpeg", 96120, "the rash, since Monday", "13949184741236451"
    ),
    "a live photo": Upload("photo", "AgACAgIAAxkBAAMNy", "image/jpeg", 88120),
    "a voice message": Upload("voice", "AwACAgIAAxkBAAMO", "audio/ogg", 15234),
    "a document": Upload("document", "BQACAgIAAxkBAAMP", "application/pdf", 204811),
    "an animation": Other("sticker"),
    "a video": Other("unsupported", "how I walk"),
    "a dice": UNSUPPORTED,
    "a poll that was forwarded": UNSUPPORTED,
    "a venue": Other("place"),
    "a rich message": UNSUPPORTED,
    "a topic was created": Nothing(),
    "a pinned message": Nothing(),
    "an edited message": Nothing(),
    "a tap": Tap("dG9rZW4tMTIz", 1, Receipt("2147483647000111222", "7")),
    "a tap on a message that is gone": Tap("dG9rZW4tMTIz", 4, Receipt("2147483647000111223", "7")),
    "a tap on a message sent through an inline query": Tap("dG9rZW4tMTIz", 1, Receipt("2147483647000111224")),
    "a tap on a game": Tap("", 0, Receipt("2147483647000111225")),
    "a tap in a supergroup": InGroup(receipt=Receipt("2147483647000111226", "70")),
    "blocked": Presence(reachable=False),
    "let in again": Presence(reachable=True),
    "added to a supergroup": InGroup(addressed=True),
    "removed from a group": Nothing(),
    "a command in a supergroup": InGroup(addressed=True),
    "a command that only we see": InGroup(addressed=True),
    "a member of a group writes to another": InGroup(),
    "somebody joined a group": InGroup(),
    "another bot writes to us": Nothing(),
    "a post in a channel": Nothing(),
    "made an administrator of a channel": Nothing(),
    "a guest in somebody's chat": Nothing(),
    "a message to a business account": Nothing(),
    "a reaction": Nothing(),
    "what nobody has heard of yet": Nothing(),
}


@each_recorded
def test_a_recorded_update_means_what_the_table_says(recorded: Json) -> None:
    assert decode(packed(recorded["update"])) == MEANT[recorded["name"]]


WRITTEN: list[tuple[Json, Inbound]] = [
    (updates.text("Dr Lee on Tuesday"), Words("Dr Lee on Tuesday")),
    (updates.text("/book"), Words("", "book")),
    (updates.text("/Book@Clinic_Bot  Dr Lee "), Words("Dr Lee", "book")),
    (updates.text("/start"), Words("", "start")),
    (updates.text("/start@clinic_bot ref_1-x"), Words("", "start", "ref_1-x")),
    (updates.text("😀 /book"), Words("😀 /book")),
    (updates.text("I mean /book", [{"type": "bot_command", "offset": 7, "length": 5}]), Words("I mean /book")),
    (updates.text("/book", []), Words("/book")),  # Telegram marks what is a command; this one it has not
    (updates.text("/book x", [{"type": "bot_command", "offset": 0, "length": 99}]), Words("", "book x")),
    (updates.text("/book x", [{"type": "bot_command", "offset": 0, "length": -3}]), Words("k x", "boo")),
    ({"text": ""}, Words("")),
    (updates.contact("+12075550101", "Amy", 42), OwnNumber("+12075550101")),
    (updates.contact("+1 (207) 555-0101", "Amy", 42), OwnNumber("+1 (207) 555-0101")),
    (updates.contact("+12075550101", "Ben", 43), STRANGER),
    (updates.contact("+12075550101", "Ben"), STRANGER),
    ({**updates.contact("+12075550101", "Amy", 42), **updates.forwarded_from(AMY, 1773060000)}, STRANGER),
    (updates.contact("+12075550101 ext. 9", "Amy", 42), STRANGER),
    (updates.contact("+1 207 555 FLAX", "Amy", 42), STRANGER),
    (updates.contact("+1207555٠١٠١", "Amy", 42), STRANGER),
    (updates.contact("+12075550101" + " " * 30 + "99", "Amy", 42), STRANGER),
    (updates.contact("", "Amy", 42), STRANGER),
    (updates.voice(FILE), Upload("voice", "file-1", "audio/ogg", 1000)),
    (updates.photo(FILE), Upload("photo", "file-1", "image/jpeg", 1000)),
    ({**updates.photo(FILE), "caption": "a rash"}, Upload("photo", "file-1", "image/jpeg", 1000, "a rash")),
    ({"photo": []}, UNSUPPORTED),
    (updates.document(FILE, "a.pdf", "application/pdf"), Upload("document", "file-1", "application/pdf", 1000)),
    (updates.document(FILE), Upload("document", "file-1", "", 1000)),
    (updates.sticker(FILE), Other("sticker")),
    (updates.location(1, 2), Other("place")),
    ({**updates.text("he said so"), **updates.forwarded_from(BEN, 1773060000)}, Words("he said so")),
    ({"audio": FILE}, UNSUPPORTED),
    ({"video_note": FILE}, UNSUPPORTED),
    ({"story": {"chat": ALONE, "id": 1}}, UNSUPPORTED),
    ({"what_comes_next_year": {}}, UNSUPPORTED),
    ({"message_auto_delete_timer_changed": {"message_auto_delete_time": 86400}}, Nothing()),
    ({"chat_background_set": {"type": {}}}, Nothing()),
    ({"write_access_allowed": {"from_request": True}}, Nothing()),
    ({"gift": {"gift": {}}}, Nothing()),
]  # fmt: skip


@pytest.mark.parametrize(("content", "meant"), WRITTEN, ids=lambda each: ascii(each)[:60])
def test_what_somebody_sends_alone_means_what_the_table_says(content: Json, meant: Inbound) -> None:
    assert decode(sent(content)) == meant


@pytest.mark.parametrize(
    ("content", "addressed"),
    [
        (updates.text("hello all"), False),
        (updates.text("/book"), True),
        (updates.text("@clinic_bot hello", [{"type": "mention", "offset": 0, "length": 11}]), True),
        (updates.contact("+12075550101", "Amy", 42), False),
        ({**updates.photo(FILE), "caption": "look"}, False),
        ({"left_chat_member": BEN}, False),
        ({"migrate_to_chat_id": -1001234567890}, False),
    ],
)
def test_in_a_group_it_only_matters_whether_we_are_meant(content: Json, addressed: bool) -> None:
    assert decode(sent(content, chat=FAMILY)) == InGroup(addressed)


@pytest.mark.parametrize(("author", "addressed"), [(DESK, True), (BEN, False)])
def test_an_answer_to_us_in_a_group_is_meant_for_us(author: Json, addressed: bool) -> None:
    asked = updates.message(6, author, FAMILY, 1773064400, updates.text("Yes?"))
    assert decode(sent(updates.text("tomorrow"), chat=FAMILY, reply_to=asked)) == InGroup(addressed)


@pytest.mark.parametrize("chat", [updates.private_chat(OTHER_DESK), FAMILY])
def test_two_desks_do_not_answer_each_other(chat: Json) -> None:
    assert decode(sent(updates.text("/book"), sender=OTHER_DESK, chat=chat)) == Nothing()


@pytest.mark.parametrize(
    "data", ["", "1", ".", "token.", "token.1x", "token.99999", "tok\0en.1", "t.¹", "t.-1", "😀" * 99]
)
def test_a_tap_on_none_of_our_buttons_still_has_its_receipt(data: str) -> None:
    tapped = updates.callback_query("tap-1", AMY, updates.message(7, DESK, ALONE, 1, updates.text("Which?")), data)
    meant = decode(packed(updates.update(1, callback_query=tapped)))
    assert isinstance(meant, Tap)
    assert (meant.token, meant.receipt) == ("", Receipt("tap-1", "7"))


def test_an_album_is_one_by_its_number() -> None:
    album = [
        sent({**updates.photo(FILE), "media_group_id": "album-1", **updates.given(caption=caption)})
        for caption in ("my back", None)
    ]
    photo = Upload("photo", "file-1", "image/jpeg", 1000, album="album-1")
    assert [decode(body) for body in album] == [
        Upload("photo", "file-1", "image/jpeg", 1000, "my back", "album-1"),
        photo,
    ]


# --- edits -----------------------------------------------------------------------------------------------------------


def edit(text: str, *, message: int = 7, sender: Json = AMY) -> bytes:
    original = updates.message(message, sender, updates.private_chat(sender), 1773064500, updates.text("first"))
    return packed(updates.update(2, edited_message=updates.edited(original, text, 1773064510)))


FIRST = sent(updates.text("first"))


def test_an_edit_by_itself_asks_for_nothing() -> None:
    assert decode(edit("/book")) == Nothing()


@pytest.mark.parametrize(
    ("later", "meant"),
    [
        ([], "first"),
        ([edit("second")], "second"),
        ([edit("second"), sent(updates.text("other"), number=3), edit("third")], "third"),
        ([edit("of another message", message=8)], "first"),
        ([edit("of another chat", sender=BEN)], "first"),
        ([edit("second"), edit("of another message", message=8)], "second"),
        ([edit("second"), b"", b"{", b"\xff", b'{"update_id": 5}', b'{"edited_message": {}}', b"[" * 10_000], "second"),
        ([b'{"a":' * 10_000], "first"),
    ],
)
def test_the_last_edit_that_waits_behind_its_message_takes_its_place(later: list[bytes], meant: str) -> None:
    assert decode(amended(FIRST, later)) == Words(meant)


def test_an_edit_may_become_a_command() -> None:
    assert decode(amended(FIRST, [edit("/book Dr Lee")])) == Words("Dr Lee", "book")


def test_a_caption_is_edited_like_words() -> None:
    original = updates.message(7, AMY, ALONE, 1773064500, {**updates.photo(FILE), "caption": "my foot"})
    changed = {**original, "caption": "my hand", "edit_date": 1773064510}
    body = amended(packed(updates.update(1, message=original)), [packed(updates.update(2, edited_message=changed))])
    assert decode(body) == Upload("photo", "file-1", "image/jpeg", 1000, "my hand")


@pytest.mark.parametrize("body", [b"", b"[", b"[" * 10_000, b'{"a":' * 10_000, edit("alone"), b'{"update_id": 1}'])
def test_what_is_no_message_is_not_amended(body: bytes) -> None:
    assert amended(body, [edit("second")]) == body


def test_what_has_no_number_is_unreadable() -> None:
    with pytest.raises(Unreadable):
        envelope(b'{"message": {}}')
