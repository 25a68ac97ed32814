"""Take in what Telegram hands over: raw, once, before anything else happens. Webhook and poller both come through here."""

import hashlib

from sqlalchemy import Engine

from channels.telegram import CHANNEL
from channels.telegram.decode import Envelope, envelope
from channels.telegram.updates import Unreadable
from core import failpoints, logs
from core.crypto import Vault
from core.database import Session, transaction
from core.messaging import inbox
from core.messaging.inbox import Sender
from core.messaging.waking import Bell

LARGEST = 256 * 1024  # bytes; Telegram's own are far smaller

_log = logs.get(__name__)


def store(session: Session, vault: Vault, account: str, body: bytes) -> bool:
    """Keep an update of one of our bots; false for a repeat. Committing is the acknowledgement.

    What cannot be read is kept too, for nobody's conversation. Raises TooDeep for what only an attacker nests like that.
    """
    try:
        about = envelope(body)
        external_id = str(about.number)
    except Unreadable:
        about, external_id = Envelope(0), hashlib.sha256(body).hexdigest()
    sender = Sender(CHANNEL, account, about.chat)
    home = inbox.home(session, vault, sender)
    is_new = inbox.store(session, home, sender, external_id, body, about.sent_at)
    if is_new and not about.chat:  # of a kind that we did not ask for, or Telegram writes otherwise than we read
        _log.warning("update_for_nobody", channel=CHANNEL)
    return is_new


class Mailbox:
    """Where a webhook puts updates."""

    def __init__(self, engine: Engine, vault: Vault, bell: Bell) -> None:
        self._engine = engine
        self._vault = vault
        self._bell = bell

    def take(self, account: str, body: bytes) -> None:
        """`store`, in a transaction of its own; then the workers are woken."""
        with transaction(self._engine) as session:
            store(session, self._vault, account, body)
        failpoints.reach("inbox.after_commit")
        self._bell.ring("inbox")
