"""Patients of a campaign: each goes on chatting, repeats what was not acknowledged, and remembers what was."""

import http.client
import json
import secrets
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from random import Random
from typing import Any

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from core.database import UNAVAILABLE
from tests.factories import Person, Practice
from tests.fakes.recording import CHANNEL

ASKING = (
    "a check with Dr Lee",
    "a treatment with Dr Kim",
    "Dr Lee tomorrow",
    "Dr Kim next week",
    "Dr Lee on Friday morning",
)
ANSWERING = ("1", "yes", "2", "Zoe Quill, 3 May 1990, zoe@example.com")
CHANGING = ("cancel my visit", "move my visit", "undo", "my visits")
ANYTHING = (
    "opening hours?",
    "where are you?",
    "never mind",
    "start over",
    "back",
    "hello",
    "thanks",
    "what?",
    "Zoe Quill",
)
PATIENCE = 0.15  # seconds between two looks
LONGEST = 120  # seconds without an acknowledgement, after which something is wrong


class NotNow(Exception):
    """The clinic cannot be reached: ask again."""


class TooMuch(Exception):
    """The clinic wants no more of this chat for now."""


@dataclass
class Patient(threading.Thread, ABC):
    """Somebody who chats until told to stop. `acknowledged` are the ids of messages that the clinic said it has."""

    practice: Practice
    chance: Random
    stop: threading.Event
    acknowledged: list[str] = field(default_factory=list)
    repeats: int = 0  # how often the same message was sent again
    trouble: BaseException | None = None

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        """One message after the other; each is repeated until it is acknowledged, and now and then once more."""
        try:
            while not self.stop.is_set():
                self._say(secrets.token_urlsafe(12))
        except BaseException as trouble:  # raised where the campaign ends
            self.trouble = trouble

    def _say(self, message_id: str) -> None:
        message = self.next_message()
        try:
            self._insist(message_id, message)
        except TooMuch:
            return
        self.acknowledged.append(message_id)
        if self.chance.random() < 0.1:  # a vendor that does not believe it
            with suppress(TooMuch):
                self._insist(message_id, message)
        deadline = time.monotonic() + self.chance.choice((0, 0.5, 5))  # some wait for the answer, some write on
        while not self.stop.wait(PATIENCE) and time.monotonic() < deadline and not self._answered():
            pass

    def _answered(self) -> bool:
        try:
            return self.answered()
        except (NotNow, TooMuch):
            return False

    def _insist(self, message_id: str, message: dict[str, Any]) -> None:
        deadline = time.monotonic() + LONGEST
        while True:
            try:
                return self.send(message_id, message)
            except NotNow:
                if time.monotonic() > deadline:
                    raise
                self.repeats += 1
                time.sleep(PATIENCE)

    def next_message(self) -> dict[str, Any]:
        """What to say now."""
        kind = self.chance.choices((ASKING, ANSWERING, CHANGING, ANYTHING), weights=(3, 4, 2, 1))
        return {"text": self.chance.choice(*kind)}

    @abstractmethod
    def send(self, message_id: str, message: dict[str, Any]) -> None:
        """Give the clinic a message; return only when it has it, or raise NotNow."""

    @abstractmethod
    def answered(self) -> bool:
        """Whether nothing waits for an answer."""


@dataclass
class WebPatient(Patient):
    """In the web chat, over HTTP, who mostly taps a button; each from another address, as limits go by those."""

    port: int = 0
    address: str = ""
    cursor: int = 0
    chat: str = ""
    cookie: str = ""
    waiting: bool = False
    buttons: list[dict[str, str]] = field(default_factory=list)

    def __hash__(self) -> int:
        return id(self)

    def next_message(self) -> dict[str, Any]:
        """A button of the newest answer, or words."""
        if self.buttons and self.chance.random() < 0.8:
            button = self.chance.choice(self.buttons[:2])
            return {"choice": button["token"], "label": button["label"]}
        return super().next_message()

    def send(self, message_id: str, message: dict[str, Any]) -> None:
        """POST it as the page does, once there is a cookie to say whose chat it is."""
        if not self.cookie:
            self._request("/chat/begin", "", "application/x-www-form-urlencoded")
        self._post("/chat/messages", {"id": message_id, **message})

    def answered(self) -> bool:
        """Look as the page does."""
        self._post("/chat/poll", {})
        return not self.waiting

    def _post(self, path: str, body: dict[str, Any]) -> None:
        content = json.dumps({"after": self.cursor, "chat": self.chat, **body})
        news = json.loads(self._request(path, content, "application/json"))
        self.chat, self.cursor, self.waiting = news["chat"], news["cursor"], news["waiting"]
        for line in news["lines"]:
            if line["speaker"] == "clinic":
                self.buttons = line["buttons"]

    def _request(self, path: str, content: str, kind: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"Content-Type": kind, "X-Forwarded-For": self.address, "Cookie": self.cookie}
        try:
            connection.request("POST", path, content, headers)
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise NotNow(f"{path} was not answered: {error!r}") from error
        finally:
            connection.close()
        if response.status == http.HTTPStatus.TOO_MANY_REQUESTS:
            self._begin_elsewhere()
            raise TooMuch
        if response.status >= 400:
            assert response.status in (500, 502, 503), (response.status, answer)
            raise NotNow(f"{path} was answered with {response.status}")
        for name, morsel in SimpleCookie(response.getheader("Set-Cookie", "")).items():
            self.cookie = f"{name}={morsel.value}"
        return answer

    def _begin_elsewhere(self) -> None:
        """As somebody else, with another address."""
        self.address = f"198.18.{self.chance.randrange(256)}.{self.chance.randrange(256)}"
        self.cookie, self.chat, self.cursor, self.buttons = "", "", 0, []


@dataclass
class VendorPatient(Patient):
    """On a channel with a vendor, whose webhook is this process: a message is repeated until it has been stored."""

    person: Person | None = None
    name_: str = ""

    def __hash__(self) -> int:
        return id(self)

    def send(self, message_id: str, message: dict[str, Any]) -> None:
        """Store it as a webhook would."""
        try:
            self.person = self.person or self.practice.person(self.name_, CHANNEL)
            self.person.write(message["text"], message_id)
        except (*UNAVAILABLE, psycopg.Error, SQLAlchemyError) as error:
            raise NotNow from error

    def answered(self) -> bool:
        """Ask the database, as nobody tells a vendor's patient."""
        assert self.person is not None
        try:
            return not self.practice.sql(
                "SELECT 1 FROM inbox WHERE status = 'new' AND conversation_id = %(id)s LIMIT 1",
                id=self.person.home.conversation_id,
            )
        except (*UNAVAILABLE, psycopg.Error, SQLAlchemyError) as error:
            raise NotNow from error
