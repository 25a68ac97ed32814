"""The demo clinic on a Telegram of this machine: real updates in, real calls out, and the worker and the sender in between."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from channels import CHANNELS
from channels.delivery import deliver_next, fetch_next
from channels.telegram import CHANNEL, receive
from channels.telegram.send import Telegram
from core.database import transaction
from frontdesk.worker import Worker
from tests.demo_clinic import VAULT, DemoClinic
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram.people import Person, Shown
from tests.fakes.telegram.updates import Json

TOKEN = "123456:TEST-TOKEN"
ACCOUNT = "123456"


@dataclass
class Bot:
    """The clinic's bot, and all that happens between an update and the chat, in one thread."""

    clinic: DemoClinic
    telegram: FakeTelegram
    speaker: Telegram
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        self.worker = Worker(self.clinic.engine, VAULT, channels=CHANNELS, answers_for_demo=True)

    def store(self, *updates: Json, account: str = ACCOUNT) -> list[bool]:
        """These updates arrive; which of them are new?"""
        with transaction(self.clinic.engine) as session:
            return [receive.store(session, VAULT, account, json.dumps(update).encode()) for update in updates]

    def hears(self, *updates: Json) -> None:
        """These updates arrive, and are answered."""
        self.store(*updates)
        self.answer()

    def answer(self) -> None:
        """The worker and the sender do what waits; paces are nothing that a test waits for."""
        self.worker.answer_waiting()
        self.deliver()

    def deliver(self) -> None:
        """The sender does what may go now."""
        speakers = {CHANNEL: self.speaker}
        with transaction(self.clinic.engine) as session:
            clinic = self.worker.directory.current(session)
        self.hurry()
        while deliver_next(self.clinic.engine, VAULT, clinic, speakers):
            self.hurry()
        while fetch_next(self.clinic.engine, VAULT, speakers):
            pass

    def hurry(self) -> None:
        """Nobody waits for a pace."""
        self.sql("UPDATE addresses SET next_at = '-infinity'")
        self.sql("DELETE FROM paces")

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        with transaction(self.clinic.engine) as session:
            cursor = session.exec_driver_sql(statement)
            return [tuple(row) for row in cursor] if cursor.returns_rows else []


@dataclass
class Chat:
    """Somebody's chat with the clinic's bot: what they do is answered at once."""

    bot: Bot
    person: Person

    def does(self, update: Json) -> Shown:
        """Whatever they did; returns the newest message in the chat."""
        self.bot.hears(update)
        return self.person.last

    def says(self, text: str) -> Shown:
        return self.does(self.person.writes(text))

    def taps(self, label: str) -> Shown:
        return self.does(self.person.taps(label))

    @property
    def tapped_notes(self) -> list[str]:
        """What popped up over the chat when buttons were tapped."""
        answers = (tap.answer or {} for tap in self.person.answered_taps)
        return [str(answer["text"]) for answer in answers if answer.get("text")]

    def introduce(self) -> None:
        """Book a first visit, by which the clinic knows her from then on."""
        self.says("cleaning with Dr Lee Tuesday morning")
        self.taps("Tue, Mar 10, 8:00 AM")
        self.says("Amy Lane")
        assert "Booked for Amy" in self.says("May 3, 1990").text


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram(limits=False) as telegram:
        telegram.bot(TOKEN, "clinic_bot")
        yield telegram


@pytest.fixture
def bot(clinic: DemoClinic, telegram: FakeTelegram) -> Iterator[Bot]:
    bot = Bot(clinic, telegram, Telegram({ACCOUNT: TOKEN}, telegram.url))
    yield bot
    bot.speaker.close()
    assert telegram.errors == []


@pytest.fixture
def amy(bot: Bot) -> Chat:
    """Amy, who has never written before."""
    return Chat(bot, bot.telegram.person(42, "Amy"))
