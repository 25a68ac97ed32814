"""Telegram for real, but for Telegram: web or poller, worker and sender as processes of their own, against a server that keeps its rules."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from core.database import transaction
from frontdesk.ports import is_healthy
from tests import databases, demo_clinic, processes
from tests.demo_clinic import DemoClinic
from tests.factories import wait_for
from tests.fakes.telegram import FakeTelegram, faults
from tests.fakes.telegram.people import Person
from tests.processes import PATIENCE, Cast

TOKEN = "123456:TEST-TOKEN"
SECRET = "a-secret-of-the-tests"
WISH = "cleaning with Dr Lee, my name is {name} Lane, born May 3, 1990"


@dataclass
class Stage:
    """A clinic, a Telegram, and the processes between them."""

    way: str
    clinic: DemoClinic
    telegram: FakeTelegram
    cast: Cast
    _numbers: Iterator[int] = field(default_factory=lambda: count(100))

    def person(self, name: str = "Amy") -> Person:
        """Somebody who has never written before."""
        return self.telegram.person(next(self._numbers), name)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        with transaction(self.clinic.engine) as session:
            return [tuple(row) for row in session.exec_driver_sql(statement)]

    def visits(self, person: Person) -> list[str]:
        """What has become of the visits that were booked in this person's chat."""
        keys = demo_clinic.VAULT.lookup_keys("telegram/123456", str(person.id))
        with transaction(self.clinic.engine) as session:
            rows = session.exec_driver_sql(
                "SELECT v.status FROM appointments v JOIN patient_addresses p USING (patient_id) "
                "JOIN addresses a ON a.id = p.address_id WHERE a.key = ANY (%(keys)s) AND v.status <> 'pending' ORDER BY v.id",
                {"keys": keys},
            )
            return [str(row.status) for row in rows]


@contextmanager
def opened(way: str, server_url: str, template: str, tmp_path: Path) -> Iterator[Stage]:
    """Everything but processes."""
    url = databases.create_database(server_url, template=template)
    with ExitStack() as stack:
        stack.callback(databases.drop_database, url)
        clinic = stack.enter_context(demo_clinic.opened(url))
        telegram = stack.enter_context(FakeTelegram(ledger=tmp_path / "ledger"))
        telegram.bot(TOKEN, "clinic_bot")
        settings: dict[str, Any] = {"demo": True, "telegram_bot_token": (TOKEN,), "telegram_api_url": telegram.url}
        if way == "webhook":
            port = processes.free_port()
            address = f"http://127.0.0.1:{port}"
            settings |= {"http_port": port, "public_url": address, "telegram_webhook_secret": SECRET}
        yield Stage(way, clinic, telegram, Cast(clinic.engine, settings))
        assert telegram.errors == []
        assert telegram.violations == []


def begin(stage: Stage) -> None:
    """All processes of this way are at work."""
    front = "web" if stage.way == "webhook" else "poller"
    for role in (front, "worker", "sender"):
        stage.cast.start(role)
    if stage.way == "webhook":
        wait_for(lambda: is_healthy("127.0.0.1", stage.cast.settings["http_port"]), seconds=PATIENCE)
        assert stage.cast.runs("telegram", "connect")
    stage.person().starts()
    stage.telegram.wait_until(lambda: stage.telegram.calls("sendMessage"), PATIENCE)


@pytest.fixture(
    scope="module", params=[pytest.param(way, marks=pytest.mark.xdist_group(way)) for way in ("webhook", "polling")]
)
def stage(
    request: pytest.FixtureRequest, server_url: str, demo_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    """Processes that all tests of one way share; each test has people of its own."""
    with opened(request.param, server_url, demo_template, tmp_path_factory.mktemp("telegram")) as stage:
        begin(stage)
        yield stage
        stage.cast.stop()


def offered(person: Person, wish: str = WISH) -> list[str]:
    """The times on offer after this wish."""
    person.writes(wish.format(name=person.user["first_name"]))
    return person.waits_for("[More times]", PATIENCE).labels


def book(person: Person) -> str:
    """A visit with Dr Lee at the first free time; returns the label that was tapped."""
    time, *_ = offered(person)
    person.taps(time)
    person.waits_for("Booked for")
    return time


def test_a_visit_is_booked_moved_by_a_tap_cancelled_and_brought_back(stage: Stage) -> None:
    amy = stage.person()
    amy.starts()
    amy.waits_for("Hello, this is the front desk")
    book(amy)
    amy.writes("move my visit")
    amy.taps(amy.waits_for("[More times]").labels[1])
    amy.waits_for(lambda amy: ("[Undo]" in str(amy.last) and "Moved" in amy.last.text) or "now on" in amy.last.text)
    amy.writes("/cancel")
    amy.waits_for(lambda amy: "cancelled" in amy.last.text.lower())
    assert stage.visits(amy) == ["cancelled"]
    amy.taps("Undo")
    amy.waits_for(lambda amy: "[Undo]" not in str(amy.last) and "cancelled" not in amy.last.text.lower())
    assert stage.visits(amy) == ["booked"]


def test_two_taps_on_a_time_are_one_booking_and_one_confirmation(stage: Stage) -> None:
    amy = stage.person()
    time, *_ = offered(amy)
    offer = amy.last
    with stage.telegram.held():
        amy.taps((offer, time))
        amy.taps((offer, time))
    amy.waits_for(lambda amy: len(amy.answered_taps) == 2)
    stage.telegram.settle()
    assert stage.visits(amy) == ["booked"]
    assert sum("Booked for" in message.text for message in amy.from_bot) == 1


def test_three_texts_in_one_millisecond_are_answered_in_order(stage: Stage) -> None:
    amy = stage.person()
    with stage.telegram.held():
        for text in ("cleaning with Dr Lee", "on Thursday", "after 9 please"):
            amy.writes(text)
    assert amy.waits_for(3).labels[0] == "Thu, Mar 12, 9:00 AM"


def test_a_tap_and_a_text_that_have_changed_places_both_count(stage: Stage) -> None:
    amy = stage.person()
    amy.writes("cleaning with Dr Lee")
    time = amy.waits_for("[More times]").labels[0]
    with stage.telegram.swapped():
        amy.taps(time)
        amy.writes("my name is Amy Lane")
    amy.waits_for("date of birth")
    amy.writes("May 3, 1990")
    amy.waits_for("Booked for Amy", PATIENCE)


def test_the_same_update_five_times_is_answered_once(stage: Stage) -> None:
    amy = stage.person()
    update = amy.writes("hello")
    amy.waits_for(1)
    stage.telegram.repeat(update, 4)
    amy.writes("where are you?")
    amy.waits_for("12 Commercial Street")
    stage.telegram.settle()
    assert len(amy.from_bot) == 2


def test_a_busy_chat_waits_as_long_as_telegram_says_and_others_do_not(stage: Stage) -> None:
    amy, ben = stage.person(), stage.person("Ben")
    stage.telegram.will("sendMessage", faults.busy(2), chat=amy.id)
    amy.writes("hello")
    stage.telegram.wait_until(lambda: stage.telegram.calls("sendMessage", amy.id))
    ben.writes("hello")
    ben.waits_for(1)
    assert amy.from_bot == []
    amy.waits_for("Hello")
    refused, sent = stage.telegram.calls("sendMessage", amy.id)
    assert 2 <= sent.monotonic - refused.monotonic < 4


def test_whoever_blocks_us_is_left_alone_and_served_again_once_they_are_back(stage: Stage) -> None:
    amy = stage.person()
    amy.writes("hello")
    amy.waits_for(1)
    lost = "SELECT count(*) FROM audit WHERE action = 'address.{}'"
    before = [stage.sql(lost.format(what)) for what in ("lost", "found")]
    amy.blocks()
    wait_for(lambda: stage.sql(lost.format("lost")) != before[0])
    amy.unblocks()
    wait_for(lambda: stage.sql(lost.format("found")) != before[1])
    amy.writes("where are you?")
    amy.waits_for("12 Commercial Street")


def test_a_restart_in_the_middle_loses_nothing_and_an_old_button_still_works(stage: Stage) -> None:
    amy = stage.person()
    time, *_ = offered(amy)
    for role in list(stage.cast.running):
        stage.cast.kill(role)
    amy.writes("where are you?")
    amy.taps((amy.last, time))
    for role in ("web" if stage.way == "webhook" else "poller", "worker", "sender"):
        stage.cast.start(role)
    amy.waits_for(lambda amy: any("12 Commercial Street" in message.text for message in amy.from_bot), PATIENCE)
    amy.waits_for(lambda amy: any("Booked for Amy" in message.text for message in amy.from_bot), PATIENCE)
    assert stage.visits(amy) == ["booked"]
    wait_for(
        lambda: not stage.sql("SELECT 1 FROM outbox WHERE channel = 'telegram' AND status IN ('due', 'sending')"), 60
    )


# --- crashes ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def crashing(server_url: str, demo_template: str, tmp_path: Path) -> Iterator[Stage]:
    """A stage on which processes are started by the tests."""
    with opened("polling", server_url, demo_template, tmp_path) as stage:
        stage.cast.start("poller")
        yield stage
        stage.cast.stop()


def test_what_was_taken_and_not_answered_yet_outlives_everybody(crashing: Stage) -> None:
    amy = crashing.person()
    amy.writes("where are you?")
    wait_for(lambda: crashing.sql("SELECT 1 FROM inbox WHERE status = 'new'"), seconds=PATIENCE)
    crashing.telegram.wait_until(lambda: not crashing.telegram.bot(TOKEN).mail.waiting, PATIENCE)
    crashing.cast.kill("poller")
    for role in ("worker", "sender"):
        crashing.cast.start(role)
    amy.waits_for("12 Commercial Street", PATIENCE)


def test_a_worker_that_dies_after_the_commit_leaves_exactly_one_confirmation(crashing: Stage) -> None:
    amy = crashing.person()
    for role in ("worker", "sender"):
        crashing.cast.start(role)
    time, *_ = offered(amy)
    crashing.cast.kill("worker")
    crashing.cast.kill("sender")
    crashing.cast.start("worker", "turn.after_commit:kill")
    amy.taps(time)
    crashing.cast.dies("worker")
    assert not any("Booked" in message.text for message in amy.from_bot)
    for role in ("worker", "sender"):
        crashing.cast.start(role)
    amy.waits_for("Booked for Amy", PATIENCE)
    assert sum("Booked for" in message.text for message in amy.from_bot) == 1
    assert crashing.visits(amy) == ["booked"]


def test_a_sender_that_dies_while_its_call_is_out_says_what_is_vital_once_more(crashing: Stage) -> None:
    amy = crashing.person()
    for role in ("worker", "sender"):
        crashing.cast.start(role)
    time, *_ = offered(amy)
    crashing.telegram.will("sendMessage", faults.hang())
    amy.taps(time)
    amy.waits_for("Booked for Amy", PATIENCE)
    crashing.cast.kill("sender")
    crashing.telegram.release()
    assert crashing.sql("SELECT status, is_vital FROM outbox ORDER BY id DESC LIMIT 1") == [("sending", True)]
    crashing.sql("UPDATE outbox SET leased_until = now() WHERE status = 'sending' RETURNING id")
    crashing.cast.start("sender")
    amy.waits_for(lambda amy: sum("Booked for" in message.text for message in amy.from_bot) == 2, PATIENCE)
    wait_for(lambda: crashing.sql("SELECT status, doubts FROM outbox ORDER BY id DESC LIMIT 1") == [("sent", 1)])
    assert crashing.visits(amy) == ["booked"]
