"""Who asks for a change, and the correlation id by which the change is followed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """Who asked, and the correlation id that follows the request through every log line and audit entry."""

    actor: str
    correlation_id: str
