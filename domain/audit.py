"""The audit entry: the record of one change, hashed as RFC 6962 hashes the leaves of a Merkle tree."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.digests import canonicalize, derive_id
from domain.requests import Request

# Who acts where nobody has asked.
ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change: who did what to which subject, when, and the payload that proves it."""

    id: str
    subject: str
    action: str
    actor: str
    correlation_id: str
    at: datetime
    evidence: dict[str, Any]

    def content(self) -> bytes:
        """Return the exact bytes that are hashed and stored."""
        return canonicalize(self)


def make_audit_entry(
    subject: str, action: str, by: Request, at: datetime, evidence: dict[str, Any], *key: str
) -> AuditEntry:
    """Make an entry whose id stays the same however often the same activity is repeated."""
    id_ = derive_id("aud", subject, action, *key)
    return AuditEntry(id_, subject, action, by.actor, by.correlation_id, at, evidence)


def make_engine_request(correlation_id: str) -> Request:
    """Return the request of what the engine does by itself, under the correlation id of what started it."""
    return Request(ENGINE, correlation_id)


def hash_leaf(content: bytes) -> bytes:
    """Return the RFC 6962 leaf hash of an entry's content."""
    return hashlib.sha256(b"\x00" + content).digest()
