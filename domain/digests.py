"""Canonical JSON and the ids derived from it: the same content has the same bytes everywhere."""

import hashlib
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from domain import canonical_json


def instant(moment: datetime) -> str:
    """Write a UTC instant the one way it is written in evidence: 2026-01-31T12:00:00.000000Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def canonical(content: Any) -> bytes:
    """
    Return the RFC 8785 canonical JSON of a dataclass or plain value, so that any language can
    recompute a hash of it. Instants are RFC 3339 strings of one form, amounts strings of stroops.
    """
    if is_dataclass(content) and not isinstance(content, type):
        content = asdict(content)
    return canonical_json.encode(_plain(content))


def fingerprint(content: Any) -> str:
    """Return the SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(content)).hexdigest()


def derived_id(prefix: str, *parts: str) -> str:
    """Return a stable id such as evt_9f...: the same parts always give the same id."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{prefix}_{digest[:24]}"
