"""Telegram's Bot API over real HTTP on this machine, which keeps Telegram's rules (docs: T1 to T27)."""

from tests.fakes.telegram.clock import ManualClock, RealClock
from tests.fakes.telegram.fake import FakeTelegram
from tests.fakes.telegram.people import Group, Person, Shown
from tests.fakes.telegram.state import BotAccount

__all__ = ["BotAccount", "FakeTelegram", "Group", "ManualClock", "Person", "RealClock", "Shown"]
