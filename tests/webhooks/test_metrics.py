"""What those who watch are told: figures of now, and nothing of a patient; only with the token."""

from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from core.config import Settings
from core.database import transaction
from core.messaging import handoffs, quotas, troubles
from core.messaging.quotas import Draw
from frontdesk.ticks import tick
from tests.factories import Practice, at, minutes
from tests.fakes.recording import CHANNEL
from tests.fakes.webchat import FakeWebChat
from webhooks.app import create_app

TOKEN = "0123456789abcdef"  # of no server
AMY = "+12075550142"


@pytest.fixture
def watched(practice: Practice) -> FlaskClient:
    return create_app(Settings(metrics_token=TOKEN), FakeWebChat(), engine=practice.engine).test_client()


def figures(client: FlaskClient) -> dict[tuple[str, str], float]:
    """Each figure by its name and the values of its labels, in the order of the names of these."""
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    assert AMY not in answer.text
    families = text_string_to_metric_families(answer.text)
    return {(each.name, " ".join(each.labels.values())): each.value for family in families for each in family.samples}


def test_how_long_the_queues_are_and_how_old(practice: Practice, watched: FlaskClient) -> None:
    amy = practice.person(AMY, CHANNEL)
    amy.owe("first", 1)
    amy.owe("second", 2)
    amy.write("hello")
    practice.sql("UPDATE outbox SET due_at = now() - interval '90 seconds' WHERE seq = 1")
    practice.sql("UPDATE inbox SET received_at = now() - interval '30 seconds'")
    seen = figures(watched)
    account = practice.sql("SELECT account FROM addresses")[0][0]
    assert seen["frontdesk_outbox_waiting", f"{account} {CHANNEL}"] == 2
    assert 90 <= seen["frontdesk_outbox_oldest_seconds", f"{account} {CHANNEL}"] < 100
    assert seen["frontdesk_inbox_waiting", f"{account} {CHANNEL}"] == 1
    assert 30 <= seen["frontdesk_inbox_oldest_seconds", f"{account} {CHANNEL}"] < 40


def test_a_reminder_that_nobody_says_is_seen(practice: Practice, watched: FlaskClient) -> None:
    assert figures(watched)["frontdesk_reminders_oldest_seconds", ""] == 0
    practice.start_clock()
    practice.person(AMY, CHANNEL).book(practice.slot("14:00"))
    tick(practice.engine, practice.vault, "plan_reminders")
    assert figures(watched)["frontdesk_reminders_oldest_seconds", ""] == 0
    practice.now = at("12:10")
    practice.start_clock()
    assert 600 <= figures(watched)["frontdesk_reminders_oldest_seconds", ""] < 610


def test_what_may_not_go_yet_is_not_late(practice: Practice, watched: FlaskClient) -> None:
    practice.person(AMY, CHANNEL).owe("first", 1)
    practice.sql("UPDATE outbox SET due_at = now() + interval '90 seconds'")
    assert 0 in {value for (name, _), value in figures(watched).items() if name == "frontdesk_outbox_oldest_seconds"}


def test_what_went_out_what_is_to_be_mended_and_who_waits(practice: Practice, watched: FlaskClient) -> None:
    amy = practice.person(AMY, CHANNEL)
    with transaction(practice.engine) as session:
        quotas.draw(session, [Draw("sms money", Decimal(50), minutes(60), Decimal("1.25"))])
        quotas.draw(session, [Draw(f"to {AMY[:-4]}…: codes", Decimal(50), minutes(60))])
        for _ in range(2):
            troubles.meet(session, "token_refused", practice.now)
        handoffs.hand_over(session, amy.home.conversation_id, "asked", practice.now)
    seen = figures(watched)
    assert seen["frontdesk_quota_used", "sms money"] == 1.25
    assert seen["frontdesk_quota_most", "sms money"] == 50
    assert len([name for name, _ in seen if name == "frontdesk_quota_used"]) == 1
    assert seen["frontdesk_troubles", "token_refused"] == 2
    assert seen["frontdesk_conversations_waiting", ""] == 1


def test_an_idle_clinic_has_figures_too(watched: FlaskClient) -> None:
    assert figures(watched) == {
        ("frontdesk_conversations_waiting", ""): 0,
        ("frontdesk_reminders_oldest_seconds", ""): 0,
    }


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer é"]
)
def test_without_the_token_there_is_no_such_page(watched: FlaskClient, given: str) -> None:
    assert watched.get("/metrics", headers={"Authorization": given}).status_code == 404


def test_where_no_token_is_set_there_is_no_such_page(practice: Practice) -> None:
    client = create_app(Settings(), FakeWebChat(), engine=practice.engine).test_client()
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404
