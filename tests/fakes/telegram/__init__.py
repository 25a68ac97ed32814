"""Telegram's Bot API over real HTTP on this machine, which keeps Telegram's rules.

    with FakeTelegram() as telegram:
        telegram.bot("123456:TEST-TOKEN", "clinic_bot")
        ...                                             # a bot is told telegram.url, as that of a local Bot API server
        amy = telegram.person(7, "Amy")
        amy.starts()
        amy.waits_for("When?").labels                   # ["9:00", "9:30"]
        amy.taps("9:00")

With a `ManualClock` time stands still until `clock.advance(seconds)`: long polls, repeated deliveries, lives and limits go
by it. `telegram.will("sendMessage", faults.busy(7))` makes the next call fail. `telegram.errors`, `telegram.violations` and
`telegram.ledger` are for what must be so at the end.

Left out: channels, topics, business, inline mode, payments, media but documents, the messages in which groups say who came
and went, the old Markdown, MarkdownV2's quotations and custom emoji, the entities that Telegram finds by itself, https, the
weight of long messages in the limits, limits of edits, files that are no longer offered after an hour.
"""

from tests.fakes.telegram.fake import FakeTelegram
from tests.fakes.telegram.people import Group, Person, Shown
from tests.fakes.telegram.state import BotAccount
from tests.fakes.vendor.clock import ManualClock, RealClock

__all__ = ["BotAccount", "FakeTelegram", "Group", "ManualClock", "Person", "RealClock", "Shown"]
