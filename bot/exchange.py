"""One exchange: what an event leads to, until the dialog asks for nothing more. Pure, but for the `perform` it is given."""

from collections.abc import Callable
from zlib import crc32

from msgspec.structs import replace

from bot.dialog import advance
from bot.events import Event, Facts, Request, Said, Turn
from bot.flows.wording import reply
from bot.messages import Reply, pack
from bot.state import State

MOST_REQUESTS = 8  # a dialog that asks for more is caught in a circle

Perform = Callable[[Request, State, Facts], tuple[Event, Facts]]
"""Does what the dialog asks for, and gives the answer with the facts as they are then."""


class Circle(RuntimeError):
    """A dialog that never comes to rest."""


def exchange(state: State, event: Event, facts: Facts, perform: Perform) -> Turn:
    """Everything that one event leads to, as one turn. Raises Circle."""
    before, replies, handoffs = state, list[Reply](), list[str]()
    for _ in range(MOST_REQUESTS):
        turn = advance(state, event, facts)
        state = turn.state
        replies += turn.replies
        handoffs += turn.handoffs
        if turn.request is not None:
            event, facts = perform(turn.request, state, facts)
        elif state.later and state.step is None:
            event, state = Said(state.later[0]), replace(state, later=state.later[1:])
        else:
            return _said_why(before, Turn(state, tuple(replies), None, tuple(handoffs)))
    raise Circle


def _said_why(before: State, turn: Turn) -> Turn:
    """A question that comes again, word for word and by itself, looks as if nobody had listened: say why first."""
    if not turn.replies:
        return turn
    asked = crc32(pack(turn.replies[-1]))
    state = replace(turn.state, asked=asked if turn.state.step else None)
    again = len(turn.replies) == 1 and asked == before.asked
    key = "again" if turn.state.draft == before.draft else "noted"
    return Turn(state, (reply(key), *turn.replies) if again else turn.replies, None, turn.handoffs)
