"""Messages are stored once, and every sender has one conversation."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest

from core.crypto import Vault
from core.database import transaction
from core.keyring import Keyring
from core.messaging import inbox
from core.messaging.inbox import Home, Sender
from tests.factories import Practice

SENDER = Sender("recording", "desk", "+12075550100")


def store(practice: Practice, id: str, sender: Sender = SENDER, text: bytes = b"hello") -> Home:
    with transaction(practice.engine) as session:
        home = inbox.home(session, practice.vault, sender)
        inbox.store(session, home, sender, id, text)
        return home


def count(practice: Practice, table: str) -> int:
    ((rows,),) = practice.sql(f"SELECT count(*) FROM {table}")  # noqa: S608
    return int(rows)


def test_a_repeat_is_stored_once(practice: Practice) -> None:
    store(practice, "m1")
    store(practice, "m1", text=b"the same id wins, whatever it says")
    assert count(practice, "inbox") == 1


def test_the_same_id_of_another_account_is_another_message(practice: Practice) -> None:
    store(practice, "m1")
    store(practice, "m1", Sender("recording", "other desk", "+12075550100"))
    assert count(practice, "inbox") == count(practice, "conversations") == 2


@pytest.mark.parametrize("ids", [["m1"] * 20, [f"m{n}" for n in range(20)]], ids=["one message", "twenty messages"])
def test_twenty_first_deliveries_at_the_same_instant_make_one_conversation(practice: Practice, ids: list[str]) -> None:
    at_once = Barrier(len(ids))

    def deliver(id: str) -> Home:
        at_once.wait()
        return store(practice, id)

    with ThreadPoolExecutor(len(ids)) as pool:
        homes = list(pool.map(deliver, ids))
    assert len({(home.address_id, home.conversation_id, home.key.id) for home in homes}) == 1
    assert count(practice, "inbox") == len(set(ids))
    for table in ("conversations", "addresses", "data_keys"):
        assert count(practice, table) == 1
    for row in practice.sql("SELECT body FROM inbox"):  # sealed with the key that stayed
        assert homes[0].key.open("inbox.body", homes[0].conversation_id, row.body) == b"hello"


def test_a_sender_is_found_after_the_look_up_keys_were_rotated(practice: Practice) -> None:
    home = store(practice, "m1")
    old = practice.vault.lookup
    rotated = Vault(practice.vault.master, Keyring("next", {"next": b"n" * 32, **old.keys}))
    assert store(replace(practice, vault=rotated), "m2").address_id == home.address_id


def test_time_tells_a_dialog_the_same_thing_once(practice: Practice) -> None:
    home = store(practice, "m1")
    for what in ("hold_expired:7", "hold_expired:7", "hold_expired:8"):
        with transaction(practice.engine) as session:
            inbox.tell_time(session, home.conversation_id, what)
    assert count(practice, "inbox WHERE channel = 'clock'") == 2
