"""What Twilio says later of a message that it took: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status"""

from sqlalchemy import Engine

from channels.twilio.codes import Blame, verdict
from core.database import transaction
from core.messaging import fates
from core.messaging.fates import Failure
from core.messaging.waking import Bell

_THEN: dict[Blame, str] = {"number": "lost", "passing": "again", "window": "again", "text": "failed", "ours": "failed"}


class Fates:
    """Where a webhook puts them."""

    def __init__(self, engine: Engine, bell: Bell) -> None:
        self._engine = engine
        self._bell = bell

    def take(self, outbox_id: str, fields: dict[str, str]) -> None:
        """Write down what became of our message `outbox_id`; what is none of ours, or no state that we know, is passed over."""
        fate = fields.get("MessageStatus", "")
        if not (outbox_id.isascii() and outbox_id.isdigit() and len(outbox_id) < 19) or fate not in fates.RANKS:
            return
        failure = _failure(fields.get("ErrorCode", "")) if fate in fates.FAILED else None
        with transaction(self._engine) as session:
            is_news = fates.note(session, int(outbox_id), fields.get("MessageSid", ""), fate, failure)
        if is_news and failure is not None:
            self._bell.ring("outbox")


def _failure(code: str) -> Failure:
    found = verdict(int(code) if code.isascii() and code.isdigit() and len(code) < 9 else None)
    return Failure(found.code, _THEN[found.blame], found.again_in)  # type: ignore[arg-type]
