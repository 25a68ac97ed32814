"""SMS and WhatsApp for real, but for Twilio: web, worker and sender as processes of their own, against a server that keeps its rules."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from itertools import count
from typing import Any, NamedTuple

import pytest

from bot.messages import NoticeKind
from channels.twilio import SMS, WHATSAPP
from core import clock
from core.compliance.audit import SETUP
from core.database import transaction
from core.messaging import attachments, inbox
from core.messaging.inbox import Home, Sender
from core.people import identities, patients
from core.scheduling import directory
from frontdesk.ports import is_healthy
from frontdesk.sender import THREADS
from tests import databases, demo_clinic, processes, reminders
from tests.demo_clinic import VAULT, DemoClinic
from tests.factories import wait_for
from tests.fakes.twilio import FakeTwilio, faults
from tests.fakes.twilio.people import Person, Shown
from tests.processes import PATIENCE, Cast

pytestmark = pytest.mark.xdist_group("twilio")

OURS, SLOW = "+12065550100", "+12065550101"  # Twilio has granted the first one as many segments as we like
DAY = timedelta(days=1)
APPROVED: NoticeKind = "visit_moved"  # of whose texts Meta has approved this one

NOTHING_SAID = ("hi", "skin doctor", "1")
ALL_SAID = ("cleaning with Dr Lee Tuesday morning", "1")
WISH = "cleaning with Dr Lee"
WHO = ("Mia Stone", "May 3, 1990")
INTRODUCED = "cleaning with Dr Lee, my name is {} Lane, born May 3, 1990"

# The pace of a number is a row; that of a number to which Twilio has granted more would be another one.
_GRANTED = f"""
CREATE FUNCTION granted() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.next_at = ''-infinity''; RETURN NEW; END';
CREATE TRIGGER granted BEFORE INSERT OR UPDATE ON paces FOR EACH ROW
  WHEN (NEW.channel = '{SMS}' AND NEW.account = '{OURS}') EXECUTE FUNCTION granted()
"""


@dataclass
class Stage:
    """A clinic, a Twilio, and the processes between them."""

    clinic: DemoClinic
    twilio: FakeTwilio
    cast: Cast
    _numbers: Iterator[int] = field(default_factory=lambda: count(12_075_552_000))

    def person(self, name: str = "Amy") -> Person:
        """Somebody who has never written before."""
        return self.twilio.person(f"+{next(self._numbers)}", name)

    def known(self, channel: str, name: str = "Ben") -> Person:
        """Somebody whom the clinic knows by their number."""
        person = self.person(name)
        with self.session() as session:
            home = inbox.home(session, VAULT, Sender(channel, OURS, person.number))
            patient = patients.register(session, VAULT, f"{name} Lane", date(1990, 5, 3), SETUP)
            identities.link(session, home.address_id, patient.id, "self", SETUP)
        return person

    def session(self) -> Any:
        return transaction(self.clinic.engine)

    def sql(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with self.session() as session:
            cursor = session.exec_driver_sql(statement, values)
            return [tuple(row) for row in cursor] if cursor.returns_rows else []

    def home(self, person: Person, channel: str = SMS, account: str = OURS) -> Home:
        """Where this person's chat lives."""
        with self.session() as session:
            home = inbox.find_home(session, VAULT, Sender(channel, account, person.number))
        assert home is not None
        return home

    def visits(self, person: Person, channel: str = SMS) -> list[str]:
        """What has become of the visits that were booked in this person's chat."""
        rows = self.sql(
            "SELECT v.status FROM appointments v JOIN patient_addresses p USING (patient_id) "
            "WHERE p.address_id = %(id)s AND v.status <> 'pending' ORDER BY v.id",
            id=self.home(person, channel).address_id,
        )
        return [status for (status,) in rows]

    def fate(self, person: Person, channel: str = SMS) -> str:
        """How it stands with the newest message that this person's chat was owed, and why."""
        rows = self.sql(
            "SELECT status, error FROM outbox o JOIN conversations c ON c.id = o.conversation_id "
            "JOIN addresses a ON a.conversation_id = c.id WHERE a.channel = %(channel)s AND a.account = %(account)s "
            "AND a.key = ANY (%(keys)s) ORDER BY o.id DESC LIMIT 1",
            channel=channel,
            account=OURS,
            keys=VAULT.lookup_keys(f"{channel}/{OURS}", person.number),
        )
        return next((" ".join(filter(None, row)) for row in rows), "nothing")

    def ages(self, person: Person) -> None:
        """What they wrote on WhatsApp is more than a day old, as we know."""
        self.sql(
            "UPDATE inbox SET received_at = received_at - interval '25 hours' WHERE conversation_id = %(id)s",
            id=self.home(person, WHATSAPP).conversation_id,
        )

    def closes_window(self, person: Person) -> None:
        """The same, as only WhatsApp knows."""
        with self.twilio.world.changing() as now:
            person.handset.wrote_at[f"whatsapp:{OURS}"] = now - DAY.total_seconds()

    def files(self, person: Person, channel: str = SMS) -> list[tuple[str, bytes | None, str | None]]:
        """What has become of all that came along in this chat, as staff could open it."""
        id = self.home(person, channel).conversation_id
        rows = self.sql("SELECT id, status, error FROM attachments WHERE conversation_id = %(id)s", id=id)
        with self.session() as session:
            opened = [attachments.content(session, VAULT, id, file) for file, _, _ in rows]
        return [(status, file and file[1], error) for (_, status, error), file in zip(rows, opened, strict=True)]

    @contextmanager
    def later(self, passed: timedelta) -> Iterator[None]:
        """Meanwhile it is that much later at the clinic."""
        self._moves_clock(passed)
        try:
            yield
        finally:
            self._moves_clock(-passed)

    def _moves_clock(self, by: timedelta) -> None:
        with self.session() as session:
            clock.set_now(session, clock.now(session) + by)


@pytest.fixture(scope="module")
def stage(server_url: str, demo_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Processes that all tests share; each test has people of its own."""
    url = databases.create_database(server_url, template=demo_template)
    with ExitStack() as stack:
        stack.callback(databases.drop_database, url)
        clinic = stack.enter_context(demo_clinic.opened(url))
        twilio = stack.enter_context(FakeTwilio(ledger=tmp_path_factory.mktemp("twilio") / "ledger"))
        stage = Stage(clinic, twilio, Cast(clinic.engine, _settings(twilio)))
        _begin(stage)
        yield stage
        assert stage.cast.runs("verify")
        stage.cast.stop()
        assert (twilio.errors, twilio.violations) == ([], [])


def _settings(twilio: FakeTwilio) -> dict[str, Any]:
    port = processes.free_port()
    return {
        "demo": True,
        "http_port": port,
        "trusted_proxies": 1,  # so that Twilio, from one address of this machine, is not taken for one person
        "public_url": f"http://127.0.0.1:{port}",
        "twilio_account_sid": twilio.account,
        "twilio_auth_token": twilio.token,
        "twilio_number": (OURS, SLOW),
        "twilio_whatsapp_number": (OURS,),
        "twilio_api_url": twilio.url,
    }


def _begin(stage: Stage) -> None:
    """All processes are at work, and Twilio knows where we are."""
    stage.sql(_GRANTED)
    stage.twilio.number(OURS, "short code")  # which is fast
    stage.twilio.number(SLOW)
    stage.twilio.whatsapp(OURS)
    with stage.session() as session:
        reminders.submitted(stage.twilio, APPROVED, directory.load(session))
    for role in ("worker", "sender"):
        stage.cast.start(role)
    starts_web(stage)
    assert stage.cast.runs("twilio", "connect")
    texts(stage, stage.person(), "hello")


def starts_web(stage: Stage, failpoint: str = "") -> None:
    stage.cast.start("web", failpoint)
    wait_for(lambda: is_healthy("127.0.0.1", stage.cast.settings["http_port"]), seconds=PATIENCE)


def kills_web(stage: Stage) -> None:
    """It, and the server that it has started."""
    stage.cast.kill("web")
    wait_for(lambda: not is_healthy("127.0.0.1", stage.cast.settings["http_port"]), seconds=PATIENCE)


# --- what people do --------------------------------------------------------------------------------------------------


def answer(stage: Stage, person: Person, do: Callable[[], object]) -> Shown:
    """The clinic's answer to what this person does, once they have had the time to read it."""
    before = len(ours(person))
    do()
    person.waits_for(lambda person: len(ours(person)) > before, PATIENCE)
    shown = ours(person)[before]
    wait_for(lambda: stage.sql("SELECT 1 FROM outbox WHERE vendor_id = %(sid)s", sid=shown.sid), PATIENCE)
    return shown


def texts(stage: Stage, person: Person, *bodies: str) -> Shown:
    """The answer to the last of these texts, each of which was answered."""
    *_, last = [answer(stage, person, partial(person.texts, body)) for body in bodies]
    return last


def chats(stage: Stage, person: Person, *bodies: str) -> Shown:
    """The same on WhatsApp."""
    *_, last = [answer(stage, person, partial(person.texts_on_whatsapp, body)) for body in bodies]
    return last


def ours(person: Person) -> list[Shown]:
    """What has arrived from the clinic itself, and not from Twilio or the network."""
    return [message for message in person.messages if not message.by_twilio]


def said(person: Person, words: str) -> int:
    """How often that was said to them, on whatever channel."""
    return sum(words in message.text for message in ours(person))


def remind(stage: Stage, person: Person, channel: str = SMS, kind: NoticeKind = "reminder") -> None:
    """A reminder of their visit, or another notice of it, is owed to this person."""
    with stage.session() as session:
        reminders.remind(session, stage.home(person, channel), kind)


# --- booking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [NOTHING_SAID, ALL_SAID])
def test_who_is_known_books_by_sms_in_three_messages_or_in_two(stage: Stage, words: tuple[str, ...]) -> None:
    ben = stage.known(SMS)
    assert "Booked for Ben" in texts(stage, ben, *words).text
    assert stage.visits(ben) == ["booked"]


@pytest.mark.parametrize("words", [NOTHING_SAID, ALL_SAID])
def test_who_is_new_books_by_sms_in_five_messages_or_in_four(stage: Stage, words: tuple[str, ...]) -> None:
    mia = stage.person("Mia")
    assert "Booked for Mia" in texts(stage, mia, *words, *WHO).text
    assert stage.visits(mia) == ["booked"]


def test_on_whatsapp_a_time_is_picked_from_a_list_and_a_tap_on_undo_takes_it_back(stage: Stage) -> None:
    amy = stage.person()
    offer = chats(stage, amy, INTRODUCED.format("Amy"))
    assert "Booked for Amy" in answer(stage, amy, lambda: amy.picks(offer.items[0])).text
    assert amy.last.labels == ("Undo",)
    answer(stage, amy, lambda: amy.taps("Undo"))
    assert stage.visits(amy, WHATSAPP) == ["cancelled"]


def test_a_visit_is_moved_and_cancelled_by_digits_and_both_taken_back(stage: Stage) -> None:
    ben = stage.known(SMS)
    texts(stage, ben, *ALL_SAID)
    assert "Moved for Ben" in texts(stage, ben, "move my visit", "1").text
    assert "Moved back" in texts(stage, ben, "9").text
    assert "cancelled" in texts(stage, ben, "please cancel my visit").text.lower()
    assert stage.visits(ben) == ["cancelled"]
    texts(stage, ben, "9")
    assert stage.visits(ben) == ["booked"]


# --- digits and time -------------------------------------------------------------------------------------------------


def test_a_digit_answers_a_reminder_hours_after_it_was_sent(stage: Stage) -> None:
    ben = stage.known(SMS)
    texts(stage, ben, *ALL_SAID)
    reminder = answer(stage, ben, lambda: remind(stage, ben))
    assert reminder.text.endswith("3 Call the visit off")
    with stage.later(timedelta(hours=5)):
        assert "cancelled" in texts(stage, ben, "3").text.lower()
    assert stage.visits(ben) == ["cancelled"]


def test_a_digit_two_days_after_an_offer_books_nothing(stage: Stage) -> None:
    ben = stage.known(SMS)
    texts(stage, ben, ALL_SAID[0])
    with stage.later(2 * DAY):
        texts(stage, ben, "1")
    assert stage.visits(ben) == []


def test_a_digit_before_twilio_has_answered_our_call_books_nothing_and_the_next_one_does(stage: Stage) -> None:
    """Nobody can tell whether it was meant for the offer that is on its way or for what was asked before."""
    ben = stage.known(SMS)
    texts(stage, ben, "hi")
    stage.twilio.will("create", faults.slow(1), to=ben)
    ben.texts(WISH)
    ben.waits_for("Free", PATIENCE)
    assert "Booked" not in texts(stage, ben, "1").text
    assert "Booked for Ben" in texts(stage, ben, "1").text


# --- WhatsApp's window -----------------------------------------------------------------------------------------------


def test_what_whatsapp_refuses_afterwards_goes_by_sms_once(stage: Stage) -> None:
    ben = stage.known(WHATSAPP)
    chats(stage, ben, *ALL_SAID)
    stage.closes_window(ben)
    reminder = answer(stage, ben, lambda: remind(stage, ben, WHATSAPP))
    stage.twilio.settle()
    assert (reminder.whatsapp, reminder.sender) == (False, OURS)
    assert said(ben, "A reminder from") == 1
    assert len(stage.twilio.calls("create", ben)) == 4


def test_what_is_said_a_day_after_they_wrote_on_whatsapp_goes_by_sms_and_a_digit_answers_it(stage: Stage) -> None:
    ben = stage.known(WHATSAPP)
    chats(stage, ben, *ALL_SAID)
    stage.ages(ben)
    reminder = answer(stage, ben, lambda: remind(stage, ben, WHATSAPP))
    assert (reminder.whatsapp, reminder.sender) == (False, OURS)
    assert len(stage.twilio.calls("create", ben)) == 3


def test_a_digit_by_sms_answers_what_could_not_go_by_whatsapp(stage: Stage) -> None:
    ben = stage.known(WHATSAPP)
    chats(stage, ben, *ALL_SAID)
    stage.ages(ben)
    answer(stage, ben, lambda: remind(stage, ben, WHATSAPP))
    assert "cancelled" in texts(stage, ben, "3").text.lower()


def test_what_whatsapp_refuses_before_the_call_is_answered_goes_by_sms(stage: Stage) -> None:
    ben = stage.known(WHATSAPP)
    chats(stage, ben, *ALL_SAID)
    stage.closes_window(ben)
    stage.twilio.will("create", faults.slow(1), to=ben)
    remind(stage, ben, WHATSAPP)
    ben.waits_for("A reminder from", PATIENCE)
    assert not ben.last.whatsapp
    stage.twilio.settle()
    assert said(ben, "A reminder from") == 1


def test_a_day_after_they_wrote_an_approved_text_goes_and_its_buttons_act(stage: Stage) -> None:
    ben = stage.known(WHATSAPP)
    chats(stage, ben, *ALL_SAID)
    stage.ages(ben)
    stage.closes_window(ben)
    moved = answer(stage, ben, lambda: remind(stage, ben, WHATSAPP, APPROVED))
    assert (moved.whatsapp, moved.labels) == (True, ("It suits me", "Find another time", "Cancel the visit"))
    assert "cancelled" in answer(stage, ben, lambda: ben.taps("Cancel the visit")).text.lower()
    assert stage.visits(ben, WHATSAPP) == ["cancelled"]


@pytest.mark.parametrize(("failures", "on_whatsapp"), [((63016,), True), ((63016, 63016), False)])
def test_what_whatsapp_refuses_afterwards_goes_by_an_approved_text_then_by_sms_and_arrives_once(
    stage: Stage, failures: tuple[int, ...], on_whatsapp: bool
) -> None:
    ben = stage.known(WHATSAPP)
    chats(stage, ben, *ALL_SAID)
    ben.cannot_get(*failures)
    moved = answer(stage, ben, lambda: remind(stage, ben, WHATSAPP, APPROVED))
    stage.twilio.settle()
    assert moved.whatsapp == on_whatsapp
    assert said(ben, "had to move a visit") == 1
    assert len(stage.twilio.calls("create", ben)) == 2 + len(failures) + 1


# --- leaving ---------------------------------------------------------------------------------------------------------


def test_after_stop_not_even_what_was_queued_arrives_and_start_brings_the_clinic_back(stage: Stage) -> None:
    amy = stage.person()
    texts(stage, amy, "hello")
    stage.twilio.will("create", faults.busy(), to=amy)
    amy.texts("where are you?")
    wait_for(lambda: stage.fate(amy) == "due busy", PATIENCE)
    amy.texts("STOP")
    wait_for(lambda: stage.fate(amy) == "failed opted_out", PATIENCE)
    amy.texts("are you there?")
    amy.texts("START")
    assert "12 Commercial Street" in texts(stage, amy, "where are you?").text
    assert [("12 Commercial" in message.text) for message in ours(amy)] == [False, True]
    assert not [call for call in stage.twilio.calls("create", amy) if not call.ok and not call.fault]


# --- in order, and once ----------------------------------------------------------------------------------------------


def test_three_texts_at_once_are_answered_in_order(stage: Stage) -> None:
    amy = stage.person()
    for body in ("cleaning with Dr Lee", "on Thursday", "after 9 please"):
        amy.texts(body)
    amy.waits_for(3, PATIENCE)
    assert "Thu, Mar 12\n1 9:00 AM" in amy.last.text


def test_the_same_webhook_five_times_is_answered_once(stage: Stage) -> None:
    amy = stage.person()
    told = amy.texts("hello")
    amy.waits_for(1, PATIENCE)
    stage.twilio.repeat(told, 4)
    texts(stage, amy, "where are you?")
    stage.twilio.settle()
    assert len(ours(amy)) == 2


def test_hundreds_of_messages_at_once_are_all_answered_once_in_order_and_at_the_pace_of_whatsapp(stage: Stage) -> None:
    people = [stage.person() for _ in range(CROWD)]
    with stage.twilio.world.changing():
        for person in people:
            person.texts_on_whatsapp("where are you?")
            person.texts_on_whatsapp("what does a cleaning cost?")
    for person in people:
        person.waits_for(2, PATIENCE)
    stage.twilio.settle()
    for person in people:
        where, price = ours(person)
        assert "12 Commercial Street" in where.text
        assert "$" in price.text
    calls = [call.monotonic for person in people for call in stage.twilio.calls("create", person)]
    assert len(calls) == 2 * CROWD
    assert most_within(1, calls) <= 60 + THREADS


CROWD = 250  # who write two messages each


def most_within(seconds: float, moments: list[float]) -> int:
    """The most of these moments that lie so near each other."""
    moments = sorted(moments)
    return max(sum(0 <= moment - first < seconds for moment in moments) for first in moments)


def test_a_number_says_one_segment_a_second_whoever_it_writes_to(stage: Stage) -> None:
    people = [stage.person() for _ in range(2)]
    for person in people:
        person.texts("where are you?", to=SLOW)
    for person in people:
        person.waits_for(1, PATIENCE)
    moments = [call.monotonic for person in people for call in stage.twilio.calls("create", person)]
    assert max(moments) - min(moments) > people[0].last.segments - 0.1


# --- when calls go wrong ---------------------------------------------------------------------------------------------


TROUBLES = {
    "busy": faults.busy(),
    "503": faults.server_error(503),
    "503 though taken": faults.server_error(503, happens=True),
    "502": faults.bad_gateway(),
    "cut though taken": faults.cut(),
    "cut": faults.refuse(),
    "garbage though taken": faults.garbage(),
}


def test_whatever_becomes_of_a_call_the_answer_arrives_once(stage: Stage) -> None:
    people = {(channel, what): stage.person() for channel in (SMS, WHATSAPP) for what in TROUBLES}
    for (channel, what), person in people.items():
        stage.twilio.will("create", TROUBLES[what], to=person)
        (person.texts if channel == SMS else person.texts_on_whatsapp)("where are you?")
    wait_for(lambda: {stage.fate(person, channel) for (channel, _), person in people.items()} == {"sent"}, PATIENCE)
    stage.twilio.settle()
    assert {how: said(person, "12 Commercial") for how, person in people.items()} == dict.fromkeys(people, 1)


# --- files -----------------------------------------------------------------------------------------------------------


def test_photos_are_kept_for_staff_unless_they_are_too_large(stage: Stage) -> None:
    photo = b"a photo " * 50_000
    amy, ben, cleo = (stage.person(name) for name in ("Amy", "Ben", "Cleo"))
    received = answer(stage, amy, lambda: amy.sends_media(photo))
    assert "passed it on to the people" in received.text
    answer(stage, ben, lambda: ben.sends_media(photo, whatsapp=True))
    answer(stage, cleo, lambda: cleo.sends_media(bytes(attachments.LARGEST + 1), whatsapp=True))
    wait_for(lambda: stage.files(amy) == [("kept", photo, None)], PATIENCE)
    wait_for(lambda: stage.files(ben, WHATSAPP) == [("kept", photo, None)], PATIENCE)
    wait_for(lambda: stage.files(cleo, WHATSAPP) == [("failed", None, "too_large")], PATIENCE)


def test_a_file_that_staff_could_not_open_safely_is_refused_kindly(stage: Stage) -> None:
    amy = stage.person()
    refused = answer(stage, amy, lambda: amy.sends_media(b"PK", "application/zip"))
    assert "photo" in refused.text
    assert stage.files(amy) == []


# --- crashes ---------------------------------------------------------------------------------------------------------


class Survivors(NamedTuple):
    """Who was in a chat while processes were killed, by what they had to live through."""

    sender: Person
    worker: Person
    all: Person
    web: Person


@pytest.fixture(scope="module")
def survivors(stage: Stage) -> Survivors:
    """One process after the other is killed at the worst moment; then all are started, and all is told again that was not taken."""
    them = Survivors(*(stage.known(SMS) for _ in Survivors._fields))
    for person, day in zip(them, ("Wednesday", "Thursday", "Friday", "March 18"), strict=True):
        texts(stage, person, f"{WISH} on {day}")  # nobody takes another's time
    _kill_sender_at_call(stage, them.sender)
    _kill_worker_at_commit(stage, them.worker)
    them.all.texts("1")
    them.all.texts("where are you?")
    stage.twilio.settle()
    kills_web(stage)
    for role in ("worker", "sender"):
        stage.cast.start(role)
    _kill_web_before_answer(stage, them.web)
    return them


def _kill_sender_at_call(stage: Stage, person: Person) -> None:
    """What it says arrives, and it never hears of that."""
    stage.twilio.will("create", faults.hang(), to=person)
    person.texts("1")
    person.waits_for("Booked for Ben", PATIENCE)
    stage.cast.kill("sender")
    stage.twilio.release()
    stage.sql("UPDATE outbox SET leased_until = now() WHERE status = 'sending'")


def _kill_worker_at_commit(stage: Stage, person: Person) -> None:
    """Just after a visit was booked."""
    stage.cast.kill("worker")
    stage.cast.start("worker", "turn.after_commit:kill")
    person.texts("1")
    stage.cast.dies("worker")


def _kill_web_before_answer(stage: Stage, person: Person) -> None:
    """It has kept a message, and Twilio does not know."""
    starts_web(stage, "inbox.after_commit:kill")
    told = person.texts("1")
    stage.cast.dies("web")
    assert next(delivery.status for delivery in stage.twilio.deliveries if delivery.fields == told) == 0
    starts_web(stage)
    stage.twilio.repeat(told)
    stage.twilio.settle()


@pytest.mark.parametrize("killed", Survivors._fields)
def test_whoever_is_killed_every_visit_is_booked_and_confirmed_once(
    stage: Stage, survivors: Survivors, killed: str
) -> None:
    ben: Person = getattr(survivors, killed)
    ben.waits_for(lambda ben: said(ben, "Booked for Ben"), PATIENCE)
    assert "Cleaning" in texts(stage, ben, "what does a cleaning cost?").text
    assert said(ben, "Booked for Ben") == 1
    assert stage.visits(ben) == ["booked"]


def test_what_was_written_behind_a_digit_while_nobody_was_at_work_is_answered_behind_it(
    stage: Stage, survivors: Survivors
) -> None:
    ben = survivors.all
    ben.waits_for(3, PATIENCE)
    booked, where = (message.text for message in ours(ben)[1:3])
    assert "Booked for Ben" in booked
    assert "Bayside" in where
