"""Those who use the chats: what they do, and what they see."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.fakes.telegram import updates
from tests.fakes.telegram.state import BotAccount, Room, Stored, Tap, World
from tests.fakes.telegram.updates import Json

if TYPE_CHECKING:
    from tests.fakes.telegram.fake import FakeTelegram


PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Shown:
    """A message as it stands in the chat now."""

    message_id: int
    text: str
    rows: tuple[tuple[str, ...], ...]  # the labels of its inline keyboard
    from_bot: bool
    edited: bool
    json: Json

    @property
    def labels(self) -> list[str]:
        return [label for row in self.rows for label in row]

    def __str__(self) -> str:
        return " ".join([self.text, *(f"[{label}]" for label in self.labels)])


Which = Shown | Json | int  # a message: as shown, as the update that an act gave, or by its number


def shown(stored: Stored) -> Shown:
    rows = tuple(tuple(str(button["text"]) for button in row) for row in stored.buttons)
    json = stored.json
    text = str(json.get("text", json.get("caption", "")))
    return Shown(stored.id, text, rows, bool(json["from"]["is_bot"]), "edit_date" in json, dict(json))


def number_of(which: Which) -> int:
    if isinstance(which, int):
        return which
    if isinstance(which, Shown):
        return which.message_id
    content: Json = which.get("message") or which.get("edited_message") or which
    return int(content["message_id"])


class Chatting:
    """Looking and tapping, the same in every chat."""

    def __init__(self, telegram: FakeTelegram) -> None:
        self.telegram = telegram
        self.world: World = telegram.world

    def _find(self, room: Room, label: str) -> tuple[Stored, Json]:
        """The newest message that shows a button with this label now."""
        with self.world.changed:
            messages = room.shown()
            for stored in reversed(messages):
                for button in (button for row in stored.buttons for button in row):
                    if button["text"] == label:
                        return stored, button
        raise LookupError(f"no button {label!r}; shown are {[str(shown(stored)) for stored in messages]}")

    def _find_in(self, room: Room, which: Which, label: str, *, stale: bool = False) -> tuple[Stored, Json]:
        stored = room.messages[number_of(which)]
        keyboards = reversed(stored.keyboards) if stale else [stored.buttons]
        for button in (button for rows in keyboards for row in rows for button in row):
            if button["text"] == label:
                return stored, button
        raise LookupError(f"no button {label!r} on {shown(stored)}")

    def _tap(self, bot: BotAccount, person: Json, stored: Stored, data: str) -> Json:
        with self.world.changing():
            query_id = str(self.world.chance.randrange(10**17, 10**18))
            gone = updates.inaccessible(stored.id, stored.json["chat"])
            tapped = gone if stored.deleted else dict(stored.json)
            chat = stored.json["chat"]["id"]
            return self.world.push_tap(
                bot, updates.callback_query(query_id, person, tapped, data, chat_instance=str(chat * 31))
            )


class Person(Chatting):
    """One who uses Telegram, in the private chat with one bot.

    What is done gives the update that the bot is sent. `messages` are what stands in the chat, oldest first.
    """

    def __init__(self, telegram: FakeTelegram, user: Json, bot: BotAccount) -> None:
        super().__init__(telegram)
        self.user = user
        self.bot = bot

    @property
    def id(self) -> int:
        return int(self.user["id"])

    @property
    def room(self) -> Room:
        return self.world.private_room(self.bot, self.id)

    def at(self, bot: BotAccount) -> Person:
        """The same person in the chat with another bot."""
        return Person(self.telegram, self.user, bot)

    # What they do.

    def starts(self, payload: str | None = None) -> Json:
        """Presses Start, perhaps by a link that carries something; lets a blocked bot in again."""
        if payload is not None and not PAYLOAD.fullmatch(payload):
            raise ValueError(f"a link with {payload!r} does nothing")
        if self.room.standing.get(self.bot.id) == "kicked":
            self.unblocks()
        return self._says(updates.text("/start" if payload is None else f"/start {payload}"))

    def writes(self, text: str, *, reply_to: Which | None = None) -> Json:
        return self._says(updates.text(text), reply_to=reply_to)

    def _says(self, content: Json, *, reply_to: Which | None = None) -> Json:
        with self.world.changing():
            self._can_write()
            replied = None if reply_to is None else self.room.messages[number_of(reply_to)]
            stored = self.world.store(self.room, self.user, content, reply_to=replied)
            if self.room.keyboard and self.room.keyboard.get("one_time_keyboard"):
                self.room.keyboard = None
            return self.world.push_message(self.bot, "message", stored)

    def _can_write(self) -> None:
        if self.id in self.world.deactivated:
            raise RuntimeError("this account is gone")
        if self.room.standing.get(self.bot.id) == "kicked":
            raise RuntimeError("who has blocked a bot cannot write to it")
        self.room.standing[self.bot.id] = "member"

    def taps(self, what: str | tuple[Which, str]) -> Json:
        """Taps a button that is shown: the newest with this label, or that of a message. Also below the chat."""
        if isinstance(what, tuple):
            stored, button = self._find_in(self.room, *what)
        elif what in self.keyboard:
            return self._presses(what)
        else:
            stored, button = self._find(self.room, what)
        return self._tap(self.bot, self.user, stored, button["callback_data"])

    def taps_stale(self, which: Which, label: str) -> Json:
        """Taps a button that this message showed once, as a client does that has not heard of the edit."""
        stored, button = self._find_in(self.room, which, label, stale=True)
        return self._tap(self.bot, self.user, stored, button["callback_data"])

    def taps_data(self, data: str, which: Which | None = None) -> Json:
        """Sends callback data of one's own choice, such as somebody else's, as a changed client can."""
        stored = self.room.messages[number_of(self.last if which is None else which)]
        return self._tap(self.bot, self.user, stored, data)

    def _presses(self, label: str) -> Json:
        buttons = (button for row in (self.room.keyboard or {})["keyboard"] for button in row)
        if next(button for button in buttons if button["text"] == label).get("request_contact"):
            return self.shares_own_contact()
        return self.writes(label)

    def edits(self, which: Which, text: str) -> Json:
        with self.world.changing() as now:
            stored = self.room.messages[number_of(which)]
            stored.json = updates.edited(stored.json, text, int(now))
            return self.world.push_message(self.bot, "edited_message", stored)

    def shares_own_contact(self, phone: str = "+12075550101") -> Json:
        return self._says(updates.contact(phone, self.user["first_name"], self.id))

    def forwards_contact(self, phone: str, user_id: int | None = None, first_name: str = "Bob") -> Json:
        """A card from the address book: somebody else's."""
        return self._says(updates.contact(phone, first_name, user_id))

    def forwards(self, text: str, author: Json) -> Json:
        """Words that somebody else wrote."""
        return self._says({**updates.text(text), **updates.forwarded_from(author, int(self.world.clock.now()) - 60)})

    def sends_voice(self, content: bytes = b"OggS", duration: int = 3) -> Json:
        return self._says(updates.voice(self.world.keep_file(content, "voice", "voice.oga"), duration))

    def sends_photo(self, content: bytes = b"\xff\xd8\xff", caption: str | None = None) -> Json:
        photo = updates.photo(self.world.keep_file(content, "photos", "photo.jpg"))
        return self._says({**photo, **updates.given(caption=caption)})

    def sends_document(
        self, content: bytes = b"%PDF", file_name: str = "letter.pdf", mime_type: str = "application/pdf"
    ) -> Json:
        kept = self.world.keep_file(content, "documents", file_name)
        return self._says(updates.document(kept, file_name, mime_type))

    def sends_sticker(self, content: bytes = b"RIFF", emoji: str = "👍") -> Json:
        return self._says(updates.sticker(self.world.keep_file(content, "stickers", "sticker.webp"), emoji))

    def sends_location(self, latitude: float = 43.66, longitude: float = -70.26) -> Json:
        return self._says(updates.location(latitude, longitude))

    def blocks(self) -> Json:
        return self._changes("kicked")

    def unblocks(self) -> Json:
        return self._changes("member")

    def _changes(self, status: str) -> Json:
        with self.world.changing():
            return self.world.change_standing(self.room, self.bot, self.user, status)

    def deactivates(self) -> None:
        """The account is gone; the bot is not told."""
        with self.world.changing():
            self.world.deactivated.add(self.id)

    # What they see.

    @property
    def messages(self) -> list[Shown]:
        with self.world.changed:
            return [shown(stored) for stored in self.room.shown()]

    @property
    def sees(self) -> list[str]:
        """What the bot's messages say now, each with its buttons: "It is yours. [Undo]"."""
        return [str(message) for message in self.from_bot]

    @property
    def from_bot(self) -> list[Shown]:
        return [message for message in self.messages if message.from_bot]

    @property
    def last(self) -> Shown:
        """The bot's newest message."""
        return self.from_bot[-1]

    @property
    def keyboard(self) -> list[str]:
        """The labels below the chat."""
        with self.world.changed:
            rows = (self.room.keyboard or {}).get("keyboard", [])
            return [str(button["text"]) for row in rows for button in row]

    @property
    def tapped(self) -> list[Tap]:
        with self.world.changed:
            return [tap for tap in self.world.taps.values() if tap.user_id == self.id and tap.bot is self.bot]

    @property
    def answered_taps(self) -> list[Tap]:
        """The taps whose waiting sign is gone, with what popped up."""
        return [tap for tap in self.tapped if tap.answer is not None]

    def waits_for(self, what: int | str | Callable[[Person], Any], seconds: float = 10) -> Shown:
        """Waits for so many messages of the bot, for words in its newest, or for something else; gives the newest."""
        self.telegram.wait_until(lambda: self._has(what), seconds, lambda: f"{what!r}; shown are {self.sees}")
        return self.last

    def _has(self, what: int | str | Callable[[Person], Any]) -> bool:
        if isinstance(what, int):
            return len(self.from_bot) >= what
        if isinstance(what, str):
            return bool(self.from_bot) and what in str(self.last)
        return bool(what(self))


class Group(Chatting):
    """A chat of several people, to which bots can be added."""

    def __init__(self, telegram: FakeTelegram, room: Room) -> None:
        super().__init__(telegram)
        self.room = room

    @property
    def id(self) -> int:
        return self.room.id

    def adds(self, bot: BotAccount, by: Person) -> Json:
        with self.world.changing():
            return self.world.change_standing(self.room, bot, by.user, "member")

    def kicks(self, bot: BotAccount, by: Person) -> Json:
        with self.world.changing():
            return self.world.change_standing(self.room, bot, by.user, "kicked")

    def writes(self, person: Person, text: str, *, reply_to: Which | None = None) -> Json:
        """Gives the update of the first bot that is told; empty when privacy mode keeps it from all."""
        with self.world.changing():
            replied = None if reply_to is None else self.room.messages[number_of(reply_to)]
            stored = self.world.store(self.room, person.user, updates.text(text), reply_to=replied)
            told = [bot for bot in self.world.bots.values() if self._is_told(bot, text, replied)]
            sent = [self.world.push_message(bot, "message", stored) for bot in told]
        return sent[0] if sent else {}

    def _is_told(self, bot: BotAccount, text: str, replied: Stored | None) -> bool:
        """In privacy mode a bot hears commands, its name, and answers to itself [D]."""
        if self.room.standing.get(bot.id) != "member":
            return False
        answers_it = replied is not None and replied.json["from"]["id"] == bot.id
        return bot.reads_all or answers_it or text.startswith("/") or f"@{bot.user['username']}" in text

    def taps(self, person: Person, label: str) -> Json:
        stored, button = self._find(self.room, label)
        bot = next(bot for bot in self.world.bots.values() if bot.id == stored.json["from"]["id"])
        return self._tap(bot, person.user, stored, button["callback_data"])

    @property
    def messages(self) -> list[Shown]:
        with self.world.changed:
            return [shown(stored) for stored in self.room.shown()]
