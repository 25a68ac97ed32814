"""Marked words go through everything; afterwards neither the database nor a log holds them in the clear."""

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, make_url

from bot.messages import Inbound
from channels import CHANNELS
from channels.rendering import BUTTONS, NUMBERS
from channels.telegram.receive import Mailbox
from channels.telegram.send import Telegram
from channels.twilio.fates import Fates
from channels.twilio.receive import Mailbox as TwilioMailbox
from core import logs
from core.config import Settings
from core.database import run, transaction
from core.tables import metadata
from frontdesk import embedded_postgres
from frontdesk.terminal import Terminal
from tests.channels.telegram.conftest import Bot
from tests.channels.twilio.conftest import Desk, settings_for
from tests.demo_clinic import VAULT, DemoClinic
from tests.fakes.bell import SilentBell
from tests.fakes.telegram import FakeTelegram
from tests.fakes.telegram import Person as FakePerson
from tests.fakes.telegram.updates import Json
from tests.fakes.twilio import FakeTwilio, signing
from tests.fakes.twilio import Person as Handset
from tests.fakes.twilio.people import Told
from tests.fakes.webchat import FakeWebChat
from webhooks.app import create_app
from webhooks.mail import Mail
from webhooks.telegram import SECRET_HEADER

PHONE, EMAIL = "+12075550187", "zebulon@quixworth.example"
SAID = ["my knee is plumbago, I need a skin doctor", "Zebulon Quixworth", "3 May 1987", EMAIL, "it is about xylophobia"]
# What was said, and the forms in which it might be kept.
CANARIES = [
    "plumbago",
    "xylophobia",
    "Zebulon",
    "Quixworth",
    "1987-05-03",
    "May 1987",
    "05/03/1987",
    EMAIL,
    "2075550187",
    "marmalade",
    "periwinkle",
    "obsidian",
    "halcyon",
    "vermilion",
    "gossamer",
    "2075550188",
    "tangerine",
]

MARMALADE = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/marmalade"
TOKEN, SECRET = "123456:obsidian-token", "halcyon-secret-of-the-webhook"


def leaks(texts: Iterable[str]) -> set[str]:
    """The canaries in these texts, also as the bytes that PostgreSQL shows in hexadecimal."""
    text = "\n".join(texts).lower()
    return {bird for bird in CANARIES if bird.lower() in text or bird.encode().hex() in text}


def every_row(engine: Engine) -> list[str]:
    """Every column of every table, as text."""
    with transaction(engine) as session:
        return [row for table in metadata.tables for (row,) in run(session, f"SELECT t::text FROM {table} t")]  # noqa: S608


def dumped(engine: Engine) -> str:
    """What a backup would hold."""
    program = embedded_postgres._binaries() / "pg_dump"
    url = make_url(engine.url).set(drivername="postgresql").render_as_string(hide_password=False)
    return subprocess.run([program, url], capture_output=True, text=True, check=True).stdout


def talk(person: Terminal) -> set[str]:
    """Somebody new books, tapping the first offer, and adds a remark; returns what happened."""
    wish, *rest = SAID
    answers = person.say(wish)
    choice = "1" if person.account == NUMBERS else answers[-1].rendered.buttons[0].label
    for text in (choice, *rest):
        answers += person.say(text)
    return {happened.event for answer in answers for happened in answer.payload.reply.happened}


def test_nothing_that_a_patient_says_is_stored_or_logged_in_the_clear(
    clinic: DemoClinic, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("worker", "debug")
    assert talk(clinic.person(BUTTONS, "visitor")) == {"held", "booked"}
    assert talk(clinic.person(NUMBERS, PHONE)) == {"held", "booked"}
    fail_at(clinic.person(NUMBERS, PHONE), "plumbago again")
    staff = clinic.desk("Zebulon Quixworth")
    staff.current = clinic.person(BUTTONS, "visitor").conversation_id
    assert "Said in" in staff.do("say about your xylophobia")
    assert "plumbago" in staff.do("read")

    logged = capsys.readouterr().err
    assert "put_aside" in logged
    assert leaks([logged]) == set()
    assert leaks(every_row(clinic.engine)) == set()
    assert leaks([dumped(clinic.engine)]) == set()


@dataclass
class Person:
    """Somebody who writes to a bot of the clinic, as Telegram brings it."""

    bot: Bot
    webhook: FlaskClient
    chat: FakePerson

    def sends(self, update: Json, secret: str = SECRET, status: int = 200) -> None:
        """Whatever they did; it is answered at once."""
        answer = self.webhook.post("/webhooks/telegram/123456", json=update, headers={SECRET_HEADER: secret})
        assert answer.status_code == status
        self.bot.answer()


@pytest.fixture
def zebulon(clinic: DemoClinic) -> Iterator[Person]:
    """Through the real webhook, worker and sender."""
    settings = Settings(telegram_bot_token=(TOKEN,), telegram_webhook_secret=SECRET, public_url="https://a.example")
    mailbox = Mailbox(clinic.engine, VAULT, SilentBell())
    with FakeTelegram(limits=False) as telegram:
        telegram.bot(TOKEN)
        speaker = Telegram({"123456": TOKEN}, telegram.url)
        chat = telegram.person(42, "Zebulon", last_name="Quixworth", username="quixworth_z")
        yield Person(
            Bot(clinic, telegram, speaker),
            create_app(settings, FakeWebChat(), vendors=Mail(telegram=mailbox)).test_client(),
            chat,
        )
        speaker.close()


def test_nothing_that_comes_through_telegram_is_stored_or_logged_in_the_clear(
    zebulon: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up("worker", "debug")
    chat, clinic = zebulon.chat, zebulon.bot.clinic
    wish, name, born, email, remark = SAID
    zebulon.sends(chat.writes(wish))
    zebulon.sends(chat.taps(chat.last.labels[0]))
    zebulon.sends(chat.writes(name))
    zebulon.sends(chat.writes(born))
    zebulon.sends(chat.shares_own_contact(PHONE))
    assert any("Booked for Zebulon" in said for said in chat.sees)
    zebulon.sends(chat.forwards_contact(PHONE, first_name="Quixworth"))
    zebulon.sends(chat.sends_photo(caption=remark))
    zebulon.sends(chat.sends_document(file_name="marmalade.pdf"))
    zebulon.sends(chat.sends_document(file_name="marmalade.exe", mime_type="application/x-marmalade"))
    zebulon.sends(chat.taps_data("periwinkle.1"))
    zebulon.sends(chat.starts("periwinkle"))
    zebulon.sends(chat.edits(chat.writes(email), "plumbago"))
    zebulon.sends(chat.blocks())
    zebulon.sends({"update_id": 1, "message": {"text": "plumbago"}})
    zebulon.sends(chat.starts(), secret=f"{SECRET} of plumbago", status=401)
    assert zebulon.webhook.post("/webhooks/telegram/plumbago", headers={SECRET_HEADER: SECRET}).status_code == 401
    assert zebulon.bot.sql("SELECT DISTINCT status FROM inbox") == [("answered",)]
    assert zebulon.bot.sql("SELECT status FROM attachments") == [("kept",), ("kept",)]

    written = capsys.readouterr()
    assert "update_for_nobody" in written.err
    assert "webhook_refused" in written.err
    assert leaks([written.err, written.out]) == set()
    assert leaks(every_row(clinic.engine)) == set()
    assert leaks([dumped(clinic.engine)]) == set()


# --- by SMS and on WhatsApp ------------------------------------------------------------------------------------------

AUTH_TOKEN, WEBHOOK_KEY = "vermilion-token-of-the-account", "gossamer-key-of-webhooks"


@dataclass
class Texter:
    """Somebody who writes to the clinic's number, as Twilio brings it; through the real webhook, worker and sender."""

    desk: Desk
    webhook: FlaskClient
    handset: Handset

    def sends(self, told: Told, *, status: int = 204, **more: str) -> None:
        """Whatever they did; it is answered at once."""
        self.posts("messages", told | more, status)
        self.desk.answer()

    def posts(self, what: str, told: Told, status: int = 204, secret: str = AUTH_TOKEN, algorithm: str = "") -> None:
        """One webhook."""
        path, fields = f"/webhooks/twilio/{self.desk.twilio.account}/{what}", list(told.items())
        digest = "sha256" if algorithm else "sha1"
        signed = signing.signature(f"https://a.example{path}", fields, secret, digest)
        headers = {signing.SIGNATURE: signed, signing.SETTINGS: algorithm}
        assert self.webhook.post(path, data=told, headers=headers).status_code == status

    @property
    def newest(self) -> str:
        """What the clinic said last, once it has arrived."""
        ours = len(self.desk.twilio.calls("create"))
        self.desk.twilio.wait_until(lambda: len([each for each in self.handset.messages if not each.by_twilio]) >= ours)
        return str(self.handset.last)


@pytest.fixture
def quixworth(clinic: DemoClinic) -> Iterator[Texter]:
    with FakeTwilio(token=AUTH_TOKEN) as twilio:
        twilio.number("+12065550100", "short code")
        twilio.whatsapp("+12065550100")
        desk = Desk(clinic, twilio)
        settings = replace(settings_for(twilio), public_url="https://a.example", twilio_webhook_key=WEBHOOK_KEY)
        bell = SilentBell()
        mail = Mail(twilio=TwilioMailbox(clinic.engine, VAULT, bell), fates=Fates(clinic.engine, bell))
        webhook = create_app(settings, FakeWebChat(), vendors=mail).test_client()
        yield Texter(desk, webhook, twilio.person("+12075550188", "Zebulon Quixworth"))


def test_nothing_that_comes_through_twilio_is_stored_or_logged_in_the_clear(
    quixworth: Texter, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    logs.set_up("worker", "debug")
    caplog.set_level("WARNING")
    handset, clinic = quixworth.handset, quixworth.desk.clinic
    wish, name, born, email, remark = SAID
    for text in (wish, "1", name, born):
        quixworth.sends(handset.texts(text))
    assert "Booked for Zebulon" in quixworth.newest
    quixworth.sends(handset.sends_media(b"marmalade", "image/jpeg", remark), MediaUrl0=MARMALADE)
    quixworth.sends(handset.texts_on_whatsapp(f"{email} plumbago"))
    quixworth.sends(handset.texts_on_whatsapp("plumbago"), ButtonPayload="periwinkle.1", ButtonText="xylophobia")
    quixworth.sends(handset.texts_on_whatsapp("a list"), ListId="periwinkle.2", ListTitle="xylophobia")
    quixworth.sends(handset.texts_on_whatsapp(""), Latitude="1", Address="Quixworth", Label="tangerine")
    quixworth.sends(handset.texts_on_whatsapp("no more plumbago"), OptOutType="STOP")
    quixworth.sends(handset.texts("tangerine"), From="plumbago", Tangerine="tangerine")
    quixworth.sends({"CallSid": "tangerine", "From": "+12075550188", "To": "plumbago"})
    quixworth.sends(handset.texts("CANCEL"))
    fate = {
        "MessageSid": "SM1",
        "MessageStatus": "failed",
        "ErrorCode": "30007",
        "To": "+12075550188",
        "ErrorMessage": "plumbago",
    }
    quixworth.posts("status", fate)
    quixworth.posts("status?outbox=1", fate)
    for algorithm in ("algorithm=tangerine", "algorithm=HMAC_SHA256,key=tangerine", ""):
        quixworth.posts("messages", fate, 401, f"{AUTH_TOKEN} of plumbago", algorithm)
    quixworth.posts("messages", handset.texts("plumbago"), 204, WEBHOOK_KEY, "algorithm=HMAC_SHA256")
    quixworth.desk.answer()
    assert quixworth.desk.sql("SELECT DISTINCT status FROM inbox") == [("answered",)]
    assert len(quixworth.desk.sql("SELECT id FROM consents WHERE NOT given")) == 2

    written = capsys.readouterr()
    assert "webhook_refused" in written.err
    assert "webhook_dropped" in written.err
    assert leaks([written.err, written.out, caplog.text]) == set()
    assert leaks(every_row(clinic.engine)) == set()
    assert leaks([dumped(clinic.engine)]) == set()


def test_a_leak_would_be_seen(clinic: DemoClinic) -> None:
    with transaction(clinic.engine) as session:
        run(session, "UPDATE organization SET name = 'Quixworth'")
        run(session, "UPDATE conversations SET state = 'plumbago' WHERE id = 1")
    assert leaks(every_row(clinic.engine)) == leaks([dumped(clinic.engine)]) == {"Quixworth", "plumbago"}


def fail_at(person: Terminal, text: str) -> None:
    """A bug whose error quotes the message: it is tried three times and put aside."""

    def decode(body: bytes) -> Inbound:
        raise ValueError(body)

    channels, person.worker.channels = (
        person.worker.channels,
        {name: replace(channel, decode=decode) for name, channel in CHANNELS.items()},
    )
    person.say(text)
    person.worker.channels = channels
