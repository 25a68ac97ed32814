"""Between the assistant and the people at the front desk: calling one, what they say, and going on afterwards."""

from msgspec.structs import replace

from bot.events import Facts, StaffSaid, TookOver, Turn
from bot.flows.wording import first, reply
from bot.messages import Happened
from bot.state import State

PATIENCE = 3  # misunderstandings before a person is called


def called(resumed: Turn) -> Turn:
    """A person is asked to look; until then the talk goes on with `resumed`."""
    said = reply("person", {}, (), [Happened("handed_over", {"reason": "asked"})])
    turn = first([said], resumed)
    return Turn(turn.state, turn.replies, turn.request, ("asked",))


def given_up(state: State, key: str) -> Turn:
    """We do not get on with them: a person is asked to."""
    said = reply(key, {}, (), [Happened("handed_over", {"reason": "not_understood"})])
    return Turn(replace(state, misses=0), (said,), handoffs=("not_understood",))


def taken_over(state: State, event: TookOver, _facts: Facts) -> Turn:
    """A person is here now: say who."""
    return Turn(state, (reply("staff.took_over", {"name": event.name}),))


def said(state: State, event: StaffSaid, _facts: Facts) -> Turn:
    """What staff say, under their name."""
    return Turn(state, (reply("staff.said", {"name": event.name, "text": event.text}),))


def handed_back(resumed: Turn) -> Turn:
    """The assistant is back, and goes on with `resumed`."""
    return first([reply("staff.handed_back")], resumed)
