"""The part of Telegram's updates that we read, typed; whatever else they hold is passed over. Raises nothing but `Unreadable`.

https://core.telegram.org/bots/api#update
"""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field


class Unreadable(Exception):
    """No JSON, or values of other types than Telegram's."""


class TooDeep(Exception):
    """Nested beyond all that Telegram does."""


class Chat(Struct, frozen=True):
    id: int
    type: str


class User(Struct, frozen=True):
    id: int
    is_bot: bool = False


class Entity(Struct, frozen=True):
    type: str
    offset: int
    length: int


class Contact(Struct, frozen=True):
    phone_number: str
    user_id: int | None = None


class File(Struct, frozen=True):
    """A voice message, a document or one size of a photo."""

    file_id: str
    file_size: int | None = None
    mime_type: str = ""


class Origin(Struct, frozen=True):
    """Of a message: who sent it to whom, which is all that an inaccessible one still tells."""

    chat: Chat
    message_id: int
    sender: User | None = field(default=None, name="from")


class Message(Origin, frozen=True, kw_only=True):
    date: int
    text: str | None = None
    entities: tuple[Entity, ...] = ()
    caption: str = ""
    contact: Contact | None = None
    voice: File | None = None
    document: File | None = None
    photo: tuple[File, ...] = ()
    sticker: Any = None
    location: Any = None
    media_group_id: str | None = None
    animation: Any = None  # Telegram describes it as a document, too
    reply_to_message: Origin | None = None
    # What happens to a chat, in which nobody says anything.
    new_chat_members: Any = None
    left_chat_member: Any = None
    new_chat_title: Any = None
    new_chat_photo: Any = None
    delete_chat_photo: Any = None
    group_chat_created: Any = None
    supergroup_chat_created: Any = None
    migrate_to_chat_id: Any = None
    migrate_from_chat_id: Any = None
    pinned_message: Any = None
    message_auto_delete_timer_changed: Any = None
    write_access_allowed: Any = None
    chat_background_set: Any = None


class Tapped(Struct, frozen=True):
    """A callback query."""

    id: str
    sender: User = field(name="from")
    message: Origin | None = None
    data: str | None = None


class Member(Struct, frozen=True):
    status: str


class Membership(Struct, frozen=True):
    """What has become of us in a chat."""

    chat: Chat
    sender: User = field(name="from")
    date: int
    new_chat_member: Member


class Update(Struct, frozen=True):
    update_id: int
    message: Message | None = None
    edited_message: Message | None = None
    callback_query: Tapped | None = None
    my_chat_member: Membership | None = None


class _Numbered(Struct, frozen=True):
    update_id: int


_UPDATE = msgspec.json.Decoder(Update)
_NUMBERED = msgspec.json.Decoder(_Numbered)


def read(body: bytes) -> Update:
    """An update as Telegram sends it. Raises Unreadable, or TooDeep."""
    return _read(_UPDATE, body)


def number_of(body: bytes) -> int:
    """The number of an update of which nothing else can be read. Raises Unreadable, or TooDeep."""
    return _read(_NUMBERED, body).update_id


def pack(update: Update) -> bytes:
    """To JSON that `read` reads."""
    return msgspec.json.encode(update)


T = TypeVar("T")


def _read(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    try:
        return decoder.decode(body)
    except RecursionError:
        raise TooDeep from None
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
        raise Unreadable from None
