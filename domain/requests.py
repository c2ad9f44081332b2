"""Requests: who asks for a change, and the correlation id that follows it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """Who asked, and the correlation id that follows the request through every log line and audit entry."""

    actor: str
    correlation_id: str
