"""No process outlives the one that started it."""

import signal
import subprocess
import sys

PARENT = """
import os, subprocess, sys
from frontdesk import lifeline
child = "from frontdesk import lifeline; import time; lifeline.follow(); print('here', flush=True); time.sleep(60)"
subprocess.run([sys.executable, "-c", child], env={**os.environ, **lifeline.environment()})
"""


def test_a_child_ends_when_its_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"here\n"
        parent.send_signal(signal.SIGKILL)
        # The child holds the other end of the pipe: it reads as finished when the child is gone.
        assert parent.stdout.read() == b""
