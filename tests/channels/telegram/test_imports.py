"""Each vendor library is in the process that needs it, and in no other: together they weigh more than the clinic."""

import subprocess
import sys

import pytest

WHO_LOADS = "import sys, {modules}; print(*sorted({{'aiogram', 'telegram'}} & set(sys.modules)))"


@pytest.mark.parametrize(
    ("modules", "loaded"),
    [
        ("frontdesk.application, webhooks.app, frontdesk.worker, channels", set()),
        ("frontdesk.poller", {"aiogram"}),
        ("frontdesk.sender", {"telegram"}),  # at most: it loads it when there is something to send
    ],
)
def test_a_process_loads_no_library_of_telegrams_but_its_own(modules: str, loaded: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WHO_LOADS.format(modules=modules)], capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) <= loaded
