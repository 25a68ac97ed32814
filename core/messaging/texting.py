"""Which telephone numbers take a text message from us: mobile ones, of the countries that texts go to. Pure."""

from collections.abc import Sequence
from typing import Literal

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType

NoText = Literal["bad_number", "no_mobile", "country_closed"]

_TAKE_TEXTS = frozenset(
    {
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,  # of the North American plan nobody can tell
        PhoneNumberType.UNKNOWN,  # a plan may be newer than what we know of it
    }
)


def why_no_text(number: str, countries: Sequence[str]) -> NoText | None:
    """Why a number (E.164) takes no text from us; None where it does. All others cost too much, or take none."""
    try:
        parsed = phonenumbers.parse(number, None)
    except NumberParseException:
        return "bad_number"
    region = phonenumbers.region_code_for_number(parsed)
    if region is None:
        return "bad_number"
    if phonenumbers.number_type(parsed) not in _TAKE_TEXTS:
        return "no_mobile"  # first, as a toll-free number of North America is of no country in particular
    return None if region in countries or _is_also_of(parsed, countries) else "country_closed"


def _is_also_of(number: PhoneNumber, countries: Sequence[str]) -> bool:
    """Some small countries have no range of their own: their numbers are those of a large one too."""
    return any(phonenumbers.is_valid_number_for_region(number, country) for country in countries)


def example_mobile(countries: Sequence[str], home: str) -> str:
    """A number that takes texts, as people at `home` write it: one of theirs, if texts go there."""
    region = home if home in countries else countries[0]
    number = phonenumbers.example_number_for_type(region, PhoneNumberType.MOBILE)  # a typo is no country, and has none
    if number is None:
        return ""
    style = PhoneNumberFormat.NATIONAL if region == home else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, style)
