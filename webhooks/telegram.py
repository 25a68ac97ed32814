"""Telegram's webhook: who knows the secret is Telegram; what it brings is kept, raw, and acknowledged.

https://core.telegram.org/bots/api#setwebhook
"""

import hmac
from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

from flask import Blueprint, Flask, abort, current_app, request

from channels.telegram.receive import LARGEST, Mailbox
from channels.telegram.updates import TooDeep
from core import logs
from core.config import Settings
from webhooks.limits import Limits, Rate, household, too_many
from webhooks.mail import Mail

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - its name, not the secret
STRANGERS = Rate(60, 60)  # requests of one household that do not know the secret

Answer = tuple[str, int]

blueprint = Blueprint("telegram", __name__, url_prefix="/webhooks/telegram")
_log = logs.get(__name__)


@dataclass(frozen=True)
class Hook:
    """What the webhook knows: where updates go, of which bots, and by what it tells Telegram from everybody else."""

    mailbox: Mailbox
    accounts: Collection[str]
    secret: str
    limits: Limits

    def __post_init__(self) -> None:
        if not self.secret:
            raise ValueError("a webhook without a secret is open to everybody")


def mount(app: Flask, settings: Settings, mail: Mail, limits: Limits) -> frozenset[str]:
    """Take updates of our bots; returns the paths to which Telegram is to post, none where it is not asked to."""
    if mail.telegram is None or not settings.telegram_webhook_secret:
        return frozenset()
    accounts = settings.telegram_bots.keys()
    app.extensions["telegram"] = Hook(mail.telegram, accounts, settings.telegram_webhook_secret, limits)
    app.register_blueprint(blueprint)
    return frozenset(f"{blueprint.url_prefix}/{account}" for account in accounts)


@blueprint.post("/<account>")
def take(account: str) -> Answer:
    """Keep an update, and answer 200 whatever it holds: one that is refused comes again, and holds up its chat for a day."""
    hook = cast(Hook, current_app.extensions["telegram"])
    if not _is_telegram(hook, account):
        _refuse_stranger(hook)
    if (request.content_length or 0) > LARGEST:
        _log.warning("update_dropped", reason="too large", channel="telegram")
        return "", 200
    request.max_content_length = LARGEST
    try:
        hook.mailbox.take(account, request.get_data(cache=False))
    except TooDeep:
        _log.warning("update_dropped", reason="too deep", channel="telegram")
    return "", 200


def _is_telegram(hook: Hook, account: str) -> bool:
    """Compared in constant time, also where there is no such bot."""
    given = request.headers.get(SECRET_HEADER, "")
    knows = hmac.compare_digest(given.encode(), hook.secret.encode())
    return knows and account in hook.accounts


def _refuse_stranger(hook: Hook) -> None:
    """Nothing of theirs is read. Those who guess are turned away more and more often."""
    home = household(request.remote_addr or "")
    if wait := hook.limits.take([(f"strangers from {home}", STRANGERS)]):
        raise too_many(wait)
    _log.warning("webhook_refused", channel="telegram")
    abort(401)
