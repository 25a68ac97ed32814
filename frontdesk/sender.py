"""Deliver the outbox to the channels that have a vendor. Run as many as needed: one message per address is in flight, in order."""

import time

from channels import CHANNELS
from channels.delivery import deliver_next
from core import logs
from core.config import Settings
from core.database import UNAVAILABLE, at_once, open_engine, transaction
from core.messaging import outbox
from core.messaging.waking import Ear
from core.scheduling import directory
from frontdesk.processes import stopped_by_signal

EXPIRING = 5  # seconds between two looks for senders that died

_log = logs.get(__name__)


def main(settings: Settings) -> None:
    """Deliver until a signal comes. A database that is away is waited for.

    Senders see by themselves that one of them has died: workers, who do so too, may be dying at the same time.
    """
    engine = open_engine(settings.database_url, pool_size=1)
    ear = Ear(settings.database_url, "outbox")
    known = directory.Cached()
    stopping = stopped_by_signal(ear)
    looked_at = 0.0
    while not stopping.is_set():
        heard = ear.rings
        try:
            with transaction(engine) as session:
                clinic = known.current(session)
            if time.monotonic() - looked_at > EXPIRING:
                with at_once(engine) as session:
                    outbox.expire_leases(session)
                looked_at = time.monotonic()
            while not stopping.is_set() and deliver_next(engine, settings.vault, clinic, CHANNELS):
                pass
        except UNAVAILABLE as error:
            _log.warning("database_away", error=type(error).__name__)
            engine.dispose()
            stopping.wait(1)
            continue
        ear.wait(heard)
    ear.close()
    engine.dispose()
