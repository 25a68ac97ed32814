"""How much may go out: never more than said, whoever asks at once; anew when its time is over; and given back when it was not needed."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest

from core.database import transaction
from core.messaging import quotas
from core.messaging.quotas import Draw, UsedUp
from tests.factories import Practice

TEN_MINUTES = timedelta(minutes=10)
CODE = Draw("to address 1: codes", Decimal(3), TEN_MINUTES)
MONEY = Draw("money", Decimal("1.00"), timedelta(days=1), Decimal("0.30"))


def draw(practice: Practice, *draws: Draw) -> str | None:
    """What was used up, if anything."""
    try:
        with transaction(practice.engine) as session:
            quotas.draw(session, draws)
    except UsedUp as used_up:
        return used_up.what
    return None


def used(practice: Practice) -> dict[str, Decimal]:
    return dict(practice.sql("SELECT what, used FROM quotas"))


def test_three_and_no_fourth_until_their_time_is_over(practice: Practice) -> None:
    assert [draw(practice, CODE) for _ in range(5)] == [None, None, None, CODE.what, CODE.what]
    practice.sql("UPDATE quotas SET until = until - interval '10 minutes'")
    assert [draw(practice, CODE) for _ in range(4)] == [None, None, None, CODE.what]


def test_money_is_counted_to_the_cent(practice: Practice) -> None:
    assert [draw(practice, MONEY) for _ in range(4)] == [None, None, None, MONEY.what]
    assert draw(practice, MONEY._replace(amount=Decimal("0.10"))) is None
    assert used(practice) == {"money": Decimal("1.00")}


def test_all_or_nothing(practice: Practice) -> None:
    for _ in range(3):
        draw(practice, CODE)
    assert draw(practice, MONEY, CODE) == CODE.what
    assert used(practice) == {CODE.what: 3}


def test_what_is_more_than_all_of_it_is_never_given(practice: Practice) -> None:
    assert draw(practice, MONEY._replace(amount=Decimal("1.01"))) == MONEY.what
    assert draw(practice, MONEY._replace(most=Decimal(0))) == MONEY.what
    assert used(practice) == {}


def test_what_was_not_needed_is_there_again(practice: Practice) -> None:
    assert [draw(practice, MONEY) for _ in range(3)] == [None] * 3
    with transaction(practice.engine) as session:
        quotas.give_back(session, [MONEY])
    assert used(practice) == {"money": Decimal("0.60")}
    assert draw(practice, MONEY) is None


def test_a_bigger_budget_counts_at_once(practice: Practice) -> None:
    assert [draw(practice, MONEY) for _ in range(4)][-1] == MONEY.what
    assert draw(practice, MONEY._replace(most=Decimal(2))) is None


@pytest.mark.parametrize("order", [1, -1])
def test_many_at_once_get_no_more_than_there_is(practice: Practice, order: int) -> None:
    """Whichever they name first, they do not wait for each other for ever."""
    both = [Draw("a", Decimal(10), TEN_MINUTES), Draw("b", Decimal(10), TEN_MINUTES)]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda n: draw(practice, *(both[:: order if n % 2 else 1])), range(40)))
    assert got.count(None) == 10
    assert used(practice) == {"a": 10, "b": 10}


def test_what_is_over_is_forgotten(practice: Practice) -> None:
    draw(practice, CODE, MONEY)
    practice.sql("UPDATE quotas SET until = until - interval '10 minutes'")
    with transaction(practice.engine) as session:
        assert quotas.forget(session) == 1
        assert [quota.what for quota in quotas.running(session)] == ["money"]


def test_those_of_single_numbers_are_not_shown_to_those_who_watch(practice: Practice) -> None:
    draw(practice, CODE, MONEY)
    with transaction(practice.engine) as session:
        assert [quota.what for quota in quotas.running(session)] == ["money"]
