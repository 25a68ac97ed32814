"""`frontdesk verify` finds every promise that is broken on purpose, and nothing where all is well."""

from collections.abc import Callable
from pathlib import Path

import pytest

from channels.delivery import deliver_next
from core.config import format_keyring
from core.database import transaction
from frontdesk import cli, verify
from frontdesk.worker import Worker
from tests.demo_clinic import VAULT
from tests.factories import Practice
from tests.fakes.recording import CHANNEL, Recording

Broken = dict[str, tuple[str, ...]]


@pytest.fixture
def busy(practice: Practice) -> Practice:
    """A practice after a day: visits and holds, messages that were answered, replies that were sent, and one that waits."""
    practice.start_clock()
    amy, ben = practice.person("amy", CHANNEL), practice.person("ben", "web")
    amy.book(practice.slot("10:00"))
    amy.hold(practice.slot("11:00"))
    amy.cancel(amy.book(practice.slot("15:00")).id)
    for text in ("hello", "opening hours?"):
        amy.write(text)
    vendor = Recording()
    Worker(practice.engine, practice.vault, channels=vendor.channels).answer_waiting()
    while deliver_next(practice.engine, practice.vault, practice.directory, vendor.channels):
        pass
    ben.owe("hello")
    return practice


@pytest.fixture
def check(
    busy: Practice, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[], Broken]:
    """What `verify` finds, after the command has said the same."""
    url = busy.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.chdir(tmp_path)  # away from anybody's .env
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("MASTER_KEYS", format_keyring(VAULT.master))
    monkeypatch.setenv("LOOKUP_KEYS", format_keyring(VAULT.lookup))

    def found() -> Broken:
        with transaction(busy.engine) as session:
            findings = verify.check(session, busy.vault)
        assert all(finding.checked for finding in findings.values())
        broken = {name: finding.broken for name, finding in findings.items() if finding.broken}
        with pytest.raises(SystemExit) as exit:
            cli.main(["verify"])
        assert exit.value.code == (1 if broken else 0)
        lines = capsys.readouterr().out.splitlines()
        assert {line[:2] for line in lines if "BROKEN" in line} == set(broken)
        return broken

    return found


def ids(practice: Practice, query: str) -> tuple[str, ...]:
    return tuple(str(row[0]) for row in practice.sql(query))


def test_a_sound_database_keeps_every_promise(check: Callable[[], Broken]) -> None:
    assert check() == {}


def test_i1_two_visits_at_once(busy: Practice, check: Callable[[], Broken]) -> None:
    busy.sql("ALTER TABLE appointments DROP CONSTRAINT appointments_no_overlap")
    one, other = ids(
        busy,
        """
        INSERT INTO appointments (status, practitioner_id, patient_id, visit_type_id, location_id, during, blocked,
                                  local_start, zone, created_at)
        SELECT 'booked', practitioner_id, 1, visit_type_id, location_id, during, blocked, local_start, zone, created_at
        FROM appointments, generate_series(1, 2) WHERE status = 'cancelled' RETURNING id
        """,
    )
    ((cover,),) = busy.sql("SELECT id FROM appointments WHERE covers_id IS NOT NULL")
    assert check() == {"I1": (f"{cover} and {one}", f"{cover} and {other}", f"{one} and {other}")}


def test_i2_a_message_that_nobody_answers(busy: Practice, check: Callable[[], Broken]) -> None:
    forgotten = ids(
        busy,
        """
        UPDATE inbox SET status = 'new', received_at = now() - interval '5 minutes'
        WHERE id = (SELECT min(id) FROM inbox) RETURNING id
        """,
    )
    assert check() == {"I2": forgotten}


def test_i2_a_message_that_was_stored_twice(busy: Practice, check: Callable[[], Broken]) -> None:
    busy.sql("ALTER TABLE inbox DROP CONSTRAINT inbox_channel_account_external_id_key")
    ((first, _),) = busy.sql(
        """
        INSERT INTO inbox (channel, account, external_id, conversation_id, status, seq)
        SELECT channel, account, external_id, conversation_id, 'answered', 99 FROM inbox ORDER BY id LIMIT 1
        RETURNING (SELECT min(id) FROM inbox), id
        """
    )
    assert check() == {"I2": (str(first),)}


def test_i3_replies_that_are_not_accounted_for(busy: Practice, check: Callable[[], Broken]) -> None:
    lost = set()
    for flaw in (
        "status = 'sent', settled_at = now()",  # never tried
        "status = 'sent', attempts = 1",  # never settled
        "status = 'failed', settled_at = now()",  # without a reason
        "status = 'sending', leased_until = now() - interval '5 minutes'",  # its sender died
        "due_at = now() - interval '5 minutes'",  # never sent
    ):
        person = busy.person(flaw, CHANNEL)
        person.owe("hello")
        lost |= set(ids(busy, f"UPDATE outbox SET {flaw} WHERE address_id = {person.home.address_id} RETURNING id"))  # noqa: S608
    assert {name: set(broken) for name, broken in check().items()} == {"I3": lost}


def test_i3_replies_in_the_wrong_order(busy: Practice, check: Callable[[], Broken]) -> None:
    first, second = ids(busy, "SELECT id FROM outbox WHERE status = 'sent' ORDER BY seq")
    busy.sql("UPDATE outbox SET status = 'due', settled_at = NULL WHERE id = %(id)s", id=first)
    assert check() == {"I3": (second,)}


def test_i7_dialogs_that_cannot_go_on(busy: Practice, check: Callable[[], Broken]) -> None:
    expected = []
    for state, flaw in (
        (b"{", "cannot be read"),
        (b'{"version": 0}', "is of another version"),
        (b'{"stack": ["booking.name"]}', "asks who comes before a time was chosen"),
    ):
        home = busy.person().home
        busy.sql(
            "UPDATE conversations SET state = %(state)s WHERE id = %(id)s",
            state=home.key.seal("conversations.state", home.conversation_id, state),
            id=home.conversation_id,
        )
        expected.append(f"{home.conversation_id}: {flaw}")
    home = busy.person().home
    busy.sql("UPDATE conversations SET state = 'rubbish' WHERE id = %(id)s", id=home.conversation_id)
    expected.append(f"{home.conversation_id}: unreadable")
    assert {name: set(broken) for name, broken in check().items()} == {"I7": set(expected)}
