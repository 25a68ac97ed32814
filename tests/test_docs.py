"""The generated pages say what the code says."""

from pathlib import Path

import pytest

from tests.generated_docs import pages


@pytest.mark.parametrize("page", pages().items(), ids=lambda page: page[0].name)
def test_a_generated_page_is_up_to_date(page: tuple[Path, str]) -> None:
    path, text = page
    assert path.read_text() == text, f"{path.name} is stale: run `make docs` and commit what it writes"
