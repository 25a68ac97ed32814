"""`frontdesk bench` measures what it says; how fast things are is not asserted here."""

import pytest

from core.config import Settings
from frontdesk.bench import turns
from frontdesk.bench.figures import Figure, as_json, as_line, percentile, ratio


def test_a_goal_is_met_from_its_side() -> None:
    assert ratio("a", 7, 10, "a / b", goal=0.7, bound="least").is_met is True
    assert ratio("a", 6, 10, "a / b", goal=0.7, bound="least").is_met is False
    assert ratio("a", 17, 10, "a / b", goal=1.7).is_met is True
    assert Figure("a", 81, "megabytes", goal=80).is_met is False
    assert Figure("a", 81, "megabytes").is_met is None


def test_a_missed_goal_is_seen() -> None:
    figure = Figure("memory.web_mb", 81, "megabytes of web", goal=80, details={"times a bare Python": 9})
    assert "MISSED" in as_line(figure)
    assert '"is_met": false' in as_json([figure])


def test_percentiles_are_of_what_was_measured() -> None:
    assert percentile(list(range(101)), 95) == 95


def test_turns_are_measured_against_raw_psycopg(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_CHATS", 2)
    figures = {figure.name: figure.value for figure in turns.measure(settings, quick=True)}
    assert set(figures) == {"turn.plain", "turn.plain_with_words", "turn.offer"}
    assert all(value > 0 for value in figures.values())
