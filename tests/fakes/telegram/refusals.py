"""How Telegram says no.

The words are Telegram's: [S] from the source of its Bot API server (Client.cpp) and of TDLib (MessageEntity.cpp,
ReplyMarkup.cpp), [D] documented, [R] recalled. A code that stands alone, such as BUTTON_DATA_INVALID, comes from the
servers behind the Bot API, and is passed on as it is [S].
"""

from typing import Any

NOT_MODIFIED = (  # [S]
    "message is not modified: specified new message content and reply markup are exactly the same as a current "
    "content and reply markup of the message"
)
QUERY_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"  # [S]
WEBHOOK_ACTIVE = (  # [S]
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
OTHER_POLLER = (
    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"  # [S]
)
WEBHOOK_WAS_SET = "Conflict: terminated by setWebhook request"  # [S]


class Refusal(Exception):
    """An answer that is not ok."""

    def __init__(self, code: int, description: str, retry_after: int | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.retry_after = retry_after

    @property
    def body(self) -> dict[str, Any]:
        """The JSON that says it."""
        said = {"ok": False, "error_code": self.code, "description": self.description}
        return said if self.retry_after is None else {**said, "parameters": {"retry_after": self.retry_after}}


def bad_request(words: str) -> Refusal:
    return Refusal(400, f"Bad Request: {words}")


def forbidden(words: str) -> Refusal:
    return Refusal(403, f"Forbidden: {words}")


def too_many(seconds: int) -> Refusal:
    return Refusal(429, f"Too Many Requests: retry after {seconds}", seconds)
