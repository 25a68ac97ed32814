"""A web process around a web chat in memory."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from channels.webchat import Persona
from core.config import Settings
from tests.fakes.webchat import FakeWebChat
from webhooks.app import create_app

MakeClient = Callable[..., FlaskClient]


def settings(public_url: str = "", trusted_proxies: int = 0, embed_origins: tuple[str, ...] = ()) -> Settings:
    """The defaults but for these; nothing from the environment, and no keys, which HTTP never needs."""
    return Settings(public_url=public_url, trusted_proxies=trusted_proxies, embed_origins=embed_origins)


@pytest.fixture
def chat() -> FakeWebChat:
    return FakeWebChat(personas=[Persona("maria", "Maria, who has a visit")])


@pytest.fixture
def make_client(chat: FakeWebChat) -> MakeClient:
    """A browser at a web process of its own, with these settings."""
    return lambda **changes: create_app(settings(**changes), chat).test_client()


@pytest.fixture
def client(make_client: MakeClient) -> FlaskClient:
    return make_client()
