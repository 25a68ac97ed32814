"""What is noted of a call."""

from dataclasses import dataclass
from typing import Any

from tests.fakes.vendor.ledger import Entry


@dataclass(frozen=True, kw_only=True)
class Call(Entry):
    """One call of a method of the Bot API."""

    bot_id: int | None
    chat_id: int | None

    @property
    def ok(self) -> bool:
        return self.happened and isinstance(self.answer, dict) and bool(self.answer.get("ok"))

    @property
    def result(self) -> Any:
        return self.answer["result"]
