"""`frontdesk replay` as it is typed. Every command knows its words, so what it needs is imported when it runs."""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from core.config import Settings


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
    """Play the file and print what came of it; 1 when a promise is broken."""
    from frontdesk import verify
    from frontdesk.replay import arrivals
    from frontdesk.replay.run import replay

    rows = arrivals.read(options.file, options.limit)
    result, found = replay(
        settings, rows, options.providers, speed=options.speed, workers=options.workers, progress=_progress()
    )
    print("\n".join(result.lines()))
    print(verify.report(found))
    return 1 if any(finding.broken for finding in found.values()) else 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("it must be 1 or more")
    return number


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    if not (speed := float(text)) > 0:
        raise argparse.ArgumentTypeError("it must be more than 0, or max")
    return speed


def _progress() -> Callable[[str], None]:
    """One line that is written over, a few times a second; nothing where nobody looks."""
    shown_at = 0.0

    def show(line: str) -> None:
        nonlocal shown_at
        if time.monotonic() - shown_at > 0.2:
            shown_at = time.monotonic()
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)

    return show if sys.stderr.isatty() else lambda _: None
