"""Moving a visit: which one, to when. The new time is found and chosen as for a booking; choosing it is the move."""

from datetime import timedelta

from msgspec.structs import replace

from bot.events import Facts, FindVisits, LookUpVisit, Moved, Purpose, TakeBack, Turn, VisitsFound
from bot.flows import booking, changing, filling
from bot.flows.wording import PERSON, first, label_of, moment, most_options, notice_of, reply, visit_facts, visit_values
from bot.messages import Choice, Happened, MoveVisit, Reply, Say, Undo
from bot.state import Draft, State
from bot.understanding.meaning import Meaning
from core.scheduling.visits import Visit
from core.scheduling.wishes import DayRange, TimeRange, When


def start(state: State, meaning: Meaning, facts: Facts) -> Turn:
    """Find the visit that is meant. A time may say which one, or to when: where the words do not tell, the visits do."""
    said = meaning.readings if meaning.when is None else (meaning.when,)
    purpose: Purpose = "move" if meaning.moves_from is None else "move_to"
    whens = tuple(map(changing.that_day, said)) if meaning.moves_from is None else meaning.moves_from
    request = FindVisits(purpose, meaning.practitioners, meaning.patients, whens)
    return Turn(replace(state, wish=_wish(meaning, facts)), request=request)


def _wish(meaning: Meaning, facts: Facts) -> Draft:
    """All that a message says of the new time."""
    wish = filling.take_in(State(), replace(meaning, patients=(), someone_else=False, same=False), facts).draft
    return _relative(wish, meaning)


def _relative(wish: Draft, meaning: Meaning) -> Draft:
    """With what is said of the new time in comparison with the old one."""
    return replace(wish, sooner="earlier" in meaning.intents, shift=meaning.shift)


def correct_last(state: State, last: Undo, meaning: Meaning, facts: Facts) -> Turn:
    """ "Actually make it 4", "Nina, not Leo": what was just booked or moved is to be another time, or for somebody else."""
    wish = _relative(filling.take_in(State(), replace(meaning, same=False), facts).draft, meaning)
    return Turn(replace(state, wish=wish), request=LookUpVisit("move", last.visit))


def chosen(state: State, action: MoveVisit) -> Turn:
    """A choice of the visit to move."""
    wish = state.wish if "moving.which" in state.stack else Draft()
    return Turn(
        replace(changing.without_question(state), wish=wish), request=LookUpVisit("move", action.visit, action.sequence)
    )


def chosen_to(state: State, action: MoveVisit, meaning: Meaning, facts: Facts) -> Turn:
    """The same, with what a message says of the new time."""
    return Turn(replace(state, wish=_wish(meaning, facts)), request=LookUpVisit("move", action.visit, action.sequence))


def ask_which(state: State, _facts: Facts) -> Turn:
    """The open question again."""
    return Turn(state, request=FindVisits("which_to_move"))


def hear_which(state: State, meaning: Meaning, facts: Facts) -> Turn | None:
    """Which visit is meant, by its doctor, its patient or its time; or none of them."""
    if meaning.practitioners or meaning.patients or meaning.when is not None or meaning.readings:
        turn = start(state, meaning, facts)
        if state.wish == Draft() or not isinstance(turn.request, FindVisits):
            return turn
        return Turn(state, request=replace(turn.request, purpose="move_to"))
    if meaning.answer == "no":
        return Turn(replace(changing.without_question(state), wish=Draft()), (reply("moving.kept"),))
    return None


def found(state: State, event: VisitsFound, facts: Facts) -> Turn:
    """Go on with the visit that was meant, or ask which one is meant."""
    if not event.visits:
        return Turn(replace(changing.without_question(state), wish=Draft()), (reply("visits.none"),))
    if event.purpose == "move" and event.as_described:
        state = replace(
            state, wish=Draft(sooner=state.wish.sooner, shift=state.wish.shift)
        )  # what was said told which visit, and not to when
    if len(event.visits) == 1 and event.purpose != "which_to_move":
        (visit,) = event.visits
        return Turn(state, request=LookUpVisit("move", visit.id, visit.sequence))
    label = label_of("choice.move_visit", event.visits)
    options = [Choice(Say(label, visit_values(v, facts)), MoveVisit(v.id, v.sequence)) for v in event.visits]
    question = reply("moving.which", {}, [*options[: most_options(state, facts)], PERSON])
    stack = (*changing.without_question(state).stack[-1:], "moving.which")
    return Turn(replace(state, stack=stack), (question,))


def begin(state: State, visit: Visit, facts: Facts) -> Turn:
    """From here on the talk is about this visit's new time; without a wish, about those after its own."""
    if _is_for_another(state.wish, visit):
        return _give_to_another(state, visit, facts)
    draft = _draft(state.wish, visit, facts)
    if _is_its_own(draft, visit, facts):
        rested = replace(state, stack=(), draft=Draft(), wish=Draft())
        return Turn(rested, (reply("moving.already", visit_values(visit, facts)),))
    moving = replace(state, stack=(), draft=draft, trail=(), wish=Draft())
    said_already = state.draft.moving is not None and state.draft.moving.id == visit.id
    stands = [] if said_already else [reply("moving.from", visit_values(visit, facts))]
    return first(stands, booking.go_on(moving, facts))


def _is_for_another(wish: Draft, visit: Visit) -> bool:
    says_who = wish.whom is not None or wish.dependent
    return says_who and wish.patient != visit.patient_id


def _give_to_another(state: State, visit: Visit, facts: Facts) -> Turn:
    """A visit stays its patient's, so what was just booked is undone, and the same is booked for whom it was meant."""
    if state.undoable != Undo("booking", visit.id, visit.sequence):
        return changing.shown(replace(state, wish=Draft()), visit, facts)
    slot = visit.slot
    draft = replace(
        state.wish, practitioner=slot.practitioner_id, practitioners=(), specialty=None, visit_type=slot.visit_type_id
    )
    if state.wish.when is None:
        draft = replace(draft, slot=slot)
    return Turn(
        replace(state, stack=(), draft=draft, trail=(), wish=Draft()),
        request=TakeBack("booking", visit.id, visit.sequence),
    )


def _is_its_own(draft: Draft, visit: Visit, facts: Facts) -> bool:
    """Whether the wish is for exactly the time that the visit has, with the same doctor."""
    when, local = draft.when, moment(visit.slot, facts).local
    same_doctor = draft.practitioner == visit.slot.practitioner_id and draft.location in (None, visit.slot.location_id)
    return same_doctor and when is not None and when.at is not None and bool(when.days) and when.means(local)


def _draft(wish: Draft, visit: Visit, facts: Facts) -> Draft:
    """The visit as it is, but for what is wished to be different."""
    slot = visit.slot
    draft = replace(wish, whom="known", patient=visit.patient_id, moving=visit, sooner=False, shift=None)
    if wish.shift is not None:
        draft = replace(draft, when=_shifted(visit, wish.shift, facts))
    elif wish == Draft(sooner=wish.sooner):
        draft = replace(draft, when=_before(visit, facts)) if wish.sooner else replace(draft, after=slot.start)
    if wish.when is not None:
        draft = replace(draft, when=_with_its_day(wish.when, visit, facts))
    if not wish.practitioners and (wish.practitioner, wish.specialty) == (None, None):
        draft = replace(draft, practitioner=slot.practitioner_id)
    doctor = facts.directory.practitioner.get(draft.practitioner or 0)
    if doctor is not None and wish.visit_type is None and slot.visit_type_id in doctor.visit_types:
        draft = replace(draft, visit_type=slot.visit_type_id)
    return draft


def _shifted(visit: Visit, shift: timedelta, facts: Facts) -> When:
    """So much later, by the wall clock; days later at the same time of day."""
    local = moment(visit.slot, facts).local + shift
    return When(days=(DayRange(local.date(), local.date() + timedelta(days=1)),), at=local.time())


def _before(visit: Visit, facts: Facts) -> When:
    """Earlier on its own day, or else on a day before."""
    local = moment(visit.slot, facts).local
    day = local.date()
    sooner = When(days=(DayRange(None, day),))
    return When(
        days=(DayRange(day, day + timedelta(days=1)),), times=(TimeRange(None, local.time()),), otherwise=sooner
    )


def _with_its_day(wish: When, visit: Visit, facts: Facts) -> When:
    """ "Make it 4" means the same day."""
    if wish.days or wish.weekdays or wish.first_available or not (wish.at or wish.times):
        return wish
    day = moment(visit.slot, facts).local.date()
    return replace(wish, days=(DayRange(day, day + timedelta(days=1)),))


def is_another_wish(visit: Visit, meaning: Meaning, facts: Facts) -> bool:
    """ "I also need a dentist", while a visit to the heart doctor is being moved: a visit of its own."""
    directory = facts.directory
    wanted = {
        *meaning.specialties,
        *(code for id in meaning.practitioners for code in directory.practitioner[id].specialties),
        *(directory.visit_type[id].specialty for id in meaning.visit_types),
    }
    apart = wanted and not wanted & set(directory.practitioner[visit.slot.practitioner_id].specialties)
    is_new = bool(apart) and "book" in meaning.intents and "in_place" not in meaning.intents
    return is_new or "also" in meaning.intents


def stays(visit: Visit, facts: Facts) -> Reply:
    """The visit is where it was."""
    return reply("moving.stays", visit_values(visit, facts))


def moved(state: State, event: Moved, facts: Facts) -> Turn:
    """Say when it is now and when it was, and that this can be undone."""
    visit = event.visit
    undo = Undo("moving", visit.id, visit.sequence)
    values = visit_values(visit, facts)
    rested = replace(state, stack=(), draft=Draft(), trail=(), last=visit.slot)
    if event.already:
        return Turn(rested, (replace(reply("moving.already", values), passing=True),))
    key = "moving.can_undo" if event.keeps_time else "moving.can_undo_soon"
    says = (Say("moving.moved", values | {"was": moment(event.was, facts)}), *notice_of(visit, facts), Say(key))
    happened = Happened("moved", visit_facts(visit, facts))
    choices = (Choice(Say("choice.undo"), undo, kind="change"),)
    return Turn(replace(rested, undoable=undo), (Reply(says, choices, (happened,)),))
