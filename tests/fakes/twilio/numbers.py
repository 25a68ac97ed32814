"""Numbers as Twilio and WhatsApp write them: pure functions."""

import re

import phonenumbers

PREFIX = "whatsapp:"
TOLL_FREE = re.compile(r"\+1(800|833|844|855|866|877|888)\d{7}")
E164 = re.compile(r"\+[1-9]\d{6,14}")
SHORT_CODE = re.compile(r"\d{3,8}")

# The same handset, written in two ways [I Chatwoot #13808]: as dialled, and as WhatsApp may have it.
TWICE_SPELLED = [
    (re.compile(r"\+549(\d{10})"), r"+54\1"),  # Argentina: 9 after the country
    (re.compile(r"\+521(\d{10})"), r"+52\1"),  # Mexico: 1 after the country
    (re.compile(r"\+55(\d\d)9(\d{8})"), r"+55\1\2"),  # Brazil: the ninth digit
]


def is_whatsapp(address: str) -> bool:
    return address.startswith(PREFIX)


def bare(address: str) -> str:
    return address.removeprefix(PREFIX)


def kind_of(number: str) -> str:
    """What Twilio would call a sender with this number."""
    if SHORT_CODE.fullmatch(number):
        return "short code"
    return "toll-free" if TOLL_FREE.fullmatch(number) else "long code"


def is_possible(number: str) -> bool:
    """Whether a message could be addressed to it, in any of its spellings."""
    return bool(E164.fullmatch(number)) and phonenumbers.is_possible_number(phonenumbers.parse(same_person(number)))


def region(number: str) -> str:
    """Its country, such as US; empty if there is none."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number)) or _of_calling_code(number)
    except phonenumbers.NumberParseException:
        return ""


def _of_calling_code(number: str) -> str:
    """Invented numbers belong to no region, but to a calling code."""
    code = phonenumbers.parse(number).country_code
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code or 0, ("",))
    return str(regions[0])


def same_person(address: str) -> str:
    """One spelling for all spellings of a handset."""
    number = bare(address)
    for spelled, plain in TWICE_SPELLED:
        if spelled.fullmatch(number):
            return spelled.sub(plain, number)
    return number
