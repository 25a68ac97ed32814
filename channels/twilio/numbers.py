"""Telephone numbers as one person has one: WhatsApp spells some of them otherwise than the phone companies."""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat

WHATSAPP_PREFIX = "whatsapp:"

# Mobile numbers that are written with a digit in between by some and without it by others; here always with what the phone company uses.
# Argentina 9 (mobiles from abroad), Mexico 1 (given up in 2019), Brazil the ninth digit: https://github.com/chatwoot/chatwoot/issues/13808
_SPELLINGS = (
    (re.compile(r"\+54(?!9)(\d{10})"), r"+549\1"),
    (re.compile(r"\+521(\d{10})"), r"+52\1"),
    (re.compile(r"\+55(\d{2})([6-9]\d{7})"), r"+55\g<1>9\2"),
)


def canonical(address: str) -> str:
    """A number as E.164, in the one spelling under which we know its owner; of what is no number, what it is."""
    number = address.removeprefix(WHATSAPP_PREFIX).strip()
    try:
        parsed = phonenumbers.parse(number, None)
    except NumberParseException:
        return number
    written = phonenumbers.format_number(parsed, PhoneNumberFormat.E164)
    for spelling, ours in _SPELLINGS:
        if spelling.fullmatch(written):
            return spelling.sub(ours, written)
    return written
