"""Claim what is owed, hand it to its channel, settle. Vendors are called outside of any transaction."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple

import psycopg
from sqlalchemy import Engine

from bot.messages import unpack_payload
from channels import Capped, Speaker
from channels.errors import DeliveryFailed, Elsewhere, Permanent, Temporary, Unknown, Unreachable
from core import clock, failpoints, logs
from core.compliance.audit import Actor
from core.crypto import Vault
from core.database import Session, at_once, transaction
from core.messaging import attachments, handoffs, outbox, quotas, reachability, troubles
from core.messaging.attachments import Wanted
from core.messaging.outbox import Outcome, Owed
from core.messaging.quotas import Draw, UsedUp
from core.people import consent
from core.scheduling.directory import Directory

MOST_ATTEMPTS = 8
FETCH_AGAIN = timedelta(seconds=30)
SENDER = Actor("sender")

_log = logs.get(__name__)


def deliver_next(engine: Engine, vault: Vault, directory: Directory, speakers: Mapping[str, Speaker]) -> bool:
    """Hand over the next message that may go now on one of these channels; False when there is none.

    One at a time, so that its lease covers the vendor's call, and whoever dies at it leaves one *unknown* and no more.
    """
    rates = {name: speaker.account_rate for name, speaker in speakers.items()}
    try:
        with at_once(engine) as session:
            claimed = outbox.claim(session, vault, rates)
    except psycopg.errors.UniqueViolation:
        return True  # another sender was faster with an address: look again
    if claimed is None:
        return False
    channel, owed = claimed
    failpoints.reach("send.after_claim")
    speaker = speakers[channel]
    outcome, error, drawn = _handed_over(engine, speaker, owed, directory)
    failpoints.reach("send.before_settle")
    with (at_once if outcome.status == "sent" else transaction)(engine) as session:
        outbox.settle(session, owed, outcome, speaker.address_rate(owed.address), speaker.account_rate)
        if error is not None:
            _follow_up(session, vault, owed, error, drawn)
    failpoints.reach("send.after_settle")
    _log.info("delivered", outbox_id=owed.id, channel=channel, status=outcome.status, code=outcome.error)
    return True


def _follow_up(session: Session, vault: Vault, owed: Owed, error: DeliveryFailed, drawn: Sequence[Draw]) -> None:
    """What could not go this way goes another one, or staff are told. Whoever wants no messages gets none, by no way."""
    if drawn and not isinstance(error, Unknown):
        quotas.give_back(session, drawn)
    if error.is_ours:
        troubles.meet(session, error.code, clock.now(session))
    match error:
        case Elsewhere(code=code, channel=channel, account=account):
            reachability.move(session, vault, owed, (channel, account), code)
        case Unreachable(code=reachability.OPTED_OUT as code):
            consent.record(session, owed.address_id, None, "messages", given=False, wording=code, inbox_id=None)
            reachability.opt_out(session, owed.address_id, SENDER)
            handoffs.hand_over(session, owed.conversation_id, code, clock.now(session))
        case Unreachable(code=code):
            reachability.lost(session, owed.address_id, code, SENDER, clock.now(session))


class _HandedOver(NamedTuple):
    """How it ended, what went wrong, and what was drawn for it of what may go out."""

    outcome: Outcome
    error: DeliveryFailed | None = None
    drawn: Sequence[Draw] = ()


def _handed_over(engine: Engine, speaker: Speaker, owed: Owed, directory: Directory) -> _HandedOver:
    if owed.opted_out:
        return _HandedOver(Outcome("failed", error=reachability.OPTED_OUT))
    drawn: list[Draw] = []
    try:
        payload = unpack_payload(owed.payload)
        drawn += _drawn(engine, speaker.draws(owed, payload, directory))
        return _HandedOver(speaker.send(owed, payload, directory), drawn=drawn)
    except DeliveryFailed as error:
        return _HandedOver(_came_to(error, owed.attempts), error, drawn)
    except Exception:
        # A bug in an adapter must not stop the queue; whether bytes went out nobody can tell.
        _log.exception("adapter_failed", outbox_id=owed.id)
        return _HandedOver(Outcome("unknown", error="adapter_failed"))


def _drawn(engine: Engine, capped: Sequence[Capped]) -> list[Draw]:
    """Take what a message takes of what may go out, before it goes. Raises what becomes of it where there is not enough."""
    draws = [each.draw for each in capped]
    if not draws:
        return []
    try:
        with transaction(engine) as session:
            quotas.draw(session, draws)
    except UsedUp as used_up:
        raise next(each.otherwise for each in capped if each.draw.what == used_up.what) from used_up
    return draws


def _came_to(error: DeliveryFailed, attempts: int) -> Outcome:
    """What a failure makes of a message."""
    match error:
        case Temporary(forgiven=False) if attempts >= MOST_ATTEMPTS:
            return Outcome("failed", error=error.code)
        case Temporary():
            return Outcome("due", error=error.code, retry_in=error.retry_in, forgiven=error.forgiven)
        case (
            Unreachable() | Elsewhere()
        ):  # back to the queue, with which it goes to the person's next channel or to staff
            return Outcome("due", error=error.code)
        case Unknown():
            return Outcome("unknown", error=error.code, checkable=error.checkable)
    return Outcome("failed", error=error.code)


def fetch_next(engine: Engine, vault: Vault, speakers: Mapping[str, Speaker]) -> bool:
    """Fetch the next file that somebody sent; False when there is none. To fetch one twice does no harm."""
    with at_once(engine) as session:
        wanted = attachments.claim(session, vault, speakers)
    if wanted is None:
        return False
    try:
        content = speakers[wanted.channel].fetch(wanted.account, wanted.reference, attachments.LARGEST)
    except Permanent as error:
        with at_once(engine) as session:
            attachments.fail(session, wanted, error.code)
    except Exception as error:
        _log.warning("file_not_fetched", code=getattr(error, "code", type(error).__name__), attempts=wanted.attempts)
        with at_once(engine) as session:
            attachments.try_later(session, wanted, "not_fetched", FETCH_AGAIN)
    else:
        _keep(engine, wanted, content)
    return True


def _keep(engine: Engine, wanted: Wanted, content: bytes) -> None:
    with at_once(engine) as session:
        attachments.keep(session, wanted, content)
