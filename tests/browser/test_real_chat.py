"""The chat page, the web process, a worker and PostgreSQL together, as a patient meets them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from core.config import Settings, as_environment
from frontdesk import demo, lifeline

pytestmark = pytest.mark.browser

KEYS = f"test:{'A' * 43}="  # 32 bytes of nothing


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
    settings = Settings.model_validate(
        {"database_url": database_url, "master_keys": KEYS, "lookup_keys": KEYS, "http_port": free_port()}
    )
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


def milliseconds_until_answered(page: Page, text: str) -> int:
    """Say `text` and measure, in the page, how long its answer takes to show."""
    page.get_by_label("Your message").fill(text)
    page.evaluate(
        """() => {
            const start = performance.now(), lines = document.getElementById("lines");
            window.took = new Promise(resolve => new MutationObserver(() =>
                lines.lastElementChild.matches(".clinic") && resolve(performance.now() - start)
            ).observe(lines, {childList: true}));
            document.getElementById("compose").requestSubmit();
        }"""
    )
    return int(page.evaluate("window.took"))


def test_a_patient_books_reloads_and_undoes(browser: Browser, clinic_url: str) -> None:
    with browser.new_context(reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(clinic_url)
        page.get_by_role("button", name="Ben").click()
        took = sorted(milliseconds_until_answered(page, text) for text in ("hello", "where are you?", "opening hours?"))
        assert took[1] < 300, took

        milliseconds_until_answered(page, "I need a skin doctor, first available")
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
