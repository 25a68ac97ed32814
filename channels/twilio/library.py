"""The contents that our account has at Twilio: shapes that are made there when first needed, and templates that Meta has approved."""

import threading
import time
from datetime import timedelta
from typing import Any, NamedTuple

from twilio.rest import Client
from twilio.rest.content.v1.content import ContentList

from bot.messages import NoticeKind
from channels.twilio import templates
from channels.twilio.calls import ask
from channels.twilio.contents import Shape

LANGUAGE = "en"  # of contents that are nothing but variables
FRESH_FOR = timedelta(minutes=10)  # Meta approves, pauses and withdraws templates by itself
MOST = 1000


class _Kept(NamedTuple):
    sid: str
    approved: bool


class Library:
    """What Twilio calls them. Raises DeliveryFailed; threads share it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._kept: dict[str, _Kept] = {}
        self._read_at: float | None = None
        self._lock = threading.Lock()

    def of_shape(self, shape: Shape) -> str:
        """What Twilio calls this shape; it is made there once."""
        with self._lock:
            if self._read_at is None:
                self._read()
            if shape.name not in self._kept:
                made: Any = ask(lambda: self._client.content.v1.contents.create(_request(shape)))
                self._kept[shape.name] = _Kept(made.sid, approved=False)
            return self._kept[shape.name].sid

    def of_template(self, kind: NoticeKind, language: str) -> str | None:
        """What Twilio calls the template of this kind in this language; None where none is approved now."""
        with self._lock:
            if self._read_at is None or time.monotonic() - self._read_at > FRESH_FOR.total_seconds():
                self._read()
            kept = self._kept.get(templates.friendly_name(kind, language))
            return kept.sid if kept is not None and kept.approved else None

    def _read(self) -> None:
        listed = ask(lambda: self._client.content.v1.content_and_approvals.list(limit=MOST))
        kept = [(each.friendly_name, _Kept(each.sid, approval(each) == "approved")) for each in listed]
        self._kept = dict(sorted(kept, key=lambda named: named[1].approved))  # of one name, an approved one
        self._read_at = time.monotonic()


def approval(content: Any) -> str:
    """What Meta says of a content that was listed with its approval."""
    return str((content.approval_requests or {}).get("status") or "unsubmitted")


def _request(shape: Shape) -> Any:
    given = {"friendly_name": shape.name, "language": LANGUAGE, "variables": shape.variables}
    return ContentList.ContentCreateRequest({**given, "types": ContentList.Types(shape.types)})
