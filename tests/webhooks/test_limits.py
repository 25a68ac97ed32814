"""How much is too much: the arithmetic, whom it counts, and what a storm leaves behind."""

import pytest
from flask.testing import FlaskClient

from tests.fakes.webchat import FakeWebChat
from tests.webhooks.conftest import settings
from webhooks.app import FLOOD, create_app
from webhooks.limits import Limits, Rate, household

TWO_A_SECOND = Rate(20, 10)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limited(chat: FakeWebChat, clock: Clock) -> FlaskClient:
    """A browser without cookies at a web process behind one proxy, whose limits count by `clock`."""
    app = create_app(settings(trusted_proxies=1), chat, clock)
    return app.test_client(use_cookies=False)


def take(limits: Limits, times: int, key: str = "somebody", rate: Rate = TWO_A_SECOND) -> list[float]:
    return [limits.take([(key, rate)]) for _ in range(times)]


# The arithmetic


def test_an_allowance_may_be_used_up_at_once_and_comes_back_little_by_little(clock: Clock) -> None:
    limits = Limits(clock)
    assert take(limits, 20) == [0] * 20
    assert take(limits, 1) == pytest.approx([0.5])
    clock.now += 0.5
    assert take(limits, 2) == pytest.approx([0, 0.5])
    clock.now += 3600
    assert take(limits, 21) == pytest.approx([0] * 20 + [0.5])


def test_waiting_as_long_as_was_said_is_enough(clock: Clock) -> None:
    limits = Limits(clock)
    for _ in range(500):
        clock.now += take(limits, 1)[0]
        assert take(limits, 1, rate=Rate(7, 3))[0] < 3
    clock.now += take(limits, 1, rate=Rate(7, 3))[0]
    assert take(limits, 1, rate=Rate(7, 3)) == [0]


def test_what_is_refused_counts_against_nothing(clock: Clock) -> None:
    limits = Limits(clock)
    take(limits, 20, "address")
    assert limits.take([("visitor", TWO_A_SECOND), ("address", TWO_A_SECOND)]) > 0
    assert take(limits, 20, "visitor") == [0] * 20


def test_the_table_is_bounded_and_forgets_whom_it_heard_of_longest_ago(clock: Clock) -> None:
    limits = Limits(clock, most=100)
    take(limits, 20, "busy")
    for number in range(1000):
        limits.take([(f"address {number}", TWO_A_SECOND), ("busy", Rate(5000, 10))])
    assert len(limits) == 100
    assert take(limits, 1, "busy", Rate(5000, 10)) == [0]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("_hidden", "_hidden"),
        ("", "unknown"),
    ],
)
def test_a_household_is_one_address_or_one_network(address: str, counted: str) -> None:
    assert household(address) == counted


# A waiting room, and storms


def say(client: FlaskClient, number: int, visitor: str = "", address: str = "198.51.100.1") -> int:
    headers = {"X-Forwarded-For": address, "X-Forwarded-Proto": "https"}
    headers |= {"Cookie": f"__Host-chat={visitor}"} if visitor else {}
    return client.post("/chat/messages", json={"id": f"message-{number}", "text": "hello"}, headers=headers).status_code


def test_thirty_patients_of_one_waiting_room_are_all_served(limited: FlaskClient, clock: Clock) -> None:
    codes = []
    for number in range(10):  # each writes every fifteen seconds
        codes += [say(limited, number, f"{patient:043d}") for patient in range(30)]
        clock.now += 15
    assert set(codes) == {200}


def test_a_storm_of_made_up_visitors_is_refused_stores_nothing_and_leaves_others_alone(
    limited: FlaskClient, chat: FakeWebChat
) -> None:
    codes = [say(limited, number, f"{number:043d}") for number in range(500)]
    assert (codes.count(200), codes.count(429)) == (60, 440)
    kept = len(limited.application.extensions["limits"])
    codes = [say(limited, number, f"{number:043d}") for number in range(500, 1000)]
    assert set(codes) == {429}
    assert len(limited.application.extensions["limits"]) == kept
    assert len(chat.received) == 60
    assert say(limited, 1, "a" * 43, address="198.51.100.2") == 200


def test_looking_and_polling_makes_nobody_a_row(limited: FlaskClient, chat: FakeWebChat) -> None:
    for number in range(50):
        limited.get("/chat")
        limited.post("/chat/poll", json={}, headers={"Cookie": f"chat={number:043d}"})
    assert (chat.received, dict(chat.talks)) == ([], {})


@pytest.mark.parametrize("accept", ["application/json", "text/html,*/*;q=0.8"])
def test_a_flood_of_anything_is_turned_away_at_the_door_in_words(
    limited: FlaskClient, clock: Clock, accept: str
) -> None:
    flood = {"X-Forwarded-For": "198.51.100.1", "Accept": accept}
    for _ in range(FLOOD.most):
        assert limited.get("/nowhere", headers=flood).status_code == 404
    answer = limited.get("/healthz", headers=flood)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
    assert "Please wait a moment" in answer.text
    assert answer.mimetype == accept.partition(",")[0]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert limited.get("/healthz", headers={"X-Forwarded-For": "198.51.100.2"}).status_code == 200
    clock.now += 5
    assert limited.get("/healthz", headers=flood).status_code == 200
