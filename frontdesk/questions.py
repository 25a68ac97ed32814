"""The questions that make a small clinic in a terminal."""

import re
from collections.abc import Callable
from datetime import time
from typing import Any

from core.exchange import cells
from frontdesk.errors import CannotRun

# Whom to call in an emergency, where nobody says otherwise. A wrong number is worse than none: other countries are asked.
_EMERGENCY = {"US": "911", "CA": "911", "GB": "999", "AU": "000", "NZ": "111"} | dict.fromkeys(
    (
        "AT",
        "BE",
        "CH",
        "CZ",
        "DE",
        "DK",
        "ES",
        "FI",
        "FR",
        "GR",
        "HU",
        "IE",
        "IT",
        "LU",
        "NL",
        "NO",
        "PL",
        "PT",
        "RO",
        "SE",
    ),
    "112",
)


def _ask(question: str, parse: Callable[[str], Any] = cells.text, default: str = "", *, needed: bool = True) -> str:
    """An answer that can be read, as it was typed."""
    while True:
        try:
            answer = cells.tidy(input(f"{question}{f' [{default}]' if default else ''}: ")) or default
        except EOFError:
            print()
            raise CannotRun("The answers have ended before the questions; nothing was changed.") from None
        if not answer and needed:
            print("  This one is needed.")
            continue
        try:
            if answer:
                parse(answer)
            return answer
        except ValueError as error:
            print(f"  That must be {error}".rstrip("?.") + ("?" if str(error).endswith("?") else "."))


_HOURS = re.compile(r"(.*[^\W\d_])\s+(\d[^-–]*?)\s*[-–]\s*(\d.*)")


def _hours(answer: str) -> tuple[str, str, str]:
    """Weekdays, and from when until when."""
    found = _HOURS.fullmatch(answer)
    if found is None:
        raise ValueError("weekdays and times such as Mon-Fri 9:00-17:00")
    days, opens, closes = found.groups()
    cells.weekdays(days)
    if cells.clock(closes) != time(0) and cells.clock(closes) <= cells.clock(opens):
        raise ValueError("an end that is after the beginning, such as Mon-Fri 9:00-17:00")
    return days, opens, closes


def asked() -> dict[str, list[dict[str, str]]]:
    """The rows of every spreadsheet that the answers make."""
    name = _ask("What is your clinic called?")
    clinic = {
        "name": name,
        "short_name": _ask("Its short name, for messages", default=name.split()[0]),
        "locale": _ask("Language and country, for dates and prices", cells.locale, "en_US"),
        "phone": _ask("The number that patients call", cells.dialled),
        "privacy_page": _ask("Address of your privacy page (Enter: none yet)", cells.link, needed=False),
    }
    place = {
        "id": "main",
        "name": _ask("Where are patients seen? A short name of the place", default="Main"),
        "address": _ask("Its address"),
        "zone": _ask("Its time zone, such as America/New_York", cells.zone),
        "emergency_number": _ask(
            "Which number is called in an emergency?", cells.dialled, _EMERGENCY.get(clinic["locale"][-2:].upper(), "")
        ),
        "phone": clinic["phone"],
    }
    opened = _ask("When are you open?", _hours, "Mon-Fri 9:00-17:00")
    doctors: list[dict[str, str]] = []
    kinds: dict[str, dict[str, str]] = {}
    hours: list[dict[str, str]] = []
    while True:
        doctor = _ask(
            "Name of a doctor, such as Dr Grace Lee" if not doctors else "Another doctor (Enter: no more)",
            needed=not doctors,
        )
        if not doctor:
            break
        title, given, family = _parts(doctor)
        code = cells.specialty(_ask(f"  What is {doctor}? Such as dentist or skin doctor", cells.specialty))
        length = _ask("  How many minutes does a usual visit take?", cells.minutes(1, 1_440), "20")
        kind = f"{code}-{length}"
        kinds[kind] = {"id": kind, "name": "Consultation", "minutes": length, "specialty": code}
        id = f"doctor-{len(doctors) + 1}"
        doctors.append(
            {
                "id": id,
                "title": title,
                "given_name": given,
                "family_name": family,
                "specialties": code,
                "visit_types": kind,
            }
        )
        days, start, end = _hours(_ask("  When do they see patients?", _hours, opened))
        hours.append(
            {
                "practitioner": id,
                "location": "main",
                "weekdays": days,
                "from": start,
                "until": end,
                "every_minutes": length,
            }
        )
    days, opens, closes = _hours(opened)
    return {
        "organization": [clinic],
        "locations": [place],
        "opening_hours": [{"location": "main", "weekdays": days, "opens": opens, "closes": closes}],
        "visit_types": list(kinds.values()),
        "practitioners": doctors,
        "hours": hours,
    }


def _parts(name: str) -> tuple[str, str, str]:
    """Title, given and family name, as far as they were written."""
    words = name.split()
    title = words.pop(0) if len(words) > 1 and words[0].rstrip(".").lower() in ("dr", "prof", "mr", "mrs", "ms") else ""
    return title, " ".join(words[:-1]) or words[-1], words[-1]
