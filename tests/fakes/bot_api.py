"""A Bot API in a few lines, which says what a test wants and notes what it is asked. `tests.fakes.telegram` is the strict one."""

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs

BAD_GATEWAY = (502, "<html><body>502 Bad Gateway</body></html>")
HANGS_UP = (0, "")
WEBHOOK_IS_SET = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
OTHER_POLLER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


class Call(NamedTuple):
    """What was asked."""

    token: str
    method: str
    given: dict[str, str]


def refusal(code: int, description: str, **parameters: int) -> tuple[int, str]:
    """Telegram says no."""
    said = {"ok": False, "error_code": code, "description": description, "parameters": parameters}
    return code, json.dumps(said)


@dataclass
class BotApi:
    """Serves on a port of this machine. `updates` are handed out as they stand here, until an offset confirms them."""

    updates: dict[int, str] = field(default_factory=dict)
    answers: dict[str, Callable[[dict[str, str]], Any]] = field(default_factory=dict)
    faults: dict[str, deque[tuple[int, str] | None]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    longest_poll: float = 60
    when_asked: Callable[[Call], object] = lambda _: None
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closed: bool = False

    def __enter__(self) -> "BotApi":
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                api.serve(self, self.rfile.read(length).decode())

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who asked has gone: that is their right
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def asked(self, method: str) -> list[dict[str, str]]:
        """What each call of this method was given."""
        return [call.given for call in list(self.calls) if call.method == method]

    def will(self, method: str, *faults: tuple[int, str] | None) -> None:
        """What the next calls of this method come to, in order; None goes well."""
        self.faults[method] = deque(faults)

    def hand_out(self, updates: dict[int, str]) -> None:
        """These updates have come."""
        with self._changed:
            self.updates |= updates
            self._changed.notify_all()

    def serve(self, handler: BaseHTTPRequestHandler, body: str) -> None:
        """Answer one request."""
        _, path, method = handler.path.split("/")
        call = Call(path.removeprefix("bot"), method, {name: values[0] for name, values in parse_qs(body).items()})
        self.calls.append(call)
        self.when_asked(call)
        waiting = self.faults.get(method)
        fault = waiting.popleft() if waiting else None
        status, text = fault or (200, self._answer(call))
        if not status:
            handler.close_connection = True
            return
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json" if text.startswith("{") else "text/html")
        handler.send_header("Content-Length", str(len(text.encode())))
        handler.end_headers()
        handler.wfile.write(text.encode())

    def _answer(self, call: Call) -> str:
        if call.method == "getUpdates":
            return f'{{"ok":true,"result":[{",".join(self._poll(call.given))}]}}'
        return json.dumps({"ok": True, "result": self.answers[call.method](call.given)})

    def _poll(self, given: dict[str, str]) -> list[str]:
        offset = int(given["offset"])
        with self._changed:
            self.updates = {number: text for number, text in self.updates.items() if number >= offset}
            seconds = min(self.longest_poll, int(given["timeout"]))
            self._changed.wait_for(lambda: self.updates or self._closed, seconds)
            return list(self.updates.values())
