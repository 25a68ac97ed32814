"""Named places where a test can make the process fail. In production no name is set and `reach` costs one comparison."""

import os
import signal

_KILL, _RAISE = "kill", "raise"


class FailpointReached(RuntimeError):
    """A test asked for a failure here."""


def _parse(setting: str) -> dict[str, tuple[str, int]]:
    """`name:kill:3,other:raise` to name -> (action, on which visit)."""
    points = {}
    for part in filter(None, setting.split(",")):
        name, action, *count = part.split(":")
        points[name] = (action, int(count[0]) if count else 1)
    return points


_points = _parse(os.environ.get("FAILPOINT", ""))
_visits: dict[str, int] = {}


def reach(name: str) -> None:
    """Die or raise here when FAILPOINT says so: `name:kill` is a SIGKILL, `name:raise` an exception, `:N` on the Nth visit."""
    if not _points or name not in _points:
        return
    action, on = _points[name]
    _visits[name] = _visits.get(name, 0) + 1
    if _visits[name] != on:
        return
    if action == _KILL:
        os.kill(os.getpid(), signal.SIGKILL)
    raise FailpointReached(name)
