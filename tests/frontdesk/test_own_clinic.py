"""A clinic from spreadsheets answers patients, and by its own rules."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime

import pytest

from core.database import transaction
from frontdesk import verify
from tests import demo_clinic
from tests.core.own_clinic import CLINIC, refusals, take_in
from tests.demo_clinic import VAULT, DemoClinic

NOW = datetime(2031, 3, 10, 8, 0)  # a Monday, by the clock of the place
PATIENT = "+12075550111"
BOOKED = ("Dr Lee tomorrow at 10", "1", "Zoe Stone", "3 May 1990")

Made = Callable[..., DemoClinic]


@pytest.fixture
def made(make_database: Callable[[], str]) -> Iterator[Made]:
    """Makes the clinic of the spreadsheets with some columns more: those of the clinic, its visit type, its doctor."""
    with ExitStack() as stack:

        def make(**more: dict[str, str]) -> DemoClinic:
            clinic = stack.enter_context(demo_clinic.opened(make_database()))
            assert refusals(take_in(clinic.engine, CLINIC, **{f: wider(f, more[f]) for f in more})) == {}
            clinic.set_clock(NOW)
            return clinic

        yield make


def wider(file: str, columns: dict[str, str]) -> str:
    """A file of one row with more columns, or other cells in those that it has."""
    head, row = (line.split(",") for line in CLINIC[file].splitlines())
    cells = dict(zip(head, row, strict=True)) | columns
    return f"{','.join(cells)}\n{','.join(cells.values())}\n"


def said(clinic: DemoClinic, *texts: str) -> str:
    """What the clinic answers to the last of several messages."""
    for text in texts:
        answers = clinic.say("sms", PATIENT, text)
    return "\n".join(answer.rendered.text for answer in answers)


RULES = {
    "lead": ({"organization": {"lead_minutes": "180"}}, ["Dr Lee today"], "Mon, Mar 10\n1 11:20 AM"),
    "horizon": (
        {"organization": {"horizon_days": "7"}},
        ["Dr Lee on 20 March 2031"],
        "We book visits up to 7 days ahead.",
    ),
    "hold": ({"organization": {"hold_minutes": "3"}}, BOOKED[:2], "for you until 8:06 AM"),  # twice as long by SMS
    "most ahead": (
        {"organization": {"most_ahead": "1"}},
        [*BOOKED, "Dr Lee tomorrow at 11", "1"],
        "as many",
    ),
    "most of a kind": (
        {"visit_types": {"most_ahead": "1"}},
        [*BOOKED, "Dr Lee tomorrow at 11", "1"],
        "There are as many visits of this kind booked for this person as we can take ahead.",
    ),
    "known": (
        {"visit_types": {"booked_by": "known"}},
        ["Dr Lee tomorrow at 10"],
        "Visits of this kind are for patients we know already.",
    ),
    "staff": (
        {"visit_types": {"booked_by": "staff"}},
        ["Dr Lee tomorrow at 10"],
        "Visits of this kind are booked by the front desk",
    ),
    "new patients": (
        {"practitioners": {"accepts_new": "no"}},
        ["Dr Lee tomorrow at 10"],
        "Dr Lee takes no new patients at the moment.",
    ),
    "buffers and visits that came along": ({}, ["Dr Lee today at 9:20"], "Mon, Mar 10\n1 10:00 AM"),
    "holidays": (
        {"holidays": {"date": "2031-03-11"}},
        ["Dr Lee tomorrow"],
        "closed on Tuesday, March 11",
    ),
    "days off": ({}, ["Dr Lee on Wednesday"], "Dr Lee is away on Wednesday, March 12"),
    "price": (
        {"visit_types": {"price": "80.50", "currency": "USD"}},
        ["how much is a skin check?"],
        "Skin check: $80.50",
    ),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_of_the_spreadsheets_holds_in_the_chat(made: Made, rule: str) -> None:
    columns, texts, answer = RULES[rule]
    clinic = made(**columns)
    assert answer in said(clinic, *texts)
    with transaction(clinic.engine) as session:
        assert not any(finding.broken for finding in verify.check(session, VAULT).values())


def test_the_notice_of_the_clinic_ends_what_patients_may_change(made: Made) -> None:
    clinic = made(organization={"notice_hours": "48"})
    assert "Booked for Zoe" in said(clinic, *BOOKED)
    clinic.set_clock(NOW.replace(minute=30))
    assert said(clinic, "cancel my visit").startswith("Visits of this kind can be changed here until 2 days before.")
    assert said(clinic, "move it to Thursday").startswith(
        "Visits of this kind can be changed here until 2 days before."
    )
    assert "until 2 days before" not in said(clinic, "my visits")
