"""A visitor of the chat, as cheap as can be: it shares the machine with what it measures."""

import hashlib
import json
import secrets
import socket
from dataclasses import dataclass, field
from typing import Any, Self


class Wire:
    """One kept connection. `post` sends JSON and returns the body of the answer; anything but a 200 is an error."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def post(self, path: str, body: bytes, headers: str = "") -> bytes:
        """One request and its answer."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Sec-Fetch-Site: same-origin\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        lines = received[:end].decode().lower().split("\r\n")
        length = int(next(line.partition(":")[2] for line in lines if line.startswith("content-length")))
        while len(received) < end + 4 + length:
            received += self._more()
        if " 200 " not in lines[0]:
            raise RuntimeError(lines[0])
        return received[end + 4 :]

    def _more(self) -> bytes:
        more = self._socket.recv(65536)
        if not more:
            raise ConnectionError("the server has hung up")
        return more


@dataclass
class Visitor:
    """A chat of its own, from an address of its own, as limits count by both."""

    number: int
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    cursor: int = 0

    def say(self, wire: Wire, text: str) -> bool:
        """Write a line, having seen what came before; whether the reply came with the answer."""
        return self._post(wire, "/chat/messages", {"id": secrets.token_urlsafe(9), "text": text})

    def poll(self, wire: Wire) -> bool:
        """Look for what is new, and settle it; whether nothing is waited for any more."""
        return self._post(wire, "/chat/poll", {})

    def _post(self, wire: Wire, path: str, said: dict[str, Any]) -> bool:
        chat = hashlib.sha256(self.token.encode()).hexdigest()[:16]
        address = f"10.{self.number >> 16 & 255}.{self.number >> 8 & 255}.{self.number & 255}"
        body = json.dumps({"chat": chat, "after": self.cursor, **said}).encode()
        answer = json.loads(wire.post(path, body, f"Cookie: chat={self.token}\r\nX-Forwarded-For: {address}\r\n"))
        self.cursor = answer["cursor"]
        return not answer["waiting"]
