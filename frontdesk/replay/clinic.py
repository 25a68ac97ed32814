"""The clinic that a replay is played in: a place for each neighbourhood, and as many doctors there as its busiest day needs."""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Table, insert

from core.database import Session
from core.people.organization import locations, organization
from core.people.practitioners import practitioner_specialties, practitioners
from core.scheduling.policies import policies
from core.scheduling.schedules import weekly_hours
from core.scheduling.visit_types import practitioner_visit_types, specialties, visit_types
from frontdesk.errors import CannotRun
from frontdesk.replay.arrivals import Arrival

ZONE = ZoneInfo("America/Sao_Paulo")
HORIZON = timedelta(days=400)  # some book half a year ahead
ROOM = 1.5  # times what the busiest day needs, as patients want their own doctor
WEEKDAYS = range(6)
HOURS = [(time(7), time(12)), (time(13), time(19))]
_MINUTES_OPEN = sum((end.hour - start.hour) * 60 for start, end in HOURS)
_LENGTHS = {"10", "15", "20", "30"}


@dataclass(frozen=True)
class Doctor:
    """Somebody of the providers' file, with their place in ours."""

    id: int
    name: str


@dataclass(frozen=True)
class _Provider:
    given_name: str
    family_name: str
    specialty: str
    minutes: int


def make(session: Session, arrivals: Iterable[Arrival], providers: Path) -> dict[str, list[Doctor]]:
    """Fill an empty database; returns the doctors of each neighbourhood."""
    staff = iter(_workable(providers))
    _insert(session, organization, name="Replay Clinic", short_name="Replay", locale="en_US", is_demo=True)
    _insert(session, policies, horizon=HORIZON)
    kinds: dict[int, int] = {}
    skills: set[str] = set()
    doctors: dict[str, list[Doctor]] = defaultdict(list)
    for place, busiest in _busiest_days(arrivals).items():
        location = _insert(session, locations, name=place, address=place, zone=ZONE.key, emergency_number="192")
        room = 0
        while room < busiest * ROOM:
            provider = next(staff, None)
            if provider is None:
                raise CannotRun(f"{providers} has too few doctors for so many bookings: choose fewer with --limit.")
            if provider.specialty not in skills:
                skills.add(provider.specialty)
                label = provider.specialty.replace("_", " ").capitalize()
                _insert(session, specialties, code=provider.specialty, label=label)
            if provider.minutes not in kinds:
                length = timedelta(minutes=provider.minutes)
                kinds[provider.minutes] = _insert(
                    session, visit_types, label=f"Visit of {provider.minutes} minutes", length=length
                )
            doctors[place].append(_hire(session, provider, location, kinds[provider.minutes]))
            room += _MINUTES_OPEN // provider.minutes
    return doctors


def _busiest_days(arrivals: Iterable[Arrival]) -> dict[str, int]:
    """How many visits each neighbourhood is asked for on its busiest day."""
    days = Counter((arrival.place, arrival.day) for arrival in arrivals)
    busiest: dict[str, int] = {}
    for (place, _), count in days.items():
        busiest[place] = max(count, busiest.get(place, 0))
    return busiest


def _workable(file: Path) -> Iterator[_Provider]:
    """Doctors who are named without doubt by their family name and take new patients for short visits."""
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        named = Counter(row["last_name"] for row in rows)
        for row in rows:
            if named[row["last_name"]] == 1 and row["accepting_new"] == "1" and row["slot_minutes"] in _LENGTHS:
                yield _Provider(row["first_name"], row["last_name"], row["specialty"], int(row["slot_minutes"]))
    except KeyError as missing:
        raise CannotRun(f"{file} is no directory of doctors: it has no column {missing.args[0]}.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CannotRun(f"{file} cannot be read as a directory of doctors ({error}).") from None


def _hire(session: Session, provider: _Provider, location: int, kind: int) -> Doctor:
    names = {"given_name": provider.given_name, "family_name": provider.family_name}
    doctor = _insert(session, practitioners, title="Dr", **names)
    _insert(session, practitioner_specialties, practitioner_id=doctor, specialty=provider.specialty)
    _insert(session, practitioner_visit_types, practitioner_id=doctor, visit_type_id=kind, rank=0)
    step = timedelta(minutes=provider.minutes)
    hours = [
        {"weekday": weekday, "local_start": start, "local_end": end} for weekday in WEEKDAYS for start, end in HOURS
    ]
    everywhere = {"practitioner_id": doctor, "location_id": location, "step": step, "valid_from": date(2000, 1, 1)}
    session.execute(insert(weekly_hours), [{**everywhere, **each} for each in hours])
    return Doctor(doctor, f"{provider.given_name} {provider.family_name}")


def _insert(session: Session, table: Table, **values: Any) -> Any:
    """A row; returns the first column of its key."""
    key, *_ = table.primary_key.columns
    return session.execute(insert(table).values(**values).returning(key)).scalar_one()
