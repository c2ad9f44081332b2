"""
API keys: `apx_`, the key's id, its secret, and a checksum by which a scanner, or a clerk's eye, sees a typing error
without asking anybody. Only the digest is kept.
"""

import re
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.access.permissions import Permission, Role

PREFIX = "apx"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)
ID_BYTES = 8
SECRET_BYTES = 32
OVERLAP_MAX = timedelta(days=30)
OVERLAP = timedelta(hours=24)
_SHAPE = re.compile(r"(apx_([0-9a-z]{13})_[0-9A-Za-z]{43}_)([0-9A-Za-z]{6})", re.ASCII)
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SMALL = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is known of a key; never the key itself."""

    id: str
    name: str
    role: Role
    scopes: frozenset[Permission] | None
    person_id: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    # In whose name it comes; NULL for a person's key, which comes in the name of that person's.
    party: str | None = None
    # The key that it was rotated to.
    replaced_by: str | None = None

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def format_key(id_: bytes, secret: bytes) -> str:
    """Return a key made of random bytes."""
    head = f"{PREFIX}_{_encode(id_, 13, _SMALL)}_{_encode(secret, 43, _DIGITS)}_"
    return head + _compute_checksum(head)


def get_id(key: str) -> str:
    """Return the id in a key of our own; for one that an operator chose, nothing."""
    match = _SHAPE.fullmatch(key)
    return "" if match is None else match[2]


def is_mistyped(key: str) -> bool:
    """Return whether it begins like a key of ours and cannot be one."""
    match = _SHAPE.fullmatch(key)
    if match is None:
        return key.startswith(f"{PREFIX}_")
    return _compute_checksum(match[1]) != match[3]


def _compute_checksum(head: str) -> str:
    return _encode(zlib.crc32(head.encode()).to_bytes(4, "big"), 6, _DIGITS)


def _encode(content: bytes, width: int, digits: str) -> str:
    number, found = int.from_bytes(content, "big"), ""
    while number:
        number, digit = divmod(number, len(digits))
        found = digits[digit] + found
    return found.rjust(width, digits[0])
