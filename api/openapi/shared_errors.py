"""
The errors that operations share in the OpenAPI document: one response a status, with an example of each
code that it may bear. docs/errors.md explains the same codes.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from api.middleware import BODY_RULE, PREFIX, render_internal

CORRELATION_ID = "5ebffc7245164b2e9d4d9afd34dc6c29"


@dataclass(frozen=True)
class SharedError:
    """`examples` are sentences by code; `field` is what the one of its code says the rule of."""

    name: str
    description: str
    examples: dict[str, str]
    field: tuple[str, str] | None = None


SHARED: dict[int, SharedError] = {
    401: SharedError(
        "Unauthenticated",
        "The API key is missing or not known.",
        {"unauthenticated": "the API key is missing: send it in the header X-API-Key"},
    ),
    403: SharedError(
        "Forbidden",
        "The caller is known, and has no permission to do this.",
        {
            "forbidden": "this request needs the permission webhooks:manage, which the role operator does not have"
        },
    ),
    404: SharedError(
        "NotFound",
        "What the path or the body names does not exist.",
        {"not_found": "outage 'OUT-1' does not exist"},
    ),
    # No operation refers to it: who gets it has asked for none.
    405: SharedError(
        "MethodNotAllowed",
        "The path does not know this method; the header Allow names those that it knows.",
        {"method_not_allowed": "Method Not Allowed"},
    ),
    409: SharedError(
        "Conflict",
        "The request contradicts what has already happened; nothing was written.",
        {
            "conflict": "outage 'OUT-1' is closed and cannot be resolved",
            "illegal_transition": "payment pay_1 is confirmed and may not become on_hold by this operation",
        },
    ),
    413: SharedError(
        "TooLarge",
        "The body is larger than any request needs.",
        {"too_large": BODY_RULE},
        ("too_large", "body"),
    ),
    422: SharedError(
        "Invalid",
        "A field is wrong, and `errors` names it; or the request cannot be carried out as it is. "
        "Nothing was written.",
        {
            "invalid": "must carry a time zone, for example 2026-01-31T12:00:00Z",
            "refused": "the database cannot hold this value: numeric field overflow",
        },
        ("invalid", "detected_at"),
    ),
    500: SharedError(
        "InternalError",
        "A defect; the server log has it under the correlation id.",
        {"internal": render_internal(CORRELATION_ID)},
    ),
    503: SharedError(
        "Unavailable",
        "The database, Temporal or the Stellar network does not answer, or somebody else changed the "
        "same thing meanwhile; repeat.",
        {
            "unavailable": "the database does not answer; repeat the request",
            "chain_unavailable": "no RPC node answers",
            "try_again": "payment pay_1 was changed by another process meanwhile; read it again",
        },
    ),
}


def render_shared(status: int) -> dict[str, Any]:
    """Return the response of a status as the document's components hold it."""
    shared = SHARED[status]
    text = {"schema": {"type": "string"}}
    headers = {"X-Correlation-ID": text | {"description": "finds the request in the logs"}}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = text | {"description": "seconds to wait before repeating"}
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = text | {"description": "the methods that the path knows"}
    content = {
        "schema": {"$ref": "#/components/schemas/Problem"},
        "examples": {code: {"value": _render_example(status, code)} for code in shared.examples},
    }
    return {
        "description": shared.description,
        "headers": headers,
        "content": {"application/problem+json": content},
    }


def _render_example(status: int, code: str) -> dict[str, Any]:
    shared = SHARED[status]
    of_field, sentence = shared.field, shared.examples[code]
    example = {
        "type": f"/docs/errors#{code}",
        "title": code.replace("_", " "),
        "status": status,
        "detail": sentence,
        "instance": f"{PREFIX}/outages",
        "correlation_id": CORRELATION_ID,
    }
    if of_field is not None and of_field[0] == code:
        example["detail"] = f"{of_field[1]}: {sentence}"
        example["errors"] = [{"field": of_field[1], "message": sentence}]
    return example
