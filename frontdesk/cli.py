"""The `frontdesk` command: a table of subcommands. Each imports what it needs when it is called."""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core.config import Settings, SettingsError, load_settings
from frontdesk import lifeline
from frontdesk.errors import CannotRun, about_database

if TYPE_CHECKING:
    from sqlalchemy import Engine

KNOWN_ERROR, INTERRUPTED = 2, 130


class Command(NamedTuple):
    """A subcommand: its help, what adds its arguments, what does it. The result is the exit code; None is 0."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace, Settings], int | None]


def main(arguments: list[str] | None = None) -> None:
    """Run one subcommand and exit; whatever stops it is said in one sentence."""
    lifeline.follow()
    _let_signals_interrupt()
    options = _parser().parse_args(arguments)
    sys.exit(_run(options))


def _let_signals_interrupt() -> None:
    """SIGTERM and the terminal's end are like Ctrl-C: what was begun is tidied up. `nohup` has its way."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _no_arguments(_parser: argparse.ArgumentParser) -> None:
    """For a command that has none."""


def _run_everything(_options: argparse.Namespace, settings: Settings) -> None:
    from frontdesk import run

    run.main(settings)


def _process(name: str) -> Callable[[argparse.Namespace, Settings], None]:
    """`main(settings)` of one of the processes, with a database."""

    def run(_options: argparse.Namespace, settings: Settings) -> None:
        from frontdesk.embedded_postgres import database_url
        from frontdesk.moving_in import require_clinic, require_keys

        with database_url(settings) as url:
            require_clinic(url)
            require_keys(url, settings)
            import_module(f"frontdesk.{name}").main(settings.model_copy(update={"database_url": url}))

    return run


def _migrate(_options: argparse.Namespace, settings: Settings) -> None:
    from core.database import migrate
    from frontdesk.embedded_postgres import database_url

    with database_url(settings) as url:
        migrate(url)


def _chat_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as",
        dest="address",
        metavar="ADDRESS",
        help="who writes; in the demo clinic +12075550101 is Amy (has a visit), +12075550102 Maria (two children), "
        "+12075550103 Ben; any other address is somebody new",
    )
    parser.add_argument(
        "--channel",
        choices=["web", "sms"],
        default="web",
        help="choices as buttons (write a label to tap it), or as digits",
    )
    parser.add_argument(
        "--now",
        type=datetime.fromisoformat,
        metavar="TIME",
        help="the clinic's local time as the chat begins (demo clinic only)",
    )
    parser.add_argument(
        "--script", type=Path, metavar="FILE", help="say these lines, a message each; - is standard input"
    )
    parser.add_argument(
        "--json", action="store_true", help="a line of JSON for each message: text keys, text, choices, events"
    )
    parser.add_argument("--save", type=Path, metavar="FILE", help="keep the chat as a transcript")


def _chat(options: argparse.Namespace, settings: Settings) -> None:
    from frontdesk import chat

    with _ready_database(settings) as (ready, _):
        chat.run(options, ready)


def _understand_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--clinic", action="store_true", help="know the names of this clinic, and not just specialties")
    parser.epilog = (
        "Fields of a line: id, text, and where known lang, reference (the moment, in local time), asked (name, birth_date "
        "or contact: the open question), previous_prompt (booking.name, booking.birth_date or booking.contact do the same; "
        "any other text is the sentence that went before and changes nothing), opens, closes, region."
    )


def _understand(options: argparse.Namespace, settings: Settings) -> None:
    from core.scheduling import directory, vocabulary
    from frontdesk import understand

    known = directory.Directory(specialties=vocabulary.specialties())
    if options.clinic:
        from core.database import transaction

        with _ready_database(settings) as (_, engine), transaction(engine) as session:
            known = directory.load(session)
    understand.run(sys.stdin, sys.stdout, known)


def _verify(_options: argparse.Namespace, settings: Settings) -> int:
    from core.database import run, transaction
    from frontdesk import verify
    from frontdesk.embedded_postgres import database_url

    with database_url(settings) as url, _engine(url) as engine, transaction(engine) as session:
        run(session, "SET TRANSACTION READ ONLY")
        found = verify.check(session, settings.vault)
    print(verify.report(found))
    return 1 if any(finding.broken for finding in found.values()) else 0


@contextmanager
def _ready_database(settings: Settings) -> Iterator[tuple[Settings, "Engine"]]:
    """The database at this version's schema; on a laptop with the demo clinic, so that every command works by itself."""
    from frontdesk.embedded_postgres import database_url
    from frontdesk.moving_in import prepare

    with database_url(settings) as url:
        if not settings.database_url:
            prepare(settings, url)
        with _engine(url) as engine:
            yield settings.model_copy(update={"database_url": url}), engine


@contextmanager
def _engine(url: str) -> Iterator["Engine"]:
    from core.database import open_engine

    engine = open_engine(url, pool_size=4)
    try:
        yield engine
    finally:
        engine.dispose()


def _demo(_options: argparse.Namespace, settings: Settings) -> None:
    from frontdesk.embedded_postgres import database_url
    from frontdesk.moving_in import prepare

    with database_url(settings) as url:
        made = prepare(settings, url)
    print("The demo clinic is ready." if made else "This database holds a clinic already; it was left as it is.")


COMMANDS = {
    "run": Command("everything on this machine, with a database and a demo clinic", _no_arguments, _run_everything),
    "web": Command("answer HTTP: the web chat, webhooks of vendors, health", _no_arguments, _process("web")),
    "worker": Command("answer the inbox, and do what is due", _no_arguments, _process("worker")),
    "sender": Command("deliver the outbox", _no_arguments, _process("sender")),
    "migrate": Command("bring the database to this version's schema", _no_arguments, _migrate),
    "demo": Command("make the demo clinic in an empty database", _no_arguments, _demo),
    "chat": Command("chat with the clinic in this terminal, or from a script", _chat_arguments, _chat),
    "understand": Command("read messages as JSON lines, write what they mean", _understand_arguments, _understand),
    "verify": Command("check the promises of the design on the database as it is", _no_arguments, _verify),
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
        _set_up_logs(options.command, settings)
        return COMMANDS[options.command].run(options, settings) or 0
    except (SettingsError, CannotRun) as known:
        print(known, file=sys.stderr)
        return KNOWN_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as unexpected:
        if settings is not None and (sentence := about_database(unexpected, settings.database_url)):
            print(sentence, file=sys.stderr)
            return KNOWN_ERROR
        if settings is None or settings.log_level == "debug":
            raise
        print(_apology(options.command, unexpected, settings.var_dir / "frontdesk.log"), file=sys.stderr)
        return 1


def _set_up_logs(command: str, settings: Settings) -> None:
    """Logs for every command: a chat's are not to disturb it. `run` prints, and others log; it is not to wait for this."""
    if command == "run":
        return
    from core import logs

    quietly = command == "chat" and settings.log_level == "info"
    logs.set_up(command, "warning" if quietly else settings.log_level)


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
