"""How long the queues are, and for how long their oldest message could have gone: for those who watch."""

from typing import NamedTuple

from core.clock import NOW
from core.database import Session, run, scalar


class Queue(NamedTuple):
    """What waits on one channel, at one account of ours there; `age` is in seconds, 0 where nothing could go yet."""

    channel: str
    account: str
    waiting: int
    age: float


_OUTGOING = """
SELECT a.channel, a.account, count(*), greatest(extract(epoch FROM clock_timestamp() - min(o.due_at)), 0)::float8
FROM outbox o JOIN addresses a ON a.id = o.address_id WHERE o.status = 'due' GROUP BY a.channel, a.account ORDER BY 1, 2
"""
_INCOMING = """
SELECT m.channel, m.account, count(*), greatest(extract(epoch FROM clock_timestamp() - min(m.received_at)), 0)::float8
FROM inbox m WHERE m.status = 'new' GROUP BY m.channel, m.account ORDER BY 1, 2
"""

_REMINDERS = f"SELECT coalesce(greatest(extract(epoch FROM {NOW} - min(due_at)), 0), 0)::float8 FROM reminders WHERE status = 'due'"


def outgoing(session: Session) -> list[Queue]:
    """What is owed and has not gone."""
    return [Queue(*row) for row in run(session, _OUTGOING)]


def incoming(session: Session) -> list[Queue]:
    """What has come and has not been answered."""
    return [Queue(*row) for row in run(session, _INCOMING)]


def reminders_late(session: Session) -> float:
    """For how many seconds, by the clinic's clock, the oldest reminder has been due and neither said nor skipped."""
    return float(scalar(session, _REMINDERS))
