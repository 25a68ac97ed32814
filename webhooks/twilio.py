"""Twilio's webhooks: whoever signs as Twilio is Twilio; what it brings is kept, raw, and acknowledged with nothing.

https://www.twilio.com/docs/usage/webhooks/messaging-webhooks
"""

from dataclasses import dataclass
from typing import cast

from flask import Blueprint, Flask, abort, current_app, request

from channels.twilio import signature
from channels.twilio.fates import Fates
from channels.twilio.receive import Fields, Mailbox
from channels.twilio.signature import Secrets
from core import logs
from core.config import Settings
from webhooks.limits import Limits, Rate, household, too_many
from webhooks.mail import Mail

FORM = "application/x-www-form-urlencoded"
STRANGERS = Rate(60, 60)  # requests of one household that are not signed as Twilio's

Answer = tuple[str, int]

blueprint = Blueprint("twilio", __name__, url_prefix="/webhooks/twilio")
_log = logs.get(__name__)


@dataclass(frozen=True)
class Hook:
    """What the webhooks know: where messages and their fates go, whose account it is, and by what Twilio signs for which address."""

    mailbox: Mailbox
    fates: Fates
    account: str
    secrets: Secrets
    public_url: str
    limits: Limits

    def __post_init__(self) -> None:
        if not self.secrets.token or not self.public_url:
            raise ValueError("without a token and a public address no signature can be checked")


def mount(app: Flask, settings: Settings, mail: Mail, limits: Limits) -> frozenset[str]:
    """Take messages and their fates; returns the paths to which Twilio is to post, none where there is no account."""
    account = settings.twilio_account_sid
    if mail.twilio is None or mail.fates is None or not account:
        return frozenset()
    secrets = Secrets(settings.twilio_auth_token, settings.twilio_webhook_key)
    app.extensions["twilio"] = Hook(mail.twilio, mail.fates, account, secrets, settings.public_url, limits)
    app.register_blueprint(blueprint)
    return frozenset(f"{blueprint.url_prefix}/{account}/{what}" for what in ("messages", "status"))


@blueprint.post("/<account>/messages")
def take_message(account: str) -> Answer:
    """Keep a message. The answer to it goes by Twilio's API: one here as well would be a second one."""
    fields = _genuine(account)
    if "MessageStatus" in dict(fields):  # what became of one of ours: somebody has configured the wrong address
        _log.warning("webhook_dropped", reason="a status, and no message", channel="twilio")
    else:
        _hook().mailbox.take(fields)
    return "", 204


@blueprint.post("/<account>/status")
def take_fate(account: str) -> Answer:
    """Note what became of a message of ours, whose number stands in the address."""
    fields = _genuine(account)
    by_template = request.args.get("by") == "template"
    _hook().fates.take(request.args.get("outbox", ""), dict(fields), by_template=by_template)
    return "", 204


def _hook() -> Hook:
    return cast(Hook, current_app.extensions["twilio"])


def _genuine(account: str) -> Fields:
    """The fields of a request that Twilio has signed; nothing of anybody else's is read further."""
    hook = _hook()
    fields = [(name, value) for name, value in request.form.items(multi=True)]
    given = request.headers.get(signature.SIGNATURE, ""), request.headers.get(signature.ALGORITHM, "")
    # From the settings, as proxies change what a request says of its own address.
    query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    url = f"{hook.public_url}{request.path}{query}"
    # Of other bodies not all, or nothing, would be among the fields, and so not be signed.
    is_form = request.mimetype == FORM
    if account != hook.account or not is_form or not signature.is_twilios(url, fields, *given, hook.secrets):
        _refuse_stranger(hook)
    return fields


def _refuse_stranger(hook: Hook) -> None:
    home = household(request.remote_addr or "")
    if wait := hook.limits.take([(f"strangers from {home}", STRANGERS)]):
        raise too_many(wait)
    _log.warning("webhook_refused", channel="twilio")
    abort(401)
