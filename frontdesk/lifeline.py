"""Processes that must not outlive the one that started them, whatever ended it."""

import os
import threading
import time
from collections.abc import Mapping

VARIABLE = "FRONTDESK_PARENT"


_followed: dict[str, str] = {}


def environment() -> Mapping[str, str]:
    """What a child needs in its environment to `follow` this process."""
    return {VARIABLE: str(os.getpid())}


def handed_on() -> Mapping[str, str]:
    """What this process needs in its environment to go on following after an exec."""
    return _followed


def follow() -> None:
    """End this process within a second after its parent, if the parent asked for that.

    Everything here survives SIGKILL by design, so there is nothing to tidy up. Watching the parent's id works
    on Linux and macOS alike, and a child that was given the id cannot miss a parent that died before it looked.
    """
    if parent := os.environ.pop(VARIABLE, ""):
        _followed[VARIABLE] = parent
        threading.Thread(target=_watch, args=(int(parent),), name="lifeline", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
