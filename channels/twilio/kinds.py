"""What kind of sender a number is: it decides how fast texts go out, and who listens to STOP."""

from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType


class Kind(NamedTuple):
    """A kind of sender, and how many segments it sends in a second unless Twilio has granted more."""

    name: str
    segments_per_second: int


LONG_CODE = Kind("long code", 1)
TOLL_FREE = Kind("toll-free number", 3)
SHORT_CODE = Kind("short code", 100)


def kind_of(number: str) -> Kind:
    """Of a number of ours, in international form; short codes have none."""
    if not number.startswith("+"):
        return SHORT_CODE
    try:
        parsed = phonenumbers.parse(number, None)
    except NumberParseException:
        return LONG_CODE
    return TOLL_FREE if phonenumbers.number_type(parsed) == PhoneNumberType.TOLL_FREE else LONG_CODE
