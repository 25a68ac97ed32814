"""Transcripts are the specification of the talk. `pytest --update-transcripts` rewrites the clinic's lines; the diff is the review."""

from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import pytest

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
    played = transcripts.format_(transcripts.play(lines, Stage(clinic.set_clock, clinic.say, clinic.staff)))
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
    "book_nothing_said_sms": Count(3, 3, 6),
    "book_everything_said": Count(2, 2),
    "book_everything_said_sms": Count(2, 2, 4),
    "new_patient_web": Count(2 + 3, 5),  # one more on the web: the number or e-mail; its code comes with the channel
    "new_patient_sms": Count(2 + 2, 4, 6),
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


# 3GPP TS 23.038, the default alphabet; the second row costs two places.
GSM = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_TWICE = "\f^{}\\[~]|€"


def segments(text: str) -> int:
    """How many SMS a text is: 160 places in one and 153 in each of several, or 70 and 67 where it needs UCS-2."""
    if all(character in GSM + GSM_TWICE for character in text):
        places, alone, each = len(text) + sum(character in GSM_TWICE for character in text), 160, 153
    else:
        places, alone, each = len(text.encode("utf-16-le")) // 2, 70, 67
    return 1 if places <= alone else -(-places // each)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("“" * 70, 1),
        ("“" * 71, 2),
        ("😀" * 35, 1),
    ],
)
def test_segments_are_counted_by_alphabet(text: str, expected: int) -> None:
    assert segments(text) == expected


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_sms_needs_no_other_alphabet_for_the_clinics_own_words(path: Path) -> None:
    lines = transcripts.parse(path.read_text("utf-8"))
    if Line("channel", "sms") not in lines or path.stem == "unicode_names":
        return
    strange = {character for line in lines if line.word == "clinic" for character in line.text} - {*GSM, *GSM_TWICE}
    assert strange == set()
