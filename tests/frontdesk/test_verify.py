"""`frontdesk verify` finds every promise that is broken on purpose, and nothing where all is well."""

from collections.abc import Callable
from pathlib import Path

import pytest

from channels.delivery import deliver_next
from core.config import format_keyring
from core.database import transaction
from core.messaging import handoffs
from core.people import staff
from frontdesk import cli, verify
from frontdesk.ticks import note_newest_seal, tick
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
    while deliver_next(practice.engine, practice.vault, practice.directory, vendor.speakers):
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


def seal(practice: Practice) -> None:
    """What the tick does; the first time it only notes what there is."""
    practice.wait_for_others()
    tick(practice.engine, VAULT, "seal_audit")


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
    busy.sql(
        "INSERT INTO audit (actor, action, entity, entity_id) SELECT 'setup', 'visit.booked', 'appointments', unnest(ARRAY[%(one)s, %(other)s]::bigint[])",
        one=one,
        other=other,
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


FLAWS = {
    "sent without an attempt": "status = 'sent', settled_at = now()",
    "settled at no time": "status = 'sent', attempts = 1",
    "failed without a reason": "status = 'failed', settled_at = now()",
    "its sender died, and nobody settled it": "status = 'sending', leased_until = now() - interval '5 minutes'",
    "waits too long": "due_at = now() - interval '5 minutes'",
    "tried too often": "attempts = 9",
}


def test_i4_a_reminder_that_was_said_after_the_visit_had_changed(busy: Practice, check: Callable[[], Broken]) -> None:
    rows = """
    WITH noted AS (
      INSERT INTO audit (actor, action, entity, entity_id, detail)
      SELECT 'clock', 'visit.reminded', 'appointments', id, '{"sequence": 0, "outbox": 1}' FROM appointments WHERE status = 'cancelled'
      RETURNING entity_id)
    INSERT INTO reminders (appointment_id, sequence, lead, due_at, status, outbox_id, address_id, settled_at)
    SELECT entity_id, 0, '2 hours', now(), 'owed', o.id, o.address_id, now() FROM noted, outbox o WHERE o.id = 1 RETURNING appointment_id
    """
    (visit,) = ids(busy, rows)
    assert check() == {"I4": (f"visit {visit}: was reminded of after it had changed",)}


def test_i3_replies_that_are_not_accounted_for(busy: Practice, check: Callable[[], Broken]) -> None:
    lost = set()
    for flaw, damage in FLAWS.items():
        person = busy.person(flaw, CHANNEL)
        person.owe("hello")
        (id,) = ids(busy, f"UPDATE outbox SET {damage} WHERE address_id = {person.home.address_id} RETURNING id")  # noqa: S608
        lost.add(f"{id}: {flaw}")
    assert {name: set(broken) for name, broken in check().items()} == {"I3": lost}


# What `verify` says of what was done by hand.
BY_HAND = [
    (
        "I2: {id}",
        """
        WITH c AS (UPDATE conversations SET leased_until = 'infinity')
        UPDATE inbox SET status = 'new', received_at = now() - interval '5 minutes' WHERE id = 1 RETURNING id
        """,
    ),
    ("I2: {id}", "UPDATE inbox SET status = 'aside' WHERE id = 1 RETURNING id"),
    ("I3: {id}: its lease does not end", "UPDATE outbox SET status = 'sending' WHERE status = 'due' RETURNING id"),
    (
        "I3: {id}: its lease does not end",
        "UPDATE outbox SET status = 'sending', leased_until = 'infinity' WHERE status = 'due' RETURNING id",
    ),
    (
        "I3: {id}: waits for a time that is too far",
        "UPDATE outbox SET due_at = 'infinity' WHERE status = 'due' RETURNING id",
    ),
    (
        "I3: conversation {id}: of its 4 lines 3 are there",
        "DELETE FROM outbox WHERE seq = 2 RETURNING conversation_id",
    ),
    ("I3: conversation {id}: of its 4 lines 3 are there", "DELETE FROM inbox WHERE seq = 3 RETURNING conversation_id"),
    (
        "I3: conversation {id}: of its 4 lines 3 are there, some of them twice",
        "UPDATE inbox SET seq = 2 WHERE seq = 3 RETURNING conversation_id",
    ),
    (
        "I4: visit {id}: is planned, and has no reminders",
        "UPDATE appointments SET planned_sequence = sequence WHERE status = 'booked' RETURNING id",
    ),
    (
        "I4: visit {id}: was reminded of, and does not count as that",
        """
        INSERT INTO audit (actor, action, entity, entity_id, detail)
        SELECT 'clock', 'visit.reminded', 'appointments', id, '{"sequence": 0, "outbox": 1}' FROM appointments WHERE status = 'booked'
        RETURNING entity_id
        """,
    ),
    (
        "I4: visit {id}: counts as reminded of, and that is not written down",
        """
        INSERT INTO reminders (appointment_id, sequence, lead, due_at, status, outbox_id, address_id, settled_at)
        SELECT a.id, 0, '2 hours', now(), 'owed', o.id, o.address_id, now()
        FROM appointments a, (SELECT * FROM outbox ORDER BY id LIMIT 1) o WHERE a.status = 'booked' RETURNING appointment_id
        """,
    ),
    (
        "I5: appointment {id}: it was booked, and is gone",
        "DELETE FROM appointments WHERE status = 'booked' RETURNING id",
    ),
    (
        "I5: appointment {id}: nobody is written down who let go of it",
        "DELETE FROM appointments WHERE status = 'pending' AND covers_id IS NULL RETURNING id",
    ),
    (
        "I5: appointment {id}: nobody is written down who made it",
        """
        INSERT INTO appointments (status, practitioner_id, patient_id, visit_type_id, location_id, during, blocked,
                                  local_start, zone, created_at)
        SELECT status, practitioner_id + 1, patient_id, visit_type_id, location_id, during, blocked, local_start, zone, created_at
        FROM appointments WHERE status = 'booked' RETURNING id
        """,
    ),
    (
        "I5: appointment {id}: it is noshow, and that is not written down",
        "UPDATE appointments SET status = 'noshow' WHERE status = 'booked' RETURNING id",
    ),
    (
        "I5: appointment {id}: it stands elsewhere than is written down",
        "UPDATE appointments SET practitioner_id = practitioner_id + 1 WHERE status = 'booked' RETURNING id",
    ),
    (
        "I5: appointment {id}: it stands elsewhere than is written down",
        "UPDATE appointments SET patient_id = patient_id + 1 WHERE status = 'booked' RETURNING id",
    ),
    (
        "I5: appointment {id}: it stands elsewhere than is written down",
        "UPDATE appointments SET during = tstzrange(lower(during) + '1 minute', upper(during)) WHERE status = 'booked' RETURNING id",
    ),
    ("I5: handoff {id}: it was opened, and is gone", "DELETE FROM handoffs RETURNING id"),
    (
        "I5: conversation {id}: it is not written down who has it",
        "UPDATE conversations SET staff_id = 1 WHERE id = 1 RETURNING id",
    ),
]


@pytest.mark.parametrize(("said", "damage"), BY_HAND)
def test_what_was_done_by_hand_is_seen(busy: Practice, said: str, damage: str) -> None:
    with transaction(busy.engine) as session:
        staff.add(session, VAULT, "Sam", "receptionist")
        handoffs.hand_over(session, 1, "asked", busy.now)
    busy.person("zoe").hold(busy.slot("11:00"))
    busy.sql("DELETE FROM prompts")
    assert busy.broken_promises() == {}
    (id,) = ids(busy, damage)
    name, _, flaw = said.format(id=id).partition(": ")
    assert busy.broken_promises() == {name: (flaw,)}


def test_i1_a_visit_on_a_seat_that_is_not_there(busy: Practice) -> None:
    """No constraint sees that two visits of one doctor are at the same time, each on a seat of its own."""
    (visit,) = ids(busy, "SELECT id FROM appointments WHERE status = 'booked'")
    zoe = busy.person("zoe")
    late = zoe.book(busy.slot("16:00")).id
    busy.sql("UPDATE appointments SET seat = 2 WHERE id = %(late)s", late=late)
    assert busy.broken_promises() == {}  # nobody else is there then
    busy.sql(
        "UPDATE appointments a SET during = b.during, blocked = b.blocked FROM appointments b WHERE a.id = %(late)s AND b.id = %(visit)s",
        late=late,
        visit=visit,
    )
    assert busy.broken_promises() == {
        "I1": (f"{late}: on seat 2, where there are 1",),
        "I5": (f"appointment {late}: it stands elsewhere than is written down",),
    }


def test_i3_replies_in_the_wrong_order(busy: Practice, check: Callable[[], Broken]) -> None:
    first, second = ids(busy, "SELECT id FROM outbox WHERE status = 'sent' ORDER BY seq")
    busy.sql("UPDATE outbox SET settled_at = settled_at + interval '1 second' WHERE id = %(id)s", id=first)
    assert check() == {"I3": (f"{second}: settled before what was owed before",)}
    busy.sql("UPDATE outbox SET status = 'due', settled_at = NULL WHERE id = %(id)s", id=first)
    busy.sql("UPDATE prompts SET sent_at = NULL WHERE outbox_id = %(id)s", id=first)
    assert check() == {"I3": (f"{second}: overtook what was owed before",)}


def test_i3_two_replies_in_flight_to_one_address(busy: Practice, check: Callable[[], Broken]) -> None:
    busy.sql("DROP INDEX outbox_in_flight_idx")
    busy.sql("UPDATE prompts SET sent_at = NULL")
    flying = ids(busy, "UPDATE outbox SET status = 'sending', leased_until = now() WHERE status = 'sent' RETURNING id")
    assert check() == {"I3": tuple(f"{id}: in flight beside another" for id in flying)}


def test_i3_one_reply_twice(busy: Practice, check: Callable[[], Broken]) -> None:
    twins = ids(
        busy,
        """
        WITH twin AS (INSERT INTO outbox (conversation_id, address_id, channel, seq, payload)
          SELECT conversation_id, address_id, channel, seq, payload FROM outbox WHERE status = 'due' RETURNING id)
        SELECT id FROM outbox WHERE status = 'due' UNION SELECT id FROM twin ORDER BY id
        """,
    )
    assert check() == {"I3": tuple(f"{id}: has its place twice" for id in twins)}


def test_i3_prompts_that_do_not_know_when_they_were_sent(busy: Practice, check: Callable[[], Broken]) -> None:
    person = busy.person("zoe", "web")
    person.offer(busy.slot("12:00"))
    (id,) = ids(busy, "UPDATE prompts SET sent_at = NULL WHERE id = (SELECT max(id) FROM prompts) RETURNING outbox_id")
    assert check() == {"I3": (f"{id}: its prompt does not know when it was sent",)}


def test_i3_what_the_vendor_took_is_what_we_believe(
    busy: Practice, tmp_path: Path, capsys: pytest.CaptureFixture[str], check: Callable[[], Broken]
) -> None:
    first, second = ids(busy, "SELECT id FROM outbox WHERE status = 'sent' ORDER BY seq")
    failed, unknown = busy.person("eve", CHANNEL), busy.person("zoe", CHANNEL)
    for person, status in ((failed, "failed"), (unknown, "unknown")):
        person.owe("hello")
        values = {"status": status, "id": person.home.address_id}
        busy.sql(
            "UPDATE outbox SET status = %(status)s, doubts = (%(status)s = 'unknown')::int, error = 'x', settled_at = now() "
            "WHERE address_id = %(id)s",
            **values,
        )
    third, fourth = ids(busy, "SELECT id FROM outbox WHERE status IN ('failed', 'unknown') ORDER BY id")

    def against(*sent: str) -> set[str]:
        """What the command says about this ledger; its last line was cut short when its writer was killed."""
        ledger = tmp_path / "ledger"
        ledger.write_text("".join(f'{{"outbox_id": {id}}}\n' for id in sent) + '{"outbox')
        with pytest.raises(SystemExit) as exit:
            cli.main(["verify", "--ledger", str(ledger)])
        lines = {line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("   ")}
        assert exit.value.code == (1 if lines else 0)
        return lines

    assert check() == {}
    assert against(first, second) == against(first, second, fourth) == set()
    assert against(first, second, fourth, fourth) == {f"{fourth}: was sent 2 times"}
    assert against(first) == {f"{second}: counts as sent, and the vendor never had it"}
    assert against(first, second, second) == {f"{second}: was sent 2 times"}
    assert against(second, first) == {f"{second}: was sent before what was owed before"}
    assert against(first, second, third) == {f"{third}: was sent, and counts as failed"}
    assert against(first, second, "999") == {"999: was sent, and is not owed"}
    busy.sql("UPDATE outbox SET doubts = 1 WHERE id = %(id)s", id=int(second))  # nobody knew, so it was said once more
    assert against(first, second, second) == set()


def test_i5_an_audit_row_that_was_changed(busy: Practice, check: Callable[[], Broken]) -> None:
    seal(busy)
    seal(busy)
    busy.sql("UPDATE audit SET actor = 'staff:1' WHERE action = 'visit.booked'")
    (last,) = ids(busy, "SELECT max(id) FROM audit")
    assert check() == {"I5": (f"seal 2: audit rows 1 to {last} are not as they were sealed",)}


def test_i5_a_chain_that_was_cut_short_is_seen_by_what_was_kept_outside(
    busy: Practice, tmp_path: Path, check: Callable[[], Broken], capsys: pytest.CaptureFixture[str]
) -> None:
    seal(busy)
    seal(busy)
    note_newest_seal(busy.engine, tmp_path / "var")
    busy.sql("DELETE FROM audit_seals WHERE id = 2")
    with pytest.raises(SystemExit):
        cli.main(["verify"])
    assert "seal 2: was kept outside, and is gone" in capsys.readouterr().out
    seal(busy)
    note_newest_seal(busy.engine, tmp_path / "var")
    with pytest.raises(SystemExit):
        cli.main(["verify"])
    assert "seal 2: another one was kept outside" in capsys.readouterr().out


def test_i5_what_was_kept_outside_and_cannot_be_read_is_said(
    tmp_path: Path, check: Callable[[], Broken], capsys: pytest.CaptureFixture[str]
) -> None:
    assert check() == {}
    (tmp_path / "var" / "audit-seals").mkdir(parents=True)
    with pytest.raises(SystemExit) as exit:
        cli.main(["verify"])
    assert exit.value.code == 2
    assert "audit-seals cannot be read" in capsys.readouterr().err


def test_i5_changes_that_nobody_wrote_down(busy: Practice, check: Callable[[], Broken]) -> None:
    busy.person("zoe").hold(busy.slot("11:00"))
    (visit,) = ids(busy, "UPDATE appointments SET status = 'cancelled' WHERE status = 'booked' RETURNING id")
    (hold,) = ids(busy, "SELECT id FROM appointments WHERE status = 'pending' AND covers_id IS NULL")
    busy.sql("DELETE FROM audit WHERE action = 'hold.made'")
    busy.sql("INSERT INTO handoffs (conversation_id, reason, opened_at, closed_at) VALUES (1, 'asked', now(), now())")
    busy.sql("DELETE FROM audit WHERE action = 'patient.linked' AND entity_id = 1")
    assert check() == {
        "I5": (
            f"appointment {hold}: nobody is written down who made it",
            f"appointment {visit}: it is cancelled, and that is not written down",
            "handoff 1: nobody is written down who opened it",
            "handoff 1: nobody is written down who closed it",
            "patient 1: nobody is written down who linked address 1",
        )
    }


def test_rows_that_wait_for_their_seal_are_reported(
    busy: Practice, capsys: pytest.CaptureFixture[str], check: Callable[[], Broken]
) -> None:
    seal(busy)
    busy.sql("UPDATE audit SET at = at - interval '10 minutes' WHERE id <= 2")
    assert check() == {}
    with pytest.raises(SystemExit):
        cli.main(["verify"])
    assert "2 audit rows from 1 on are not sealed yet: a worker does that while it runs" in capsys.readouterr().out


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
