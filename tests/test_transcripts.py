"""Transcripts are the specification of the talk. `pytest --update-transcripts` rewrites the clinic's lines; the diff is the review."""

import re
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import pytest

from channels.twilio.gsm import encoding, segments
from frontdesk import transcripts
from frontdesk.transcripts import Line, Stage
from tests.demo_clinic import DemoClinic

FOLDER = Path(__file__).parent / "transcripts"
FILES = sorted(FOLDER.glob("*.txt"))
FAILED = "Something went wrong"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_clinic_says_what_is_written(path: Path, clinic: DemoClinic, request: pytest.FixtureRequest) -> None:
    written = path.read_text("utf-8")
    lines = transcripts.parse(written)
    assert lines[0].word == "#", "a transcript begins with what it shows"
    stage = Stage(clinic.set_clock, clinic.set_texts, clinic.set_reminders, clinic.unasked, clinic.say, clinic.staff)
    played = transcripts.format_(transcripts.play(lines, stage))
    assert FAILED not in played
    if request.config.getoption("--update-transcripts"):
        path.write_text(played, "utf-8")
    else:
        assert played == written


class Count(NamedTuple):
    """How many messages a task takes until it is done: the patient's, the clinic's, and the clinic's in SMS segments."""

    patient: int
    clinic: int
    segments: int | None = None


# The tasks of docs/product.md that exist so far.
COUNTS = {
    "book_nothing_said_web": Count(3, 3),
    "book_nothing_said_sms": Count(3, 3, 4),
    "book_everything_said": Count(2, 2),
    "book_everything_said_sms": Count(2, 2, 3),
    "new_patient_web": Count(2 + 3, 5),  # one more on the web: the number or e-mail; its code comes with the channel
    "new_patient_sms": Count(2 + 2, 4, 5),
    "several_patients": Count(2 + 1, 3),
    "several_patients_named": Count(2, 2),
}


@pytest.mark.parametrize("name", COUNTS)
def test_a_visit_is_booked_with_the_promised_number_of_messages(name: str) -> None:
    assert counted(transcripts.parse((FOLDER / f"{name}.txt").read_text("utf-8"))) == COUNTS[name]


def counted(lines: list[Line]) -> Count:
    """The messages until the first booking is confirmed."""
    before = list(takewhile(lambda line: not line.text.startswith("Booked"), lines))
    said = [*before, lines[len(before)]]
    clinic = [line.text for line in said if line.word == "clinic"]
    by_sms = any(line == Line("channel", "sms") for line in said)
    return Count(
        sum(line.word == "patient" for line in said),
        len(clinic),
        sum(map(segments, clinic)) if by_sms else None,
    )


@pytest.mark.parametrize(("name", "done", "messages"), [("move", "Moved", 2), ("cancel", "Cancelled", 1)])
def test_a_visit_is_changed_from_its_reminder_with_the_promised_number_of_messages(
    name: str, done: str, messages: int
) -> None:
    lines = transcripts.parse((FOLDER / f"reminder_{name}.txt").read_text("utf-8"))
    reminded = next(number for number, line in enumerate(lines) if line.text.startswith("A reminder"))
    before = [*takewhile(lambda line: done not in line.text, lines[reminded + 1 :])]
    assert sum(line.word == "patient" for line in before) == messages


def test_an_sms_needs_no_other_alphabet_for_the_clinics_own_words() -> None:
    assert [text for text in said_by_sms() if encoding(text) != "GSM-7"] == []


# What an SMS asks takes one segment, what it tells takes two. Beginnings of those that take one more, with the reason.
ONE_MORE = {
    "Hello from Harborview Clinic.\nOne visit each": "the first message says who we are, and why one is asked for first",
    "Hello from Harborview Clinic.\nFree: Consultation, for": "the first message says who we are; doctor and place stand on each line",
    "Hello from Harborview Clinic.\nThe visit with": "says which visit is to be moved, so that it is the right one",
    "The visit with": "says which visit is to be moved, so that it is the right one",
    "Hello from Harborview Clinic.\nNothing is free": "why not that time, then what is free instead",
    "It is too late for a visit": "why not that time, then what is free instead",
    "Dr Lee does not see patients": "why not that time, then what is free instead",
    "That number came too late": "why nothing was booked, then the choice again",
    "You find us here": "the answer to a question of theirs, then our question again",
    "We are open": "the answer to a question of theirs, then our question again",
    "Prices without insurance": "the answer to a question of theirs, then our question again",
    "You can book": "the answer to a question of theirs, then our question again",
    "I have asked the front desk": "the answer to a wish of theirs, then our question again",
    "Undone": "what is undone, what is held instead, and a question",
    "Your upcoming visits:": "three visits with their addresses",
}
TELLS = re.compile("^(Booked|Moved|Cancelled|Your upcoming visit|A reminder)", re.MULTILINE)


def test_an_sms_asks_in_one_segment_and_tells_in_two() -> None:
    needed = set()
    for text in said_by_sms():
        aim = 1 if is_question(text) and not TELLS.search(text) else 2
        if segments(text) > aim:
            reason = next((beginning for beginning in ONE_MORE if text.startswith(beginning)), None)
            assert reason is not None, text
            assert segments(text) == aim + 1, text
            needed.add(reason)
    assert needed == {*ONE_MORE}, "an exception that nothing needs any more"


def is_question(text: str) -> bool:
    """Whether an answer is waited for: the last line asks or is a choice."""
    last = text.splitlines()[-1]
    return "?" in last or last[:1].isdigit()


def said_by_sms(*stems: str) -> list[str]:
    """What the clinic says by SMS in these chats; without any in all, but to people whose names need another alphabet."""
    told = [path for path in FILES if path.stem in (stems or {path.stem} - {"unicode_names"})]
    chats = [transcripts.parse(path.read_text("utf-8")) for path in told]
    return [line.text for chat in chats if Line("channel", "sms") in chat for line in chat if line.word == "clinic"]
