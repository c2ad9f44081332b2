"""
The errors that operations share in the OpenAPI document: one response a status, with an example of each
code that it may bear. docs/errors.md explains the same codes.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from api.edge.body_limits import BODY_RULE
from api.edge.raw_problems import BODY_TOO_LATE, HEAD_TOO_LARGE, MALFORMED
from api.middleware import PREFIX, render_internal

CORRELATION_ID = "5ebffc7245164b2e9d4d9afd34dc6c29"


@dataclass(frozen=True)
class SharedError:
    """`examples` are sentences by code; `field` is what the one of its code says the rule of."""

    name: str
    description: str
    examples: dict[str, str]
    field: tuple[str, str] | None = None


SHARED: dict[int, SharedError] = {
    # No operation refers to 408 and 431: they answer what has not become a request, as does `malformed`.
    400: SharedError(
        "WrongCredentials",
        "The e-mail address or the password is wrong, which one is not said; or what was sent is no HTTP request.",
        {
            "wrong_credentials": "the e-mail address or the password is wrong",
            MALFORMED.code: MALFORMED.detail,
        },
    ),
    401: SharedError(
        "Unauthenticated",
        "The caller is not known: the API key is missing or wrong, or the session has ended.",
        {"unauthenticated": "the API key is missing: send it in the header X-API-Key, or log in"},
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
    408: SharedError(
        "TooLate",
        "The headers or the body did not arrive in time.",
        {BODY_TOO_LATE.code: BODY_TOO_LATE.detail},
    ),
    409: SharedError(
        "Conflict",
        "The request contradicts what has already happened; nothing was written.",
        {
            "conflict": "outage 'OUT-1' is closed and cannot be resolved",
            "illegal_transition": "payment pay_1 is confirmed and may not become on_hold by this operation",
            "request_in_flight": "the request with this Idempotency-Key is being carried out: repeat it in a moment",
        },
    ),
    412: SharedError(
        "PreconditionFailed",
        "What is to be changed is not as `If-Match` says; nothing was written.",
        {"precondition_failed": "outage 'OUT-1' has changed since you read it: read it again"},
    ),
    413: SharedError(
        "TooLarge",
        "The body is larger than any request needs.",
        {"too_large": BODY_RULE},
        ("too_large", "body"),
    ),
    415: SharedError(
        "UnsupportedMediaType",
        "The body is of a content type that the operation does not read, or is compressed; nothing was written.",
        {
            "unsupported_media_type": "the body must be JSON: send it with Content-Type: application/json"
        },
    ),
    422: SharedError(
        "Invalid",
        "A field is wrong, and `errors` names it; or the request cannot be carried out as it is. "
        "Nothing was written.",
        {
            "invalid": "must carry a time zone, for example 2026-01-31T12:00:00Z",
            "refused": "the database cannot hold this value: numeric field overflow",
            "idempotency_key_reused": "this Idempotency-Key came with another path or body before: "
            "send a new key with new content",
        },
        ("invalid", "detected_at"),
    ),
    429: SharedError(
        "TooMany",
        "This was asked for too often; the headers RateLimit and Retry-After say when to come again.",
        {"too_many": "too many logins from your address: try again in 30 seconds"},
    ),
    431: SharedError(
        "HeadTooLarge",
        "The request line and the headers are larger than any request needs.",
        {HEAD_TOO_LARGE.code: HEAD_TOO_LARGE.detail},
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
    if status in {
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.CONFLICT,
    }:
        headers["Retry-After"] = text | {"description": "seconds to wait before repeating"}
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = text | {"description": "the methods that the path knows"}
    if status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:
        headers["Accept"] = text | {
            "description": "the content type that is read, if it was another"
        }
        headers["Accept-Encoding"] = text | {
            "description": "identity, if the body came with a Content-Encoding: send it without"
        }
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
