"""The talk with values alone: every step crossed with everything that can happen."""

from datetime import date, datetime
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from bot import state as states
from bot.dialog import EMERGENCY, advance
from bot.events import (
    Booked,
    Cancelled,
    Chose,
    ChoseNothing,
    Confirmed,
    Event,
    Facts,
    HandedBack,
    HoldExpired,
    Moved,
    PatientRegistered,
    Refused,
    Released,
    Said,
    SlotHeld,
    SlotsFound,
    StaffSaid,
    TookOver,
    Undone,
    VisitFound,
    VisitsFound,
)
from bot.messages import (
    Action,
    CallPerson,
    CancelVisit,
    Choice,
    ChooseVisit,
    ConfirmVisits,
    ForPatient,
    Mean,
    MoreTimes,
    MoveVisit,
    OtherDay,
    Pick,
    Reply,
    ShowVisit,
    Undo,
    Version,
    Want,
    by_digit,
)
from bot.state import Draft, State
from core.scheduling.wishes import Wanted
from tests.bot.desk import CHANGED, CODES, FAMILY, GUEST, NOON, ONE, SLOTS, TEXTED, TODAY, VISITS, Desk
from tests.bot.understanding.clinic import CLINIC, days, heard, heard_all

SKIN = Draft(specialty="dermatology")
CHOSEN = Draft(practitioner=1, visit_type=1, whom="new", slot=SLOTS[0], hold=5)
DOUBT = (days("13"), days("20"))

# Every state that a question leaves behind, by the question.
OPEN = {
    "at rest": State(),
    "what": State(stack=("booking.what",)),
    "which doctor": State(stack=("booking.what",), draft=Draft(practitioners=(3, 4))),
    "reading": State(stack=("booking.reading",), draft=replace(SKIN, readings=DOUBT)),
    "whom": State(stack=("booking.whom",), draft=SKIN),
    "time": State(stack=("booking.time",), draft=SKIN, trail=(Draft(),)),
    "day": State(stack=("booking.day",), draft=SKIN),
    "name": State(stack=("booking.name",), draft=CHOSEN, trail=(SKIN,)),
    "birth date": State(stack=("booking.birth_date",), draft=replace(CHOSEN, name="Ana Lima")),
    "contact": State(
        stack=("booking.contact",), draft=replace(CHOSEN, name="Ana Lima", birth_date=date(1990, 5, 3))
    ),
    "which visit": State(stack=("changing.which",)),
    "which visit, beside a booking": State(stack=("booking.time", "changing.which"), draft=SKIN),
    "new time of a visit": State(stack=("booking.time",), draft=Draft(practitioner=1, visit_type=1, whom="known", patient=7, moving=VISITS[0])),
    "which visit to move": State(stack=("moving.which",), wish=Draft(when=DOUBT[0])),
    "which visit to move, beside a booking": State(stack=("booking.name", "moving.which"), draft=CHOSEN),
    "after a move": State(undoable=Undo("moving", 1, 1), last=SLOTS[0]),
    "after a booking": State(undoable=Undo("booking", 3), last=SLOTS[0]),
    "misunderstood twice": State(stack=("booking.time",), draft=SKIN, misses=2),
    "a hold that has run out": State(stack=("booking.birth_date",), draft=replace(CHOSEN, hold=None, lapsed=SLOTS[0], name="Ana Lima")),
    "undone for another": State(draft=replace(CHOSEN, whom="known", patient=8), undoable=Undo("booking", 3)),
    "something for later": State(stack=("changing.which",), later=(heard("give me something next week"), heard("the same for Mia"))),
    "what was said is lost": states.LOST,
}  # fmt: skip

# A message for every intent, and for every kind of fact, answer and nonsense.
WORDS = (
    "book", "cancel", "cancel my visit", "never mind", "reschedule my visit", "move my visit to Friday", "actually make it 4", "my visits", "undo", "more", "another day",
    "help", "when are you open?", "where are you?", "how much is it?", "a person", "why?", "start over", "back", "hello",
    "thanks", "bye", "yes", "no", "ok", "1", "2", "4", "9", "0", "77", "the second one", "the last", "the 3rd", "Dr Lee",
    "Dr Smith", "Dr Nobody", "skin doctor", "kidney doctor", "a cleaning", "main street", "tomorrow", "next Friday",
    "3/4", "at 9:20", "after 3", "not Monday", "first available", "30 February", "yesterday", "Leo", "for my son",
    "for me", "the same for Mia", "Ana Lima", "Ana Lima, born 3 May 1990", "3 May 1990", "3 May 2090", "3 May 1902",
    "what did you say?", "skip", "not Dr Lee", "another doctor", "thanks, see you tomorrow", "actually I need a skin doctor on Friday", "which doctors do you have?", "can I still cancel?", "what should I bring?", "not Dr Lee, the skin doctor", "for me and Leo", "for Leo and Mia", "my son Leo Costa, born 5 May 2016",
    "cancel Tuesday and give me something next week", "where are you and when are you open?", "book a dentist and cancel my visit",
    "my visits, and cancel the one with Dr Lee", "the dentist on Tuesday and the skin doctor on Friday", "for me and my son", "book the skin doctor and what does it cost?",
    "earlier", "can I come earlier?", "move it to Friday", "can we move it?", "move it half an hour later", "cancel that, Thursday instead", "Mia, not Leo", "no, for Mia", "not for me, for Leo", "no, Thursday", "move Leo to Friday", "cancel Leo",
    "Leo Costa", "for Zoe", "This is Ana, for my son", "in person", "do you take Aetna and can I see Dr Lee tomorrow?", "leo@example.com",
    "ana@example.com", "+1 207 555 0100", "", "😀", "blah", "I'll be there", "can't make it", "can't make it, tomorrow?", "I have chest pain", "chest pain, can I see Dr Lee tomorrow?",
)  # fmt: skip

TOLD = tuple(Version(visit.id, visit.sequence, datetime(2026, 3, 16, 12)) for visit in VISITS)
ACTIONS: tuple[Action, ...] = (
    Pick(SLOTS[0], 7), Pick(SLOTS[1]), Pick(SLOTS[2], 1_000), MoreTimes(Wanted(practitioner=1, after=NOON)), OtherDay(),
    Want(practitioner=1), Want(specialty="dentistry"), ForPatient(7), ForPatient(None), Mean(DOUBT[:1]), Mean(DOUBT),
    CancelVisit(1), Undo("booking", 3), Undo("cancelling", 1), CallPerson(),
    Pick(SLOTS[1], 7, VISITS[0]), ShowVisit(1), MoveVisit(1), MoveVisit(2, 0), CancelVisit(2, 0), Undo("moving", 1, 1),
    ConfirmVisits(TOLD[:1]), ConfirmVisits(TOLD), ChooseVisit("move", TODAY), ChooseVisit("cancel", TODAY),
)  # fmt: skip

# Answers that come although nothing was asked for, what the clock says, and what staff do.
STRAY: tuple[Event, ...] = (
    ChoseNothing(), SlotsFound(Wanted(practitioner=1), SLOTS, exact=False), SlotsFound(Wanted(), (), exact=False),
    Booked(VISITS[0], already=True), PatientRegistered(7, "Leo"), VisitsFound("show", VISITS, as_described=True),
    VisitsFound("cancel", VISITS[:1], as_described=False), VisitsFound("which_to_cancel", (), as_described=False), VisitsFound("which_to_move", VISITS, as_described=True),
    VisitsFound("move", VISITS[:1], as_described=True), VisitFound("move", VISITS[0]), VisitFound("show", VISITS[1]),
    Moved(VISITS[0], SLOTS[1], keeps_time=True), Moved(VISITS[1], SLOTS[1], keeps_time=False), Moved(VISITS[0], SLOTS[1], True, already=True),
    Undone("moving", VISITS[0]),
    Cancelled(VISITS[0], keeps_time=False), Undone("booking", VISITS[0]), Undone("cancelling", VISITS[0]), Released(),
    Confirmed(VISITS[:1]), Confirmed(VISITS[:1], Refused("visit_changed", visit=VISITS[1])),
    HoldExpired(5), HoldExpired(6), TookOver("Sam"), StaffSaid("Sam", "Hello {there}"), HandedBack(),
)  # fmt: skip

ASKED = {"booking.name": "name", "booking.birth_date": "birth_date", "booking.contact": "contact"}
QUESTIONS = {
    "booking.what", "booking.what_then", "booking.which_practitioner", "booking.which_reading", "booking.whom",
    "booking.offer", "booking.offer_nearest", "booking.nearest", "booking.nearest_later", "booking.beside_last", "booking.which_of_several", "booking.none_else", "booking.none", "booking.none_later", "booking.which_day", "booking.name",
    "booking.birth_date", "booking.contact", "changing.which", "moving.which",
}  # fmt: skip


def said(text: str, state: State, choices: tuple[Choice, ...] = (), facts: Facts = FAMILY) -> Said:
    known = {
        "asked": ASKED.get(state.step or ""),
        "asked_whom": state.step == "booking.whom",
        "patients": facts.patients,
    }
    meaning, *besides = heard_all(text, **known)
    return Said(meaning, choices, tuple(besides))


def on_offer(state: State, facts: Facts) -> tuple[Choice, ...]:
    """The choices of the question that is open."""
    _, replies = Desk(facts).converse(state, ChoseNothing())
    return next((reply.choices for reply in reversed(replies) if reply.choices), ())


def events(state: State, facts: Facts) -> list[Event]:
    choices = on_offer(state, facts)
    return [said(text, state, choices, facts) for text in WORDS] + [Chose(action) for action in ACTIONS] + [*STRAY]


def said_in(state: State) -> Draft:
    """What the patient has said: a hold that had run out may have been taken again."""
    return replace(state.draft, hold=None, lapsed=None)


def questions(replies: list[Reply]) -> list[str]:
    return [said.key for reply in replies for said in reply.says if said.key in QUESTIONS]


def assert_sound(state: State, replies: list[Reply]) -> None:
    assert states.flaw(state) is None
    assert states.unpack(states.pack(state)) == state
    assert len(questions(replies)) <= 1


@pytest.mark.parametrize("facts", [GUEST, TEXTED, ONE, FAMILY], ids=["guest", "texted", "one", "family"])
@pytest.mark.parametrize("name", OPEN)
def test_whatever_happens_in_whatever_state_the_dialog_comes_to_rest(name: str, facts: Facts) -> None:
    for event, refuses in product(events(OPEN[name], facts), [None, *CODES]):
        state, replies = Desk(facts, refuses).converse(OPEN[name], event)
        assert_sound(state, replies)


@pytest.mark.parametrize("name", OPEN)
def test_every_word_is_answered(name: str) -> None:
    for text in WORDS:
        _, replies = Desk(FAMILY).converse(OPEN[name], said(text, OPEN[name], on_offer(OPEN[name], FAMILY)))
        assert replies, text


DIGRESSIONS = ["when are you open?", "where are you?", "how much is it?", "help", "a person", "thanks"]


@pytest.mark.parametrize(
    ("name", "text"), [*product((name for name, state in OPEN.items() if state.step), DIGRESSIONS)]
)
def test_after_a_digression_the_same_question_comes_once(name: str, text: str) -> None:
    state = replace(OPEN[name], misses=0)
    _, asked = Desk(FAMILY).converse(state, ChoseNothing())
    after, replies = Desk(FAMILY).converse(state, said(text, state))
    assert (after.stack, said_in(after)) == (state.stack, said_in(state))
    assert questions(replies) == questions(asked)
    assert replies[-1] == asked[-1]


@pytest.mark.parametrize("name", [name for name, state in OPEN.items() if state.step])
def test_whoever_hands_back_leaves_the_same_question_open_once(name: str) -> None:
    state = replace(OPEN[name], misses=0)
    _, asked = Desk(FAMILY).converse(state, ChoseNothing())
    after, replies = Desk(FAMILY).converse(state, HandedBack())
    assert (after.stack, said_in(after)) == (state.stack, said_in(state))
    assert [said.key for said in replies[0].says] == ["staff.handed_back"]
    assert questions(replies) == questions(asked)


@pytest.mark.parametrize("name", OPEN)
def test_an_emergency_is_answered_first(name: str) -> None:
    desk = Desk(FAMILY)
    _, replies = desk.converse(OPEN[name], said("my chest hurts, can I see Dr Lee tomorrow?", OPEN[name]))
    assert replies[0] == EMERGENCY
    assert desk.handed_over == ["emergency"]


@pytest.mark.parametrize("name", [name for name, state in OPEN.items() if state.step])
def test_the_third_misunderstanding_in_a_row_is_for_a_person(name: str) -> None:
    state, desk = replace(OPEN[name], misses=0), Desk(FAMILY)
    for _ in range(3):
        state, replies = desk.converse(state, said("@#!", state))
    assert desk.handed_over == ["not_understood"]
    assert [said.key for said in replies[-1].says] == ["not_understood.person"]
    assert state.misses == 0


def test_a_misunderstanding_is_forgiven_once_something_is_understood() -> None:
    state, _ = Desk(ONE).converse(OPEN["time"], said("blah blah", OPEN["time"]))
    assert state.misses == 1
    state, _ = Desk(ONE).converse(state, said("help", state))
    assert state.misses == 0


def test_a_refused_time_keeps_everything_else_that_was_said() -> None:
    state = OPEN["birth date"]
    after, replies = Desk(GUEST, refuses="slot_taken").converse(
        replace(state, draft=replace(state.draft, hold=None)), said("3 May 1990", state)
    )
    assert (after.draft.name, after.draft.birth_date, after.draft.slot) == ("Ana Lima", date(1990, 5, 3), None)
    assert len([choice for choice in replies[-1].choices if choice.kind == "option"]) == 3


def test_only_the_hold_is_lost_when_it_runs_out() -> None:
    turn = advance(OPEN["contact"], HoldExpired(5), GUEST)
    assert turn.replies == ()
    assert turn.state.draft == replace(OPEN["contact"].draft, hold=None, lapsed=SLOTS[0])


def test_yes_or_the_first_digit_after_a_booking_undoes_nothing() -> None:
    state, replies = Desk(ONE).converse(OPEN["time"], Chose(Pick(SLOTS[0], 7)))
    for text in ("yes", "1", "ok", "thanks", "the first one"):
        turn = advance(state, said(text, state, replies[-1].choices), ONE)
        assert turn.request is None, text


def test_a_question_about_a_visit_to_cancel_never_cancels_when_asked_again() -> None:
    desk = Desk(ONE, visits=VISITS[:1])
    state, replies = desk.converse(OPEN["which visit"], said("help", OPEN["which visit"]))
    assert state.step == "changing.which"
    assert not [fact for reply in replies for fact in reply.happened]


@st.composite
def any_event(draw: st.DrawFn, state: State, facts: Facts) -> Event:
    kind = draw(st.sampled_from(["words", "text", "action", "stray", "refused", "held"]))
    match kind:
        case "words":
            return said(draw(st.sampled_from(WORDS)), state, on_offer(state, facts), facts)
        case "text":
            return said(draw(st.text(max_size=40)), state, on_offer(state, facts), facts)
        case "action":
            return Chose(draw(st.sampled_from(ACTIONS)))
        case "stray":
            return draw(st.sampled_from(STRAY))
        case "held" if state.draft.slot is not None:
            return SlotHeld(draw(st.integers(1, 9)), datetime(2026, 3, 12, 9, 10))
    code = draw(st.sampled_from(CODES))
    return Refused(code, SLOTS, VISITS[0] if code in (*CHANGED, "undo_over") else None)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_row_of_events_leaves_a_dialog_that_can_go_on(data: st.DataObject) -> None:
    desk = Desk(data.draw(st.sampled_from([GUEST, TEXTED, ONE, FAMILY])))
    state, asked = State(), None
    for _ in range(data.draw(st.integers(1, 8))):
        desk.refuses = data.draw(st.sampled_from([None, *CODES]))
        state, replies = desk.converse(state, data.draw(any_event(state, desk.facts)))
        assert_sound(state, replies)
        if replies and state.step:
            assert len(replies) > 1 or replies[0] != asked, "the same question again, and not a word why"
            asked = replies[-1]
        elif replies:
            asked = None


@pytest.mark.parametrize("name", [name for name, state in OPEN.items() if state.step])
def test_no_word_brings_the_same_question_twice_without_a_reason(name: str) -> None:
    for text in WORDS:
        desk = Desk(FAMILY)
        state, replies = desk.converse(OPEN[name], said(text, OPEN[name]))
        for _ in range(2):
            before = replies
            state, replies = desk.converse(state, said(text, state))
            assert not state.step or len(replies) > 1 or replies[0] != before[-1], text


def test_five_questions_in_a_row_leave_the_sixth_message_an_answer() -> None:
    state, desk = OPEN["name"], Desk(GUEST)
    for text in DIGRESSIONS[:5]:
        state, _ = desk.converse(state, said(text, state, facts=GUEST))
    state, replies = desk.converse(state, said("Ana Lima", state, facts=GUEST))
    assert state.draft.name == "Ana Lima"
    assert questions(replies) == ["booking.birth_date"]


def test_of_two_wishes_the_second_waits_until_nothing_is_open() -> None:
    desk = Desk(ONE, visits=VISITS)
    state, replies = desk.converse(State(), said("cancel my visit and book the skin doctor on Friday", State()))
    assert (state.step, len(state.later)) == ("changing.which", 1)
    state, replies = desk.converse(state, Chose(CancelVisit(1)))
    assert [said.key for reply in replies for said in reply.says] == ["changing.cancelled", "booking.offer"]
    assert (state.draft.specialty, state.later) == ("dermatology", ())


@pytest.mark.parametrize("text", ["never mind", "start over"])
def test_whoever_stops_is_not_asked_for_what_waited(text: str) -> None:
    state, _ = Desk(FAMILY).converse(State(), said("the dentist for me and Leo", State()))
    assert len(state.later) == 1
    state, _ = Desk(FAMILY).converse(state, said(text, state))
    assert state.later == ()


def test_each_of_several_has_a_visit_in_turn() -> None:
    desk = Desk(FAMILY)
    state, replies = desk.converse(State(), said("the dentist for me and Leo and Mia", State()))
    for patient in (6, 7, 8):
        assert state.draft.patient == patient
        state, replies = desk.converse(state, Chose(next(c.action for c in replies[-1].choices)))
    assert (state.step, state.later) == (None, ())


def test_everybody_of_a_large_family_can_be_chosen_by_a_digit() -> None:
    family = Facts(CLINIC, TODAY, ((6, "Ana"), (7, "Leo"), (8, "Mia"), (9, "Zoe"), (10, "Tom")), owner=6)
    _, replies = Desk(family).converse(State(), said("the dentist", State(), facts=family))
    chosen = {digit: choice.action for digit, choice in by_digit(replies[-1].choices).items()}
    assert chosen == {digit: ForPatient(id) for digit, id in enumerate((6, 7, 8, 9, 10), 1)} | {9: ForPatient(None)}


def test_the_name_of_one_never_becomes_the_name_of_another() -> None:
    desk, state = Desk(GUEST), State()
    for text in ("my daughter Zoe Stone, born 4 July 2019, needs the dentist", "no, for me"):
        state, _ = desk.converse(state, said(text, state, facts=GUEST))
    assert (state.draft.name, state.draft.birth_date, state.draft.dependent) == (None, None, False)
