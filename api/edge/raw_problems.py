"""RFC 9457 problems of what never reaches a route: as bytes, for the middleware and for the protocol."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import uuid4

import orjson

from api.edge.response_headers import CORRELATION_HEADER, list_security_headers


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request goes no further; `field` is what the sentence is about, where it is about one."""

    status: int
    code: str
    detail: str
    field: str | None = None
    retry_after_seconds: int | None = None
    # What the answer says besides, for programs.
    headers: tuple[tuple[bytes, bytes], ...] = ()


MALFORMED = Refusal(400, "malformed", "this is no HTTP/1.1 request: send one")
HEAD_TOO_LARGE = Refusal(
    431, "head_too_large", "the request line and the headers are too large: send fewer, and shorter"
)
HEAD_TOO_LATE = Refusal(
    408, "too_late", "the headers did not arrive in time: send the request again, at once"
)
BODY_TOO_LATE = Refusal(
    408, "too_late", "the body did not arrive in time: send the request again, at once"
)
CROWDED = Refusal(
    503,
    "unavailable",
    "too many connections are open: repeat the request in a moment",
    retry_after_seconds=1,
)
CODED = Refusal(
    415,
    "unsupported_media_type",
    "the body must not be compressed: send it without Content-Encoding",
    headers=((b"accept-encoding", b"identity"),),
)
BODIES_CROWDED = Refusal(
    503,
    "unavailable",
    "too many large bodies are on their way: repeat the request in a moment",
    retry_after_seconds=1,
)


def render_body(refusal: Refusal, instance: str, correlation_id: str) -> bytes:
    """Return the problem of a refusal as JSON."""
    detail = refusal.detail if refusal.field is None else f"{refusal.field}: {refusal.detail}"
    content = {
        "type": f"/docs/errors#{refusal.code}",
        "title": refusal.code.replace("_", " "),
        "status": refusal.status,
        "detail": detail,
        "instance": instance,
        "correlation_id": correlation_id,
    }
    errors = [{"field": refusal.field, "message": refusal.detail}]
    return orjson.dumps(content | ({} if refusal.field is None else {"errors": errors}))


def list_headers(refusal: Refusal, body: bytes) -> list[tuple[bytes, bytes]]:
    """Return the headers of a refusal, which also ends its connection."""
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        # What may still be on its way is not read, so the connection cannot be used again.
        (b"connection", b"close"),
        *refusal.headers,
    ]
    if refusal.retry_after_seconds is not None:
        headers.append((b"retry-after", str(refusal.retry_after_seconds).encode()))
    return headers


def render_answer(refusal: Refusal) -> bytes:
    """Return the whole answer to what is no request that the application could be given."""
    correlation_id = uuid4().hex
    body = render_body(refusal, "", correlation_id)
    headers = [
        *list_headers(refusal, body),
        (CORRELATION_HEADER, correlation_id.encode()),
        *list_security_headers("http"),
    ]
    status = HTTPStatus(refusal.status)
    lines = [f"HTTP/1.1 {status.value} {status.phrase}".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", body])
