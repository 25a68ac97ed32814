"""Seals: a tick chains the audit rows, so that none can be changed, taken away or slipped in unseen afterwards.

A seal hashes the rows since the seal before, and that seal, with the clinic's look-up key: who can write to the database alone cannot
make one. The newest seal is also kept outside, in a file of each machine and in the log, so that a chain that was cut short is seen.
The promise covers sealed rows.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, DateTime, LargeBinary, Table, func

from core.crypto import Vault
from core.database import Session, metadata, run, scalar, stream

MOST_ROWS = 50_000  # of one seal, so that no tick takes long
FILE = "audit-seals"  # under the folder of a machine

audit_seals = Table(
    "audit_seals",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # 1, 2, 3 …: a missing one is seen
    Column("at", DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("last_id", BigInteger, nullable=False),  # covers the audit rows after the seal before, up to this one
    # Numbers are not a log: one can be committed after a higher one was seen. So a seal notes the highest number it has seen and the
    # first transaction that had not begun; once all before that one have ended, nothing is missing up to that number.
    Column("seen_id", BigInteger, nullable=False),
    Column("seen_xid", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
)


class Seal(NamedTuple):
    """One link of the chain; `at` counts seconds since 1970 as text, the same in every time zone."""

    id: int
    at: str
    last_id: int
    seen_id: int
    seen_xid: int
    hash: bytes


BEFORE_ALL = Seal(0, "", 0, 0, 0, b"")


class Row(NamedTuple):
    """An audit row as it is hashed."""

    id: int
    at: str
    actor: str
    action: str
    entity: str
    entity_id: int
    detail: str | None  # as PostgreSQL prints it: every digit of every number, and none of Python's limits


class Noted(NamedTuple):
    """A seal as it was kept outside of the database."""

    id: int
    hash: bytes


_SEALS = "SELECT id, extract(epoch FROM at)::text AS at, last_id, seen_id, seen_xid, hash FROM audit_seals ORDER BY id"
_NEWEST = f"{_SEALS} DESC LIMIT 1"
_ROWS = "SELECT id, extract(epoch FROM at)::text AS at, actor, action, entity, entity_id, detail::text FROM audit"
_NEXT_ROWS = f"{_ROWS} WHERE id > %(after)s AND id <= %(until)s ORDER BY id LIMIT %(most)s"

# A database that was moved to another server counts its transactions anew, and none of the old ones is under way.
_ARE_OVER = """
SELECT pg_snapshot_xmin(s)::text::bigint >= %(xid)s OR pg_snapshot_xmax(s)::text::bigint < %(xid)s FROM pg_current_snapshot() s
"""

# One snapshot for both: what is numbered up to seen_id belongs to transactions below seen_xid.
_SEEN = """
SELECT coalesce((SELECT max(id) FROM audit), 0) AS seen_id, pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS seen_xid,
       moment, extract(epoch FROM moment)::text AS at
FROM clock_timestamp() moment
"""

_HASHES = "SELECT id, hash FROM audit_seals WHERE id = ANY (%(ids)s)"

_INSERT = """
INSERT INTO audit_seals (id, at, last_id, seen_id, seen_xid, hash)
VALUES (%(id)s, %(moment)s, %(last_id)s, %(seen_id)s, %(seen_xid)s, %(hash)s)
"""


# --- the chain -------------------------------------------------------------------------------------------------------


def seal(session: Session, vault: Vault) -> int:
    """Seal what is complete, up to some thousand rows; returns how many those were. One caller at a time."""
    before = newest(session) or BEFORE_ALL
    if not scalar(session, _ARE_OVER, xid=before.seen_xid):
        return 0
    seen = run(session, _SEEN).fetchone()
    assert seen is not None
    if seen.seen_id == before.seen_id == before.last_id:
        return 0
    rows = [
        Row(*row)
        for row in run(session, _NEXT_ROWS, after=before.last_id, until=before.seen_id, most=MOST_ROWS).fetchall()
    ]
    last_id = rows[-1].id if len(rows) == MOST_ROWS else before.seen_id
    unsigned = Seal(before.id + 1, seen.at, last_id, seen.seen_id, seen.seen_xid, b"")
    sealed = unsigned._replace(hash=vault.lookup_key("audit_seals", _signed_text(before, unsigned, rows)))
    run(session, _INSERT, **sealed._asdict(), moment=seen.moment)
    return len(rows)


def is_genuine(vault: Vault, before: Seal, seal: Seal, rows: Iterable[Row]) -> bool:
    """Whether `seal` was made with our key of exactly these rows, after the seal `before`."""
    return seal.hash in vault.lookup_keys("audit_seals", _signed_text(before, seal, rows))


def _signed_text(before: Seal, seal: Seal, rows: Iterable[Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(_encode(row).encode())
    return _encode([before.hash.hex(), *seal[:-1], digest.hexdigest()])


# Arrays of JSON cannot run into each other. A detail stays text: Python's numbers would make one of 0.1 and 0.10, and its parser stops at
# what PostgreSQL keeps without ado. How JSONB is printed is settled, or no dump could be put back.
_encode = json.JSONEncoder(separators=(",", ":")).encode


def newest(session: Session) -> Seal | None:
    """The end of the chain."""
    row = run(session, _NEWEST).fetchone()
    return None if row is None else Seal(*row)


def every(session: Session) -> Iterator[Seal]:
    """The chain from its beginning, a few thousand seals at a time."""
    return (Seal(*row) for row in stream(session, "seals", _SEALS))


def hashes(session: Session, ids: Iterable[int]) -> dict[int, bytes]:
    """The hashes of those of these seals that there are."""
    return {row.id: bytes(row.hash) for row in run(session, _HASHES, ids=list(ids))}


def rows(session: Session) -> Iterator[Row]:
    """Every audit row in the order of numbers, a few thousand at a time."""
    return (Row(*row) for row in stream(session, "audit_rows", f"{_ROWS} ORDER BY id"))


# --- outside of the database -----------------------------------------------------------------------------------------

_LINE = re.compile(r"([0-9]{1,18}) ((?:[0-9a-f]{2})+)\.\n")  # the full stop says that a line is whole


def note(seal: Seal, file: Path) -> bool:
    """Keep a seal in a file that only grows, a line each; False when it was the last one there."""
    line = f"{seal.id} {seal.hash.hex()}.\n".encode()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+b") as kept:  # what is appended in one write stays together, whoever else appends
        kept.seek(max(0, kept.seek(0, 2) - len(line) - 1))
        end = kept.read()
        if end.endswith(line):
            return False
        kept.write(line if end[-1:] in (b"", b"\n") else b"\n" + line)  # after a line that a full disk cut short
    return True


def noted(file: Path) -> Iterator[Noted]:
    """What this machine has kept; nothing where it never sealed. A line that was cut short is passed over."""
    with suppress(FileNotFoundError), file.open(errors="replace") as kept:
        found = (_LINE.fullmatch(line) for line in kept)
        yield from (Noted(int(each[1]), bytes.fromhex(each[2])) for each in found if each)
