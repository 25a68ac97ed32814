"""Why a time is not to be had: one list, from which what is not offered and what is not accepted are both explained."""

from typing import Literal, get_args

import msgspec

Closed = Literal["full", "time_off", "holiday", "not_working"]
"""What availability knows: somebody else has it; they are away; the place is closed that day; they do not work then."""

Barred = Literal[
    "booked_by_staff",
    "known_only",
    "new_patients_not_taken",
    "insurance_not_taken",
    "language_not_spoken",
    "wrong_mode",
]
"""Rules about who may come to whom, whatever the time."""

Reason = Literal[Closed, Barred, "wrong_place", "too_soon", "too_far", "just_taken"]
"""Ordered by how little is missing: the first reason among several candidates is what helps a patient most."""

REASONS: tuple[Reason, ...] = get_args(Reason)


class Why(msgspec.Struct, frozen=True):
    """A reason, and whose it is: one practitioner's, or None for everybody who could have been meant.

    `all_day` says that it holds on the wished days whatever the time of day.
    """

    reason: Reason
    practitioner: int | None = None
    all_day: bool = False


def least(reasons: "set[Reason]") -> Reason:
    """The reason that is nearest to a yes."""
    return min(reasons, key=REASONS.index)
