"""Requests: who asks for a change, the correlation id that follows it, and what makes it safe to repeat."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# Stands before the name of whoever asked without proving who they are: by a signal, or in a Web UI.
UNVERIFIED = "unverified:"
_NAME_MAX = 80
# Longer than any request is waited for, and as long as a caller may repeat one.
CLAIM_LASTS = timedelta(seconds=30)
KEPT = timedelta(days=30)


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


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """
    What a request with an Idempotency-Key claims before it does anything: the key is the principal's, and
    is for requests with this fingerprint alone. A holder that is silent until `claimed_until` has died.
    """

    principal: str
    key_digest: bytes
    fingerprint: bytes
    holder: str
    claimed_until: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What a request was answered; the body is encrypted with the key that came with it."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KnownRequest:
    """What is known of a key that is taken; without an answer it is being carried out."""

    fingerprint: bytes
    answer: KeptAnswer | None


def make_idempotency_claim(
    principal: str, key: str, fingerprint: bytes, holder: str, at: datetime
) -> IdempotencyClaim:
    digest = hashlib.sha256(f"{principal}\x1f{key}".encode()).digest()
    return IdempotencyClaim(principal, digest, fingerprint, holder, at + CLAIM_LASTS, at + KEPT)
