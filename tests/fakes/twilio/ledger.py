"""What is noted of a call."""

from dataclasses import dataclass

from tests.fakes.vendor.ledger import Entry


@dataclass(frozen=True, kw_only=True)
class Call(Entry):
    """One call of the REST API, by its method in the table of routes."""

    to: str | None  # the number, without a channel

    @property
    def ok(self) -> bool:
        return self.happened and (not isinstance(self.answer, dict) or "more_info" not in self.answer)
