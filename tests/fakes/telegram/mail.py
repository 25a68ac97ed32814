"""The updates that wait for one bot: to be fetched, or to be posted to its webhook."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.fakes.telegram.updates import Json

MESSAGE_LIFE = 24 * 3600  # from the date of the message, or of its last edit [S Client.cpp]
TAP_LIFE = 150
WEEK = 7 * 24 * 3600
MOST_RETRY_AFTER = 3600  # [S WebhookActor]
LEAST_CEILING, MOST_CEILING = 60, 120


@dataclass(eq=False)
class Pending:
    """One update on its way."""

    update: Json
    queue: int  # only the oldest of a queue is under way [S]
    expires_at: float
    after: "Pending | None" = None  # what must have been tried once before
    again: bool = False  # handed out although it was confirmed
    due_at: float = 0
    delay: int = 1
    failures: int = 0
    under_way: bool = False
    tried: bool = False

    @property
    def id(self) -> int:
        return int(self.update["update_id"])

    @property
    def kind(self) -> str:
        return next(key for key in self.update if key != "update_id")


@dataclass
class Mail:
    """What waits, in order; the numbers rise by one until a week has been silent."""

    chance: random.Random
    waiting: list[Pending] = field(default_factory=list)
    newest_id: int = 0
    newest_at: float | None = None
    sent: set[int] = field(default_factory=set)

    def knows(self, update: Json) -> bool:
        """Whether this update was for this bot."""
        return update["update_id"] in self.sent

    def number(self, now: float) -> int:
        """The next update_id."""
        if self.newest_at is None or now - self.newest_at > WEEK:
            self.newest_id = self.chance.randrange(100_000_000, 900_000_000)
        else:
            self.newest_id += 1
        self.newest_at = now
        self.sent.add(self.newest_id)
        return self.newest_id

    def add(self, pending: Pending) -> None:
        self.waiting.append(pending)

    def drop_expired(self, now: float) -> None:
        self.waiting = [each for each in self.waiting if each.under_way or each.expires_at >= now]

    def fetch(self, offset: int, limit: int, now: float) -> list[Json]:
        """What getUpdates gives; everything below the offset is confirmed and gone."""
        self.drop_expired(now)
        if offset < 0:
            self.waiting = self.waiting[offset:]
        else:
            self.waiting = [each for each in self.waiting if each.id >= offset or each.again]
        batch = self.waiting[:limit]
        for each in batch:
            each.again = False
        return [each.update for each in batch]

    def forget_attempts(self) -> None:
        """A new webhook starts afresh."""
        for each in self.waiting:
            each.due_at, each.delay, each.failures = 0, 1, 0

    def heads(self) -> Iterator[Pending]:
        """The oldest of each queue."""
        seen: set[int] = set()
        for each in self.waiting:
            if each.queue not in seen:
                seen.add(each.queue)
                yield each

    def ready(self, now: float) -> list[Pending]:
        """What may be posted now."""
        heads = (each for each in self.heads() if not each.under_way and each.due_at <= now)
        return [each for each in heads if each.after is None or each.after.tried or each.after not in self.waiting]

    def next_due(self, now: float) -> float | None:
        return min((each.due_at for each in self.heads() if not each.under_way and each.due_at > now), default=None)

    def arrived(self, pending: Pending) -> None:
        pending.under_way, pending.tried = False, True
        if pending in self.waiting:
            self.waiting.remove(pending)

    def failed(self, pending: Pending, now: float, retry_after: int) -> None:
        """The first time it is due again at once, then after 2, 4, 8 ... seconds [S WebhookActor::on_update_error]."""
        pending.under_way, pending.tried = False, True
        wait = min(max(retry_after, 0), MOST_RETRY_AFTER)
        if wait == 0 and pending.failures > 0:
            pending.delay = min(self.chance.randint(LEAST_CEILING, MOST_CEILING), pending.delay * 2)
            wait = pending.delay
        if now + wait > pending.expires_at and pending in self.waiting:
            self.waiting.remove(pending)
        pending.due_at = now + wait
        pending.failures += 1
