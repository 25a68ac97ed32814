"""Take in what Twilio hands over: all of its fields as they came, once, before anything else happens."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Engine

from channels.twilio import SMS, WHATSAPP
from channels.twilio.numbers import WHATSAPP_PREFIX, canonical
from core import failpoints, logs
from core.crypto import Vault
from core.database import Session, transaction
from core.messaging import inbox
from core.messaging.inbox import Sender
from core.messaging.waking import Bell

Fields = Sequence[tuple[str, str]]

_log = logs.get(__name__)


def store(session: Session, vault: Vault, fields: Fields) -> bool:
    """Keep a message to one of our numbers; false for a repeat, and for what is no message. Committing is the acknowledgement.

    The key is Twilio's id of the message, and is kept for good: the signature has no time in it, so this is what makes replays harmless.
    """
    known = dict(fields)
    sender, sid = sender_of(known), known.get("MessageSid") or known.get("SmsSid", "")
    if not all(name and name.isprintable() for name in (sid, sender.account, sender.address)):  # a call, a test
        _log.warning("webhook_dropped", reason="no message", channel=sender.channel)
        return False
    home = inbox.home(session, vault, sender)
    body = msgspec.json.encode(list(fields))
    return inbox.store(session, home, sender, sid, body)


def sender_of(fields: dict[str, str]) -> Sender:
    """Who wrote to which of our numbers. On WhatsApp the number is the one by which it knows them (WaId)."""
    on_whatsapp = fields.get("From", "").startswith(WHATSAPP_PREFIX)
    wa_id = fields.get("WaId", "")
    number = f"+{wa_id}" if on_whatsapp and wa_id.isdigit() else fields.get("From", "")
    account = fields.get("To", "").removeprefix(WHATSAPP_PREFIX)
    return Sender(WHATSAPP if on_whatsapp else SMS, account, canonical(number))


class Mailbox:
    """Where a webhook puts messages."""

    def __init__(self, engine: Engine, vault: Vault, bell: Bell) -> None:
        self._engine = engine
        self._vault = vault
        self._bell = bell

    def take(self, fields: Fields) -> None:
        """`store`, in a transaction of its own; then the workers are woken."""
        with transaction(self._engine) as session:
            store(session, self._vault, fields)
        failpoints.reach("inbox.after_commit")
        self._bell.ring("inbox")
