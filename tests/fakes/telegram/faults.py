"""What can go wrong with a call, as a test orders it."""

import json

from tests.fakes.telegram.refusals import Refusal
from tests.fakes.vendor.faults import Fault, cut, hang, refuse, slow

__all__ = ["Fault", "answers", "bad_gateway", "busy", "cut", "garbage", "hang", "refuse", "slow"]

NGINX_502 = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
    "<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n"
)
INTERNAL = "Internal Server Error"


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


def garbage(*, happens: bool = True) -> Fault:
    """An answer that is no JSON."""
    return Fault("garbage", happens=happens, body='{"ok":true,"result":{"mess')
