"""Whatever arrives has a meaning, in little time."""

import csv
import io
import json
from pathlib import Path
from time import process_time
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.understanding.meaning import Asked, Meaning
from core.scheduling.directory import Directory
from frontdesk.understand import run
from tests.bot.understanding.clinic import CLINIC, heard

DATA = Path(__file__).parents[2] / "data"
NAUGHTY = [json.loads(line)["text"] for line in (DATA / "naughty-strings.jsonl").read_text("utf-8").splitlines()]
ENDLESS = [
    "a", "1", "1 ", "1/", "at ", "monday ", "may ", "between ", "to 1 ", "not ", "dr ", "Dr Smiht ",
    "Dermatologiss ", "\0", "\u202e", "😀", "\u0301", "ﷺ", "a.", "a@a.", "1st ", "10:00 ", "555-1234 ", "every ",
    "pain ", "I am A ", "my name is ", "twenty ", "1 2 3 ",
    "at around ", "1 week and ", "in 2 days ", "twenty-", "early ", "on 15 ", "1h ", ". ",
]  # fmt: skip
ASKED: list[Any] = [None, *get_args(Asked)]


@given(st.text(), st.sampled_from(ASKED))
@settings(max_examples=300, deadline=None)
def test_any_text_has_a_meaning_that_can_be_written_down(text: str, asked: Any) -> None:
    meaning = heard(text, asked=asked)
    assert msgspec.json.decode(msgspec.json.encode(meaning), type=Meaning) == meaning


@given(
    st.lists(st.sampled_from([*" ".join(ENDLESS).split(), "to", "and", "next", "week", "3/4", "pm", "of"]), max_size=12)
)
@settings(max_examples=300, deadline=None)
def test_any_row_of_words_of_time_has_a_meaning(words: list[str]) -> None:
    assert len(heard(" ".join(words)).readings) <= 4


@pytest.mark.parametrize("asked", ASKED)
def test_hazardous_strings_have_a_meaning(asked: Any) -> None:
    for text in NAUGHTY:
        assert isinstance(heard(text, asked=asked), Meaning)


@pytest.mark.parametrize("piece", ENDLESS)
def test_the_longest_message_takes_little_time(piece: str) -> None:
    heard("2026 March 19")  # dateparser reads its own tables at its first use
    started = process_time()
    heard(piece * (10_000 // len(piece)))
    assert process_time() - started < 0.25


def test_each_line_is_answered_and_a_bad_one_stops_nothing() -> None:
    lines = [
        '{"id": "1", "text": "tomorrow at 9:20", "lang": "en", "reference": "2026-03-12T09:00"}',
        '{"id": "2", "text": 5}',
        "not json",
        '{"id": "4", "text": "cancel", "previous_prompt": "Which time?", "asked": "name"}',
    ]
    out = io.StringIO()
    run(lines, out, Directory())
    answers = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [answer["id"] for answer in answers] == ["1", "2", None, "4"]
    assert answers[0]["entities"] == [{"kind": "datetime", "text": "tomorrow at 9:20", "value": "2026-03-13T09:20:00"}]
    assert "error" in answers[1]
    assert "error" in answers[2]
    assert answers[3]["intent"] == "cancel"
    assert all(line.startswith('{"id":') for line in out.getvalue().splitlines())


def test_every_specialty_has_a_label_and_words_of_its_own() -> None:
    path = Path(__file__).parents[3] / "core" / "scheduling" / "specialties.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    words = [word.lower() for row in rows for word in row["words"].split("|") if word]
    assert len({row["code"] for row in rows}) == len(rows)
    assert all(row["label"] for row in rows)
    assert len(words) == len(set(words))
    assert CLINIC.specialties[0].code in {row["code"] for row in rows}
