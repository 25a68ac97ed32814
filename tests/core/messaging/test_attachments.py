"""Files that people sent: fetched by one at a time, whoever was too slow changes nothing, and one that cannot be read holds up nobody."""

import pytest

from core.database import run, transaction
from core.messaging import attachments
from core.messaging.attachments import Wanted
from tests.factories import Person, Practice, minutes

CHANNEL = "recording"


@pytest.fixture
def amy(practice: Practice) -> Person:
    return practice.person("amy", CHANNEL)


def want(practice: Practice, person: Person, reference: str) -> None:
    """A message came, with a file that is to be had at `reference`."""
    home = person.home
    person.write(f"a photo: {reference}")
    with transaction(practice.engine) as session:
        row = run(session, "SELECT max(id) AS id FROM inbox").fetchone()
        assert row is not None
        sealed = home.key.seal("attachments.reference", home.conversation_id, reference.encode())
        attachments.want(session, home.conversation_id, row.id, (CHANNEL, "main"), "photo", "image/jpeg", sealed)


def claim(practice: Practice) -> Wanted | None:
    with transaction(practice.engine) as session:
        return attachments.claim(session, practice.vault, [CHANNEL])


def taken(practice: Practice) -> Wanted:
    wanted = claim(practice)
    assert wanted is not None
    return wanted


def stands(practice: Practice) -> list[tuple[object, ...]]:
    return [tuple(row) for row in practice.sql("SELECT status, error FROM attachments ORDER BY id")]


def test_a_file_is_fetched_by_one(practice: Practice, amy: Person) -> None:
    want(practice, amy, "one")
    assert taken(practice).reference == "one"
    assert claim(practice) is None


def test_whoever_was_too_slow_changes_nothing(practice: Practice, amy: Person) -> None:
    want(practice, amy, "one")
    slow = taken(practice)
    practice.sql("UPDATE attachments SET due_at = now()")
    quick = taken(practice)
    with transaction(practice.engine) as session:
        attachments.fail(session, slow, "not_there")
        attachments.try_later(session, slow, "not_fetched", minutes(60))
        attachments.keep(session, slow, b"old")
    assert stands(practice) == [("wanted", None)]
    with transaction(practice.engine) as session:
        attachments.keep(session, quick, b"new")
        assert attachments.content(session, practice.vault, amy.home.conversation_id, quick.id) == (
            "image/jpeg",
            b"new",
        )


def test_one_that_cannot_be_read_holds_up_nobody(practice: Practice, amy: Person) -> None:
    want(practice, amy, "one")
    want(practice, amy, "two")
    practice.sql("UPDATE attachments SET reference = 'nonsense' WHERE id = (SELECT min(id) FROM attachments)")
    assert taken(practice).reference == "two"
    assert stands(practice) == [("failed", "unreadable"), ("wanted", None)]


def test_after_too_many_times_it_is_given_up(practice: Practice, amy: Person) -> None:
    want(practice, amy, "one")
    for _ in range(attachments.MOST_ATTEMPTS):
        practice.sql("UPDATE attachments SET due_at = now()")
        with transaction(practice.engine) as session:
            wanted = attachments.claim(session, practice.vault, [CHANNEL])
            assert wanted is not None
            attachments.try_later(session, wanted, "not_fetched", minutes(1))
    assert stands(practice) == [("failed", "not_fetched")]
