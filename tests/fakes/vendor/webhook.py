"""A webhook of a test, on a port of this machine: what a vendor's posts are looked at with."""

import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Generic, Self, TypeVar

from tests.fakes.vendor.clock import Clock

Post = TypeVar("Post")
Said = TypeVar("Said")


class Door(ThreadingHTTPServer, Generic[Post, Said]):
    """Says what the test wants, and remembers who came. While not `open`, it lets everybody wait."""

    daemon_threads = True

    def __init__(self, handler: "type[Handler]", clock: Clock, otherwise: Said) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.posts: list[Post] = []
        self.script: deque[Said] = deque()
        self.otherwise = otherwise
        self.open = threading.Event()
        self.open.set()
        self.inside = self.most_inside = 0
        self.began = clock.now()
        self._clock = clock
        self._lock = threading.Lock()

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """It can be reached meanwhile."""
        with self:
            threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
            yield self
            self.open.set()
            self.shutdown()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"

    @property
    def age(self) -> float:
        """Seconds since it was made, by the clock."""
        return self._clock.now() - self.began

    def came(self, times: int) -> bool:
        return len(self.posts) == times

    def takes(self, post: Post) -> Said:
        with self._lock:
            self.posts.append(post)
            self.inside += 1
            self.most_inside = max(self.inside, self.most_inside)
            said = self.script.popleft() if self.script else self.otherwise
        self.open.wait(10)
        with self._lock:
            self.inside -= 1
        return said

    def handle_error(self, *who: Any) -> None:
        """Whoever has waited too long is gone; that is what some tests are about."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*who)


class Handler(BaseHTTPRequestHandler):
    """Lets in whoever comes."""

    def let_in(self) -> None:
        """Read what came, let the door take it, and answer as it says."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.let_in()

    def do_POST(self) -> None:
        self.let_in()

    def read_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quietly."""
