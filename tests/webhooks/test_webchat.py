"""The chat over HTTP: what is stored, what is refused, and for whom."""

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.fakes.webchat import FakeWebChat
from tests.webhooks.conftest import MakeClient

XSS = """</textarea></title><script>alert(1)</script><img src=x onerror=alert(1)>"'{{ 7*7 }}"""


def say(client: FlaskClient, text: str | None = "hello", message_id: str = "message-1", **more: Any) -> TestResponse:
    text_or_choice = {} if text is None else {"text": text}
    return client.post("/chat/messages", json={"id": message_id, "after": 0} | text_or_choice | more)


def form(client: FlaskClient, **fields: str) -> TestResponse:
    """Send the page's form as it stands, with these fields filled in."""
    html = client.get("/chat").text
    compose = html[html.index('<form id="compose"') :]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', compose))
    return client.post("/chat", data=hidden | fields)


# Saying and hearing


def test_a_message_is_stored_and_its_reply_comes_back_at_once(client: FlaskClient, chat: FakeWebChat) -> None:
    answer = say(client).get_json()
    assert [line["text"] for line in answer["lines"]] == ["hello", "You said: hello"]
    assert (answer["cursor"], answer["waiting"]) == (2, False)
    assert [(one.text, one.choice, one.seen) for one in chat.received] == [("hello", None, 0)]


def test_a_slow_reply_is_not_waited_for(client: FlaskClient, chat: FakeWebChat) -> None:
    chat.delay = None
    answer = say(client).get_json()
    assert (answer["cursor"], answer["waiting"]) == (0, True)
    assert [(line["seq"], line["id"]) for line in answer["lines"]] == [(None, "message-1")]


def test_the_same_message_sent_again_is_stored_once(client: FlaskClient, chat: FakeWebChat) -> None:
    for _ in range(5):
        say(client)
    assert len(chat.received) == 1


def test_a_choice_carries_its_token_and_its_label(client: FlaskClient, chat: FakeWebChat) -> None:
    chat.answer = lambda said: [("When?", ["Tue 9:20"])]
    button = say(client).get_json()["lines"][1]["buttons"][0]
    say(client, None, "message-2", choice=button["token"], label=button["label"], after=2)
    assert chat.received[1][2:] == (None, button["token"], "Tue 9:20", 2)


def test_a_button_with_many_words_can_be_tapped(client: FlaskClient, chat: FakeWebChat) -> None:
    """A clinic may have long names; the patient cannot shorten them."""
    chat.answer = lambda said: [("When?", ["Tue 9:20 " + "with Dr Wolfeschlegelsteinhausenbergerdorff 😀 " * 40])]
    button = say(client).get_json()["lines"][1]["buttons"][0]
    assert say(client, None, "message-2", choice=button["token"], label=button["label"], after=2).status_code == 200
    assert chat.received[1][2:] == (None, button["token"], button["label"][:300], 2)


def test_a_poll_brings_what_is_new_and_settles_what_was_seen(client: FlaskClient, chat: FakeWebChat) -> None:
    say(client)
    visitor = chat.received[0].visitor
    chat.say(visitor, "See you tomorrow.")
    answer = client.post("/chat/poll", json={"after": 2}).get_json()
    assert [line["text"] for line in answer["lines"]] == ["See you tomorrow."]
    assert chat.talks[visitor].settled == 2


@pytest.mark.parametrize(
    "text", ["nul \x00 in it", "\u202eright to left", "e" + "\u0301" * 500, "👩‍👩‍👧 family", "  ", "a" * 4096]
)
def test_strange_texts_arrive_as_they_were_written(client: FlaskClient, chat: FakeWebChat, text: str) -> None:
    assert say(client, text).status_code == 200
    assert chat.received[0].text == text
    assert client.get("/chat").status_code == 200


def test_two_browsers_have_two_chats(chat: FakeWebChat, client: FlaskClient) -> None:
    other = client.application.test_client()
    say(client, "mine")
    say(other, "theirs")
    assert "theirs" not in client.get("/chat").text
    assert len({one.visitor for one in chat.received}) == 2


# What is refused

HUGE = "1" + "0" * 5000
LONG = "a" * 65
DEEP = "[" * 20_000 + "]" * 20_000
BAD_JSON = [
    "",
    "null",
    "[]",
    "{",
    '{"id": "message-1", "after": 0}',
    '{"id": "message-1", "after": 0, "text": ""}',
    '{"id": "message-1", "after": 0, "text": "a", "choice": "b"}',
    '{"id": "message-1", "after": 0, "text": "a", "admin": true}',
    '{"id": "message-1", "after": 0, "text": 7}',
    '{"id": "message-1", "after": 0, "text": "\\ud800"}',
    '{"id": "message-1", "after": -1, "text": "a"}',
    '{"id": "message-1", "after": "0", "text": "a"}',
    '{"id": "message-1", "after": 1.5, "text": "a"}',
    f'{{"id": "message-1", "after": {HUGE}, "text": "a"}}',
    '{"id": "message 1", "after": 0, "text": "a"}',
    '{"id": "message-1\\n", "after": 0, "text": "a"}',
    f'{{"id": "{LONG}", "after": 0, "text": "a"}}',
    '{"id": "message-1", "after": 0, "choice": "two words"}',
    f'{{"id": "message-1", "after": 0, "text": {DEEP}}}',
    "[" * 30_000,
]


@pytest.mark.parametrize("body", BAD_JSON, ids=range(len(BAD_JSON)))
def test_what_cannot_be_read_is_refused_in_words(client: FlaskClient, chat: FakeWebChat, body: str) -> None:
    answer = client.post("/chat/messages", data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json()["error"].startswith("We could not read that.")
    assert (chat.received, chat.begun) == ([], [])


def test_bytes_that_are_no_text_are_refused(client: FlaskClient) -> None:
    assert client.post("/chat/poll", data=b'{"chat": "\xff"}', content_type="application/json").status_code == 400


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_read_where_json_is_spoken(client: FlaskClient, chat: FakeWebChat, content_type: str) -> None:
    body = '{"id": "message-1", "after": 0, "text": "hello"}'
    assert client.post("/chat/messages", data=body, content_type=content_type).status_code == 415
    assert chat.received == []


def test_a_text_beyond_the_limit_is_refused_in_words(client: FlaskClient, chat: FakeWebChat) -> None:
    answer = say(client, "é" * 4097)
    assert (answer.status_code, chat.received) == (413, [])
    assert "too long" in answer.get_json()["error"]


def test_a_page_that_shows_another_chat_cannot_speak_in_this_one(client: FlaskClient, chat: FakeWebChat) -> None:
    shown = say(client).get_json()["chat"]
    client.post("/chat/begin")
    answer = say(client, "for my old chat", "message-2", chat=shown)
    assert (answer.status_code, len(chat.received)) == (409, 1)
    assert client.post("/chat/poll", json={"chat": shown, "after": 2}).status_code == 409


def test_nobody_types_that_fast(client: FlaskClient, chat: FakeWebChat) -> None:
    client.post("/chat/poll", json={})
    answers = [say(client, message_id=f"message-{number}") for number in range(30)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 10
    assert len(chat.received) == 20
    assert 1 <= int(refused[0].headers["Retry-After"]) <= 11
    assert "wait a moment" in refused[0].get_json()["error"]


def test_dropping_the_cookie_does_not_lift_the_limit_of_an_address(client: FlaskClient, chat: FakeWebChat) -> None:
    nobody = client.application.test_client(use_cookies=False)
    answers = [say(nobody, message_id=f"message-{number}").status_code for number in range(25)]
    assert answers.count(429) == 5


@pytest.mark.parametrize(("proxies", "refused"), [(0, 5), (1, 0)])
def test_a_forwarded_address_counts_only_when_a_proxy_is_trusted(
    make_client: MakeClient, proxies: int, refused: int
) -> None:
    nobody = make_client(trusted_proxies=proxies).application.test_client(use_cookies=False)
    codes = [
        nobody.post(
            "/chat/messages",
            json={"id": f"message-{number}", "text": "hello"},
            headers={"X-Forwarded-For": f"203.0.113.{number}"},
        ).status_code
        for number in range(25)
    ]
    assert codes.count(429) == refused


def test_a_household_cannot_use_its_many_addresses(make_client: MakeClient) -> None:
    nobody = make_client(trusted_proxies=1).application.test_client(use_cookies=False)
    codes = [
        nobody.post(
            "/chat/messages",
            json={"id": f"message-{number}", "text": "hello"},
            headers={"X-Forwarded-For": f"2001:db8::{number}"},
        ).status_code
        for number in range(25)
    ]
    assert codes.count(429) == 5


# The cookie


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: FlaskClient) -> None:
    cookie = say(client).headers["Set-Cookie"]
    assert cookie.startswith("chat=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie


@pytest.mark.parametrize("over", [{"public_url": "https://clinic.example"}, {"trusted_proxies": 1}])
def test_over_https_the_cookie_is_bound_to_the_host(make_client: MakeClient, over: dict[str, Any]) -> None:
    client = make_client(**over)
    answer = client.post("/chat/poll", json={}, headers={"X-Forwarded-Proto": "https"})
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-chat=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_beginning_changes_the_token(client: FlaskClient, chat: FakeWebChat) -> None:
    say(client)
    before = client.get_cookie("chat")
    answer = client.post("/chat/begin", data={"persona": "maria"})
    after = client.get_cookie("chat")
    assert (answer.status_code, answer.location, chat.begun) == (303, "/chat", [None, "maria"])
    assert before is not None
    assert after is not None
    assert before.value != after.value


@pytest.mark.parametrize("token", ["", "short", "a" * 65, "../" * 15, "é" * 43])
def test_a_made_up_token_is_nobody(client: FlaskClient, chat: FakeWebChat, token: str) -> None:
    client.set_cookie("chat", token)
    say(client)
    assert chat.received[0].visitor != token


def test_an_unknown_persona_is_refused(client: FlaskClient, chat: FakeWebChat) -> None:
    assert client.post("/chat/begin", data={"persona": "root"}).status_code == 400
    assert chat.begun == []


# The page


def test_looking_changes_nothing(client: FlaskClient, chat: FakeWebChat) -> None:
    say(client)
    visitor = chat.received[0].visitor
    before = (len(chat.received), list(chat.talks[visitor].lines), chat.talks[visitor].settled, list(chat.begun))
    for browser in (client, client.application.test_client()):
        for path in ("/chat", "/healthz", "/chat/messages", "/chat/poll", "/chat/begin", "/nowhere"):
            for method in ("GET", "HEAD", "OPTIONS"):
                assert "Set-Cookie" not in browser.open(path, method=method).headers
    after = (len(chat.received), list(chat.talks[visitor].lines), chat.talks[visitor].settled, list(chat.begun))
    assert before == after


def test_the_page_shows_the_whole_chat(client: FlaskClient, chat: FakeWebChat) -> None:
    chat.answer = lambda said: [("When\nsuits you?", ["Tue 9:20"])]
    say(client)
    html = client.get("/chat").text
    assert ">hello</span>" in html
    assert ">When\nsuits you?</span>" in html
    assert re.search(r'<button class="choice" name="choice" value="\S+ Tue 9:20" form="compose"', html)


def test_the_page_works_without_javascript(client: FlaskClient, chat: FakeWebChat) -> None:
    chat.answer = lambda said: [("When?", ["Tue 9:20"])]
    answer = form(client, text="a skin doctor\r\nplease")
    assert (answer.status_code, answer.location) == (303, "/chat#end")
    assert chat.received[0].text == "a skin doctor\nplease"
    button = re.search(r'name="choice" value="(\S+ Tue 9:20)"', client.get("/chat").text)
    assert button
    form(client, choice=button[1], text="")
    token, _, label = button[1].partition(" ")
    assert chat.received[1][2:] == (None, token, label, 2)


def test_an_example_is_one_press_away(client: FlaskClient, chat: FakeWebChat) -> None:
    form(client, example="When is my next visit?", text="")
    assert chat.received[0].text == "When is my next visit?"


def test_sending_the_form_twice_says_it_once(client: FlaskClient, chat: FakeWebChat) -> None:
    for _ in range(2):
        client.post("/chat", data={"id": "from-the-page", "chat": "", "after": "0", "text": "hello"})
    assert len(chat.received) == 1


def test_an_empty_form_is_not_a_message(client: FlaskClient, chat: FakeWebChat) -> None:
    assert form(client, text="").status_code == 400
    assert chat.received == []


def test_a_long_text_stays_in_the_box(client: FlaskClient, chat: FakeWebChat) -> None:
    answer = form(client, text="long " * 1000)
    assert (answer.status_code, chat.received) == (413, [])
    assert "long long long" in answer.text.split("<textarea")[1]
    assert "too long" in answer.text


def test_hostile_texts_come_out_inert(client: FlaskClient, chat: FakeWebChat) -> None:
    chat.answer = lambda said: [(XSS, [XSS])]
    say(client, XSS)
    html = client.get("/chat").text
    html += form(client, text=XSS * 100).text
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "</textarea></title>" not in html
    assert "49" not in re.findall(r"alert\(1\)&gt;&#34;&#39;(.*?)<", html)


def test_only_a_demo_offers_personas(client: FlaskClient, make_client: MakeClient, chat: FakeWebChat) -> None:
    assert "Maria, who has a visit" in client.get("/chat").text
    chat.known_patients = ()
    assert "demo" not in make_client().get("/chat").text
