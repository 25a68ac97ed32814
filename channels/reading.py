"""Channels whose reader fetches for itself: store what it writes, show it both sides, settle what it has shown."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from bot.messages import Inbound, Payload, Receipt, Tap, Words, unpack_payload
from core.crypto import Vault
from core.database import Session
from core.messaging import inbox, readers
from core.messaging.inbox import Home, Sender


class Written(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stored message of a reader: words, or the button that was tapped with the label it had."""

    text: str | None = None
    choice: str | None = None
    label: str | None = None


@dataclass(frozen=True)
class Line:
    """One thing that was said. `seq` is None while a message waits for its answer."""

    seq: int | None
    speaker: Literal["patient", "clinic"]
    id: str
    at: datetime
    directory_version: int  # with which it is worded
    written: Written | None = None
    payload: Payload | None = None


_WRITTEN = msgspec.json.Decoder(Written)


def decode(body: bytes) -> Inbound:
    """What a reader wrote, free of its channel."""
    written = _WRITTEN.decode(body)
    if written.choice is None:
        return Words(written.text or "")
    return tap(written.choice)


def tap(choice: str, receipt: Receipt | None = None) -> Tap:
    """What a button carries, `token.number`; what is none of ours is a tap on nothing."""
    token, _, number = choice.rpartition(".")
    is_number = number.isascii() and number.isdigit() and len(number) < 4
    # A NUL is no text to PostgreSQL.
    return Tap(token, int(number), receipt) if is_number and token.isprintable() else Tap("", 0, receipt)


def store(session: Session, vault: Vault, sender: Sender, message_id: str, written: Written, seen: int) -> Home:
    """Keep a message, once; everything up to number `seen` has been shown before it was written."""
    home = inbox.home(session, vault, sender)
    keep(session, home, sender, message_id, written, seen)
    return home


def keep(session: Session, home: Home, sender: Sender, message_id: str, written: Written, seen: int) -> bool:
    """`store` for whoever has looked up the home before; false for a repeat."""
    body = msgspec.json.encode(written)
    return readers.store(session, home, sender, f"{home.address_id}:{message_id}", body, seen)


def said(session: Session, home: Home, after: int) -> list[Line]:
    """What both sides said after number `after`."""
    return [_line(home, row) for row in readers.said(session, home.conversation_id, home.address_id, after)]


def _line(home: Home, row: readers.Said) -> Line:
    if row.speaker == "patient":
        body = home.key.open("inbox.body", home.conversation_id, row.body)
        return Line(
            row.seq,
            "patient",
            row.external_id.partition(":")[2],
            row.at,
            row.directory_version,
            written=_WRITTEN.decode(body),
        )
    payload = unpack_payload(home.key.open("outbox.payload", home.conversation_id, row.body))
    return Line(row.seq, "clinic", str(row.id), row.at, row.directory_version, payload=payload)
