"""What time does by itself. The scheduler holds no facts: each tick asks the database what is due, and any number of tickers is safe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import psycopg
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine

from channels import CHECKABLE
from core import clock, failpoints, logs
from core.compliance import retention, seals
from core.crypto import Vault
from core.database import UNAVAILABLE, Session, scalar, transaction
from core.messaging import outbox, quotas, reminders
from core.messaging.waking import Bell
from core.scheduling import booking
from frontdesk.reminding import Reminding

_log = logs.get(__name__)

REMINDING = 10  # seconds between two looks at what is due
SEALING = 30  # seconds between two seals
AT_FIRST = timedelta(seconds=1)  # where workers keep dying, none lives as long as from one tick to the next

_TRY = "SELECT pg_try_advisory_xact_lock(%(key)s)"


def sweep_holds(session: Session, _vault: Vault) -> int:
    """Let go of holds that have run out."""
    return booking.sweep_expired_holds(session, clock.now(session))


def expire_sends(session: Session, _vault: Vault) -> int:
    """Call a hand-over *unknown* whose sender died, and drop what came too late."""
    return outbox.expire_leases(session, CHECKABLE) + outbox.drop_late(session)


def plan_reminders(session: Session, _vault: Vault) -> int:
    """Write down when visits are reminded of that have no plan as they stand."""
    return reminders.plan(session, clock.now(session))


def forget_words(session: Session, _vault: Vault) -> int:
    """Let go of words whose time is over, and of what went out lately."""
    return retention.forget_words(session) + quotas.forget(session)


TICKS: dict[str, tuple[int, Callable[[Session, Vault], int], float]] = {
    # name: (number of its try-lock, what to do, seconds between)
    "sweep_holds": (1, sweep_holds, 5),
    "expire_sends": (2, expire_sends, 5),
    "forget_words": (3, forget_words, 60),
    "seal_audit": (4, seals.seal, SEALING),
    "plan_reminders": (5, plan_reminders, 5),
}


def tick(engine: Engine, vault: Vault, name: str, bell: Bell | None = None) -> int:
    """Do what is due, unless another process is at it; returns how much that was."""
    key, work, _ = TICKS[name]
    with transaction(engine) as session:
        if not scalar(session, _TRY, key=key):
            return 0
        done = work(session, vault)
        failpoints.reach("tick.before_commit")
    if done:
        _log.info(name, count=done)
        if bell is not None:
            bell.ring("inbox")
    return done


def note_newest_seal(engine: Engine, var_dir: Path) -> None:
    """Keep the newest seal of the audit outside of the database: in this machine's file and in the log."""
    with transaction(engine) as session:
        newest = seals.newest(session)
    if newest is not None and seals.note(newest, var_dir / seals.FILE):
        _log.info("audit_sealed", seal_id=newest.id, hash=newest.hash.hex())


@contextmanager
def ticking(engine: Engine, vault: Vault, bell: Bell, var_dir: Path, *, for_demo: bool = False) -> Iterator[None]:
    """Tick in the background while the block runs. `for_demo` lets an invented clinic write to people on real channels."""

    jobs: dict[str, tuple[Callable[[], object], float]] = {
        name: (partial(tick, engine, vault, name, bell), seconds) for name, (_, _, seconds) in TICKS.items()
    }
    # A transaction for each conversation, and safe without a try-lock: several processes share what is due.
    jobs["remind"] = (Reminding(engine, vault, bell, for_demo=for_demo).remind, REMINDING)
    jobs["note_newest_seal"] = (partial(note_newest_seal, engine, var_dir), SEALING)
    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": {"type": "threadpool", "max_workers": 1}},  # one connection is all that ticks may take
        job_defaults={"coalesce": True, "max_instances": 1},
    )
    for name, (job, seconds) in jobs.items():
        scheduler.add_job(
            _quietly, "interval", seconds=seconds, args=[name, job], id=name, next_run_time=datetime.now(UTC) + AT_FIRST
        )
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)


def _quietly(name: str, job: Callable[[], object]) -> None:
    try:
        job()
    except (*UNAVAILABLE, psycopg.Error, OSError) as error:
        _log.warning("tick_failed", reason=name, error=type(error).__name__)
