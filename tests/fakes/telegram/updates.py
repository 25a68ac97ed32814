"""The JSON of Telegram's updates, part by part: pure functions, after the pages of the Bot API."""

import re
from typing import Any

Json = dict[str, Any]

COMMAND = re.compile(r"/[A-Za-z0-9_]{1,64}(@[A-Za-z0-9_]{3,32})?")


def utf16(text: str) -> int:
    """The length as Telegram counts it: in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def given(**fields: Any) -> Json:
    """Only what is there: Telegram leaves out what is empty."""
    return {key.rstrip("_"): value for key, value in fields.items() if value is not None}


def user(
    user_id: int,
    first_name: str = "Amy",
    *,
    last_name: str | None = None,
    username: str | None = None,
    language_code: str | None = "en",
) -> Json:
    """A person, as in `from`."""
    known = given(last_name=last_name, username=username, language_code=language_code)
    return {"id": user_id, "is_bot": False, "first_name": first_name, **known}


def bot_user(bot_id: int, first_name: str, username: str) -> Json:
    return {"id": bot_id, "is_bot": True, "first_name": first_name, "username": username}


def private_chat(person: Json) -> Json:
    """The chat of a person with a bot; it has the person's id."""
    names = given(last_name=person.get("last_name"), username=person.get("username"))
    return {"id": person["id"], "first_name": person["first_name"], **names, "type": "private"}


def group_chat(chat_id: int, title: str) -> Json:
    kind = "supergroup" if str(chat_id).startswith("-100") else "group"
    return {"id": chat_id, "title": title, "type": kind}


def text(words: str, entities: list[Json] | None = None) -> Json:
    """Text, with its command marked if it begins with one."""
    command = COMMAND.match(words)
    if entities is None and command:
        entities = [{"offset": 0, "length": command.end(), "type": "bot_command"}]
    return {"text": words, **given(entities=entities or None)}


def contact(phone_number: str, first_name: str, user_id: int | None = None, last_name: str | None = None) -> Json:
    """A card of the address book; `user_id` is there only if its owner uses Telegram."""
    known = given(last_name=last_name, user_id=user_id)
    return {"contact": {"phone_number": phone_number, "first_name": first_name, **known}}


def file(file_id: str, unique_id: str, size: int, **more: Any) -> Json:
    return {"file_id": file_id, "file_unique_id": unique_id, "file_size": size, **given(**more)}


def voice(stored: Json, duration: int = 3, mime_type: str = "audio/ogg") -> Json:
    return {"voice": {"duration": duration, "mime_type": mime_type, **stored}}


def photo(stored: Json, width: int = 1280, height: int = 960) -> Json:
    """The same picture in two sizes, smallest first."""
    small = {**stored, "file_id": stored["file_id"] + "s", "file_unique_id": stored["file_unique_id"] + "s"}
    sizes = [{**small, "width": width // 4, "height": height // 4}, {**stored, "width": width, "height": height}]
    return {"photo": sizes}


def document(stored: Json, file_name: str | None = None, mime_type: str | None = None) -> Json:
    return {"document": {**given(file_name=file_name, mime_type=mime_type), **stored}}


def sticker(stored: Json, emoji: str = "👍", set_name: str = "Animals") -> Json:
    shape = {"width": 512, "height": 512, "is_animated": False, "is_video": False, "type": "regular"}
    return {"sticker": {**shape, "emoji": emoji, "set_name": set_name, **stored}}


def location(latitude: float, longitude: float) -> Json:
    return {"location": {"latitude": latitude, "longitude": longitude}}


def forwarded_from(person: Json, date: int) -> Json:
    """What a forwarded message carries of its first sender."""
    return {"forward_origin": {"type": "user", "sender_user": person, "date": date}}


def message(
    message_id: int, sender: Json, chat: Json, date: int, content: Json, *, reply_to: Json | None = None
) -> Json:
    """A message with its content: one of the functions above, or several joined."""
    shared = {"message_id": message_id, "from": sender, "chat": chat, "date": date}
    return {**shared, **given(reply_to_message=without_reply(reply_to)), **content}


def without_reply(replied: Json | None) -> Json | None:
    """A replied message comes without the one that it replies to itself."""
    return replied and {key: value for key, value in replied.items() if key != "reply_to_message"}


def edited(original: Json, words: str, edit_date: int) -> Json:
    """The message as it reads after its sender has changed the words."""
    kept = {key: value for key, value in original.items() if key not in {"text", "entities"}}
    return {**kept, "edit_date": edit_date, **text(words)}


def callback_query(query_id: str, sender: Json, tapped: Json, data: str, chat_instance: str = "4242") -> Json:
    """A tap on a button of an inline keyboard."""
    return {"id": query_id, "from": sender, "message": tapped, "chat_instance": chat_instance, "data": data}


def inaccessible(message_id: int, chat: Json) -> Json:
    """What stands for a message that is gone or too old."""
    return {"chat": chat, "message_id": message_id, "date": 0}


def member(bot: Json, status: str) -> Json:
    """How a bot stands in a chat: member, kicked, left."""
    return {"user": bot, "status": status, **({"until_date": 0} if status == "kicked" else {})}


def chat_member(chat: Json, sender: Json, date: int, bot: Json, *, old: str, new: str) -> Json:
    """A change of how the bot stands; in private chats "kicked" means blocked."""
    changed = {"old_chat_member": member(bot, old), "new_chat_member": member(bot, new)}
    return {"chat": chat, "from": sender, "date": date, **changed}


def update(
    update_id: int,
    *,
    message: Json | None = None,
    edited_message: Json | None = None,
    callback_query: Json | None = None,
    my_chat_member: Json | None = None,
) -> Json:
    """One update, with exactly one content."""
    content = given(
        message=message, edited_message=edited_message, callback_query=callback_query, my_chat_member=my_chat_member
    )
    if len(content) != 1:
        raise ValueError("an update has exactly one content")
    return {"update_id": update_id, **content}
