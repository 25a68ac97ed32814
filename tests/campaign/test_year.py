"""The small version, a month; `make year` is the full one."""

from tests.campaign.year import Plan, Year
from tests.factories import Practice


def test_in_a_month_every_reminder_is_said_once_or_a_row_says_why_not(practice: Practice) -> None:
    outcome = Year(practice, Plan()).live()
    print(outcome.as_table())
    assert outcome.broken == []
    assert outcome.tally["sent", None] > 200
    reasons = {why for status, why in outcome.tally if status == "skipped"}
    assert reasons >= {"passed", "just_told", "cancelled", "moved", "late", "no_address", "opted_out", "cap"}
