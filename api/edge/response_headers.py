"""The headers that every answer bears: against guessing browsers, and for the browsers of allowed origins."""

from collections.abc import Iterable

from starlette.types import Scope

Headers = list[tuple[bytes, bytes]]
CORRELATION_HEADER = b"x-correlation-id"
# An answer of the API is data: a browser that opens it runs, loads and frames nothing.
_SECURITY: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
]
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")
METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE"
REQUEST_HEADERS = (
    b"authorization, content-type, x-csrf-token, cache-control, x-api-key, idempotency-key, if-match, "
    b"if-none-match, x-correlation-id, traceparent, tracestate"
)
EXPOSED = (
    b"x-correlation-id, retry-after, content-disposition, etag, location, deprecation, sunset, "
    b"idempotency-replayed, ratelimit, ratelimit-policy, x-export-id, x-next-cursor"
)
PREFLIGHT_SECONDS = b"600"


def list_security_headers(scheme: str) -> Headers:
    """Return what every answer bears, and over HTTPS also that it must stay so."""
    return [*_SECURITY, _HSTS] if scheme == "https" else _SECURITY


def add_missing(given: Iterable[tuple[bytes, bytes]], wanted: Headers) -> Headers:
    """Add headers that an answer does not have of its own."""
    kept = list(given)
    names = {name.lower() for name, _ in kept}
    return kept + [header for header in wanted if header[0] not in names]


class Origins:
    """Which pages of other origins may call the API with their users' cookies: exactly those listed."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = {origin.encode() for origin in allowed}

    def list_headers(self, origin: bytes | None) -> Headers:
        """Return the CORS headers of an answer to a page of this origin."""
        if not self.allowed:
            return []
        vary: Headers = [(b"vary", b"Origin")]
        if origin not in self.allowed or origin is None:
            return vary
        return [
            *vary,
            (b"access-control-allow-origin", origin),
            (b"access-control-allow-credentials", b"true"),
            (b"access-control-expose-headers", EXPOSED),
        ]

    def answer_preflight(self, scope: Scope, headers: dict[bytes, bytes]) -> Headers | None:
        """Return the headers that allow a browser to go on; None where nobody asked, or it may not."""
        asked = scope["method"] == "OPTIONS" and b"access-control-request-method" in headers
        if not asked or headers.get(b"origin") not in self.allowed:
            return None
        return [
            (b"access-control-allow-methods", METHODS),
            (b"access-control-allow-headers", REQUEST_HEADERS),
            (b"access-control-max-age", PREFLIGHT_SECONDS),
        ]
