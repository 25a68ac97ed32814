"""How PostgreSQL reads the queues: a plan that it made while they were empty must serve them when they are full."""

from collections.abc import Callable
from datetime import timedelta
from itertools import chain

import pytest

from core.database import Session, run, scalar, transaction
from core.messaging import conversations, outbox, reminders
from core.messaging.outbox import ANY_RATE
from tests.factories import MONDAY, Practice, at, owe

CHATS = 150
PREPARED = 10  # times after which psycopg has prepared a statement, and PostgreSQL has settled on a plan

_READ = "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = %(table)s"


def fill(practice: Practice) -> None:
    """Everybody has written, and everybody is owed three messages."""
    people = [practice.person(f"number {n}", "recording") for n in range(CHATS)]
    with transaction(practice.engine) as session:
        for seq, person in chain.from_iterable(((seq, person) for person in people) for seq in range(3)):
            owe(
                session,
                person.home,
                outbox.Message(seq, person.home.key.seal("outbox.payload", person.home.conversation_id, b"")),
            )
    for person in people:
        person.write("hello")


def test_who_is_to_be_reminded_is_found_by_the_visit_and_not_among_all_addresses(practice: Practice) -> None:
    practice.start_clock()
    now = at("18:00", MONDAY + timedelta(days=6))
    with transaction(practice.engine) as session:
        for _ in range(PREPARED):
            reminders.drop(session, ["recording"], now)
            reminders.next_chat(session, ["recording"], now, [])
    for n in range(CHATS):
        person = practice.person(f"number {n}", "recording")
        if n < 24:
            person.book(practice.slot(f"{9 + n // 3:02}:{n % 3 * 20:02}", day=MONDAY + timedelta(days=7)))
    with transaction(practice.engine) as session:
        assert reminders.plan(session, practice.now) == 24
        before = scalar(session, _READ, table="addresses")
        assert reminders.drop(session, ["recording"], now) == 24  # five days before, as a day before is due too
        assert reminders.next_chat(session, ["recording"], now, [])
        run(session, "SELECT pg_stat_clear_snapshot()")
        assert 0 < scalar(session, _READ, table="addresses") - before <= 2 * 24 + 2


@pytest.mark.parametrize(("table", "most"), [("inbox", 20), ("outbox", 10)])
def test_a_claim_reads_no_more_of_a_full_queue_than_it_takes(practice: Practice, table: str, most: int) -> None:
    claims: dict[str, Callable[[Session], object]] = {
        "inbox": lambda session: conversations.claim(session, 4),
        "outbox": lambda session: outbox.claim(session, practice.vault, {"recording": ANY_RATE}),
    }
    with transaction(practice.engine) as session:
        for _ in range(PREPARED):
            claims[table](session)
        fill(practice)
        before = scalar(session, _READ, table=table)
        assert claims[table](session)
        run(session, "SELECT pg_stat_clear_snapshot()")
        assert 0 < scalar(session, _READ, table=table) - before <= most
