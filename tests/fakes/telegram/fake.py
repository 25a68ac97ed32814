"""The fake as tests use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.fakes.telegram import updates
from tests.fakes.telegram.ledger import Call
from tests.fakes.telegram.limits import Limits
from tests.fakes.telegram.mail import Pending
from tests.fakes.telegram.people import Group, Person
from tests.fakes.telegram.postman import Delivery
from tests.fakes.telegram.server import Server
from tests.fakes.telegram.state import BotAccount, Room, World
from tests.fakes.telegram.updates import Json
from tests.fakes.vendor.clock import Clock, RealClock
from tests.fakes.vendor.fake import Fake
from tests.fakes.vendor.faults import Fault, Script
from tests.fakes.vendor.ledger import Ledger

TOKEN = "123456:TEST-TOKEN"
PORTS = frozenset({80, 88, 443, 8443})


class FakeTelegram(Fake[Call, Delivery]):
    """A Bot API server on this machine, with the people who chat; it keeps Telegram's rules and notes who breaks them.

    `url` is told to bots as that of a local Bot API server.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        ledger: Path | None = None,
        limits: bool = True,
        burst: int = 4,
        throttles: bool = False,
        only_real_ports: bool = False,
        seed: int = 1,
    ) -> None:
        self.world = World(clock or RealClock(), Limits(on=limits, burst=burst), seed)
        self.world.throttles = throttles
        self.world.hook_ports = PORTS if only_real_ports else None
        self._script = Script()
        calls = Ledger[Call](ledger)
        super().__init__(self.world, Server(self.world, calls, self._script), calls)

    # Who is there.

    def bot(
        self, token: str = TOKEN, username: str = "clinic_bot", name: str = "Clinic", *, reads_all: bool = False
    ) -> BotAccount:
        """A bot with this token, made if it is new."""
        with self.world.changing():
            if token in self.world.bots:
                return self.world.bots[token]
            user = updates.bot_user(int(token.partition(":")[0]), name, username)
            return self.world.add_bot(token, user, reads_all=reads_all)

    def person(
        self,
        id: int,
        first_name: str = "Amy",
        language_code: str | None = "en",
        *,
        last_name: str | None = None,
        username: str | None = None,
        bot: BotAccount | None = None,
    ) -> Person:
        """Somebody, in the chat with this bot: the first there is, unless another is named."""
        names = {"last_name": last_name, "username": username, "language_code": language_code}
        with self.world.changing():
            user = self.world.people.setdefault(id, updates.user(id, first_name, **names))
        first = next(iter(self.world.bots.values()), None)
        return Person(self, user, bot or first or self.bot())

    def group(self, id: int, title: str = "Group") -> Group:
        with self.world.changing():
            room = self.world.rooms.setdefault((0, id), Room(updates.group_chat(id, title)))
        return Group(self, room)

    # What was called, and what is to go wrong.

    def calls(self, method: str, chat: int | None = None) -> list[Call]:
        """The calls of one method, perhaps for one chat."""
        named = [call for call in self.ledger if call.method.lower() == method.lower()]
        return [call for call in named if chat is None or call.chat_id == chat]

    def will(self, method: str, *faults: Fault | None, chat: int | None = None) -> None:
        """What the next calls of this method come to, in order; None, and every call afterwards, goes well."""
        with self.world.changing():
            self._script.order(method, faults, chat)

    # How updates arrive.

    def repeat(self, update: Json, times: int = 1) -> None:
        """The same update so many times more, however it was answered."""
        with self.world.changing() as now:
            for bot in self.world.bots.values():
                if bot.mail.knows(update):
                    again = [Pending(update, -update["update_id"], now + 3600, again=True) for _ in range(times)]
                    bot.mail.waiting += again

    def _hold(self, *, swap: bool) -> Iterator[None]:
        """Updates have their numbers by then."""
        with self.world.changing():
            held = self.world.held = []
        try:
            yield
        finally:
            with self.world.changing():
                self.world.held = None
                self.world.let_go(held[::-1] if swap else held, one_by_one=swap)
