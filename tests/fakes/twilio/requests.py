"""What a call brings along, however it was sent."""

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.twilio.refusals import invalid
from tests.fakes.twilio.state import Fields


@dataclass(frozen=True)
class Request:
    """One call of the REST API."""

    verb: str
    path: str
    parts: dict[str, str] = field(default_factory=dict)  # of the path
    form: Fields = field(default_factory=list)  # query and body
    json: Any = None
    headers: dict[str, str] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Empty where there is none: Twilio makes no difference."""
        return next((value for key, value in self.form if key == name), "")

    def has(self, name: str) -> bool:
        return any(key == name for key, _ in self.form)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.form if key == name]

    def flag(self, name: str) -> bool:
        return self.text(name).lower() == "true"

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        value = self.text(name)
        if not value:
            return default
        if not value.isdigit() or not least <= int(value) <= most:
            raise invalid(f"{name} must be a number from {least} to {most}")
        return int(value)

    @property
    def names(self) -> list[str]:
        return [key for key, _ in self.form]

    def for_the_ledger(self) -> dict[str, Any]:
        """As plain JSON; what came twice is a list."""
        if self.json is not None:
            return dict(self.json) if isinstance(self.json, dict) else {"json": self.json}
        every = {name: self.all(name) for name in self.names}
        return {name: values[0] if len(values) == 1 else values for name, values in every.items()}
