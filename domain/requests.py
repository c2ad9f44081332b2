"""Requests: who asks for a change, and the correlation id that follows it."""

import re
from dataclasses import dataclass

# Stands before the name of whoever asked without proving who they are: by a signal, or in a Web UI.
UNVERIFIED = "unverified:"
_NAME_MAX = 80


@dataclass(frozen=True, slots=True)
class Request:
    """Who asked, and the correlation id that follows the request through every log line and audit entry."""

    actor: str
    correlation_id: str


def make_unverified_request(actor: object, correlation_id: object) -> Request:
    """Return the request of somebody who only says who they are; what they say is printable and short."""
    return Request(UNVERIFIED + _clean(actor), _clean(correlation_id))


def is_unverified(actor: str) -> bool:
    return actor.startswith(UNVERIFIED)


def _clean(said: object) -> str:
    return re.sub(r"[^!-~]", "?", str(said))[:_NAME_MAX]
