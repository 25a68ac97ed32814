"""Words to `Meaning`: what one message says, read by tables of words and a small grammar.

Emergencies first, over the whole message; then dates and times, names, the writer's own data, and intents. Each
reader is a file, each language a file of words. Nothing here reads a clock, asks a database, or raises.
"""

from datetime import datetime

from bot.understanding import dates, identity, intents, names
from bot.understanding.grammar import Scene
from bot.understanding.lexicon import Lexicon, load
from bot.understanding.meaning import Context, Meaning, When
from bot.understanding.text import SAFETY_LIMIT, as_written, clean, plain
from core.scheduling.directory import Directory

__all__ = ["understand", "warm_up"]

_NOW = When(first_available=True)  # in an emergency "right now" is no wish for a visit


def warm_up(directory: Directory, language: str = "en") -> None:
    """Load words and tables before anybody waits for them: the first message costs some 200 ms otherwise."""
    noon = datetime(2026, 3, 9, 12)  # noqa: DTZ001 - local, as patients say it
    understand("Dr Smith on 2026 March 9, +1 207 555 0100", Context(noon, directory, language))


def understand(text: str, context: Context) -> Meaning:
    """What `text` means. Any text has a meaning, if only an empty one; the same text has the same meaning always."""
    lexicon = load(context.language)
    emergency = intents.is_emergency(plain(clean(text, SAFETY_LIMIT)), lexicon)
    said = clean(text)
    heard = plain(said)
    scene = Scene(context.reference, context.opens, context.closes, context.region in identity.MONTH_FIRST)
    times = dates.read(said, lexicon, scene, calendar=context.asked != "birth_date")
    wanted, answer = intents.intents(heard, lexicon), intents.answer(heard, lexicon)

    def says_else(name: str) -> bool:
        """ "Skip" and "No way" are answers; "Si Nguyen" is a name."""
        return bool(wanted) or (answer is not None and not (" " in name and name.istitle()))

    writer = identity.read(said, lexicon, times.dates, context.asked, context.region, scene.today, says_else=says_else)
    if writer.birth_date:
        times = dates.read(said, lexicon, scene, calendar=False)
    named = names.find(said, lexicon, context.directory, context.patients, {start for start, _ in times.spans})
    return Meaning(
        text=said,
        emergency=emergency,
        intents=wanted,
        answer=answer,
        number=intents.number(heard, lexicon),
        ordinal=intents.ordinal(heard, lexicon),
        practitioners=named.practitioners,
        unknown_practitioner=named.unknown_practitioner,
        specialties=named.specialties,
        visit_types=named.visit_types,
        locations=named.locations,
        patients=named.patients,
        someone_else=not named.patients and _says(heard, lexicon, "someone_else"),
        myself=_says(heard, lexicon, "myself") or lexicon.people_phrases["myself_alone"].whole(heard),
        same=_says(heard, lexicon, "same"),
        when=None if emergency and times.when == _NOW else times.when,
        readings=times.readings,
        impossible_date=times.impossible,
        past_date=times.past,
        name=writer.name and as_written(writer.name, text),
        birth_date=writer.birth_date,
        email=writer.email,
        phone=writer.phone,
        entities=times.entities,
    )


def _says(words: str, lexicon: Lexicon, what: str) -> bool:
    return lexicon.people_phrases[what].within(words)
