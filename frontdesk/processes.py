"""What the processes share: stopping on a signal."""

import signal
import threading
from types import FrameType
from typing import Protocol

_stopping = threading.Event()


class Waker(Protocol):
    """Somebody who can end a wait."""

    def close(self) -> None:
        """End all waits."""


def let_signals_interrupt() -> None:
    """SIGTERM and the terminal's end are like Ctrl-C: what was begun is tidied up. `nohup` has its way."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    _stopping.set()  # Python drops the exception where it comes up in a destructor, and a process would go on for ever
    raise KeyboardInterrupt


def stopped_by_signal(waker: Waker) -> threading.Event:
    """An event that SIGTERM or Ctrl-C sets, or has set while the process was starting; whoever waits for work is woken."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        _stopping.set()
        # Not from within the handler: it may have interrupted the very wait that holds the lock.
        threading.Thread(target=waker.close, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return _stopping
