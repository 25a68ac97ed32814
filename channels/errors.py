"""How a delivery can fail, in the four ways that matter to what happens next."""

from datetime import timedelta


class DeliveryFailed(Exception):
    """The vendor did not take the message; `code` is ours, never a vendor's words about a person.

    Where `is_ours`, the clinic has something to mend.
    """

    def __init__(self, code: str, *, is_ours: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.is_ours = is_ours


class Temporary(DeliveryFailed):
    """Try again after `retry_in`. What is `forgiven` was not the message's fault, and may happen any number of times."""

    def __init__(self, code: str, retry_in: timedelta, *, forgiven: bool = False, is_ours: bool = False) -> None:
        super().__init__(code, is_ours=is_ours)
        self.retry_in = retry_in
        self.forgiven = forgiven


class Permanent(DeliveryFailed):
    """It will not help to try again."""


class Unreachable(Permanent):
    """Nothing reaches this address any more."""


class Elsewhere(DeliveryFailed):
    """Not this way, now: the same person has the same address on another `channel`, where our `account` writes to them."""

    def __init__(self, code: str, channel: str, account: str, *, is_ours: bool = False) -> None:
        super().__init__(code, is_ours=is_ours)
        self.channel = channel
        self.account = account


class Unknown(DeliveryFailed):
    """Bytes went out and no answer came back: the person may have the message.

    One that is `checkable` is tried again a few times, as its vendor can be asked first whether it has the message.
    """

    def __init__(self, code: str, *, checkable: bool = False) -> None:
        super().__init__(code)
        self.checkable = checkable
