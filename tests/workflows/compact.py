"""
A recorded history, as small as replay allows, and the same for the same course of things.

What only says where and by whom it was recorded is left out, and ids that were drawn are numbered in
the order in which they appear. A clock's readings stay: they are what workflow code was told.
"""

import json
import re
from typing import Any

# About the server, the worker or the reader of a history; no workflow code is ever told.
_UNNEEDED = {
    *("taskId", "identity", "requestId", "namespaceId", "parentWorkflowNamespaceId"),
    *("workerVersion", "historySizeBytes", "meteringMetadata", "stackTrace", "userMetadata"),
}
_DRAWN = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


def compact(history: str) -> str:
    """Return a history in Temporal's JSON on one line."""
    text = json.dumps(_without(json.loads(history)), separators=(",", ":"))
    numbers: dict[str, int] = {}

    def number(drawn: re.Match[str]) -> str:
        return f"00000000-0000-7000-8000-{numbers.setdefault(drawn[0], len(numbers) + 1):012}"

    return _DRAWN.sub(number, text) + "\n"


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without(kept) for name, kept in value.items() if name not in _UNNEEDED}
    return [_without(kept) for kept in value] if isinstance(value, list) else value
