"""Who comes when: rows of bookings in the columns of the "Medical Appointment No Shows" data, plain or gzipped."""

import csv
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import islice
from pathlib import Path

from frontdesk.errors import CannotRun

_GIVEN = ("Ana", "Bruno", "Carla", "Davi", "Elisa", "Felipe", "Gabriela", "Hugo", "Ines", "Joana", "Lucas", "Marina")
_FAMILY = ("Almeida", "Barbosa", "Cardoso", "Duarte", "Esteves", "Freitas", "Gouveia", "Lacerda", "Moreira", "Nogueira")
_OLDEST = 130  # years
_NEEDED = ("PatientId", "ScheduledDay", "AppointmentDay", "Age", "Neighbourhood")


@dataclass(frozen=True)
class Arrival:
    """Somebody asks for a visit: `at` is the clinic's wall time, naive."""

    patient: str
    at: datetime
    day: date  # for which they ask
    age: int
    place: str

    @cached_property
    def _digest(self) -> bytes:
        return hashlib.sha256(self.patient.encode()).digest()

    @property
    def number(self) -> int:
        """A number that a patient always has and that tells nothing of them."""
        return int.from_bytes(self._digest[:4], "big")

    @property
    def address(self) -> str:
        """Where they write from, always the same."""
        return f"replay-{self._digest.hex()[:16]}"

    @property
    def name(self) -> str:
        """An invented name, always the same."""
        return f"{_GIVEN[self.number % len(_GIVEN)]} {_FAMILY[self.number // 100 % len(_FAMILY)]}"

    @property
    def birth_date(self) -> date:
        """An invented birthday that fits the age; one row's age is -1."""
        return self.at.date() - timedelta(days=max(self.age, 0) * 365.25 + 1 + self.number % 364)


def read(file: Path, limit: int | None = None) -> list[Arrival]:
    """The first rows of a file in the order in which they came, at least one; CannotRun says which row cannot be read."""
    try:
        with (gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8", newline="") as lines:
            found = list(islice(_arrivals(csv.DictReader(lines), file), limit))
    except OSError as error:
        raise CannotRun(f"{file} cannot be read ({error.strerror or error}).") from None
    except (EOFError, UnicodeDecodeError, zlib.error, csv.Error) as error:
        raise CannotRun(f"{file} cannot be read as CSV in UTF-8 ({error}).") from None
    if not found:
        raise CannotRun(f"{file} has no rows.")
    return found


def _arrivals(rows: "csv.DictReader[str]", file: Path) -> Iterator[Arrival]:
    missing = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
    if missing:
        raise CannotRun(f"{file} has no column {', '.join(missing)}: it must have {', '.join(_NEEDED)}.")
    for row in rows:
        try:
            yield _arrival(row)
        except (TypeError, ValueError) as error:
            raise CannotRun(f"{file}, line {rows.line_num}, cannot be read: {error}.") from None


def _arrival(row: dict[str, str]) -> Arrival:
    if any(row[name] is None for name in _NEEDED):
        raise ValueError("it is too short")
    # It says Z, and is the clinic's wall clock all the same.
    at = datetime.fromisoformat(row["ScheduledDay"]).replace(tzinfo=None)
    age = int(row["Age"])
    if age > min(_OLDEST, at.year - 1):
        raise ValueError(f"nobody is {age} years old")
    return Arrival(
        row["PatientId"], at, datetime.fromisoformat(row["AppointmentDay"]).date(), age, row["Neighbourhood"]
    )
