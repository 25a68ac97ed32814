"""python-telegram-bot speaks: one long-lived loop, and one pool of connections a bot, in the sender alone.

Texts go out plain, without a parse mode: what a patient or a doctor is called can then neither break a message nor change it.
"""

import asyncio
import logging
import threading
from collections.abc import Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    KeyboardButton,
    LinkPreviewOptions,
    ReplyKeyboardMarkup,
)
from telegram.error import RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from bot.messages import Payload, Receipt
from channels import Capped, Keep
from channels.errors import Permanent, Unknown
from channels.rendering import Button, Rendered, parts, with_buttons
from channels.telegram import faults
from channels.telegram.layout import LONGEST_NOTE, LONGEST_TEXT, label, rows
from core import logs
from core.config import Settings
from core.messaging.outbox import Outcome, Owed, Rate
from core.scheduling.directory import Directory

# https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this: 30 a second; one a second in a chat, with short
# bursts; 20 a minute in a group. A little less, as calls do not take equally long on their way.
ACCOUNT = Rate(timedelta(seconds=1) / 25)
CHAT = Rate(timedelta(seconds=1), burst=3)
GROUP = Rate(timedelta(seconds=3))

CONNECTIONS = 16  # of a bot: more than a sender has threads
CONNECT = 5.0  # seconds; also to write, and to wait for a connection of the pool
READ_BRIEFLY, READ = 4.0, 10.0  # for what may fail, and for the message itself
MOST_RETIRED = 3  # messages that lose their buttons at once: each is a call
DEADLINE = 35.0  # for all calls of one message: shorter than the lease in the outbox
FILE_DEADLINE = 90.0

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
_log = logs.get(__name__)

T = TypeVar("T")


def open_speaker(settings: Settings) -> "Telegram":
    """What talks for all of our bots."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # its lines hold addresses, and those the token
    return Telegram(settings.telegram_bots, settings.telegram_api_url)


class Telegram:
    """Sends what is owed and fetches files; threads share it."""

    account_rate = ACCOUNT

    def __init__(self, bots: Mapping[str, str], api_url: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="telegram", daemon=True)
        self._thread.start()
        self._bots = {account: _bot(token, api_url) for account, token in bots.items()}

    def address_rate(self, address: str) -> Rate:
        """How often one chat may be written to; the numbers of groups are negative."""
        return GROUP if address.startswith("-") else CHAT

    def draws(self, _owed: Owed, _payload: Payload, _directory: Directory) -> tuple[Capped, ...]:
        """Nothing: it costs nothing, and nobody is written to who has not written first."""
        return ()

    def send(self, owed: Owed, payload: Payload, directory: Directory) -> Outcome:
        """Acknowledge the tap, take away buttons whose time is over, say what is to be said. Raises DeliveryFailed."""
        delivery = _Delivery(self._bot(owed.account), owed, payload, with_buttons(payload, directory))
        return self._done(delivery.deliver(), DEADLINE)

    def fetch(self, account: str, reference: str, most: int) -> bytes:
        """A file of at most so many bytes that somebody sent to this bot. Raises DeliveryFailed."""
        return self._done(_fetch(self._bot(account), reference, most), FILE_DEADLINE)

    def missed(self) -> tuple[Keep, ...]:
        """Nothing: Telegram tries again for a day by itself."""
        return ()

    def close(self) -> None:
        """Let go of all connections."""
        for bot in self._bots.values():
            self._run(bot.shutdown(), READ_BRIEFLY)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=2)

    def _bot(self, account: str) -> Bot:
        if account not in self._bots:
            raise Permanent("no_such_account")
        return self._bots[account]

    def _done(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        try:
            return self._run(work, seconds)
        except TelegramError as error:
            raise faults.meaning(error) from error
        except TimeoutError:
            raise Unknown("timeout") from None

    def _run(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, seconds), self._loop).result()


def _bot(token: str, api_url: str) -> Bot:
    request = HTTPXRequest(
        CONNECTIONS, read_timeout=READ, write_timeout=CONNECT, connect_timeout=CONNECT, pool_timeout=CONNECT
    )
    return Bot(token, base_url=f"{api_url}/bot", base_file_url=f"{api_url}/file/bot", request=request)


class _Delivery:
    """One message on its way."""

    def __init__(self, bot: Bot, owed: Owed, payload: Payload, rendered: Rendered) -> None:
        self._bot = bot
        self._owed = owed
        self._payload = payload
        self._rendered = rendered
        self._chat = int(owed.address)

    async def deliver(self) -> Outcome:
        """The tap first: whoever tapped looks at a spinner. Then the message, in the place of an earlier one or below it."""
        is_noted = await self._acknowledge(self._payload.receipt)
        if not self._rendered.text or (self._payload.reply.passing and is_noted):
            return Outcome("sent", retired=await self._retire(self._tapped()))
        if self._stays_in_place() and (message := await self._edit()) is not None:
            return Outcome("sent", message, retired=self._prompts_of(message))
        retired = await self._retire(self._over())
        return Outcome("sent", await self._say(), retired=retired)

    async def _acknowledge(self, receipt: Receipt | None) -> bool:
        """True when the person has seen the note that goes with it. A tap of some seconds ago cannot be acknowledged any more."""
        if receipt is None:
            return False
        note = parts(self._rendered.text, LONGEST_NOTE)[0] if self._payload.reply.passing else ""
        try:
            await self._bot.answer_callback_query(receipt.tap, note or None, read_timeout=READ_BRIEFLY)
            return bool(note)
        except RetryAfter:  # whoever is told to wait waits with everything
            raise
        except TelegramError as error:
            _log.info("tap_not_acknowledged", outbox_id=self._owed.id, code=faults.meaning(error).code)
            return False

    # --- buttons whose time is over ----------------------------------------------------------------------------------

    def _tapped(self) -> list[str]:
        receipt = self._payload.receipt
        return [] if receipt is None or receipt.message is None else [receipt.message]

    def _over(self) -> list[str]:
        """The message that was tapped; once there is something new to choose, also what was asked before."""
        asked = [shown.message for shown in self._owed.shown if not shown.lasts] if self._rendered.buttons else []
        return list(dict.fromkeys([*self._tapped(), *asked]))[:MOST_RETIRED]

    async def _retire(self, messages: Sequence[str]) -> tuple[int, ...]:
        """Take the buttons away; returns the prompts that had them. One that still has them does what it says, or explains."""
        for message in messages:
            try:
                await self._bot.edit_message_reply_markup(self._chat, int(message), read_timeout=READ_BRIEFLY)
            except RetryAfter:
                raise
            except TelegramError as error:
                if not faults.is_as_wished(error):
                    _log.info("buttons_stay", outbox_id=self._owed.id, code=faults.meaning(error).code)
        return tuple(prompt for message in messages for prompt in self._prompts_of(message))

    def _prompts_of(self, message: str) -> tuple[int, ...]:
        return tuple(shown.prompt for shown in self._owed.shown if shown.message == message)

    # --- the message -------------------------------------------------------------------------------------------------

    def _stays_in_place(self) -> bool:
        """A page of a list takes the place of the page before, as long as that is the newest message."""
        return self._payload.in_place and self._tapped() == [self._owed.last_message]

    async def _edit(self) -> str | None:
        """The message's own id; None where it cannot be edited any more."""
        (message,) = self._tapped()
        try:
            await self._bot.edit_message_text(
                parts(self._rendered.text, LONGEST_TEXT)[0],
                self._chat,
                int(message),
                reply_markup=_inline(self._rendered.buttons),
                link_preview_options=_NO_PREVIEW,
            )
        except TelegramError as error:
            if faults.is_as_wished(error):
                return message
            if faults.is_beyond_edits(error):
                return None
            raise
        return message

    async def _say(self) -> str:
        """Whatever is too long goes in several messages, the buttons below the last."""
        *before, last = parts(self._rendered.text, LONGEST_TEXT)
        for text in before:
            await self._bot.send_message(self._chat, text, link_preview_options=_NO_PREVIEW)
        try:
            message = await self._bot.send_message(
                self._chat, last, reply_markup=self._markup(), link_preview_options=_NO_PREVIEW
            )
        except TelegramError as error:
            if before:  # to begin again would say the first part twice
                raise Unknown(f"partly_sent_{faults.meaning(error).code}") from error
            raise
        return str(message.message_id)

    def _markup(self) -> InlineKeyboardMarkup | ReplyKeyboardMarkup | None:
        if self._rendered.number_label is not None:
            button = KeyboardButton(self._rendered.number_label, request_contact=True)
            return ReplyKeyboardMarkup([[button]], resize_keyboard=True, one_time_keyboard=True)
        return _inline(self._rendered.buttons)


def _inline(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    if not buttons:
        return None
    return InlineKeyboardMarkup(
        [
            [InlineKeyboardButton(label(button.label), callback_data=button.token) for button in row]
            for row in rows(buttons)
        ]
    )


async def _fetch(bot: Bot, reference: str, most: int) -> bytes:
    file = await bot.get_file(reference)
    if file.file_size is not None and file.file_size > most:
        raise Permanent("too_large")
    content = bytes(await file.download_as_bytearray(read_timeout=FILE_DEADLINE))
    if len(content) > most:
        raise Permanent("too_large")
    return content
