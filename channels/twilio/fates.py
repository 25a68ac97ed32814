"""What Twilio says later of a message that it took: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status"""

from sqlalchemy import Engine

from channels.twilio.codes import TEMPLATE_REFUSED, Blame, verdict
from core import logs
from core.database import transaction
from core.messaging import fates
from core.messaging.fates import Failure, Then
from core.messaging.waking import Bell

_THEN: dict[Blame, Then] = {
    "number": "lost",
    "passing": "again",
    "window": "elsewhere",
    "text": "failed",
    "ours": "failed",
}

_log = logs.get(__name__)


class Fates:
    """Where a webhook puts them."""

    def __init__(self, engine: Engine, bell: Bell) -> None:
        self._engine = engine
        self._bell = bell

    def take(self, outbox_id: str, fields: dict[str, str], *, by_template: bool = False) -> None:
        """Write down what became of our message `outbox_id`; what is none of ours, or no state that we know, is passed over."""
        fate, sid = fields.get("MessageStatus", ""), fields.get("MessageSid", "")
        is_ours = outbox_id.isascii() and outbox_id.isdigit() and len(outbox_id) < 19
        if not is_ours or fate not in fates.RANKS or not sid.isprintable():
            return
        failure = _failure(fields.get("ErrorCode", ""), by_template) if fate in fates.FAILED else None
        with transaction(self._engine) as session:
            is_news = fates.note(session, int(outbox_id), sid, fate, failure)
        if is_news and failure is not None:
            self._bell.ring("outbox")


def _failure(code: str, by_template: bool) -> Failure:
    found = verdict(int(code) if code.isascii() and code.isdigit() and len(code) < 9 else None)
    if by_template and found.blame in ("text", "window", "ours"):
        return Failure(TEMPLATE_REFUSED, "elsewhere")
    is_ours = found.blame == "ours"
    if is_ours:
        _log.error("twilio_refuses", code=found.code)
    return Failure(found.code, _THEN[found.blame], found.again_in, is_ours)
