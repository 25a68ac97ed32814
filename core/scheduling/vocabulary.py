"""The specialties that Frontdesk knows from the start, with lay words. Sources and licences: SPECIALTIES-NOTICE.md."""

import csv
from importlib.resources import files

from core.scheduling.directory import Specialty


def specialties(language: str = "en") -> tuple[Specialty, ...]:
    """Every specialty with its words in one language."""
    with files("core.scheduling").joinpath("specialties.csv").open(encoding="utf-8") as file:
        return tuple(
            Specialty(row["code"], row["label"], tuple(row["words"].split("|")))
            for row in csv.DictReader(file)
            if row["lang"] == language
        )
