"""The demo clinic by SMS and on WhatsApp, with a Twilio of this machine: real webhooks in, real calls out, and all between in one thread."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import pytest

from channels import CHANNELS, Speaker
from channels.delivery import deliver_next, fetch_next
from channels.twilio import SMS, WHATSAPP, receive
from channels.twilio.fates import Fates
from channels.twilio.send import open_sms
from channels.twilio.whatsapp import open_whatsapp
from core.config import Settings
from core.database import transaction
from frontdesk import verify
from frontdesk.worker import Worker
from tests.demo_clinic import VAULT, DemoClinic
from tests.fakes.bell import SilentBell
from tests.fakes.twilio import FakeTwilio, webhooks
from tests.fakes.twilio.people import Person, Shown, Told
from tests.fakes.twilio.state import FINAL, Message

OURS = "+12065550100"
AMY = "+12075550142"


def settings_for(twilio: FakeTwilio) -> Settings:
    return Settings(
        public_url="http://127.0.0.1:1",
        twilio_account_sid=twilio.account,
        twilio_auth_token=twilio.token,
        twilio_number=(OURS,),
        twilio_whatsapp_number=(OURS,),
        twilio_api_url=twilio.url,
    )


@dataclass
class Desk:
    """The clinic behind a number, and all that happens between a text and its answer."""

    clinic: DemoClinic
    twilio: FakeTwilio
    speakers: dict[str, Speaker] = field(init=False)
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        settings = settings_for(self.twilio)
        self.speakers = {SMS: open_sms(settings), WHATSAPP: open_whatsapp(settings)}
        self.worker = Worker(self.clinic.engine, VAULT, channels=CHANNELS, answers_for_demo=True)

    def store(self, *told: Told) -> list[bool]:
        """These webhooks arrive; which of them are new?"""
        with transaction(self.clinic.engine) as session:
            return [receive.store(session, VAULT, list(fields.items())) for fields in told]

    def hears(self, *told: Told) -> None:
        """These webhooks arrive, and are answered."""
        self.store(*told)
        self.answer()

    def answer(self) -> None:
        self.worker.answer_waiting()
        self.deliver()

    def deliver(self) -> None:
        """The sender does what may go now; paces are nothing that a test waits for."""
        self.hurry()
        while self.deliver_one():
            self.hurry()
        while fetch_next(self.clinic.engine, VAULT, self.speakers):
            pass

    def deliver_one(self) -> bool:
        """The next message, if one may go."""
        with transaction(self.clinic.engine) as session:
            clinic = self.worker.directory.current(session)
        return deliver_next(self.clinic.engine, VAULT, clinic, self.speakers)

    def hurry(self) -> None:
        self.sql("UPDATE addresses SET next_at = '-infinity'")
        self.sql("DELETE FROM paces")

    def sql(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        with transaction(self.clinic.engine) as session:
            cursor = session.exec_driver_sql(statement, values or None)
            return [tuple(row) for row in cursor] if cursor.returns_rows else []


@dataclass
class Chat:
    """Somebody's texts with the clinic: what they do is answered at once."""

    desk: Desk
    person: Person

    def does(self, told: Told) -> Shown:
        """Whatever they did; returns the clinic's newest message."""
        before = len(self.ours)
        self.desk.hears(told)
        self.desk.twilio.wait_until(lambda: len(self.ours) > before)
        return self.ours[-1]

    def texts(self, body: str) -> str:
        """What the clinic's newest text says after this one."""
        return self.does(self.person.texts(body)).text

    @property
    def ours(self) -> list[Shown]:
        """What has arrived from the clinic itself, and not from Twilio or the network."""
        return [message for message in self.person.messages if not message.by_twilio]


@pytest.fixture
def twilio() -> Iterator[FakeTwilio]:
    with FakeTwilio() as twilio:
        twilio.number(OURS, "short code")  # which is fast
        twilio.whatsapp(OURS)
        yield twilio


@pytest.fixture
def desk(clinic: DemoClinic, twilio: FakeTwilio) -> Iterator[Desk]:
    yield Desk(clinic, twilio)
    assert twilio.errors == []


@pytest.fixture
def amy(desk: Desk) -> Chat:
    """Amy, who has never written before."""
    return Chat(desk, desk.twilio.person(AMY))


@dataclass
class Post:
    """Brings to us what Twilio says of our messages, as the webhook does; without HTTP, and when a test says so."""

    desk: Desk
    waiting: list[tuple[str, Told, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fates = Fates(self.desk.clinic.engine, SilentBell())
        self.desk.twilio.world.tells = self._tells

    def _tells(self, message: Message) -> None:
        query = dict(parse_qsl(urlsplit(message.callback).query))
        fields = dict(webhooks.status(self.desk.twilio.account, message))
        self.waiting.append((query["outbox"], fields, query.get("by") == "template"))

    def carry(self, *, times: int = 1) -> None:
        """All that is said until every message has met its end, so many times."""
        world = self.desk.twilio.world
        ours = [message for message in [*world.messages.values()] if message.direction.startswith("outbound")]
        self.desk.twilio.wait_until(lambda: all(message.status in FINAL for message in ours))
        told, self.waiting = self.waiting, []
        for _ in range(times):
            for each in told:
                outbox_id, fields, by_template = each
                self.fates.take(outbox_id, fields, by_template=by_template)

    def go_on(self) -> None:
        """What goes again goes now, and meets its end; all of it is told twice."""
        self.carry(times=2)
        self.desk.sql("UPDATE outbox SET due_at = now() WHERE status = 'due'")
        self.desk.deliver()
        self.carry(times=2)


@pytest.fixture
def post(desk: Desk) -> Iterator[Post]:
    yield Post(desk)
    with transaction(desk.clinic.engine) as session:
        found = verify.check(session, VAULT)
    assert {name: finding.broken for name, finding in found.items() if finding.broken} == {}
