"""A process that is told to stop does so, whatever it is at."""

import subprocess
import sys

# Python drops what a destructor raises, and many run while a process loads what it needs.
TOLD_IN_A_DESTRUCTOR = """
import os, signal
from frontdesk import processes

class Loading:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

class Nobody:
    def close(self):
        pass

processes.let_signals_interrupt()
Loading()
print(processes.stopped_by_signal(Nobody()).is_set())
"""


def test_whoever_is_told_to_stop_in_a_destructor_remembers_it() -> None:
    done = subprocess.run([sys.executable, "-c", TOLD_IN_A_DESTRUCTOR], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("True\n", 0)
