"""Files that people send: noted by the turn that saw them, fetched from their vendor by a sender, kept sealed for staff to look at."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)

from core.crypto import DataKey, Unreadable, Vault
from core.database import Session, metadata, run

LARGEST = 10 * 1024 * 1024  # bytes; Telegram hands a bot files of up to 20 MB
TYPES = frozenset(
    {
        *("image/jpeg", "image/png", "image/heic", "image/heif", "image/webp", "image/gif"),
        *("audio/ogg", "audio/mpeg", "audio/mp4", "audio/aac", "audio/amr", "audio/wav"),
        "application/pdf",
    }
)
"""What people show a clinic, and what no computer runs."""

LEASE = timedelta(minutes=2)  # longer than fetching a file of that size may take
MOST_ATTEMPTS = 5

attachments = Table(
    "attachments",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("conversation_id", BigInteger, ForeignKey("conversations.id"), nullable=False),
    Column("inbox_id", BigInteger, ForeignKey("inbox.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("reference", LargeBinary),  # what the vendor gives it out for, sealed; until it is here
    Column("content", LargeBinary),  # sealed
    Column("size", Integer),  # bytes, once it is here
    Column("status", Text, nullable=False, server_default="wanted"),
    Column("error", Text),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column(
        "due_at", DateTime(timezone=True), nullable=False, server_default=func.now()
    ),  # pushed on while it is fetched
    Column("noted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    CheckConstraint("status IN ('wanted', 'kept', 'failed', 'forgotten')", name="status"),
    CheckConstraint("(status = 'kept') = (content IS NOT NULL)", name="kept"),
    Index("attachments_inbox_id_idx", "inbox_id"),
    Index("attachments_noted_at_idx", "noted_at", postgresql_where=text("status <> 'forgotten'")),
    Index("attachments_wanted_idx", "id", postgresql_where=text("status = 'wanted'")),
)


@dataclass(frozen=True)
class Wanted:
    """A file to fetch."""

    id: int
    conversation_id: int
    channel: str
    account: str
    reference: str
    attempts: int
    key: DataKey


class Attachment(NamedTuple):
    """A file as staff see it listed."""

    id: int
    inbox_id: int
    kind: str
    media_type: str
    size: int | None
    status: str


_WANT = """
INSERT INTO attachments (conversation_id, inbox_id, channel, account, kind, media_type, reference)
VALUES (%(conversation_id)s, %(inbox_id)s, %(channel)s, %(account)s, %(kind)s, %(media_type)s, %(reference)s)
"""

_CLAIM = """
UPDATE attachments SET attempts = attempts + 1, due_at = clock_timestamp() + %(lease)s WHERE id = ANY (ARRAY(
  SELECT id FROM attachments WHERE status = 'wanted' AND due_at <= clock_timestamp() AND channel = ANY (%(channels)s)
  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED))
RETURNING id, conversation_id, channel, account, reference, attempts
"""

_KEY = """
SELECT k.id, k.wrapped FROM conversations c JOIN data_keys k ON k.id = c.data_key_id WHERE c.id = %(conversation_id)s
"""

_KEEP = """
UPDATE attachments SET status = 'kept', content = %(content)s, size = %(size)s, reference = NULL, error = NULL
WHERE id = %(id)s AND status = 'wanted' AND attempts = %(attempts)s
"""

_FAIL = """
UPDATE attachments SET status = 'failed', error = %(error)s, reference = NULL
WHERE id = %(id)s AND status = 'wanted' AND attempts = %(attempts)s
"""

_LATER = """
UPDATE attachments SET error = %(error)s, due_at = clock_timestamp() + %(pause)s
WHERE id = %(id)s AND status = 'wanted' AND attempts = %(attempts)s
"""

_OF = """
SELECT id, inbox_id, kind, media_type, size, status FROM attachments WHERE inbox_id = ANY (%(inbox_ids)s) ORDER BY id
"""

_CONTENT = """
SELECT a.media_type, a.content, a.conversation_id, k.id AS key_id, k.wrapped
FROM attachments a JOIN conversations c ON c.id = a.conversation_id JOIN data_keys k ON k.id = c.data_key_id
WHERE a.id = %(id)s AND a.conversation_id = %(conversation_id)s AND a.status = 'kept'
"""


def want(
    session: Session,
    conversation_id: int,
    inbox_id: int,
    at: tuple[str, str],
    kind: str,
    media_type: str,
    reference: bytes,
) -> None:
    """Note a file that came with a message on the channel and account `at`; `reference` is sealed."""
    channel, account = at
    values = {"channel": channel, "account": account, "kind": kind, "media_type": media_type, "reference": reference}
    run(session, _WANT, conversation_id=conversation_id, inbox_id=inbox_id, **values)


def claim(session: Session, vault: Vault, channels: Collection[str]) -> Wanted | None:
    """Take the next file to fetch from one of these channels. Commit, fetch it, then `keep`, `fail` or `try_later`.

    These have no effect when another fetcher has taken it meanwhile.
    """
    while (row := run(session, _CLAIM, lease=LEASE, channels=list(channels)).fetchone()) is not None:
        home = run(session, _KEY, conversation_id=row.conversation_id).fetchone()
        assert home is not None
        try:
            key = vault.unwrap(home.id, home.wrapped)
            reference = key.open_text("attachments.reference", row.conversation_id, row.reference)
        except Unreadable:  # alone: others must not wait for it
            run(session, _FAIL, id=row.id, attempts=row.attempts, error="unreadable")
        else:
            return Wanted(row.id, row.conversation_id, row.channel, row.account, reference, row.attempts, key)
    return None


def keep(session: Session, wanted: Wanted, content: bytes) -> None:
    """It is here: sealed, for staff to look at."""
    sealed = wanted.key.seal("attachments.content", wanted.conversation_id, content)
    run(session, _KEEP, id=wanted.id, attempts=wanted.attempts, content=sealed, size=len(content))


def fail(session: Session, wanted: Wanted, error: str) -> None:
    """It cannot be had; `error` is a code."""
    run(session, _FAIL, id=wanted.id, attempts=wanted.attempts, error=error)


def try_later(session: Session, wanted: Wanted, error: str, pause: timedelta) -> None:
    """Not now; after too many times, never."""
    if wanted.attempts >= MOST_ATTEMPTS:
        fail(session, wanted, error)
    else:
        run(session, _LATER, id=wanted.id, attempts=wanted.attempts, error=error, pause=pause)


def of_messages(session: Session, inbox_ids: Collection[int]) -> list[Attachment]:
    """The files that came with these messages."""
    return [Attachment(*row) for row in run(session, _OF, inbox_ids=list(inbox_ids))]


def content(session: Session, vault: Vault, conversation_id: int, id: int) -> tuple[str, bytes] | None:
    """Media type and content of a file of this conversation; None where it is not here. Reading it is for the caller to audit."""
    row = run(session, _CONTENT, id=id, conversation_id=conversation_id).fetchone()
    if row is None:
        return None
    key = vault.unwrap(row.key_id, row.wrapped)
    return row.media_type, key.open("attachments.content", row.conversation_id, row.content)
