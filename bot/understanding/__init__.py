"""Words to `Meaning`: what one message says, read by tables of words and a small grammar.

Emergencies first, over the whole message; then dates and times, names, the writer's own data, and intents. Each
reader is a file, each language a file of words. Nothing here reads a clock, asks a database, or raises.
"""

import re
from dataclasses import replace
from datetime import datetime
from itertools import islice, product

from msgspec import structs

from bot.understanding import dates, identity, intents, names, shifts
from bot.understanding.clauses import MOST_JOINTS, clauses, halves, without
from bot.understanding.grammar import Scene
from bot.understanding.guesses import guess
from bot.understanding.index import matcher
from bot.understanding.lexicon import Lexicon, load
from bot.understanding.meaning import Context, Intent, Meaning, When
from bot.understanding.text import SAFETY_LIMIT, as_written, clean, plain, respelled
from core.scheduling.directory import Directory

__all__ = ["understand", "understand_all", "warm_up"]

_CLAUSE = re.compile(r"[,;.?!](?:\s|$)")
_LEAVES = frozenset({"stop", "end", "cancel", "goodbye", "thanks", "greeting"})
_NOW = When(first_available=True)  # in an emergency "right now" is no wish for a visit


def warm_up(directory: Directory, language: str = "en") -> None:
    """Load words and tables before anybody waits for them: the first message costs some 200 ms otherwise."""
    noon = datetime(2026, 3, 9, 12)  # noqa: DTZ001 - local, as patients say it
    understand("Dr Smith on 2026 March 9, +1 207 555 0100", Context(noon, directory, language))


def understand_all(text: str, context: Context) -> tuple[Meaning, ...]:
    """All that `text` wishes: nearly always one thing; two where its parts mean more apart than together."""
    first, *besides = (understand(clause, context) for clause in clauses(text, context.language))
    return (first, *besides) if besides else _two_visits(text, first, context) or (first,)


def _two_visits(text: str, together: Meaning, context: Context) -> tuple[Meaning, Meaning] | None:
    """ "The dentist on Tuesday and the eye doctor on Friday": each part says whom to see, and when."""
    if _whats(together) < 2 or together.emergency or "move" in together.intents:
        return None
    for half in halves(text, context.language):
        first, second = (understand(part, context) for part in half)
        if all(_whats(part) and (part.when or part.readings) for part in (first, second)):
            return first, second
    return None


def _whats(meaning: Meaning) -> int:
    return len(meaning.practitioners) + len(meaning.specialties) + len(meaning.visit_types)


def understand(text: str, context: Context) -> Meaning:
    """What `text` means. Any text has a meaning, if only an empty one; the same text has the same meaning always."""
    lexicon = load(context.language)
    emergency = intents.is_emergency(plain(clean(text, SAFETY_LIMIT)), lexicon)
    said = clean(text)
    heard = plain(said)
    scene = Scene(context.reference, context.opens, context.closes, context.region in identity.MONTH_FIRST)
    wished = without(without(said, lexicon.denied), lexicon.elsewhere)
    times = dates.read(wished, lexicon, scene, calendar=context.asked != "birth_date")
    wanted, answer = intents.intents(respelled(heard, lexicon.spelling), lexicon), intents.answer(heard, lexicon)
    moves = bool({"move", "move_it"} & set(wanted))
    parted = _parted(said, lexicon, scene) if moves else None
    has_its_time = moves and _has_its_time(said, lexicon)
    by_how_much = shifts.shift(heard, lexicon) if moves else None

    def says_else(name: str) -> bool:
        """ "Skip" and "No way" are answers; "Si Nguyen" is a name."""
        return bool(wanted) or (answer is not None and not (" " in name and name.istitle()))

    spoken = _without_writer(said, lexicon, context)
    writer = identity.read(
        spoken,
        lexicon,
        times.dates,
        context.asked,
        context.region,
        scene.today,
        says_else=says_else,
        is_thing=matcher(context.directory, lexicon).is_thing,
    )
    if writer.birth_date:
        times = dates.read(wished, lexicon, scene, calendar=False)
    wish = parted[1] if parted else _in_order(wished, lexicon, scene) or times
    meant = without(without(spoken, identity.EMAIL), lexicon.refused)  # "leo@example.com" is nobody's name
    named = names.find(meant, lexicon, context, {start for start, _ in times.spans}, writer=writer.name)
    # Where nobody is known yet, "for Ana Lima" may well be the writer.
    is_strange = named.stranger is not None and bool(context.patients)
    refused, refuses_writer = _refused(said, lexicon, context)
    return Meaning(
        text=said,
        emergency=emergency,
        # Who gives a number does not ask for one.
        intents=tuple(one for one in wanted if not _is_idle(one, writer, emergency=emergency)),
        answer=answer,
        guesses=() if emergency else guess(heard, context.language),
        number=intents.number(heard, lexicon),
        ordinal=intents.ordinal(heard, lexicon),
        practitioners=named.practitioners,
        not_practitioners=refused.practitioners,
        unknown_practitioner=named.unknown_practitioner,
        specialties=named.specialties,
        visit_types=named.visit_types,
        locations=named.locations,
        insurances=named.insurances,
        speaks=None if "change_language" in wanted else _spoken_by_doctor(heard, lexicon),
        mode=next((mode for mode, phrases in lexicon.modes.items() if phrases.within(heard)), None),
        best_rated=_says(heard, lexicon, "best_rated"),
        patients=named.patients,
        someone_else=not named.patients and (is_strange or _says(heard, lexicon, "someone_else")),
        myself=_says(lexicon.people_phrases["suits_me"].without(plain(meant)), lexicon, "myself")
        or lexicon.people_phrases["myself_alone"].whole(heard),
        refuses=bool(refused.patients or refused.practitioners) or refuses_writer,
        same=_says(heard, lexicon, "same"),
        # "Half an hour later" than the visit, not than now.
        when=None if by_how_much or has_its_time or (emergency and wish.when == _NOW) else wish.when,
        readings=() if has_its_time else wish.readings,
        shift=by_how_much,
        moves_from=(_meant(wish) or None) if has_its_time else parted and _meant(parted[0]),
        impossible_date=times.impossible,
        past_date=times.past,
        name=identity.capitalised(as_written(name, text), lexicon) if (name := writer.name or named.stranger) else None,
        birth_date=writer.birth_date,
        email=writer.email,
        phone=writer.phone,
        entities=times.entities,
    )


def _is_idle(intent: Intent, writer: identity.Identity, *, emergency: bool) -> bool:
    """Whoever gives a telephone number does not ask for one; and "I want to end it" takes no leave of us."""
    return (intent == "phone" and writer.phone is not None) or (emergency and intent in _LEAVES)


def _parted(said: str, lexicon: Lexicon, scene: Scene) -> tuple[dates.Times, dates.Times] | None:
    """When a visit is, and when it shall be: what stands before and after "to", or in two clauses."""
    for cue in [*lexicon.target.finditer(said)][-MOST_JOINTS:][::-1]:
        after = dates.read(said[cue.end() :], lexicon, scene)
        if _meant(after):
            return dates.read(said[: cue.start()], lexicon, scene), after
    for cue in islice(_CLAUSE.finditer(said), MOST_JOINTS):
        before, after = (dates.read(part, lexicon, scene) for part in (said[: cue.start()], said[cue.end() :]))
        if _meant(before) and _meant(after):
            return before, after
    return None


def _in_order(said: str, lexicon: Lexicon, scene: Scene) -> dates.Times | None:
    """ "Tuesday morning, or else Thursday": a wish and the next best one, where a message has both; each may have several readings."""
    return _best_first(said, lexicon, scene) or _next_best(said, lexicon, scene)


def _has_its_time(said: str, lexicon: Lexicon) -> bool:
    """ "Change the time of my visit tomorrow": where a time is said, it is the one that the visit has."""
    found = lexicon.its_time.search(said)
    return found is not None and lexicon.target.search(said, found.end()) is None


def _best_first(said: str, lexicon: Lexicon, scene: Scene) -> dates.Times | None:
    """ "Tuesday best, Wednesday is ok", "next week, mornings are best"."""
    best, will_do, last_resort = (lexicon.order[name] for name in ("best", "will_do", "last_resort"))
    cue = best.search(said)
    if cue is None and last_resort.search(said) is None:
        return None
    for joint in islice(lexicon.joint.finditer(said), MOST_JOINTS):
        before, after = said[: joint.start()], said[joint.end() :]
        if last_resort.search(after) or (best.search(before) and will_do.search(after) and not best.search(after)):
            found = _ordered(before, after, lexicon, scene)
        elif best.search(after) and will_do.search(before) and not best.search(before):
            found = _ordered(after, before, lexicon, scene)
        elif best.search(after) and not best.search(before):
            found = _narrowed(before, after, said, lexicon, scene)
        else:
            continue
        if found:
            return found
    if cue is None:
        return None
    words = said[: cue.start()].split()
    for place in range(max(len(words) - 3, 1), len(words)):  # "next week mornings are best"
        found = _narrowed(" ".join(words[:place]), " ".join(words[place:]), said, lexicon, scene, only_many=True)
        if found:
            return found
    return _narrowed(said[: cue.start()], said[cue.end() :], said, lexicon, scene)


def _narrowed(
    before: str, after: str, said: str, lexicon: Lexicon, scene: Scene, *, only_many: bool = False
) -> dates.Times | None:
    """The part of the day that is best, and then any time of the days."""
    days, part = dates.read(before, lexicon, scene).when, dates.read(after, lexicon, scene).when
    if days is None or part is None or not (days.days or days.weekdays) or days.times or days.at:
        return None
    if part.days or part.weekdays or not part.times or (only_many and not _are_many(days)):
        return None
    whole = dates.read(said, lexicon, scene)
    return replace(whole, when=structs.replace(whole.when, otherwise=days)) if whole.when else None


def _are_many(when: When) -> bool:
    """Whether these are more days than one."""
    lengths = [(days.end - days.start).days if days.start and days.end else 2 for days in when.days]
    return sum(lengths) + 2 * len(when.weekdays) > 1


def _ordered(first: str, second: str, lexicon: Lexicon, scene: Scene) -> dates.Times | None:
    """A wish and the next best one, each as it is said; None where one of them says nothing about time."""
    before, after = (dates.read(part, lexicon, scene) for part in (first, second))
    pairs = islice(product(_meant(before), _meant(after)), dates.MOST_READINGS)
    wishes = tuple(structs.replace(one, otherwise=other) for one, other in pairs)
    if not wishes:
        return None
    is_clear = len(wishes) == 1
    return replace(before, when=wishes[0] if is_clear else None, readings=() if is_clear else wishes)


def _next_best(said: str, lexicon: Lexicon, scene: Scene) -> dates.Times | None:
    """ "Tuesday morning, or else Thursday": what a cue parts."""
    for cue, is_plain in ((lexicon.next_best, False), (lexicon.alternative, True)):
        for found in islice(cue.finditer(said), MOST_JOINTS):
            ordered = _ordered(said[: found.start()], said[found.end() :], lexicon, scene)
            if ordered and (not is_plain or all(map(_has_day_and_time, _each_of(ordered)))):
                return ordered
    return None


def _each_of(times: dates.Times) -> tuple[When, ...]:
    return tuple(wish for one in _meant(times) for wish in one.in_order)


def _has_day_and_time(when: When) -> bool:
    return bool(when.days or when.weekdays) and bool(when.times or when.at)


def _meant(times: dates.Times) -> tuple[When, ...]:
    return times.readings if times.when is None else (times.when,)


def _without_writer(said: str, lexicon: Lexicon, context: Context) -> str:
    """ "This is Maria, I need a dentist for Leo": `said` without its writer, where somebody else is to come."""
    others = without(said, lexicon.introduced)
    if others == said or _says(plain(said), lexicon, "myself"):
        return said
    means_others = _says(plain(others), lexicon, "someone_else") or names.find(others, lexicon, context, set()).patients
    return others if means_others else said


def _refused(said: str, lexicon: Lexicon, context: Context) -> tuple[names.Names, bool]:
    """Who is named and not meant, and whether it is the writer."""
    refused = " . ".join(found[0] for found in lexicon.refused.finditer(said))
    if not refused:
        return names.Names(), False
    return names.find(refused, lexicon, context, set()), _says(plain(refused), lexicon, "myself")


def _spoken_by_doctor(words: str, lexicon: Lexicon) -> str | None:
    return next((code for code, phrases in lexicon.speaks.items() if phrases.within(words)), None)


def _says(words: str, lexicon: Lexicon, what: str) -> bool:
    return lexicon.people_phrases[what].within(words)
