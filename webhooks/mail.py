"""Where vendors' webhooks put what they bring."""

from typing import NamedTuple

from sqlalchemy import Engine

from channels.telegram.receive import Mailbox as TelegramMailbox
from channels.twilio.fates import Fates
from channels.twilio.receive import Mailbox as TwilioMailbox
from core.crypto import Vault
from core.messaging.waking import Bell


class Mail(NamedTuple):
    """What each vendor hands over to; a vendor without one has no webhooks."""

    telegram: TelegramMailbox | None = None
    twilio: TwilioMailbox | None = None
    fates: Fates | None = None


def opened(engine: Engine, vault: Vault, bell: Bell) -> Mail:
    """All of them, on one pool of connections."""
    return Mail(TelegramMailbox(engine, vault, bell), TwilioMailbox(engine, vault, bell), Fates(engine, bell))
