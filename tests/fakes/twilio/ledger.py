"""What is noted of a call."""

from dataclasses import dataclass
from typing import Any

from tests.fakes.vendor.ledger import Entry


@dataclass(frozen=True)
class Call(Entry):
    """One call of the REST API."""

    method: str  # as in the table of routes
    parameters: dict[str, Any]
    to: str | None  # the number, without a channel
    status: int  # 0: no answer
    answer: Any  # the JSON that was said, or would have been
    fault: str | None = None
    happened: bool = True  # it had its effect

    @property
    def ok(self) -> bool:
        return self.happened and (not isinstance(self.answer, dict) or "more_info" not in self.answer)
