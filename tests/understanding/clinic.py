"""The demo clinic's directory without a database: whom and what the lines of `en.txt` may name."""

from zoneinfo import ZoneInfo

from core.scheduling import vocabulary
from core.scheduling.directory import Directory, Insurance, Location, Practitioner, VisitType
from frontdesk import demo

_KINDS = {label: number for number, label in enumerate(demo.VISIT_TYPES, start=1)}
_HOURS = [
    hours for *_, schedules, _minutes in demo.PRACTITIONERS for _place, _weekdays, hours in schedules
]  # of every practitioner

CLINIC = Directory(
    specialties=vocabulary.specialties(),
    practitioners=tuple(
        Practitioner(number, title, given, family, tuple(skills), tuple(_KINDS[kind] for kind in kinds))
        for number, (title, given, family, skills, kinds, *_) in enumerate(demo.PRACTITIONERS, start=1)
    ),
    visit_types=tuple(
        VisitType(_KINDS[label], label, tuple(words), specialty, "video" if mode == "video" else "in_person")
        for label, (specialty, words, _length, _buffer, _bring, mode, _price) in demo.VISIT_TYPES.items()
    ),
    locations=tuple(
        Location(number, name, address, ZoneInfo(demo.ZONE), "911")
        for number, (name, address) in enumerate(demo.LOCATIONS.items(), start=1)
    ),
    insurances=tuple(
        Insurance(number, name, tuple(words)) for number, (name, words) in enumerate(demo.INSURANCES.items(), start=1)
    ),
    opens=min(start for start, _ in _HOURS),
    closes=max(end for _, end in _HOURS),
)
