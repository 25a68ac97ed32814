"""Readers who fetch for themselves (web chat, terminal): what they have shown is sent, and their next request says so."""

from datetime import datetime
from typing import Any, Literal, NamedTuple

from core import failpoints
from core.crypto import Vault
from core.database import Session, run
from core.messaging import inbox
from core.messaging.inbox import Home, Sender


class Said(NamedTuple):
    """One line of a conversation, still sealed. `seq` is None for what waits for its answer."""

    seq: int | None
    speaker: Literal["patient", "clinic"]
    external_id: str
    id: int
    body: bytes
    at: datetime
    directory_version: int  # of the clinic's directory, with which it is worded


_SHOWN = """
o AS (
  UPDATE outbox SET status = 'sent', attempts = attempts + 1, settled_at = now()
  WHERE address_id = %(address_id)s AND status = 'due' AND seq <= %(seen)s RETURNING id),
p AS (UPDATE prompts SET sent_at = now() FROM o WHERE outbox_id = o.id)
"""

_SEEN = f"WITH {_SHOWN} SELECT"

# `now()` comes before what the inbox notes as the time of receipt: what was shown can be answered by this very message.
_STORE = f"WITH {_SHOWN} {inbox.STORE}"

_UNREAD = """
SELECT address_id, seq, payload FROM outbox WHERE status = 'due' AND channel = %(channel)s AND payload IS NOT NULL ORDER BY id
"""

_SAID = """
SELECT seq, 'patient' AS speaker, external_id, id, body, received_at AS at,
  (SELECT directory_version FROM organization) AS directory_version
FROM inbox WHERE conversation_id = %(conversation_id)s AND address_id = %(address_id)s AND (seq > %(after)s OR seq IS NULL)
  AND body IS NOT NULL
UNION ALL
SELECT seq, 'clinic', '', id, payload, due_at, (SELECT directory_version FROM organization)
FROM outbox WHERE conversation_id = %(conversation_id)s AND address_id = %(address_id)s AND seq > %(after)s
  AND payload IS NOT NULL
ORDER BY seq NULLS LAST, id
"""

_NEWS = """
SELECT EXISTS (SELECT FROM inbox m WHERE m.conversation_id = a.conversation_id AND m.address_id = a.id
               AND (m.seq > %(after)s OR m.seq IS NULL) AND m.body IS NOT NULL)
    OR EXISTS (SELECT FROM outbox o WHERE o.conversation_id = a.conversation_id AND o.address_id = a.id
               AND o.seq > %(after)s AND o.payload IS NOT NULL)
    OR EXISTS (SELECT FROM outbox o WHERE o.address_id = a.id AND o.status = 'due' AND o.seq <= %(after)s)
FROM addresses a WHERE a.channel = %(channel)s AND a.account = %(account)s AND a.key = ANY (%(keys)s)
"""


def store(session: Session, at: Home, sender: Sender, external_id: str, body: bytes, seen: int) -> bool:
    """`inbox.store`, of a reader who had shown everything up to number `seen` before."""
    failpoints.reach("inbox.before_store")
    return run(session, _STORE, **inbox.stored(at, sender, external_id, body), seen=seen).rowcount == 1


def seen(session: Session, address_id: int, seen: int) -> None:
    """The reader of this address has shown everything up to `seen`: those messages are sent, their prompts open."""
    run(session, _SEEN, address_id=address_id, seen=seen)


def unread(session: Session, channel: str) -> list[Any]:
    """All that readers of this channel have not seen yet: address_id, seq, and the payload, still sealed."""
    return run(session, _UNREAD, channel=channel).fetchall()


def has_news(session: Session, vault: Vault, sender: Sender, after: int) -> bool:
    """Whether a reader who has shown everything up to `after` has something to show, to wait for or to settle."""
    keys = vault.lookup_keys(sender.kind, sender.address)
    row = run(session, _NEWS, channel=sender.channel, account=sender.account, keys=keys, after=after).fetchone()
    return row is not None and bool(row[0])


def said(session: Session, conversation_id: int, address_id: int, after: int) -> list[Said]:
    """What both sides said at this address after number `after`, in order; then what waits for an answer."""
    rows = run(session, _SAID, conversation_id=conversation_id, address_id=address_id, after=after)
    return [Said(*row) for row in rows]
