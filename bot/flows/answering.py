"""Questions about the clinic and its doctors: an answer, and never a booking. What was being talked about goes on afterwards."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from bot.events import Facts
from bot.flows.wording import reply
from bot.messages import Choice, Language, Parts, Price, Reply, Say, Span, Value, Want
from bot.understanding.meaning import Meaning
from core.scheduling.directory import Practitioner


def _fixed(key: str) -> Callable[[Meaning, Facts], Reply]:
    return lambda _meaning, _facts: reply(key)


def hours(_meaning: Meaning, facts: Facts) -> Reply:
    """When the clinic is open, where it says so."""
    return reply("hours" if any(place.hours for place in facts.directory.locations) else "hours.unknown")


def privacy(_meaning: Meaning, facts: Facts) -> Reply:
    """Where the clinic says what it does with what it knows of people; by location, where that differs."""
    pages = dict.fromkeys(place.privacy_url for place in facts.directory.locations if place.privacy_url)
    return reply("privacy", {"pages": "\n".join(pages)}) if pages else reply("privacy.unknown")


def insurance(meaning: Meaning, facts: Facts) -> Reply:
    """Who takes an insurance, or which ones are taken."""
    names = {each.id: each.name for each in facts.directory.insurances}
    if not names:
        return reply("answer.insurance_unknown")
    wanted = next(iter(meaning.insurances), None)
    if wanted is None:
        asked = _asked(meaning, facts)
        taken = {id for doctor in asked or facts.directory.practitioners for id in doctor.insurances}
        listed = ", ".join(name for id, name in names.items() if id in taken)
        return _about(asked, "answer.insurances", {"insurances": listed})
    return _who(
        meaning, facts, "answer.takes", lambda doctor: wanted in doctor.insurances, {"insurance": names[wanted]}
    )


def language(meaning: Meaning, facts: Facts) -> Reply:
    """Who speaks a language, or which ones are spoken."""
    wanted = meaning.speaks
    if wanted is None:
        asked = _asked(meaning, facts)
        spoken = {code: None for doctor in asked or facts.directory.practitioners for code in doctor.languages}
        return _about(asked, "answer.languages", {"languages": Language(tuple(spoken))})
    return _who(
        meaning, facts, "answer.speaks", lambda doctor: wanted in doctor.languages, {"language": Language((wanted,))}
    )


def doctor(meaning: Meaning, facts: Facts) -> Reply:
    """What patients may want to know of a doctor."""
    asked = _asked(meaning, facts)
    labels = {specialty.code: specialty.label for specialty in facts.directory.specialties}
    if len(asked) != 1:
        lines = (
            Say(
                "about.line",
                {"doctor": each.display_name, "specialties": ", ".join(labels[c] for c in each.specialties)},
            )
            for each in asked or facts.directory.practitioners
        )
        return reply("about.doctors", {"doctors": Parts(tuple(lines))}, _see(asked))
    (who,) = asked
    says = [
        Say("about.doctor", {"doctor": who.display_name, "specialties": ", ".join(labels[c] for c in who.specialties)})
    ]
    if who.about:
        says.append(Say("about.words", {"about": who.about}))
    if who.languages:
        says.append(Say("about.languages", {"languages": Language(who.languages)}))
    if who.rating is not None:
        says.append(Say("about.rating", {"rating": f"{who.rating:.1f}", "count": who.rating_count}))
    return Reply(tuple(says), tuple(_see(asked)))


def price(meaning: Meaning, facts: Facts) -> Reply:
    """What the visits cost that were asked about; without any, what each kind costs."""
    who = [id for doctor in _asked(meaning, facts) for id in doctor.visit_types]
    kinds = [facts.directory.visit_type[id] for id in meaning.visit_types or who]
    lines = [
        Say("price.line", {"visit_type": kind.label, "price": Price(kind.price, kind.currency)})
        for kind in kinds
        if kind.price is not None and kind.currency is not None
    ]
    if lines:
        return reply("price.some", {"prices": Parts(tuple(lines))})
    return reply("prices" if any(kind.price for kind in facts.directory.visit_types) else "price.unknown")


def policy(_meaning: Meaning, facts: Facts) -> Reply:
    """Until when patients may change a visit by themselves; by kind, where that differs."""
    by_notice: dict[timedelta, list[str]] = {}
    for kind in facts.directory.visit_types:
        by_notice.setdefault(kind.policy.notice, []).append(kind.label)
    return Reply(tuple(_window(notice, of if len(by_notice) > 1 else []) for notice, of in by_notice.items()))


def _window(notice: timedelta, kinds: list[str]) -> Say:
    values: dict[str, Value] = {"notice": Span(notice // timedelta(minutes=1)), "kinds": ", ".join(kinds)}
    if kinds:
        return Say("policy.kinds" if notice else "policy.kinds.always", values)
    return Say("policy" if notice else "policy.always", values)


def _who(
    meaning: Meaning, facts: Facts, key: str, does: Callable[[Practitioner], bool], values: dict[str, Value]
) -> Reply:
    """Yes or no of the doctors who were asked about; of all, who does."""
    asked = _asked(meaning, facts)
    able = [each for each in asked or facts.directory.practitioners if does(each)]
    if asked and len(able) < len(asked):
        return reply(f"{key}_not", values | {"doctor": _names(asked)})
    if asked:
        return _about(asked, key, values)
    return reply(f"{key}.all" if able else f"{key}.nobody", values | {"doctors": _names(able)})


def _about(asked: list[Practitioner], key: str, values: dict[str, Value]) -> Reply:
    if not asked:
        return reply(f"{key}.all", values)
    return reply(key, values | {"doctor": _names(asked)}, _see(asked))


def _asked(meaning: Meaning, facts: Facts) -> list[Practitioner]:
    """The doctors that a question is about: by name, or all of a specialty."""
    if meaning.practitioners:
        return [facts.directory.practitioner[id] for id in meaning.practitioners]
    return [p for p in facts.directory.practitioners if set(p.specialties) & set(meaning.specialties)]


def _see(asked: list[Practitioner]) -> list[Choice]:
    """A way on from the answer, where nothing else is open."""
    return [Choice(Say("choice.see_doctor", {"doctor": each.display_name}), Want(each.id)) for each in asked[:3]]


def _names(doctors: Iterable[Practitioner]) -> str:
    return ", ".join(each.display_name for each in doctors)


TOLD: dict[str, Callable[[Meaning, Facts], Reply]] = {
    "hours": hours,
    "address": _fixed("address"),
    "phone": _fixed("phone"),
    "price": price,
    "policy": policy,
    "privacy": privacy,
    "help": _fixed("help"),
    "insurance": insurance,
    "language": language,
    "doctor": doctor,
    "rating": doctor,
    "services": doctor,
}
"""Questions that have an answer of their own, by their intent."""

ABOUT_DOCTORS = frozenset({"insurance", "language", "doctor", "rating", "services"})
"""Those in which a doctor is named without being wished for."""
