"""How a delivery can fail, in the four ways that matter to what happens next."""

from datetime import timedelta


class DeliveryFailed(Exception):
    """The vendor did not take the message; `code` is ours, never a vendor's words about a person."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Temporary(DeliveryFailed):
    """Try again after `retry_in`. What is `forgiven` was not the message's fault, and may happen any number of times."""

    def __init__(self, code: str, retry_in: timedelta, *, forgiven: bool = False) -> None:
        super().__init__(code)
        self.retry_in = retry_in
        self.forgiven = forgiven


class Permanent(DeliveryFailed):
    """It will not help to try again."""


class Unreachable(Permanent):
    """Nothing reaches this address any more."""


class Unknown(DeliveryFailed):
    """Bytes went out and no answer came back: the person may have the message.

    One that is `checkable` is tried once more, as its vendor can be asked first whether it has the message.
    """

    def __init__(self, code: str, *, checkable: bool = False) -> None:
        super().__init__(code)
        self.checkable = checkable
