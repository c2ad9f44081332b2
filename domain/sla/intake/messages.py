"""Messages: what a source sent at once, and the signals in it, each about one alert."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from domain.errors import Invalid

TEXT_MAX, SUMMARY_MAX, FINGERPRINT_MAX, GROUP_MAX = 500, 1000, 200, 465


class MessageStatus(StrEnum):
    TAKEN = "taken"
    QUARANTINED = "quarantined"
    DISMISSED = "dismissed"


TRANSITIONS: Mapping[MessageStatus, frozenset[MessageStatus]] = {
    # a person has looked at it
    MessageStatus.QUARANTINED: frozenset({MessageStatus.DISMISSED}),
    MessageStatus.TAKEN: frozenset(),
    MessageStatus.DISMISSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class AlertSignal:
    """
    What a message says of one alert. `problem` is what cannot be read of it; then the times may be missing.
    `said_at` is when it was so at the source, if it tells; `can_reopen`, whether it may be said of what ended.
    """

    fingerprint: str
    is_firing: bool
    starts_at: datetime | None
    ends_at: datetime | None
    labels: dict[str, str]
    summary: str = ""
    problem: str | None = None
    said_at: datetime | None = None
    can_reopen: bool = True


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """`group` is what the sender puts together; `truncated`, how many alerts of it were left out."""

    signals: Sequence[AlertSignal]
    group: str | None = None
    truncated: int = 0


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as it came, for evidence; the same bytes once more are the same message."""

    id: str
    source: str
    digest: str
    received_at: datetime
    last_received_at: datetime
    times: int
    status: MessageStatus
    problem: str | None
    content: bytes | None = None


def read_json(content: bytes) -> dict[str, Any]:
    """Return the JSON object that a message is. Raises Invalid."""
    try:
        found = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Invalid("body", f"is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise Invalid("body", "must be a JSON object")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def clean_text(value: Any, most: int = TEXT_MAX) -> str:
    """Return what the database can hold of a text of others: no null byte, no half of a pair, not too long."""
    text = value if isinstance(value, str) else "" if value is None else str(value)
    kept = text[:most].replace("\x00", "\ufffd")
    return kept.encode("utf-8", "replace").decode() if not kept.isascii() else kept


def clean_key(value: Any, most: int) -> str:
    """
    Return a text by which others tell things apart, as the database can hold it. Where it would have to be cut
    or mended, the digest of all of it stands behind what is shown, so that two stay two.
    """
    text = value if isinstance(value, str) else "" if value is None else str(value)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    shown = clean_text(text, most - len(digest) - 1)
    return text if shown == text else f"{shown}:{digest}"


def clean_labels(value: Any) -> dict[str, str]:
    """Return all labels, as many as a message may have: without one, the mapping would take its default."""
    if not isinstance(value, dict):
        return {}
    return {clean_text(name, 200): clean_text(text) for name, text in sorted(value.items())}


def require_object(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = content.get(name)
    if not isinstance(found, dict):
        raise Invalid(name, "is missing: it must be an object")
    return found


def require_word(content: Mapping[str, Any], name: str, field: str | None = None) -> str:
    found = content.get(name)
    if not isinstance(found, str) or not found.strip():
        raise Invalid(field or name, "is missing: it must be a text")
    return clean_text(found.strip())


def require_key(content: Mapping[str, Any], name: str, field: str | None = None) -> str:
    """Return what others call the alert by, as a fingerprint."""
    require_word(content, name, field)
    return clean_key(content[name].strip(), FINGERPRINT_MAX)


def parse_rfc3339(value: Any) -> datetime | None:
    """Return an instant, to the microsecond; None for whatever is none, or has no offset."""
    if (
        not isinstance(value, str)
        or len(value) > 40
        or value[4:5] != "-"
        or not value[5:7].isdigit()  # a week of ISO 8601
        or value[10:11] in ("", " ")
    ):
        return None
    try:
        found = datetime.fromisoformat(value)
        return found.astimezone(UTC) if found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
