"""How Twilio signs its webhooks: written from its page on security [D], judged by its own library."""

import base64
import hashlib
import hmac
from urllib.parse import urlsplit, urlunsplit

from tests.fakes.twilio.state import Fields

SIGNATURE, SETTINGS = "X-Twilio-Signature", "X-Twilio-Webhooks-Signature-Settings"
TOKEN_HEADER = "I-Twilio-Idempotency-Token"


def signature(url: str, fields: Fields, secret: str, digest: str = "sha1") -> str:
    """Of the address, and of all names with their values, sorted; what comes twice counts once [S]."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(secret.encode(), signed.encode(), digest).digest()).decode()


def headers(url: str, fields: Fields, token: str, shared_key: tuple[str, str] | None) -> dict[str, str]:
    """With the account's token, or with a shared key, which is announced [S]."""
    if shared_key is None:
        return {SIGNATURE: signature(url, fields, token)}
    key, secret = shared_key
    signed = signature(url, fields, secret, hashlib.sha256().name)
    return {SIGNATURE: signed, SETTINGS: f"key={key},algorithm=HMAC_SHA256"}


def without_port(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.hostname or ""))
