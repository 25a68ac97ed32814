"""Twilio's own library as it is, with nothing of ours, led to one server: the judge of the fake."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from tests.fakes.twilio import FakeTwilio


class OneServer(TwilioHttpClient):  # type: ignore[misc]  # it comes without types
    """Sends what is meant for api., messaging., content. and lookups.twilio.com to one address: paths tell them apart."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(**options)
        self._scheme, self._netloc = urlsplit(url)[:2]

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        led = urlunsplit(urlsplit(url)._replace(scheme=self._scheme, netloc=self._netloc))
        return super().request(method, led, *args, **kwargs)


def connect(twilio: FakeTwilio, user: str | None = None, password: str | None = None, **options: Any) -> Client:
    """A client as its users make it; who it is, unless said otherwise, is the account."""
    http = OneServer(twilio.url, **{"timeout": 5, **options})
    return Client(user or twilio.account, password or twilio.token, twilio.account, http_client=http)
