"""The `frontdesk` command: a table of subcommands. Each imports what it needs when it is called."""

import argparse
import io
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core.config import Settings, SettingsError, load_settings
from frontdesk import lifeline
from frontdesk.bench import command as bench
from frontdesk.errors import INTERRUPTED, CannotRun, about_database
from frontdesk.processes import let_signals_interrupt
from frontdesk.replay import command as replay

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from core.scheduling.directory import Directory

KNOWN_ERROR = 2


class Command(NamedTuple):
    """A subcommand: its help, what adds its arguments, what does it. The result is the exit code; None is 0."""

    help: str
    add_arguments: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace, Settings], int | None]


def main(arguments: list[str] | None = None) -> None:
    """Run one subcommand and exit; whatever stops it is said in one sentence."""
    lifeline.follow()
    let_signals_interrupt()
    _take_any_letters()
    options = _parser().parse_args(arguments)
    sys.exit(_run(options))


def _take_any_letters() -> None:
    """Bytes that are no letters reach whoever refuses them with words; a terminal that lacks a letter shows ? in its place."""
    for stream, errors in ((sys.stdin, "surrogateescape"), (sys.stdout, "replace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


def _no_arguments(_parser: argparse.ArgumentParser) -> None:
    """For a command that has none."""


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--demo", action="store_true", help="let the demo clinic answer on real channels, and say that it is one"
    )


def _run_everything(options: argparse.Namespace, settings: Settings) -> None:
    from frontdesk import run

    run.main(replace(settings, demo=settings.demo or options.demo))


def _process(name: str) -> Callable[[argparse.Namespace, Settings], None]:
    """`main(settings)` of one of the processes, with a database."""

    def run(_options: argparse.Namespace, settings: Settings) -> None:
        from frontdesk.embedded_postgres import database_url
        from frontdesk.moving_in import require_clinic, require_keys

        with database_url(settings) as url:
            require_clinic(url)
            require_keys(url, settings)
            import_module(f"frontdesk.{name}").main(replace(settings, database_url=url))

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


def _desk_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--as", dest="name", metavar="NAME", required=True, help="who you are, as patients are to read it"
    )
    parser.add_argument("--script", type=Path, metavar="FILE", help="do what these lines say; - is standard input")


def _desk(options: argparse.Namespace, settings: Settings) -> None:
    from frontdesk import desk

    with _ready_database(settings) as (ready, _):
        desk.run(options, ready)


def _understand_arguments(parser: argparse.ArgumentParser) -> None:
    names = parser.add_mutually_exclusive_group()
    names.add_argument("--clinic", action="store_true", help="know the names of this clinic, and not just specialties")
    names.add_argument(
        "--directory",
        type=Path,
        metavar="FILE",
        help="know the names of this file: JSON lines of name, city, domain, specialty",
    )
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
    elif options.directory:
        with options.directory.open(encoding="utf-8") as file:
            known = understand.directory_of(file)
    understand.run(sys.stdin, sys.stdout, known)


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ledger",
        type=Path,
        metavar="FILE",
        help="compare the outbox with what a vendor took: JSON lines with outbox_id",
    )


def _verify(options: argparse.Namespace, settings: Settings) -> int:
    from core.compliance import seals
    from core.database import run, transaction
    from frontdesk import verify
    from frontdesk.embedded_postgres import database_url

    ledger = None if options.ledger is None else verify.read_ledger(options.ledger)
    noted = verify.read_noted(settings.var_dir / seals.FILE)
    with database_url(settings) as url, _engine(url) as engine, transaction(engine) as session:
        for setting in verify.SETTINGS:
            run(session, setting)
        found = verify.check(session, settings.vault, noted=noted, ledger=ledger)
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
            yield replace(settings, database_url=url), engine


@contextmanager
def _engine(url: str) -> Iterator["Engine"]:
    from core.database import open_engine

    engine = open_engine(url, pool_size=4)
    try:
        yield engine
    finally:
        engine.dispose()


def _telegram_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["connect", "status", "disconnect"],
        help="connect: set where Telegram delivers, the menu and the descriptions of each bot; "
        "status: how Telegram gets on with it; disconnect: let Telegram deliver no more",
    )


def _telegram(options: argparse.Namespace, settings: Settings) -> int:
    from frontdesk import telegram

    if not settings.telegram_bots:
        raise CannotRun("There is no bot: set TELEGRAM_BOT_TOKEN to what BotFather gave you.")
    if options.action == "connect":
        return telegram.connect(settings, _clinic(settings))
    return {"status": telegram.status, "disconnect": telegram.disconnect}[options.action](settings)


def _twilio_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["connect", "status"],
        help="connect: set where Twilio brings messages and receipts; status: how it stands, and nothing is changed",
    )


def _twilio(options: argparse.Namespace, settings: Settings) -> int:
    from frontdesk import twilio

    if not settings.twilio_account_sid:
        raise CannotRun(
            "There is no account: set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN to what Twilio's console shows."
        )
    work = {"connect": twilio.connect, "status": twilio.status}[options.action]
    return work(settings, _clinic(settings))


def _whatsapp_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["templates"],
        help="print the templates that Meta must approve, as Twilio's Content API takes them",
    )
    parser.add_argument("--language", metavar="CODE", help="of this language alone, such as en")


def _whatsapp(options: argparse.Namespace, settings: Settings) -> None:
    from frontdesk import whatsapp

    whatsapp.print_templates(_clinic(settings), options.language)


def _clinic(settings: Settings) -> "Directory":
    from core.database import transaction
    from core.scheduling import directory
    from frontdesk.moving_in import require_clinic

    with _ready_database(settings) as (ready, engine):
        require_clinic(ready.database_url)
        with transaction(engine) as session:
            return directory.load(session)


def _setup_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Make a clinic of your own: by questions, or from spreadsheets with --from."
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--from", dest="folder", type=Path, metavar="FOLDER", help="take in the spreadsheets of a folder")
    ways.add_argument("--example", type=Path, metavar="FOLDER", help="make empty spreadsheets to fill in")
    ways.add_argument("--specialties", action="store_true", help="list the specialties, and what patients call them")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="with --from: say what would become of every row, and change nothing",
    )


def _setup(options: argparse.Namespace, settings: Settings) -> int:
    from core.database import migrate
    from frontdesk import setup
    from frontdesk.embedded_postgres import database_url

    if options.dry_run and options.folder is None:
        raise CannotRun("--dry-run goes with --from FOLDER: it says what would become of the rows there.")
    if options.specialties:
        return setup.print_specialties()
    if options.example is not None:
        return setup.example(options.example)
    with database_url(settings) as url:
        migrate(url)
        with _engine(url) as engine:
            work = setup.by_questions if options.folder is None else setup.from_folder
            return work(options, settings, engine)


def _export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the spreadsheets go")
    parser.add_argument(
        "--with-patients", action="store_true", help="patients and visits too; this is noted in the audit"
    )
    parser.add_argument("--force", action="store_true", help="overwrite files that are there")


def _export(options: argparse.Namespace, settings: Settings) -> int:
    from frontdesk import setup
    from frontdesk.embedded_postgres import database_url
    from frontdesk.moving_in import require_clinic, require_keys

    with database_url(settings) as url:
        require_clinic(url)
        require_keys(url, settings)
        with _engine(url) as engine:
            return setup.export(options, settings, engine)


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    sizes = "large: 50 doctors, 200,000 patients, more than 500,000 visits, to measure in"
    parser.add_argument("--size", choices=["small", "large"], default="small", help=sizes)


def _demo(options: argparse.Namespace, settings: Settings) -> None:
    from core.database import migrate
    from frontdesk import demo
    from frontdesk.embedded_postgres import database_url
    from frontdesk.moving_in import prepare

    with database_url(settings) as url:
        if options.size == "large":
            migrate(url)
            made = demo.load_large(settings, url)
        else:
            made = prepare(settings, url)
    print("The demo clinic is ready." if made else "This database holds a clinic already; it was left as it is.")


COMMANDS = {
    "run": Command("everything on this machine, with a database and a demo clinic", _run_arguments, _run_everything),
    "web": Command("answer HTTP: the web chat, webhooks of vendors, health", _no_arguments, _process("web")),
    "worker": Command("answer the inbox, and do what is due", _no_arguments, _process("worker")),
    "sender": Command("deliver the outbox", _no_arguments, _process("sender")),
    "poller": Command("ask Telegram for messages, without a public address", _no_arguments, _process("poller")),
    "telegram": Command("tell Telegram where this clinic is, and hear what it says", _telegram_arguments, _telegram),
    "twilio": Command("tell Twilio where this clinic is, and hear what it knows", _twilio_arguments, _twilio),
    "whatsapp": Command("print what WhatsApp must approve first", _whatsapp_arguments, _whatsapp),
    "migrate": Command("bring the database to this version's schema", _no_arguments, _migrate),
    "setup": Command("make a clinic of your own, by questions or from spreadsheets", _setup_arguments, _setup),
    "export": Command("write the clinic as the spreadsheets that setup takes in", _export_arguments, _export),
    "demo": Command("make the demo clinic in an empty database", _demo_arguments, _demo),
    "chat": Command("chat with the clinic in this terminal, or from a script", _chat_arguments, _chat),
    "desk": Command("staff: see who needs a person, take over, answer, hand back", _desk_arguments, _desk),
    "understand": Command("read messages as JSON lines, write what they mean", _understand_arguments, _understand),
    "verify": Command("check the promises of the design on the database as it is", _verify_arguments, _verify),
    "replay": Command("let real bookings come again, by chat, to measure", replay.add_arguments, replay.main),
    "bench": Command("measure, each figure against a baseline of the same run", bench.add_arguments, bench.main),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="frontdesk", description="The front desk of a clinic, in a chat.")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, command in COMMANDS.items():
        subparser = subparsers.add_parser(
            name, help=command.help, description=f"{command.help[0].upper()}{command.help[1:]}."
        )
        command.add_arguments(subparser)
    return parser


def _run(options: argparse.Namespace) -> int:
    settings = None
    try:
        settings = load_settings()
        _set_up_logs(options.command, settings)
        code = COMMANDS[options.command].run(options, settings) or 0
        sys.stdout.flush()
        return code
    except (SettingsError, CannotRun) as known:
        print(known, file=sys.stderr)
        return KNOWN_ERROR
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads what we print has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
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

    quietly = command in ("chat", "desk") and settings.log_level == "info"
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
