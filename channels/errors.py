"""How a delivery can fail, in the three ways that matter to what happens next."""

from datetime import timedelta


class DeliveryFailed(Exception):
    """The vendor did not take the message; `code` is ours, never a vendor's words about a person."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Temporary(DeliveryFailed):
    """Try again after `retry_in`."""

    def __init__(self, code: str, retry_in: timedelta) -> None:
        super().__init__(code)
        self.retry_in = retry_in


class Permanent(DeliveryFailed):
    """It will not help to try again."""


class Unknown(DeliveryFailed):
    """Bytes went out and no answer came back: the person may have the message."""
