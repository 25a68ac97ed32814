"""A reminder of a visit as it will be owed, for tests of what channels make of what nobody has asked for."""

from datetime import timedelta
from secrets import token_urlsafe

from bot.messages import (
    Action,
    CallPerson,
    CancelVisit,
    Choice,
    MoveVisit,
    NoticeKind,
    Payload,
    Reply,
    Say,
    ShowVisit,
    pack,
)
from channels.twilio import templates
from channels.twilio.templates import SAMPLES, TEMPLATES
from core import clock
from core.database import Session, scalar
from core.messaging import conversations, outbox
from core.messaging.inbox import Home
from core.scheduling.directory import Directory
from tests.fakes.twilio import Content, FakeTwilio

DAY = timedelta(days=1)

_VISIT = """
SELECT v.id FROM appointments v JOIN patient_addresses USING (patient_id) WHERE address_id = %(id)s ORDER BY v.id DESC LIMIT 1
"""


def remind(session: Session, home: Home, kind: NoticeKind = "reminder") -> None:
    """A reminder of their newest visit, or another notice of it, is owed to whoever lives there; its digits are good until tomorrow."""
    conversations.owe(session, home, _owed(session, home, scalar(session, _VISIT, id=home.address_id), kind))
    session.exec_driver_sql("NOTIFY outbox")


def _owed(session: Session, home: Home, visit: int, kind: NoticeKind) -> outbox.Message:
    payload = notice(kind, "en", token_urlsafe(9), ShowVisit(visit), MoveVisit(visit), CancelVisit(visit))
    return outbox.Message(
        conversations.NEXT,
        home.key.seal("outbox.payload", home.conversation_id, pack(payload)),
        payload.token,
        home.key.seal("prompts.choices", home.conversation_id, pack(payload.reply.choices)),
        clock.now(session) + DAY,
        priority=outbox.REMINDER,
        useful_for=DAY,
    )


def submitted(twilio: FakeTwilio, kind: NoticeKind, directory: Directory, *, approved: bool = True) -> Content:
    """The clinic has submitted its template of this kind, and Meta has approved it, or not yet."""
    content = templates.content(kind, "en", directory)
    return twilio.content(
        content["types"], name=content["friendly_name"], variables=content["variables"], approved=approved
    )


def notice(kind: NoticeKind, language: str, token: str = "token", *actions: Action) -> Payload:  # noqa: S107  # no password
    """What is said unasked, about an invented visit; its buttons do these things, where the test presses them."""
    template = TEMPLATES[kind]
    doing = actions or (CallPerson(),) * len(template.buttons)
    choices = tuple(Choice(Say(label), action) for label, action in zip(template.buttons, doing, strict=True))
    reply = Reply((Say(template.key, {name: SAMPLES[name] for name in template.variables}),), choices)
    return Payload(reply, language, token, notice=kind)
