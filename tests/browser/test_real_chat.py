"""The chat page, the web process, a worker and PostgreSQL together, as a patient meets them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from core.config import Settings, as_environment, parse_keyring
from frontdesk import demo, lifeline

pytestmark = pytest.mark.browser

KEYS = parse_keyring(f"test:{'A' * 43}=")  # 32 bytes of nothing


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def wait_until_healthy(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            time.sleep(0.1)
        finally:
            connection.close()
    pytest.fail("the web process does not answer")


@pytest.fixture
def clinic_url(browser: Browser, database_url: str) -> Iterator[str]:
    """The chat of a demo clinic, with a web process and a worker of its own. Asks for the browser first, to skip early."""
    settings = Settings(database_url, KEYS, KEYS, http_port=free_port())
    demo.load_if_empty(settings, database_url)
    environment = {**os.environ, **as_environment(settings), **lifeline.environment()}
    processes = [
        subprocess.Popen([sys.executable, "-m", "frontdesk", name], env=environment) for name in ("web", "worker")
    ]
    wait_until_healthy(settings.http_port)
    yield f"http://127.0.0.1:{settings.http_port}/chat"
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait(20)


def say(page: Page, text: str) -> None:
    """Say `text`, and wait until its answer shows."""
    line = page.locator("#lines .line")
    before = line.count()
    page.get_by_label("Your message").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(line.nth(before + 1)).to_contain_class("clinic")


@contextmanager
def slow_senders(port: int) -> Iterator[list[socket.socket]]:
    """More connections than the web process has threads, each with half a message that never ends."""
    with ExitStack() as stack:
        senders = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(20)]
        for sender in senders:
            sender.sendall(b"POST /chat/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5000\r\n\r\n{")
            sender.setblocking(False)
        yield senders


def still_send(sender: socket.socket) -> bool:
    """Whether the web process still waits for the rest."""
    try:
        sender.recv(1)
    except BlockingIOError:
        return True
    return False


def test_a_patient_books_reloads_and_undoes_while_others_send_slowly(browser: Browser, clinic_url: str) -> None:
    with (
        slow_senders(urlsplit(clinic_url).port or 80) as senders,
        browser.new_context(reduced_motion="reduce") as context,
    ):
        page = context.new_page()
        page.goto(clinic_url)
        page.get_by_role("button", name="Ben").click()
        say(page, "hello")
        assert all(still_send(sender) for sender in senders)  # nobody had to be turned away first

        for text in ("where are you?", "opening hours?", "I need a skin doctor, first available"):
            say(page, text)
        page.locator("#lines .line:last-child .choice").first.click()
        expect(page.get_by_role("button", name="Undo")).to_be_visible()
        said = page.locator("#lines .text").all_inner_texts()
        assert len(said) == 10

        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()

        page.reload()
        assert page.locator("#lines .text").all_inner_texts() == said
        other = context.new_page()
        other.goto(clinic_url)
        other.get_by_role("button", name="Undo").click()
        expect(page.locator("#lines .text")).to_have_count(12)
        expect(other.locator("#lines .text")).to_have_count(12)

    with browser.new_context() as somebody_else:
        page = somebody_else.new_page()
        page.goto(clinic_url)
        expect(page.locator("#lines .text")).to_have_count(0)
