"""What `frontdesk telegram` sets, and what it says, to somebody who has never read about the Bot API."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.config import Settings
from core.scheduling.directory import Directory, Location, Organization
from frontdesk import telegram
from tests.fakes.bot_api import BAD_GATEWAY, BotApi, refusal

TOKEN = "123456:not-a-real-token"
OURS = "https://chat.example.org/webhooks/telegram/123456"
CLINIC = Directory(
    locations=(Location(1, "Old Port", "12 Commercial Street", ZoneInfo("America/New_York"), "911"),),
    organization=Organization("Main Street Clinic", "Main Street"),
)
DEMO = replace(CLINIC, organization=replace(CLINIC.organization, is_demo=True))


class Account:
    """What Telegram remembers of one bot."""

    def __init__(self, api: BotApi) -> None:
        self.hook: dict[str, Any] = {"url": "", "has_custom_certificate": False, "pending_update_count": 0}
        self.told: dict[tuple[str, str], Any] = {}
        api.answers = {
            "getMe": lambda _: {"id": 123456, "is_bot": True, "first_name": "Main Street", "username": "clinic_bot"},
            "getWebhookInfo": lambda _: self.hook,
            "setWebhook": self.set_webhook,
            "deleteWebhook": self.delete_webhook,
        }
        for what, name in (
            ("Commands", "commands"),
            ("Description", "description"),
            ("ShortDescription", "short_description"),
        ):
            api.answers[f"setMy{what}"] = partial(self.tell, name)
            api.answers[f"getMy{what}"] = partial(self.ask, name)

    def set_webhook(self, given: dict[str, str]) -> bool:
        self.hook |= {"url": given["url"], "allowed_updates": json.loads(given["allowed_updates"])}
        return True

    def delete_webhook(self, given: dict[str, str]) -> bool:
        self.hook["url"] = ""
        return True

    def tell(self, name: str, given: dict[str, str]) -> bool:
        text = given[name]
        self.told[name, given.get("language_code", "")] = json.loads(text) if name == "commands" else text
        return True

    def ask(self, name: str, given: dict[str, str]) -> Any:
        told = self.told.get((name, given.get("language_code", "")))
        return (told or []) if name == "commands" else {name: told or ""}


@pytest.fixture
def api() -> Iterator[BotApi]:
    with BotApi() as api:
        yield api


@pytest.fixture
def account(api: BotApi) -> Account:
    return Account(api)


@pytest.fixture
def polls(api: BotApi) -> Settings:
    """A clinic without a public address."""
    return Settings(telegram_bot_token=(TOKEN,), telegram_api_url=api.url)


@pytest.fixture
def public(polls: Settings) -> Settings:
    """A clinic to which Telegram delivers."""
    return replace(polls, public_url="https://chat.example.org", telegram_webhook_secret="s" * 32)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert err == ""
    assert "not-a-real-token" not in out
    return out


def test_connect_sets_the_webhook_and_says_where_to_write(
    api: BotApi, account: Account, public: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert telegram.connect(public, CLINIC) == 0
    (given,) = api.asked("setWebhook")
    assert json.loads(given.pop("allowed_updates")) == ["message", "edited_message", "callback_query", "my_chat_member"]
    assert given.pop("drop_pending_updates", "false") == "false"
    assert given == {"url": OURS, "secret_token": "s" * 32, "max_connections": "40"}
    assert said(capsys).splitlines() == [
        f"@clinic_bot (Main Street): Telegram delivers to {OURS}.",
        "Write to it at https://t.me/clinic_bot.",
    ]


def test_connect_sets_the_menu_and_the_descriptions_once_for_all_and_for_each_language(
    account: Account, api: BotApi, polls: Settings
) -> None:
    telegram.connect(polls, CLINIC)
    for code in ("", "en"):
        menu = [command["command"] for command in account.told["commands", code]]
        assert menu == ["book", "visits", "cancel", "hours", "person", "help"]
        assert all(command["description"] for command in account.told["commands", code])
        assert "Main Street Clinic" in account.told["description", code]
        assert "911" in account.told["description", code]
        assert "Main Street Clinic" in account.told["short_description", code]


def test_connecting_again_changes_only_what_differs(api: BotApi, account: Account, polls: Settings) -> None:
    telegram.connect(polls, CLINIC)
    account.told["description", ""] = "something else"
    api.calls.clear()
    telegram.connect(polls, CLINIC)
    assert [call.method for call in api.calls if call.method.startswith("set")] == ["setMyDescription"]


def test_a_demo_clinic_says_so_on_telegram_and_that_it_is_silent(
    account: Account, polls: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    telegram.connect(polls, DEMO)
    assert "invented" in account.told["description", ""]
    assert "invented" in account.told["short_description", ""]
    assert "silent without --demo" in said(capsys)
    telegram.connect(replace(polls, demo=True), DEMO)
    assert "silent" not in said(capsys)


@pytest.mark.parametrize("is_demo", [True, False])
def test_what_telegram_shows_fits_however_long_the_clinics_name_is(
    account: Account, polls: Settings, *, is_demo: bool
) -> None:
    long = Organization("Saint Somebody’s " * 40 + "Clinic", "Saint", is_demo=is_demo)
    telegram.connect(polls, replace(CLINIC, organization=long))
    assert 400 < len(account.told["description", ""]) <= 512
    assert 80 < len(account.told["short_description", ""]) <= 120
    assert (
        account.told["short_description", ""].endswith("Saint…")
        or "Somebody’s…" in account.told["short_description", ""]
    )


def test_without_a_public_address_a_webhook_is_left_alone_and_said(
    api: BotApi, account: Account, polls: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    telegram.connect(polls, CLINIC)
    assert "@clinic_bot (Main Street): this clinic fetches what people write" in said(capsys)
    account.hook["url"] = OURS
    telegram.connect(polls, CLINIC)
    assert f"delivers to {OURS}, so nothing comes here. `frontdesk telegram disconnect` ends that." in said(capsys)
    assert not api.asked("deleteWebhook") + api.asked("setWebhook")


def test_disconnect_ends_a_webhook_and_keeps_what_waits(
    api: BotApi, account: Account, polls: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    account.hook["url"] = OURS
    assert telegram.disconnect(polls) == 0
    assert f"no longer delivers to {OURS}" in said(capsys)
    assert [given.get("drop_pending_updates", "false") for given in api.asked("deleteWebhook")] == ["false"]
    assert telegram.disconnect(polls) == 0
    assert "was not delivering anywhere" in said(capsys)


def test_status_is_told_in_words(account: Account, public: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    account.hook |= {
        "url": OURS,
        "pending_update_count": 3,
        "last_error_date": int(time.time()) - 300,
        "last_error_message": "Wrong response from the webhook: 502 Bad Gateway",
        "allowed_updates": ["message", "callback_query"],
    }
    assert telegram.status(public) == 0
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
    account: Account,
    polls: Settings,
    public: Settings,
    capsys: pytest.CaptureFixture[str],
    *,
    is_public: bool,
    url: str,
    sentence: str,
) -> None:
    account.hook["url"] = url
    telegram.status(public if is_public else polls)
    assert said(capsys).splitlines()[1:] == [f"  {sentence}", "  Nothing waits at Telegram."]


TROUBLES = [
    (refusal(401, f"Unauthorized: {TOKEN}"), "Bot 123456: Telegram does not know its token."),
    (refusal(404, "Not Found"), "Bot 123456: Telegram does not know its token."),
    (refusal(400, f"Bad Request: {TOKEN}"), "Bot 123456: Telegram said: …."),
    (
        refusal(429, "Too Many Requests", retry_after=7),
        "Bot 123456: Telegram said: Flood control exceeded. Retry in 7 seconds.",
    ),
    (BAD_GATEWAY, "Bot 123456: Telegram does not answer at http://127.0.0.1:"),
]


@pytest.mark.parametrize(("fault", "sentence"), TROUBLES)
def test_what_goes_wrong_is_one_sentence_without_the_token(
    api: BotApi,
    account: Account,
    polls: Settings,
    capsys: pytest.CaptureFixture[str],
    fault: tuple[int, str],
    sentence: str,
) -> None:
    api.will("getMe", fault)
    assert telegram.status(polls) == 1
    (line,) = said(capsys).splitlines()
    assert line.startswith(sentence)


def test_a_bot_that_fails_does_not_keep_the_next_one_from_its_turn(
    api: BotApi, account: Account, polls: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    api.will("getMe", refusal(401, "Unauthorized"))
    both = replace(polls, telegram_bot_token=("9:another-bots-token", TOKEN))
    assert telegram.status(both) == 1
    first, second, *_ = said(capsys).splitlines()
    assert (first[:5], second) == ("Bot 9", "@clinic_bot (Main Street), at https://t.me/clinic_bot")


def test_no_answer_at_all_is_said(polls: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = replace(polls, telegram_api_url="http://127.0.0.1:9")
    assert telegram.connect(nowhere, CLINIC) == 1
    assert re.fullmatch(
        "Bot 123456: Telegram does not answer at http://127.0.0.1:9. Is this machine online\\?\n", said(capsys)
    )
