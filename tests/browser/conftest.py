"""A browser, and a web process for it to look at."""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from channels.webchat import Persona
from core.config import Settings
from tests.browser.clinic import answer
from tests.fakes.webchat import FakeWebChat
from tests.webhooks.conftest import settings
from webhooks.app import create_app

CHROMIUM = shutil.which("chromium")
QUIETLY = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ForeignSite = Callable[..., str]
PERSONAS = [
    Persona("maria", "Maria Keller, who has a visit"),
    Persona("anna", "Anna Brandt, mother of two"),
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("there is no chromium; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIETLY)
        yield chromium
        chromium.close()


@pytest.fixture
def chat() -> FakeWebChat:
    return FakeWebChat(answer, PERSONAS)


@pytest.fixture
def url(chat: FakeWebChat) -> Iterator[str]:
    """The address of the chat page, served as long as the test runs."""
    with serving(settings(), chat) as url:
        yield url


@contextmanager
def serving(known: Settings, chat: FakeWebChat) -> Iterator[str]:
    """A web process with these settings; yields the address of its chat page."""
    server = make_server("127.0.0.1", 0, create_app(known, chat), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}/chat"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """The chat page as a new visitor sees it; nothing that the browser complains about may remain."""
    complaints: list[str] = []
    with browser.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
        page.goto(url)
        yield page
    assert complaints == []


@pytest.fixture
def foreign_site() -> Iterator[ForeignSite]:
    """Another site: serves any page that it is given."""
    pages: dict[str, str] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(pages.get(self.path, "").encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(html: str, host: str = "localhost") -> str:
        pages["/page"] = html
        return f"http://{host}:{server.server_port}/page"

    yield serve
    server.shutdown()
    server.server_close()
