"""Fixtures for all tests that need a practice with a database of its own."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core import logs
from core.config import Settings
from core.database import open_engine
from tests import databases, factories
from tests.demo_clinic import VAULT
from tests.factories import Practice


@pytest.fixture(scope="session")
def model_practice(server_url: str, template: str) -> Iterator[tuple[str, Practice]]:
    """A practice nobody has been to, and the name of its database, to be copied. Logs are those of a process."""
    logs.set_up("tests")
    url = databases.create_database(server_url, template=template)
    engine = open_engine(url)
    practice = factories.practice(engine, VAULT)
    engine.dispose()
    yield databases.name_of(url), practice
    databases.drop_database(url)


@pytest.fixture
def practice(server_url: str, model_practice: tuple[str, Practice]) -> Iterator[Practice]:
    """The small practice of `tests.factories`, with room for many threads."""
    name, practice = model_practice
    url = databases.create_database(server_url, template=name)
    engine = open_engine(url, pool_size=24)
    yield replace(practice, engine=engine)
    engine.dispose()
    databases.drop_database(url)


@pytest.fixture(scope="module")
def lasting_practice(server_url: str, model_practice: tuple[str, Practice]) -> Iterator[Practice]:
    """The same for all tests of a file, which begin with `forget_chats`: a database takes half a second."""
    name, practice = model_practice
    url = databases.create_database(server_url, template=name)
    engine = open_engine(url)
    yield replace(practice, engine=engine)
    engine.dispose()
    databases.drop_database(url)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings with a fresh database and a folder that goes away."""
    return Settings(database_url=database_url, master_keys=VAULT.master, lookup_keys=VAULT.lookup, var_dir=tmp_path)
