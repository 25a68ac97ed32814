"""Carries updates to webhooks as Telegram's server does: in order per queue, again and again until they are taken."""

import asyncio
import json
from dataclasses import dataclass

import aiohttp

from tests.fakes.telegram.mail import Pending
from tests.fakes.telegram.state import BotAccount, Hook, World
from tests.fakes.telegram.updates import Json
from tests.fakes.vendor.waiting import Bell

IDLE = 60  # seconds until a webhook that says nothing has failed [S WebhookActor]
GONE_FOR = 23 * 3600  # of nothing but 410, and the webhook is removed [S]


@dataclass(frozen=True)
class Delivery:
    """One attempt to post an update; status 0 is no answer at all."""

    at: float
    bot_id: int
    update: Json
    status: int


@dataclass(frozen=True)
class Answer:
    """What a webhook said."""

    status: int
    words: str
    retry_after: int = 0
    body: str = ""

    @property
    def fine(self) -> bool:
        return 200 <= self.status <= 299


class Postman:
    """Serves the webhooks of all bots."""

    def __init__(self, world: World, bell: Bell) -> None:
        self.world = world
        self.bell = bell
        self.twice = False
        self.deliveries: list[Delivery] = []
        self.under_way: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """For ever: starts what may be posted, and waits for more."""
        async with aiohttp.ClientSession() as self.http:
            try:
                while True:
                    await self.bell.heard(self._start_ready())
            finally:
                for task in self.under_way:
                    task.cancel()

    def _start_ready(self) -> float | None:
        """Starts what may be posted now; returns when more will be due."""
        with self.world.changed:
            now = self.world.clock.now()
            hooked = [(bot, bot.hook) for bot in self.world.bots.values() if bot.hook is not None]
            dues = [self._start_for(bot, hook, now) for bot, hook in hooked]
        return min((due for due in dues if due is not None), default=None)

    def _start_for(self, bot: BotAccount, hook: Hook, now: float) -> float | None:
        bot.mail.drop_expired(now)
        busy = sum(pending.under_way for pending in bot.mail.waiting)
        for pending in bot.mail.ready(now)[: hook.most_at_once - busy]:
            pending.under_way = True
            task = asyncio.get_running_loop().create_task(self._deliver(bot, hook, pending))
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)
        return bot.mail.next_due(now)

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing could be."""
        with self.world.changed:
            now = self.world.clock.now()
            hooked = [bot for bot in self.world.bots.values() if bot.hook is not None]
            return not self.under_way and not any(bot.mail.ready(now) for bot in hooked)

    async def _deliver(self, bot: BotAccount, hook: Hook, pending: Pending) -> None:
        answer = await self._post(bot, hook, pending.update)
        if answer.fine and self.twice:
            await self._post(bot, hook, pending.update)
        with self.world.changing() as now:
            if answer.fine:
                bot.mail.arrived(pending)
                hook.gone_since = None
            else:
                bot.mail.failed(pending, now, answer.retry_after)
                _note_failure(bot, hook, answer, now)

    async def _post(self, bot: BotAccount, hook: Hook, update: Json) -> Answer:
        posting = asyncio.ensure_future(self._exchange(hook, update))
        posting.add_done_callback(lambda _: self.bell.ring())
        try:
            in_time = await self.bell.until(posting.done, self.world.clock.now() + IDLE)
            answer = posting.result() if in_time else Answer(0, "Read timeout expired")
        finally:
            posting.cancel()
        with self.world.changing() as now:
            self.deliveries.append(Delivery(now, bot.id, update, answer.status))
            if answer.fine and _answers_within(answer.body):
                self.world.violations.append("a webhook answered with a method: nobody learns what came of it")
        return answer

    async def _exchange(self, hook: Hook, update: Json) -> Answer:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
        if hook.secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = hook.secret
        body = json.dumps(update, ensure_ascii=False).encode()
        forever = aiohttp.ClientTimeout(total=None)
        try:
            async with self.http.post(
                hook.url, data=body, headers=headers, allow_redirects=False, timeout=forever
            ) as response:
                words = f"Wrong response from the webhook: {response.status} {response.reason}"
                wait = response.headers.get("Retry-After", "")
                said = await response.text(errors="replace")
                return Answer(response.status, words, int(wait) if wait.isdigit() else 0, said)
        except aiohttp.ClientConnectorError:
            return Answer(0, "Connection refused")
        except (aiohttp.ClientError, OSError):
            return Answer(0, "Webhook connection closed")


def _answers_within(body: str) -> bool:
    """Whether the answer calls a method itself: allowed, but then no result comes back [D]."""
    try:
        said = json.loads(body)
    except ValueError:
        return False
    return isinstance(said, dict) and "method" in said


def _note_failure(bot: BotAccount, hook: Hook, answer: Answer, now: float) -> None:
    hook.last_error, hook.last_error_at = answer.words, now
    if answer.status != 410:
        hook.gone_since = None if answer.status else hook.gone_since
    elif hook.gone_since is None:
        hook.gone_since = now
    elif now > hook.gone_since + GONE_FOR and bot.hook is hook:
        bot.hook = None
