"""getUpdates: the one method that waits."""

from tests.fakes.telegram.methods import hear_only
from tests.fakes.telegram.parameters import Parameters
from tests.fakes.telegram.refusals import OTHER_POLLER, WEBHOOK_ACTIVE, WEBHOOK_WAS_SET, Refusal
from tests.fakes.telegram.state import BotAccount, World
from tests.fakes.telegram.updates import Json
from tests.fakes.vendor.waiting import Bell

LONGEST_POLL = 50


class Poll:
    """One getUpdates; the newest of a bot ends the one before."""

    def __init__(self, world: World, bell: Bell, bot: BotAccount, parameters: Parameters) -> None:
        self.world, self.bell, self.bot = world, bell, bot
        self.offset = parameters.integer("offset", 0)
        self.limit = parameters.integer("limit", 100, 1, 100)
        self.timeout = parameters.integer("timeout", 0, 0, LONGEST_POLL)
        self.parameters = parameters
        self.batch: list[Json] = []

    async def answer(self) -> list[Json]:
        """What waits from the offset on; if nothing does, what comes before the time is over."""
        try:
            return await self._answer()
        except Refusal:
            await self._keep_waiting()
            raise

    async def _answer(self) -> list[Json]:
        if self.bot.hook is not None:
            raise Refusal(409, WEBHOOK_ACTIVE)
        with self.world.changing() as now:
            self.bot.poller = self
            hear_only(self.bot, self.parameters)
            self._throttle(now)
        try:
            await self.bell.until(self._over, now + self.timeout)
        finally:
            with self.world.changing():
                self.bot.poller = None if self.bot.poller is self else self.bot.poller
        return self.batch

    def _over(self) -> bool:
        """Whether there is something to answer; raises if another has taken this one's place."""
        with self.world.changed:
            if self.bot.hook is not None:
                raise Refusal(409, WEBHOOK_WAS_SET)
            if self.bot.poller is not self:
                raise Refusal(409, OTHER_POLLER)
            self.batch = self.bot.mail.fetch(self.offset, self.limit, self.world.clock.now())
            return bool(self.batch)

    async def _keep_waiting(self) -> None:
        """The second conflict within moments, and all after it, are answered three seconds late [S]."""
        now = self.world.clock.now()
        if self.world.throttles and now < self.bot.patient_until:
            await self.bell.until(lambda: False, now + 3)
        self.bot.patient_until = self.world.clock.now() + 3

    def _throttle(self, now: float) -> None:
        """Who asks the same again within moments gets one update, or waits [S]."""
        offset, at = self.bot.last_poll
        if self.world.throttles and offset == self.offset:
            self.timeout = max(self.timeout, 3) if now < at + 3 else self.timeout
            self.limit = 1 if now < at + 0.5 else self.limit
        self.bot.last_poll = (self.offset, now)
