"""SIGKILL at every named place: what was begun is undone or finished, and nobody is answered twice."""

import json
import re
import signal
import subprocess
from functools import partial
from pathlib import Path

import pytest

from bot.messages import CancelVisit, Pick
from channels.delivery import deliver_next
from core.database import transaction
from core.scheduling import visits
from frontdesk.ticks import tick
from frontdesk.worker import Worker
from tests.campaign.campaign import FAILPOINTS, KILLED_ELSEWHERE
from tests.factories import Person, Practice, at, wait_for
from tests.fakes.recording import CHANNEL, Recording
from tests.processes import ROOT, start

INBOX = FAILPOINTS["web"]
TURN = [
    "worker.after_claim",
    "turn.after_lock",
    "turn.before_dialog",
    "hold.after_insert",
    "turn.before_write",
    "outbox.before_insert",
    "turn.before_commit",
]
CHANGE = ["move.after_update", "cancel.after_update"]
SEND = ["send.after_claim", "send.before_settle"]


def died(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it was killed, and did not end otherwise."""
    return process.wait(30) == -signal.SIGKILL


def leases_run_out(practice: Practice) -> None:
    """A test does not wait half a minute. Waits for the locks of the dead, which the server lets go of by itself."""
    practice.sql("UPDATE conversations SET leased_until = '-infinity'")
    practice.sql("UPDATE outbox SET leased_until = '-infinity' WHERE status = 'sending'")


def answered(practice: Practice) -> int:
    """How many messages another worker finds to answer."""
    worker = Worker(practice.engine, practice.vault)
    return worker.answer_waiting() + worker.retry_failed() + worker.retry_failed()


@pytest.fixture
def amy(practice: Practice) -> Person:
    practice.start_clock()
    return practice.newcomer("amy")


@pytest.mark.parametrize("failpoint", TURN)
def test_a_worker_killed_in_the_middle_of_a_turn_leaves_nothing_and_the_next_one_answers_once(
    practice: Practice, amy: Person, failpoint: str
) -> None:
    amy.tap(amy.offer(practice.slot("14:00")))

    assert died(start(practice.engine, "frontdesk", "worker", failpoint=f"{failpoint}:kill"))
    assert amy.answers == ["booking.offer"]
    assert practice.sql("SELECT count(*) FROM appointments") == [(0,)]
    assert answered(practice) == 0  # the lease of the dead still holds

    leases_run_out(practice)
    assert answered(practice) == 1
    assert len(amy.answers) == 2
    assert practice.sql("SELECT status, conversation_id FROM appointments") == [("pending", amy.home.conversation_id)]
    assert practice.sql("SELECT attempts FROM conversations") == [(0,)]
    assert practice.broken_promises() == {}


def test_a_worker_killed_in_a_tick_leaves_nothing_and_the_next_one_does_it_once(practice: Practice) -> None:
    practice.start_clock()
    amy = practice.person("amy")
    amy.hold(practice.slot("14:00"))
    practice.wait(minutes=11)
    practice.start_clock()

    assert died(start(practice.engine, "frontdesk", "worker", failpoint="tick.before_commit:kill"))
    assert practice.sql("SELECT status FROM appointments") == [("pending",)]
    assert practice.sql("SELECT count(*) FROM inbox") == [(0,)]

    assert tick(practice.engine, practice.vault, "sweep_holds") == 1
    assert answered(practice) == 1  # the dialog is told that its hold is over
    assert practice.broken_promises() == {}


def test_a_worker_killed_between_due_and_owed_leaves_the_reminder_to_the_next_one(
    practice: Practice, tmp_path: Path
) -> None:
    practice.start_clock()
    amy = practice.person("amy", CHANNEL)
    amy.book(practice.slot("14:00"))
    tick(practice.engine, practice.vault, "plan_reminders")
    practice.now = at("12:00")
    practice.start_clock()
    words = ("tests.fakes.recording", "worker", str(tmp_path / "ledger"))

    assert died(start(practice.engine, *words, failpoint="remind.before_commit:kill"))
    assert amy.replies == []
    heir = start(practice.engine, *words)
    wait_for(lambda: amy.answers == ["whatsapp.template.reminder"], seconds=30)
    heir.terminate()
    assert heir.wait(20) == 0
    assert len(amy.replies) == 1
    assert practice.broken_promises() == {}


@pytest.mark.parametrize("failpoint", CHANGE)
def test_a_worker_killed_while_a_visit_changes_leaves_it_as_it_was(practice: Practice, failpoint: str) -> None:
    practice.start_clock()
    ben = practice.person("ben")
    visit = ben.book(practice.slot("14:00")).id
    action = (
        CancelVisit(visit)
        if failpoint.startswith("cancel")
        else Pick(practice.slot("16:00"), ben.patient_id, _shown(practice, visit))
    )
    ben.tap(ben.offer(action))

    assert died(start(practice.engine, "frontdesk", "worker", failpoint=f"{failpoint}:kill"))
    rows = "SELECT status, lower(during), sequence FROM appointments ORDER BY id"
    assert practice.sql(rows) == [("booked", practice.slot("14:00").start, 0)]

    leases_run_out(practice)
    assert answered(practice) == 1
    changed = practice.sql(rows)
    assert next((status, sequence) for status, _, sequence in changed) in (("booked", 1), ("cancelled", 1))
    assert practice.broken_promises() == {}


def _shown(practice: Practice, visit: int) -> visits.Visit:
    with transaction(practice.engine) as session:
        return visits.get(session, visit)


@pytest.mark.parametrize("failpoint", INBOX)
def test_a_web_process_killed_before_it_said_thanks_is_sent_the_message_again(
    practice: Practice, failpoint: str
) -> None:
    message = ("tests.fakes.web_process", "amy", "message-1", "hello")
    assert died(start(practice.engine, *message, failpoint=f"{failpoint}:kill"))
    assert start(practice.engine, *message).wait(30) == 0
    assert practice.sql("SELECT count(*) FROM inbox") == [(1,)]
    assert answered(practice) == 1
    assert practice.sql("SELECT count(*) FROM outbox") == [(1,)]
    assert practice.broken_promises() == {}


@pytest.mark.parametrize(("failpoint", "delivered"), [(SEND[0], []), (SEND[1], ["first"])])
def test_a_sender_killed_at_work_leaves_an_unknown_and_sends_nothing_twice(
    practice: Practice, tmp_path: Path, failpoint: str, delivered: list[str]
) -> None:
    amy = practice.person("amy", CHANNEL)
    amy.owe("first", 1)
    amy.owe("second", 2)
    ledger = tmp_path / "ledger"
    ledger.touch()
    vendor = Recording(ledger=ledger)
    send = partial(deliver_next, practice.engine, practice.vault, practice.directory, vendor.speakers)

    assert died(start(practice.engine, "tests.fakes.recording", "sender", str(ledger), failpoint=f"{failpoint}:kill"))
    assert not send()  # the second one waits until the first is settled
    leases_run_out(practice)
    tick(practice.engine, practice.vault, "expire_sends")
    assert send()
    assert not send()
    assert [json.loads(line)["key"] for line in ledger.read_text().splitlines()] == [*delivered, "second"]
    assert practice.sql("SELECT status FROM outbox ORDER BY seq") == [("unknown",), ("sent",)]
    assert practice.broken_promises() == {}


def test_senders_alone_go_on_where_one_of_them_died(practice: Practice, tmp_path: Path) -> None:
    """Workers look for the dead as well, but may be dying themselves."""
    amy = practice.person("amy", CHANNEL)
    amy.owe("first", 1)
    amy.owe("second", 2)
    ledger = tmp_path / "ledger"
    ledger.touch()
    words = ("tests.fakes.recording", "sender", str(ledger))
    assert died(start(practice.engine, *words, failpoint="send.after_claim:kill"))
    leases_run_out(practice)
    heir = start(practice.engine, *words)
    wait_for(lambda: practice.sql("SELECT status FROM outbox ORDER BY seq") == [("unknown",), ("sent",)], seconds=30)
    heir.terminate()
    assert heir.wait(20) == 0
    assert practice.broken_promises() == {}


def test_the_campaign_knows_every_failpoint_of_the_code() -> None:
    sources = (
        path
        for folder in ("core", "bot", "channels", "frontdesk", "webhooks")
        for path in (ROOT / folder).rglob("*.py")
    )
    named = {name for path in sources for name in re.findall(r'failpoints\.reach\("([\w.]+)"\)', path.read_text())}
    assert named == {name for names in FAILPOINTS.values() for name in names} | KILLED_ELSEWHERE
