"""The part of Telegram's updates that we read, typed; whatever else they hold is passed over. Raises nothing but `Unreadable`.

https://core.telegram.org/bots/api#update
"""

from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct, field


class Unreadable(Exception):
    """No JSON, or values of other types than Telegram's."""


class TooDeep(Exception):
    """Nested beyond all that Telegram does."""


Number = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""Telegram's own are of 52 bits; what is longer than any of theirs is none, and fits into no key of ours."""


class Chat(Struct, frozen=True):
    id: Number
    type: str


class User(Struct, frozen=True):
    id: Number
    is_bot: bool = False


class Entity(Struct, frozen=True):
    type: str
    offset: int
    length: int


class Contact(Struct, frozen=True):
    phone_number: str
    user_id: Number | None = None


class File(Struct, frozen=True):
    """A voice message, a document or one size of a photo."""

    file_id: str
    file_size: Number | None = None
    mime_type: str = ""


class Origin(Struct, frozen=True):
    """Of a message: who sent it to whom, which is all that an inaccessible one still tells."""

    chat: Chat
    message_id: Number
    sender: User | None = field(default=None, name="from")


class Change(Struct, frozen=True, kw_only=True):
    """What happens in a private chat without anybody saying anything."""

    pinned_message: Any = None
    message_auto_delete_timer_changed: Any = None
    chat_background_set: Any = None
    write_access_allowed: Any = None
    connected_website: Any = None
    forum_topic_created: Any = None
    forum_topic_edited: Any = None
    forum_topic_closed: Any = None
    forum_topic_reopened: Any = None
    gift: Any = None
    unique_gift: Any = None
    gift_upgrade_sent: Any = None
    refunded_payment: Any = None
    proximity_alert_triggered: Any = None
    checklist_tasks_done: Any = None
    checklist_tasks_added: Any = None
    poll_option_added: Any = None
    poll_option_deleted: Any = None
    managed_bot_created: Any = None
    community_chat_added: Any = None
    community_chat_removed: Any = None


class Message(Change, frozen=True, kw_only=True):
    chat: Chat
    message_id: Number
    sender: User | None = field(default=None, name="from")
    date: Number
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
    forward_origin: Any = None
    via_bot: Any = None


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
    date: Number
    new_chat_member: Member


class Update(Struct, frozen=True):
    update_id: Number
    message: Message | None = None
    edited_message: Message | None = None
    callback_query: Tapped | None = None
    my_chat_member: Membership | None = None


class _Numbered(Struct, frozen=True):
    update_id: Number


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
