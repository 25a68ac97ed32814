"""What tests of every folder share."""

import os
import shutil
from collections.abc import Callable, Generator, Iterator

import pytest

from tests import databases, demo_clinic
from tests.demo_clinic import DemoClinic

pytest_plugins = ["tests.fixtures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-transcripts", action="store_true", help="let the clinic's lines say what it says now")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # not in the processes that xdist starts
        databases.begin_run()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        databases.end_run()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not shutil.which("chromium"):
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason="there is no Chromium here: apt-get install chromium"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a browser test that was skipped proved nothing, so it fails."""
    report = yield
    if report.skipped and os.environ.get("CI") and item.get_closest_marker("browser"):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session")
def server_url() -> str:
    """A PostgreSQL server on which databases may be made."""
    return databases.server_url()


@pytest.fixture(scope="session")
def template(server_url: str) -> str:
    """The name of a database with the newest schema, to be copied."""
    return databases.migrated_template(server_url)


@pytest.fixture
def make_database(server_url: str, template: str) -> Iterator[Callable[[], str]]:
    """Makes fresh databases with the newest schema, gone after the test; gives their addresses."""
    made: list[str] = []

    def make() -> str:
        made.append(databases.create_database(server_url, template=template))
        return made[-1]

    yield make
    for url in made:
        databases.drop_database(url)


@pytest.fixture
def database_url(make_database: Callable[[], str]) -> str:
    """A fresh database with the newest schema."""
    return make_database()


@pytest.fixture(scope="session")
def demo_template(server_url: str, template: str) -> Iterator[str]:
    """The name of a database with the demo clinic, to be copied."""
    url = databases.create_database(server_url, template=template)
    demo_clinic.fill(url)
    yield databases.name_of(url)
    databases.drop_database(url)


@pytest.fixture
def clinic(server_url: str, demo_template: str) -> Iterator[DemoClinic]:
    """A demo clinic of one's own."""
    url = databases.create_database(server_url, template=demo_template)
    with demo_clinic.opened(url) as opened:
        yield opened
    databases.drop_database(url)
