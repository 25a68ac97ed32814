"""Who may need help now is heard, however it is typed; what only looks like it is not."""

from pathlib import Path

import pytest

from bot.understanding import understand
from bot.understanding.meaning import Context
from tests.understanding.clinic import CLINIC
from tests.understanding.lines import MONDAY

_NONE = "none: "


def _read() -> list[tuple[str, str]]:
    """Each message with the section in which it stands."""
    section, found = "", []
    for written in (Path(__file__).parent / "emergencies.txt").read_text("utf-8").splitlines():
        if written.startswith("["):
            section = written[1:-1]
        elif written and not written.startswith("#"):
            found.append((section, written))
    return found


MESSAGES = _read()


def _alarms(text: str) -> bool:
    return understand(text, Context(MONDAY, CLINIC)).emergency


@pytest.mark.parametrize("text", [text for section, text in MESSAGES if not section.startswith(_NONE)])
def test_somebody_who_may_need_help_now_is_heard(text: str) -> None:
    assert _alarms(text)
    assert _alarms(text.upper())


@pytest.mark.parametrize("text", [text for section, text in MESSAGES if section.startswith(_NONE)])
def test_what_only_looks_like_an_emergency_is_none(text: str) -> None:
    assert not _alarms(text)
