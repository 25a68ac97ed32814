"""What time does by itself. The scheduler holds no facts: each tick asks the database what is due, and any number of tickers is safe."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from core import clock, logs
from core.compliance import retention
from core.database import UNAVAILABLE, scalar, transaction
from core.messaging import outbox
from core.messaging.waking import Bell
from core.scheduling import booking

_log = logs.get(__name__)

_TRY = "SELECT pg_try_advisory_xact_lock(%(key)s)"


def sweep_holds(session: Session) -> int:
    """Let go of holds that have run out."""
    return booking.sweep_expired_holds(session, clock.now(session))


def expire_sends(session: Session) -> int:
    """Call a hand-over *unknown* whose sender died."""
    return outbox.expire_leases(session)


TICKS: dict[str, tuple[int, Callable[[Session], int], float]] = {
    # name: (number of its try-lock, what to do, seconds between)
    "sweep_holds": (1, sweep_holds, 5),
    "expire_sends": (2, expire_sends, 10),
    "forget_words": (3, retention.forget_words, 60),
}


def tick(engine: Engine, name: str, bell: Bell | None = None) -> int:
    """Do what is due, unless another process is at it; returns how much that was."""
    key, work, _ = TICKS[name]
    with transaction(engine) as session:
        if not scalar(session, _TRY, key=key):
            return 0
        done = work(session)
    if done:
        _log.info(name, count=done)
        if bell is not None:
            bell.ring("inbox")
    return done


@contextmanager
def ticking(engine: Engine, bell: Bell) -> Iterator[None]:
    """Tick in the background while the block runs."""

    def quietly(name: str) -> None:
        try:
            tick(engine, name, bell)
        except (*UNAVAILABLE, psycopg.Error) as error:
            _log.warning("tick_failed", reason=name, error=type(error).__name__)

    scheduler = BackgroundScheduler(
        timezone="UTC",
        executors={"default": {"type": "threadpool", "max_workers": 1}},  # one connection is all that ticks may take
        job_defaults={"coalesce": True, "max_instances": 1},
    )
    for name, (_, _, seconds) in TICKS.items():
        scheduler.add_job(quietly, "interval", seconds=seconds, args=[name], id=name)
    scheduler.start()
    try:
        yield
    finally:
        scheduler.shutdown(wait=False)
