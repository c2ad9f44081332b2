"""
Signing keys of access tokens, and their rotation: a new one is published first, signs later, and the old one is
shown until the last token it signed has expired.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

# Whoever reads the key set may keep it for so long.
KEY_SET_MAX_AGE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`private` is None where it cannot be read, as after a change of JWT_SECRET_KEY: such a key only verifies."""

    id: str
    public: bytes
    private: bytes | None = field(repr=False)
    signs_from: datetime
    shown_until: datetime | None


def choose_signing_key(keys: list[SigningKey], now: datetime) -> SigningKey | None:
    """Return the newest one whose time has come."""
    ready = [
        key
        for key in keys
        if key.private is not None and key.signs_from <= now and is_shown(key, now)
    ]
    return max(ready, key=lambda key: key.signs_from, default=None)


def is_shown(key: SigningKey, now: datetime) -> bool:
    return key.shown_until is None or now < key.shown_until


def plan_rotation(now: datetime, token_lifetime: timedelta) -> tuple[datetime, datetime]:
    """Return when a new key begins to sign, and until when those before it are shown."""
    signs_from = now + KEY_SET_MAX_AGE
    # A process may learn of the new key a little later than it should.
    return signs_from, signs_from + token_lifetime + KEY_SET_MAX_AGE
