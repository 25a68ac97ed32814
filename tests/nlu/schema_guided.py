"""Turns of schema-guided conversations: what we understood, in their intents, acts and slots.

A turn comes with what the assistant said before it, as acts. They tell what a yes accepts (an offer, a confirmation, the
proposal to book), as the open step tells the dialog.
"""

from typing import Any

from tests.nlu import labels
from tests.nlu.gold import Row

_SEARCHED = {"city", "specialty"}
_OTHERS = {"more", "other_doctor"}
_FIND, _BOOK, _NONE = "FindProvider", "BookAppointment", "NONE"


class Turn:
    """One turn: the row, what we understood of it, and the slots that it said newly."""

    def __init__(self, row: Row, answer: Row, slots: list[Row]) -> None:
        self.before = {act["act"] for act in row["prev_system_acts"]}
        offered = {
            _plain(value)
            for act in row["prev_system_acts"]
            for value in act.get("values") or ()
            if act["act"] != "REQUEST"  # to name the choices is to offer none of them
        }
        # What repeats an offer accepts it, and is nothing new.
        self.slots = [
            slot for slot in slots if slot["slot"] in ("date", "time") or _plain(slot["value"]) not in offered
        ]
        self.named = {slot["slot"] for slot in slots}
        self.wanted = frozenset(answer["intents"])
        # Who cannot say yet does not accept.
        self.no = answer["answer"] == "no" or (answer["answer"] is None and "maybe" in self.wanted)
        self.yes = answer["answer"] == "yes"
        self.previous: str = row["prev_intent"]

    @property
    def takes_proposal(self) -> bool:
        """Whether it agrees to book, having been asked: by a yes, or by wanting just that."""
        return self.yes or ("book" in self.wanted and not self.no)

    @property
    def news(self) -> set[str]:
        """The slots with news."""
        return {slot["slot"] for slot in self.slots}

    @property
    def asks(self) -> bool:
        """Whether it asks for something."""
        return not self.wanted.isdisjoint(labels.QUESTIONS)

    @property
    def wants_others(self) -> bool:
        """Whether it asks for another than what was offered."""
        return bool(self.wanted & _OTHERS) or bool(self.news & _SEARCHED)


def predict(row: Row, answer: Row, slots: list[Row]) -> Row:
    """The prediction for a turn, without its id."""
    turn = Turn(row, answer, slots)
    intent = _intent(turn)
    asked = [labels.QUESTIONS[one] for one in answer["intents"] if labels.QUESTIONS.get(one)]
    return {"intent": intent, "acts": sorted(_acts(turn, intent)), "requested": asked, "slots": turn.slots}


def _intent(turn: Turn) -> str:
    if "OFFER_INTENT" in turn.before and (turn.takes_proposal or turn.no):
        return _BOOK if turn.takes_proposal else _NONE
    if "REQ_MORE" in turn.before and _declines(turn) and not turn.slots:
        return _NONE
    wants_visit = "book" in turn.wanted and "find" not in turn.wanted
    books = bool(turn.news & {"date", "time"}) or (wants_visit and not turn.wants_others)
    if turn.previous == _FIND:
        return _BOOK if books and not turn.asks else _FIND
    if turn.previous == _NONE and not turn.asks:
        # Ours to book takes in whoever says what for; theirs begins with a doctor or a time.
        if turn.named & {"date", "time", "provider"} or (wants_visit and not turn.named):
            return _BOOK
        return _FIND if turn.wanted & {"book", "find"} or turn.named else _NONE
    return turn.previous


def _declines(turn: Turn) -> bool:
    return turn.no or bool(turn.wanted & {"goodbye", "thanks", "praise", "stop"})


def _acts(turn: Turn, intent: str) -> set[str]:
    acts = _answers(turn)
    if turn.slots:
        acts.add("INFORM")
    if turn.asks:
        acts.add("REQUEST")
    again = "REQ_MORE" in turn.before and bool(turn.slots)
    if (again or intent not in (_NONE, turn.previous)) and "AFFIRM_INTENT" not in acts:
        acts.add("INFORM_INTENT")
    if "goodbye" in turn.wanted and "REQ_MORE" not in turn.before:
        acts.add("GOODBYE")
    if turn.wanted & {"thanks", "praise"} and acts <= {"GOODBYE", "THANK_YOU"}:
        acts.add("THANK_YOU")
    return acts


def _answers(turn: Turn) -> set[str]:
    """The acts that answer what the assistant did before."""
    if "OFFER_INTENT" in turn.before:
        return {"AFFIRM_INTENT"} if turn.takes_proposal else {"NEGATE_INTENT"} if turn.no else set()
    if "REQ_MORE" in turn.before:
        # To want no more is to thank, there.
        return {"NEGATE", "THANK_YOU"} if _declines(turn) and not turn.slots else set()
    if turn.previous == _FIND and turn.before & {"OFFER", "INFORM", "INFORM_COUNT"}:
        if turn.wants_others or turn.no:
            return {"REQUEST_ALTS"}
        return {"SELECT"} if turn.yes or (turn.wanted & {"book"} and not turn.asks) else set()
    if turn.previous == _BOOK and turn.before & {"CONFIRM", "OFFER"}:
        if turn.no or (turn.news and not turn.yes):
            return {"NEGATE"}
        # Who is asked to confirm, and asks on without objecting, has agreed.
        return {"AFFIRM"} if turn.yes or (turn.asks and "CONFIRM" in turn.before) else set()
    return set()


def _plain(value: Any) -> str:
    return " ".join(str(value).lower().replace(".", "").replace(",", "").split())
