"""Whose turn it is: claims, leases, and the fence that keeps zombies out."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from core.database import transaction
from core.messaging import conversations, outbox
from core.messaging.conversations import Claim
from tests.factories import Person, Practice, minutes, said, wait_for


@pytest.fixture
def amy(practice: Practice) -> Person:
    person = practice.person(name="Amy")
    person.write("hello")
    return person


def claim(practice: Practice, limit: int = 16) -> list[Claim]:
    with transaction(practice.engine) as session:
        return conversations.claim(session, limit)


def claim_failed(practice: Practice) -> Claim | None:
    with transaction(practice.engine) as session:
        return conversations.claim_failed(session)


def answer(practice: Practice, claimed: Claim) -> bool | None:
    """What a worker does with a message, without a dialog; None when it was not its turn."""
    with transaction(practice.engine) as session:
        turn = conversations.lock(session, practice.vault, claimed)
        if turn is None:
            return None
        conversations.finish(session, turn, b"state", turn.staff_id)
    return turn.more


def let_go(practice: Practice, claimed: Claim, *, forgiven: bool = False) -> None:
    with transaction(practice.engine) as session:
        conversations.let_go(session, claimed, minutes(0), forgiven=forgiven)


def expire_leases(practice: Practice) -> None:
    practice.sql("UPDATE conversations SET leased_until = clock_timestamp() - interval '1 second'")


def test_a_conversation_is_claimed_by_one_worker(practice: Practice, amy: Person) -> None:
    (claimed,) = claim(practice)
    assert (claimed.conversation_id, claimed.attempts) == (amy.home.conversation_id, 1)
    assert claim(practice) == []


def test_whoever_has_nothing_to_answer_is_not_claimed(practice: Practice, amy: Person) -> None:
    practice.person()
    (claimed,) = claim(practice)
    assert answer(practice, claimed) is False
    assert claim(practice) == []


def test_workers_that_claim_at_once_get_different_conversations(practice: Practice) -> None:
    for _ in range(40):
        practice.person().write("hello")
    at_once = Barrier(4)

    def claim_all(_: int) -> Iterator[int]:
        at_once.wait()
        while claimed := claim(practice, limit=3):
            assert len(claimed) <= 3
            yield from (each.conversation_id for each in claimed)

    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(lambda n: list(claim_all(n)), range(4)))
    everybody = [id for share in shares for id in share]
    assert len(everybody) == len(set(everybody)) == 40


def test_an_attempt_is_counted_before_anything_is_tried(practice: Practice, amy: Person) -> None:
    claim(practice)
    assert practice.sql("SELECT attempts FROM conversations") == [(1,)]


def test_an_expired_lease_is_anybodys_and_the_zombie_does_nothing(practice: Practice, amy: Person) -> None:
    (zombie,) = claim(practice)
    expire_leases(practice)
    heir = claim_failed(practice)
    assert heir is not None
    assert heir.attempts == 2
    assert answer(practice, zombie) is None
    let_go(practice, zombie)
    assert claim_failed(practice) is None  # the heir's lease stands
    assert answer(practice, heir) is False


def test_a_lease_that_ran_out_unnoticed_is_still_good(practice: Practice, amy: Person) -> None:
    (claimed,) = claim(practice)
    expire_leases(practice)
    assert answer(practice, claimed) is False


def test_what_failed_before_is_claimed_alone(practice: Practice, amy: Person) -> None:
    (first,) = claim(practice)
    let_go(practice, first)
    for _ in range(3):
        practice.person().write("hello")
    assert first.conversation_id not in {claimed.conversation_id for claimed in claim(practice)}
    again = claim_failed(practice)
    assert again == Claim(first.conversation_id, again.lease if again else 0, attempts=2)


def test_an_answer_resets_the_count(practice: Practice, amy: Person) -> None:
    (claimed,) = claim(practice)
    answer(practice, claimed)
    amy.write("and another thing")
    (again,) = claim(practice)
    assert again.attempts == 1


def test_while_more_waits_the_lease_goes_on_and_the_next_attempt_counts(practice: Practice, amy: Person) -> None:
    amy.write("and another thing")
    (claimed,) = claim(practice)
    assert answer(practice, claimed) is True
    assert claim(practice) == []
    assert practice.sql("SELECT attempts FROM conversations") == [(1,)]
    assert answer(practice, claimed) is False


@pytest.mark.parametrize(("forgiven", "attempts"), [(False, 1), (True, 0)])
def test_what_is_let_go_is_free_at_once(practice: Practice, amy: Person, forgiven: bool, attempts: int) -> None:
    (claimed,) = claim(practice)
    let_go(practice, claimed, forgiven=forgiven)
    assert practice.sql("SELECT attempts FROM conversations") == [(attempts,)]
    assert (claim(practice) or claim_failed(practice)) is not None


def test_forgiving_twice_forgives_once(practice: Practice, amy: Person) -> None:
    """A connection may be lost after the commit: what is given back then has been given back already."""
    (claimed,) = claim(practice)
    for _ in range(2):
        let_go(practice, claimed, forgiven=True)
    assert [again.attempts for again in claim(practice)] == [1]


def test_a_pause_is_kept(practice: Practice, amy: Person) -> None:
    (claimed,) = claim(practice)
    with transaction(practice.engine) as session:
        conversations.let_go(session, claimed, minutes(1), forgiven=True)
    assert claim(practice) == []
    practice.sql("UPDATE conversations SET not_before = clock_timestamp()")
    assert len(claim(practice)) == 1


def test_a_claim_that_finds_nothing_waiting_lets_go_at_once(practice: Practice, amy: Person) -> None:
    """Two workers may claim in the same instant: one answers, and the other must not keep the chat for half a minute."""
    (claimed,) = claim(practice)
    answer(practice, claimed)
    practice.sql("UPDATE conversations SET leased_until = clock_timestamp() + interval '30 seconds', attempts = 1")
    assert answer(practice, claimed) is None
    amy.write("and another thing")
    assert len(claim(practice)) == 1


def test_a_message_can_come_in_while_the_conversation_is_locked(practice: Practice, amy: Person) -> None:
    (claimed,) = claim(practice)
    with transaction(practice.engine) as session:
        assert conversations.lock(session, practice.vault, claimed) is not None
        amy.write("are you there?")
    assert practice.sql("SELECT count(*) FROM inbox") == [(2,)]


def test_the_state_is_kept_from_turn_to_turn(practice: Practice, amy: Person) -> None:
    (claimed,) = claim(practice)
    answer(practice, claimed)
    amy.write("and another thing")
    (again,) = claim(practice)
    with transaction(practice.engine) as session:
        turn = conversations.lock(session, practice.vault, again)
        assert turn is not None
        assert (turn.state, turn.version, turn.last_seq) == (b"state", 1, 1)


def test_what_is_owed_unasked_waits_for_a_turn_and_has_the_next_place(practice: Practice, amy: Person) -> None:
    (claimed,) = claim(practice)
    sealed = amy.home.key.seal("outbox.payload", amy.home.conversation_id, said("hello"))

    def owe_unasked() -> int:
        with transaction(practice.engine) as session:
            return conversations.owe(session, amy.home, outbox.Message(conversations.NEXT, sealed))

    with ThreadPoolExecutor(1) as pool:
        with transaction(practice.engine) as session:
            turn = conversations.lock(session, practice.vault, claimed)
            assert turn is not None
            owed = pool.submit(owe_unasked)
            wait_for(practice.somebody_waits_for_a_lock)
            answers = [outbox.Message(seq, sealed) for seq in (turn.seq + 1, turn.seq + 2)]
            conversations.finish(session, turn, b"state", None, amy.home.address_id, answers)
        owed.result()
    assert practice.sql("SELECT seq FROM outbox ORDER BY id") == [(2,), (3,), (4,)]
    assert practice.sql("SELECT last_seq FROM conversations") == [(4,)]


def test_a_turn_says_whether_it_leaves_a_question_open(practice: Practice, amy: Person) -> None:
    practice.start_clock()
    for asks in (True, False):
        amy.write("hello")
        (claimed,) = claim(practice)
        with transaction(practice.engine) as session:
            turn = conversations.lock(session, practice.vault, claimed)
            assert turn is not None
            conversations.finish(session, turn, b"state", None, asks=asks)
        expire_leases(practice)
        practice.sql("UPDATE conversations SET attempts = 0")
        assert practice.sql("SELECT asked_at IS NOT NULL FROM conversations") == [(asks,)]
