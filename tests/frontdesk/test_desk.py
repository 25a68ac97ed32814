"""Staff at the desk: who waits, both sides of a chat, and one of them at a time who answers."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any

import pytest

from core.database import transaction
from core.messaging.waking import Bell
from core.people import staff
from frontdesk.desk import Desk
from frontdesk.worker import Worker
from tests.demo_clinic import VAULT, DemoClinic
from tests.factories import Person, Practice
from tests.fakes.recording import CHANNEL, Recording
from tests.frontdesk.test_cli import frontdesk, url_of

AMY, BEN = "+12075550101", "+12075550103"


@pytest.fixture
def recording() -> Recording:
    return Recording()


@pytest.fixture
def amy(practice: Practice) -> Person:
    return practice.person("amy", CHANNEL)


def at_desk(practice: Practice, recording: Recording, name: str, person: Person) -> Desk:
    """A member of staff who looks at this person's conversation."""
    with transaction(practice.engine) as session:
        member = staff.add(session, practice.vault, name, "receptionist")
    desk = Desk(practice.engine, practice.vault, member, current=person.home.conversation_id)
    desk.worker = Worker(practice.engine, practice.vault, channels=recording.channels)
    return desk


def owner(practice: Practice, person: Person) -> Any:
    ((staff_id,),) = practice.sql(
        "SELECT staff_id FROM conversations WHERE id = %(id)s", id=person.home.conversation_id
    )
    return staff_id


# --- what staff see --------------------------------------------------------------------------------------------------


def test_the_list_shows_who_waits_and_why_emergencies_first(clinic: DemoClinic) -> None:
    sam = clinic.desk("Sam")
    assert sam.do("list").count("nobody") == 2
    clinic.say("sms", BEN, "I want to talk to a person")
    clinic.say("sms", AMY, "I have chest pain")
    ben, amy = (clinic.person("sms", address).conversation_id for address in (BEN, AMY))
    _, first, second, *_, last, _ = sam.do("list").splitlines()
    assert first.split("  ")[-1] == "may be an emergency, since 2026-03-09 08:55"
    assert first.split()[0] == last.split()[0] == str(amy)
    assert second.split()[0] == str(ben)
    assert "asked for a person" in second
    sam.do(f"take {amy}")
    assert "may be an emergency, since 2026-03-09 08:55; you have it" in sam.do("list")
    assert "; Sam has it" in clinic.desk("Kim").do("list")


def test_a_conversation_is_read_on_both_sides_and_that_is_written_down(clinic: DemoClinic) -> None:
    clinic.say("web", BEN, "Dr Lee tomorrow at 9")
    clinic.say("web", BEN, "[Tue, Mar 10, 9:00 AM]")
    sam = clinic.desk("Sam")
    shown = sam.do(f"read {clinic.person('web', BEN).conversation_id}")
    for line in (", Ben Okonkwo", "patient  Dr Lee tomorrow at 9", "clinic   Hello", "patient  [Tue, Mar 10, 9:00 AM]"):
        assert line in shown
    assert shown.index("This time is free") < shown.index("Booked for Ben")
    with transaction(clinic.engine) as session:
        rows = session.exec_driver_sql(
            "SELECT action, entity FROM audit WHERE actor = %(actor)s ORDER BY id", {"actor": f"staff:{sam.me.id}"}
        )
        assert [tuple(row) for row in rows] == [("conversation.read", "conversations"), ("patient.read", "patients")]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("dance", "There is no “dance” here. `help` shows what there is."),
        ("read", "Which conversation? Write its number, as in `read 17`; `list` shows them."),
        ("read 4711", "There is no conversation 4711. `list` shows those that wait."),
        ("take ٣", "There is no conversation ٣. `list` shows those that wait."),
        ("say", "Write what the patient is to read: `say Good morning, how can I help?`"),
        ("say " + "a" * 2001, "That is 2001 characters long; 2000 is the most that goes into one message."),
        ("", ""),
    ],
)
def test_what_cannot_be_done_is_answered_with_what_can(clinic: DemoClinic, line: str, answer: str) -> None:
    assert clinic.desk("Sam").do(line) == answer


def test_the_help_names_every_command(clinic: DemoClinic) -> None:
    assert [line.split()[0] for line in clinic.desk("Sam").do("help").splitlines()] == [
        "list", "read", "file", "take", "say", "back", "mended", "close", "help",
    ]  # fmt: skip


def test_a_name_is_sealed_and_found_again_however_it_is_written(clinic: DemoClinic) -> None:
    sam = clinic.desk("Sam Reyes")
    with transaction(clinic.engine) as session:
        assert staff.called(session, VAULT, " sam  REYES") == sam.me
        assert staff.called(session, VAULT, "Sam") is None
        sealed = session.exec_driver_sql("SELECT name FROM staff").scalar_one()
    assert b"Sam" not in bytes(sealed)


def test_the_desk_works_from_a_script(clinic: DemoClinic) -> None:
    clinic.say("web", BEN, "person, please \x1b[2J\x1b]0;owned\x07\u202enow")
    number = clinic.person("web", BEN).conversation_id
    lines = f"read {number}\nsay Good morning, {{Ben}}.\nback\nlist\n"
    code, out, err = frontdesk("desk", "--as", "Sam", "--script", "-", says=lines, DATABASE_URL=url_of(clinic))
    assert (code, err) == (0, "")
    assert "Sam is new here" in out
    assert "patient  person, please �[2J�]0;owned��now" in out  # what a patient writes moves nobody's cursor
    assert f"Said in conversation {number}." in out
    assert f"The bot answers in conversation {number} again." in out
    assert "Waiting for a person:\n        nobody" in out
    said = [answer.rendered.text for answer in clinic.person("web", BEN).read()]
    assert said[0] == "Sam: Good morning, {Ben}."
    assert said[1].startswith("The desk’s assistant answers you again.")


def test_whoever_waits_for_messages_is_woken(
    practice: Practice, recording: Recording, amy: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(Bell, "ring", lambda _bell, topic: rung.append(topic))
    sam = at_desk(practice, recording, "Sam", amy)
    sam.bell = Bell.__new__(Bell)
    sam.do("take")
    assert rung == ["inbox"]


# --- who has it ------------------------------------------------------------------------------------------------------


def test_what_needs_no_answer_is_closed_without_a_word(practice: Practice, recording: Recording, amy: Person) -> None:
    sam = at_desk(practice, recording, "Sam", amy)
    amy.write("person")
    sam.worker.answer_waiting()
    said = amy.answers
    assert sam.do("close") == f"Conversation {amy.home.conversation_id} no longer waits."
    assert sam.do("close") == f"Conversation {amy.home.conversation_id} did not wait."
    assert amy.answers == said


def test_handing_back_ends_what_staff_were_called_for(practice: Practice, recording: Recording, amy: Person) -> None:
    sam = at_desk(practice, recording, "Sam", amy)
    amy.write("person")
    sam.worker.answer_waiting()
    sam.do("take")
    assert practice.sql("SELECT count(*) FROM handoffs WHERE closed_at IS NULL") == [(1,)]
    sam.do("back")
    assert practice.sql("SELECT reason FROM handoffs WHERE closed_at IS NULL") == []
    assert practice.sql("SELECT action FROM audit WHERE actor = %(actor)s ORDER BY id", actor=f"staff:{sam.me.id}") == [
        ("conversation.taken_over",),
        ("conversation.handed_back",),
        ("handoff.closed",),
    ]


def test_a_message_typed_in_the_very_moment_of_taking_over_is_for_staff(
    practice: Practice, recording: Recording, amy: Person
) -> None:
    sam = at_desk(practice, recording, "Sam", amy)
    amy.write("can I see Dr Lee tomorrow?")
    sam.do("take")
    sam.worker.answer_waiting()
    assert amy.answers == ["staff.took_over"]
    assert "patient  can I see Dr Lee tomorrow?" in sam.do("read")


def test_taking_over_waits_for_the_answer_that_is_being_given(
    practice: Practice, recording: Recording, amy: Person
) -> None:
    sam = at_desk(practice, recording, "Sam", amy)
    hears, goes_on = Event(), Event()

    def hear(_text: str) -> None:
        hears.set()
        assert goes_on.wait(10)

    recording.hear = hear
    bot = Worker(practice.engine, practice.vault, channels=recording.channels)
    amy.write("hello")
    with ThreadPoolExecutor(2) as pool:
        answered = pool.submit(bot.answer_waiting)
        assert hears.wait(10)
        taken = pool.submit(sam.do, "take")
        goes_on.set()
        assert "is yours" in taken.result()
        assert answered.result() >= 1
    assert amy.answers == ["hello", "staff.took_over"]
    assert owner(practice, amy) == sam.me.id
    amy.write("still there?")
    sam.worker.answer_waiting()
    assert amy.answers == ["hello", "staff.took_over"]
    assert practice.broken_promises() == {}


def test_of_two_who_take_over_at_once_one_has_it_and_the_other_is_told(
    practice: Practice, recording: Recording, amy: Person
) -> None:
    desks = [at_desk(practice, recording, name, amy) for name in ("Sam", "Kim", "Lou")]
    at_once = Barrier(len(desks))

    def take(desk: Desk) -> str:
        at_once.wait()
        return desk.do("take")

    with ThreadPoolExecutor(len(desks)) as pool:
        heard = list(pool.map(take, desks))
    (winner,) = [desk for desk in desks if desk.me.id == owner(practice, amy)]
    chat = amy.home.conversation_id
    for desk, answer in zip(desks, heard, strict=True):
        told = f"{winner.me.name} has conversation {chat}. `take {chat} anyway` takes it over from them."
        assert ("is yours" in answer) if desk is winner else (answer == told)
    assert amy.answers == ["staff.took_over"]
    assert practice.broken_promises() == {}


def test_only_who_has_it_speaks_and_hands_back_but_a_colleague_may_take_it_anyway(
    practice: Practice, recording: Recording, amy: Person
) -> None:
    sam, kim = (at_desk(practice, recording, name, amy) for name in ("Sam", "Kim"))
    sam.do("say Good morning")
    assert kim.do("say Hello").startswith("Not said: Sam has conversation")
    assert kim.do("back").startswith("Nothing to hand back: Sam has conversation")
    assert "is yours" in sam.do("take")  # it was already: nothing is said again
    assert amy.answers == ["staff.said"]
    assert "is yours" in kim.do("take anyway")
    assert "Kim has conversation" in sam.do("take")
    assert kim.do("back").startswith("The bot answers")
    assert kim.do("back").startswith("Nothing to hand back: nobody has conversation")
    assert amy.answers == ["staff.said", "staff.took_over", "staff.handed_back"]
