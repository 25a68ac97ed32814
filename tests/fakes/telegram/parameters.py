"""The parameters of one call, however they were sent."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.telegram.refusals import bad_request

NESTED = {
    "allowed_updates",
    "commands",
    "entities",
    "link_preview_options",
    "reply_markup",
    "reply_parameters",
    "scope",
}


@dataclass(frozen=True)
class Upload:
    """A file that came with a call."""

    content: bytes
    file_name: str
    mime_type: str


@dataclass(frozen=True)
class Parameters:
    """Text as it came, read as what a method needs."""

    values: dict[str, Any]
    uploads: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Empty where there is none, as Telegram makes no difference."""
        value = self.values.get(name)
        return "" if value is None else str(value)

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def integer(self, name: str, default: int, least: int | None = None, most: int | None = None) -> int:
        """What is no number counts as the default; too little and too much are moved to the limits [S]."""
        try:
            value = int(self.text(name) or default)
        except ValueError:
            value = default
        value = value if least is None else max(least, value)
        return value if most is None else min(most, value)

    def flag(self, name: str) -> bool:
        return self.text(name).lower() in {"true", "yes", "1"}

    def nested(self, name: str, what: str) -> Any:
        """JSON within a parameter; None where there is none."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {what} JSON object") from None

    def upload(self, name: str) -> Upload | None:
        """The file of this parameter: sent under its name, or attached under another."""
        attached = self.text(name).removeprefix("attach://")
        return self.uploads.get(name) or self.uploads.get(attached)

    @property
    def chat_id(self) -> int | None:
        try:
            return int(self.text("chat_id"))
        except ValueError:
            return None

    def for_the_ledger(self) -> dict[str, Any]:
        """As plain JSON, with files by name and size."""
        files = {name: {"file_name": file.file_name, "size": len(file.content)} for name, file in self.uploads.items()}
        return {**{name: _read(name, value) for name, value in self.values.items()}, **files}


def _read(name: str, value: Any) -> Any:
    if name not in NESTED or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
