"""Where in a trace a piece of work is, and the piece itself while it goes on."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class TraceParent:
    """Where in a trace we are: its id, the id of the current span, and whether it is recorded."""

    trace_id: str
    span_id: str
    sampled: bool = False

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


class OpenSpan:
    """A piece of work that goes on; it is exported when it ends, where anything is exported."""

    def __init__(self, context: TraceParent, exported: Any = None) -> None:
        self.context = context
        self.exported = exported

    def describe(self, name: str, status: int | None = None) -> None:
        """Say what the work was, once that is known."""
        if self.exported is not None:
            self.exported.update_name(name)
            if status is not None:
                self.exported.set_attribute("http.response.status_code", status)
