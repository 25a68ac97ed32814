"""Twilio's library, with deadlines, and at another server where the settings say so."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from core.config import Settings

PATIENCE = 15.0  # seconds to connect, and again for an answer; the library itself would wait for ever


class _Http(TwilioHttpClient):
    """Every call has a deadline. Twilio's several hosts become one server where `base` names it; their paths do not collide."""

    def __init__(self, base: str) -> None:
        super().__init__(timeout=PATIENCE)
        self._base = base

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        """As the library's own."""
        url = at(self._base, url)
        return super().request(method, url, *args, **kwargs)


def at(base: str, url: str) -> str:
    """The same path on the server that stands in Twilio's place, where there is one."""
    if not base:
        return url
    there = urlsplit(base)
    return urlunsplit(urlsplit(url)._replace(scheme=there.scheme, netloc=there.netloc))


def open_client(settings: Settings) -> Client:
    """What talks to Twilio for our account."""
    return Client(settings.twilio_account_sid, settings.twilio_auth_token, http_client=_Http(settings.twilio_api_url))
