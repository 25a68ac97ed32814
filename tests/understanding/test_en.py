"""Every line of `en.txt` means what it says there; what is not understood yet stands there as well, and is not hidden."""

import pytest

from bot.understanding.meaning import When
from tests.understanding import lines, wording
from tests.understanding.lines import Line

WRITTEN = lines.FILE.read_text("utf-8")
LINES = lines.read(WRITTEN)


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.id)
def test_a_line_means_what_is_written(line: Line) -> None:
    for wish, missed in zip(line.wishes, lines.misses(line), strict=True):
        wrong = {name: heard for name, heard in missed.items() if name not in wish.not_yet}
        assert not wrong, f"en.txt, line {line.number}: “{line.text}” means {wish.means}, and this is heard instead"
        better = sorted(wish.not_yet.keys() - missed.keys())
        assert not better, f"en.txt, line {line.number}: understood now, so take away the mark “not yet” of {better}"


def test_there_are_lines_enough() -> None:
    assert len(LINES) >= 300
    assert len({(line.section, line.text) for line in LINES}) == len(LINES), "a line stands there twice"


def test_marking_keeps_every_meaning() -> None:
    marked = lines.read(lines.marked(WRITTEN))
    assert [[wish.means for wish in line.wishes] for line in marked] == [
        [wish.means for wish in line.wishes] for line in LINES
    ]


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("hi\n    wants: book", "a meaning has no wants"),
        ("hi\n    intents: book\n    intents: book", "intents is said twice"),
        ("hi\n    when: Tue 9 Mar", "“Tue 9 Mar” is a Monday"),
        ("hi\n    when: soon", "“soon” is no day and no time"),
        ("hi\n    intents: buy", "nothing here is called buy"),
        ("hi\n    practitioners: House", "nothing here is called"),
        ("hi\n    answer: perhaps", "“perhaps” is no answer"),
        ("hi\n    emergency: no", "emergency is “yes”, or not said"),
        ("hi\n    patients: Leo", "nothing here is called"),
        ("> clock: 8\nhi", "nobody knows what"),
        ("> asked: shoe size\nhi", "no question asks for shoe size"),
    ],
)
def test_a_meaning_that_cannot_be_is_refused(wrong: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        lines.read(wrong)


@pytest.mark.parametrize(
    "text",
    [
        "any time",
        "first available",
        "Tue 10 Mar, until 12:00; then Thu 12 Mar, from 12:00",
        "Fri 13 Mar or Fri 20 Mar",
        "Mon 16 Mar to Sun 22 Mar, not Mondays, at 09:20",
        "from Thu 12 Mar, Mondays, 10:00-12:00",
        "up to Tue 5 Jan 2027, not Fri 13 Mar",
    ],
)
def test_a_wish_is_written_as_it_is_read(text: str) -> None:
    assert wording.in_words(wording.readings(text)) == text


def test_wishes_are_the_same_that_ask_for_the_same_starts() -> None:
    today = wording.day("Thu 12 Mar")
    weekend, apart = wording.readings("Sat 14 Mar to Sun 15 Mar"), wording.readings("Sun 15 Mar, Sat 14 Mar")
    assert wording.same(weekend, apart, today)
    assert not wording.same(weekend, wording.readings("Sat 14 Mar"), today)
    assert not wording.same(weekend, (When(),), today)
    assert not wording.same(weekend, wording.readings("Sat 14 Mar to Sun 15 Mar; then any time"), today)
