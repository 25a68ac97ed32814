"""What an update says: to whom it belongs, for the inbox, and what it means, for the worker."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from bot.messages import Inbound, InGroup, Nothing, Other, OwnNumber, Presence, Receipt, Upload, Words
from channels.reading import tap
from channels.telegram import updates
from channels.telegram.updates import Message, Tapped, Unreadable, Update

PRIVATE = "private"
GROUPS = frozenset({"group", "supergroup"})
GONE = frozenset({"kicked", "left"})

_FARTHEST = 253_402_300_800  # seconds from 1970 to the year 10000, which is none to a datetime


class Envelope(NamedTuple):
    """An update's own number; the chat that it belongs to, or nothing where it belongs to nobody; and when it was sent."""

    number: int
    chat: str = ""
    sent_at: datetime | None = None


def envelope(body: bytes) -> Envelope:
    """What the inbox wants to know. Raises Unreadable where not even a number can be read, and TooDeep."""
    try:
        update = updates.read(body)
    except Unreadable:
        return Envelope(updates.number_of(body))
    chat = _chat(update)
    return Envelope(update.update_id, "" if chat is None else str(chat), _sent_at(update))


def decode(body: bytes) -> Inbound:
    """What an update means, free of Telegram; nothing where it is none that we read."""
    try:
        update = updates.read(body)
    except (Unreadable, updates.TooDeep):
        return Nothing()
    if update.callback_query is not None:
        return _tapped(update.callback_query)
    if update.my_chat_member is not None:
        return _presence(update.my_chat_member)
    # An edit that took the place of its message has been read with that (`amended`); a later one changes nothing.
    return Nothing() if update.message is None else _message(update.message)


def amended(body: bytes, later: Sequence[bytes]) -> bytes:
    """`body`, or the last edit of it among what came later and waits, as a message of its own."""
    try:
        original = updates.read(body).message
    except (Unreadable, updates.TooDeep):
        return body
    if original is None:
        return body
    for each in reversed(later):
        edited = _edited(each)
        if edited is not None and (edited.chat, edited.message_id) == (original.chat, original.message_id):
            return _as_message(edited)
    return body


def _chat(update: Update) -> int | None:
    """Whose conversation an update belongs to: a private chat has its person's number."""
    if update.callback_query is not None:
        message = update.callback_query.message
        return update.callback_query.sender.id if message is None else message.chat.id
    about = update.message or update.edited_message or update.my_chat_member
    return None if about is None else about.chat.id


def _sent_at(update: Update) -> datetime | None:
    about = update.message or update.edited_message or update.my_chat_member
    return datetime.fromtimestamp(about.date, UTC) if about is not None and 0 <= about.date < _FARTHEST else None


# --- taps, and who lets us write -------------------------------------------------------------------------------------


def _tapped(tapped: Tapped) -> Inbound:
    message = tapped.message
    receipt = Receipt(tapped.id, None if message is None else str(message.message_id))
    if message is not None and message.chat.type != PRIVATE:
        return InGroup(receipt=receipt)
    return tap(tapped.data or "", receipt)


def _presence(membership: updates.Membership) -> Inbound:
    is_gone = membership.new_chat_member.status in GONE
    if membership.chat.type == PRIVATE:
        return Presence(reachable=not is_gone)
    is_new = not is_gone and membership.chat.type in GROUPS  # in a channel all that we say is published
    return InGroup(addressed=True) if is_new else Nothing()


# --- messages --------------------------------------------------------------------------------------------------------


def _message(message: Message) -> Inbound:
    if message.sender is not None and message.sender.is_bot:  # two desks would answer each other for ever
        return Nothing()
    if message.chat.type != PRIVATE:
        return InGroup(addressed=_is_for_us(message))
    return next((said for read in _KINDS if (said := read(message)) is not None), Other("unsupported", message.caption))


def _is_for_us(message: Message) -> bool:
    """A command, a mention, or an answer to something of ours. Bots that administer a group see all of its messages."""
    answered = message.reply_to_message
    is_answer = answered is not None and answered.sender is not None and answered.sender.is_bot
    return is_answer or any(entity.type in ("bot_command", "mention") for entity in message.entities)


def _words(message: Message) -> Inbound | None:
    if message.text is None:
        return None
    begins = next((entity for entity in message.entities if (entity.type, entity.offset) == ("bot_command", 0)), None)
    if begins is None:
        return Words(message.text)
    # Telegram counts in UTF-16, and all of a command is ASCII: /book, or /book@clinic_bot
    command, rest = message.text[1 : begins.length], message.text[begins.length :].strip()
    name = command.partition("@")[0].lower()
    return Words("", name, rest or None) if name == "start" else Words(rest, name)


# Telegram finds the owner of a card by its number, but shows the number as the sender wrote it; so what is not plain, like an
# extension, could be read by us as another number than by Telegram: https://github.com/tdlib/td/issues/2575
_PLAIN = re.compile(r"\+?[0-9 ().-]{4,24}", re.ASCII)


def _contact(message: Message) -> Inbound | None:
    """Anybody's card can be forwarded or made up: a number is its sender's only where Telegram says so, of what they sent themselves."""
    contact, sender = message.contact, message.sender
    if contact is None:
        return None
    is_sent_by_hand = message.forward_origin is None and message.via_bot is None
    is_own = sender is not None and contact.user_id == sender.id and is_sent_by_hand
    is_proven = is_own and _PLAIN.fullmatch(contact.phone_number)
    return OwnNumber(contact.phone_number) if is_proven else Other("strange_contact")


def _voice(message: Message) -> Inbound | None:
    return None if message.voice is None else _upload("voice", message.voice, message)


def _photo(message: Message) -> Inbound | None:
    """Telegram gives several sizes of a photo; the last one is the largest."""
    return _upload("photo", message.photo[-1], message) if message.photo else None


def _document(message: Message) -> Inbound | None:
    is_file = message.document is not None and message.animation is None
    return _upload("document", message.document, message) if is_file and message.document else None


def _upload(kind: Literal["photo", "voice", "document"], file: updates.File, message: Message) -> Upload:
    media_type = file.mime_type or {"photo": "image/jpeg", "voice": "audio/ogg"}.get(kind, "")
    return Upload(kind, file.file_id, media_type, file.file_size, message.caption, message.media_group_id)


def _sticker(message: Message) -> Inbound | None:
    return None if message.sticker is None and message.animation is None else Other("sticker", message.caption)


def _place(message: Message) -> Inbound | None:
    return None if message.location is None else Other("place")


def _change(message: Message) -> Inbound | None:
    return Nothing() if any(getattr(message, name) is not None for name in updates.Change.__struct_fields__) else None


_KINDS: tuple[Callable[[Message], Inbound | None], ...] = (
    _words, _contact, _voice, _photo, _document, _sticker, _place, _change,
)  # fmt: skip


# --- edits -----------------------------------------------------------------------------------------------------------


def _edited(body: bytes) -> Message | None:
    try:
        return updates.read(body).edited_message
    except (Unreadable, updates.TooDeep):
        return None


def _as_message(edited: Message) -> bytes:
    return updates.pack(Update(0, message=edited))
