"""Carries webhooks as Twilio does: signed, with time limits, retried as the address says, and then to the fallback."""

import asyncio
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree as ET

import aiohttp
from yarl import URL

from tests.fakes.twilio import signing
from tests.fakes.twilio.state import Fields, World
from tests.fakes.vendor.waiting import Bell

READ_TIMEOUT, TOTAL_TIMEOUT = 15_000, 15_000  # milliseconds [D]
SECOND_ANSWER = "a webhook answered with a message: together with the REST API that is a second answer"


@dataclass(frozen=True)
class Delivery:
    """One attempt to post; status 0 is no answer at all."""

    at: float
    kind: str  # incoming or status
    url: str
    fields: dict[str, str]
    status: int
    token: str
    fallback: bool = False

    @property
    def fine(self) -> bool:
        return 200 <= self.status <= 299


@dataclass(frozen=True)
class Patience:
    """How long and how often, as the fragment of an address says [D]: `#rc=2&rp=5xx,rt&tt=5000`."""

    retries: int = 1
    on: frozenset[str] = frozenset({"ct"})  # connect only, unless told otherwise [R]
    read: float = READ_TIMEOUT / 1000
    total: float = TOTAL_TIMEOUT / 1000

    @classmethod
    def of(cls, url: str) -> "Patience":
        told = dict(parse_qsl(urlsplit(url).fragment))
        return cls(
            min(5, int(told.get("rc", 1))),
            frozenset(told.get("rp", "ct").split(",")),
            int(told.get("rt", READ_TIMEOUT)) / 1000,
            int(told.get("tt", TOTAL_TIMEOUT)) / 1000,
        )

    def again(self, failure: str) -> bool:
        return failure in self.on or "all" in self.on


@dataclass(frozen=True)
class Answer:
    """What a webhook said, or how it failed: 4xx, 5xx, ct for no connection, rt for no answer."""

    status: int = 0
    body: str = ""
    kind: str = ""
    failure: str = ""


@dataclass(eq=False)
class Errand:
    """One webhook on its way."""

    kind: str
    url: str
    fields: Fields
    queue: str  # only the oldest of a queue is under way
    due_at: float
    fallback: str = ""
    method: str = "POST"
    token: str = field(default_factory=lambda: str(uuid.uuid4()))
    after: "Errand | None" = None  # what must have been delivered before
    under_way: bool = False
    done: bool = False

    @property
    def as_dict(self) -> dict[str, str]:
        return dict(self.fields)


class Postman:
    """Serves all webhooks."""

    def __init__(self, world: World, bell: Bell) -> None:
        self.world = world
        self.bell = bell
        self.twice = False
        self.signs_port = True
        self.forges = False
        self.errands: list[Errand] = []  # that wait or are under way
        self.held: list[Errand] | None = None
        self.sent: list[Errand] = []
        self.deliveries: list[Delivery] = []
        self.under_way: set[asyncio.Task[None]] = set()

    def add(self, errand: Errand) -> None:
        if self.held is not None:
            self.held.append(errand)
        else:
            self.errands.append(errand)

    def let_go(self, held: list[Errand], *, one_by_one: bool) -> None:
        """What was held back goes out in this order, or all at once."""
        before: Errand | None = None
        for number, errand in enumerate(held):
            errand.queue, errand.due_at = f"{errand.queue} {number}", self.world.now
            errand.after = before if one_by_one else None
            self.errands.append(errand)
            before = errand

    async def serve(self) -> None:
        """For ever: lets happen what is due, starts what may be posted, and waits for more."""
        async with aiohttp.ClientSession() as self.http:
            try:
                while True:
                    dues = [self.world.catch_up(), self._start_ready()]
                    await self.bell.heard(min((due for due in dues if due is not None), default=None))
            finally:
                for task in self.under_way:
                    task.cancel()

    def _start_ready(self) -> float | None:
        """Starts what may be posted now; returns when more will be due."""
        with self.world.changed:
            for errand in list(self._ready()):
                errand.under_way = True
                task = asyncio.get_running_loop().create_task(self._deliver(errand))
                self.under_way.add(task)
                task.add_done_callback(self._ended)
            now = self.world.now
            return min((errand.due_at for errand in self.errands if errand.due_at > now), default=None)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.under_way.discard(task)
        self.bell.ring()

    def _ready(self) -> Iterator[Errand]:
        seen: set[str] = set()
        for errand in self.errands:
            first, waits = errand.queue not in seen, errand.after is not None and not errand.after.done
            seen.add(errand.queue)
            if first and not waits and not errand.under_way and errand.due_at <= self.world.now:
                yield errand

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing could be."""
        with self.world.changed:
            return not self.under_way and not self.world.behind and not any(self._ready())

    async def _deliver(self, errand: Errand) -> None:
        answer = await self._insist(errand, errand.url, errand.fields, fallback=False)
        if answer.failure and errand.fallback:
            told = [("ErrorCode", "11200"), ("ErrorUrl", _address(errand.url))]
            answer = await self._insist(errand, errand.fallback, [*errand.fields, *told], fallback=True)
        if self.twice and not answer.failure:
            await self._post(errand, errand.url, errand.fields, READ_TIMEOUT / 1000, fallback=False)
        with self.world.changing():
            errand.under_way, errand.done = False, True
            self.errands.remove(errand)
            self.sent.append(errand)
            if errand.kind == "incoming":
                self._read(answer)

    async def _insist(self, errand: Errand, url: str, fields: Fields, *, fallback: bool) -> Answer:
        """As often as the address allows."""
        patience = Patience.of(url)
        end, tries = self.world.now + patience.total, 0
        while True:
            left = min(patience.read, end - self.world.now)
            answer = await self._post(errand, url, fields, left, fallback=fallback)
            tries += 1
            if not answer.failure:
                return answer
            with self.world.changing():
                self.world.alerts.append(f"11200 {answer.failure} {_address(url)}")
            if tries > patience.retries or not patience.again(answer.failure) or self.world.now >= end:
                return answer

    async def _post(self, errand: Errand, url: str, fields: Fields, seconds: float, *, fallback: bool) -> Answer:
        posting = asyncio.ensure_future(self._exchange(errand, _address(url), fields))
        posting.add_done_callback(lambda _: self.bell.ring())
        try:
            in_time = await self.bell.until(posting.done, self.world.now + seconds)
            answer = posting.result() if in_time else Answer(failure="rt")
        finally:
            posting.cancel()
        with self.world.changing() as now:
            told = dict(fields)
            self.deliveries.append(
                Delivery(now, errand.kind, _address(url), told, answer.status, errand.token, fallback)
            )
        return answer

    async def _exchange(self, errand: Errand, url: str, fields: Fields) -> Answer:
        body = fields
        if errand.method == "GET":
            url, body = f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}", []
        headers, forever = self._headers(errand, url, body), aiohttp.ClientTimeout(total=None)
        posting = self.http.request(
            errand.method,
            URL(url, encoded=True),
            data=urlencode(body).encode(),
            headers=headers,
            allow_redirects=False,
            timeout=forever,
        )
        try:
            async with posting as response:
                failure = "" if 200 <= response.status <= 299 else f"{response.status // 100}xx"
                said = await response.text(errors="replace")
                return Answer(response.status, said, response.content_type, failure)
        except (aiohttp.ClientError, OSError, RuntimeError):  # the last where the fake has gone home meanwhile
            return Answer(failure="ct")

    def _headers(self, errand: Errand, url: str, body: Fields) -> dict[str, str]:
        signed = url if self.signs_port else signing.without_port(url)
        token = "0" * 32 if self.forges else self.world.token
        headers = signing.headers(signed, body, token, None if self.forges else self.world.shared_key)
        kind = {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"} if errand.method == "POST" else {}
        common = {"User-Agent": "TwilioProxy/1.1", "Accept": "*/*", "X-Home-Region": "us1"}
        return {**common, **kind, **headers, signing.TOKEN_HEADER: errand.token}

    def _read(self, answer: Answer) -> None:
        """TwiML, and what it does [D]: a message in it is sent, plain text too."""
        if answer.failure or not answer.body.strip():
            return
        if answer.kind == "text/plain":
            self.world.violations.append(SECOND_ANSWER)
            return
        try:
            verbs = [verb.tag for verb in ET.fromstring(answer.body)]  # noqa: S314 - our own answers
        except ET.ParseError:
            self.world.alerts.append("12100 what a webhook answered is no TwiML")
            return
        if "Message" in verbs or "Sms" in verbs:
            self.world.violations.append(SECOND_ANSWER)


def _address(url: str) -> str:
    """Without what is meant for Twilio alone."""
    return urlunsplit(urlsplit(url)._replace(fragment=""))
