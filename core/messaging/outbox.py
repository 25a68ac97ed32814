"""What the clinic owes: written in the transaction that decided it, delivered afterwards.

Rows hold keys and values, worded only when they are sent. One row per address is in flight, in order; the database keeps that.
Web chat and the terminal fetch for themselves: see `readers`.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    func,
    text,
)

from core import clock
from core.crypto import Unreadable, Vault
from core.database import Session, metadata, run, scalar
from core.messaging import handoffs

LEASE = timedelta(seconds=45)  # longer than a vendor call's whole deadline; an address goes on within a minute
AGAIN = timedelta(seconds=3)  # before what may have arrived is said once more

MOST_LOOKS = 5  # at a vendor that can be asked whether it has a message, before nobody knows

CODE, ANSWER, REMINDER, BULK = range(4)
"""Priorities: whose message goes first where a vendor lets only so many go; among equals, what is of no use the soonest.

Within one address nothing overtakes.
"""

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("conversation_id", BigInteger, ForeignKey("conversations.id"), nullable=False),
    Column("address_id", BigInteger, ForeignKey("addresses.id"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),  # its place in the conversation
    Column("payload", LargeBinary),  # gone when its time is over
    Column("status", Text, nullable=False, server_default="due"),
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("useful_until", DateTime(timezone=True)),  # by the database's own clock; what has none is never too late
    Column("leased_until", DateTime(timezone=True)),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("vendor_id", Text),
    Column("error", Text),  # a code, never a vendor's words about a person
    Column("fate", Text),  # what became of it after its vendor had taken it, in the vendor's word
    Column("settled_at", DateTime(timezone=True)),
    Column("priority", SmallInteger, nullable=False, server_default=str(ANSWER)),
    # A confirmation, a cancellation, money: said once more, and staff told, where nobody knows whether it arrived.
    Column("is_vital", Boolean, nullable=False, server_default=text("false")),
    Column("doubts", SmallInteger, nullable=False, server_default="0"),  # attempts after which nobody knew
    CheckConstraint("status IN ('due', 'sending', 'sent', 'failed', 'unknown')", name="status"),
    Index("outbox_queue_idx", "address_id", "id", postgresql_where=text("status IN ('due', 'sending')")),
    Index("outbox_due_idx", "priority", "useful_until", "id", postgresql_where=text("status = 'due'")),
    Index("outbox_address_id_idx", "address_id", "id", postgresql_where=text("vendor_id IS NOT NULL")),
    Index(
        "outbox_useful_until_idx",
        "useful_until",
        postgresql_where=text("status = 'due' AND useful_until IS NOT NULL"),
    ),
    Index("outbox_in_flight_idx", "address_id", unique=True, postgresql_where=text("status = 'sending'")),
    Index("outbox_conversation_id_seq_idx", "conversation_id", "seq"),
    Index("outbox_kept_idx", "due_at", postgresql_where=text("payload IS NOT NULL")),
)

prompts = Table(
    "prompts",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("conversation_id", BigInteger, ForeignKey("conversations.id"), nullable=False),
    Column("outbox_id", BigInteger, ForeignKey("outbox.id"), nullable=False),
    Column("token", Text, nullable=False),
    Column("choices", LargeBinary, nullable=False),
    Column("sent_at", DateTime(timezone=True)),  # by the database's own clock, like the inbox's received_at
    Column("expires_at", DateTime(timezone=True), nullable=False),  # for digits; a tap says for itself what it means
    Column(
        "lasts", Boolean, nullable=False, server_default=text("false")
    ),  # its buttons stay when something else is asked
    Column("retired_at", DateTime(timezone=True)),  # when its buttons were taken away
    Index("prompts_conversation_id_token_idx", "conversation_id", "token", unique=True),
    Index("prompts_conversation_id_sent_at_idx", "conversation_id", "sent_at"),
    Index("prompts_outbox_id_idx", "outbox_id"),
)


# How fast a vendor lets each of our accounts talk, as one moment: when the next message may go (GCRA).
paces = Table(
    "paces",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("next_at", DateTime(timezone=True), nullable=False),
    postgresql_with={"fillfactor": 50},
)


class Rate(NamedTuple):
    """So many at once, then one each `interval`."""

    interval: timedelta = timedelta(0)
    burst: int = 1

    @property
    def allowance(self) -> timedelta:
        """How far ahead of an even pace one may be."""
        return self.interval * (self.burst - 1)


ANY_RATE = Rate()


class Shown(NamedTuple):
    """A message with buttons that are still there: its prompt, what its vendor calls it, and whether they are to last."""

    prompt: int
    message: str
    lasts: bool


@dataclass(frozen=True)
class Owed:
    """One message to hand over to a channel."""

    id: int
    conversation_id: int
    address_id: int
    account: str
    address: str
    attempts: int
    payload: bytes
    priority: int = ANSWER
    is_vital: bool = False
    useful_for: timedelta | None = None  # from now on; None where it is never too late
    doubts: int = 0  # earlier attempts after which nobody knew
    error: str | None = None  # what came of the last attempt
    opted_out: bool = False  # they want no more messages there
    heard_at: datetime | None = None  # when the person wrote last
    last_message: str | None = None  # what the vendor calls the newest that was sent to this address
    shown: tuple[Shown, ...] = ()  # earlier messages with buttons, the newest first


@dataclass(frozen=True)
class Outcome:
    """How a hand-over ended; `retry_in` sends it back to the queue. A try that is `forgiven` counts as none."""

    status: Literal["sent", "failed", "unknown", "due"]
    vendor_id: str | None = None
    error: str | None = None
    retry_in: timedelta = timedelta(0)
    forgiven: bool = False
    checkable: bool = False  # an unknown one may be tried again a few times, as the vendor can be asked first
    weight: int = 1  # how many of the account's intervals it took
    retired: tuple[int, ...] = ()  # prompts whose buttons are gone


@dataclass(frozen=True)
class Message:
    """What is owed at one place in the conversation, sealed; where there is something to choose, its prompt says what each choice means.

    A digit may choose until `expires_at`.
    """

    seq: int
    payload: bytes
    token: str | None = None
    choices: bytes | None = None
    expires_at: datetime | None = None
    lasts: bool = False
    is_vital: bool = False
    priority: int = ANSWER
    useful_for: timedelta | None = None  # what cannot go within that time is not sent; None is always of use


# What a turn owes, in the statement that ends it: rows of VALUES, as arrays cost the client more than a statement of their own.
_OWING = """
said (seq, payload, token, choices, expires_at, lasts, is_vital, priority, useful_for) AS (VALUES {rows}),
o AS (
  INSERT INTO outbox (conversation_id, address_id, channel, seq, payload, is_vital, priority, useful_until)
  SELECT %(id)s, a.id, a.channel, said.seq, said.payload, said.is_vital, said.priority, clock_timestamp() + said.useful_for FROM said, addresses a
  WHERE a.id = %(address_id)s ORDER BY said.seq RETURNING id, seq),
p AS (
  INSERT INTO prompts (conversation_id, outbox_id, token, choices, expires_at, lasts)
  SELECT %(id)s, o.id, token, choices, expires_at, lasts FROM said JOIN o USING (seq) WHERE token IS NOT NULL),
"""
_ROW = (
    "(%(seq{n})s::bigint, %(payload{n})s::bytea, %(token{n})s::text, %(choices{n})s::bytea, %(expires_at{n})s::timestamptz, "
    "%(lasts{n})s::boolean, %(is_vital{n})s::boolean, %(priority{n})s::smallint, %(useful_for{n})s::interval)"
)

# The prompt that a typed digit answers: the newest that was sent to the address of message `m` before that came. Whether it is
# young enough is for the reader to see, so that an older one does not take its place.
NEWEST_PROMPT = """
SELECT p.id, p.choices, p.expires_at, p.sent_at FROM prompts p JOIN outbox o ON o.id = p.outbox_id
WHERE p.conversation_id = m.conversation_id AND o.address_id = m.address_id AND p.sent_at <= m.received_at
ORDER BY p.id DESC LIMIT 1
"""

# A newer prompt `p` may have come between a question and its answer: for a while a digit that fits both could mean either, as long as
# nothing was heard since the older one was decided upon.
CROSSED = timedelta(seconds=60)
CROSSED_PROMPT = f"""
SELECT q.choices FROM prompts q JOIN outbox o ON o.id = q.outbox_id
WHERE p.sent_at > m.received_at - interval '{CROSSED.seconds} s' AND q.conversation_id = m.conversation_id
  AND o.address_id = m.address_id AND q.id < p.id AND q.sent_at <= p.sent_at AND q.expires_at > {clock.NOW}
  AND NOT EXISTS (SELECT FROM inbox i WHERE i.conversation_id = m.conversation_id AND i.seq > o.seq AND i.address_id IS NOT NULL)
ORDER BY q.id DESC LIMIT 1
"""

# One in flight per address, and only the oldest; but what failed at its vendor and is tried again much later holds up nobody: four senders that claimed plain rows delivered reply 2 first in 61 of 200 chats.
# One moment for all rows of a statement: a pace that opened while a long queue is walked would let the middle of it go first.
_MAY_GO = """
FROM outbox h JOIN addresses a ON a.id = h.address_id LEFT JOIN paces p ON p.channel = a.channel AND p.account = a.account
WHERE h.status = 'due' AND h.channel = ANY (%(channels)s)
  AND h.id = (SELECT e.id FROM outbox e WHERE e.address_id = h.address_id AND e.status IN ('due', 'sending')
                AND (e.fate IS NULL OR e.due_at <= statement_timestamp()) ORDER BY e.id LIMIT 1)
  AND (h.useful_until IS NULL OR h.useful_until > statement_timestamp())
"""
_PACED = "greatest({next_at} + {allowance}, clock_timestamp()) + {interval} - {allowance}"
# Whoever moves the account's pace on may send: of two who claim in the same instant, the second finds it moved.
_CLAIM = f"""
WITH head AS (
  SELECT h.id, a.channel, a.account {_MAY_GO} AND h.due_at <= statement_timestamp() AND a.next_at <= statement_timestamp()
    AND (p.next_at IS NULL OR p.next_at <= statement_timestamp())
  ORDER BY h.priority, h.useful_until, h.id LIMIT 1 FOR UPDATE OF h SKIP LOCKED),
rate AS (
  SELECT head.*, every, allowance FROM head, unnest(%(channels)s::text[], %(intervals)s::interval[], %(allowances)s::interval[])
    AS known (name, every, allowance) WHERE name = head.channel),
paced AS (
  INSERT INTO paces (channel, account, next_at)
  SELECT channel, account, clock_timestamp() + every - allowance FROM rate WHERE every > interval '0'
  ON CONFLICT (channel, account) DO UPDATE
    SET next_at = (SELECT {_PACED.format(next_at="paces.next_at", interval="every", allowance="allowance")} FROM rate)
    WHERE paces.next_at <= clock_timestamp() RETURNING 1)
UPDATE outbox o SET status = 'sending', leased_until = clock_timestamp() + %(lease)s, attempts = attempts + 1
FROM rate WHERE o.id = rate.id AND (every = interval '0' OR EXISTS (SELECT FROM paced))
RETURNING o.id, o.conversation_id, o.address_id, o.attempts, o.payload, o.channel, o.priority, o.is_vital, o.doubts, o.error,
  o.useful_until - clock_timestamp() AS useful_for
"""
_NEXT_AT = f"""
SELECT extract(epoch FROM min(greatest(h.due_at, a.next_at, p.next_at)) - clock_timestamp())::float8 {_MAY_GO}
"""

# What a claim brings with it.
_OPEN = """
SELECT a.value, a.account, k.id AS key_id, k.wrapped, a.unreachable,
  (SELECT received_at FROM inbox WHERE conversation_id = a.conversation_id AND address_id = a.id
   ORDER BY seq DESC NULLS FIRST LIMIT 1) AS heard_at,
  (SELECT vendor_id FROM outbox WHERE address_id = a.id AND id < %(id)s AND vendor_id IS NOT NULL
   ORDER BY id DESC LIMIT 1) AS last_message,
  ARRAY(SELECT json_build_array(p.id, o.vendor_id, p.lasts) FROM prompts p JOIN outbox o ON o.id = p.outbox_id
        WHERE p.conversation_id = a.conversation_id AND p.sent_at IS NOT NULL AND p.retired_at IS NULL
          AND o.address_id = a.id AND o.vendor_id IS NOT NULL AND o.id < %(id)s ORDER BY p.id DESC LIMIT 8) AS shown
FROM addresses a JOIN conversations c ON c.id = a.conversation_id JOIN data_keys k ON k.id = c.data_key_id
WHERE a.id = %(address_id)s
"""

_ITS_TURN = """
INSERT INTO paces (channel, account, next_at) VALUES (%(channel)s, %(what)s, clock_timestamp() + %(every)s)
ON CONFLICT (channel, account) DO UPDATE SET next_at = excluded.next_at WHERE paces.next_at <= clock_timestamp()
"""

# What nobody knows to have arrived is said once more where it is vital, and a few times where its vendor is asked first; then it stays unknown.
_UNKNOWN = f"CASE WHEN is_vital AND doubts = 0 OR {{checkable}} AND doubts < {MOST_LOOKS} THEN 'due' ELSE 'unknown' END"
_SETTLED = "CASE WHEN {status} = 'due' THEN NULL ELSE clock_timestamp() END"
_SAID_AGAIN = _UNKNOWN.format(checkable="%(checkable)s")
_STATUS = f"CASE WHEN %(status)s = 'unknown' THEN {_SAID_AGAIN} ELSE %(status)s END"
_LEFT = _UNKNOWN.format(checkable="channel = ANY (%(checkable)s)")
_PROMPTED = """
p AS (UPDATE prompts SET sent_at = clock_timestamp() FROM o WHERE outbox_id = o.id AND o.status IN ('sent', 'unknown'))
"""
_SETTLE = f"""
WITH o AS (
  UPDATE outbox SET status = {_STATUS}, doubts = doubts + CASE WHEN %(status)s = 'unknown' THEN 1 ELSE 0 END,
    attempts = attempts - CASE WHEN %(forgiven)s THEN 1 ELSE 0 END, vendor_id = %(vendor_id)s, error = %(error)s,
    leased_until = NULL, due_at = clock_timestamp() + %(retry_in)s, settled_at = {_SETTLED.format(status=_STATUS)}
  WHERE id = %(id)s AND status = 'sending' AND attempts = %(attempts)s
  RETURNING id, address_id, conversation_id, status, is_vital),
{_PROMPTED},
r AS (UPDATE prompts SET retired_at = clock_timestamp() FROM o WHERE prompts.id = ANY (%(retired)s::bigint[])),
a AS (
  UPDATE addresses SET next_at = {_PACED.format(next_at="next_at", interval="%(interval)s", allowance="%(allowance)s")} FROM o
  WHERE addresses.id = o.address_id AND %(interval)s > interval '0'),
w AS (
  UPDATE paces SET next_at = paces.next_at + %(more)s FROM o JOIN addresses b ON b.id = o.address_id
  WHERE paces.channel = b.channel AND paces.account = b.account AND %(more)s > interval '0')
SELECT conversation_id, status, is_vital FROM o
"""

_EXPIRED = f"""
WITH o AS (
  UPDATE outbox SET status = {_LEFT}, doubts = doubts + 1, error = 'lease_expired', leased_until = NULL,
    due_at = clock_timestamp(), settled_at = {_SETTLED.format(status=_LEFT)}
  WHERE status = 'sending' AND leased_until < clock_timestamp() RETURNING id, conversation_id, status, is_vital),
{_PROMPTED}
SELECT conversation_id, status, is_vital FROM o
"""

_TOO_LATE = """
UPDATE outbox SET status = 'failed', error = 'too_late', settled_at = clock_timestamp()
WHERE status = 'due' AND useful_until <= clock_timestamp() RETURNING id, conversation_id, status, is_vital
"""

_ALL_SAID = """
SELECT m.seq, a.channel, m.body, m.received_at + o.clock_offset AS at, m.id, NULL AS status, NULL AS error
FROM inbox m JOIN addresses a ON a.id = m.address_id, clock o
WHERE m.conversation_id = %(conversation_id)s AND m.body IS NOT NULL
UNION ALL
SELECT m.seq, NULL, m.payload, m.due_at + o.clock_offset, m.id, m.status, m.error FROM outbox m, clock o
WHERE m.conversation_id = %(conversation_id)s AND m.payload IS NOT NULL
ORDER BY seq DESC NULLS FIRST, id DESC LIMIT %(limit)s
"""

_FOLLOWED = """
SELECT EXISTS (SELECT FROM inbox m JOIN outbox o ON o.conversation_id = m.conversation_id AND o.seq = m.seq + 1 WHERE m.id = %(id)s)
"""

_PROMPT = "SELECT choices FROM prompts WHERE conversation_id = %(conversation_id)s AND token = %(token)s"


@cache
def owing(count: int) -> str:
    """What goes behind the WITH of a statement about conversation `id`, so that it also promises so many messages in one round trip."""
    rows = ", ".join(_ROW.format(n=n) for n in range(count))
    return _OWING.format(rows=rows) if rows else ""


def owed(address_id: int | None, messages: Collection[Message]) -> dict[str, Any]:
    """The values of `owing`: what is said, and to which address."""
    values = {"address_id": address_id}
    for n, message in enumerate(messages):
        values |= {f"{name}{n}": value for name, value in vars(message).items()}
    return values


def claim(session: Session, vault: Vault, channels: Mapping[str, Rate]) -> tuple[str, Owed] | None:
    """Take the next message that may go now on one of these channels, at the rate of each account there; with its channel.

    Commit, then call the vendor, then `settle`. Raises UniqueViolation when another sender was faster with its address: claim again.
    """
    rates = channels.values()
    values = {
        "lease": LEASE,
        "channels": list(channels),
        "intervals": [rate.interval for rate in rates],
        "allowances": [rate.allowance for rate in rates],
    }
    while (row := run(session, _CLAIM, **values).fetchone()) is not None:
        try:
            return row.channel, _opened(
                vault, row, run(session, _OPEN, id=row.id, address_id=row.address_id).fetchone()
            )
        except Unreadable:  # alone: whoever else is owed something must not wait for it
            _settle(session, row.id, row.attempts, Outcome("failed", error="unreadable"), ANY_RATE)
    return None


def next_in(session: Session, channels: Collection[str]) -> float | None:
    """In how many seconds the next message may go that may not go yet; None where nothing waits."""
    seconds: float | None = scalar(session, _NEXT_AT, channels=list(channels))
    return seconds


def its_turn(session: Session, channel: str, what: str, every: timedelta) -> bool:
    """Whether it is time again for something that one of many processes does now and then; then it is that one's."""
    return run(session, _ITS_TURN, channel=channel, what=what, every=every).rowcount == 1


def _opened(vault: Vault, row: Any, home: Any) -> Owed:
    if row.payload is None:
        raise Unreadable("outbox.payload")
    key = vault.unwrap(home.key_id, home.wrapped)
    return Owed(
        row.id,
        row.conversation_id,
        row.address_id,
        home.account,
        key.open_text("addresses.value", row.conversation_id, home.value),
        row.attempts,
        key.open("outbox.payload", row.conversation_id, row.payload),
        row.priority,
        row.is_vital,
        row.useful_for,
        row.doubts,
        row.error,
        home.unreachable == "opted_out",
        home.heard_at,
        home.last_message,
        tuple(Shown(*shown) for shown in home.shown),
    )


def settle(
    session: Session, owed: Owed, outcome: Outcome, rate: Rate = ANY_RATE, account_rate: Rate = ANY_RATE
) -> None:
    """Write down how the hand-over ended; the address may be written to again at this rate, and the account talks at its own.

    Where something vital did not arrive for certain, staff are told: in the same transaction, if there is one.
    Without effect when the lease had run out meanwhile.
    """
    _settle(session, owed.id, owed.attempts, outcome, rate, account_rate.interval * (outcome.weight - 1))


def _settle(
    session: Session, outbox_id: int, attempts: int, outcome: Outcome, rate: Rate, more: timedelta = timedelta(0)
) -> None:
    settled = run(
        session,
        _SETTLE,
        id=outbox_id,
        attempts=attempts,
        status=outcome.status,
        vendor_id=outcome.vendor_id,
        error=outcome.error,
        retry_in=AGAIN if outcome.status == "unknown" else outcome.retry_in,
        forgiven=outcome.forgiven,
        checkable=outcome.checkable,
        retired=list(outcome.retired),
        interval=rate.interval,
        allowance=rate.allowance,
        more=more,
    )
    _tell_staff(session, settled.fetchall())


def expire_leases(session: Session, checkable: Collection[str] = ()) -> int:
    """A hand-over whose sender died is *unknown*: bytes may have gone out. Returns how many there were.

    On `checkable` channels the vendor is asked first whether it has a message.
    """
    expired = run(session, _EXPIRED, checkable=list(checkable)).fetchall()
    _tell_staff(session, expired)
    return len(expired)


def drop_late(session: Session) -> int:
    """What is of no use any more is not sent: a reminder of a visit that has begun. Returns how many there were."""
    late = run(session, _TOO_LATE).fetchall()
    _tell_staff(session, late)
    return len(late)


def _tell_staff(session: Session, settled: list[Any]) -> None:
    for row in settled:
        if row.is_vital and row.status in ("failed", "unknown"):
            handoffs.hand_over(session, row.conversation_id, "undelivered", clock.now(session))


def all_said(session: Session, conversation_id: int, limit: int) -> list[Any]:
    """The last lines of a conversation on whatever address, in order, for staff.

    `channel` is None where the clinic spoke; there `status` and `error` say what came of it.
    """
    return run(session, _ALL_SAID, conversation_id=conversation_id, limit=limit).fetchall()[::-1]


def followed(session: Session, message_id: int) -> bool:
    """Whether the turn of an inbox message said anything."""
    return bool(scalar(session, _FOLLOWED, id=message_id))


def prompt(session: Session, conversation_id: int, token: str) -> bytes | None:
    """What the choices of a tapped button meant, however old, still sealed; None when it is not of this conversation."""
    row = run(session, _PROMPT, conversation_id=conversation_id, token=token).fetchone()
    return None if row is None else bytes(row.choices)
