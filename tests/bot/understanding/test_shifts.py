"""By how much a visit is to move."""

from datetime import timedelta

import pytest

from bot.understanding import shifts
from bot.understanding.lexicon import load
from bot.understanding.text import plain
from tests.bot.understanding.clinic import heard

SHIFTS = [
    ("30 minutes later", timedelta(minutes=30)),
    ("half an hour earlier", timedelta(minutes=-30)),
    ("can I come an hour later?", timedelta(hours=1)),
    ("two days sooner please", timedelta(days=-2)),
    ("a week later, if possible", timedelta(weeks=1)),
    ("push it back an hour", timedelta(hours=1)),
    ("postpone my visit by two weeks please", timedelta(weeks=2)),
    ("bring it forward half an hour", timedelta(minutes=-30)),
    ("postpone my visit", None),
    ("it is my 2 weeks", None),
    ("later", None),
    ("hours later", None),
    ("in 30 minutes", None),
    ("1000000 weeks later", None),
]


@pytest.mark.parametrize(("text", "expected"), SHIFTS)
def test_how_much_later_or_earlier_is_read(text: str, expected: timedelta | None) -> None:
    assert shifts.shift(plain(text), load("en")) == expected


def test_it_is_later_than_the_visit_and_not_than_now() -> None:
    meaning = heard("move my visit 30 minutes later")
    assert (meaning.shift, meaning.when) == (timedelta(minutes=30), None)
    assert heard("a dentist 30 minutes later").shift is None
