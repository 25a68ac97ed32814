"""The chat page as people use it: typing and tapping, two tabs, bad networks, keyboards and readers."""

import re
from collections.abc import Callable
from itertools import dropwhile
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Request, Route, ViewportSize, expect

from tests.browser.clinic import OFFERS
from tests.fakes.webchat import FakeWebChat

pytestmark = pytest.mark.browser

PHONE: ViewportSize = {"width": 360, "height": 740}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
MESSAGES = "**/chat/messages"
XSS = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"


def say(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")


def texts(page: Page) -> list[str]:
    return page.locator("#lines .text").all_inner_texts()


def sent_ids(chat: FakeWebChat) -> list[str]:
    return [one.message_id for one in chat.received]


# Writing and choosing


def test_a_visit_is_booked_by_typing_once_and_tapping_once(page: Page, chat: FakeWebChat) -> None:
    say(page, "I need a skin doctor")
    page.get_by_role("button", name="09:20").click()
    expect(page.get_by_role("log")).to_contain_text(f"Booked: {OFFERS[0]}")
    assert [one.text or one.label for one in chat.received] == ["I need a skin doctor", OFFERS[0]]


def test_ones_own_words_show_before_anything_is_answered(page: Page, chat: FakeWebChat) -> None:
    page.route(MESSAGES, lambda route: None)
    say(page, "hello")
    expect(page.locator(".patient .text")).to_have_text("hello")
    expect(page.locator(".patient time")).to_have_text("Sending …")
    expect(page.get_by_label("Your message")).to_have_value("")


def test_a_slow_answer_is_announced_and_fetched(page: Page, chat: FakeWebChat) -> None:
    chat.delay = 1
    say(page, "hello")
    expect(page.get_by_role("status")).to_have_text("The clinic is answering …")
    expect(page.get_by_role("log")).to_contain_text("You said: hello")
    expect(page.get_by_role("status")).to_have_text("")


def test_messages_keep_their_order_however_fast_they_come(page: Page, chat: FakeWebChat) -> None:
    chat.delay = 0.1
    for text in ("one", "two", "three"):
        say(page, text)
    expect(page.get_by_role("log")).to_contain_text("You said: three")
    assert [one.text for one in chat.received] == ["one", "two", "three"]
    assert texts(page) == [said for text in ("one", "two", "three") for said in (text, f"You said: {text}")]


def test_a_double_tap_is_one_choice(page: Page, chat: FakeWebChat) -> None:
    say(page, "I need a doctor")
    page.get_by_role("button", name="09:20").dblclick()
    expect(page.get_by_role("log")).to_contain_text("Booked")
    assert len(chat.received) == 2


def test_old_choices_step_back_and_still_work(page: Page, chat: FakeWebChat) -> None:
    say(page, "I need a doctor")
    old = page.get_by_role("button", name="10:40")
    fresh = old.evaluate("button => getComputedStyle(button).color")
    say(page, "where are you?")
    expect(page.get_by_role("log")).to_contain_text("You said: where are you?")
    assert old.evaluate("button => getComputedStyle(button).color") != fresh
    old.click()
    expect(page.get_by_role("log")).to_contain_text(f"Booked: {OFFERS[1]}")


def test_a_new_line_is_written_with_shift_and_shown(page: Page, chat: FakeWebChat) -> None:
    page.get_by_label("Your message").press_sequentially("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("You said")
    assert chat.received[0].text == "one\ntwo"
    assert texts(page)[0] == "one\ntwo"


def test_an_empty_box_sends_nothing(page: Page, chat: FakeWebChat) -> None:
    for nothing in ("", "  ", "\n"):
        say(page, nothing)
    page.get_by_role("button", name="Send").click()
    assert chat.received == []


def test_too_long_a_text_stays_in_the_box_with_a_kind_word(page: Page, chat: FakeWebChat) -> None:
    say(page, "a" * 4097)
    expect(page.get_by_role("status")).to_contain_text("too long")
    expect(page.get_by_label("Your message")).to_have_value("a" * 4097)
    say(page, "🦷" * 4096)
    expect(page.get_by_role("log")).to_contain_text("You said")
    assert chat.received[0].text == "🦷" * 4096


@pytest.mark.parametrize("text", [XSS, "\u202eevil", "a\u0000b", "مرحبا Dr Lee", "{{ 7*7 }}"])
def test_strange_texts_are_shown_as_texts(page: Page, chat: FakeWebChat, text: str) -> None:
    chat.answer = lambda said: [(said, [said])]
    say(page, text)
    expect(page.locator(".clinic .text")).to_have_count(1)
    assert chat.received[0].text == text
    before = [shown.replace("\0", "") for shown in texts(page)]  # HTML knows no NUL
    page.reload()
    assert texts(page) == before
    assert page.title() != "owned"


# A network that fails


def test_an_unreachable_clinic_loses_nothing(page: Page, chat: FakeWebChat) -> None:
    page.route(MESSAGES, lambda route: route.abort())
    say(page, "hello")
    expect(page.get_by_role("status")).to_contain_text("Nothing is lost")
    page.unroute(MESSAGES)
    expect(page.get_by_role("log")).to_contain_text("You said: hello", timeout=10_000)
    expect(page.get_by_role("status")).to_have_text("")
    assert texts(page) == ["hello", "You said: hello"]


def test_a_lost_answer_does_not_say_it_twice(page: Page, chat: FakeWebChat) -> None:
    attempts: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        attempts.append((route.request.post_data_json or {})["id"])
        if len(attempts) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route(MESSAGES, lose_the_first_answer)
    say(page, "hello")
    expect(page.get_by_role("log")).to_contain_text("You said: hello", timeout=10_000)
    assert len(attempts) == 2
    assert sent_ids(chat) == [attempts[0]]
    assert texts(page) == ["hello", "You said: hello"]


def test_who_is_offline_is_told_so_and_goes_on_where_they_were(page: Page, chat: FakeWebChat) -> None:
    say(page, "hello")
    expect(page.get_by_role("log")).to_contain_text("You said: hello")
    page.context.set_offline(True)
    expect(page.get_by_role("status")).to_have_text(re.compile("You are offline. Nothing is lost"))
    for text in ("one", "two"):
        say(page, text)
    page.get_by_label("Your message").fill("three, half")
    page.wait_for_timeout(300)
    assert len(chat.received) == 1
    page.context.set_offline(False)
    expect(page.get_by_role("log")).to_contain_text("You said: two")
    expect(page.get_by_role("status")).to_have_text("")
    assert [one.text for one in chat.received] == ["hello", "one", "two"]
    expect(page.get_by_label("Your message")).to_have_value("three, half")


def test_a_new_chat_forgets_what_the_old_one_had_not_sent(page: Page, chat: FakeWebChat) -> None:
    page.route(MESSAGES, lambda route: route.abort())
    say(page, "a secret")
    page.get_by_label("Your message").fill("another one")
    page.unroute(MESSAGES)
    page.route(MESSAGES, lambda route: None)
    page.get_by_role("button", name="New chat").click()
    expect(page.locator("#lines .text")).to_have_count(0)
    expect(page.get_by_label("Your message")).to_have_value("")
    assert page.evaluate("sessionStorage.length") == 0
    assert chat.received == []


def test_a_browser_that_keeps_nothing_can_chat_all_the_same(page: Page, chat: FakeWebChat, url: str) -> None:
    page.add_init_script("Object.defineProperty(window, 'sessionStorage', {get() { throw new Error('no'); }})")
    page.goto(url)
    say(page, "hello")
    expect(page.get_by_role("log")).to_contain_text("You said: hello")


def test_pages_that_lost_the_clinic_do_not_all_come_back_at_once(page: Page, chat: FakeWebChat) -> None:
    page.evaluate(
        """() => {
            const sleep = window.setTimeout;
            window.waits = [];
            window.setTimeout = (wake, wait) => (waits.push(wait), sleep(wake, Math.min(wait, 5)));
        }"""
    )
    page.route(MESSAGES, lambda route: route.abort())
    say(page, "hello")
    # Before the first failure the page may still have set the clock for its next idle looks.
    page.wait_for_function(
        """() => {
            const failures = waits.filter(wait => wait);
            return failures.slice(failures.findIndex(wait => wait < 1500)).length >= 6 && failures.some(wait => wait < 1500);
        }"""
    )
    waits = [*dropwhile(lambda wait: wait >= 1500, (wait for wait in page.evaluate("waits") if wait))][:6]
    for wait, least in zip(waits, (1000, 2000, 4000, 8000, 15_000, 15_000), strict=True):
        assert least < wait < 1.5 * least
    assert waits[4] != waits[5]


def test_a_broken_server_is_waited_for(page: Page, chat: FakeWebChat) -> None:
    chat.broken = True
    say(page, "hello")
    expect(page.get_by_role("status")).to_contain_text("Nothing is lost")
    chat.broken = False
    expect(page.get_by_role("log")).to_contain_text("You said: hello", timeout=10_000)


def test_too_much_at_once_is_said_kindly_and_sent_later(page: Page, chat: FakeWebChat) -> None:
    refusals = iter([True])

    def refuse_once(route: Route) -> None:
        if next(refusals, False):
            route.fulfill(status=429, json={"error": "Please wait a moment."}, headers={"Retry-After": "1"})
        else:
            route.continue_()

    page.route(MESSAGES, refuse_once)
    say(page, "hello")
    expect(page.get_by_role("status")).to_have_text("Please wait a moment.")
    expect(page.get_by_role("log")).to_contain_text("You said: hello")
    expect(page.get_by_role("status")).to_have_text("")


def test_a_reload_loses_neither_the_chat_nor_what_was_not_sent(page: Page, chat: FakeWebChat) -> None:
    say(page, "hello")
    expect(page.get_by_role("log")).to_contain_text("You said: hello")
    page.route(MESSAGES, lambda route: route.abort())
    say(page, "still here")
    page.get_by_label("Your message").fill("half a")
    page.unroute(MESSAGES)
    page.reload()
    expect(page.get_by_role("log")).to_contain_text("You said: still here")
    expect(page.get_by_label("Your message")).to_have_value("half a")
    assert texts(page) == ["hello", "You said: hello", "still here", "You said: still here"]


# Two tabs, and nobody looking


def test_two_tabs_stay_in_step(page: Page, chat: FakeWebChat, url: str) -> None:
    say(page, "hello")
    expect(page.get_by_role("log")).to_contain_text("You said: hello")
    other = page.context.new_page()
    other.goto(url)
    assert texts(other) == ["hello", "You said: hello"]
    other.get_by_label("Your message").fill("a draft of its own")
    say(page, "I need a doctor")
    expect(other.get_by_role("button", name="09:20")).to_be_visible()
    other.get_by_role("button", name="09:20").click()
    expect(page.get_by_role("log")).to_contain_text("Booked")
    expect(other.get_by_label("Your message")).to_have_value("a draft of its own")
    assert texts(page) == texts(other)
    assert len(texts(page)) == 6


def test_a_tab_left_behind_does_not_speak_for_somebody_else(page: Page, chat: FakeWebChat, url: str) -> None:
    say(page, "hello")
    expect(page.get_by_role("log")).to_contain_text("You said: hello")
    other = page.context.new_page()
    other.goto(url)
    other.get_by_role("button", name="New chat").click()
    expect(other.get_by_role("heading", name="How can we help?")).to_be_visible()
    say(page, "for my old chat")
    expect(page.get_by_role("status")).to_contain_text("in another tab")
    expect(page.get_by_label("Your message")).to_have_value("for my old chat")
    assert len(chat.received) == 1
    page.reload()
    assert texts(page) == []


def test_a_link_from_another_site_leads_into_the_same_chat(
    page: Page, chat: FakeWebChat, url: str, foreign_site: Callable[[str], str]
) -> None:
    say(page, "hello")
    expect(page.get_by_role("log")).to_contain_text("You said: hello")
    page.goto(foreign_site(f'<a href="{url}">chat</a>'))
    page.get_by_role("link").click()
    expect(page.get_by_role("log")).to_contain_text("You said: hello")
    assert len(chat.begun) == 1


def test_polls_are_short_while_waiting_and_none_while_hidden(page: Page, chat: FakeWebChat) -> None:
    polls: list[Request] = []
    page.on("request", lambda request: polls.append(request) if request.url.endswith("/poll") else None)
    chat.delay = None
    say(page, "hello")
    page.wait_for_timeout(2000)
    assert 3 <= len(polls) <= 5
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.wait_for_timeout(500)
    polls.clear()
    page.wait_for_timeout(800)
    assert polls == []
    chat.reply(chat.received[0].visitor)
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.get_by_role("log")).to_contain_text("You said: hello")


# The demo


def test_the_demo_lets_one_be_a_known_patient(page: Page, chat: FakeWebChat) -> None:
    say(page, "hello")
    expect(page.get_by_role("log")).to_contain_text("You said: hello")
    page.get_by_role("button", name="Anna Brandt, mother of two").click()
    expect(page.get_by_role("heading", name="How can we help?")).to_be_visible()
    assert chat.begun[-1] == "anna"
    assert texts(page) == []


def test_an_example_starts_the_chat(page: Page, chat: FakeWebChat) -> None:
    page.get_by_role("button", name="I need a skin doctor").click()
    expect(page.get_by_role("button", name="09:20")).to_be_visible()
    expect(page.get_by_role("heading", name="How can we help?")).to_be_hidden()


# For everybody


def test_the_keyboard_is_enough(page: Page, chat: FakeWebChat) -> None:
    expect(page.get_by_label("Your message")).to_be_focused()
    page.keyboard.type("I need a doctor")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Other times")).to_be_visible()
    expect(page.get_by_label("Your message")).to_be_focused()
    for _ in range(4):
        page.keyboard.press("Shift+Tab")
    choice = page.get_by_role("button", name="09:20")
    expect(choice).to_be_focused()
    assert choice.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.get_by_role("log")).to_contain_text("Booked")
    expect(choice).to_be_focused()
    page.keyboard.press("Tab")


def test_the_mouse_brings_the_focus_back_to_the_box(page: Page) -> None:
    page.get_by_label("Your message").fill("hello")
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_label("Your message")).to_be_focused()


def test_a_reader_hears_each_line_once(page: Page, chat: FakeWebChat) -> None:
    """A live region reads what is added; nothing in it may be moved, replaced or added twice."""
    page.evaluate(
        """() => {
            window.changes = [];
            new MutationObserver(records => records.forEach(record => {
                changes.push(...[...record.addedNodes].map(() => "added"), ...[...record.removedNodes].map(() => "removed"));
            })).observe(document.getElementById("lines"), {childList: true});
        }"""
    )
    chat.delay = 0.5
    for text in ("one", "two"):
        say(page, text)
    expect(page.get_by_role("log")).to_contain_text("You said: two")
    assert page.evaluate("changes") == ["added"] * 4


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_nothing_stands_in_anybodys_way(
    browser: Browser, url: str, chat: FakeWebChat, tmp_path: Path, size: ViewportSize, scheme: Literal["light", "dark"]
) -> None:
    with browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(url)
        for step in ("start", "offer", "booked", "offline"):
            if step == "offer":
                say(page, "I need a skin doctor")
                expect(page.get_by_role("button", name="09:20")).to_be_visible()
            elif step == "booked":
                page.get_by_role("button", name="09:20").click()
                expect(page.get_by_role("log")).to_contain_text("Booked")
            elif step == "offline":
                page.route(MESSAGES, lambda route: route.abort())
                say(page, "thank you")
                expect(page.get_by_role("status")).to_contain_text("Nothing is lost")
            page.screenshot(path=tmp_path / f"{step}.png")
            found = Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_stillness_is_respected(browser: Browser, url: str) -> None:
    with browser.new_context(reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(url)
        say(page, "hello")
        expect(page.get_by_role("log")).to_contain_text("You said")
        assert page.evaluate("document.getAnimations().length") == 0
        assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_without_javascript_it_is_a_form(browser: Browser, url: str, chat: FakeWebChat) -> None:
    with browser.new_context(java_script_enabled=False, viewport=PHONE) as context:
        page = context.new_page()
        page.goto(url)
        page.get_by_label("Your message").fill("I need a doctor")
        page.get_by_role("button", name="Send").click()
        page.get_by_role("button", name="09:20").click()
        expect(page.get_by_role("log")).to_contain_text("Booked")
        page.reload()
        expect(page.get_by_role("log")).to_contain_text("Booked")
        assert [one.text or one.label for one in chat.received] == ["I need a doctor", OFFERS[0]]


# Against others


def test_another_sites_page_cannot_speak_for_a_patient(
    page: Page, chat: FakeWebChat, url: str, foreign_site: Callable[[str], str]
) -> None:
    say(page, "hello")
    expect(page.get_by_role("log")).to_contain_text("You said: hello")
    page.goto(
        foreign_site(
            f"""<form method=post action="{url}"><input name=id value=forged-message><input name=text value=forged>
            <button>Win</button></form>"""
        )
    )
    page.get_by_role("button").click()
    expect(page.get_by_text("another website")).to_be_visible()
    page.goto(foreign_site(""))
    for body in ('{"id": "forged-message", "text": "forged"}', "{}"):
        page.evaluate(
            """([url, body]) => fetch(url, {method: "POST", mode: "no-cors", credentials: "include", body})
                .catch(() => null)""",
            [f"{url}/messages", body],
        )
    assert [one.text for one in chat.received] == ["hello"]


def test_the_page_cannot_be_framed(browser: Browser, url: str, foreign_site: Callable[[str], str]) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        with page.expect_console_message(lambda line: "frame-ancestors" in line.text):
            page.goto(foreign_site(f'<iframe src="{url}"></iframe>'))
        assert "Lindenhof" not in page.frames[1].content()
