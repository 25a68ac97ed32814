"""What can go wrong with a call, as a test orders it."""

import json

from tests.fakes.twilio.refusals import Refusal, too_many
from tests.fakes.vendor.faults import Fault, cut, hang, refuse, slow

__all__ = ["Fault", "answers", "bad_gateway", "busy", "cut", "garbage", "hang", "refuse", "server_error", "slow"]

BAD_GATEWAY = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n</body>\r\n</html>\r\n"


def answers(status: int, code: int, message: str = "An error") -> Fault:
    """Twilio says no as the test chooses; the call is not carried out."""
    return Fault(f"answers {status} {code}", status=status, body=json.dumps(Refusal(status, code, message).body))


def server_error(status: int = 500, *, happens: bool = False) -> Fault:
    """500 or 503; whether the call was carried out, nobody can tell."""
    code = {500: 20500, 503: 20503}.get(status, 20500)
    body = json.dumps(Refusal(status, code, "An internal server error has occurred").body)
    return Fault(f"server error {status}", happens=happens, status=status, body=body)


def bad_gateway(*, happens: bool = False) -> Fault:
    """What stands before Twilio answers, in HTML."""
    return Fault("bad gateway", happens=happens, status=502, body=BAD_GATEWAY)


def busy() -> Fault:
    """429: too many at once. The call is not carried out, so it is safe to try again [D]."""
    return Fault("busy", status=429, body=json.dumps(too_many().body))


def garbage(*, happens: bool = True) -> Fault:
    """An answer that is no JSON, though it says that all is well."""
    return Fault("garbage", happens=happens, status=201, body='{"sid": "SM12')
