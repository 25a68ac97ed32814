"""The small version; `make stress` is the full one."""

from pathlib import Path

from frontdesk import sender
from tests.campaign.stress import Load, stress
from tests.factories import Practice


def test_four_senders_with_a_slow_vendor_deliver_in_order_one_at_a_time_and_nothing_twice(
    practice: Practice, tmp_path: Path
) -> None:
    outcome = stress(practice, Load(chats=30, messages=5, workers=2, senders=2), tmp_path / "ledger")
    print(outcome.as_table())
    assert outcome.broken == ()
    assert sum(outcome.statuses.values()) == 150
    assert (
        outcome.statuses.get("unknown", 0) <= sender.THREADS
    )  # what the one that died had under way, and was not vital
