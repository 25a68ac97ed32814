"""Booking a visit: whom to see, for whom, when; and who comes, where we do not know them yet.

The steps are a table. A draft is filled in any order; `go_on` asks for the first thing that is missing, or books.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from msgspec.structs import replace

from bot.events import (
    Booked,
    BookSlot,
    Facts,
    FindSlots,
    HoldExpired,
    HoldSlot,
    PatientRegistered,
    Refused,
    RegisterPatient,
    Said,
    SlotHeld,
    SlotsFound,
    Turn,
)
from bot.flows.wording import PERSON, described, first, first_name, in_common, offers, reply, slot_facts, visit_facts
from bot.messages import (
    Choice,
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
    Undo,
    Want,
    Wish,
)
from bot.state import Draft, State, Step
from bot.understanding.meaning import Meaning
from core.scheduling.wishes import When

OLDEST = 120  # years; a birth date before that is a slip of the pen


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
    if draft.patient is not None:
        return Turn(state, request=BookSlot(draft.slot, draft.patient))
    assert draft.name is not None and draft.birth_date is not None
    relationship = "dependent" if facts.patients else "self"
    return Turn(state, request=RegisterPatient(draft.name, draft.birth_date, draft.contact, relationship))


def take_in(state: State, meaning: Meaning, facts: Facts) -> State:
    """Add to the draft whatever a message says about the visit, beyond the question or without one."""
    draft = state.draft
    if meaning.practitioners or meaning.specialties or meaning.visit_types:
        draft = _what(draft, meaning, facts)
    if meaning.locations:
        draft = replace(draft, location=meaning.locations[0])
    if meaning.when is not None:
        draft = replace(draft, when=_combined(draft.when, meaning.when), readings=())
    if meaning.readings:
        draft = replace(draft, readings=meaning.readings)
    draft = _whom(draft, meaning, facts)
    if draft.when != state.draft.when or draft.wanted() != state.draft.wanted():
        # A new wish; what was chosen before no longer is what they want.
        draft = replace(draft, slot=None, hold=None)
    if not facts.patients:
        draft = _identity(draft, meaning, facts)
    return replace(state, draft=draft)


def tells(meaning: Meaning) -> bool:
    """Whether a message says anything that a booking could use."""
    return bool(
        meaning.practitioners
        or meaning.specialties
        or meaning.visit_types
        or meaning.locations
        or meaning.when
        or meaning.readings
        or meaning.patients
        or meaning.someone_else
        or meaning.myself
        or meaning.name
        or "book" in meaning.intents
    )


def hear(state: State, said: Said, facts: Facts) -> Turn | None:
    """Take the answer to the open question, or None when the message is none."""
    if state.step is None or state.step not in _HEAR:
        return None
    return _HEAR[state.step](state, said.meaning, facts)


# --- what and whom ---------------------------------------------------------------------------------------------------


def _what(draft: Draft, meaning: Meaning, facts: Facts) -> Draft:
    """Whom to see. A practitioner, a specialty and a kind of visit that do not go together: the last two give way."""
    visit_type = meaning.visit_types[0] if meaning.visit_types else None
    if len(meaning.practitioners) > 1:
        return replace(
            draft, practitioner=None, practitioners=meaning.practitioners, specialty=None, visit_type=visit_type
        )
    if meaning.practitioners:
        (practitioner,) = meaning.practitioners
        kinds = facts.directory.practitioner[practitioner].visit_types
        wanted = visit_type if visit_type is not None else draft.visit_type
        return replace(
            draft,
            practitioner=practitioner,
            practitioners=(),
            specialty=None,
            visit_type=wanted if wanted in kinds else None,
        )
    specialty = meaning.specialties[0] if meaning.specialties else None
    if visit_type is not None and specialty is not None and not _goes_with(visit_type, specialty, facts):
        visit_type = None
    if specialty is None and draft.practitioner is not None:
        # "a cleaning", said after "with Dr Lee": who does it stays, if they do it.
        if visit_type in facts.directory.practitioner[draft.practitioner].visit_types:
            return replace(draft, visit_type=visit_type)
    return replace(draft, practitioner=None, practitioners=(), specialty=specialty, visit_type=visit_type)


def _goes_with(visit_type: int, specialty: str, facts: Facts) -> bool:
    return any(
        specialty in practitioner.specialties and visit_type in practitioner.visit_types
        for practitioner in facts.directory.practitioners
    )


def _whom(draft: Draft, meaning: Meaning, facts: Facts) -> Draft:
    if len(meaning.patients) == 1:
        return replace(draft, whom="known", patient=meaning.patients[0])
    if meaning.someone_else and not meaning.patients:
        others = facts.patients[1:]
        if len(others) == 1 and draft.whom is None:
            return replace(draft, whom="known", patient=others[0][0])
        return draft if others else replace(draft, whom="new", patient=None)
    if meaning.myself and facts.patients:
        return replace(draft, whom="known", patient=facts.patients[0][0])
    return draft


def for_whom(state: State, patient: int | None, facts: Facts) -> Turn:
    """The answer to "who is it for?"."""
    draft = replace(state.draft, whom="new" if patient is None else "known", patient=patient)
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
        return Turn(state, (reply("booking.which_practitioner", {}, [*options[: facts.most_options], PERSON]),))
    labels = {specialty.code: specialty.label for specialty in facts.directory.specialties}
    here = dict.fromkeys(code for practitioner in facts.directory.practitioners for code in practitioner.specialties)
    options = [Choice(Say("choice.specialty", {"specialty": labels[code]}), Want(specialty=code)) for code in here]
    return Turn(state, (reply("booking.what", {}, [*options[: facts.most_options], PERSON]),))


def _ask_reading(state: State, _facts: Facts) -> Turn:
    """First which day is meant, then which time: two concrete answers at once, not four."""
    readings = state.draft.readings
    by_day: dict[When, tuple[When, ...]] = {}
    for reading in readings:
        day = When(days=reading.days, weekdays=reading.weekdays)
        by_day[day] = (*by_day.get(day, ()), reading)
    if 1 < len(by_day) < len(readings):
        meanings = by_day
    else:
        meanings = {reading: (reading,) for reading in readings}
    options = [Choice(Say("choice.reading", {"wish": Wish(wish)}), Mean(left)) for wish, left in meanings.items()]
    one, *_, other = meanings
    return Turn(state, (reply("booking.which_reading", {"one": Wish(one), "other": Wish(other)}, options),))


def agrees(when: When, reading: When) -> bool:
    """Whether an answer such as "the 13th", "am" or "8 in the evening" fits one reading of a doubtful time."""
    return (
        (not when.days or when.days == reading.days)
        and (when.at is None or when.at == reading.at)
        and (not when.times or (reading.at is not None and any(reading.at in times for times in when.times)))
    )


def _ask_whom(state: State, facts: Facts) -> Turn:
    options = [Choice(Say("choice.patient", {"patient": name}), ForPatient(id)) for id, name in facts.patients]
    new = Choice(Say("choice.somebody_new"), ForPatient(None), kind="more")
    return Turn(state, (reply("booking.whom", {}, [*options, new]),))


# --- when ------------------------------------------------------------------------------------------------------------


def _combined(old: When | None, new: When) -> When:
    """A wish made more precise: days replace days, times replace times, the rest stays."""
    if old is None or new.first_available:
        return new
    has_day, has_time = bool(new.days or new.weekdays), bool(new.times or new.at)
    return When(
        days=new.days if has_day else old.days,
        weekdays=new.weekdays if has_day else old.weekdays,
        times=new.times if has_time else old.times,
        at=new.at if has_time else old.at,
        not_days=new.not_days or (() if has_day else old.not_days),
        not_weekdays=new.not_weekdays or (() if has_day else old.not_weekdays),
    )


def mean(state: State, chosen: Mean, facts: Facts) -> Turn:
    """A choice between readings of a time; where several are left, one more question is."""
    if len(chosen.readings) > 1:
        return go_on(replace(state, draft=replace(state.draft, readings=chosen.readings)), facts)
    when = _combined(state.draft.when, chosen.readings[0])
    return go_on(replace(state, draft=replace(state.draft, when=when, readings=(), slot=None, hold=None)), facts)


def _find(state: State, facts: Facts) -> Turn:
    state = _with_patient(state, facts)
    return Turn(state, request=FindSlots(state.draft.wanted()))


def more(state: State, chosen: MoreTimes) -> Turn:
    """Later times of the same wish, whatever was asked meanwhile."""
    wanted = chosen.wanted
    draft = replace(
        state.draft,
        practitioner=wanted.practitioner,
        practitioners=(),
        specialty=wanted.specialty,
        visit_type=wanted.visit_type,
        location=wanted.location,
        when=wanted.when,
        readings=(),
        whom="new" if chosen.patient is None else "known",
        patient=chosen.patient,
        slot=None,
        hold=None,
    )
    return Turn(replace(state, draft=draft, stack=("booking.time",)), request=FindSlots(wanted))


def other_day(state: State) -> Turn:
    """Ask for a day or a time in the patient's own words."""
    if not state.draft.says_what:
        return Turn(state)
    return Turn(replace(state, stack=("booking.day",)), (reply("booking.which_day"),))


def offer(state: State, found: SlotsFound, facts: Facts) -> Turn:
    """Show what was found; every offer is complete, so that choosing one is the booking."""
    draft = state.draft
    if not found.slots:
        key = "booking.none_later" if found.wanted.after else "booking.none"
        return Turn(replace(state, stack=("booking.day",)), (reply(key, {}, [PERSON]),))
    choices = _offers(state, found, facts)
    key = "booking.offer" if found.exact else "booking.offer_nearest"
    values = {
        "count": len(found.slots),
        "details": in_common(found.slots, draft.patient, facts),
        "wish": Wish(found.wanted.when),
    }
    return Turn(replace(state, stack=("booking.time",)), (reply(key, values, choices),))


def _offers(state: State, found: SlotsFound, facts: Facts) -> list[Choice]:
    patient = state.draft.patient
    later = replace(found.wanted, after=max(slot.start for slot in found.slots))
    return [
        *offers(found.slots, patient, facts),
        Choice(Say("choice.more_times"), MoreTimes(later, patient), kind="more"),
        Choice(Say("choice.other_day"), OtherDay(), kind="change"),
        PERSON,
    ]


def pick(state: State, chosen: Pick, facts: Facts) -> Turn:
    """A time was chosen: book it, or hold it and ask who comes."""
    known = {id for id, _ in facts.patients}
    patient = chosen.patient if chosen.patient in known else None
    slot = chosen.slot
    draft = replace(
        state.draft,
        practitioner=slot.practitioner_id,
        practitioners=(),
        visit_type=slot.visit_type_id,
        readings=(),
        whom="new" if patient is None else "known",
        patient=patient,
        slot=slot,
        hold=None,
    )
    return go_on(replace(state, draft=draft), facts)


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
    going_on = go_on(replace(state, draft=replace(state.draft, hold=event.hold)), facts)
    return first([reply("booking.held", values, (), [happened])], going_on)


def hold_expired(state: State, event: HoldExpired) -> Turn:
    """Only the hold is gone. Nothing is said now; the next answer takes the time again, if it is free."""
    if state.draft.hold != event.hold:
        return Turn(state)
    return Turn(replace(state, draft=replace(state.draft, hold=None)))


def _ask(key: str) -> Callable[[State, Facts], Turn]:
    def ask(state: State, _facts: Facts) -> Turn:
        return Turn(state, (reply(key),))

    return ask


def _hear_name(state: State, meaning: Meaning, facts: Facts) -> Turn | None:
    if meaning.name is None:
        return None
    return go_on(replace(state, draft=_identity(state.draft, meaning, facts)), facts)


def _hear_birth_date(state: State, meaning: Meaning, facts: Facts) -> Turn | None:
    born = meaning.birth_date
    if born is None:
        return None
    if born > facts.today:
        return Turn(state, (reply("booking.birth_date_future", {"day": Day(born)}),))
    if born.year < facts.today.year - OLDEST:
        return Turn(state, (reply("booking.birth_date_long_ago"),))
    return go_on(replace(state, draft=_identity(state.draft, meaning, facts)), facts)


def _hear_contact(state: State, meaning: Meaning, facts: Facts) -> Turn | None:
    contact = meaning.email or meaning.phone
    if contact is None:
        return None
    return go_on(replace(state, draft=replace(state.draft, contact=contact)), facts)


def _identity(draft: Draft, meaning: Meaning, facts: Facts) -> Draft:
    """Name, birth date and contact of somebody new, as far as the message says them plausibly."""
    return replace(
        draft,
        name=meaning.name or draft.name,
        birth_date=meaning.birth_date if _plausible(meaning.birth_date, facts.today) else draft.birth_date,
        contact=meaning.email or meaning.phone or draft.contact,
    )


def _plausible(born: date | None, today: date) -> bool:
    return born is not None and born <= today and born.year >= today.year - OLDEST


def _hear_wish(state: State, meaning: Meaning, facts: Facts) -> Turn | None:
    if not tells(meaning):
        return None
    return go_on(take_in(state, meaning, facts), facts)


def registered(state: State, event: PatientRegistered, facts: Facts) -> Turn:
    """They are known now, and the visit is theirs."""
    return go_on(replace(state, draft=replace(state.draft, whom="known", patient=event.patient)), facts)


# --- how it ends -----------------------------------------------------------------------------------------------------


def booked(state: State, event: Booked, facts: Facts) -> Turn:
    """Say what is booked, what to bring, and that it can be undone."""
    visit = event.visit
    undo = Undo("booking", visit.id)
    values = described(visit.slot, facts) | {"patient": first_name(visit.patient_id, facts)}
    says = [Say("booking.already" if event.already else "booking.booked", values)]
    kind = facts.directory.visit_type[visit.slot.visit_type_id]
    if not event.already:
        if kind.preparation:
            says.append(Say("booking.preparation", values))
        says.append(Say("booking.can_undo"))
    happened = () if event.already else (Happened("booked", visit_facts(visit, facts)),)
    # Not an option with digit 1: the same digit sent twice would book and undo.
    choices = () if event.already else (Choice(Say("choice.undo"), undo, kind="change"),)
    stack = tuple(step for step in state.stack if not step.startswith("booking."))
    rested = replace(state, stack=stack, draft=Draft(), trail=(), undoable=None if event.already else undo)
    return Turn(rested, (Reply(tuple(says), choices, happened),))


def refused(state: State, event: Refused, facts: Facts) -> Turn:
    """Somebody was faster, or a rule says no: say so, keep what was said, and offer the nearest times."""
    draft = replace(state.draft, slot=None, hold=None)
    state = replace(state, draft=draft)
    happened = Happened("refused", {"code": event.code})
    said = reply(f"refused.{event.code}", {}, (), [happened])
    if not event.slots:
        return Turn(replace(state, stack=("booking.day",)), (said, reply("booking.which_day")))
    choices = _offers(state, SlotsFound(draft.wanted(), event.slots, exact=False), facts)
    values = {"count": len(event.slots), "details": in_common(event.slots, draft.patient, facts)}
    return Turn(replace(state, stack=("booking.time",)), (said, reply("booking.offer", values, choices)))


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

_HEAR: dict[Step, Callable[[State, Meaning, Facts], Turn | None]] = {
    "booking.what": _hear_wish,
    "booking.reading": _hear_wish,
    "booking.whom": _hear_wish,
    "booking.time": _hear_wish,
    "booking.day": _hear_wish,
    "booking.name": _hear_name,
    "booking.birth_date": _hear_birth_date,
    "booking.contact": _hear_contact,
}

RESUME = {step.name: step.ask for step in STEPS} | {"booking.day": lambda state, _: other_day(state)}
"""How each open question is asked again after a digression."""
