"""What came in: stored once, before anything else happens, and answered in the order in which it was stored.

The key (channel, account, external id) is kept for good, so a repeat is harmless a month later too. The body is kept for 30 days.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)

from core import failpoints
from core.crypto import DataKey, Vault
from core.database import Session, metadata, run, scalar

CLOCK = "clock"  # the channel on which time itself tells a dialog that something has run out
STAFF = "staff"  # the channel on which staff take part in a dialog; its account is who does

inbox = Table(
    "inbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("channel", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("conversation_id", BigInteger, ForeignKey("conversations.id"), nullable=False),
    Column("address_id", BigInteger, ForeignKey("addresses.id")),  # absent where nobody wrote: the clock, staff
    Column("body", LargeBinary),
    Column("sent_at", DateTime(timezone=True)),
    Column("received_at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("status", Text, nullable=False, server_default="new"),
    Column("seq", BigInteger),  # its place in the conversation, once answered
    UniqueConstraint("channel", "account", "external_id"),
    CheckConstraint("status IN ('new', 'answered', 'aside')", name="status"),
    Index("inbox_new_idx", "id", postgresql_where=text("status = 'new'")),
    Index("inbox_new_conversation_idx", "conversation_id", "id", postgresql_where=text("status = 'new'")),
    Index("inbox_conversation_id_seq_idx", "conversation_id", "seq"),
    Index("inbox_kept_idx", "received_at", postgresql_where=text("body IS NOT NULL")),
)


@dataclass(frozen=True)
class Sender:
    """Who writes: an address on one of our accounts."""

    channel: str
    account: str
    address: str

    @property
    def kind(self) -> str:
        """What the keyed hash of the address is bound to."""
        return f"{self.channel}/{self.account}"


@dataclass(frozen=True)
class Home:
    """Where an address lives: its row, its conversation, and the conversation's key."""

    address_id: int
    conversation_id: int
    key: DataKey


@dataclass(frozen=True)
class Address:
    """Where a person can be answered."""

    id: int
    channel: str
    account: str


@dataclass(frozen=True)
class Message:
    """A stored message; its body is still sealed, so that one which cannot be opened can be put aside."""

    id: int
    channel: str
    account: str
    external_id: str
    address_id: int | None
    sealed_body: bytes | None
    received_at: datetime  # the database's clock

    @property
    def address(self) -> Address | None:
        """Who wrote; nobody where it was the clock or staff."""
        return None if self.address_id is None else Address(self.address_id, self.channel, self.account)


_HOME = """
SELECT a.id AS address_id, a.conversation_id, k.id AS key_id, k.wrapped
FROM addresses a JOIN conversations c ON c.id = a.conversation_id JOIN data_keys k ON k.id = c.data_key_id
WHERE a.channel = %(channel)s AND a.account = %(account)s AND a.key = ANY (%(keys)s)
"""

_SETTLE_IN = """
WITH k AS (INSERT INTO data_keys (id, wrapped) VALUES (%(key_id)s, %(wrapped)s) RETURNING id),
     c AS (INSERT INTO conversations (id, data_key_id) OVERRIDING SYSTEM VALUE SELECT %(conversation_id)s, k.id FROM k RETURNING id)
INSERT INTO addresses (channel, account, key, value, conversation_id)
SELECT %(channel)s, %(account)s, %(key)s, %(value)s, c.id FROM c RETURNING id
"""

_KEY_OF = "SELECT k.id, k.wrapped FROM conversations c JOIN data_keys k ON k.id = c.data_key_id WHERE c.id = %(id)s"

_BESIDE = """
INSERT INTO addresses (channel, account, key, value, conversation_id)
VALUES (%(channel)s, %(account)s, %(key)s, %(value)s, %(conversation_id)s) RETURNING id
"""

STORE = """
INSERT INTO inbox (channel, account, external_id, conversation_id, address_id, body, sent_at)
VALUES (%(channel)s, %(account)s, %(external_id)s, %(conversation_id)s, %(address_id)s, %(body)s, %(sent_at)s)
ON CONFLICT (channel, account, external_id) DO NOTHING RETURNING id
"""

_ADDRESS = """
SELECT a.id, a.channel, a.account FROM addresses a WHERE a.conversation_id = %(conversation_id)s
ORDER BY a.unreachable IS NOT NULL, (SELECT max(m.id) FROM inbox m WHERE m.conversation_id = a.conversation_id AND m.address_id = a.id) DESC NULLS LAST,
  a.id DESC LIMIT 1
"""

_FROM_STAFF = f"""
INSERT INTO inbox (channel, account, external_id, conversation_id, body)
VALUES ('{STAFF}', %(account)s, %(external_id)s, %(conversation_id)s, %(body)s)
RETURNING id
"""

_UNANSWERED = "SELECT conversation_id FROM inbox WHERE conversation_id = ANY (%(ids)s) AND status = 'new'"

_FROM_CLOCK = """
INSERT INTO inbox (channel, account, external_id, conversation_id) VALUES ('clock', '', %(what)s, %(conversation_id)s)
ON CONFLICT DO NOTHING
"""


def home(session: Session, vault: Vault, sender: Sender) -> Home:
    """Where this sender's conversation lives; a sender never seen before gets one."""
    found = find_home(session, vault, sender)
    if found is not None:
        return found
    try:
        with session.begin_nested():
            return _settle_in(session, vault, sender)
    except psycopg.errors.UniqueViolation:
        # Two first messages in the same millisecond: the other one has made the home.
        return home(session, vault, sender)


def find_home(session: Session, vault: Vault, sender: Sender) -> Home | None:
    """Where this sender's conversation lives, if they ever wrote."""
    keys = vault.lookup_keys(sender.kind, sender.address)
    row = run(session, _HOME, channel=sender.channel, account=sender.account, keys=keys).fetchone()
    return None if row is None else Home(row.address_id, row.conversation_id, vault.unwrap(row.key_id, row.wrapped))


def _settle_in(session: Session, vault: Vault, sender: Sender) -> Home:
    conversation_id = scalar(session, "SELECT nextval(pg_get_serial_sequence('conversations', 'id'))")
    key, wrapped = vault.new_key()
    row = run(
        session,
        _SETTLE_IN,
        key_id=key.id,
        wrapped=wrapped,
        conversation_id=conversation_id,
        channel=sender.channel,
        account=sender.account,
        key=vault.lookup_key(sender.kind, sender.address),
        value=key.seal_text("addresses.value", conversation_id, sender.address),
    ).fetchone()
    assert row is not None
    return Home(row.id, conversation_id, key)


def settle_beside(session: Session, vault: Vault, sender: Sender, conversation_id: int) -> Home | None:
    """Let an address never seen before belong to a conversation that there is; None where that is gone."""
    row = run(session, _KEY_OF, id=conversation_id).fetchone()
    if row is None:
        return None
    key = vault.unwrap(row.id, row.wrapped)
    values = {"channel": sender.channel, "account": sender.account, "conversation_id": conversation_id}
    sealed = key.seal_text("addresses.value", conversation_id, sender.address)
    address_id = scalar(session, _BESIDE, key=vault.lookup_key(sender.kind, sender.address), value=sealed, **values)
    return Home(address_id, conversation_id, key)


def unanswered(session: Session, conversation_ids: Iterable[int]) -> frozenset[int]:
    """Those of these conversations in which a message waits for its answer."""
    return frozenset(id for (id,) in run(session, _UNANSWERED, ids=list(conversation_ids)))


def store(
    session: Session, at: Home, sender: Sender, external_id: str, body: bytes, sent_at: datetime | None = None
) -> bool:
    """Keep a message as it came, once per external id; false for a repeat. Committing is the acknowledgement."""
    failpoints.reach("inbox.before_store")
    return run(session, STORE, **stored(at, sender, external_id, body, sent_at)).rowcount == 1


def stored(at: Home, sender: Sender, external_id: str, body: bytes, sent_at: datetime | None = None) -> dict[str, Any]:
    """The values of `STORE`."""
    return {
        "channel": sender.channel,
        "account": sender.account,
        "external_id": external_id,
        "conversation_id": at.conversation_id,
        "address_id": at.address_id,
        "body": at.key.seal("inbox.body", at.conversation_id, body),
        "sent_at": sent_at,
    }


def tell_time(session: Session, conversation_id: int, what: str) -> None:
    """Let a dialog know that something has run out, e.g. `hold_expired:17`. Once per `what`."""
    run(session, _FROM_CLOCK, conversation_id=conversation_id, what=what)


def tell(session: Session, conversation_id: int, staff_id: int, external_id: str, body: bytes) -> int:
    """Let a dialog know what a member of staff does with it; `body` is sealed. Returns the message's id."""
    values = {"account": str(staff_id), "external_id": external_id, "conversation_id": conversation_id, "body": body}
    return int(scalar(session, _FROM_STAFF, **values))


def address_of(session: Session, conversation_id: int) -> Address | None:
    """Where the person of a conversation is answered when it was not they who wrote: where they wrote from last, of what reaches them."""
    row = run(session, _ADDRESS, conversation_id=conversation_id).fetchone()
    return None if row is None else Address(*row)


def is_answered(session: Session, message_id: int) -> bool:
    """Whether a message has had its turn, or was put aside."""
    return bool(scalar(session, "SELECT status <> 'new' FROM inbox WHERE id = %(id)s", id=message_id))
