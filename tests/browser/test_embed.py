"""The chat on a clinic's own website, by one script tag: opened, used and closed, on a page that is not ours."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FrameLocator, Locator, Page, ViewportSize, expect

from tests.browser.conftest import ForeignSite, serving
from tests.fakes.webchat import FakeWebChat
from tests.webhooks.conftest import settings

pytestmark = pytest.mark.browser

PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}

# A website with strict rules for scripts and loud ones for looks.
WEBSITE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Our clinic</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src {chat};
  frame-src {chat}; require-trusted-types-for 'script'; trusted-types 'none'">
<style>button, iframe, div {{ border: 9px dotted red !important; font-size: 60px; }} button {{ display: none; }} a {{ color: inherit; }}</style>
<script src="{chat}/chat/embed.js" async {more}></script></head>
<body><main><h1>Our clinic</h1><p>Welcome. <a href="#">Read on</a></p></main></body></html>"""


class Website:
    """The clinic's website, which shows the chat at `chat_url`."""

    def __init__(self, chat_url: str, site: ForeignSite) -> None:
        self._chat, self._site = origin(chat_url), site

    def url(self, more: str = "", host: str = "127.0.0.1") -> str:
        """A page of it, with these attributes on the tag."""
        return self._site(WEBSITE.format(chat=self._chat, more=more), host)


def origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@pytest.fixture
def website(chat: FakeWebChat, foreign_site: ForeignSite) -> Iterator[Website]:
    """As over plain http on one machine: the chat's host is the website's, its port is another."""
    with serving(settings(embed_origins=(origin(foreign_site("", "127.0.0.1")),)), chat) as chat_url:
        yield Website(chat_url, foreign_site)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A new visitor's page, on which no script fails and no rule is broken."""
    complaints: list[str] = []
    with browser.new_context(viewport=DESKTOP) as context:
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
        yield page
    assert complaints == []


def launcher(page: Page, label: str = "Book by chat") -> Locator:
    return page.get_by_role("button", name=label)


def frame(page: Page) -> FrameLocator:
    return page.frame_locator("iframe[title='Chat with Lindenhof Clinic']")


def say(page: Page, text: str) -> None:
    box = frame(page).get_by_label("Your message")
    box.wait_for()
    page.frames[-1].wait_for_load_state()  # its script listens by then
    box.fill(text)
    box.press("Enter")
    expect(frame(page).get_by_role("log")).to_contain_text(f"You said: {text}")


def test_a_patient_opens_the_chat_writes_closes_it_and_finds_it_again(
    page: Page, website: Website, chat: FakeWebChat
) -> None:
    page.goto(website.url())
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(launcher(page)).to_be_focused()
    expect(launcher(page)).to_have_attribute("aria-expanded", "false")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Chat with Lindenhof Clinic")).to_be_visible()
    expect(launcher(page)).to_have_attribute("aria-expanded", "true")
    expect(frame(page).get_by_label("Your message")).to_be_focused()
    say(page, "hello")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(launcher(page)).to_be_focused()
    expect(page.locator("iframe")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(frame(page).get_by_role("log")).to_contain_text("You said: hello")
    page.get_by_role("button", name="Close chat").click()
    expect(launcher(page)).to_be_focused()
    assert len({one.visitor for one in chat.received}) == 1


def test_neither_sites_looks_get_into_the_other(page: Page, website: Website) -> None:
    page.goto(website.url(more='data-color="#ffd500" data-side="left" data-label="Talk to us"'))
    button = launcher(page, "Talk to us")
    look = button.evaluate(
        "b => { const s = getComputedStyle(b); return [s.display, s.fontSize, s.backgroundColor, s.color, s.borderStyle]; }"
    )
    assert look == ["block", "16px", "rgb(255, 213, 0)", "rgb(0, 0, 0)", "solid"]
    box = button.bounding_box()
    assert box is not None
    assert box["x"] < 100
    assert box["height"] >= 44
    assert page.locator("h1").evaluate("h => getComputedStyle(h).fontFamily") == page.evaluate(
        "getComputedStyle(document.body).fontFamily"
    )
    assert page.evaluate("document.adoptedStyleSheets.length") == 0


def test_a_website_that_is_not_named_sees_nothing(page: Page, website: Website, chat: FakeWebChat) -> None:
    with page.expect_console_message(lambda line: "EMBED_ORIGINS" in line.text):
        page.goto(website.url(host="localhost"))
    expect(page.get_by_role("heading", name="Our clinic")).to_be_visible()
    expect(launcher(page)).to_have_count(0)


def test_on_another_site_over_https_the_chat_is_kept_in_a_partitioned_cookie(
    page: Page, chat: FakeWebChat, foreign_site: ForeignSite
) -> None:
    known = settings(public_url="https://chat.example.net", embed_origins=(origin(foreign_site("")),))
    with serving(known, chat) as chat_url:  # loopback counts as safe: the browser keeps secure cookies
        page.goto(Website(chat_url, foreign_site).url(host="localhost"))
        launcher(page).click()
        say(page, "hello")
        page.reload()
        launcher(page).click()
        expect(frame(page).get_by_role("log")).to_contain_text("You said: hello")
        (cookie,) = page.context.cookies(chat_url)
        assert (cookie["name"], cookie["sameSite"], cookie["secure"]) == ("__Host-chat", "None", True)
        page.goto(chat_url)  # by itself it is another chat: the website around it has no part in this one
        expect(page.locator("#lines .text")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_it_looks_well_and_stands_in_nobodys_way(
    browser: Browser, website: Website, tmp_path: Path, size: ViewportSize, scheme: Literal["light", "dark"]
) -> None:
    with browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True) as context:
        page = context.new_page()
        page.goto(website.url())
        expect(launcher(page)).to_be_visible()
        page.screenshot(path=tmp_path / "closed.png")
        launcher(page).click()
        say(page, "hello")
        page.screenshot(path=tmp_path / "open.png")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        panel = page.get_by_role("dialog")
        assert panel.evaluate("p => getComputedStyle(p).animationName") == "none"
        if size == PHONE:
            assert panel.bounding_box() == {"x": 0, "y": 0, "width": 390, "height": 844}
