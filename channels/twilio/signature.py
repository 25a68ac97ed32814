"""Whether a request is Twilio's: https://www.twilio.com/docs/usage/security#validating-requests, by Twilio's own validator."""

from collections.abc import Iterable
from typing import NamedTuple

from twilio.request_validator import HMAC_SHA1, HMAC_SHA256, RequestValidator, get_signature_algorithm
from werkzeug.datastructures import MultiDict

SIGNATURE = "X-Twilio-Signature"
ALGORITHM = "X-Twilio-Webhooks-Signature-Settings"


class Secrets(NamedTuple):
    """By what Twilio signs: the account's token; and where there is one, the key that it keeps for webhooks."""

    token: str
    webhook_key: str = ""


def is_twilios(url: str, fields: Iterable[tuple[str, str]], signature: str, settings: str, secrets: Secrets) -> bool:
    """Whether this signature is Twilio's for the exact public address, query included, and all fields as they came.

    `settings` is the header that announces another scheme than the usual one. Empty, doubled and unknown fields count too.
    """
    algorithm = get_signature_algorithm(settings).upper()
    # The library would write an algorithm that it does not know into the log, in the words of whoever sent it.
    secret = {HMAC_SHA1: secrets.token, HMAC_SHA256: secrets.webhook_key}.get(algorithm)
    if not secret or not signature:
        return False
    return bool(RequestValidator(secret).validate(url, MultiDict(fields), signature, algorithm))
