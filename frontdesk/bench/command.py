"""`frontdesk bench` as it is typed. Every command knows its words, so what it needs is imported when it runs."""

import argparse
from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from core.config import Settings

if TYPE_CHECKING:
    from frontdesk.bench.figures import Figure

BENCHES = {
    "booking": "bookings a second against pgbench",
    "turns": "processor time of a turn against raw psycopg",
    "chats": "messages a second against the echo of the same server, and how soon a reply comes",
    "idle": "a reply while a thousand pages lie open, and while one address storms, against the quiet server",
    "processes": "memory and start of each process against a bare Python",
    "finding": "the first offers of fifty doctors with two years of visits",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may be said."""
    parser.add_argument(
        "--only", choices=BENCHES, metavar="NAME", help="; ".join(f"{k}: {v}" for k, v in BENCHES.items())
    )
    parser.add_argument("--quick", action="store_true", help="a minute in all, less exact")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")


def main(options: argparse.Namespace, settings: Settings) -> int:
    """Print every figure; 1 when a goal is missed."""
    from frontdesk.bench.figures import as_json, as_line

    figures = []
    for figure in _figures(options, settings):
        figures.append(figure)
        if not options.json:
            print(as_line(figure), flush=True)
    if options.json:
        print(as_json(figures))
    return 1 if any(figure.is_met is False for figure in figures) else 0


def _figures(options: argparse.Namespace, settings: Settings) -> "Iterator[Figure]":
    for name in [options.only] if options.only else BENCHES:
        bench: Any = import_module(f"frontdesk.bench.{name}")
        yield from bench.measure(settings, quick=options.quick)
