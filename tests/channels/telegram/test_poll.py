"""Long polling: nothing is confirmed before it is kept, one poller a bot, and whatever goes wrong is waited out."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import pairwise
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
from tests.fakes.bell import SilentBell
from tests.fakes.telegram import BotAccount, FakeTelegram, Person, faults
from tests.fakes.telegram.faults import Fault
from tests.fakes.telegram.refusals import OTHER_POLLER, WEBHOOK_WAS_SET
from tests.fakes.telegram.state import Hook

TOKEN = "123456:not-a-real-token"
ACCOUNT = "123456"
NOWHERE = "http://127.0.0.1:9"
QUICKLY = (0.02,)

Polling = Callable[..., AbstractContextManager[None]]


def numbers(practice: Practice) -> list[str]:
    """The updates that are in the inbox, in order."""
    rows = practice.sql(
        "SELECT external_id FROM inbox WHERE channel = 'telegram' AND account = %(id)s ORDER BY id", id=ACCOUNT
    )
    return [number for (number,) in rows]


def have_come(practice: Practice, *updates: dict[str, Any]) -> None:
    awaited = {str(update["update_id"]) for update in updates}
    wait_for(lambda: awaited <= set(numbers(practice)))


def looks(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What a poller of this process has found, each time it looked whether it is the one: the newest last."""
    found: list[bool] = []
    is_the_one = Keeper.is_the_one

    def noting(keeper: Keeper) -> bool:
        found.append(is_the_one(keeper))
        return found[-1]

    monkeypatch.setattr(Keeper, "is_the_one", noting)
    return found


def offsets(telegram: FakeTelegram) -> list[int]:
    """What each poll that has ended was asked with."""
    return [int(call.parameters["offset"]) for call in telegram.calls("getUpdates")]


def gives(*updates: str) -> Fault:
    """An answer with these updates, which no Telegram would give."""
    return Fault("odd", body=f'{{"ok":true,"result":[{",".join(updates)}]}}')


@pytest.fixture
def telegram() -> Iterator[FakeTelegram]:
    with FakeTelegram() as telegram:
        yield telegram
    assert telegram.errors == []


@pytest.fixture
def bot(telegram: FakeTelegram) -> BotAccount:
    return telegram.bot(TOKEN)


@pytest.fixture
def amy(telegram: FakeTelegram, bot: BotAccount) -> Person:
    return telegram.person(77)


@pytest.fixture
def polls(practice: Practice, telegram: FakeTelegram, bot: BotAccount, monkeypatch: pytest.MonkeyPatch) -> Polling:
    """A poller works meanwhile, with short pauses, and has ended within a moment."""
    monkeypatch.setattr(polling, "PAUSES", QUICKLY)
    monkeypatch.setattr(polling, "WAITING", QUICKLY[0])
    monkeypatch.setattr(polling, "BEAT", QUICKLY[0])

    @contextmanager
    def polls(long_poll: int = 25) -> Iterator[None]:
        stopping, bell = threading.Event(), Bell(practice.engine.url.render_as_string(hide_password=False))
        given = (practice.engine, practice.vault, {ACCOUNT: TOKEN}, bell, stopping)
        thread = threading.Thread(target=poll, args=given, kwargs={"api": telegram.url, "long_poll": long_poll})
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
def process(practice: Practice, telegram: FakeTelegram, failpoint: str = "") -> Iterator[Any]:
    """`frontdesk poller`, killed at the end if it still runs."""
    given = {"telegram_bot_token": (TOKEN,), "telegram_api_url": telegram.url}
    poller = processes.start(practice.engine, "frontdesk", "poller", failpoint=failpoint, **given)
    try:
        yield poller
    finally:
        poller.kill()
        poller.wait()


def test_an_update_is_kept_as_telegram_sent_it(practice: Practice, amy: Person, polls: Polling) -> None:
    sent = amy.writes('grüß Gott 👋 ["{,')
    with polls():
        have_come(practice, sent)
    with transaction(practice.engine) as session:
        home = inbox.home(session, practice.vault, Sender("telegram", ACCOUNT, "77"))
    rows = practice.sql("SELECT body FROM inbox WHERE conversation_id = %(id)s", id=home.conversation_id)
    kept = [home.key.open("inbox.body", home.conversation_id, row.body) for row in rows]
    assert kept == [json.dumps(sent, ensure_ascii=False).encode()]


def test_an_offset_is_confirmed_only_after_the_commit(
    practice: Practice, bot: BotAccount, amy: Person, polls: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch = bot.mail.fetch
    kept: dict[int, list[str]] = {}

    def noting(offset: int, limit: int, now: float) -> Any:
        kept.setdefault(offset, numbers(practice))
        return fetch(offset, limit, now)

    monkeypatch.setattr(bot.mail, "fetch", noting)
    sent = [amy.writes(text)["update_id"] for text in ("one", "two", "three")]
    with polls():
        wait_for(lambda: len(kept) == 2)
        sent.append(amy.writes("four")["update_id"])
        wait_for(lambda: len(kept) == 3)
    first, *others = map(str, sent)
    assert kept == {0: [], sent[2] + 1: [first, *others[:2]], sent[3] + 1: [first, *others]}


def test_exactly_the_kinds_of_updates_that_we_read_are_asked_for(bot: BotAccount, polls: Polling) -> None:
    with polls():
        wait_for(lambda: bot.asked_for)
    assert bot.asked_for == ["message", "edited_message", "callback_query", "my_chat_member"]


def test_a_poller_that_dies_before_the_commit_loses_nothing_and_the_one_that_waits_takes_over(
    practice: Practice,
    telegram: FakeTelegram,
    bot: BotAccount,
    amy: Person,
    polls: Polling,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = looks(monkeypatch)
    with process(practice, telegram, failpoint="inbox.before_store:kill") as first:
        wait_for(lambda: bot.poller)
        with capture_logs() as logs, polls():
            wait_for(lambda: len(looked) > 3)  # before it looks again, it has done all that came of looking
            assert not any(looked)
            assert [(log["event"], log["account"]) for log in logs] == [("poller_waits", ACCOUNT)]
            assert offsets(telegram) == []
            sent = amy.writes("hello")
            assert first.wait(10) == -signal.SIGKILL
            have_come(practice, sent)
    assert len(numbers(practice)) == 1
    assert offsets(telegram)[:2] == [0, 0]


def test_it_ends_soon_when_it_is_told_to_in_the_middle_of_a_long_poll(
    practice: Practice, telegram: FakeTelegram, bot: BotAccount
) -> None:
    with process(practice, telegram) as poller:
        wait_for(lambda: bot.poller)
        poller.terminate()
        assert poller.wait(3) == 0


FAULTS = {
    faults.bad_gateway(): "telegram_away",
    Fault("says nothing", status=502, body='{"ok":false}'): "poll_failed",
    faults.garbage(): "telegram_away",
    faults.refuse(): "telegram_away",
    faults.answers(500, "Internal Server Error: restart"): "telegram_away",
    faults.answers(409, OTHER_POLLER): "poller_conflict",
    faults.answers(409, WEBHOOK_WAS_SET): "webhook_is_set",
}


def test_502_409_and_network_loss_are_ridden_out(
    practice: Practice, telegram: FakeTelegram, amy: Person, polls: Polling
) -> None:
    telegram.will("getUpdates", *FAULTS)
    sent = amy.writes("hello")
    with capture_logs() as logs, polls():
        have_come(practice, sent)
        with telegram.unreachable():
            wait_for(lambda: len(logs) > len(FAULTS))
        have_come(practice, amy.writes("hello again"))
    assert [log["event"] for log in logs][: len(FAULTS)] == list(FAULTS.values())
    assert {log["event"] for log in logs[len(FAULTS) :]} == {"telegram_away"}


def test_pauses_grow_with_every_failure(practice: Practice) -> None:
    keeper = Keeper(practice.engine, practice.vault, ACCOUNT, SilentBell())
    listener = polling._Listener(polling._bot(TOKEN, NOWHERE), keeper, long_poll=0)
    pauses = []
    for listener.failures in range(1, 9):
        pauses.append(listener._pause())
    assert pauses == [1, 2, 4, 8, 15, 30, 30, 30]


def test_when_telegram_says_how_long_to_wait_it_is_obeyed(
    practice: Practice, telegram: FakeTelegram, amy: Person, polls: Polling
) -> None:
    telegram.will("getUpdates", faults.busy(1))
    sent = amy.writes("hello")
    with polls():
        have_come(practice, sent)
    busy, asked_again = telegram.calls("getUpdates")[:2]
    assert 1 <= asked_again.monotonic - busy.monotonic < 1.5


def test_a_webhook_is_left_alone_and_said_and_polling_goes_on_once_it_is_gone(
    practice: Practice, telegram: FakeTelegram, bot: BotAccount, amy: Person, polls: Polling
) -> None:
    bot.hook = hook = Hook(f"{NOWHERE}/webhook", "", 40)
    with capture_logs() as logs, polls():
        wait_for(lambda: logs)
        assert bot.hook is hook
        bot.hook = None
        have_come(practice, amy.writes("hello"))
    assert {log["event"] for log in logs} == {"webhook_is_set"}
    assert "disconnect" in logs[0]["reason"]
    assert {call.method for call in telegram.ledger} == {"getUpdates"}


def test_a_wrong_token_is_said_without_the_token(
    telegram: FakeTelegram, bot: BotAccount, polls: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "REFUSED", 0.1)
    telegram.will("getUpdates", faults.answers(401, f"Unauthorized: {TOKEN}"), faults.answers(404, "Not Found"))
    with capture_logs() as logs, polls():
        wait_for(lambda: bot.poller)
    assert [(log["event"], log["account"]) for log in logs] == [("token_refused", ACCOUNT)] * 2
    assert "not-a-real-token" not in str(logs)


ODD = [
    '{"update_id":7,"message":"no message"}',
    '{"update_id":8,"something_new":{"a":[1,"},{"]}}',
    '{"update_id":"9"}',
    "17",
    "null",
    '{"update_id":13,"number":' + "9" * 5_000 + "}",
    '{"update_id":15}',
]


def test_an_odd_update_does_not_stop_those_behind_it(
    practice: Practice, telegram: FakeTelegram, amy: Person, polls: Polling
) -> None:
    telegram.will("getUpdates", gives(*ODD))
    sent = amy.writes("hello")
    with capture_logs() as logs, polls():
        have_come(practice, sent)
    assert {log["event"] for log in logs} == {"update_for_nobody"}
    assert offsets(telegram)[:2] == [0, 16]
    assert len(numbers(practice)) == len(ODD) + 1


def test_an_update_that_cannot_be_stored_is_asked_for_again_and_stops_nobody(
    practice: Practice, telegram: FakeTelegram, amy: Person, polls: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failpoints, "_points", {"inbox.before_store": ("raise", 2)})
    monkeypatch.setattr(failpoints, "_visits", {})
    sent = [amy.writes(text) for text in ("one", "two", "three")]
    with capture_logs() as logs, polls():
        have_come(practice, *sent)
    first, second, third = (update["update_id"] for update in sent)
    assert numbers(practice) == [str(first), str(third), str(second)]
    assert [log["event"] for log in logs] == ["update_not_stored"]
    assert offsets(telegram)[:2] == [0, second]


def test_what_always_comes_again_is_asked_for_with_pauses(
    telegram: FakeTelegram, polls: Polling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "PAUSES", (pause := 0.1,))
    telegram.will("getUpdates", *[gives('{"update_id":"7"}')] * 5)
    with polls():
        wait_for(lambda: len(offsets(telegram)) == 4)
    _first, *again = [call.monotonic for call in telegram.calls("getUpdates")]
    assert all(later - sooner >= pause for sooner, later in pairwise(again))


def test_when_the_database_goes_away_nothing_is_confirmed_and_the_lock_is_taken_anew(
    practice: Practice, telegram: FakeTelegram, bot: BotAccount, amy: Person, polls: Polling
) -> None:
    with capture_logs() as logs, polls():
        wait_for(lambda: bot.poller)
        practice.sql("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted")
        have_come(practice, amy.writes("hello"))
    assert [log["event"] for log in logs] == ["database_away"]
    assert offsets(telegram)[:2] == [0, 0]


def test_after_an_empty_answer_lower_numbers_are_heard_too(
    practice: Practice, telegram: FakeTelegram, bot: BotAccount, amy: Person, polls: Polling
) -> None:
    """After a week without updates Telegram goes on with any number."""
    before = amy.writes("hello")
    with polls(long_poll=1):
        wait_for(lambda: len(offsets(telegram)) == 2)
        bot.mail.newest_id -= 1000
        have_come(practice, amy.writes("a week later"))
    assert offsets(telegram)[:3] == [0, before["update_id"] + 1, 0]


def test_only_one_connection_holds_the_lock_of_a_bot(practice: Practice) -> None:
    engines = [open_engine(practice.engine.url.render_as_string(hide_password=False)) for _ in range(2)]
    first, second, other = (
        Keeper(engine, practice.vault, account, SilentBell())
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
