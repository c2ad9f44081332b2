"""
Structured logs: one JSON object a line, with the ids of the request, the outage and the payment.

`bind` adds the correlation id, the outage and the payment to the context of the current task; every
line logged there, by any library, has these fields. Every line is redacted.
"""

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

import orjson

from adapters.redaction import Redactor, find_secrets

LogFormat = Literal["json", "console"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
SUBJECTS = ("correlation_id", "outage_id", "payment_id")
# Values that a caller may put into a line under these names: never a sentence, never a line break.
_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}", re.ASCII)
_NOTHING: dict[str, Any] = {}
_context: ContextVar[dict[str, Any]] = ContextVar("log_context", default=_NOTHING)
# Attributes that the standard library sets on every record; the others come from whoever logged.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# Our own lines say the same already, or a line for each call is not useful.
_QUIET = ("httpx", "httpcore", "asyncio", "uvicorn.access", "stellar_sdk")


def bind(**fields: Any) -> None:
    """Add fields to every later line of this task; None and malformed ids are left out."""
    known = {
        name: value
        for name, value in fields.items()
        if value is not None and (name not in SUBJECTS or _ID.fullmatch(str(value)))
    }
    _context.set(_context.get() | known)


@contextmanager
def replace_context(**fields: Any) -> Iterator[None]:
    """Replace all bound fields by these inside the block; the earlier ones return at its end."""
    before = _context.set(_NOTHING)
    try:
        bind(**fields)
        yield
    finally:
        _context.reset(before)


def get_context() -> dict[str, Any]:
    """Return the fields that lines of this task have now."""
    return dict(_context.get())


def parse_workflow_id(workflow_id: str) -> dict[str, str]:
    """Return the outage that a workflow's id names."""
    kind, _, rest = workflow_id.partition("/")
    if kind in ("payment", "attestation"):
        return {"outage_id": rest.rpartition("/")[0]}
    if kind == "outage":
        return {"outage_id": rest}
    return {}


def _collect_fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return all fields of a line besides its text and its exception."""
    extras = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    found = dict(_context.get())
    # The SDK's loggers know their workflow or activity even where our context is not set.
    known = extras.pop("temporal_workflow", None) or extras.pop("temporal_activity", None) or {}
    extras.pop("temporal_activity", None)
    extras.pop("temporal_log", None)
    extras.pop("color_message", None)
    if workflow_id := known.get("workflow_id"):
        found = {"workflow_id": workflow_id} | parse_workflow_id(workflow_id) | found
    if "activity_type" in known:
        found = {"activity": known["activity_type"], "attempt": known.get("attempt")} | found
    return found | {name: value for name, value in extras.items() if not name.startswith("__")}


class _Redacting(logging.Formatter):
    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self.redactor = redactor

    def clean(self, value: Any) -> Any:
        """Redact text; numbers and booleans do not change."""
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.redactor.redact(str(value))

    def make_line(self, record: logging.LogRecord) -> dict[str, Any]:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": self.clean(record.getMessage()),
        }
        for name, value in _collect_fields(record).items():
            line.setdefault(name, self.clean(value))
        if record.exc_info:
            line["exception"] = self.clean(self.formatException(record.exc_info))
        return line


class JsonFormatter(_Redacting):
    """One JSON object a line, for machines that collect logs."""

    def format(self, record: logging.LogRecord) -> str:
        return orjson.dumps(self.make_line(record)).decode()


class ConsoleFormatter(_Redacting):
    """One line of text with the same fields, for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        line = self.make_line(record)
        head = [str(line.pop(name)) for name in ("timestamp", "level", "logger", "event")]
        exception = line.pop("exception", None)
        tail = [f"{name}={value}" for name, value in line.items() if value is not None]
        text = f"{head[0]} {head[1].upper():7} {head[3]}"
        text = " ".join([text, *tail, f"logger={head[2]}"])
        return f"{text}\n{exception}" if exception else text


def redact(text: str) -> str:
    """Redact a sentence that a process prints outside its log."""
    return Redactor(find_secrets(os.environ)).redact(text)


def make_formatter(kind: LogFormat) -> logging.Formatter:
    redactor = Redactor(find_secrets(os.environ))
    return JsonFormatter(redactor) if kind == "json" else ConsoleFormatter(redactor)


def configure(kind: LogFormat, level: LogLevel) -> None:
    """Send the lines of every logger of this process to standard error, in one format."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(make_formatter(kind))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def _log_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Log the exception that ends the process, so that its traceback is redacted too."""
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger("uncaught").critical(
        "the process ends because of an error", exc_info=(kind, error, traceback)
    )
