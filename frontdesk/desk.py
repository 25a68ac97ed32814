"""`frontdesk desk`: staff read conversations, take over, answer and hand back, in a terminal until the console comes.

What changes a dialog goes through the inbox, like a patient's message: a turn decides under the conversation's lock who has it.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import Engine

from bot.events import HandedBack, StaffAct, StaffSaid, TookOver, pack_act
from bot.messages import (
    OptIn,
    OptOut,
    Other,
    OwnNumber,
    Presence,
    Reply,
    Tap,
    Upload,
    Words,
    by_digit,
    unpack_choices,
    unpack_payload,
)
from bot.texts import say, say_all
from channels import Channel
from core import clock
from core.compliance import audit
from core.config import Settings
from core.crypto import Vault
from core.database import Session, open_engine, transaction
from core.messaging import attachments, conversations, handoffs, inbox, outbox, troubles
from core.messaging.attachments import Attachment
from core.messaging.conversations import Open
from core.messaging.waking import Bell
from core.people import patients, staff
from core.people.staff import Member
from core.scheduling import directory
from core.scheduling.directory import Directory
from frontdesk.chat import lines
from frontdesk.errors import CannotRun
from frontdesk.moving_in import require_clinic, require_keys
from frontdesk.printing import printable
from frontdesk.worker import Worker, nowhere

MOST_WAITING, MOST_LATELY, MOST_LINES = 50, 10, 60
LONGEST = 2_000  # characters of an answer
PATIENCE = 10  # seconds until an act must have had its turn
COURTESY = (
    0.5  # seconds in which a worker may be faster than we: staff are not to wait while their desk answers everybody
)

_WHY = {
    "asked": "asked for a person",
    "not_understood": "was not understood",
    "emergency": "may be an emergency",
    "aside": "a message could not be answered",
    "file": "sent a file",
    "undelivered": "may not have got a message",
    "opted_out": "wants no more messages",
    "cancel_or_stop": "wrote CANCEL, which stops all messages, and may have meant the visit",
}


_WRONG = {
    "budget_used_up": "the money for texts is used up for today, and they wait; TWILIO_DAILY_BUDGET can be raised",
    "many_codes": "far more codes are asked for by similar numbers than patients would; the others get none for an hour",
    "token_refused": "Twilio does not take TWILIO_AUTH_TOKEN",
    "bad_sender": "a number of ours is none that this account at Twilio can send from",
    "country_closed": "Twilio's geographic permissions do not have a country to which texts should go",
    "account_suspended": "Twilio has suspended the account",
    "not_registered": "a number of ours is not registered with the carriers (A2P 10DLC)",
}
"""What staff are told is to be mended, by its code."""


class Unclear(Exception):
    """What was typed cannot be done; the sentence says what to do instead."""


@dataclass
class Desk:
    """One member of staff at a terminal. `current` is the conversation that was read or taken last."""

    engine: Engine
    vault: Vault
    me: Member
    bell: Bell | None = None
    current: int | None = None
    answers_for_demo: bool = False  # on channels that have a vendor
    texts_to: Callable[[str], tuple[str, ...]] = nowhere  # the countries that SMS go to
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        self.worker = Worker(
            self.engine, self.vault, self.bell, answers_for_demo=self.answers_for_demo, texts_to=self.texts_to
        )

    def do(self, line: str) -> str:
        """Do what a line says; returns what to show."""
        word, _, rest = line.strip().partition(" ")
        if not word:
            return ""
        command = COMMANDS.get(word.casefold())
        if command is None:
            return f"There is no “{word}” here. `help` shows what there is."
        try:
            return command.do(self, rest.strip())
        except Unclear as unclear:
            return str(unclear)

    # --- looking -----------------------------------------------------------------------------------------------------

    def list(self, _rest: str) -> str:
        with transaction(self.engine) as session:
            waiting = handoffs.waiting(session, MOST_WAITING)
            lately = conversations.lately(session, MOST_LATELY)
            wrong = troubles.standing(session)
            names, show = staff.every(session, self.vault), _clock_of(session)
        called = [
            f"{each.conversation_id:>6}  {', '.join(_WHY[reason] for reason in each.reasons)}, since {show(each.since)}"
            f"{self._has(names, each.staff_id)}"
            for each in waiting
        ]
        active = [
            f"{each.conversation_id:>6}  wrote last {show(each.at)}{self._has(names, each.staff_id)}" for each in lately
        ]
        broken = [
            f"  {each.code}: {_WRONG.get(each.code, 'Twilio refuses what we send')}; since {show(each.since)}, "
            f"{each.times} times, last {show(each.last_at)}"
            for each in wrong
        ]
        return "\n".join(
            [
                *(
                    ["To be mended, before messages go out as they should (`mended CODE` when it is):"]
                    if broken
                    else []
                ),
                *broken,
                "Waiting for a person:",
                *(called or ["        nobody"]),
                "Lately active:",
                *(active or ["        nobody"]),
            ]
        )

    def read(self, rest: str) -> str:
        with transaction(self.engine) as session:
            chat = self._open(session, rest)
            audit.record(session, self.me.actor, "conversation.read", "conversations", chat.id)
            head = f"Conversation {chat.id}{self._who(session, chat)}{self._has(self._names(session), chat.staff_id)}"
            spoken = [*_spoken(session, chat, self.worker.channels)] or ["Nothing was said here lately."]
            return "\n".join([head, *spoken])

    def file(self, rest: str) -> str:
        number, _, name = rest.partition(" ")
        if not number.isascii() or not number.isdigit() or not name.strip():
            raise Unclear("Which file, and where to? `file 17 photo.jpg`; `read` shows their numbers.")
        with transaction(self.engine) as session:
            chat = self._open(session, "")
            found = attachments.content(session, self.vault, chat.id, int(number[:18]))
            if found is None:
                raise Unclear(f"There is no file {number} in conversation {chat.id}.")
            audit.record(session, self.me.actor, "attachment.read", "attachments", int(number))
        return _saved(Path(name.strip()), found[1])

    def close(self, rest: str) -> str:
        with transaction(self.engine) as session:
            chat = self._open(session, rest)
            closed = handoffs.close(session, chat.id, self.me.actor, clock.now(session))
        return f"Conversation {chat.id} no longer waits." if closed else f"Conversation {chat.id} did not wait."

    def mended(self, rest: str) -> str:
        with transaction(self.engine) as session:
            closed = troubles.close(session, rest, self.me.actor, clock.now(session))
        return f"“{rest}” is off the list until it happens again." if closed else f"“{rest}” is not on the list."

    # --- taking part -------------------------------------------------------------------------------------------------

    def take(self, rest: str) -> str:
        anyway = rest.endswith("anyway")
        chat, heard = self._tell(rest.removesuffix("anyway"), TookOver(self.me.name, anyway))
        if heard or chat.staff_id == self.me.id:
            return (
                f"Conversation {chat.id} is yours: the bot is silent. `say …` answers, `back` hands it back to the bot."
            )
        return f"{self._owner(chat)} has conversation {chat.id}. `take {chat.id} anyway` takes it over from them."

    def say(self, rest: str) -> str:
        text = rest.encode(errors="replace").decode()
        if not text:
            raise Unclear("Write what the patient is to read: `say Good morning, how can I help?`")
        if len(text) > LONGEST:
            raise Unclear(f"That is {len(text)} characters long; {LONGEST} is the most that goes into one message.")
        chat, heard = self._tell("", StaffSaid(self.me.name, text))
        if heard:
            return f"Said in conversation {chat.id}."
        return f"Not said: {self._owner(chat)} has conversation {chat.id}. `take {chat.id} anyway` takes it over from them."

    def back(self, rest: str) -> str:
        chat, heard = self._tell(rest, HandedBack())
        if heard:
            return f"The bot answers in conversation {chat.id} again."
        return f"Nothing to hand back: {self._owner(chat)} has conversation {chat.id}."

    def _tell(self, rest: str, act: StaffAct) -> tuple[Open, bool]:
        """Let the dialog know; returns the conversation afterwards, and whether the patient was told something."""
        with transaction(self.engine) as session:
            chat = self._open(session, rest)
            body = chat.key.seal("inbox.body", chat.id, pack_act(act))
            told = inbox.tell(session, chat.id, self.me.id, uuid4().hex, body)
        self._have_answered(told)
        with transaction(self.engine) as session:
            return self._open(session, str(chat.id)), outbox.followed(session, told)

    def _have_answered(self, message: int) -> None:
        """Wake the workers; where there are none, be one."""
        began = time.monotonic()
        if self.bell is not None:
            self.bell.ring("inbox")
        while True:
            waited = time.monotonic() - began
            if self.bell is None or waited > COURTESY:
                self.worker.answer_waiting()
            with transaction(self.engine) as session:
                if inbox.is_answered(session, message):
                    return
            if waited > PATIENCE:
                raise Unclear("That waits for its turn: the conversation is busy. `read` shows how it stands.")
            time.sleep(0.02)

    # --- names -------------------------------------------------------------------------------------------------------

    def _open(self, session: Session, rest: str) -> Open:
        """The conversation that is meant: by number, or the current one."""
        number = rest.strip() or str(self.current or "")
        if not number:
            raise Unclear("Which conversation? Write its number, as in `read 17`; `list` shows them.")
        known = number.isascii() and number.isdigit() and len(number) < 19
        chat = conversations.open_(session, self.vault, int(number)) if known else None
        if chat is None:
            raise Unclear(f"There is no conversation {number}. `list` shows those that wait.")
        self.current = chat.id
        return chat

    def _who(self, session: Session, chat: Open) -> str:
        """The patients that a conversation speaks for; reading them is written down."""
        address = inbox.address_of(session, chat.id)
        known = () if address is None else patients.known_at(session, self.vault, address.id, self.me.actor)
        return ", " + (", ".join(patient.name for patient in known) or "nobody we know yet")

    def _names(self, session: Session) -> dict[int, Member]:
        return staff.every(session, self.vault)

    def _has(self, names: dict[int, Member], staff_id: int | None) -> str:
        if staff_id is None:
            return ""
        return "; you have it" if staff_id == self.me.id else f"; {names[staff_id].name} has it"

    def _owner(self, chat: Open) -> str:
        if chat.staff_id is None:
            return "nobody"
        with transaction(self.engine) as session:
            return self._names(session)[chat.staff_id].name


def _clock_of(session: Session) -> Callable[[datetime], str]:
    """Instants by the clinic's wall clock."""
    zone = directory.load(session).zone
    return lambda at: f"{at.astimezone(zone):%Y-%m-%d %H:%M}"


def _spoken(session: Session, chat: Open, channels: Mapping[str, Channel]) -> Iterator[str]:
    """Both sides of a conversation, with the files that came, and with what did not arrive."""
    clinic, show = directory.load(session), _clock_of(session)
    lines = outbox.all_said(session, chat.id, MOST_LINES)
    files = attachments.of_messages(session, [line.id for line in lines if line.channel])
    for line in lines:
        if line.channel is None:
            text = _answered(line, unpack_payload(chat.key.open("outbox.payload", chat.id, line.body)).reply, clinic)
        else:
            text = _written(session, chat, channels[line.channel], line.body)
            text = "\n".join([text, *(_file(each) for each in files if each.inbox_id == line.id)])
        first, *more = [part for part in text.split("\n") if part] or [""]
        if first or line.channel:  # a tap that was acknowledged, with nothing to say to it
            yield f"{show(line.at)}  {'patient' if line.channel else 'clinic '}  {first}"
        yield from (" " * 27 + part for part in more)


def _answered(line: Any, reply: Reply, clinic: Directory) -> str:
    labels = " ".join(f"[{say(choice.label, 'en', clinic)}]" for choice in reply.choices)
    fate = _FATES.get(line.status, "").format(error=line.error)
    return "\n".join(filter(None, [say_all(reply.says, "en", clinic), labels, fate]))


_FATES = {"failed": "(did not arrive: {error})", "unknown": "(may not have arrived: {error})"}
"""What staff are told of a message that is not simply sent."""


def _saved(path: Path, content: bytes) -> str:
    """Nothing that is there already is written over."""
    try:
        with path.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise Unclear(f"{path} cannot be written ({error.strerror}).") from None
    return f"Saved as {path}."


def _file(each: Attachment) -> str:
    size = "" if each.size is None else f", {max(1, each.size // 1024)} kB"
    return f"({_FILES[each.status].format(id=each.id)}: {each.media_type}{size})"


_FILES = {
    "wanted": "file {id} is being fetched",
    "kept": "`file {id} NAME` saves it",
    "failed": "file {id} could not be fetched",
    "forgotten": "file {id} is gone, as everything that is said here after 30 days",
}


def _written(session: Session, chat: Open, channel: Channel, body: bytes) -> str:
    """What the patient wrote, the label of what they tapped, or what else they sent."""
    match channel.decode(chat.key.open("inbox.body", chat.id, body)):
        case Words(text, command):
            return f"/{command} {text}" if command else text
        case Tap(token, number):
            return _tapped(session, chat, token, number)
        case Upload(kind, caption=caption):
            return f"[{kind}] {caption}"
        case Other(what):
            return f"[{what.replace('_', ' ')}]"
        case OwnNumber():
            return "[their number]"
        case OptOut(wording) | OptIn(wording):
            return f"[{wording}]"
        case Presence(reachable):
            return "[lets us write again]" if reachable else "[has blocked us]"
    return "[nothing to read]"


def _tapped(session: Session, chat: Open, token: str, number: int) -> str:
    prompt = outbox.prompt(session, chat.id, token)
    choices = unpack_choices(chat.key.open("prompts.choices", chat.id, prompt)) if prompt else ()
    choice = by_digit(choices).get(number)
    return "[a button]" if choice is None else f"[{say(choice.label, 'en', directory.load(session))}]"


# --- the commands ----------------------------------------------------------------------------------------------------


class Command(NamedTuple):
    """What staff may type."""

    usage: str
    help: str
    do: Callable[[Desk, str], str]


def _help(_desk: Desk, _rest: str) -> str:
    return "\n".join(f"  {command.usage:<18} {command.help}" for command in COMMANDS.values())


COMMANDS = {
    "list": Command("list", "who waits for a person, and who wrote lately", Desk.list),
    "read": Command("read [17]", "both sides of a conversation; without a number, the one you were at", Desk.read),
    "file": Command("file 17 NAME", "save a file that the patient sent, under this name", Desk.file),
    "take": Command("take [17]", "take over: from now on you answer, and the bot is silent", Desk.take),
    "say": Command("say WORDS", "answer in the conversation you are at", Desk.say),
    "back": Command("back [17]", "hand back: the bot goes on, and whoever waited no longer does", Desk.back),
    "mended": Command("mended CODE", "something that `list` says is to be mended has been", Desk.mended),
    "close": Command("close [17]", "nothing to do there: it no longer waits", Desk.close),
    "help": Command("help", "this list; Ctrl-D leaves", _help),
}


def run(options: argparse.Namespace, settings: Settings) -> None:
    """Serve one member of staff until the script or the input ends."""
    require_clinic(settings.database_url)
    require_keys(settings.database_url, settings)
    engine, bell = open_engine(settings.database_url, pool_size=4), Bell(settings.database_url)
    try:
        me = _member(engine, settings.vault, options.name)
        desk = Desk(engine, settings.vault, me, bell, answers_for_demo=settings.demo, texts_to=settings.texts_to)
        typed = options.script is None and sys.stdin.isatty()
        if typed:
            print(f"Good to see you, {desk.me.name}. `help` shows what you can do; Ctrl-D leaves.")
            print(printable(desk.do("list")))
        for line in lines(options.script, "desk> "):
            if not typed:
                print(f"desk> {printable(line)}")
            print(printable(desk.do(line)), flush=True)
        if typed:
            print()  # after Ctrl-D the shell's prompt begins a line of its own
    finally:
        bell.close()
        engine.dispose()


def _member(engine: Engine, vault: Vault, name: str) -> Member:
    """Who sits there; somebody who never did is welcomed as a receptionist."""
    name = " ".join(name.split())
    if not name.isprintable() or not 0 < len(name) <= 80:
        raise CannotRun("--as needs a name of up to 80 characters, as patients are to read it.")
    with transaction(engine) as session:
        known = staff.called(session, vault, name)
        if known is None:
            print(f"{name} is new here, and is now among the staff.")
        return known or staff.add(session, vault, name, "receptionist")
