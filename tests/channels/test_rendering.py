"""Choices as numbered lines, with nothing said twice."""

from datetime import UTC, datetime

import pytest

from bot.messages import CallPerson, Choice, ForPatient, Moment, OtherDay, Payload, Pick, Reply, Say
from channels.rendering import with_numbers
from core.scheduling.wishes import Slot
from tests.bot.test_texts import CLINIC

SLOT = Slot(1, 1, 1, datetime(2026, 3, 10, 13, tzinfo=UTC))
OTHER_DAY = Choice(Say("choice.other_day"), OtherDay(), "change")
PERSON = Choice(Say("choice.person"), CallPerson(), "person")


def offered(*moments: Moment) -> list[str]:
    """The lines of an SMS that offers these times."""
    times = [Choice(Say("choice.slot_doctor", {"when": when, "doctor": "Dr Lee"}), Pick(SLOT)) for when in moments]
    reply = Reply((Say("booking.which_of_several"),), (PERSON, *times, OTHER_DAY))
    return with_numbers(Payload(reply, "en"), CLINIC).text.splitlines()[1:-2]


def at(day: int, hour: int, zone: str | None = None) -> Moment:
    return Moment(datetime(2026, 3, day, hour), zone)


@pytest.mark.parametrize(
    ("moments", "lines"),
    [
        ([at(10, 8), at(10, 9)], ["Tue, Mar 10", "1 8:00 AM, Dr Lee", "2 9:00 AM, Dr Lee"]),
        ([at(10, 8), at(11, 9)], ["1 Tue, Mar 10 8:00 AM, Dr Lee", "2 Wed, Mar 11 9:00 AM, Dr Lee"]),
        ([at(10, 8)], ["1 Tue, Mar 10 8:00 AM, Dr Lee"]),
        (
            [at(10, 8), at(10, 9, "Europe/Lisbon")],
            ["1 Tue, Mar 10 8:00 AM, Dr Lee", "2 Tue, Mar 10 9:00 AM (Europe/Lisbon), Dr Lee"],
        ),
    ],
)
def test_the_day_of_all_times_is_said_once_where_that_is_the_whole_truth(
    moments: list[Moment], lines: list[str]
) -> None:
    assert offered(*moments) == lines


def test_digits_come_in_their_order_and_a_person_last() -> None:
    reply = Reply(
        (Say("booking.whom"),), (PERSON, OTHER_DAY, Choice(Say("choice.patient", {"patient": "Ben"}), ForPatient(1)))
    )
    assert with_numbers(Payload(reply, "en"), CLINIC).text.splitlines() == [
        "Who is the visit for?", "1 Ben", "9 Other day", "0 Person",
    ]  # fmt: skip
