"""`frontdesk chat`: talk to the clinic in a terminal, from a script, or as JSON."""

import argparse
import json
import secrets
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Engine

from bot.messages import by_digit
from bot.texts import say
from core import clock
from core.config import Settings
from core.database import open_engine, transaction
from core.scheduling import directory
from core.scheduling.directory import Directory
from frontdesk import transcripts
from frontdesk.errors import CannotRun
from frontdesk.moving_in import require_clinic, require_keys
from frontdesk.terminal import Answer, Terminal
from frontdesk.transcripts import Line


def run(options: argparse.Namespace, settings: Settings) -> None:
    """Chat until the script or the input ends."""
    require_clinic(settings.database_url)
    require_keys(settings.database_url, settings)
    engine = open_engine(settings.database_url, pool_size=4)
    clinic = _clinic(engine)
    _check_now(options.now, clinic)
    try:
        if options.now is not None:
            _set_clock(engine, clinic, options.now)
        address = options.address or f"guest-{secrets.token_hex(4)}"
        _talk(Terminal(engine, settings.vault, address, options.channel, settings.texts_to), options, clinic)
    finally:
        if options.now is not None:
            with transaction(engine) as session:
                clock.set_now(session, None)
        engine.dispose()


def _talk(terminal: Terminal, options: argparse.Namespace, clinic: Directory) -> None:
    countries = terminal.texts_to(clinic.organization.region)
    texts = [Line("texts", ", ".join(countries))] if countries else []
    kept = [*texts, Line("channel", options.channel), Line("as", terminal.address)]
    if options.now is not None:
        kept.insert(0, Line("clock", options.now.isoformat(" ", "minutes")))
    quiet = options.script is None and sys.stdin.isatty()
    if quiet:
        print(f"You write to {clinic.organization.name} as {terminal.address}. Ctrl-D ends the chat.")
    for text in lines(options.script):
        kept.append(Line("patient", text))
        if options.json:
            _print_json({"speaker": "patient", "text": text})
        elif not quiet:
            print(transcripts.format_([kept[-1]]), end="")
        for answer in terminal.say(text):
            kept.append(Line("clinic", transcripts.shown(answer)))
            if options.json:
                _print_json(as_json(answer, clinic))
            else:
                print(transcripts.format_([kept[-1]]), end="", flush=True)
    if options.save is not None:
        options.save.write_text(transcripts.format_(kept), encoding="utf-8")


def as_json(answer: Answer, clinic: Directory) -> dict[str, Any]:
    """A message of the clinic for programs: what it says, by which keys, what can be chosen, and what has happened."""
    payload, rendered = answer.payload, answer.rendered
    keys = [said.key for said in payload.reply.says]
    return {
        "speaker": "clinic",
        "key": keys[-1],
        "keys": keys,
        "text": rendered.text,
        "choices": [
            {"digit": digit, "label": say(choice.label, payload.language, clinic), "token": f"{payload.token}.{digit}"}
            for digit, choice in by_digit(payload.reply.choices).items()
        ],
        "events": [{"event": happened.event, **happened.facts} for happened in payload.reply.happened],
    }


def lines(script: Path | None, prompt: str = "> ") -> Iterator[str]:
    """What is said: the lines of a script, of standard input (`-`), or what somebody types. Raises CannotRun."""
    if script is None:
        yield from _typed(prompt)
    elif str(script) == "-":
        yield from _stripped(sys.stdin)
    else:
        try:
            with script.open(encoding="utf-8") as file:
                yield from _stripped(file)
        except OSError as error:
            raise CannotRun(f"{script} cannot be read ({error.strerror}).") from error
        except UnicodeDecodeError as error:
            raise CannotRun(f"{script} cannot be read: it is to be text in UTF-8.") from error


def _stripped(file: TextIO | Iterable[str]) -> Iterator[str]:
    for line in file:
        yield _readable(line).rstrip("\r\n")


def _readable(line: str) -> str:
    """A line with whatever bytes are no letters shown as such."""
    return line.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _typed(prompt: str) -> Iterator[str]:
    while True:
        try:
            yield _readable(input(prompt if sys.stdin.isatty() else ""))
        except EOFError:
            return


def _clinic(engine: Engine) -> Directory:
    with transaction(engine) as session:
        return directory.load(session)


def _check_now(moment: datetime | None, clinic: Directory) -> None:
    if moment is not None and not clinic.organization.is_demo:
        raise CannotRun("--now works with the demo clinic only: the clock of a real clinic is everybody's.")


def _set_clock(engine: Engine, clinic: Directory, moment: datetime) -> None:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=clinic.zone)
    with transaction(engine) as session:
        clock.set_now(session, aware)


def _print_json(value: dict[str, Any]) -> None:
    print(json.dumps(value, ensure_ascii=False), flush=True)
