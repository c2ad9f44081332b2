"""Older spellings that are still understood: an answer to one says since when it is, and until when."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from fastapi import Request

from api.parsing.query_parameters import list_parameters

# An older spelling is served for a year after it was named as such.
DEPRECATED_AT = datetime(2026, 11, 30, tzinfo=UTC)
SUNSET_AT = datetime(2027, 11, 30, tzinfo=UTC)
# RFC 9745 and RFC 8594.
HEADERS = {
    "Deprecation": f"@{int(DEPRECATED_AT.timestamp())}",
    "Sunset": format_datetime(SUNSET_AT, usegmt=True),
}
_DESCRIPTIONS = {
    "Deprecation": "where the request used something deprecated: since when it is (RFC 9745)",
    "Sunset": "until when it is served (RFC 8594)",
}


async def add_deprecations(request: Request) -> None:
    """Let whatever is answered, a refusal too, bear both headers where the caller used such a spelling."""
    route, sent = request.scope["route"], request.query_params
    if route.deprecated or (
        sent
        and any(
            parameter.field_info.deprecated and parameter.alias in sent
            for parameter in list_parameters(route.dependant)
        )
    ):
        request.state.answer_headers.extend(
            (name.lower().encode(), value.encode()) for name, value in HEADERS.items()
        )


def declare_deprecations(operation: dict[str, Any]) -> None:
    """Let the successes of an operation that knows older spellings declare both headers."""
    inside = any(each.get("deprecated") for each in operation.get("parameters", []))
    if not inside and not operation.get("deprecated"):
        return
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            declared = {
                name: {"description": meaning, "schema": {"type": "string"}}
                for name, meaning in _DESCRIPTIONS.items()
            }
            response.setdefault("headers", {}).update(declared)
