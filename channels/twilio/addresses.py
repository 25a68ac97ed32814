"""Where Twilio brings what people write, and what becomes of what we send."""

from core.config import Settings

TRIES = 4
_RULES = f"#rc={TRIES - 1}&rp=ct,rt,5xx&rt=4000"
"""Twilio tries again by itself where we cannot be reached, do not answer in 4 s or answer 5xx; all of it takes 15 s at most.

Without these rules it tries again only where it cannot connect: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
They are for Twilio alone: neither sent nor signed.
"""


def messages(settings: Settings) -> str:
    """What people write comes here; as a fallback it comes here once more, so that a restart of ours loses nothing."""
    return f"{_account(settings)}/messages{_RULES}"


def receipts(settings: Settings) -> str:
    """What becomes of what we send comes here."""
    return f"{_account(settings)}/status{_RULES}"


def fate_of(settings: Settings, outbox_id: int, *, by_template: bool = False) -> str:
    """What becomes of this message comes here. What was said by a template says so, as what fails then goes another way."""
    said_by = "&by=template" if by_template else ""
    return f"{_account(settings)}/status?outbox={outbox_id}{said_by}{_RULES}"


def without_rules(address: str) -> str:
    """The address itself, as a person would read it."""
    return address.partition("#")[0]


def _account(settings: Settings) -> str:
    return f"{settings.public_url}/webhooks/twilio/{settings.twilio_account_sid}"
