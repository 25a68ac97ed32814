"""What several flows say: a slot, a visit, a list of choices."""

from collections.abc import Sequence
from datetime import timedelta

from msgspec.structs import replace

from bot.events import Facts, Turn
from bot.messages import CallPerson, Choice, Happened, Language, Moment, Parts, Pick, Reply, Say, Span, Value, Wish
from bot.state import Draft, State
from core.scheduling.reasons import Reason, Why
from core.scheduling.visits import Visit
from core.scheduling.wishes import Slot, Wanted

PERSON = Choice(Say("choice.person"), CallPerson(), kind="person")


def reply(
    key: str,
    values: dict[str, Value] | None = None,
    choices: Sequence[Choice] = (),
    happened: Sequence[Happened] = (),
) -> Reply:
    """One sentence, perhaps with choices."""
    return Reply((Say(key, values or {}),), tuple(choices), tuple(happened))


def first(before: Sequence[Reply], turn: Turn) -> Turn:
    """The same turn, with something said before it."""
    return Turn(turn.state, (*before, *turn.replies), turn.request, turn.handoffs)


def most_options(state: State, facts: Facts) -> int:
    """How many options to show; somebody we failed to understand twice gets fewer."""
    return facts.most_options if state.misses < 2 else 2


def moment(slot: Slot, facts: Facts) -> Moment:
    """When a slot begins, by the wall clock of its place."""
    zone = facts.directory.location[slot.location_id].zone
    local = slot.start.astimezone(zone).replace(tzinfo=None)
    return Moment(local, None if zone.key == facts.directory.zone.key else zone.key)


def described(slot: Slot, facts: Facts) -> dict[str, Value]:
    """Everything a sentence may want to say of a slot."""
    place = facts.directory.location[slot.location_id]
    kind = facts.directory.visit_type[slot.visit_type_id]
    practitioner = facts.directory.practitioner[slot.practitioner_id]
    return {
        "doctor": practitioner.display_name,
        "visit_type": kind.label,
        "place": place.name,
        "where": Say("where.place", {"place": place.name, "address": place.address})
        if kind.mode == "in_person"
        else Say("where.video", {"link": practitioner.video_url})
        if practitioner.video_url
        else Say("where.video_later"),
        "when": moment(slot, facts),
        "preparation": kind.preparation,
    }


def visit_values(visit: Visit, facts: Facts) -> dict[str, Value]:
    """Everything a sentence may want to say of a visit."""
    return described(visit.slot, facts) | {"patient": first_name(visit.patient_id, facts)}


def label_of(key: str, visits: Sequence[Visit]) -> str:
    """The key of a label that names the patient too, where the visits are not all of one."""
    return key if len({visit.patient_id for visit in visits}) == 1 else f"{key}_patient"


def notice_of(visit: Visit, facts: Facts) -> tuple[Say, ...]:
    """Until when patients may change a visit by themselves, where the clinic has a rule and that is not over."""
    notice = facts.directory.visit_type[visit.slot.visit_type_id].policy.notice
    until = moment(visit.slot, facts).local - notice
    return (Say("changing.notice", {"notice": _span(notice)}),) if notice and until.date() > facts.today else ()


def preparation_of(visit: Visit, facts: Facts) -> tuple[Say, ...]:
    """What to bring, where the clinic says."""
    preparation = facts.directory.visit_type[visit.slot.visit_type_id].preparation
    return (Say("booking.preparation", {"preparation": preparation}),) if preparation else ()


def because(why: Why, wanted: Wanted, facts: Facts) -> Reply:
    """Why a wish cannot be met, of one practitioner or of all who were meant."""
    directory = facts.directory
    kinds = [directory.visit_type[wanted.visit_type]] if wanted.visit_type in directory.visit_type else []
    rules = kinds[0].policy if kinds else directory.organization.policy
    when, *_ = wanted.when.in_order
    when = replace(when, times=(), at=None, otherwise=None) if why.all_day else replace(when, otherwise=None)
    values: dict[str, Value] = {"wish": Wish(when), "horizon": _span(rules.horizon)}
    if why.practitioner is not None:
        values["doctor"] = directory.practitioner[why.practitioner].display_name
    if wanted.location is not None:
        values["place"] = directory.location[wanted.location].name
    if wanted.mode is not None:
        values["mode"] = Say(f"mode.{wanted.mode}")
    if wanted.language is not None:
        values["language"] = Language((wanted.language,))
    values["insurance"] = next((i.name for i in directory.insurances if i.id == wanted.insurance), "")
    key = f"why.{why.reason}"
    return reply(key if why.practitioner is None or why.reason in OF_THE_CLINIC else f"{key}.doctor", values)


OF_THE_CLINIC: frozenset[Reason] = frozenset(
    {"holiday", "too_soon", "too_far", "booked_by_staff", "known_only", "just_taken"}
)
"""Reasons that are nobody's in particular."""


def _span(length: timedelta) -> Span:
    return Span(length // timedelta(minutes=1))


def in_common(slots: Sequence[Slot], wanted: Wanted, draft: Draft, facts: Facts) -> Parts:
    """What several offers have in common: what for, with whom, where, for whom. The rest stands in their labels."""
    patient = first_name(draft.patient, facts) or _called(draft.name or "", facts)
    labels = {specialty.code: specialty.label for specialty in facts.directory.specialties}
    values = described(slots[0], facts) | {
        "patient": patient,
        "specialty": labels.get(wanted.specialty or "", ""),
    }
    one_kind = len({slot.visit_type_id for slot in slots}) == 1
    video = facts.directory.visit_type[slots[0].visit_type_id].mode == "video"
    pieces = {
        "part.visit_type": one_kind,
        "part.specialty": not one_kind,
        "part.doctor": len({slot.practitioner_id for slot in slots}) == 1,
        "part.video": one_kind and video,
        "part.place": len({slot.location_id for slot in slots}) == 1 and not video,
        "part.patient": bool(patient),
        "part.somebody_new": not patient and bool(facts.patients),
    }
    return Parts(tuple(Say(key, values) for key, is_common in pieces.items() if is_common))


def _called(name: str, facts: Facts) -> str:
    """What we call somebody new: by the first name, where it is not somebody's here already."""
    first = name.partition(" ")[0]
    return name if any(called.split()[0] == first for _, called in facts.patients) else first


def first_name(patient: int | None, facts: Facts) -> str:
    """What we call a patient known here."""
    return next((name for id, name in facts.patients if id == patient), "")


def visit_facts(visit: Visit, facts: Facts) -> dict[str, str | int | None]:
    """A visit for those who read events and not sentences."""
    slot = visit.slot
    zone = facts.directory.location[slot.location_id].zone
    return {"visit": visit.id, "patient": visit.patient_id, **slot_facts(slot, facts), "zone": zone.key}


def slot_facts(slot: Slot, facts: Facts) -> dict[str, str | int | None]:
    """A slot for those who read events and not sentences; `start` is local, with its offset."""
    zone = facts.directory.location[slot.location_id].zone
    return {
        "practitioner": slot.practitioner_id,
        "doctor": facts.directory.practitioner[slot.practitioner_id].display_name,
        "visit_type": facts.directory.visit_type[slot.visit_type_id].label,
        "place": facts.directory.location[slot.location_id].name,
        "start": slot.start.astimezone(zone).isoformat(),
    }


def offers(slots: Sequence[Slot], draft: Draft, facts: Facts) -> list[Choice]:
    """A choice for each slot; the doctor and the place are named where they differ among them."""
    doctors = {slot.practitioner_id for slot in slots}
    places = {slot.location_id for slot in slots}
    key = "choice.slot" + ("_doctor" if len(doctors) > 1 else "") + ("_place" if len(places) > 1 else "")
    return [Choice(Say(key, _label(slot, facts)), Pick(slot, draft.patient, draft.moving)) for slot in slots]


def _label(slot: Slot, facts: Facts) -> dict[str, Value]:
    values = described(slot, facts)
    return {name: values[name] for name in ("when", "doctor", "place")}
