"""What is sealed opens only for its owner, in its place, with its key."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config import format_keyring
from core.crypto import DataKey, Unreadable, Vault
from core.keyring import Keyring

OLD, NEW = b"o" * 32, b"n" * 32


def vault(master: Keyring, lookup: Keyring | None = None) -> Vault:
    return Vault(master, lookup or Keyring("l", {"l": b"l" * 32}))


BEFORE = vault(Keyring("old", {"old": OLD}))
ROTATED = vault(Keyring("new", {"new": NEW, "old": OLD}))
AFTERWARDS = vault(Keyring("new", {"new": NEW}))


@pytest.fixture
def key() -> DataKey:
    return BEFORE.new_key()[0]


class TestSealing:
    @given(st.text(), st.integers(1, 2**63 - 1))
    def test_any_text_opens_as_it_was_sealed(self, text: str, owner: int) -> None:
        key, _ = BEFORE.new_key()
        assert key.open_text("patients.name", owner, key.seal_text("patients.name", owner, text)) == text

    def test_half_of_a_surrogate_pair_survives(self, key: DataKey) -> None:
        assert key.open_text("inbox.body", 1, key.seal_text("inbox.body", 1, "\ud83d")) == "\ud83d"

    def test_another_place_cannot_open_it(self, key: DataKey) -> None:
        with pytest.raises(Unreadable):
            key.open("patients.birth_date", 1, key.seal("patients.name", 1, b"Amy"))

    def test_another_owner_cannot_open_it(self, key: DataKey) -> None:
        with pytest.raises(Unreadable):
            key.open("patients.name", 2, key.seal("patients.name", 1, b"Amy"))

    def test_another_key_cannot_open_it(self, key: DataKey) -> None:
        other, _ = BEFORE.new_key()
        with pytest.raises(Unreadable):
            other.open("patients.name", 1, key.seal("patients.name", 1, b"Amy"))

    def test_another_secret_under_the_same_id_cannot_open_it(self, key: DataKey) -> None:
        with pytest.raises(Unreadable):
            DataKey(key.id, b"x" * 32).open("patients.name", 1, key.seal("patients.name", 1, b"Amy"))

    @given(st.integers(min_value=0), st.integers(1, 255))
    def test_a_single_changed_byte_is_noticed(self, where: int, change: int) -> None:
        key, _ = BEFORE.new_key()
        sealed = bytearray(key.seal("patients.name", 1, b"Amy"))
        sealed[where % len(sealed)] ^= change
        with pytest.raises(Unreadable):
            key.open("patients.name", 1, bytes(sealed))

    @given(st.binary(max_size=60))
    def test_whatever_else_stands_in_the_column_is_unreadable_and_no_other_error(self, rubbish: bytes) -> None:
        key, _ = BEFORE.new_key()
        for sealed in (rubbish, key.seal("patients.name", 1, b"")[: len(rubbish) % 21]):
            with pytest.raises(Unreadable):
                key.open("patients.name", 1, sealed)

    def test_the_same_name_is_never_sealed_alike(self, key: DataKey) -> None:
        assert key.seal("patients.name", 1, b"Amy") != key.seal("patients.name", 1, b"Amy")


class TestMasterKeys:
    def test_a_data_key_can_be_unwrapped(self) -> None:
        key, wrapped = BEFORE.new_key()
        sealed = key.seal("patients.name", 1, b"Amy")
        assert BEFORE.unwrap(key.id, wrapped).open("patients.name", 1, sealed) == b"Amy"

    def test_after_a_rotation_old_keys_still_unwrap_and_new_ones_need_the_new_master(self) -> None:
        old, old_wrapped = BEFORE.new_key()
        new, new_wrapped = ROTATED.new_key()
        assert ROTATED.unwrap(old.id, old_wrapped).id == old.id
        assert AFTERWARDS.unwrap(new.id, new_wrapped).id == new.id
        with pytest.raises(Unreadable):
            BEFORE.unwrap(new.id, new_wrapped)
        with pytest.raises(Unreadable):
            AFTERWARDS.unwrap(old.id, old_wrapped)

    def test_a_wrapped_key_is_bound_to_its_owner(self) -> None:
        key, wrapped = BEFORE.new_key()
        with pytest.raises(Unreadable):
            BEFORE.unwrap(key.id + 1, wrapped)

    @given(st.binary(max_size=80))
    def test_a_damaged_wrapping_is_unreadable_and_no_other_error(self, rubbish: bytes) -> None:
        for wrapped in (rubbish, b"old:" + rubbish):
            with pytest.raises(Unreadable):
                BEFORE.unwrap(1, wrapped)


class TestLookUps:
    def test_the_same_number_is_found_again(self) -> None:
        assert BEFORE.lookup_key("sms/desk", "+12075550100") == BEFORE.lookup_key("sms/desk", "+12075550100")

    def test_the_same_number_elsewhere_looks_different(self) -> None:
        keys = {BEFORE.lookup_key(kind, value) for kind in ("sms/a", "sms/b") for value in ("+1207", "+1208")}
        assert len(keys) == 4

    def test_kind_and_value_do_not_run_into_each_other(self) -> None:
        assert BEFORE.lookup_key("sms", "a+1") != BEFORE.lookup_key("smsa", "+1")

    def test_rows_made_before_a_rotation_are_found_too(self) -> None:
        before = replace(BEFORE, lookup=Keyring("l1", {"l1": OLD}))
        rotated = replace(BEFORE, lookup=Keyring("l2", {"l2": NEW, "l1": OLD}))
        assert before.lookup_key("sms/desk", "+1207") in rotated.lookup_keys("sms/desk", "+1207")
        assert rotated.lookup_key("sms/desk", "+1207") == rotated.lookup_keys("sms/desk", "+1207")[0]


def test_no_secret_is_shown_by_a_repr(key: DataKey) -> None:
    secret = format_keyring(ROTATED.master)
    shown = repr([ROTATED, ROTATED.master, key]) + str(vars(key))
    for part in ("nnn", "ooo", *secret.replace(",", ":").split(":")[1::2]):
        assert part not in shown
