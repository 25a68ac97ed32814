"""What the processes share: stopping on a signal."""

import signal
import threading
from types import FrameType
from typing import Protocol


class Waker(Protocol):
    """Somebody who can end a wait."""

    def close(self) -> None:
        """End all waits."""


def stopped_by_signal(waker: Waker) -> threading.Event:
    """An event that SIGTERM or Ctrl-C sets; whoever waits for work is woken."""
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()
        # Not from within the handler: it may have interrupted the very wait that holds the lock.
        threading.Thread(target=waker.close, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopping
