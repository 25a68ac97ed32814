"""Several people on one address, on the real stack: what is promised to each is counted for each."""

from core.database import run, transaction
from tests.demo_clinic import DemoClinic

MARIA = "+12075550102"


def said(clinic: DemoClinic, text: str, *, address: str = MARIA) -> list[str]:
    """The keys of what Maria, who has two children, is answered."""
    return [said.key for answer in clinic.say("sms", address, text) for said in answer.payload.reply.says]


def booked(clinic: DemoClinic) -> list[tuple[str, int]]:
    """Which patients have visits ahead with Dr Lee, by first name, and how many."""
    texts = [answer.rendered.text for answer in clinic.say("sms", MARIA, "my visits")]
    lines = [line for text in texts for line in text.splitlines() if "Dr Lee, for " in line]
    names = [line.rpartition("for ")[2] for line in lines]
    return [(name, names.count(name)) for name in dict.fromkeys(names)]


def test_a_limit_counts_the_visits_of_one_patient_and_not_of_the_family(clinic: DemoClinic) -> None:
    with transaction(clinic.engine) as session:
        run(session, "INSERT INTO policies (most_ahead) VALUES (1)")
        run(session, "UPDATE organization SET directory_version = directory_version + 1")
    said(clinic, "Dr Lee for Leo tomorrow")
    assert "booking.booked" in said(clinic, "1")
    said(clinic, "Dr Lee for Leo on Thursday")
    assert "refused.too_many_visits" in said(clinic, "1")
    said(clinic, "never mind")
    for whom in ("Nina", "me"):
        said(clinic, f"Dr Lee for {whom} on Thursday")
        assert "booking.booked" in said(clinic, "1")
    assert sorted(booked(clinic)) == [("Leo", 1), ("Maria", 1), ("Nina", 1)]


def test_whoever_writes_from_another_address_sees_nothing_of_the_family(clinic: DemoClinic) -> None:
    said(clinic, "Dr Lee for Leo tomorrow")
    said(clinic, "1")
    assert "visits.none" in said(clinic, "my visits", address="+12075550199")
    said(clinic, "Dr Lee for Leo on Thursday", address="+12075550199")
    assert "booking.name" in said(clinic, "1", address="+12075550199")
