"""What is noted of a call."""

from dataclasses import dataclass
from typing import Any

from tests.fakes.vendor.ledger import Entry


@dataclass(frozen=True)
class Call(Entry):
    """One call of a method of the Bot API."""

    bot_id: int | None
    method: str
    parameters: dict[str, Any]
    chat_id: int | None
    status: int  # 0: no answer
    answer: Any  # the JSON that was said, or would have been
    fault: str | None = None
    happened: bool = True  # it had its effect

    @property
    def ok(self) -> bool:
        return self.happened and isinstance(self.answer, dict) and bool(self.answer.get("ok"))

    @property
    def result(self) -> Any:
        return self.answer["result"]
