"""`frontdesk replay` as it is typed. Every command knows its words, so what it needs is imported when it runs."""

import argparse
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from core.config import Settings
from frontdesk.errors import INTERRUPTED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be said."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", help="bookings in the columns of the no-show data, .csv or .csv.gz"
    )
    parser.add_argument(
        "--providers", type=Path, required=True, metavar="FILE", help="doctors: a CSV in the columns of providers.csv"
    )
    parser.add_argument("--limit", type=_positive, metavar="ROWS", help="only the first rows")
    parser.add_argument(
        "--speed",
        type=_speed,
        default=None,
        metavar="N",
        help="so many times faster than real; max, which is the default, as fast as it goes",
    )
    parser.add_argument("--workers", type=_positive, default=1, metavar="N", help="worker processes (1)")


def main(options: argparse.Namespace, settings: Settings) -> int:
    """Play the file and print what came of it; 1 when a promise is broken, 130 when it was stopped by Ctrl-C."""
    from frontdesk import verify
    from frontdesk.replay import arrivals
    from frontdesk.replay.run import replay

    rows = arrivals.read(options.file, options.limit)
    with _progress() as progress:
        result, found = replay(
            settings, rows, options.providers, speed=options.speed, workers=options.workers, progress=progress
        )
    print("\n".join(result.lines()))
    print(verify.report(found))
    if result.stopped:
        return INTERRUPTED
    return 1 if any(finding.broken for finding in found.values()) else 0


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("it must be a whole number, 1 or more")
    return int(text)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0
    if not 0 < speed < math.inf:
        raise argparse.ArgumentTypeError("it must be a number above 0, or max")
    return speed


@contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """On a terminal one line that is written over, a few times a second, and goes away; elsewhere a line now and then."""
    is_seen = sys.stderr.isatty()
    begin, end = ("\r\033[K", "") if is_seen else ("", "\n")
    seconds = 0.2 if is_seen else 10
    shown_at = time.monotonic() - 0.9 * seconds

    def show(line: str) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at > seconds:
            shown_at = time.monotonic()
            print(f"{begin}{line}", end=end, file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        print(begin, end="", file=sys.stderr, flush=True)
