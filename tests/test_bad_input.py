"""Whatever is written, a conversation gets a clear answer: nothing is lost, nothing fails, nothing of anybody else is shown."""

import json
from pathlib import Path

import pytest

from channels import reading, terminal
from channels.reading import Written
from channels.twilio.gsm import as_gsm
from core.compliance.audit import SETUP
from core.database import run, transaction
from core.messaging.inbox import Sender
from core.people import patients
from core.people.patients import Patient
from frontdesk import verify
from frontdesk.terminal import Answer
from tests.demo_clinic import VAULT, DemoClinic

BEN = "+12075550103"
AMY = "+12075550101"

DATA = Path(__file__).parent / "data"
NAUGHTY = [json.loads(line)["text"] for line in (DATA / "naughty-strings.jsonl").read_text("utf-8").splitlines()]

# What arrives, and how the first answer to it goes on after the greeting.
CLEAR_ANSWERS = {
    "": "I did not understand that.",
    "   \t ": "I did not understand that.",
    "a" * 10_000: "I did not understand that.",
    "pain " * 2_000: "I did not understand that.",
    "😀🎉👩‍👩‍👧": "I did not understand that.",
    "\0\0\0": "I did not understand that.",
    "\u202e\u2066\u200f": "I did not understand that.",
    "book with Dr Lee\0 tomor\u200brow at 9:20\u202e": "This time is free:\nDental check with Dr Lee",
    "Dr Lee yesterday": "“yesterday” is in the past.",
    "Dr Lee on 2020-01-01": "“2020-01-01” is in the past.",
    "Dr Lee on 30 February": "There is no “30 February” in the calendar.",
    "Dr Lee on 31/4/2026": "There is no “31/4/2026” in the calendar.",
    "Dr Lee on 2026-13-45": "There is no “2026-13-45” in the calendar.",
    "Dr Lee on 9 March 2099": "We book visits up to 3 months ahead.",
    "Dr Lee tomorrow at 25:70": "Free times:\nDental check with Dr Lee",
    "I want to see Dr Nobody": "I know of no Dr Nobody at Harborview Clinic.",
    "Dr '; DROP TABLE patients;--": "I did not understand that.",
    "{patient} {phone} %s {0}": "I did not understand that.",
}


def texts(answers: list[Answer]) -> str:
    return "\n".join(answer.rendered.text for answer in answers)


def assert_nothing_was_lost(clinic: DemoClinic) -> None:
    with transaction(clinic.engine) as session:
        statuses = {status for (status,) in run(session, "SELECT DISTINCT status FROM inbox")}
        broken = {name: found.broken for name, found in verify.check(session, VAULT).items() if found.broken}
    assert statuses <= {"answered"}
    assert broken == {}


def test_each_bad_message_gets_a_clear_answer(clinic: DemoClinic) -> None:
    for number, (text, expected) in enumerate(CLEAR_ANSWERS.items()):
        answer = texts(clinic.say("web", f"guest-{number}", text))
        assert answer.removeprefix("Hello, this is the front desk of Harborview Clinic.\n\n").startswith(expected), (
            text[:40]
        )
    assert_nothing_was_lost(clinic)


def test_a_conversation_survives_all_naughty_strings(clinic: DemoClinic) -> None:
    for text in NAUGHTY:
        answers = clinic.say("web", "guest", text)
        assert answers, text
        assert not any(said.key == "error.aside" for answer in answers for said in answer.payload.reply.says), text
    assert_nothing_was_lost(clinic)
    clinic.say("web", "guest", "start over")
    assert "Dr Lee" in texts(clinic.say("web", "guest", "Dr Lee tomorrow at 9:20"))


# As it was written, and as it is kept and shown: in NFC, without what cannot be seen, otherwise literally.
NAMES = {
    "D\u2019Angelo Russell": "D\u2019Angelo Russell",
    "Jose\u0301 Marti\u0301": "Jos\u00e9 Mart\u00ed",
    "\u200bAnna Lind": "Anna Lind",
    "Anna\u00a0Maria": "Anna Maria",
    "Anna\nMaria": "Anna Maria",
    "Bob\0 Stone": "Bob Stone",
    "\u202egnp.exe\u202c Bob": "gnp.exe Bob",
    "\u0634\u06cc\u0648\u0647\u200c\u0627\u06cc": "\u0634\u06cc\u0648\u0647\u200c\u0627\u06cc",
    "Eve\u200cLyn Ray": "EveLyn Ray",
    "X \u00c6 A-12": "X \u00c6 A-12",
    "\u674e\u5c0f\u9f99": "\u674e\u5c0f\u9f99",
    "\uff21\uff4e\uff4e\uff41 Lee": "\uff21\uff4e\uff4e\uff41 Lee",
    "Dr. Dr. h.c. M\u00fcller-L\u00fcdenscheidt": "Dr. Dr. h.c. M\u00fcller-L\u00fcdenscheidt",
    "Smith & Jones": "Smith & Jones",
    '=HYPERLINK("http://x.example")': '=HYPERLINK("http://x.example")',
    "<script>alert(1)</script> Bob": "<script>alert(1)</script> Bob",
    "Robert'); DROP TABLE patients;--": "Robert'); DROP TABLE patients;--",
    "{clinic} %s {0.__class__}": "{clinic} %s {0.__class__}",
}


@pytest.mark.parametrize(("written", "kept"), NAMES.items(), ids=[ascii(name) for name in NAMES])
def test_a_name_is_kept_and_shown_as_it_is(clinic: DemoClinic, written: str, kept: str) -> None:
    for text in ("eye exam tomorrow", "1", written):
        clinic.say("sms", "+12075559999", text)
    booked = texts(clinic.say("sms", "+12075559999", "12 May 1980"))
    assert booked.startswith(as_gsm(f"Booked for {Patient(0, kept).first_name} at Harborview Clinic: Eye exam"))
    assert patients_at(clinic, "+12075559999") == [kept]
    assert_nothing_was_lost(clinic)


def patients_at(clinic: DemoClinic, address: str) -> list[str]:
    with transaction(clinic.engine) as session:
        home = reading.store(session, VAULT, Sender(terminal.CHANNEL, "sms", address), "late", Written("hi"), 0)
        known = patients.known_at(session, VAULT, home.address_id, SETUP)
    clinic.person("sms", address).pass_time()
    return [patient.name for patient in known]


@pytest.mark.parametrize(
    ("born", "answer"),
    [
        ("12 May 2080", "May 12, 2080 is still to come."),
        ("last summer", "I could not read that as a date."),
        ("12 May 1903", "May 12, 1903 is more than 120 years ago."),
        ("30 February 1980", "There is no “30 February 1980” in the calendar."),
        ("0000-00-00", "There is no “0000-00-00” in the calendar."),
        ("😀", "I could not read that as a date."),
    ],
)
def test_a_birth_date_that_cannot_be_is_asked_again(clinic: DemoClinic, born: str, answer: str) -> None:
    for text in ("eye exam tomorrow", "1", "Bob Stone"):
        clinic.say("web", "guest", text)
    answers = texts(clinic.say("web", "guest", born))
    assert answers == f"{answer}\n\nAnd their date of birth? For example “May 3, 1990”."
    assert_nothing_was_lost(clinic)


def test_a_button_of_somebody_else_does_nothing_and_shows_nothing(clinic: DemoClinic) -> None:
    clinic.say("web", AMY, "my visits")
    (token,) = (token for label, token in clinic.person("web", AMY).tokens.items() if label.startswith("Cancel"))
    for stolen in (token, "x.1", "", ".", "🙃.🙃", f"{token}9999999", token.replace(".1", ".99"), "\0.1"):
        answers = tap(clinic, BEN, stolen)
        assert texts(answers) == "That button is not one of this chat.", stolen
    assert "Heart consultation" in texts(clinic.say("web", AMY, "my visits"))
    assert_nothing_was_lost(clinic)


def tap(clinic: DemoClinic, address: str, token: str) -> list[Answer]:
    return clinic.person("web", address).write(Written(choice=token, label="?"))


def test_nobody_is_shown_what_belongs_to_another_address(clinic: DemoClinic) -> None:
    for text in (
        "Amy Turner",
        "cancel Amy's visit",
        "my name is Amy Turner, born 12 April 1988",
        "my visits",
        "visit 1",
    ):
        answer = texts(clinic.say("web", BEN, text))
        assert "Heart" not in answer
        assert "Okafor" not in answer
    assert_nothing_was_lost(clinic)
