"""The `frontdesk` command: a table of subcommands. Each imports what it needs when it is called."""

import argparse
import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from core.config import Settings, SettingsError, load_settings
from frontdesk import lifeline
from frontdesk.errors import CannotRun

KNOWN_ERROR, INTERRUPTED = 2, 130


class Command(NamedTuple):
    """A subcommand: its help, what adds its arguments, what does it. The result is the exit code; None is 0."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace, Settings], int | None]


def main(arguments: list[str] | None = None) -> None:
    """Run one subcommand and exit; whatever stops it is said in one sentence."""
    lifeline.follow()
    options = _parser().parse_args(arguments)
    sys.exit(_run(options))


def _no_arguments(_parser: argparse.ArgumentParser) -> None:
    """For a command that has none."""


def _run_everything(_options: argparse.Namespace, settings: Settings) -> None:
    from frontdesk import run

    run.main(settings)


def _process(name: str) -> Callable[[argparse.Namespace, Settings], None]:
    """`main(settings)` of one of the processes, with a database."""

    def run(_options: argparse.Namespace, settings: Settings) -> None:
        from frontdesk.embedded_postgres import database_url

        with database_url(settings) as url:
            import_module(f"frontdesk.{name}").main(settings.model_copy(update={"database_url": url}))

    return run


def _migrate(_options: argparse.Namespace, settings: Settings) -> None:
    from core.database import migrate
    from frontdesk.embedded_postgres import database_url

    with database_url(settings) as url:
        migrate(url)


COMMANDS = {
    "run": Command("everything on this machine, with a database and a demo clinic", _no_arguments, _run_everything),
    "web": Command("answer HTTP: the web chat, webhooks of vendors, health", _no_arguments, _process("web")),
    "worker": Command("answer the inbox, and do what is due", _no_arguments, _process("worker")),
    "sender": Command("deliver the outbox", _no_arguments, _process("sender")),
    "migrate": Command("bring the database to this version's schema", _no_arguments, _migrate),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="frontdesk", description="The front desk of a clinic, in a chat.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        command.add_arguments(subparsers.add_parser(name, help=command.help, description=command.help))
    return parser


def _run(options: argparse.Namespace) -> int:
    settings = None
    try:
        settings = load_settings()
        return COMMANDS[options.command].run(options, settings) or 0
    except (SettingsError, CannotRun) as known:
        print(known, file=sys.stderr)
        return KNOWN_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as unexpected:
        if settings is None or settings.log_level == "debug":
            raise
        print(_apology(options.command, unexpected, settings.var_dir / "frontdesk.log"), file=sys.stderr)
        return 1


def _apology(command: str, unexpected: Exception, log: Path) -> str:
    """One sentence; the places go to the log. The error's own words stay out: a database's quote people's data."""
    places = "".join(traceback.format_tb(unexpected.__traceback__))
    kind = type(unexpected).__qualname__
    try:
        with log.open("a") as file:
            file.write(f"frontdesk {command} failed in process {os.getpid()} with {kind}\n{places}")
    except OSError:
        return f"frontdesk {command} failed unexpectedly ({kind}); LOG_LEVEL=debug shows more."
    return f"frontdesk {command} failed unexpectedly ({kind}): {log} says where, and LOG_LEVEL=debug shows more."
