"""A measured figure, and how figures are shown."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """`value` is `of` in words: what is divided by what. A goal is met from above ("least") or from below ("most")."""

    name: str
    value: float
    of: str
    goal: float | None = None
    bound: Literal["least", "most"] = "most"
    details: dict[str, float] = {}

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None where there is none."""
        if self.goal is None:
            return None
        return self.value >= self.goal if self.bound == "least" else self.value <= self.goal


def ratio(name: str, value: float, baseline: float, of: str, **more: object) -> Figure:
    """A figure that is `value` divided by `baseline`."""
    return msgspec.convert({"name": name, "value": round(value / baseline, 4), "of": of, **more}, Figure)


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def as_json(figures: Iterable[Figure]) -> str:
    """For programs."""
    rows = [{**msgspec.structs.asdict(figure), "is_met": figure.is_met} for figure in figures]
    return msgspec.json.format(msgspec.json.encode(rows)).decode()


def as_line(figure: Figure) -> str:
    """For people: name, value, goal and verdict; then what was divided by what, and what it was made of."""
    sign = {"least": "≥", "most": "≤"}[figure.bound]
    goal = "" if figure.goal is None else f"{sign} {figure.goal:g}"
    verdict = {True: "met", False: "MISSED", None: ""}[figure.is_met]
    details = "".join(f"\n{'':4}{name}: {value:,.4g}" for name, value in figure.details.items())
    return f"{figure.name:<22} {figure.value:>9.3f}  {goal:<8} {verdict:<7} {figure.of}{details}"
