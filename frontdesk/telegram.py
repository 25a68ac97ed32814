"""`frontdesk telegram`: tell Telegram where this clinic is and what its bots can do, and say in plain words what Telegram answers."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from babel.dates import format_timedelta
from telegram import Bot, BotCommand, WebhookInfo
from telegram.error import BadRequest, InvalidToken, NetworkError, TelegramError

from bot import texts
from bot.messages import Say
from channels.telegram import UPDATES
from core.config import Settings
from core.scheduling.directory import Directory

MENU = {
    "book": "command.book",
    "visits": "command.visits",
    "cancel": "command.cancel",
    "hours": "command.hours",
    "person": "command.person",
    "help": "command.help",
}
"""The commands that Telegram offers, and what is said of each."""

_REAL = "telegram.description", "telegram.short_description"
_DEMO = "telegram.description.demo", "telegram.short_description.demo"

FIRST = "en"  # what those read whose language has no catalog
LONGEST_COMMAND, LONGEST_DESCRIPTION, LONGEST_SHORT_DESCRIPTION = 256, 512, 120  # letters, by Telegram
CONNECTIONS = 40  # on which Telegram delivers at once

_KINDS = {
    "message": "messages",
    "edited_message": "corrections",
    "callback_query": "taps on buttons",
    "my_chat_member": "word of who has blocked the bot",
}

Lines = AsyncIterator[str]


def connect(settings: Settings, clinic: Directory) -> int:
    """Set where Telegram delivers, the menu and the descriptions of every bot. Returns the exit code."""
    code = _for_each_bot(settings, lambda bot: _connect(bot, settings, clinic))
    if clinic.organization.is_demo and not settings.demo:
        print("This is the demo clinic: on Telegram it stays silent without --demo (or DEMO=true).")
    return code


def status(settings: Settings) -> int:
    """Say how Telegram and every bot get on. Returns the exit code."""
    return _for_each_bot(settings, lambda bot: _status(bot, settings))


def disconnect(settings: Settings) -> int:
    """Let Telegram deliver no more, for every bot; what waits there goes on waiting. Returns the exit code."""
    return _for_each_bot(settings, _disconnect)


# --- every bot -------------------------------------------------------------------------------------------------------


def _for_each_bot(settings: Settings, work: Callable[[Bot], Lines]) -> int:
    """Print what the work on each bot yields; one that fails does not keep the others from their turn."""
    logging.getLogger("telegram").setLevel(logging.CRITICAL)  # it would print what it cannot read
    return asyncio.run(_all(settings, work))


async def _all(settings: Settings, work: Callable[[Bot], Lines]) -> int:
    failed = 0
    for account, token in settings.telegram_bots.items():
        try:
            async with Bot(token, base_url=f"{settings.telegram_api_url}/bot") as bot:
                async for line in work(bot):
                    print(line, flush=True)
        except TelegramError as error:
            print(_sentence(error, account, settings), flush=True)
            failed += 1
    return 1 if failed else 0


def _sentence(error: TelegramError, account: str, settings: Settings) -> str:
    """What went wrong. An error's own words are shown only where they are Telegram's: others may hold the token."""
    match error:
        case InvalidToken():
            return f"Bot {account}: Telegram does not know its token. Ask BotFather for it, and set TELEGRAM_BOT_TOKEN."
        case NetworkError() if not isinstance(error, BadRequest):
            return f"Bot {account}: Telegram does not answer at {settings.telegram_api_url}. Is this machine online?"
    said = error.message.replace(settings.telegram_bots[account], "…")
    return f"Bot {account}: Telegram said: {said}."


def _named(bot: Bot) -> str:
    return f"@{bot.username} ({bot.first_name})"


# --- connect ---------------------------------------------------------------------------------------------------------


async def _connect(bot: Bot, settings: Settings, clinic: Directory) -> Lines:
    if settings.public_url:
        await bot.set_webhook(
            url := _address(bot, settings),
            allowed_updates=UPDATES,
            max_connections=CONNECTIONS,
            secret_token=settings.telegram_webhook_secret,
            drop_pending_updates=False,
        )  # each time: whether the secret is still ours, Telegram does not tell
        yield f"{_named(bot)}: Telegram delivers to {url}."
    else:
        yield f"{_named(bot)}: {_fetching(await bot.get_webhook_info())}"
    for code in (None, *texts.languages()):
        await _describe(bot, clinic, code)
    yield f"Write to it at https://t.me/{bot.username}."


def _address(bot: Bot, settings: Settings) -> str:
    """Where we take what Telegram brings for a bot."""
    return f"{settings.public_url}/webhooks/telegram/{bot.id}"


def _fetching(info: WebhookInfo) -> str:
    """How updates come to a clinic without a public address."""
    if not info.url:
        return "this clinic fetches what people write from Telegram by itself."
    return f"Telegram delivers to {info.url}, so nothing comes here. `frontdesk telegram disconnect` ends that."


async def _describe(bot: Bot, clinic: Directory, code: str | None) -> None:
    """Menu and descriptions for the readers of one language, or for all others; what is right already stays untouched."""
    language = code or FIRST
    long_key, short_key = _DEMO if clinic.organization.is_demo else _REAL
    menu = tuple(BotCommand(name, _worded(key, language, clinic, LONGEST_COMMAND)) for name, key in MENU.items())
    if await bot.get_my_commands(language_code=code) != menu:
        await bot.set_my_commands(menu, language_code=code)
    long = _worded(long_key, language, clinic, LONGEST_DESCRIPTION)
    if (await bot.get_my_description(code)).description != long:
        await bot.set_my_description(long, code)
    short = _worded(short_key, language, clinic, LONGEST_SHORT_DESCRIPTION)
    if (await bot.get_my_short_description(code)).short_description != short:
        await bot.set_my_short_description(short, code)


def _worded(key: str, language: str, clinic: Directory, longest: int) -> str:
    """The sentence, cut between two words where a clinic's name makes it longer than Telegram takes."""
    sentence = texts.say(Say(key), language, clinic)
    if len(sentence) <= longest:
        return sentence
    return sentence[: longest - 1].rpartition(" ")[0] + "…"


# --- status and disconnect -------------------------------------------------------------------------------------------


async def _status(bot: Bot, settings: Settings) -> Lines:
    info = await bot.get_webhook_info()
    yield f"{_named(bot)}, at https://t.me/{bot.username}"
    yield f"  {_way(info, bot, settings)}"
    count = info.pending_update_count
    yield f"  {'Nothing waits' if not count else f'{count} update waits' if count == 1 else f'{count} updates wait'} at Telegram."
    if info.last_error_date is not None:
        ago = format_timedelta(info.last_error_date - datetime.now(UTC), add_direction=True, locale="en")
        yield f"  The last delivery that failed was {ago}; Telegram said: {info.last_error_message}."
    missing = [_KINDS[kind] for kind in UPDATES if kind not in info.allowed_updates]
    if info.url and info.allowed_updates and missing:
        yield f"  Telegram leaves out {', '.join(missing)}: `frontdesk telegram connect` sets that right."


def _way(info: WebhookInfo, bot: Bot, settings: Settings) -> str:
    """How what people write comes to us, or why it does not."""
    if not settings.public_url:
        said = _fetching(info)
        return said[0].upper() + said[1:]
    if not info.url:
        return "Telegram does not know where to deliver: `frontdesk telegram connect` tells it."
    if info.url != _address(bot, settings):
        return f"Telegram delivers to {info.url}, which is not here: `frontdesk telegram connect` sets that right."
    return f"Telegram delivers to {info.url}."


async def _disconnect(bot: Bot) -> Lines:
    info = await bot.get_webhook_info()
    if not info.url:
        yield f"{_named(bot)}: Telegram was not delivering anywhere."
        return
    await bot.delete_webhook(drop_pending_updates=False)
    yield f"{_named(bot)}: Telegram no longer delivers to {info.url}. What waits there is kept for a day."
