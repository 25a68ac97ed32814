"""Claim what is owed, hand it to its channel, settle. Vendors are called outside of any transaction."""

from collections.abc import Mapping

import psycopg
from sqlalchemy import Engine

from bot.messages import unpack_payload
from channels import Channel, sending
from channels.errors import Permanent, Temporary, Unknown
from core import failpoints, logs
from core.crypto import Vault
from core.database import at_once, transaction
from core.messaging import outbox
from core.messaging.outbox import Outcome, Owed
from core.scheduling.directory import Directory

MOST_ATTEMPTS = 8
_log = logs.get(__name__)


def deliver_next(engine: Engine, vault: Vault, directory: Directory, channels: Mapping[str, Channel]) -> bool:
    """Hand over the next message that may go now; False when there is none.

    One at a time, so that its lease covers the vendor's call, and a sender that dies leaves one *unknown* and no more.
    """
    try:
        with transaction(engine) as session:
            claimed = outbox.claim(session, vault, sending(channels))
    except psycopg.errors.UniqueViolation:
        return True  # another sender was faster with an address: look again
    if claimed is None:
        return False
    channel, owed = claimed
    failpoints.reach("send.after_claim")
    outcome = _handed_over(channels[channel], owed, directory)
    failpoints.reach("send.before_settle")
    with at_once(engine) as session:
        outbox.settle(session, owed, outcome)
    failpoints.reach("send.after_settle")
    _log.info("delivered", outbox_id=owed.id, channel=channel, status=outcome.status, code=outcome.error)
    return True


def _handed_over(channel: Channel, owed: Owed, directory: Directory) -> Outcome:
    assert channel.send is not None
    try:
        return channel.send(owed, unpack_payload(owed.payload), directory)
    except Temporary as error:
        if owed.attempts >= MOST_ATTEMPTS:
            return Outcome("failed", error=error.code)
        return Outcome("due", error=error.code, retry_in=error.retry_in)
    except Permanent as error:
        return Outcome("failed", error=error.code)
    except Unknown as error:
        return Outcome("unknown", error=error.code)
    except Exception:
        # A bug in an adapter must not stop the queue; whether bytes went out nobody can tell.
        _log.exception("adapter_failed", outbox_id=owed.id)
        return Outcome("unknown", error="adapter_failed")
