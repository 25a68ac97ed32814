"""Each vendor library is in the process that needs it, and in no other: together they weigh more than the clinic."""

import subprocess
import sys

import pytest

VENDORS = {"aiogram", "telegram", "twilio", "twilio.rest"}
WHO_LOADS = "import sys, {modules}; print(*sorted({vendors} & set(sys.modules)))"


@pytest.mark.parametrize(
    ("modules", "loaded"),
    [
        ("frontdesk.application, webhooks.app, channels", {"twilio"}),  # whose signatures it checks
        ("frontdesk.worker, channels", set()),
        ("frontdesk.poller", {"aiogram"}),
        (
            "frontdesk.sender",
            {"telegram", "twilio", "twilio.rest"},
        ),  # at most: it loads them when it has an account there
    ],
)
def test_a_process_loads_no_library_of_a_vendor_but_its_own(modules: str, loaded: set[str]) -> None:
    program = WHO_LOADS.format(modules=modules, vendors=VENDORS)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= loaded
