"""What can go wrong with a call, as a test orders it."""

import json
from collections import deque
from dataclasses import dataclass, field

from tests.fakes.telegram.refusals import Refusal

NGINX_502 = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n"
)
INTERNAL = "Internal Server Error"


@dataclass(frozen=True)
class Fault:
    """One call that does not go as it should."""

    name: str
    happens: bool = False  # the call is carried out all the same
    status: int = 200
    body: str | None = None  # said in place of the answer
    retry_after: int = 0
    seconds: float = 0  # by the clock, until it answers
    hangs: bool = False
    cuts: bool = False


def answers(code: int, description: str = INTERNAL) -> Fault:
    """Telegram says no in words of the test's choice; the call is not carried out."""
    body = json.dumps(Refusal(code, description).body)
    return Fault(f"answers {code}", status=code, body=body)


def bad_gateway() -> Fault:
    """What stands before Telegram answers, in HTML; the call is not carried out."""
    return Fault("bad gateway", status=502, body=NGINX_502)


def busy(retry_after: int) -> Fault:
    """429; whoever sends to that chat before the time is over breaks a rule."""
    said = Refusal(429, f"Too Many Requests: retry after {retry_after}", retry_after)
    return Fault("busy", status=429, body=json.dumps(said.body), retry_after=retry_after)


def cut() -> Fault:
    """The call is carried out, and the connection ends without an answer."""
    return Fault("cut", happens=True, cuts=True)


def refuse() -> Fault:
    """The connection ends without an answer, and nothing has happened."""
    return Fault("refuse", cuts=True)


def hang(*, happens: bool = True) -> Fault:
    """No answer until the test lets go."""
    return Fault("hang", happens=happens, hangs=True)


def slow(seconds: float) -> Fault:
    """The call is carried out at once; its answer takes so long, by the clock."""
    return Fault("slow", happens=True, seconds=seconds)


def garbage(*, happens: bool = True) -> Fault:
    """An answer that is no JSON."""
    return Fault("garbage", happens=happens, body='{"ok":true,"result":{"mess')


@dataclass
class Script:
    """What the next calls of each method come to."""

    orders: dict[tuple[str, int | None], deque[Fault | None]] = field(default_factory=dict)

    def order(self, method: str, faults: tuple[Fault | None, ...], chat: int | None) -> None:
        self.orders.setdefault((method.lower(), chat), deque()).extend(faults)

    def take(self, method: str, chat: int | None) -> Fault | None:
        """The fault of this call; an order for its chat goes before one for all."""
        for key in ((method.lower(), chat), (method.lower(), None)):
            if self.orders.get(key):
                return self.orders[key].popleft()
        return None
