"""Transcripts are the specification of the talk. `pytest --update-transcripts` rewrites the clinic's lines; the diff is the review."""

from pathlib import Path

import pytest

from frontdesk import transcripts
from frontdesk.transcripts import Stage
from tests.demo_clinic import DemoClinic

FILES = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_clinic_says_what_is_written(path: Path, clinic: DemoClinic, request: pytest.FixtureRequest) -> None:
    written = path.read_text("utf-8")
    lines = transcripts.parse(written)
    played = transcripts.format_(transcripts.play(lines, Stage(clinic.set_clock, clinic.say)))
    if request.config.getoption("--update-transcripts"):
        path.write_text(played, "utf-8")
    else:
        assert played == written
