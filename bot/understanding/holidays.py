"""Days that have a name: fixed in the calendar, a weekday of a month, or so many days from Easter."""

import re
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Holiday:
    """A named day, by the month and day of every year or by its distance from Easter."""

    month: int = 0
    day: int = 0
    weekday: int | None = None  # then `day` counts them in the month; -1 is the last
    from_easter: int | None = None

    def on(self, year: int) -> date:
        if self.from_easter is not None:
            return easter(year) + timedelta(days=self.from_easter)
        if self.weekday is None:
            return date(year, self.month, self.day)
        after = date(year, self.month, 1) if self.day > 0 else date(year + self.month // 12, self.month % 12 + 1, 1)
        first = after + timedelta(days=(self.weekday - after.weekday()) % 7)
        return first + timedelta(weeks=self.day - (self.day > 0))


def holiday(written: str) -> Holiday:
    """A day as the lexicon writes it: "12-25", "easter+1", "11-4-3" (of November, the fourth Thursday)."""
    if found := re.fullmatch(r"easter([+-]\d+)", written):
        return Holiday(from_easter=int(found[1]))
    month, day, *weekday = (int(part) for part in re.findall(r"(?<=-)-?\d+|^\d+", written))
    return Holiday(month, day, *weekday)


def easter(year: int) -> date:
    """Easter Sunday of the western churches (Butcher's rule, as in Meeus, Astronomical Algorithms)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    g = (8 * b + 13) // 25
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    month, day = divmod(h + m + 114 - 7 * ((a + 11 * h + 22 * m) // 451), 31)
    return date(year, month, day + 1)
