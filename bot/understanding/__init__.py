"""Words to `Meaning`: what one message says, read by tables of words and a small grammar.

Emergencies first, over the whole message; then dates and times, names, the writer's own data, and intents. Each
reader is a file, each language a file of words. Nothing here reads a clock, asks a database, or raises.
"""

from bot.understanding import dates, identity, intents, names
from bot.understanding.grammar import Scene
from bot.understanding.lexicon import Lexicon, load
from bot.understanding.meaning import Context, Meaning
from bot.understanding.text import SAFETY_LIMIT, clean, plain

__all__ = ["understand"]


def understand(text: str, context: Context) -> Meaning:
    """What `text` means. Any text has a meaning, if only an empty one; the same text has the same meaning always."""
    lexicon = load(context.language)
    words = plain(clean(text, SAFETY_LIMIT))
    said = clean(text)
    heard = plain(said)
    scene = Scene(context.reference, context.opens, context.closes, context.region in identity.MONTH_FIRST)
    times = dates.read(said, lexicon, scene, calendar=context.asked != "birth_date")
    writer = identity.read(said, lexicon, times.dates, context.asked, context.region, scene.today)
    if writer.birth_date:
        times = dates.read(said, lexicon, scene, calendar=False)
    named = names.find(said, lexicon, context.directory, context.patients, {start for start, _ in times.spans})
    wanted = intents.intents(heard, lexicon)
    return Meaning(
        text=said,
        emergency=intents.is_emergency(words, lexicon),
        intents=wanted,
        answer=intents.answer(heard, lexicon),
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
        when=times.when,
        readings=times.readings,
        impossible_date=times.impossible,
        past_date=times.past,
        name=writer.name,
        birth_date=writer.birth_date,
        email=writer.email,
        phone=writer.phone,
        entities=times.entities,
    )


def _says(words: str, lexicon: Lexicon, what: str) -> bool:
    return lexicon.people_phrases[what].within(words)
