"""What Telegram's refusals come to. Its words are matched here, and nowhere are they kept: they may quote a message."""

from datetime import timedelta

import httpx
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, NetworkError, RetryAfter, TelegramError

from channels.errors import DeliveryFailed, Permanent, Temporary, Unknown, Unreachable

_FORBIDDEN = {
    "blocked by the user": "blocked",
    "user is deactivated": "deactivated",
    "can't initiate conversation": "not_started",
    "kicked": "kicked",
    "not a member": "kicked",
}

_BAD_REQUEST = {
    "chat not found": "chat_not_found",
    "message is too long": "too_long",
    "can't parse entities": "bad_entity",
    "message is not modified": "not_modified",
    "query is too old": "too_old",
    "message to edit not found": "message_gone",
    "message can't be edited": "message_gone",
    "button_data_invalid": "bad_button",
}

_GONE = frozenset({"chat_not_found"})
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
SOON, LATER = timedelta(seconds=5), timedelta(minutes=1)


def meaning(error: TelegramError) -> DeliveryFailed:
    """What to do about a call that did not go well.

    Only where nothing went out for certain it is tried again: Telegram knows no key by which a repeat would be harmless.
    """
    match error:
        case RetryAfter():
            return Temporary("busy", _length(error.retry_after), forgiven=True)
        case Forbidden():
            return Unreachable(_code(error, _FORBIDDEN, "forbidden"))
        case ChatMigrated():
            return Unreachable("migrated")
        case InvalidToken():  # ours to mend; nothing of what waits is lost meanwhile
            return Temporary("token_refused", LATER, forgiven=True)
        case BadRequest():
            code = _code(error, _BAD_REQUEST, "refused")
            return Unreachable(code) if code in _GONE else Permanent(code)
        case NetworkError() if isinstance(error.__cause__, _NOT_SENT):
            return Temporary("not_reached", SOON, forgiven=True)
    return Unknown("no_answer")


def is_as_wished(error: TelegramError) -> bool:
    """Whether it is as it should be all the same: a message that was edited to what it is, as after a double tap."""
    return meaning(error).code == "not_modified"


def is_beyond_edits(error: TelegramError) -> bool:
    """Whether a message is gone, or too old to be edited."""
    return meaning(error).code == "message_gone"


def _code(error: TelegramError, words: dict[str, str], otherwise: str) -> str:
    said = error.message.lower()
    return next((code for part, code in words.items() if part in said), otherwise)


def _length(given: int | timedelta) -> timedelta:
    """As the library gives it: a length of time, or in an environment that says otherwise seconds."""
    return given if isinstance(given, timedelta) else timedelta(seconds=given)
