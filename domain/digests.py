"""Canonical JSON and the ids derived from it: the same content has the same bytes everywhere."""

import hashlib
import json
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any


def instant(moment: datetime) -> str:
    """Write a UTC instant the one way it is written in evidence: 2026-01-31T12:00:00.000000Z."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        # Only coordinates are floats; repr is the shortest text that reads back the same.
        return repr(value)
    if isinstance(value, dict):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def canonical(content: Any) -> bytes:
    """Return the canonical JSON of a dataclass or plain value: sorted keys, no spaces, UTF-8."""
    if is_dataclass(content) and not isinstance(content, type):
        content = asdict(content)
    text = json.dumps(_plain(content), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def fingerprint(content: Any) -> str:
    """Return the SHA-256 of the canonical JSON, in hex."""
    return hashlib.sha256(canonical(content)).hexdigest()


def derived_id(prefix: str, *parts: str) -> str:
    """Return a stable id such as evt_9f...: the same parts always give the same id."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{prefix}_{digest[:24]}"
