"""aiogram and python-telegram-bot as they are, with nothing of ours, made synchronous: the judges of the fake."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import aiogram
import telegram
from aiogram import exceptions
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from telegram import error
from telegram.request import HTTPXRequest

from tests.fakes.telegram.updates import Json

QUICK = 2  # seconds; nothing on this machine takes longer


@dataclass(frozen=True)
class Refusals:
    """What a library raises for which answer."""

    bad_request: type[Exception]
    unauthorized: type[Exception]
    forbidden: type[Exception]
    not_found: type[Exception]
    conflict: type[Exception]
    too_large: type[Exception]
    too_many: type[Exception]
    server: type[Exception]  # 5xx
    gateway: type[Exception]  # 5xx in HTML
    network: type[Exception]  # no answer
    timeout: type[Exception]  # none in time
    garbled: type[Exception]  # no JSON

    def of(self, code: int) -> type[Exception]:
        by_code = {400: self.bad_request, 401: self.unauthorized, 403: self.forbidden, 404: self.not_found}
        return {**by_code, 409: self.conflict, 413: self.too_large, 429: self.too_many, 500: self.server}[code]


class Library:
    """One library, against one server at a time. Methods are called by their names, which are the same in both."""

    types: ModuleType
    raises: Refusals

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.bot: Any = None

    def connect(self, url: str, token: str) -> None:
        raise NotImplementedError

    def start(self, method: str, **arguments: Any) -> "Future[Any]":
        """Calls a method, and gives what will hold its answer."""
        return self._do(getattr(self.bot, method)(**arguments))

    def call(self, method: str, **arguments: Any) -> Any:
        """The answer, or the library's own exception."""
        return self.start(method, **arguments).result(10)

    def _do(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def close(self) -> None:
        raise NotImplementedError

    def read_update(self, update: Json) -> Any:
        """The library's own model of an update."""
        raise NotImplementedError

    def upload(self, content: bytes, name: str) -> Any:
        raise NotImplementedError

    def download(self, file_id: str) -> bytes:
        raise NotImplementedError

    def impatient(self, seconds: float) -> dict[str, Any]:
        """The argument that ends a call after so long."""
        raise NotImplementedError

    def inline(self, *rows: list[str | tuple[str, str]]) -> Any:
        """An inline keyboard of labels, or of labels with their data."""
        button = self.types.InlineKeyboardButton
        pairs = [[(each, each) if isinstance(each, str) else each for each in row] for row in rows]
        buttons = [[button(text=label, callback_data=data) for label, data in row] for row in pairs]
        return self.types.InlineKeyboardMarkup(inline_keyboard=buttons)

    def keyboard(self, label: str, *, request_contact: bool = False) -> Any:
        """A keyboard below the chat, with one button."""
        button = self.types.KeyboardButton(text=label, request_contact=request_contact or None)
        return self.types.ReplyKeyboardMarkup(keyboard=[[button]])


class Aiogram(Library):
    types = aiogram.types
    raises = Refusals(
        bad_request=exceptions.TelegramBadRequest,
        unauthorized=exceptions.TelegramUnauthorizedError,
        forbidden=exceptions.TelegramForbiddenError,
        not_found=exceptions.TelegramNotFound,
        conflict=exceptions.TelegramConflictError,
        too_large=exceptions.TelegramEntityTooLarge,
        too_many=exceptions.TelegramRetryAfter,
        server=exceptions.TelegramServerError,
        gateway=exceptions.ClientDecodeError,
        network=exceptions.TelegramNetworkError,
        timeout=exceptions.TelegramNetworkError,
        garbled=exceptions.ClientDecodeError,
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._session = AiohttpSession(timeout=QUICK)

    def connect(self, url: str, token: str) -> None:
        self._session.api = TelegramAPIServer.from_base(url)
        self.bot = aiogram.Bot(token, session=self._session)

    def close(self) -> None:
        self._do(self._session.close()).result(5)

    def read_update(self, update: Json) -> Any:
        return aiogram.types.Update.model_validate(update)

    def upload(self, content: bytes, name: str) -> Any:
        return aiogram.types.BufferedInputFile(content, name)

    def download(self, file_id: str) -> bytes:
        content: bytes = self.call("download", file=file_id).read()
        return content

    def impatient(self, seconds: float) -> dict[str, Any]:
        return {"request_timeout": seconds}


class PythonTelegramBot(Library):
    types = telegram
    raises = Refusals(
        bad_request=error.BadRequest,
        unauthorized=error.InvalidToken,
        forbidden=error.Forbidden,
        not_found=error.InvalidToken,
        conflict=error.Conflict,
        too_large=error.NetworkError,
        too_many=error.RetryAfter,
        server=error.NetworkError,
        gateway=error.NetworkError,
        network=error.NetworkError,
        timeout=error.TimedOut,
        garbled=error.TelegramError,
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._requests = [HTTPXRequest(read_timeout=QUICK) for _ in range(2)]

    def connect(self, url: str, token: str) -> None:
        first, second = self._requests
        api, files = f"{url}/bot", f"{url}/file/bot"
        self.bot = telegram.Bot(token, api, files, request=first, get_updates_request=second)

    def close(self) -> None:
        for request in self._requests:
            self._do(request.shutdown()).result(5)

    def read_update(self, update: Json) -> Any:
        return telegram.Update.de_json(update, None)

    def upload(self, content: bytes, name: str) -> Any:
        return telegram.InputFile(content, filename=name)

    def download(self, file_id: str) -> bytes:
        return bytes(self._do(self.call("get_file", file_id=file_id).download_as_bytearray()).result(5))

    def impatient(self, seconds: float) -> dict[str, Any]:
        return {"read_timeout": seconds}


class Libraries:
    """Both, in a loop of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        # They make their clients where a loop runs.
        making = asyncio.run_coroutine_threadsafe(self._make(), self._loop)
        self.by_name: dict[str, Library] = making.result(10)

    async def _make(self) -> dict[str, Library]:
        return {"aiogram": Aiogram(self._loop), "python-telegram-bot": PythonTelegramBot(self._loop)}

    def close(self) -> None:
        for library in self.by_name.values():
            library.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


NAMES = ["aiogram", "python-telegram-bot"]
