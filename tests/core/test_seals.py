"""The audit is sealed: what is done to it afterwards, by whoever can write to the database, is seen."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.compliance import audit, seals
from core.compliance.audit import Actor
from core.compliance.seals import Noted
from core.config import parse_keyring
from core.crypto import Vault
from core.database import Session, run, transaction
from frontdesk import verify
from tests.demo_clinic import VAULT
from tests.factories import Practice

ROWS, SEALS, TAMPERINGS = 60, 6, 1_000


def write_down(practice: Practice, count: int) -> None:
    for n in range(count):
        with transaction(practice.engine) as session:
            audit.record(
                session, Actor("staff", n), "patient.read", "patients", n, code=f"c{n}", at=[n, {"b": 1, "a": 2}]
            )


def seal(practice: Practice, *, at_once: bool = False) -> int:
    if not at_once:
        practice.wait_for_others()
    with transaction(practice.engine) as session:
        return seals.seal(session, VAULT)


def broken(session: Session, noted: list[Noted]) -> tuple[str, ...]:
    evidence = verify.Evidence(session, VAULT, noted)
    return (*verify.flaws_of_chain(evidence), *verify.flaws_outside(evidence))


def sealed_rows(practice: Practice) -> list[int]:
    """Up to which row each seal covers the audit."""
    return [last_id for (last_id,) in practice.sql("SELECT last_id FROM audit_seals ORDER BY id")]


# --- sealing ---------------------------------------------------------------------------------------------------------


def test_a_seal_covers_what_the_one_before_had_seen_and_nothing_twice(practice: Practice) -> None:
    write_down(practice, 3)
    assert [seal(practice), seal(practice), seal(practice)] == [0, 3, 0]
    write_down(practice, 2)
    assert [seal(practice), seal(practice), seal(practice)] == [0, 2, 0]
    assert sealed_rows(practice) == [0, 3, 3, 5]


def test_a_row_that_is_committed_after_a_later_one_is_waited_for(practice: Practice) -> None:
    with transaction(practice.engine) as slow:
        audit.record(slow, Actor("staff"), "patient.read", "patients", 1)
        write_down(practice, 2)
        assert [seal(practice, at_once=True) for _ in range(3)] == [0, 0, 0]
    assert seal(practice) == 3


def test_a_long_row_of_work_is_sealed_in_portions(practice: Practice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "MOST_ROWS", 4)
    write_down(practice, 10)
    assert [seal(practice) for _ in range(5)] == [0, 4, 4, 2, 0]
    with transaction(practice.engine) as session:
        assert broken(session, []) == ()


def test_a_database_that_was_moved_to_another_server_is_sealed_further(practice: Practice) -> None:
    """There the transactions are counted anew, from far below."""
    write_down(practice, 2)
    seal(practice)
    practice.sql("UPDATE audit_seals SET seen_xid = seen_xid + 1000000000")
    assert seal(practice) == 2


def test_the_hash_does_not_depend_on_how_a_connection_shows_things(practice: Practice) -> None:
    write_down(practice, 5)
    seal(practice)
    seal(practice)
    with transaction(practice.engine) as session:
        run(session, "SET LOCAL timezone = 'Asia/Kathmandu'")
        run(session, "SET LOCAL datestyle = 'German'")
        run(session, "UPDATE audit SET detail = replace(replace(detail::text, ' ', ''), ',', ' , ')::jsonb")
        assert broken(session, []) == ()


ALIKE = {
    "nothing and null": ("NULL", "'null'"),
    "zeros at the end": ("'1.0'", "'1.00'"),
    "more digits than a float has": ("'0.1'", "'0.1000000000000000055'"),
    "a float with an integer's value": ("'12345678901234567890'", "'12345678901234567890.0'"),
    "larger than every float": ("'1e400'", "'2e400'"),
    "text and number": ("'1'", "'\"1\"'"),
    "text that is JSON": ("'\"[1]\"'", "'[1]'"),
}


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=ALIKE)
def test_what_looks_alike_is_not_hashed_alike(practice: Practice, one: str, other: str) -> None:
    write_down(practice, 1)
    practice.sql(f"UPDATE audit SET detail = {one}")  # noqa: S608
    seal(practice)
    seal(practice)
    with transaction(practice.engine) as session:
        assert broken(session, []) == ()
        run(session, f"UPDATE audit SET detail = {other}")  # noqa: S608
        assert broken(session, []) != ()


@pytest.mark.parametrize("detail", ["('1' || repeat('0', 5000))", "(repeat('[', 3000) || repeat(']', 3000))"])
def test_a_row_that_python_cannot_hold_stops_no_seal(practice: Practice, detail: str) -> None:
    """Whoever can write one row to the database must not end the sealing by it, nor `verify`."""
    write_down(practice, 2)
    practice.sql(f"UPDATE audit SET detail = {detail}::jsonb WHERE id = 1")  # noqa: S608
    assert [seal(practice), seal(practice)] == [0, 2]
    with transaction(practice.engine) as session:
        assert broken(session, []) == ()


# --- kept outside ----------------------------------------------------------------------------------------------------


def test_each_seal_is_kept_once_and_a_line_that_was_cut_short_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "var" / seals.FILE
    first, second = (seals.Seal(n, "", n, n, n, bytes([n] * 8)) for n in (1, 2))
    assert [seals.note(first, file), seals.note(first, file)] == [True, False]
    with file.open("a") as kept:
        kept.write("2 0202")  # the disk was full
    assert seals.note(second, file)
    assert list(seals.noted(file)) == [Noted(1, first.hash), Noted(2, second.hash)]
    assert list(seals.noted(tmp_path / "nowhere")) == []


def test_a_backup_that_was_put_back_is_told_from_what_was_kept_outside(practice: Practice, tmp_path: Path) -> None:
    """Its chain is whole, and shorter than what this machine remembers; sealing goes on from there."""
    file = tmp_path / seals.FILE
    for _ in range(3):
        write_down(practice, 2)
        seal(practice)
        seal(practice)
        with transaction(practice.engine) as session:
            newest = seals.newest(session)
        assert newest is not None
        seals.note(newest, file)
    practice.sql("DELETE FROM audit_seals WHERE id > 2")
    practice.sql("DELETE FROM audit WHERE id > 2")
    with transaction(practice.engine) as session:
        found = verify.audit_is_as_it_was_written(verify.Evidence(session, VAULT, verify.read_noted(file)))
    assert found.broken == tuple(f"seal {id}: was kept outside, and is gone" for id in (4, 6))
    assert found.notes == (verify.OLDER_BACKUP,)
    write_down(practice, 2)
    seal(practice)
    seal(practice)
    with transaction(practice.engine) as session:
        assert broken(session, list(seals.noted(file))) == (
            "seal 4: another one was kept outside",
            "seal 6: was kept outside, and is gone",
        )


# --- tampering -------------------------------------------------------------------------------------------------------


@pytest.fixture
def sealed(practice: Practice) -> Practice:
    """Sixty rows under six seals, with numbers between them that were given to nobody."""
    for _ in range(SEALS):
        write_down(practice, ROWS // SEALS)
        practice.sql("SELECT nextval(pg_get_serial_sequence('audit', 'id'))")
        seal(practice)
        seal(practice)
    practice.sql("DELETE FROM audit_seals WHERE id > %(last)s", last=2 * SEALS)
    return practice


@contextmanager
def undone(session: Session) -> Iterator[None]:
    with session.begin_nested() as savepoint:
        yield
        savepoint.rollback()


def a_row(session: Session, chance: random.Random) -> int:
    return int(chance.choice(run(session, "SELECT id FROM audit").fetchall()).id)


def a_seal(session: Session, chance: random.Random) -> int:
    return int(chance.choice(run(session, "SELECT id FROM audit_seals").fetchall()).id)


def edit_a_row(session: Session, chance: random.Random) -> None:
    change = chance.choice(
        (
            "actor = actor || ' '",
            "action = 'visit.booked'",
            "entity = 'appointments'",
            "entity_id = entity_id + 1",
            "at = at + interval '1 microsecond'",
            "at = 'infinity'",
            "detail = NULL",
            "detail = detail || '{\"code\": 5}'",
            "detail = jsonb_set(detail, '{at,1,a}', '3')",
            "id = -id",
            "id = id + 100000",
        )
    )
    run(session, f"UPDATE audit SET {change} WHERE id = %(id)s", id=a_row(session, chance))  # noqa: S608


def delete_a_row(session: Session, chance: random.Random) -> None:
    run(session, "DELETE FROM audit WHERE id = %(id)s", id=a_row(session, chance))


def swap_two_rows(session: Session, chance: random.Random) -> None:
    one = a_row(session, chance)
    other = chance.choice([id for (id,) in run(session, "SELECT id FROM audit") if id != one])
    for old, new in ((one, 0), (other, one), (0, other)):
        run(session, "UPDATE audit SET id = %(new)s WHERE id = %(old)s", old=old, new=new)


def slip_a_row_in(session: Session, chance: random.Random) -> None:
    free = run(
        session, "SELECT id FROM generate_series(-1, (SELECT max(id) FROM audit)) id EXCEPT SELECT id FROM audit"
    )
    run(
        session,
        "INSERT INTO audit (id, at, actor, action, entity, entity_id, detail) "
        "SELECT %(new)s, at, actor, action, entity, entity_id, detail FROM audit WHERE id = %(id)s",
        new=chance.choice(free.fetchall()).id,
        id=a_row(session, chance),
    )


def change_a_seal(session: Session, chance: random.Random) -> None:
    change = chance.choice(
        (
            "at = at + interval '1 microsecond'",
            "last_id = last_id - 1",
            "seen_id = seen_id + 1",
            "seen_xid = seen_xid + 1",
            "hash = set_byte(hash, 20, get_byte(hash, 20) # 1)",
            "id = id + 1000",
        )
    )
    run(session, f"UPDATE audit_seals SET {change} WHERE id = %(id)s", id=a_seal(session, chance))  # noqa: S608


def delete_a_seal(session: Session, chance: random.Random) -> None:
    run(session, "DELETE FROM audit_seals WHERE id = %(id)s", id=a_seal(session, chance))


def cut_the_end_off(session: Session, chance: random.Random) -> None:
    run(session, "DELETE FROM audit_seals WHERE id >= %(id)s", id=a_seal(session, chance))
    run(session, "DELETE FROM audit WHERE id > (SELECT coalesce(max(last_id), 0) FROM audit_seals)")


def change_a_row_and_seal_anew_with_a_key_of_ones_own(session: Session, chance: random.Random) -> None:
    """Who can write to the database, and has read this code, but not the clinic's keys."""
    edit_a_row(session, chance)
    run(session, "DELETE FROM audit_seals")
    reseal(session, Vault(VAULT.master, parse_keyring(f"test:{'B' * 43}=")))


def cut_the_end_off_and_let_the_clinic_seal_anew(session: Session, chance: random.Random) -> None:
    cut_the_end_off(session, chance)
    reseal(session, VAULT)


def reseal(session: Session, vault: Vault) -> None:
    # All of it happens in one transaction, which is not over; only the outcome matters here.
    for _ in range(2):
        run(session, "UPDATE audit_seals SET seen_xid = 0 WHERE id = (SELECT max(id) FROM audit_seals)")
        seals.seal(session, vault)


ATTACKS: tuple[Callable[[Session, random.Random], Any], ...] = (
    edit_a_row,
    delete_a_row,
    swap_two_rows,
    slip_a_row_in,
    change_a_seal,
    delete_a_seal,
    cut_the_end_off,
    change_a_row_and_seal_anew_with_a_key_of_ones_own,
    cut_the_end_off_and_let_the_clinic_seal_anew,
)


def test_a_thousand_random_tamperings_are_all_seen(sealed: Practice) -> None:
    chance = random.Random(5)
    with transaction(sealed.engine) as session:
        newest = seals.newest(session)
        assert newest is not None
        noted = [Noted(newest.id, newest.hash)]
        assert broken(session, noted) == ()
        for number in range(TAMPERINGS):
            attack = ATTACKS[number % len(ATTACKS)]
            with undone(session):
                attack(session, chance)
                assert broken(session, noted), f"{attack.__name__} was not seen (number {number})"
        assert broken(session, noted) == ()
