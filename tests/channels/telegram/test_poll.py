"""Long polling: nothing is confirmed before it is kept, one poller a bot, and whatever goes wrong is waited out."""

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from channels.telegram import poll as polling
from channels.telegram.poll import Keeper, poll
from core import failpoints
from core.database import open_engine, transaction
from core.messaging import inbox
from core.messaging.inbox import Sender
from core.messaging.waking import Bell
from tests import processes
from tests.factories import Practice, wait_for
from tests.fakes.bot_api import BAD_GATEWAY, HANGS_UP, OTHER_POLLER, WEBHOOK_IS_SET, BotApi, refusal

TOKEN = "123456:not-a-real-token"
ACCOUNT = "123456"
QUICKLY = (0.02,)

Polling = Callable[[], AbstractContextManager[None]]


def update(number: int, text: str = "hello") -> dict[int, str]:
    """A message of Amy's, as Telegram writes it."""
    amy = {"id": 77, "is_bot": False, "first_name": "Amy"}
    message = {
        "message_id": number,
        "from": amy,
        "chat": {"id": 77, "type": "private"},
        "date": 1773000000,
        "text": text,
    }
    return {number: json.dumps({"update_id": number, "message": message}, ensure_ascii=False)}


def numbers(practice: Practice) -> list[str]:
    """The updates that are in the inbox, in order."""
    rows = practice.sql(
        "SELECT external_id FROM inbox WHERE channel = 'telegram' AND account = %(id)s ORDER BY id", id=ACCOUNT
    )
    return [number for (number,) in rows]


def have_come(practice: Practice, *awaited: int) -> None:
    wait_for(lambda: set(map(str, awaited)) <= set(numbers(practice)))


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture
def polls(practice: Practice, api: BotApi, monkeypatch: pytest.MonkeyPatch) -> Polling:
    """A poller works meanwhile, with short pauses, and has ended within a moment."""
    monkeypatch.setattr(polling, "PAUSES", QUICKLY)
    monkeypatch.setattr(polling, "WAITING", QUICKLY[0])
    monkeypatch.setattr(polling, "BEAT", QUICKLY[0])

    @contextmanager
    def polls() -> Iterator[None]:
        stopping, bell = threading.Event(), Bell(practice.engine.url.render_as_string(hide_password=False))
        given = (practice.engine, practice.vault, {ACCOUNT: TOKEN}, bell, stopping)
        thread = threading.Thread(target=poll, args=given, kwargs={"api": api.url})
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join(3)
            bell.close()
            assert not thread.is_alive()

    return polls


@contextmanager
def process(practice: Practice, api: BotApi, failpoint: str = "") -> Iterator[Any]:
    """`frontdesk poller`, killed at the end if it still runs."""
    given = {"telegram_bot_token": (TOKEN,), "telegram_api_url": api.url}
    poller = processes.start(practice.engine, "frontdesk", "poller", failpoint=failpoint, **given)
    try:
        yield poller
    finally:
        poller.kill()
        poller.wait()


def test_an_update_is_kept_as_telegram_sent_it(practice: Practice, api: BotApi, polls: Polling) -> None:
    sent = update(7, 'grüß Gott 👋 ["{,')
    api.hand_out(sent)
    with polls():
        have_come(practice, 7)
    with transaction(practice.engine) as session:
        home = inbox.home(session, practice.vault, Sender("telegram", ACCOUNT, "77"))
    rows = practice.sql("SELECT body FROM inbox WHERE conversation_id = %(id)s", id=home.conversation_id)
    assert [home.key.open("inbox.body", home.conversation_id, row.body) for row in rows] == [sent[7].encode()]


def test_an_offset_is_confirmed_only_after_the_commit(practice: Practice, api: BotApi, polls: Polling) -> None:
    seen: list[tuple[int, list[str]]] = []
    api.when_asked = lambda call: seen.append((int(call.given["offset"]), numbers(practice)))
    api.hand_out(update(7) | update(8) | update(9))
    with polls():
        have_come(practice, 9)
        wait_for(lambda: len(seen) == 2)
        api.hand_out(update(10))
        wait_for(lambda: len(seen) == 3)
    assert seen == [(0, []), (10, ["7", "8", "9"]), (11, ["7", "8", "9", "10"])]


def test_exactly_the_kinds_of_updates_that_we_read_are_asked_for(api: BotApi, polls: Polling) -> None:
    with polls():
        wait_for(lambda: api.calls)
    kinds = json.loads(api.calls[0].given["allowed_updates"])
    assert kinds == ["message", "edited_message", "callback_query", "my_chat_member"]


def test_a_poller_that_dies_before_the_commit_loses_nothing_and_the_one_that_waits_takes_over(
    practice: Practice, api: BotApi, polls: Polling
) -> None:
    with process(practice, api, failpoint="inbox.before_store:kill") as first:
        wait_for(lambda: api.calls)
        with capture_logs() as logs, polls():
            wait_for(lambda: logs)
            time.sleep(0.2)
            assert [(log["event"], log["account"]) for log in logs] == [("poller_waits", ACCOUNT)]
            assert len(api.calls) == 1
            api.hand_out(update(7))
            assert first.wait(10) == -signal.SIGKILL
            have_come(practice, 7)
    assert numbers(practice) == ["7"]
    assert [call["offset"] for call in api.asked("getUpdates")][:2] == ["0", "0"]


def test_it_ends_soon_when_it_is_told_to_in_the_middle_of_a_long_poll(practice: Practice, api: BotApi) -> None:
    with process(practice, api) as poller:
        wait_for(lambda: api.calls)
        poller.terminate()
        assert poller.wait(3) == 0


FAULTS = [
    BAD_GATEWAY,
    (502, '{"ok":false}'),
    (200, "garbage"),
    HANGS_UP,
    refusal(500, "Internal Server Error: restart"),
    refusal(409, OTHER_POLLER),
    refusal(409, "Conflict: terminated by setWebhook request"),
]


def test_502_409_and_network_loss_are_ridden_out(practice: Practice, api: BotApi, polls: Polling) -> None:
    api.will("getUpdates", *FAULTS)
    api.hand_out(update(7))
    with capture_logs() as logs, polls():
        have_come(practice, 7)
    assert [log["event"] for log in logs] == [
        "telegram_away", "poll_failed", "telegram_away", "telegram_away", "telegram_away", "poller_conflict", "webhook_is_set",
    ]  # fmt: skip


def test_pauses_grow_with_every_failure_and_begin_anew_after_a_success(practice: Practice) -> None:
    keeper = Keeper(practice.engine, practice.vault, ACCOUNT, bell=None)  # type: ignore[arg-type]  # it has nothing to ring for
    listener = polling._Listener(bot=None, keeper=keeper, long_poll=0)  # type: ignore[arg-type]
    pauses = []
    for listener.failures in range(1, 9):
        pauses.append(listener._pause())
    assert pauses == [1, 2, 4, 8, 15, 30, 30, 30]


def test_when_telegram_says_how_long_to_wait_it_is_obeyed(practice: Practice, api: BotApi, polls: Polling) -> None:
    at: list[float] = []
    api.when_asked = lambda _: at.append(time.monotonic())
    api.will("getUpdates", refusal(429, "Too Many Requests: retry after 1", retry_after=1))
    api.hand_out(update(7))
    with polls():
        have_come(practice, 7)
    assert 1 <= at[1] - at[0] < 1.5


def test_a_webhook_is_left_alone_and_said(api: BotApi, polls: Polling) -> None:
    api.will("getUpdates", refusal(409, WEBHOOK_IS_SET))
    with capture_logs() as logs, polls():
        wait_for(lambda: len(api.calls) == 2)
    assert [log["event"] for log in logs] == ["webhook_is_set"]
    assert "disconnect" in logs[0]["reason"]
    assert {call.method for call in api.calls} == {"getUpdates"}


def test_a_wrong_token_is_said_without_the_token(api: BotApi, polls: Polling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "REFUSED", 0.1)
    api.will("getUpdates", refusal(401, f"Unauthorized: {TOKEN}"), refusal(404, "Not Found"))
    with capture_logs() as logs, polls():
        wait_for(lambda: len(api.calls) == 3)
    assert [(log["event"], log["account"]) for log in logs] == [("token_refused", ACCOUNT)] * 2
    assert "not-a-real-token" not in str(logs)


DEEP = 5_000
ODD = [
    '{"update_id":7,"message":"no message"}',
    '{"update_id":8,"something_new":{"a":[1,"},{"]}}',
    '{"update_id":"9"}',
    "17",
    "null",
    '{"update_id":11,"message":{"text":"\\ud83d"}}',
    '{"update_id":12,"deep":' + "[" * DEEP + "]" * DEEP + "}",
    '{"update_id":13,"number":' + "9" * DEEP + "}",
    '{"update_id":14, "no": NaN}',
]


def test_an_odd_update_does_not_stop_those_behind_it(practice: Practice, api: BotApi, polls: Polling) -> None:
    api.hand_out(dict(enumerate(ODD, start=7)) | update(20))
    with capture_logs() as logs, polls():
        have_come(practice, 20)
        api.hand_out(update(21))
        have_come(practice, 21)
    assert [log["event"] for log in logs] == ["update_skipped"]
    assert api.asked("getUpdates")[1]["offset"] == "21"
    assert len(numbers(practice)) == len(ODD) - 1 + 2


def test_an_update_that_cannot_be_stored_is_asked_for_again_and_stops_nobody(
    practice: Practice, api: BotApi, polls: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failpoints, "_points", {"inbox.before_store": ("raise", 2)})
    monkeypatch.setattr(failpoints, "_visits", {})
    api.hand_out(update(7) | update(8) | update(9))
    with capture_logs() as logs, polls():
        have_come(practice, 7, 8, 9)
        wait_for(lambda: len(api.calls) == 3)
    assert numbers(practice) == ["7", "9", "8"]
    assert [log["event"] for log in logs] == ["update_not_stored"]
    assert [call["offset"] for call in api.asked("getUpdates")] == ["0", "8", "10"]


def test_what_always_comes_again_is_asked_for_with_pauses(
    practice: Practice, api: BotApi, polls: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "PAUSES", (5,))
    api.hand_out({7: '{"update_id":"7"}'})
    with polls():
        wait_for(lambda: len(api.calls) == 2)
        time.sleep(0.2)
    assert len(api.calls) == 2


def test_when_the_database_goes_away_nothing_is_confirmed_and_the_lock_is_taken_anew(
    practice: Practice, api: BotApi, polls: Polling
) -> None:
    with capture_logs() as logs, polls():
        wait_for(lambda: api.calls)
        practice.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        api.hand_out(update(7))
        have_come(practice, 7)
        wait_for(lambda: len(api.calls) == 3)
    assert [log["event"] for log in logs] == ["database_away"]
    assert [call["offset"] for call in api.asked("getUpdates")] == ["0", "0", "8"]


def test_after_an_empty_answer_lower_numbers_are_heard_too(practice: Practice, api: BotApi, polls: Polling) -> None:
    """After a week without updates Telegram goes on with any number."""
    api.longest_poll = 0.1
    api.hand_out(update(70_000))
    with polls():
        wait_for(lambda: len(api.calls) > 2)
        api.hand_out(update(7))
        have_come(practice, 7)
    assert [call["offset"] for call in api.asked("getUpdates")][:3] == ["0", "70001", "0"]


def test_only_one_connection_holds_the_lock_of_a_bot(practice: Practice, api: BotApi) -> None:
    engines = [open_engine(practice.engine.url.render_as_string(hide_password=False)) for _ in range(2)]
    first, second, other = (
        Keeper(engine, practice.vault, account, bell=None)  # type: ignore[arg-type]
        for engine, account in zip((*engines, engines[0]), (ACCOUNT, ACCOUNT, "654321"), strict=True)
    )
    assert (first.is_the_one(), second.is_the_one(), other.is_the_one(), first.is_the_one()) == (
        True,
        False,
        True,
        True,
    )
    first.let_go()
    wait_for(second.is_the_one)
    assert not first.is_the_one()
    for keeper in (first, second, other):
        keeper.let_go()
    for engine in engines:
        engine.dispose()
