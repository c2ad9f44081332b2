"""Webhooks: who receives which events, and how each is signed: Standard Webhooks 1.0.0, symmetric scheme v1."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from domain.errors import Invalid

SECRET_PREFIX = "whsec_"
TOLERANCE_SECONDS = 300
_STAMP = re.compile(r"[0-9]{1,15}", re.ASCII)


def encode_secret(raw: bytes) -> str:
    """Write 24 to 64 random bytes in the form that receivers expect."""
    _check_size(raw)
    return SECRET_PREFIX + base64.b64encode(raw).decode()


def decode_secret(secret: str) -> bytes:
    if not secret.startswith(SECRET_PREFIX):
        raise Invalid("secret", f"must start with {SECRET_PREFIX}")
    try:
        raw = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise Invalid("secret", "is not base64 after its prefix") from None
    _check_size(raw)
    return raw


def _check_size(raw: bytes) -> None:
    # Anybody can sign with an empty one.
    if not 24 <= len(raw) <= 64:
        raise Invalid("secret", "must be 24 to 64 bytes")


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the webhook-signature of one attempt; `timestamp` is whole Unix seconds."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(decode_secret(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def make_headers(message_id: str, timestamp: int, signatures: Sequence[str]) -> dict[str, str]:
    """Return the headers of one attempt; of several signatures the receiver needs one to fit."""
    return {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }


def is_fresh(timestamp: str, now: int) -> bool:
    """Return whether a webhook-timestamp is whole seconds within 5 minutes of now."""
    return bool(_STAMP.fullmatch(timestamp)) and abs(now - int(timestamp)) <= TOLERANCE_SECONDS


def verify(secret: str, received: Mapping[str, str], body: bytes, now: int) -> bool:
    """
    Return whether a received webhook is genuine and fresh (within 5 minutes of `now`).

    `received` maps lower-case header names to values. Malformed tokens are skipped, so a
    header carrying signatures of other schemes or keys still verifies by the one that fits.
    """
    decode_secret(secret)  # what is none is told, whatever was received
    message_id = received.get("webhook-id", "")
    stamp = received.get("webhook-timestamp", "")
    if not message_id or not is_fresh(stamp, now):
        return False
    expected = sign(secret, message_id, int(stamp), body)
    tokens = received.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected.encode(), token.encode()) for token in tokens)


def get_host(url: str) -> str:
    """Return of a receiver's URL what everybody may read: its path and its query may be a secret."""
    return urlsplit(url).hostname or ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """
    A receiver, and the events that it wants; its secret stays in the database. What is not active waits
    until it is; `disabled_reason` says why, when the engine did that and no person.
    """

    id: str
    url: str
    events: Sequence[str]
    active: bool
    disabled_at: datetime | None = None
    disabled_reason: str | None = None
    failures: int = 0
    failing_since: datetime | None = None
    probe_at: datetime | None = None

    @property
    def probed(self) -> bool:
        """Whether the engine disabled it and looks whether it is back."""
        return not self.active and self.probe_at is not None


# What the row of a subscription says when it is enabled again.
ENABLED: Mapping[str, Any] = {
    "disabled_at": None,
    "disabled_reason": None,
    "failures": 0,
    "failing_since": None,
    "probe_at": None,
}
