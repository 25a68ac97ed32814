"""What is sent that is no words: a kind answer, whoever should see it told, and the open question again."""

from msgspec.structs import replace

from bot.events import Facts, KeepNumber, LinkUnknown, NumberGiven, Received, Turn, WroteInGroup
from bot.flows import anywhere, booking
from bot.flows.wording import first, reply
from bot.messages import Happened
from bot.state import State

FOR_STAFF = frozenset({"photo", "voice", "document"})


def received(state: State, event: Received, facts: Facts) -> Turn:
    """A file is for people to look at; of everything else we say what we can do instead."""
    state = replace(state, album=event.album)
    happened = [Happened("handed_over", {"reason": "file"})] if event.what in FOR_STAFF else []
    said = reply(f"received.{event.what}", {"megabytes": event.most}, (), happened)
    turn = first([said], anywhere.resume(state, facts))
    return Turn(turn.state, turn.replies, turn.request, ("file",) if happened else ())


def number_given(state: State, event: NumberGiven, facts: Facts) -> Turn:
    """Of somebody known it is noted; of somebody new it waits for their name."""
    if facts.owner is not None:
        return Turn(state, request=KeepNumber(facts.owner, event.number))
    told = replace(state, draft=replace(state.draft, contact=event.number, contact_is_proven=True))
    if told.step == "booking.contact":
        return booking.go_on(told, facts)
    return number_kept(told, facts)


def number_kept(state: State, facts: Facts) -> Turn:
    """Thanks for it; then whatever was being talked about."""
    return first([reply("received.number")], anywhere.resume(state, facts))


def link_unknown(state: State, _event: LinkUnknown, facts: Facts) -> Turn:
    """Whoever came by a link meant to come here: say that it leads nowhere, and what one can do."""
    return first([reply("received.link_unknown")], anywhere.resume_or_ask(replace(state, greeted=True), facts))


def in_group(state: State, _event: WroteInGroup, _facts: Facts) -> Turn:
    """Nothing about visits is said where others read along."""
    return Turn(state, (reply("in_group"),))
