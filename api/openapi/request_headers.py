"""The header `Idempotency-Key` in the OpenAPI document: every operation that changes something takes it."""

from typing import Any

from api.protocol.idempotency import HEADER, KEY_MAX, REPLAYED

KEY_PARAMETER: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "Repeat safely: the same key with the same content is carried out once, and answered "
    "the same for 30 days.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_MAX},
}
_REPLAYED = {
    "description": "true when this was answered before, and nothing was done now",
    "schema": {"type": "string", "enum": ["true"]},
}


def declare_key(operation: dict[str, Any]) -> None:
    """Let an operation take the key, and its successes say when they are repeated."""
    operation.setdefault("parameters", []).append(
        {"$ref": "#/components/parameters/IdempotencyKey"}
    )
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            response.setdefault("headers", {})[REPLAYED] = _REPLAYED
