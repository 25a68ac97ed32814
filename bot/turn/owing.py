"""What a turn leaves behind: replies in the outbox with their prompts, the new state, the message done."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from secrets import token_urlsafe

from msgspec import structs

from bot import state as states
from bot.events import (
    Chose,
    Event,
    Turn,
)
from bot.messages import (
    CancelVisit,
    Inbound,
    InGroup,
    MoreTimes,
    MoveVisit,
    Payload,
    Reply,
    Tap,
    Undo,
    pack,
)
from bot.turn.answering import Answering
from core.messaging import conversations, handoffs, outbox

PROMPT_LIFE = timedelta(hours=1)  # after that a typed digit no longer answers; a tap says for itself what it means


def write(answering: Answering, said: Turn, owner: int | None, inbound: Inbound | None, event: Event | None) -> None:
    """Replies, state, and the message done. Every tap is acknowledged, also where there is nothing to say to it."""
    session, turn, state = answering.session, answering.turn, said.state
    for reason in dict.fromkeys(said.handoffs):
        handoffs.hand_over(session, turn.conversation_id, reason, turn.now)
    receipt = inbound.receipt if isinstance(inbound, Tap | InGroup) else None
    replies = [] if answering.address_id is None else list(_joined(said.replies))
    if receipt is not None and not replies:
        replies = [Reply(())]
    is_page = isinstance(event, Chose) and isinstance(event.action, MoreTimes)
    payloads = [Payload(reply, state.language, in_place=is_page and bool(reply.choices)) for reply in replies]
    if payloads:
        payloads[0] = structs.replace(payloads[0], receipt=receipt)
    owed = [outgoing(turn, seq, payload) for seq, payload in enumerate(payloads, turn.seq + 1)]
    asks = state.step is not None or owner is not None  # whoever talks to a person is in the middle of something too
    conversations.finish(session, turn, states.pack(state), owner, answering.address_id, owed, asks=asks)


def outgoing(turn: conversations.Turn, seq: int, payload: Payload) -> outbox.Message:
    """A reply as it goes into the outbox, with a prompt where there is something to choose."""
    reply = payload.reply
    is_vital = any(happened.event in VITAL for happened in reply.happened)
    if not reply.choices:
        return outbox.Message(seq, turn.sealed("outbox.payload", pack(payload)), is_vital=is_vital)
    token = token_urlsafe(9)
    return outbox.Message(
        seq,
        turn.sealed("outbox.payload", pack(structs.replace(payload, token=token))),
        token,
        turn.sealed("prompts.choices", pack(reply.choices)),
        turn.now + PROMPT_LIFE,
        lasts=all(isinstance(choice.action, Undo | MoveVisit | CancelVisit) for choice in reply.choices),
        is_vital=is_vital,
    )


VITAL = frozenset({"booked", "moved", "moved_back", "cancelled", "restored", "unbooked"})
"""What a patient must hear of, twice rather than not at all."""


def _joined(replies: Sequence[Reply]) -> Iterator[Reply]:
    """One message a turn: sentences run on until there is something to choose. The emergency text stands alone, and first."""
    urgent = [reply for reply in replies if reply.says[0].key == "emergency"]
    yield from urgent
    rest = [reply for reply in replies if reply not in urgent]
    if rest:
        yield Reply(
            tuple(said for reply in rest for said in reply.says),
            next((reply.choices for reply in reversed(rest) if reply.choices), ()),
            tuple(happened for reply in rest for happened in reply.happened),
            all(reply.passing for reply in rest),
            any(reply.asks_number for reply in rest),
        )
