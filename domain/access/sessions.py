"""
Sessions: one login of a person, in which each refresh token is used once and followed by the next.

The token just used is answered with the same successor for some seconds, because an answer may be lost. An older one
has been copied: whoever shows it, the session ends.
"""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.access.people import Person

REFRESH_GRACE = timedelta(seconds=10)


class EndReason(StrEnum):
    """Why a session ended, as the browser is told."""

    LOGOUT = "logout"
    ADMIN_LOGOUT = "admin_logout"
    PASSWORD_CHANGED = "password_changed"
    PERSON_DISABLED = "person_disabled"
    REFRESH_REUSED = "refresh_reused"
    SESSION_EXPIRED = "session_expired"


@dataclass(frozen=True, slots=True)
class SessionRecord:
    id: str
    person: Person
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    end_reason: EndReason | None
    address: str
    client: str

    def is_active(self, now: datetime, idle: timedelta) -> bool:
        return self.find_end(now, idle) is None

    def find_end(self, now: datetime, idle: timedelta) -> EndReason | None:
        """Return why it has ended; None while it goes on."""
        if self.end_reason is not None:
            return self.end_reason
        if now >= self.expires_at or now - self.last_seen_at >= idle:
            return EndReason.SESSION_EXPIRED
        return None


@dataclass(frozen=True, slots=True)
class RefreshRecord:
    """A refresh token: the how manieth of its session, and when it was used."""

    session_id: str
    sequence: int
    newest: int  # the sequence of the session's newest
    used_at: datetime | None


class RefreshOutcome(StrEnum):
    ROTATE = "rotate"
    REPEAT = "repeat"
    REUSED = "reused"


def judge_refresh(token: RefreshRecord, now: datetime) -> RefreshOutcome:
    """Say what is to become of a refresh token that somebody shows."""
    if token.used_at is None:
        return RefreshOutcome.ROTATE
    previous = token.sequence == token.newest - 1
    if previous and now - token.used_at <= REFRESH_GRACE:
        return RefreshOutcome.REPEAT
    return RefreshOutcome.REUSED


def hash_token(token: str) -> bytes:
    """A token is 256 random bits, so that a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def derive_successor(salt: bytes, token: str) -> str:
    """Return the token after this one: the same, however often it is asked for at the same time."""
    made = hmac.digest(salt, token.encode(), "sha256")
    return urlsafe_b64encode(made).rstrip(b"=").decode()
