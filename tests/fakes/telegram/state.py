"""What Telegram knows: accounts, chats, messages, files and taps."""

import random
from dataclasses import dataclass, field

from tests.fakes.telegram import updates
from tests.fakes.telegram.limits import Limits
from tests.fakes.telegram.mail import MESSAGE_LIFE, TAP_LIFE, Mail, Pending
from tests.fakes.telegram.refusals import Refusal, bad_request, forbidden
from tests.fakes.telegram.updates import Json
from tests.fakes.vendor import world
from tests.fakes.vendor.clock import Clock

# Queues of the Bot API server: messages by chat, the rest by person or chat with an offset of its own [S Client.cpp].
TAPS = 3 << 33
MEMBERS = 5 << 33

ALL_KINDS = frozenset({"message", "edited_message", "callback_query", "my_chat_member"})


@dataclass
class Hook:
    """A webhook, as it was set."""

    url: str
    secret: str
    most_at_once: int
    last_error_at: float | None = None
    last_error: str = ""
    gone_since: float | None = None  # since when it has answered nothing but 410


@dataclass(eq=False)
class BotAccount:
    """One bot, its mail and what it was set up to be."""

    token: str
    user: Json
    mail: Mail
    reads_all: bool = False  # privacy mode turned off: sees all that is written in its groups
    allowed: frozenset[str] = ALL_KINDS
    asked_for: list[str] | None = None  # allowed_updates as given
    hook: Hook | None = None
    poller: object = None  # the getUpdates that waits now
    last_poll: tuple[int, float] = (-1, 0)
    hook_set_at: float = 0
    patient_until: float = 0  # conflicts before then are answered late
    commands: dict[tuple[str, str], list[Json]] = field(default_factory=dict)
    descriptions: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return int(self.user["id"])


@dataclass(eq=False)
class Stored:
    """A message in a chat, and every inline keyboard that it has shown."""

    json: Json
    keyboards: list[list[list[Json]]] = field(default_factory=list)
    fixed: bool = False  # it came with a keyboard of another kind, so it cannot be edited [D]
    deleted: bool = False

    @property
    def id(self) -> int:
        return int(self.json["message_id"])

    @property
    def buttons(self) -> list[list[Json]]:
        """The inline keyboard as it is shown now."""
        rows: list[list[Json]] = self.json.get("reply_markup", {}).get("inline_keyboard", [])
        return rows


@dataclass(eq=False)
class Room:
    """A chat; in private ones "kicked" means that the person has blocked the bot."""

    chat: Json
    standing: dict[int, str] = field(default_factory=dict)  # of each bot
    messages: dict[int, Stored] = field(default_factory=dict)
    newest_id: int = 0
    keyboard: Json | None = None  # the reply keyboard that is shown below

    @property
    def id(self) -> int:
        return int(self.chat["id"])

    @property
    def private(self) -> bool:
        return bool(self.chat["type"] == "private")

    def shown(self) -> list[Stored]:
        return [message for message in self.messages.values() if not message.deleted]


@dataclass(eq=False)
class Tap:
    """A callback query, and what came of it."""

    id: str
    user_id: int
    bot: BotAccount = field(repr=False)
    at: float
    answer: Json | None = None


@dataclass(frozen=True)
class StoredFile:
    """A file on Telegram's servers."""

    content: bytes
    path: str
    unique_id: str


class World(world.World):
    """All of it."""

    def __init__(self, clock: Clock, limits: Limits, seed: int) -> None:
        super().__init__(clock, seed)
        self.limits = limits
        self.bots: dict[str, BotAccount] = {}
        self.people: dict[int, Json] = {}
        self.deactivated: set[int] = set()
        self.rooms: dict[tuple[int, int], Room] = {}  # by bot and person, or by 0 and group
        self.taps: dict[str, Tap] = {}
        self.files: dict[str, StoredFile] = {}
        self.held: list[tuple[BotAccount, Pending]] | None = None
        self.query_life = 15.0
        self.largest_upload = 50 * 1024 * 1024
        self.largest_download = 20 * 1024 * 1024
        self.throttles = False
        self.hook_ports: frozenset[int] | None = None

    def add_bot(self, token: str, user: Json, *, reads_all: bool) -> BotAccount:
        chance = random.Random(self.chance.random())
        self.bots[token] = BotAccount(token, user, Mail(chance), reads_all)
        return self.bots[token]

    def private_room(self, bot: BotAccount, user_id: int) -> Room:
        key = (bot.id, user_id)
        with self.changed:
            if key not in self.rooms:
                self.rooms[key] = Room(updates.private_chat(self.people[user_id]))
            return self.rooms[key]

    def room(self, bot: BotAccount, chat_id: int | None) -> Room | None:
        """The chat that this number means for this bot."""
        key = (bot.id, chat_id or 0) if (chat_id or 0) > 0 else (0, chat_id or 0)
        return self.rooms.get(key)

    def store(self, room: Room, sender: Json, content: Json, *, reply_to: Stored | None = None) -> Stored:
        """A new message in this chat."""
        room.newest_id += 1
        replied = reply_to.json if reply_to else None
        json = updates.message(room.newest_id, sender, room.chat, int(self.clock.now()), content, reply_to=replied)
        room.messages[room.newest_id] = Stored(json)
        return room.messages[room.newest_id]

    def keep_file(self, content: bytes, folder: str, file_name: str) -> Json:
        """Keeps a file; gives what messages say of it."""
        with self.changed:
            return self._keep(content, folder, file_name)

    def _keep(self, content: bytes, folder: str, file_name: str) -> Json:
        number = len(self.files)
        file_id = f"FILE{self.chance.getrandbits(160):040x}"
        suffix = f".{file_name.rpartition('.')[2]}" if "." in file_name else ""
        stored = StoredFile(content, f"{folder}/file_{number}{suffix}", f"U{self.chance.getrandbits(56):014x}")
        self.files[file_id] = self.files[file_id + "s"] = stored  # photos name their small size so
        return updates.file(file_id, stored.unique_id, len(content))

    def push(self, bot: BotAccount, queue: int, life: float, update: Json) -> Json:
        """An update for this bot, unless it does not want to hear of its kind; gives it with its number."""
        pending = Pending({"update_id": 0, **update}, queue, self.clock.now() + life)
        if pending.kind not in bot.allowed:
            return pending.update
        if self.held is not None:
            self.held.append((bot, pending))
        else:
            self._send(bot, pending)
        return pending.update

    def _send(self, bot: BotAccount, pending: Pending) -> None:
        pending.update["update_id"] = bot.mail.number(self.clock.now())
        pending.due_at = self.clock.now()
        bot.mail.add(pending)

    def let_go(self, held: list[tuple[BotAccount, Pending]], *, one_by_one: bool) -> None:
        """What was held back arrives in this order."""
        before: Pending | None = None
        for bot, pending in held:
            pending.after = before if one_by_one else None
            self._send(bot, pending)
            before = pending

    def push_message(self, bot: BotAccount, kind: str, message: Stored) -> Json:
        chat_id = int(message.json["chat"]["id"])
        return self.push(bot, chat_id, MESSAGE_LIFE, {kind: dict(message.json)})

    def push_tap(self, bot: BotAccount, query: Json) -> Json:
        user_id = int(query["from"]["id"])
        self.taps[query["id"]] = Tap(query["id"], user_id, bot, self.clock.now())
        return self.push(bot, user_id + TAPS, TAP_LIFE, {"callback_query": query})

    def change_standing(self, room: Room, bot: BotAccount, person: Json, status: str) -> Json:
        """The bot is a member now, or blocked, or kicked; it is told."""
        old = room.standing.get(bot.id, "left")
        room.standing[bot.id] = status
        now = int(self.clock.now())
        change = updates.chat_member(room.chat, person, now, bot.user, old=old, new=status)
        return self.push(bot, room.id + MEMBERS, MESSAGE_LIFE, {"my_chat_member": change})

    def open_room(self, bot: BotAccount, chat_id: int | None) -> Room:
        """The chat, if this bot may write there; refuses it in Telegram's words."""
        room = self.room(bot, chat_id)
        if chat_id in self.deactivated and room is not None:
            raise forbidden("user is deactivated")
        standing = room.standing.get(bot.id) if room else None
        if room is None or standing is None:
            raise self._closed(bot, chat_id)
        if standing == "kicked":
            kind = room.chat["type"]
            raise forbidden("bot was blocked by the user" if room.private else f"bot was kicked from the {kind} chat")
        if standing == "left":
            raise forbidden(f"bot is not a member of the {room.chat['type']} chat")
        return room

    def _closed(self, bot: BotAccount, chat_id: int | None) -> Refusal:
        """A person whom the bot knows from elsewhere gets another answer than one it has never heard of [R]."""
        if chat_id in self.people and any(self._met_in(room, bot, chat_id or 0) for room in self.rooms.values()):
            return forbidden("bot can't initiate conversation with a user")
        return bad_request("chat not found")

    def _met_in(self, room: Room, bot: BotAccount, user_id: int) -> bool:
        senders = (message.json["from"]["id"] for message in room.messages.values())
        return not room.private and bot.id in room.standing and user_id in senders
