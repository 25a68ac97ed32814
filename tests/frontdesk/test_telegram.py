"""What `frontdesk telegram` sets, and what it says, to somebody who has never read about the Bot API."""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from channels.telegram import UPDATES
from core.config import Settings
from core.scheduling.directory import Directory, Location, Organization
from frontdesk import telegram
from tests.fakes.telegram import BotAccount, FakeTelegram, faults
from tests.fakes.telegram.faults import Fault
from tests.fakes.telegram.state import Hook

TOKEN = "123456:not-a-real-token"
OURS = "https://chat.example.org/webhooks/telegram/123456"
CLINIC = Directory(
    locations=(Location(1, "Old Port", "12 Commercial Street", ZoneInfo("America/New_York"), "911"),),
    organization=Organization("Main Street Clinic", "Main Street"),
)
DEMO = replace(CLINIC, organization=replace(CLINIC.organization, is_demo=True))


@pytest.fixture
def api() -> Iterator[FakeTelegram]:
    with FakeTelegram() as api:
        yield api
    assert api.errors == []


@pytest.fixture
def account(api: FakeTelegram) -> BotAccount:
    """The bot, as Telegram knows it."""
    return api.bot(TOKEN, "clinic_bot", "Main Street")


def shown(account: BotAccount, name: str, code: str = "") -> str:
    """What a reader of this language sees."""
    return account.descriptions.get((name, code)) or account.descriptions[name, ""]


@pytest.fixture
def polls(api: FakeTelegram) -> Settings:
    """A clinic without a public address."""
    return Settings(telegram_bot_token=(TOKEN,), telegram_api_url=api.url)


@pytest.fixture
def public(polls: Settings) -> Settings:
    """A clinic to which Telegram delivers."""
    return replace(polls, public_url="https://chat.example.org", telegram_webhook_secret="s" * 32)


def apart(command: Callable[..., int], *arguments: Any) -> int:
    """What a command returns; in a thread of its own, as tests in the browser leave a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(command, *arguments).result()


def said(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert err == ""
    assert "not-a-real-token" not in out
    return out


def test_connect_sets_the_webhook_and_says_where_to_write(
    api: FakeTelegram, account: BotAccount, public: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert apart(telegram.connect, public, CLINIC) == 0
    (call,) = api.calls("setWebhook")
    given = {name: str(value) for name, value in call.parameters.items()}
    assert given.pop("drop_pending_updates", "False").lower() == "false"
    assert given == {
        "url": OURS,
        "secret_token": "s" * 32,
        "max_connections": "40",
        "allowed_updates": str(list(UPDATES)),
    }
    assert said(capsys).splitlines() == [
        f"@clinic_bot (Main Street): Telegram delivers to {OURS}.",
        "Write to it at https://t.me/clinic_bot.",
    ]


def test_connect_sets_the_menu_and_the_descriptions_once_for_all_and_for_each_language(
    account: BotAccount, api: FakeTelegram, polls: Settings
) -> None:
    apart(telegram.connect, polls, CLINIC)
    for code in ("", "en"):
        menu = [command["command"] for command in account.commands["default", code]]
        assert menu == ["book", "visits", "cancel", "hours", "person", "help"]
        assert "Main Street Clinic" in shown(account, "description", code)
        assert "911" in shown(account, "description", code)
        assert "Main Street Clinic" in shown(account, "short_description", code)


def test_connecting_again_changes_only_what_differs(api: FakeTelegram, account: BotAccount, polls: Settings) -> None:
    apart(telegram.connect, polls, CLINIC)
    account.descriptions["short_description", ""] = "something else"
    before = len(api.ledger)
    apart(telegram.connect, polls, CLINIC)
    changes = [call.method for call in api.ledger[before:] if call.method.startswith("set")]
    assert changes == ["setMyShortDescription"]


def test_a_demo_clinic_says_so_on_telegram_and_that_it_is_silent(
    account: BotAccount, polls: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    apart(telegram.connect, polls, DEMO)
    assert "invented" in shown(account, "description")
    assert "invented" in shown(account, "short_description")
    assert "silent without --demo" in said(capsys)
    apart(telegram.connect, replace(polls, demo=True), DEMO)
    assert "silent" not in said(capsys)


@pytest.mark.parametrize("is_demo", [True, False])
def test_what_telegram_shows_fits_however_long_the_clinics_name_is(
    account: BotAccount, polls: Settings, *, is_demo: bool
) -> None:
    long = Organization("Saint Somebody’s " * 40 + "Clinic", "Saint", is_demo=is_demo)
    apart(telegram.connect, polls, replace(CLINIC, organization=long))
    assert 400 < len(shown(account, "description")) <= 512
    assert 80 < len(shown(account, "short_description")) <= 120
    assert shown(account, "short_description").endswith("Saint…") or "Somebody’s…" in shown(
        account, "short_description"
    )


def test_without_a_public_address_a_webhook_is_left_alone_and_said(
    api: FakeTelegram, account: BotAccount, polls: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    apart(telegram.connect, polls, CLINIC)
    assert "@clinic_bot (Main Street): this clinic fetches what people write" in said(capsys)
    account.hook = Hook(OURS, "", 40)
    apart(telegram.connect, polls, CLINIC)
    assert f"delivers to {OURS}, so nothing comes here. `frontdesk telegram disconnect` ends that." in said(capsys)
    assert not api.calls("deleteWebhook") + api.calls("setWebhook")


def test_disconnect_ends_a_webhook_and_keeps_what_waits(
    api: FakeTelegram, account: BotAccount, polls: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    account.hook = Hook(OURS, "", 40)
    assert apart(telegram.disconnect, polls) == 0
    assert f"no longer delivers to {OURS}" in said(capsys)
    (call,) = api.calls("deleteWebhook")
    assert str(call.parameters.get("drop_pending_updates", False)).lower() == "false"
    assert apart(telegram.disconnect, polls) == 0
    assert "was not delivering anywhere" in said(capsys)


def test_status_is_told_in_words(
    api: FakeTelegram, account: BotAccount, public: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    info = {
        "url": OURS,
        "has_custom_certificate": False,
        "pending_update_count": 3,
        "last_error_date": int(time.time()) - 300,
        "last_error_message": "Wrong response from the webhook: 502 Bad Gateway",
        "allowed_updates": ["message", "callback_query"],
    }
    api.will("getWebhookInfo", Fault("as it is", body=json.dumps({"ok": True, "result": info})))
    assert apart(telegram.status, public) == 0
    assert said(capsys).splitlines() == [
        "@clinic_bot (Main Street), at https://t.me/clinic_bot",
        f"  Telegram delivers to {OURS}.",
        "  3 updates wait at Telegram.",
        "  The last delivery that failed was 5 minutes ago; Telegram said: Wrong response from the webhook: 502 Bad Gateway.",
        "  Telegram leaves out corrections, word of who has blocked the bot: `frontdesk telegram connect` sets that right.",
    ]


ELSEWHERE = "https://other.example.org/bot"
WAYS = [
    (True, "", "Telegram does not know where to deliver: `frontdesk telegram connect` tells it."),
    (
        True,
        ELSEWHERE,
        f"Telegram delivers to {ELSEWHERE}, which is not here: `frontdesk telegram connect` sets that right.",
    ),
    (False, "", "This clinic fetches what people write from Telegram by itself."),
    (
        False,
        ELSEWHERE,
        f"Telegram delivers to {ELSEWHERE}, so nothing comes here. `frontdesk telegram disconnect` ends that.",
    ),
]


@pytest.mark.parametrize(("is_public", "url", "sentence"), WAYS)
def test_status_says_what_to_do_when_nothing_comes_here(
    account: BotAccount,
    polls: Settings,
    public: Settings,
    capsys: pytest.CaptureFixture[str],
    *,
    is_public: bool,
    url: str,
    sentence: str,
) -> None:
    account.hook = Hook(url, "", 40) if url else None
    apart(telegram.status, public if is_public else polls)
    assert said(capsys).splitlines()[1:] == [f"  {sentence}", "  Nothing waits at Telegram."]


TROUBLES = [
    (faults.answers(401, f"Unauthorized: {TOKEN}"), "Bot 123456: Telegram does not know its token."),
    (faults.answers(404, "Not Found"), "Bot 123456: Telegram does not know its token."),
    (faults.answers(400, f"Bad Request: {TOKEN}"), "Bot 123456: Telegram said: …."),
    (
        faults.busy(7),
        "Bot 123456: Telegram said: Flood control exceeded. Retry in 7 seconds.",
    ),
    (faults.bad_gateway(), "Bot 123456: Telegram does not answer at http://127.0.0.1:"),
]


@pytest.mark.parametrize(("fault", "sentence"), TROUBLES)
def test_what_goes_wrong_is_one_sentence_without_the_token(
    api: FakeTelegram,
    account: BotAccount,
    polls: Settings,
    capsys: pytest.CaptureFixture[str],
    fault: Fault,
    sentence: str,
) -> None:
    api.will("getMe", fault)
    assert apart(telegram.status, polls) == 1
    (line,) = said(capsys).splitlines()
    assert line.startswith(sentence)


def test_a_bot_that_fails_does_not_keep_the_next_one_from_its_turn(
    api: FakeTelegram, account: BotAccount, polls: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    both = replace(polls, telegram_bot_token=("9:another-bots-token", TOKEN))
    assert apart(telegram.status, both) == 1
    first, second, *_ = said(capsys).splitlines()
    assert api.errors.pop() == "a call with a token of no bot"
    assert (first[:5], second) == ("Bot 9", "@clinic_bot (Main Street), at https://t.me/clinic_bot")


def test_no_answer_at_all_is_said(polls: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = replace(polls, telegram_api_url="http://127.0.0.1:9")
    assert apart(telegram.connect, nowhere, CLINIC) == 1
    assert re.fullmatch(
        "Bot 123456: Telegram does not answer at http://127.0.0.1:9. Is this machine online\\?\n", said(capsys)
    )
