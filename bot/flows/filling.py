"""What a message adds to the draft of a visit: whom to see, for whom, when, who comes. Pure, from values to values."""

from datetime import date, timedelta
from typing import Literal

from msgspec.structs import replace

from bot.events import Facts
from bot.flows.wording import moment
from bot.state import Draft, State
from bot.understanding.meaning import Meaning
from core.messaging.texting import NoText, why_no_text
from core.scheduling.wishes import DayRange, Slot, TimeRange, When

OLDEST = 120  # years; a birth date before that is a slip of the pen


def take_in(state: State, meaning: Meaning, facts: Facts) -> State:
    """Add to the draft whatever a message says about the visit, beyond the question or without one."""
    draft = state.draft
    if state.last is not None and (meaning.same or _one_more(draft, meaning)):
        draft = _as_before(draft, state.last, facts)
    if meaning.practitioners or meaning.visit_types or _offered(meaning, facts):
        draft = _what(draft, meaning, facts)
    if meaning.not_practitioners and not meaning.practitioners:
        draft = _anybody_but(draft, (*draft.not_practitioners, *meaning.not_practitioners), facts)
    if meaning.locations:
        draft = replace(draft, location=meaning.locations[0])
    draft = _in_mode(_particular(draft, meaning), meaning, facts)
    if meaning.when is not None:
        draft = wished(draft, meaning.when)
    if meaning.readings:
        draft = replace(draft, readings=meaning.readings)
    draft = _whom(draft, meaning, facts)
    if replace(draft.wanted(), patient=None) != replace(state.draft.wanted(), patient=None):
        # A new wish; what was chosen before no longer is what they want.
        draft = replace(draft, slot=None, hold=None)
    if introduces(draft, meaning, facts):
        draft = identified(draft, meaning, facts)
    return replace(state, draft=draft)


def introduces(draft: Draft, meaning: Meaning, facts: Facts) -> bool:
    """Whether a message tells who somebody new is; a single name, unasked, leaves the full name to be asked."""
    return (draft.whom == "new" or not facts.patients) and " " in (meaning.name or " ")


def _one_more(draft: Draft, meaning: Meaning) -> bool:
    """ "I also need one for Nina": the same as was booked last, where nothing else is said of what it is."""
    says_who = bool(meaning.patients or meaning.someone_else or meaning.myself)
    says_what = meaning.practitioners or meaning.specialties or meaning.visit_types or draft.says_what
    return "also" in meaning.intents and says_who and not says_what


def _particular(draft: Draft, meaning: Meaning) -> Draft:
    """What matters about the doctor, beside the name and the specialty."""
    return replace(
        draft,
        insurance=next(iter(meaning.insurances), draft.insurance),
        language=meaning.speaks or draft.language,
        mode=meaning.mode or draft.mode,
        best_rated=meaning.best_rated or draft.best_rated,
    )


def _in_mode(draft: Draft, meaning: Meaning, facts: Facts) -> Draft:
    """ "In person rather", after a video visit was asked for: another kind of visit for the same."""
    kind = facts.directory.visit_type.get(draft.visit_type or 0)
    if meaning.mode is None or kind is None or kind.mode == meaning.mode:
        return draft
    if not any(each.mode == meaning.mode and each.specialty == kind.specialty for each in facts.directory.visit_types):
        return draft
    specialty = draft.specialty if draft.practitioner is not None else draft.specialty or kind.specialty
    return replace(draft, visit_type=None, specialty=specialty)


def tells(meaning: Meaning) -> bool:
    """Whether a message asks for a visit, or says anything that one could use."""
    return "book" in meaning.intents or describes(meaning)


def describes(meaning: Meaning) -> bool:
    """Whether a message says whom to see, when, or who comes."""
    return bool(
        meaning.practitioners
        or meaning.not_practitioners
        or meaning.specialties
        or meaning.visit_types
        or meaning.locations
        or meaning.insurances
        or meaning.speaks
        or meaning.mode
        or meaning.best_rated
        or meaning.when
        or meaning.readings
        or meaning.patients
        or meaning.someone_else
        or meaning.myself
        or meaning.same
        or meaning.name
    )


def says_who(meaning: Meaning) -> bool:
    """Whether a message says whom to see, or who comes."""
    return bool(
        meaning.practitioners or meaning.specialties or meaning.visit_types or meaning.patients or meaning.someone_else
    )


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
            not_practitioners=(),
            specialty=None,
            visit_type=wanted if wanted in kinds else None,
        )
    specialty = next(iter(_offered(meaning, facts)), None)
    if visit_type is not None and specialty is not None and not _goes_with(visit_type, specialty, facts):
        visit_type = None
    doctor = None if draft.practitioner is None else facts.directory.practitioner[draft.practitioner]
    if specialty is None and doctor is not None and visit_type in doctor.visit_types:
        return replace(draft, visit_type=visit_type)  # "a cleaning", said after "with Dr Lee"
    return replace(draft, practitioner=None, practitioners=(), specialty=specialty, visit_type=visit_type)


def _anybody_but(draft: Draft, refused: tuple[int, ...], facts: Facts) -> Draft:
    """Whom else one could see for the same; with nobody else, whom to see is open again."""
    who = facts.directory.practitioner
    specialties = {draft.specialty} if draft.specialty else {code for id in refused for code in who[id].specialties}
    others = tuple(
        each.id
        for each in facts.directory.practitioners
        if specialties & set(each.specialties) and each.id not in refused
    )
    draft = replace(
        draft,
        practitioner=None,
        practitioners=(),
        not_practitioners=refused,
        specialty=None,
        visit_type=None,
        after=None,
    )
    if len(others) == 1:
        return replace(draft, practitioner=others[0])
    return replace(draft, practitioners=others)


def _as_before(draft: Draft, last: Slot, facts: Facts) -> Draft:
    """The same doctor and kind of visit, about the same time."""
    local = moment(last, facts).local
    when = When(days=(DayRange(local.date(), local.date() + timedelta(days=1)),), at=local.time())
    return replace(
        draft,
        practitioner=last.practitioner_id,
        practitioners=(),
        specialty=None,
        visit_type=last.visit_type_id,
        when=when,
        after=None,
    )


def practised(facts: Facts) -> dict[str, str]:
    """The specialties of those who work here, with their labels."""
    labels = {specialty.code: specialty.label for specialty in facts.directory.specialties}
    return {code: labels[code] for practitioner in facts.directory.practitioners for code in practitioner.specialties}


def _offered(meaning: Meaning, facts: Facts) -> list[str]:
    """The specialties of a message that somebody here has."""
    here = practised(facts)
    return [code for code in meaning.specialties if code in here]


def missing_specialty(meaning: Meaning, facts: Facts) -> str | None:
    """A specialty that is all a message asks for, and that nobody here has."""
    if meaning.practitioners or meaning.visit_types or _offered(meaning, facts):
        return None
    labels = {specialty.code: specialty.label for specialty in facts.directory.specialties}
    return next((labels[code] for code in meaning.specialties), None)


def _goes_with(visit_type: int, specialty: str, facts: Facts) -> bool:
    return any(
        specialty in practitioner.specialties and visit_type in practitioner.visit_types
        for practitioner in facts.directory.practitioners
    )


def _whom(draft: Draft, meaning: Meaning, facts: Facts) -> Draft:
    if draft.moving is not None:
        return draft  # a visit that moves stays its patient's
    named = _named(meaning, facts)
    if named and _are_namesakes(named, facts):
        return replace(draft, whom=None, patient=None)
    if named:
        return is_for(draft, named[0], dependent=False)
    if not meaning.someone_else and not meaning.myself:
        return draft
    others = [id for id, _ in facts.patients if id != facts.owner]
    if meaning.myself or not others or meaning.name:
        return is_for(draft, None, dependent=not meaning.myself)
    if len(others) == 1 and draft.whom is None:
        return is_for(draft, others[0], dependent=True)
    return replace(draft, whom=None, patient=None, dependent=True, name=None, birth_date=None)


def is_for(draft: Draft, patient: int | None, *, dependent: bool) -> Draft:
    """The draft of a visit for a known patient, or for somebody new; whoever was meant before keeps their name to themselves."""
    whom: Literal["known", "new"] = "new" if patient is None else "known"
    if whom == "known" or dependent != draft.dependent:
        draft = replace(draft, name=None, birth_date=None)
    return replace(draft, whom=whom, patient=patient, dependent=dependent)


def _named(meaning: Meaning, facts: Facts) -> list[int]:
    """The patients that a message names, the owner of the address first."""
    named = {*meaning.patients, *([facts.owner] if meaning.myself else [])}
    return [id for id, _ in facts.patients if id in named]


def _are_namesakes(named: list[int], facts: Facts) -> bool:
    """Whether somebody was named by a first name that another of them has too."""
    first_names = [called.split()[0].casefold() for id, called in facts.patients if id in named]
    return len(set(first_names)) < len(first_names)


def in_turn(meaning: Meaning, facts: Facts) -> tuple[Meaning, ...]:
    """What comes next where a message is for several ("for me and Leo", "for me and my son"): one visit each, in turn."""
    named = _named(meaning, facts)
    if not named or _are_namesakes(named, facts):
        return ()
    one_more = (Meaning(someone_else=True, same=True),) if meaning.myself and meaning.someone_else else ()
    return (*(Meaning(patients=(patient,), same=True) for patient in named[1:]), *one_more)


def wished(draft: Draft, when: When) -> Draft:
    """A wish added to what was wished before; a time of day leaves a doubt about the day."""
    if draft.readings and not (when.days or when.weekdays or when.first_available):
        return replace(draft, readings=tuple(combined(reading, when) for reading in draft.readings), after=None)
    return replace(draft, when=combined(draft.when, when), readings=(), after=None)


def earlier(draft: Draft) -> Draft | None:
    """The wish for something before what is on offer: of that day, or on a day before; None where nothing can be before it."""
    when = draft.when or When()
    if draft.after is not None:
        return replace(draft, after=None, slot=None, hold=None)
    until = when.at or next((times.start for times in when.times if times.start), None)
    first_day = next((days.start for days in when.days if days.start), None)
    if until is not None:
        when = replace(when, at=None, times=(TimeRange(None, until),), otherwise=None)
    elif first_day is not None:
        when = replace(when, days=(DayRange(None, first_day),), otherwise=None)
    elif when.weekdays:
        when = replace(when, weekdays=(), otherwise=None)
    else:
        return None
    return replace(draft, when=when, slot=None, hold=None)


def combined(old: When | None, new: When) -> When:
    """A wish made more precise: days replace days, times replace times, the rest stays."""
    if old is None or new.first_available:
        return new
    has_day, has_time = bool(new.days or new.weekdays), bool(new.times or new.at)
    excludes = bool(new.not_days or new.not_weekdays)
    if excludes and all(days.start and days.end == days.start + timedelta(days=1) for days in old.days):
        old = replace(old, days=())  # "not Monday", after Monday was asked for
    return When(
        days=new.days if has_day else old.days,
        weekdays=new.weekdays if has_day else old.weekdays,
        times=_both(old.times, new.times) if has_time else old.times,
        at=new.at if has_time else old.at,
        not_days=new.not_days or (() if has_day else old.not_days),
        not_weekdays=new.not_weekdays or (() if has_day else old.not_weekdays),
        otherwise=new.otherwise,
    )


def _both(old: tuple[TimeRange, ...], new: tuple[TimeRange, ...]) -> tuple[TimeRange, ...]:
    """ "Before 11", after "after 10": between the two. Otherwise the new times replace the old ones."""
    if len(old) != 1 or len(new) != 1:
        return new
    starts = [times.start for times in (old[0], new[0]) if times.start and not times.end]
    ends = [times.end for times in (old[0], new[0]) if times.end and not times.start]
    if len(starts) != 1 or len(ends) != 1 or starts[0] >= ends[0]:
        return new
    return (TimeRange(starts[0], ends[0]),)


def agrees(when: When, reading: When) -> bool:
    """Whether an answer such as "the 13th", "am" or "8 in the evening" fits one reading of a doubtful time."""
    return (
        (not when.days or all(any(day.start in days for days in when.days) for day in reading.days if day.start))
        and (when.at is None or when.at == reading.at)
        and (not when.times or (reading.at is not None and any(reading.at in times for times in when.times)))
    )


def identified(draft: Draft, meaning: Meaning, facts: Facts) -> Draft:
    """Name, birth date and contact of somebody new, as far as the message says them plausibly."""
    number = None if no_text(meaning, facts) else meaning.phone
    return replace(
        draft,
        name=meaning.name or draft.name,
        birth_date=meaning.birth_date if plausible(meaning.birth_date, facts.today) else draft.birth_date,
        contact=meaning.email or number or draft.contact,
        contact_is_proven=draft.contact_is_proven and not (meaning.email or number),
    )


def no_text(meaning: Meaning, facts: Facts) -> NoText | None:
    """Why we cannot reach somebody at the number they give; None where we can, or where a text is not how we would."""
    if meaning.phone is None or meaning.email is not None or facts.reachable or not facts.texts_to:
        return None
    return why_no_text(meaning.phone, facts.texts_to)


def plausible(born: date | None, today: date) -> bool:
    """Whether somebody who is alive may have been born then."""
    return born is not None and born <= today and born.year >= today.year - OLDEST
