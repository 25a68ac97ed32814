"""Listen to Telegram where it cannot reach us: aiogram asks for updates, and what is kept is confirmed. asyncio ends in this file.

An offset confirms every update below it, so Telegram hears of one only after the commit.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec
from aiogram import Bot, exceptions
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods import TelegramMethod
from sqlalchemy import Engine

from channels.telegram import CHANNEL, UPDATES, receive
from channels.telegram.updates import TooDeep, Unreadable, number_of
from core import logs
from core.crypto import Vault
from core.database import UNAVAILABLE, Session, scalar
from core.messaging.waking import Bell

LONG_POLL = 25  # seconds; longer ones are cut by some networks without a word, and only the next would notice
PATIENCE = LONG_POLL + 10  # seconds for Telegram's whole answer
PAUSES = (1, 2, 4, 8, 15, 30)  # seconds after so many failures in a row
REFUSED = 60  # seconds before a token is tried again that Telegram does not know
WAITING = 1  # seconds between two looks whether the other poller has gone
BEAT = 0.2  # seconds between two looks whether we are told to stop

_LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%(name)s, 0))"

_log = logs.get(__name__)

T = TypeVar("T")


def poll(
    engine: Engine,
    vault: Vault,
    bots: dict[str, str],
    bell: Bell,
    stopping: Event,
    *,
    api: str,
    long_poll: int = LONG_POLL,
) -> None:
    """Bring the updates of all `bots` (account to token) into the inbox until `stopping` is set."""
    keepers = {token: Keeper(engine, vault, account, bell) for account, token in bots.items()}
    listeners = [_Listener(_bot(token, api), keeper, long_poll) for token, keeper in keepers.items()]
    asyncio.run(_listen_all(listeners, stopping))


# --- keeping ---------------------------------------------------------------------------------------------------------


@dataclass
class Keeper:
    """The one connection that keeps a bot's updates. It holds a lock: who stores is the only poller, and who lost it stores nothing."""

    engine: Engine
    vault: Vault
    account: str
    bell: Bell
    _connection: Session | None = None

    def is_the_one(self) -> bool:
        """Whether we hold the lock, or get it now. Whoever holds it may take it again, so this also asks whether the database is there."""
        with self._open().begin():
            return bool(scalar(self._open(), _LOCK, name=f"{CHANNEL} poller {self.account}"))

    def keep(self, updates: Sequence[bytes]) -> int:
        """Store each update in a transaction of its own; returns the offset that confirms all that was kept, and nothing else.

        What cannot be stored is asked for again, and what came behind it is not lost: a repeat is harmless.
        """
        lost = [_number(body) for body in updates if not self._is_kept(body)]
        return min(lost) if lost else 1 + max(map(_number, updates), default=-1)

    def let_go(self) -> None:
        """Close the connection, and so let others poll."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()  # the pool would keep it open, and with it the lock
            connection.close()

    def _is_kept(self, body: bytes) -> bool:
        """Whether Telegram may forget this update."""
        try:
            with self._open().begin():
                is_new = receive.store(self._open(), self.vault, self.account, body)
        except UNAVAILABLE:
            raise
        except TooDeep:
            _log.warning("update_dropped", reason="too deep", account=self.account)
        except Exception:
            # The rim of one update: a bug that keeps us from storing it must not lose it, nor stop those behind it.
            _log.exception("update_not_stored", account=self.account)
            return False
        else:
            if is_new:
                self.bell.ring("inbox")
        return True

    def _open(self) -> Session:
        """Our connection, for as long as it lasts: the lock ends with it."""
        if self._connection is None:
            self._connection = self.engine.connect()
        return self._connection


def _number(body: bytes) -> int:
    """An update's number, as far as it can be told; 0 confirms nothing."""
    try:
        return max(0, number_of(body))
    except (Unreadable, TooDeep):
        return 0


# --- asking ----------------------------------------------------------------------------------------------------------


class _GetUpdates(TelegramMethod[list[bytes]]):
    """aiogram's own would read every update, and one that it does not know would stop those behind it."""

    __returning__ = list[bytes]
    __api_method__ = "getUpdates"

    offset: int
    timeout: int
    allowed_updates: list[str]


class _Updates(msgspec.Struct):
    """Telegram's answer, with the updates in it as they came."""

    ok: Literal[True]
    result: list[msgspec.Raw]


_UPDATES = msgspec.json.Decoder(_Updates)


def _answer(text: str) -> Any:
    """Updates unread: none can be so odd that the others suffer. Of any other answer what it says."""
    try:
        return {"ok": True, "result": [bytes(update) for update in _UPDATES.decode(text).result]}
    except msgspec.MsgspecError:
        return json.loads(text)


@dataclass
class _Listener:
    """One bot's long poll. Anything that goes wrong is waited out."""

    bot: Bot
    keeper: Keeper
    long_poll: int
    offset: int = 0
    failures: int = 0
    is_waiting: bool = False

    async def listen(self) -> None:
        """Ask, keep and confirm for ever; let the next poller in at the end."""
        try:
            while True:
                pause = await self._turn()
                await asyncio.sleep(pause)
        finally:
            await self.bot.session.close()
            await _finish(self.keeper.let_go)

    async def _turn(self) -> float:
        """Ask once, and say for how many seconds to pause then."""
        try:
            if not await _finish(self.keeper.is_the_one):
                return self._wait()
            self.is_waiting = False
            is_ahead = await self._ask()
        except Exception as error:
            # The rim of one poll: what left it would end this bot's listening, and in the same group all others'.
            return await self._ride_out(error)
        self.failures = 0 if is_ahead else self.failures + 1
        return 0 if is_ahead else self._pause()

    async def _ask(self) -> bool:
        """Confirm what was kept, wait for more and keep it; returns false when Telegram will only say the same again.

        After an empty answer all is confirmed, and we ask for whatever comes: a week later numbers may begin anew, below ours.
        """
        asked = self.offset
        method = _GetUpdates(offset=asked, timeout=self.long_poll, allowed_updates=list(UPDATES))
        updates = await self.bot(method, request_timeout=PATIENCE)
        self.offset = await _finish(lambda: self.keeper.keep(updates))
        return not updates or self.offset != asked

    def _wait(self) -> float:
        if not self.is_waiting:
            _log.warning("poller_waits", reason="another one polls", account=self.keeper.account)
        self.is_waiting = True
        return WAITING

    def _pause(self) -> float:
        return PAUSES[min(self.failures, len(PAUSES)) - 1]

    async def _ride_out(self, error: Exception) -> float:
        """Say what went wrong, a known trouble or a bug, without its words: they may hold the token."""
        self.failures += 1
        trouble = next(trouble for kind, trouble in _TROUBLES if isinstance(error, kind))(error)
        told = {"reason": trouble.reason, "error": type(error).__name__, "account": self.keeper.account}
        _log.warning(trouble.event, **told, exc_info=trouble.is_bug)
        if isinstance(error, UNAVAILABLE):
            await _finish(self.keeper.let_go)
        return self._pause() if trouble.pause is None else trouble.pause


class _Trouble(NamedTuple):
    """What went wrong, for the log; and for how many seconds to pause, where that does not grow with every failure."""

    event: str
    reason: str
    pause: float | None = None
    is_bug: bool = False


def _conflict(error: exceptions.TelegramConflictError) -> _Trouble:
    """A webhook is never taken away from here: a laptop must not deafen a clinic."""
    if "webhook" in error.message.lower():
        return _Trouble(
            "webhook_is_set", "Telegram brings updates elsewhere; `frontdesk telegram disconnect` ends that"
        )
    return _Trouble("poller_conflict", "another program polls with this token")


_TROUBLES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], _Trouble]], ...] = (
    (UNAVAILABLE, lambda _: _Trouble("database_away", "nothing is confirmed meanwhile", WAITING)),
    (exceptions.TelegramConflictError, _conflict),
    (exceptions.TelegramRetryAfter, lambda error: _Trouble("telegram_away", "it asks us to wait", error.retry_after)),
    (
        (exceptions.TelegramUnauthorizedError, exceptions.TelegramNotFound),
        lambda _: _Trouble("token_refused", "Telegram does not know this TELEGRAM_BOT_TOKEN", REFUSED),
    ),
    (exceptions.TelegramNetworkError, lambda _: _Trouble("telegram_away", "no answer")),
    (exceptions.AiogramError, lambda _: _Trouble("telegram_away", "it answers with an error")),
    (Exception, lambda _: _Trouble("poll_failed", "unexpected", is_bug=True)),
)


# --- the loop --------------------------------------------------------------------------------------------------------


async def _listen_all(listeners: Sequence[_Listener], stopping: Event) -> None:
    """Listen until told to stop; what is being stored then is finished."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(listener.listen()) for listener in listeners]
        while not stopping.is_set():  # noqa: ASYNC110 - a signal sets it, in the midst of anything
            await asyncio.sleep(BEAT)
        for task in tasks:
            task.cancel()


def _bot(token: str, api: str) -> Bot:
    return Bot(token, AiohttpSession(api=TelegramAPIServer.from_base(api), json_loads=_answer))


async def _finish(work: Callable[[], T]) -> T:
    """Work that blocks, in a thread. When we are told to stop it comes to its end first: nobody else may use its connection."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise
