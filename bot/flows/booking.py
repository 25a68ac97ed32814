"""Booking a visit: whom to see, for whom, when; and who comes, where we do not know them yet.

The steps are a table. A draft is filled in any order; `go_on` asks for the first thing that is missing, or books.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from msgspec.structs import replace

from bot.events import (
    Booked,
    BookSlot,
    Facts,
    FindSlots,
    HoldExpired,
    HoldSlot,
    Move,
    PatientRegistered,
    Refused,
    RegisterPatient,
    SlotHeld,
    SlotsFound,
    Turn,
)
from bot.flows import filling, handover
from bot.flows.wording import (
    PERSON,
    because,
    described,
    first,
    first_name,
    in_common,
    moment,
    most_options,
    notice_of,
    offers,
    preparation_of,
    reply,
    slot_facts,
    visit_facts,
    visit_values,
)
from bot.messages import (
    Choice,
    Countries,
    Day,
    ForPatient,
    Happened,
    Mean,
    Moment,
    MoreTimes,
    OtherDay,
    Pick,
    Reply,
    Say,
    Span,
    Undo,
    Value,
    Want,
    Wish,
)
from bot.state import Draft, State, Step
from bot.understanding.meaning import Meaning
from core.messaging.texting import NoText, example_mobile
from core.scheduling.wishes import DayRange, Slot, Wanted, When

EXAMPLE = date(1990, 5, 3)  # of a birth date
MOST_COUNTRIES = 4  # to name
MOST_PATIENTS = 8  # to choose from, each with a digit of its own; who is not among them is named


@dataclass(frozen=True)
class BookingStep:
    """One thing a booking needs: whether the draft has it, and how to get it."""

    name: Step
    filled: Callable[[Draft, Facts], bool]
    ask: Callable[[State, Facts], Turn]


def go_on(state: State, facts: Facts) -> Turn:
    """Ask for the first thing that is missing; when nothing is, register and book."""
    draft = state.draft
    for step in STEPS:
        if not step.filled(draft, facts):
            below = tuple(open_ for open_ in state.stack if not open_.startswith("booking."))
            return step.ask(replace(state, stack=(step.name, *below)), facts)
    assert draft.slot is not None
    if draft.moving is not None:
        return Turn(state, request=Move(draft.moving.id, draft.moving.sequence, draft.slot))
    if draft.patient is not None:
        return Turn(state, request=BookSlot(draft.slot, draft.patient))
    assert draft.name is not None
    assert draft.birth_date is not None
    relationship: Literal["self", "dependent"] = "dependent" if draft.dependent or facts.owner is not None else "self"
    registered = RegisterPatient(draft.name, draft.birth_date, draft.contact, draft.contact_is_proven, relationship)
    return Turn(state, request=registered)


# --- what and whom ---------------------------------------------------------------------------------------------------


def for_whom(state: State, chosen: ForPatient, facts: Facts) -> Turn:
    """The answer to "who is it for?"."""
    dependent = state.draft.dependent and chosen.patient is None
    draft = filling.is_for(state.draft, chosen.patient, dependent=dependent)
    return go_on(replace(state, draft=draft), facts)


def want(state: State, chosen: Want, facts: Facts) -> Turn:
    """A choice of whom to see."""
    draft = replace(
        state.draft,
        practitioner=chosen.practitioner,
        practitioners=(),
        specialty=chosen.specialty,
        visit_type=chosen.visit_type,
        slot=None,
        hold=None,
    )
    return go_on(replace(state, draft=draft), facts)


def _settled_whom(draft: Draft, facts: Facts) -> bool:
    return draft.whom is not None or len(facts.patients) <= 1


def _with_patient(state: State, facts: Facts) -> State:
    """Where it can only be one person, it is that person."""
    draft = state.draft
    if draft.whom is not None or len(facts.patients) > 1:
        return state
    if facts.patients:
        return replace(state, draft=replace(draft, whom="known", patient=facts.patients[0][0]))
    return replace(state, draft=replace(draft, whom="new"))


def _ask_what(state: State, facts: Facts) -> Turn:
    draft = state.draft
    if draft.practitioners:
        options = [
            Choice(
                Say("choice.practitioner", {"doctor": p.display_name, "name": f"{p.given_name} {p.family_name}"}),
                Want(p.id),
            )
            for p in (facts.directory.practitioner[id] for id in draft.practitioners)
        ]
        names = {facts.directory.practitioner[id].family_name for id in draft.practitioners}
        key = "booking.which_practitioner" if len(names) == 1 else "booking.which_of_several"
        return Turn(state, (reply(key, {}, _shown(options, state, facts)),))
    options = [
        Choice(Say("choice.specialty", {"specialty": label}), Want(specialty=code))
        for code, label in filling.practised(facts).items()
    ]
    if draft.when is None or draft.when.first_available:
        return Turn(state, (reply("booking.what", {}, _shown(options, state, facts)),))
    return Turn(state, (reply("booking.what_then", {"wish": Wish(draft.when)}, _shown(options, state, facts)),))


def _shown(options: list[Choice], state: State, facts: Facts) -> list[Choice]:
    return [*options[: most_options(state, facts)], PERSON]


def _ask_reading(state: State, _facts: Facts) -> Turn:
    """First which day is meant, then which time: two concrete answers at once, not four."""
    readings = state.draft.readings
    by_day: dict[When, tuple[When, ...]] = {}
    for reading in readings:
        day = When(days=reading.days, weekdays=reading.weekdays)
        by_day[day] = (*by_day.get(day, ()), reading)
    meanings = by_day if 1 < len(by_day) < len(readings) else {reading: (reading,) for reading in readings}
    years = {days.start.year for reading in readings for days in reading.days if days.start}
    key = "choice.reading" if len(years) < 2 else "choice.reading_year"
    options = [Choice(Say(key, {"wish": Wish(wish)}), Mean(left)) for wish, left in meanings.items()]
    return Turn(state, (reply("booking.which_reading", {}, options),))


def ask_which(choices: list[Choice], state: State) -> Turn:
    """Words that could mean one of several things: which?"""
    return Turn(state, (reply("booking.which_reading", {}, choices),))


def _ask_whom(state: State, facts: Facts) -> Turn:
    draft, first_word = state.draft, (state.draft.name or "").partition(" ")[0]
    possible = [(id, name) for id, name in facts.patients if not (draft.dependent and id == facts.owner)]
    namesakes = [(id, name) for id, name in possible if name.split()[0] == first_word]
    options = [Choice(Say("choice.patient", {"patient": name}), ForPatient(id)) for id, name in namesakes or possible]
    options = options[:MOST_PATIENTS]
    new = Choice(Say("choice.somebody_new"), ForPatient(None), kind="more" if len(options) < 4 else "change")
    return Turn(state, (reply("booking.whom", {}, [*options, new]),))


# --- when ------------------------------------------------------------------------------------------------------------


def mean(state: State, chosen: Mean, facts: Facts) -> Turn:
    """A choice between readings of a time; where several are left, one more question is."""
    if len(chosen.readings) > 1:
        return go_on(replace(state, draft=replace(state.draft, readings=chosen.readings)), facts)
    when = filling.combined(state.draft.when, chosen.readings[0])
    return go_on(
        replace(state, draft=replace(state.draft, when=when, after=None, readings=(), slot=None, hold=None)), facts
    )


def _find(state: State, facts: Facts) -> Turn:
    state = _with_patient(state, facts)
    return Turn(state, request=FindSlots(state.draft.wanted()))


def more(state: State, chosen: MoreTimes, facts: Facts) -> Turn:
    """Later times of the same wish, whatever was asked meanwhile."""
    wanted = chosen.wanted
    draft = replace(
        _for(state.draft, chosen.patient, facts),
        practitioner=wanted.practitioner,
        practitioners=(),
        specialty=wanted.specialty,
        visit_type=wanted.visit_type,
        location=wanted.location,
        when=wanted.when,
        after=wanted.after,
        readings=(),
        slot=None,
        moving=chosen.moving,
        hold=None,
    )
    return go_on(replace(state, draft=draft), facts)


def _for(draft: Draft, patient: int | None, facts: Facts) -> Draft:
    """For the patient of an offer, who may have become known since, or may no longer be."""
    known = {id for id, _ in facts.patients}
    if patient in known:
        return filling.is_for(draft, patient, dependent=False)
    if draft.whom == "new" or not known:
        return replace(draft, whom="new", patient=None)
    return replace(draft, whom=None, patient=None)


def other_day(state: State) -> Turn:
    """Ask for a day or a time in the patient's own words."""
    if not state.draft.says_what:
        return Turn(state)
    return Turn(replace(state, stack=("booking.day",)), (reply("booking.which_day"),))


def offer(state: State, found: SlotsFound, facts: Facts) -> Turn:
    """Show what was found; every offer is complete, so that choosing one is the booking."""
    draft = state.draft
    wanted = tuple(slot for slot in found.slots if slot.practitioner_id not in draft.not_practitioners)
    found = replace(found, slots=wanted)
    if not found.slots and draft.location is not None:
        place = facts.directory.location[draft.location].name
        elsewhere = go_on(replace(state, draft=replace(draft, location=None)), facts)
        return first([reply("booking.none_there", {"place": place})], elsewhere)
    is_as_last = state.last is not None and found.wanted.when == _exactly(state.last, facts)
    # Of course the time that they have just taken is taken: nothing to explain.
    before = [] if found.why is None or is_as_last else [because(found.why, found.wanted, facts)]
    if not found.slots:
        key = "booking.none_later" if found.wanted.after else "booking.none_else" if before else "booking.none"
        horizon = Span(facts.directory.organization.policy.horizon // timedelta(minutes=1))
        said = reply(key, {"horizon": horizon}, [PERSON])
        return Turn(replace(state, stack=("booking.day",)), (*before, said))
    at_that_time = found.exact and found.wanted.when.at is not None
    slots = found.slots[: 1 if at_that_time else most_options(state, facts)]
    key = "booking.offer" if found.exact else _NEAREST[bool(before), found.wanted.after is not None]
    if is_as_last and not found.exact:
        key = "booking.beside_last"
    values: dict[str, Value] = {
        "count": len(slots),
        "details": in_common(slots, found.wanted, draft, facts),
        "wish": Wish(found.wanted.when),
    }
    choices = _offers(slots, found.wanted, draft, facts, _page_before(state, found.wanted))
    return Turn(replace(state, stack=("booking.time",)), (*before, reply(key, values, choices)))


def _page_before(state: State, wanted: Wanted) -> Wanted | None:
    """The same wish, as it was offered before "more" was asked for."""
    if wanted.after is None:
        return None
    pages = (draft.wanted() for draft in reversed(state.trail))
    return next(
        (
            page
            for page in pages
            if replace(page, after=wanted.after) == wanted and (page.after is None or page.after < wanted.after)
        ),
        None,
    )


_NEAREST = {
    (True, False): "booking.nearest",
    (True, True): "booking.nearest",
    (False, True): "booking.nearest_later",
    (False, False): "booking.offer_nearest",
}
"""How offers that are not what was wished begin: whether the reason was said, and whether these are more times."""


def _offers(
    slots: Sequence[Slot], wanted: Wanted, draft: Draft, facts: Facts, before: Wanted | None = None
) -> list[Choice]:
    """A choice for each slot, and the ways on: to later ones, back to the page `before`, to another day."""
    later = replace(wanted, after=max(slot.start for slot in slots))
    more = Choice(Say("choice.more_times"), MoreTimes(later, draft.patient, draft.moving), kind="more")
    other_day = Choice(Say("choice.other_day"), OtherDay(), kind="change")
    back = [] if before is None else [_back_to(before, draft)]
    return [*offers(slots, draft, facts), more, other_day, *back, PERSON]


def _back_to(page: Wanted, draft: Draft) -> Choice:
    return Choice(Say("choice.back"), MoreTimes(page, draft.patient, draft.moving), kind="back")


def pick(state: State, chosen: Pick, facts: Facts) -> Turn:
    """A time was chosen: book it, or hold it and ask who comes."""
    slot = chosen.slot
    draft = replace(
        _for(state.draft, chosen.patient, facts),
        practitioner=slot.practitioner_id,
        practitioners=(),
        visit_type=slot.visit_type_id,
        readings=(),
        slot=slot,
        moving=chosen.moving,
        hold=None,
    )
    return go_on(_with_patient(replace(state, draft=draft), facts), facts)


# --- who, for those we do not know yet -------------------------------------------------------------------------------


def _hold_first(ask: Callable[[State, Facts], Turn]) -> Callable[[State, Facts], Turn]:
    """The chosen time is held while something is still to be answered."""

    def asked(state: State, facts: Facts) -> Turn:
        if state.draft.hold is None and state.draft.slot is not None:
            return Turn(state, request=HoldSlot(state.draft.slot))
        return ask(state, facts)

    return asked


def held(state: State, event: SlotHeld, facts: Facts) -> Turn:
    """The time is theirs for some minutes: say until when, and ask on."""
    assert state.draft.slot is not None
    until = Moment(event.until)
    values = described(state.draft.slot, facts) | {"until": until}
    happened = Happened("held", slot_facts(state.draft.slot, facts) | {"until": event.until.isoformat()})
    going_on = go_on(replace(state, draft=replace(state.draft, hold=event.hold, lapsed=None)), facts)
    key = "booking.held_again" if state.draft.lapsed == state.draft.slot else "booking.held"
    return first([reply(key, values, (), [happened])], going_on)


def hold_expired(state: State, event: HoldExpired) -> Turn:
    """Only the hold is gone. Nothing is said now; the next answer takes the time again, if it is free."""
    if state.draft.hold != event.hold:
        return Turn(state)
    return Turn(replace(state, draft=replace(state.draft, hold=None, lapsed=state.draft.slot)))


def _ask(step: Step) -> Callable[[State, Facts], Turn]:
    def ask(state: State, _facts: Facts) -> Turn:
        question = reply(step, {"example": Day(EXAMPLE)})
        return Turn(state, (replace(question, asks_number=step == "booking.contact"),))

    return ask


def _hear_who(state: State, meaning: Meaning, facts: Facts) -> Turn | None:
    """Name, birth date and contact, whichever of them a message says; or why we ask for them."""
    if meaning.patients and " " not in (meaning.name or ""):
        return None  # "Leo": not the name of somebody new, but one of those we know
    if meaning.patients and meaning.name != state.draft.name:
        return _ask_whether_known(state, meaning, facts)
    draft = replace(state.draft, dependent=True) if meaning.someone_else else state.draft
    told = replace(state, draft=filling.identified(draft, meaning, facts))
    if meaning.birth_date is not None and not filling.plausible(meaning.birth_date, facts.today):
        key = "booking.birth_date_future" if meaning.birth_date > facts.today else "booking.birth_date_long_ago"
        return first([reply(key, {"day": Day(meaning.birth_date)})], go_on(told, facts))
    no_text = filling.no_text(meaning, facts)
    if no_text is not None:
        return _other_number(told, no_text, facts)
    if told.draft != draft:
        return go_on(told, facts)
    if "why" in meaning.intents or (meaning.answer == "no" and not filling.tells(meaning)):
        return explain(state, facts)
    return None


def about_number(draft: Draft, meaning: Meaning, facts: Facts) -> list[Reply]:
    """That no text of ours gets to the number of somebody new, said before it was asked for."""
    why = filling.no_text(meaning, facts) if filling.introduces(draft, meaning, facts) else None
    return [] if why is None else [_no_text(why, draft)]


def _no_text(why: NoText, draft: Draft) -> Reply:
    later = [Say("no_text.later")] if draft.contact is None else []
    return Reply((Say(f"no_text.{why}"), *later))


def _other_number(state: State, why: NoText, facts: Facts) -> Turn:
    """No text of ours gets to a number: say what works, then what is simplest, then call a person."""
    going_on = go_on(state, facts)
    if going_on.request is not None or going_on.state.step != "booking.contact":
        return first([_no_text(why, state.draft)], going_on)
    said = reply(f"no_text.{why}")
    misses = 1 + (state.misses if state.step == "booking.contact" else 0)
    if misses >= handover.PATIENCE:
        return first([said], handover.given_up(going_on.state, "no_text.person"))
    home = facts.directory.organization.region
    values = {"countries": _named(facts.texts_to, home), "mobile": example_mobile(facts.texts_to, home)}
    instead = reply(f"no_text.{misses}", values, [PERSON] if misses > 1 else [])
    return Turn(replace(going_on.state, misses=misses), (said, replace(instead, asks_number=True)))


def _named(countries: tuple[str, ...], home: str) -> Value:
    """Countries by name, home first; of many the first few."""
    in_order = tuple(sorted(countries, key=lambda country: country != home))
    few = Countries(in_order[:MOST_COUNTRIES])
    return few if len(countries) <= MOST_COUNTRIES else Say("part.countries", {"countries": few})


def _ask_whether_known(state: State, meaning: Meaning, facts: Facts) -> Turn:
    """Somebody new has the name of one whom we know: is it them, or a namesake?"""
    draft = replace(filling.identified(state.draft, meaning, facts), whom=None, patient=None, dependent=False)
    known = reply("booking.known_by_name", {"patient": first_name(meaning.patients[0], facts)})
    return first([known], _ask_whom(replace(state, stack=("booking.whom",), draft=draft), facts))


def explain(state: State, facts: Facts) -> Turn:
    """Why the open question cannot be skipped, and the question again."""
    return first([reply(f"{state.step}.why")], go_on(state, facts))


def registered(state: State, event: PatientRegistered, facts: Facts) -> Turn:
    """They are known now, and the visit is theirs."""
    return go_on(replace(state, draft=replace(state.draft, whom="known", patient=event.patient)), facts)


# --- how it ends -----------------------------------------------------------------------------------------------------


def booked(state: State, event: Booked, facts: Facts) -> Turn:
    """Say what is booked, what to bring, and that it can be undone."""
    visit = event.visit
    undo = Undo("booking", visit.id, visit.sequence)
    values = visit_values(visit, facts)
    says = [Say("booking.already" if event.already else "booking.booked", values)]
    if state.draft.lapsed == visit.slot and not event.already:
        says.insert(0, Say("booking.still_free"))
    if not event.already:
        says += [*preparation_of(visit, facts), *notice_of(visit, facts), Say("booking.can_undo")]
    happened = () if event.already else (Happened("booked", visit_facts(visit, facts)),)
    # Not an option with digit 1: the same digit sent twice would book and undo.
    choices = () if event.already else (Choice(Say("choice.undo"), undo, kind="change"),)
    stack = tuple(step for step in state.stack if not step.startswith("booking."))
    undoable = None if event.already else undo
    rested = replace(state, stack=stack, draft=Draft(), trail=(), undoable=undoable, last=visit.slot)
    return Turn(rested, (Reply(tuple(says), choices, happened, passing=event.already),))


def refused(state: State, event: Refused, facts: Facts) -> Turn:
    """Somebody was faster, or a rule says no: say so, keep what was said, and offer the nearest times."""
    slot, draft = state.draft.slot, replace(state.draft, slot=None, hold=None)
    state = replace(state, draft=draft)
    happened = Happened("refused", {"code": event.code})
    said = reply(f"refused.{event.code}", {}, (), [happened])
    if event.why is not None:  # not taken by somebody else: the rules have changed since it was offered
        refused = draft.wanted() if slot is None else replace(draft.wanted(), when=_exactly(slot, facts))
        said = replace(because(event.why, refused, facts), happened=(happened,))
    if event.code.startswith("too_many"):  # no other time would help
        return Turn(replace(state, stack=()), (replace(said, choices=(PERSON,)),))
    if not event.slots:
        return Turn(replace(state, stack=("booking.day",)), (said, reply("booking.which_day")))
    choices = _offers(event.slots, draft.wanted(), draft, facts)
    values: dict[str, Value] = {
        "count": len(event.slots),
        "details": in_common(event.slots, draft.wanted(), draft, facts),
    }
    return Turn(replace(state, stack=("booking.time",)), (said, reply("booking.offer", values, choices)))


def _exactly(slot: Slot, facts: Facts) -> When:
    """The wish for this very time."""
    local = moment(slot, facts).local
    return When(days=(DayRange(local.date(), local.date() + timedelta(days=1)),), at=local.time())


STEPS = (
    BookingStep("booking.what", lambda draft, _: draft.says_what, _ask_what),
    BookingStep("booking.reading", lambda draft, _: not draft.readings, _ask_reading),
    BookingStep("booking.whom", _settled_whom, _ask_whom),
    BookingStep("booking.time", lambda draft, _: draft.slot is not None, _find),
    BookingStep(
        "booking.name",
        lambda draft, _: draft.patient is not None or draft.name is not None,
        _hold_first(_ask("booking.name")),
    ),
    BookingStep(
        "booking.birth_date",
        lambda draft, _: draft.patient is not None or draft.birth_date is not None,
        _hold_first(_ask("booking.birth_date")),
    ),
    BookingStep(
        "booking.contact",
        lambda draft, facts: draft.patient is not None or facts.reachable or draft.contact is not None,
        _hold_first(_ask("booking.contact")),
    ),
)

HEAR: dict[Step, Callable[[State, Meaning, Facts], Turn | None]] = {
    "booking.name": _hear_who,
    "booking.birth_date": _hear_who,
    "booking.contact": _hear_who,
}
"""What is heard as an answer where nearly any words may be one. Elsewhere an answer is a choice, or a fact for the draft."""

RESUME = {step.name: step.ask for step in STEPS} | {"booking.day": lambda state, _: other_day(state)}
"""How each open question is asked again after a digression."""
