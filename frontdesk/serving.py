"""`python -m frontdesk.serving module:function`: granian, in a process that has loaded nothing else."""

import os
import resource
import signal
import sys

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels

from frontdesk import lifeline
from frontdesk.memory import give_back

CONNECTIONS = 8192  # an open page keeps one for a while after each poll
HEADER_PATIENCE = 10_000  # milliseconds for a request to begin and for its headers to arrive


def main(factory: str) -> None:
    """Answer with what `module:function` makes, in a child, which must not outlive us; settings are in the environment."""
    lifeline.follow()
    os.environ.update(lifeline.environment())
    # Granian's child inherits handlers that only take note; until it has loaded the application and set its own, it may simply end.
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    _open_files(CONNECTIONS + 256)
    give_back()
    Granian(
        factory,
        factory=True,
        interface=Interfaces.RSGI,
        address=os.environ["HTTP_HOST"],
        port=int(os.environ["HTTP_PORT"]),
        workers=1,
        loop=Loops.asyncio,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_PATIENCE),
        backpressure=CONNECTIONS,
        websockets=False,
        workers_kill_timeout=8,
        log_access=False,
        log_level=LogLevels.error,
    ).serve()


def _open_files(wanted: int) -> None:
    """Raise the number of files that this process and its children may open, as far as it may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))


if __name__ == "__main__":
    main(sys.argv[1])
