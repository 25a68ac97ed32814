"""What Prometheus asks for: queues, what went out of what may, what is to be mended. Counted when it asks; nothing of a patient in it."""

import hmac
from collections.abc import Callable, Iterable, Iterator
from typing import cast

from flask import Blueprint, Flask, abort, current_app, request
from sqlalchemy import Engine

from core.config import Settings
from core.database import Session, transaction
from core.messaging import handoffs, queues, quotas, troubles

blueprint = Blueprint("metrics", __name__)

Sample = tuple[dict[str, str], float]
MOST_WAITING = 1000


def mount(app: Flask, settings: Settings, engine: Engine | None) -> None:
    """Answer whoever knows METRICS_TOKEN; where there is none, or no database, there is no such page."""
    if settings.metrics_token and engine is not None:
        app.extensions["metrics"] = (settings.metrics_token, engine)
        app.register_blueprint(blueprint)


@blueprint.get("/metrics")
def metrics() -> tuple[bytes, int, dict[str, str]]:
    """All figures as of now, in the form of https://prometheus.io/docs/instrumenting/exposition_formats/."""
    from prometheus_client import generate_latest  # 3 MB that only this page needs
    from prometheus_client.core import CollectorRegistry, GaugeMetricFamily
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    token, engine = cast(tuple[str, Engine], current_app.extensions["metrics"])
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
        abort(404)

    class Gauges:
        def collect(self) -> Iterator[GaugeMetricFamily]:
            with transaction(engine) as session:
                for name, (meaning, count) in GAUGES.items():
                    samples = list(count(session))
                    family = GaugeMetricFamily(name, meaning, labels=list(samples[0][0]) if samples else [])
                    for labels, value in samples:
                        family.add_metric(list(labels.values()), value)
                    yield family

    registry = CollectorRegistry()
    registry.register(Gauges())
    return generate_latest(registry), 200, {"Content-Type": CONTENT_TYPE_LATEST}


def _lengths(read: Callable[[Session], list[queues.Queue]]) -> Callable[[Session], Iterator[Sample]]:
    return lambda session: (({"channel": q.channel, "account": q.account}, float(q.waiting)) for q in read(session))


def _ages(read: Callable[[Session], list[queues.Queue]]) -> Callable[[Session], Iterator[Sample]]:
    return lambda session: (({"channel": q.channel, "account": q.account}, q.age) for q in read(session))


def _reminders(session: Session) -> Iterator[Sample]:
    yield {}, queues.reminders_late(session)


def _used(session: Session) -> Iterator[Sample]:
    return (({"what": q.what}, float(q.used)) for q in quotas.running(session))


def _may(session: Session) -> Iterator[Sample]:
    return (({"what": q.what}, float(q.most)) for q in quotas.running(session))


def _troubles(session: Session) -> Iterator[Sample]:
    return (({"code": t.code}, float(t.times)) for t in troubles.standing(session))


def _waiting(session: Session) -> Iterator[Sample]:
    yield {}, float(len(handoffs.waiting(session, MOST_WAITING)))


GAUGES: dict[str, tuple[str, Callable[[Session], Iterable[Sample]]]] = {
    "frontdesk_outbox_waiting": ("Messages that are owed and have not gone", _lengths(queues.outgoing)),
    "frontdesk_outbox_oldest_seconds": ("For how long the oldest of them could have gone", _ages(queues.outgoing)),
    "frontdesk_inbox_waiting": ("Messages that have come and have not been answered", _lengths(queues.incoming)),
    "frontdesk_inbox_oldest_seconds": ("For how long the oldest of them has waited", _ages(queues.incoming)),
    "frontdesk_reminders_oldest_seconds": ("For how long the oldest reminder has been due and not said", _reminders),
    "frontdesk_quota_used": ("What went out of what may", _used),
    "frontdesk_quota_most": ("What may", _may),
    "frontdesk_troubles": ("What staff are to mend, and how often it was met", _troubles),
    "frontdesk_conversations_waiting": ("Conversations that need a person", _waiting),
}
