"""What was called and what was answered, in memory and in a file that survives."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One call, in the order in which they took effect."""

    at: float  # by the clock
    monotonic: float  # real
    method: str
    parameters: dict[str, Any]
    status: int  # 0: no answer
    answer: Any  # the JSON that was said, or would have been
    fault: str | None = None
    happened: bool = True  # it had its effect


Call = TypeVar("Call", bound=Entry)


@dataclass
class Ledger(Generic[Call]):
    """All calls; with a file, one JSON object a line is added to it for each."""

    path: Path | None = None
    calls: list[Call] = field(default_factory=list)

    def write(self, call: Call) -> None:
        self.calls.append(call)
        if self.path is not None:
            line = json.dumps(asdict(call), ensure_ascii=False) + "\n"
            with self.path.open("ab", buffering=0) as file:  # one write a line, so that a kill leaves whole lines
                file.write(line.encode())
