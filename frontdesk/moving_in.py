"""A database made ready: its schema, a clinic in it, and the demo clinic's clock going right."""

import contextlib
from pathlib import Path
from typing import Any, LiteralString

import psycopg

from core.config import Settings
from frontdesk.errors import CannotRun

_MIGRATIONS = Path(__file__).parent.parent / "migrations" / "versions"

_IS_READY = """
SELECT EXISTS (SELECT FROM alembic_version WHERE version_num = %s)
   AND EXISTS (SELECT FROM organization WHERE NOT is_demo OR (SELECT clock_offset = interval '0' FROM clock))
"""


def prepare(settings: Settings, url: str) -> bool:
    """Bring the database to this version's schema, with the demo clinic when it was empty; returns whether it was."""
    # Imported here, as Alembic and the demo clinic would slow down every other way in.
    from core.database import migrate
    from frontdesk import demo

    migrate(url)
    return demo.load_if_empty(settings, url)


def prepare_for_run(settings: Settings, url: str) -> bool:
    """`prepare`, and set a demo clinic's clock right, which a killed chat may have left wrong."""
    newest = max(path.name for path in _MIGRATIONS.glob("[0-9]*.py")).partition("_")[0]
    with contextlib.suppress(psycopg.errors.UndefinedTable):
        if _finds(url, _IS_READY, newest):  # a question in place of a second's worth of imports
            return False
    from core import logs
    from frontdesk import demo

    logs.set_up("run", settings.log_level)
    made = prepare(settings, url)
    demo.set_clock_right(url)
    return made


def require_clinic(url: str) -> None:
    """Refuse a database in which nobody has moved in yet; one that is away may have a clinic."""
    with contextlib.suppress(psycopg.OperationalError):
        if not _finds(url, "SELECT EXISTS (SELECT FROM organization)"):
            raise CannotRun(
                "This database holds no clinic yet: `frontdesk setup` makes yours, `frontdesk demo` one to try."
            )


def require_keys(url: str, settings: Settings) -> None:
    """Refuse to work with master keys that do not open this database: every message would fail, and be put aside."""
    from core.crypto import Unreadable

    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url, connect_timeout=5) as connection:
        any_key = connection.execute("SELECT id, wrapped FROM data_keys LIMIT 1").fetchone()
        try:
            if any_key is not None:
                settings.vault.unwrap(*any_key)
        except Unreadable:
            raise CannotRun("MASTER_KEYS do not open this database; set those it was filled with.") from None


def _finds(url: str, question: LiteralString, *values: Any) -> bool:
    """The answer to a question of yes or no."""
    with psycopg.connect(url, connect_timeout=5) as connection:
        (answer,) = connection.execute(question, values).fetchone()  # type: ignore[misc]
    return bool(answer)
