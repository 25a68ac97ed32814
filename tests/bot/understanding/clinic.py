"""The clinic that the tests of understanding talk to, and how to talk to it."""

from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from bot.understanding import understand, understand_all
from bot.understanding.meaning import Context, DayRange, Meaning, TimeRange, When
from core.scheduling.directory import Directory, Location, Practitioner, Specialty, VisitType

THURSDAY = datetime(2026, 3, 12, 9, 0)

CLINIC = Directory(
    specialties=(
        Specialty("dermatology", "Dermatology", ("dermatologist", "skin doctor")),
        Specialty("dentistry", "Dentistry", ("dentist", "tooth doctor")),
        Specialty("pediatrics", "Pediatrics", ("pediatrician", "kids' doctor")),
        Specialty("cardiology", "Cardiology", ("cardiologist", "heart doctor")),
    ),
    practitioners=(
        Practitioner(1, "Dr", "Mina", "Lee", ("dentistry",), (1,)),
        Practitioner(2, "Dr", "Omar", "Haddad", ("dermatology",), (2,)),
        Practitioner(3, "Dr", "Ana", "Smith", ("pediatrics",), (2,)),
        Practitioner(4, "Dr", "John", "Smith", ("cardiology",), (2,)),
        Practitioner(5, "Dr", "Sean", "O'Brien", (), ()),
        Practitioner(6, "Dr", "Eva", "van der Berg", (), ()),
    ),
    visit_types=(VisitType(1, "Dental cleaning", ("cleaning",)), VisitType(2, "Check-up", ("physical",))),
    locations=(Location(1, "Main Street Clinic", "1 Main Street", ZoneInfo("America/New_York"), "911"),),
)


def heard(text: str, **known: Any) -> Meaning:
    """What the desk understands on Thursday 12 March 2026 at nine; it is open from eight to six."""
    return understand(text, _context(**known))


def heard_all(text: str, **known: Any) -> tuple[Meaning, ...]:
    """The same, where a message may wish for two things."""
    return understand_all(text, _context(**known))


def _context(**known: Any) -> Context:
    usual = {"reference": THURSDAY, "directory": CLINIC, "opens": time(8), "closes": time(18)}
    return Context(**{**usual, "patients": ((7, "Leo"), (8, "Mia")), **known})


def day(text: str, until: str | None = None) -> DayRange:
    """A day of March 2026 by its number ("17"), or any day in full; up to before `until`."""
    start = _date(text)
    return DayRange(start, _date(until) if until else start.fromordinal(start.toordinal() + 1))


def days(*texts: str) -> When:
    return When(days=tuple(day(*text.split("..")) for text in texts))


def hours(text: str) -> TimeRange:
    start, _, end = text.partition("-")
    return TimeRange(time.fromisoformat(start) if start else None, time.fromisoformat(end) if end else None)


def _date(text: str) -> date:
    return date.fromisoformat(text) if "-" in text else date(2026, 3, int(text))
