"""Logs are events with fields: ids and codes, never what a person wrote."""

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict

# What may stand in a log. A field that is not here is dropped: names, numbers and texts have no way in.
_FIELDS = frozenset(
    {
        "event", "level", "source", "timestamp", "process",
        "account", "attempts", "channel", "code", "conversation_id", "count", "error", "hash", "inbox_id", "lease", "method", "milliseconds", "outbox_id",
        "path", "port", "reason", "seal_id", "status", "turn_id", "where",
    }
)  # fmt: skip


def set_up(process: str, level: str = "info") -> None:
    """Log to standard error as JSON lines, or in colour where a person looks on."""
    renderer: Any = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()

    def named(_logger: Any, _method: str, event: EventDict) -> EventDict:
        return {"process": process, **event}  # not a context variable: threads would not inherit it

    structlog.configure(
        processors=[
            named,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _where_it_broke,
            _only_known_fields,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # whatever standard error is by then
        cache_logger_on_first_use=False,
    )


def get(name: str) -> Any:
    """A logger for one file."""
    return structlog.get_logger(source=name)


def _where_it_broke(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """An exception as its type and the lines it passed: its message and its locals may hold what a person wrote."""
    if not event.pop("exc_info", None):
        return event
    kind, _error, trace = sys.exc_info()
    if kind is None:
        return event
    steps = []
    while trace is not None:
        code = trace.tb_frame.f_code
        steps.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return {**event, "error": kind.__name__, "where": steps[-8:]}


def _only_known_fields(_logger: Any, _method: str, event: EventDict) -> EventDict:
    return {name: value for name, value in event.items() if name in _FIELDS}
