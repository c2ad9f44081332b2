"""What the audit trail remembers about a change: one leaf, hashed as RFC 6962 hashes leaves."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.digests import canonicalize, derive_id
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change: who did what to which subject, when, and the evidence of it."""

    id: str
    subject: str
    action: str
    actor: str
    correlation_id: str
    at: datetime
    evidence: dict[str, Any]

    def content(self) -> bytes:
        """Return the exact bytes that are hashed and kept."""
        return canonicalize(self)


def make_audit_entry(
    subject: str, action: str, by: Request, at: datetime, evidence: dict[str, Any], *key: str
) -> AuditEntry:
    """Make a leaf whose id is the same however often the same step is repeated."""
    id_ = derive_id("aud", subject, action, *key)
    return AuditEntry(id_, subject, action, by.actor, by.correlation_id, at, evidence)


def make_engine_request(correlation_id: str) -> Request:
    """What the engine does by itself is done on behalf of the request that began it."""
    return Request("engine", correlation_id)


def hash_leaf(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()
