"""`frontdesk understand`, line by line."""

import io
import json

import pytest

from core.scheduling.directory import Directory
from frontdesk.understand import run


@pytest.mark.parametrize(("prompt", "name"), [("booking.name", "Ana Lima"), ("Which time?", None), (None, None)])
def test_the_key_of_a_question_is_the_question(prompt: str | None, name: str | None) -> None:
    out = io.StringIO()
    run([json.dumps({"id": "1", "text": "Ana Lima", "previous_prompt": prompt})], out, Directory())
    assert json.loads(out.getvalue()).get("name") == name
