"""What Twilio's error codes come to: https://www.twilio.com/docs/api/errors"""

from datetime import timedelta
from typing import Literal, NamedTuple

Blame = Literal["number", "text", "passing", "window", "ours"]
"""Whose fault it is: the number takes nothing; this text does not go; it may go later; WhatsApp's 24 hours are over; ours to mend."""


WINDOW_CLOSED, TEMPLATE_REFUSED = "window_closed", "template_refused"
"""Why a message comes back from WhatsApp to go another way: freely it may not go now, or as an approved text it does not."""


class Verdict(NamedTuple):
    """What a code means: our word for it, whose fault it is, and when to try again where that may help."""

    code: str
    blame: Blame
    again_in: timedelta = timedelta(0)


_SOON, _LATER = timedelta(minutes=2), timedelta(minutes=30)

CODES: dict[int, Verdict] = {
    14107: Verdict("busy", "passing", timedelta(seconds=5)),
    20003: Verdict("token_refused", "ours"),
    20429: Verdict("busy", "passing", timedelta(seconds=5)),
    21211: Verdict("bad_number", "number"),
    21212: Verdict("bad_sender", "ours"),
    21408: Verdict("country_closed", "ours"),
    21602: Verdict("empty", "text"),
    21606: Verdict("bad_sender", "ours"),
    21610: Verdict("opted_out", "number"),
    21611: Verdict("queue_full", "passing", timedelta(minutes=1)),
    21612: Verdict("no_route", "number"),
    21614: Verdict("no_mobile", "number"),
    21617: Verdict("too_long", "text"),
    21635: Verdict("no_mobile", "number"),
    30001: Verdict("came_too_late", "text"),
    30002: Verdict("account_suspended", "ours"),
    30003: Verdict("handset_off", "passing", _LATER),
    30004: Verdict("blocked", "number"),
    30005: Verdict("unknown_number", "number"),
    30006: Verdict("no_mobile", "number"),
    30007: Verdict("filtered", "text"),  # the same text must not go again
    30008: Verdict("unknown_error", "passing", _SOON),
    30034: Verdict("not_registered", "ours"),
    63003: Verdict("no_whatsapp", "number"),
    63014: Verdict("blocked", "number"),
    63016: Verdict(WINDOW_CLOSED, "window"),
    63018: Verdict("busy", "passing", timedelta(seconds=30)),
    63021: Verdict("refused", "text"),
    63024: Verdict("no_whatsapp", "number"),
}


def verdict(code: int | None) -> Verdict:
    """Of a code that is new to us: this text does not go, and staff see why."""
    return CODES.get(code or 0, Verdict(f"twilio_{code}" if code else "refused", "text"))
