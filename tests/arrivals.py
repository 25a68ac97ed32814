"""Invented bookings and doctors in the columns of the real files, the same for the same seed."""

import csv
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

PLACES = ("HARBOUR", "OLD TOWN", "SÃO MIGUEL", "MILL HILL", "NORTH GATE")
_MONDAY = datetime(2026, 3, 9, 7)
_SYLLABLES = ("bar", "cor", "den", "fal", "gor", "hes", "lin", "mor", "nev", "pel", "ros", "tal", "var", "wex")


def write_bookings(file: Path, count: int, seed: int) -> None:
    """So many bookings of one Monday; one in five patients comes again, one asks for yesterday, one is aged -1."""
    random = Random(seed)
    at = _MONDAY
    patients = [str(random.randrange(10**9, 10**14)) for _ in range(count * 4 // 5)]
    with file.open("w", encoding="utf-8", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(("PatientId", "AppointmentID", "ScheduledDay", "AppointmentDay", "Age", "Neighbourhood"))
        for number in range(count):
            at += timedelta(seconds=random.randrange(1, 60))
            patient = patients[number] if number < len(patients) else random.choice(patients)
            day = at.date() + timedelta(days=-1 if number == 7 else random.choice((0, 1, 1, 2, 3, 4, 7, 8, 9, 30)))
            age = -1 if number == 9 else random.randrange(0, 100)
            place = PLACES[int(patient) % len(PLACES)]
            rows.writerow((patient, 5_000_000 + number, f"{at.isoformat()}Z", f"{day}T00:00:00Z", age, place))


def write_providers(file: Path, count: int, seed: int) -> None:
    """So many doctors, of whom two share a name, one takes nobody new, and one needs an hour for everybody."""
    random = Random(seed)
    names = ["".join(random.sample(_SYLLABLES, 3)).title() for _ in range(count)]
    names[1] = names[0]
    with file.open("w", encoding="utf-8", newline="") as lines:
        rows = csv.writer(lines)
        rows.writerow(("first_name", "last_name", "specialty", "slot_minutes", "accepting_new"))
        for number, name in enumerate(names):
            minutes = 60 if number == 2 else random.choice((10, 15, 20, 30))
            rows.writerow((random.choice(("Ada", "Noor", "Piet")), name, "primary_care", minutes, int(number != 3)))
