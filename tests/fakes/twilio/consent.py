"""Opting out, opting in and asking for help: Twilio answers by itself, and still forwards the message [D]."""

from tests.fakes.twilio.numbers import same_person
from tests.fakes.twilio.state import Arrived, Handset, Opting, Rendered, Sender, World

STOP = "You have successfully been unsubscribed. You will not receive any more messages from this number. Reply START to resubscribe."
START = (
    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)
HELP = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
NETWORK_STOP = (
    'NETWORK MSG: You replied with the word "stop" which blocks all texts sent from this number. '
    'Text back "unstop" to receive messages again.'
)
NETWORK_START = "NETWORK MSG: You have replied “unstop” and will begin receiving messages again from this number."

BY_DEFAULT = Opting(
    frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}),
    frozenset({"START", "YES", "UNSTOP"}),
    frozenset({"HELP", "INFO"}),
    {"STOP": STOP, "START": START, "HELP": HELP},
)
BY_THE_NETWORK = Opting(  # of toll-free numbers: cannot be changed [D]
    frozenset({"STOP"}),
    frozenset({"UNSTOP", "START"}),
    frozenset({"HELP", "INFO"}),
    {"STOP": NETWORK_STOP, "START": NETWORK_START, "HELP": HELP},
)
NOTHING = Opting(frozenset(), frozenset(), frozenset())


def words_of(world: World, sender: Sender) -> Opting:
    """Which words count for what is written to this sender."""
    service = world.service_of(sender)
    if service is not None and service.opting is not None:
        return service.opting
    if sender.kind == "toll-free":
        return BY_THE_NETWORK
    return NOTHING if sender.whatsapp else BY_DEFAULT


def hear(world: World, sender: Sender, handset: Handset, body: str) -> str:
    """Acts on the word, if the whole message is one; gives the OptOutType that the webhook is told."""
    opting, word = words_of(world, sender), body.strip().upper()
    kind = next((kind for kind, words in _kinds(opting).items() if word in words), "")
    if kind and _changes(world, sender, handset, kind):
        answer = Rendered(opting.answers.get(kind, ""))
        handset.arrived.append(Arrived(world.now, sender.address, answer))
    return kind if opting.advanced else ""


def _kinds(opting: Opting) -> dict[str, frozenset[str]]:
    return {"STOP": opting.stop, "START": opting.start, "HELP": opting.help}


def _changes(world: World, sender: Sender, handset: Handset, kind: str) -> bool:
    """Whether there is something to say: who is out already is not told again [R]."""
    place = (world.opting_place(sender), same_person(handset.number))
    was_out = place in world.opted_out
    if kind == "STOP":
        world.opted_out.add(place)
        return not was_out
    if kind == "START":
        world.opted_out.discard(place)
        return was_out
    return True
