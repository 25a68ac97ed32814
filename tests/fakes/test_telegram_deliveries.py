"""The fake brings updates as Telegram's own server does: in order per queue, again and again, and not for ever."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.fakes.telegram import FakeTelegram, ManualClock, Person, updates
from tests.fakes.telegram.fake import TOKEN
from tests.fakes.telegram.markup import parse_html, parse_markdown
from tests.fakes.telegram.updates import Json
from tests.fakes.vendor import webhook

HOUR = 3600
KEYBOARD = {"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]}


@dataclass(frozen=True)
class Said:
    """What a webhook answers."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Post:
    """What a webhook was sent, and when."""

    at: float
    update: Json
    secret: str | None
    path: str

    @property
    def text(self) -> str:
        content = self.update.get("message") or self.update.get("edited_message") or {}
        return str(content.get("text", self.update.get("callback_query", {}).get("data")))


class Door(webhook.Door[Post, Said]):
    """The webhook of a bot."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(Handler, clock, Said())

    @property
    def texts(self) -> list[str]:
        return [post.text for post in self.posts]

    @property
    def times(self) -> list[float]:
        return [post.at for post in self.posts]


class Handler(webhook.Handler):
    server: Door

    def let_in(self) -> None:
        secret = self.headers["X-Telegram-Bot-Api-Secret-Token"]
        said = self.server.takes(Post(self.server.age, json.loads(self.read_body()), secret, self.path))
        self.answer(said.status, said.headers, said.body)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def door(clock: ManualClock) -> Iterator[Door]:
    with Door(clock).serving() as door:
        yield door


@pytest.fixture
def telegram(clock: ManualClock) -> Iterator[FakeTelegram]:
    with FakeTelegram(clock) as telegram:
        telegram.bot()
        yield telegram


@pytest.fixture
def amy(telegram: FakeTelegram, door: Door) -> Person:
    """She chats with a bot that has a webhook; her first message has arrived."""
    amy = telegram.person(7)
    amy.starts()
    api(telegram, "sendMessage", chat_id=7, text="Sure?", reply_markup=KEYBOARD)
    api(telegram, "setWebhook", url=door.url, secret_token="s3cret")
    telegram.settle()
    assert door.texts == ["/start"]
    door.posts.clear()
    return amy


def api(telegram: FakeTelegram, method: str, **parameters: Any) -> Any:
    """The result of a call, or the description of its refusal."""
    answer = ask(telegram, method, json.dumps(parameters).encode(), "application/json")
    return answer["result"] if answer["ok"] else answer["description"]


def ask(telegram: FakeTelegram, method: str, body: bytes | None, kind: str) -> Json:
    connection = HTTPConnection(urlsplit(telegram.url).netloc, timeout=10)
    verb = "GET" if body is None else "POST"
    connection.request(verb, f"/bot{TOKEN}/{method}", body, {"Content-Type": kind, "Connection": "close"})
    with connection.getresponse() as response:
        answer: Json = json.load(response)
        return answer


def waiting(telegram: FakeTelegram) -> int:
    return int(api(telegram, "getWebhookInfo")["pending_update_count"])


def test_what_is_taken_is_posted_once_with_the_secret(telegram: FakeTelegram, door: Door, amy: Person) -> None:
    update = amy.writes("hello")
    telegram.settle()
    assert door.posts == [Post(0, update, "s3cret", "/hook")]
    assert waiting(telegram) == 0


def test_what_fails_comes_again_at_once_and_then_later_and_later(
    telegram: FakeTelegram, clock: ManualClock, door: Door, amy: Person
) -> None:
    door.otherwise = Said(500)
    amy.writes("hello")
    telegram.settle()
    clock.advance(HOUR)
    assert door.times[:7] == [0, 0, 2, 6, 14, 30, 62]
    pauses = [later - sooner for sooner, later in zip(door.times[7:], door.times[8:], strict=False)]
    assert all(60 <= pause <= 120 for pause in pauses)
    assert len(set(pauses)) > 5
    info = api(telegram, "getWebhookInfo")
    assert info["last_error_message"] == "Wrong response from the webhook: 500 Internal Server Error"
    assert (info["last_error_date"] - door.began, info["pending_update_count"]) == (door.times[-1], 1)


def test_a_webhook_says_itself_when_to_come_again(
    telegram: FakeTelegram, clock: ManualClock, door: Door, amy: Person
) -> None:
    door.script.extend([Said(503, {"Retry-After": "7"}), Said(503, {"Retry-After": "99999"})])
    amy.writes("hello")
    telegram.settle()
    clock.advance(2 * HOUR)
    assert door.times == [0, 7, 7 + HOUR]


@pytest.mark.parametrize("refusal", [Said(302, {"Location": "/elsewhere"}), Said(404), Said(410)], ids=str)
def test_everything_but_success_is_a_failure(telegram: FakeTelegram, door: Door, amy: Person, refusal: Said) -> None:
    door.script.append(refusal)
    amy.writes("hello")
    telegram.settle()
    assert door.texts == ["hello", "hello"]


def test_silence_for_a_minute_is_a_failure(telegram: FakeTelegram, clock: ManualClock, door: Door, amy: Person) -> None:
    telegram.patience = 0.05
    door.open.clear()
    amy.writes("hello")
    telegram.wait_until(lambda: door.posts)
    clock.advance(59)
    assert len(door.posts) == 1
    clock.advance(1)
    telegram.wait_until(lambda: len(door.posts) == 2)
    assert door.times == [0, 60]


def test_a_webhook_that_is_down_is_tried_again(telegram: FakeTelegram, clock: ManualClock, door: Door) -> None:
    amy = telegram.person(7)
    api(telegram, "setWebhook", url="http://127.0.0.1:9/hook")
    amy.starts()
    telegram.settle()
    assert api(telegram, "getWebhookInfo")["last_error_message"] == "Connection refused"
    clock.advance(1)
    api(telegram, "setWebhook", url=door.url)
    telegram.settle()
    assert door.texts == ["/start"]


def test_a_message_lives_for_a_day(telegram: FakeTelegram, clock: ManualClock, door: Door, amy: Person) -> None:
    door.otherwise = Said(500, {"Retry-After": str(HOUR)})
    amy.writes("hello")
    telegram.settle()
    clock.advance(25 * HOUR)
    assert door.times == [n * HOUR for n in range(25)]
    assert waiting(telegram) == 0


def test_a_tap_lives_for_150_seconds(telegram: FakeTelegram, clock: ManualClock, door: Door, amy: Person) -> None:
    door.otherwise = Said(500)
    amy.taps("Yes")
    telegram.settle()
    clock.advance(HOUR)
    assert door.times == [0, 0, 2, 6, 14, 30, 62, 126]
    assert waiting(telegram) == 0


def test_what_nobody_fetches_is_forgotten_after_its_life(telegram: FakeTelegram, clock: ManualClock) -> None:
    telegram.person(7).starts()
    clock.advance(24 * HOUR + 1)
    assert api(telegram, "getUpdates") == []


def test_a_message_that_is_not_taken_holds_up_its_chat_and_nobody_else(
    telegram: FakeTelegram, clock: ManualClock, door: Door, amy: Person
) -> None:
    door.script.extend([Said(500), Said(500)])
    first = amy.writes("first")
    telegram.settle()
    amy.edits(first, "edited")
    amy.writes("second")
    amy.taps("Yes")
    telegram.person(8).starts()
    telegram.settle()
    assert sorted(door.texts[2:]) == ["/start", "yes"]
    clock.advance(2)
    assert door.texts[4:] == ["first", "edited", "second"]


def test_no_more_is_under_way_than_the_webhook_allows(telegram: FakeTelegram, clock: ManualClock, door: Door) -> None:
    api(telegram, "setWebhook", url=door.url, max_connections=3)
    door.open.clear()
    for user_id in range(1, 9):
        telegram.person(user_id).starts()
    telegram.wait_until(lambda: door.inside == 3)
    door.open.set()
    telegram.wait_until(lambda: len(door.posts) == 8)
    telegram.settle()
    assert door.most_inside == 3


def test_a_webhook_that_says_gone_for_23_hours_is_removed(
    telegram: FakeTelegram, clock: ManualClock, door: Door, amy: Person
) -> None:
    door.otherwise = Said(410, {"Retry-After": "600"})
    amy.writes("hello")
    telegram.settle()
    clock.advance(23 * HOUR)
    assert api(telegram, "getWebhookInfo")["url"] == door.url
    clock.advance(600)
    assert api(telegram, "getWebhookInfo")["url"] == ""
    assert [update["message"]["text"] for update in api(telegram, "getUpdates")] == ["hello"]


@pytest.mark.parametrize("answer", [Said(500), Said(200)], ids=str)
def test_another_answer_in_between_keeps_the_webhook(
    telegram: FakeTelegram, clock: ManualClock, door: Door, amy: Person, answer: Said
) -> None:
    door.otherwise = Said(410, {"Retry-After": "600"})
    amy.writes("hello")
    amy.writes("hello again")
    telegram.settle()
    clock.advance(12 * HOUR)
    door.script.append(answer)
    clock.advance(11.5 * HOUR)
    assert api(telegram, "getWebhookInfo")["url"] == door.url


def test_a_new_webhook_starts_afresh(telegram: FakeTelegram, clock: ManualClock, door: Door, amy: Person) -> None:
    door.script.append(Said(500, {"Retry-After": "3000"}))
    amy.writes("hello")
    telegram.settle()
    clock.advance(10)
    api(telegram, "setWebhook", url=door.url + "/new")
    telegram.settle()
    assert [(post.at, post.path) for post in door.posts] == [(0, "/hook"), (10, "/hook/new")]


def test_what_waits_can_be_dropped(telegram: FakeTelegram, door: Door, amy: Person) -> None:
    door.script.append(Said(500, {"Retry-After": "3000"}))
    amy.writes("hello")
    telegram.settle()
    api(telegram, "deleteWebhook", drop_pending_updates=True)
    assert api(telegram, "getUpdates") == []


def test_a_method_in_the_answer_is_noted(telegram: FakeTelegram, door: Door, amy: Person) -> None:
    door.script.append(Said(body=b'{"method": "sendMessage", "chat_id": 7, "text": "Hi"}'))
    amy.writes("hello")
    telegram.settle()
    assert telegram.violations == ["a webhook answered with a method: nobody learns what came of it"]


# By order of the test.


def test_everything_can_come_twice(telegram: FakeTelegram, door: Door, amy: Person) -> None:
    telegram.deliver_twice = True
    update = amy.writes("hello")
    telegram.settle()
    assert [post.update for post in door.posts] == [update, update]
    assert [delivery.status for delivery in telegram.deliveries[-2:]] == [200, 200]


def test_one_update_can_come_again_and_again(telegram: FakeTelegram, door: Door, amy: Person) -> None:
    update = amy.writes("hello")
    telegram.settle()
    telegram.repeat(update, 5)
    telegram.settle()
    assert [post.update for post in door.posts] == [update] * 6


def test_one_update_can_be_fetched_again_and_again(telegram: FakeTelegram) -> None:
    update = telegram.person(7).starts()
    after = update["update_id"] + 1
    assert api(telegram, "getUpdates", offset=after) == []
    telegram.repeat(update, 2)
    assert api(telegram, "getUpdates", offset=after) == [update, update]
    assert api(telegram, "getUpdates", offset=after) == []


def test_tap_and_text_can_be_swapped(telegram: FakeTelegram, door: Door, amy: Person) -> None:
    with telegram.swapped():
        tap = amy.taps("Yes")
        text = amy.writes("hello")
    telegram.settle()
    assert door.texts == ["hello", "yes"]
    assert tap["update_id"] == text["update_id"] + 1


def test_several_texts_can_come_at_once(telegram: FakeTelegram, door: Door, amy: Person) -> None:
    with telegram.held():
        for text in ("one", "two", "three"):
            amy.writes(text)
        telegram.settle()
        assert door.texts == []
    telegram.settle()
    assert door.texts == ["one", "two", "three"]


# Numbers, and asking too often.


def test_after_a_week_of_silence_numbers_begin_anywhere(telegram: FakeTelegram, clock: ManualClock) -> None:
    amy = telegram.person(7)
    first, second = (amy.writes(text)["update_id"] for text in ("one", "two"))
    clock.advance(7 * 24 * HOUR)
    third = amy.writes("three")["update_id"]
    clock.advance(7 * 24 * HOUR + 1)
    fourth = amy.writes("four")["update_id"]
    assert (second, third) == (first + 1, first + 2)
    assert fourth != third + 1


def test_who_asks_the_same_again_at_once_gets_less(clock: ManualClock) -> None:
    with FakeTelegram(clock, throttles=True) as telegram, ThreadPoolExecutor(1) as pool:
        amy = telegram.person(7)
        amy.writes("one")
        newest = amy.writes("two")["update_id"]
        assert [len(api(telegram, "getUpdates")) for _ in range(2)] == [2, 1]
        api(telegram, "getUpdates", offset=newest + 1)
        later = clock.now() + 3
        again = pool.submit(api, telegram, "getUpdates", offset=newest + 1)
        telegram.wait_until(lambda: clock.is_awaited(later))
        assert not again.done()
        clock.advance(3)
        assert again.result(5) == []
        assert telegram.ledger[-1].at == later


def test_who_is_turned_away_again_and_again_waits_for_it(clock: ManualClock) -> None:
    with FakeTelegram(clock, throttles=True) as telegram, ThreadPoolExecutor(1) as pool:
        telegram.bot()
        api(telegram, "setWebhook", url="http://127.0.0.1:9/hook")
        assert "webhook is active" in api(telegram, "getUpdates")
        later = clock.now() + 3
        again = pool.submit(api, telegram, "getUpdates")
        telegram.wait_until(lambda: clock.is_awaited(later))
        assert not again.done()
        clock.advance(3)
        assert "webhook is active" in again.result(5)
        assert telegram.ledger[-1].at == later


def test_only_real_ports_can_be_asked_for(clock: ManualClock) -> None:
    with FakeTelegram(clock, only_real_ports=True) as telegram:
        telegram.bot()
        assert api(telegram, "setWebhook", url="https://clinic.example:8443/hook") is True
        clock.advance(1)
        refusal = "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"
        assert api(telegram, "setWebhook", url="https://clinic.example:8080/hook") == refusal


# What libraries would not send.


@pytest.mark.parametrize(
    "body", [None, b"chat_id=7&text=Hi", b'{"chat_id": 7, "text": "Hi"}'], ids=["query", "form", "json"]
)
def test_calls_come_in_several_forms_and_any_case(telegram: FakeTelegram, body: bytes | None) -> None:
    amy = telegram.person(7)
    amy.starts()
    kind = "application/json" if (body or b"").startswith(b"{") else "application/x-www-form-urlencoded"
    query = "?chat_id=7&text=Hi" if body is None else ""
    assert ask(telegram, f"SENDmessage{query}", body, kind)["ok"]
    assert amy.sees == ["Hi"]


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("{", "can't parse reply keyboard markup JSON object"),
        ("[]", "object expected as reply markup"),
        ({"inline_keyboard": "x"}, "can't parse inline keyboard: expected an Array of Arrays"),
        ({"inline_keyboard": [["x"]]}, "can't parse inline keyboard button: expected an Object"),
    ],
    ids=str,
)
def test_broken_keyboards_are_refused(telegram: FakeTelegram, markup: Any, words: str) -> None:
    telegram.person(7).starts()
    assert api(telegram, "sendMessage", chat_id=7, text="?", reply_markup=markup) == f"Bad Request: {words}"


@pytest.mark.parametrize(
    ("entities", "words"),
    [
        ({}, "expected an Array of MessageEntity"),
        ([{"type": "bold"}], 'can\'t parse MessageEntity: Can\'t find field "type", "offset" or "length"'),
        ([{"type": "loud", "offset": 0, "length": 1}], "can't parse MessageEntity: Unsupported type specified"),
        (
            [{"type": "bold", "offset": 1, "length": 2}],
            "entity beginning at UTF-16 offset 1 ends after the end of the text at UTF-16 offset 2",
        ),
    ],
    ids=["no list", "no length", "no such type", "beyond the end"],
)
def test_broken_entities_are_refused(telegram: FakeTelegram, entities: Any, words: str) -> None:
    telegram.person(7).starts()
    assert api(telegram, "sendMessage", chat_id=7, text="Hi", entities=entities) == f"Bad Request: {words}"


def test_a_message_keeps_no_keyboard_of_another_kind_by_an_edit(telegram: FakeTelegram) -> None:
    telegram.person(7).starts()
    api(telegram, "sendMessage", chat_id=7, text="Hi")
    below = {"keyboard": [[{"text": "x"}]]}
    refusal = api(telegram, "editMessageText", chat_id=7, message_id=2, text="Ho", reply_markup=below)
    assert refusal == "Bad Request: inline keyboard expected"


def test_what_is_called_without_a_chat_or_a_message_is_refused(telegram: FakeTelegram) -> None:
    telegram.person(7).starts()
    assert api(telegram, "sendMessage", text="Hi") == "Bad Request: chat_id is empty"
    assert api(telegram, "editMessageText", chat_id=7, text="Hi") == "Bad Request: message identifier is not specified"
    assert api(telegram, "sendDocument", chat_id=7) == "Bad Request: there is no document in the request"
    assert api(telegram, "getFile") == "Bad Request: file_id not specified"


def test_nonsense_is_noted(telegram: FakeTelegram) -> None:
    assert not ask(telegram, "sendMessage", b"{", "application/json")["ok"]
    assert len(telegram.errors) == 1
    assert telegram.errors[0].startswith("sendMessage: JSONDecodeError")


def test_markup_is_read_as_telegram_reads_it() -> None:
    markdown = r"*Tue* 10\.3, _Dr\. Ó_ [map](https://x.example/a) `1.5` ||quiet||"
    text, entities = parse_markdown(markdown)
    assert text == "Tue 10.3, Dr. Ó map 1.5 quiet"
    kinds = ["bold", "italic", "text_link", "code", "spoiler"]
    assert [(each["type"], _marked(text, each)) for each in entities] == list(
        zip(kinds, ["Tue", "Dr. Ó", "map", "1.5", "quiet"], strict=True)
    )
    text, entities = parse_html('😀 <b>Tue</b> &lt;3 &amp; <a href="https://x.example">map</a> &#233; & &nbsp;')
    assert text == "😀 Tue <3 & map é & &nbsp;"
    assert [(each["type"], each["offset"], each["length"]) for each in entities] == [
        ("bold", 3, 3),
        ("text_link", 12, 3),
    ]


def _marked(text: str, entity: Json) -> str:
    encoded = text.encode("utf-16-le")
    return encoded[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le")


def test_a_link_carries_no_more_than_telegram_lets_it(telegram: FakeTelegram) -> None:
    with pytest.raises(ValueError, match="does nothing"):
        telegram.person(7).starts("x" * 65)
    with pytest.raises(ValueError, match="does nothing"):
        telegram.person(7).starts("a b")


def test_with_the_real_clock_things_happen_by_themselves(door: Door) -> None:
    door.script.extend([Said(500)] * 2)
    with FakeTelegram() as telegram:
        telegram.bot()
        api(telegram, "setWebhook", url=door.url)
        telegram.person(7).starts()
        telegram.wait_until(lambda: len(door.posts) == 3, seconds=5)
        first, second, third = (delivery.at for delivery in telegram.deliveries[:3])
    assert second - first < 1
    assert 1.9 < third - second < 4


def test_what_does_not_happen_is_named(telegram: FakeTelegram) -> None:
    amy = telegram.person(7)
    amy.starts()
    api(telegram, "sendMessage", chat_id=7, text="Sure?", reply_markup=KEYBOARD)
    with pytest.raises(TimeoutError, match=r"'Done'; shown are \['Sure\? \[Yes\]'\]"):
        amy.waits_for("Done", seconds=0.01)
    assert amy.waits_for("Sure", seconds=0.01).labels == ["Yes"]
    assert amy.waits_for(lambda person: person.tapped == [], seconds=0.01).message_id == 2


def test_an_update_has_one_content() -> None:
    with pytest.raises(ValueError, match="exactly one"):
        updates.update(1)
