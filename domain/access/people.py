"""People: who may log in. One person has one e-mail address, in one spelling, by which the audit trail names them."""

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain.access.permissions import Role
from domain.errors import Invalid

EMAIL_MAX = 100
FULL_NAME_MAX = 200
PASSWORD_MIN = 8
PASSWORD_MAX = 128
PREFERENCES_BYTES_MAX, PREFERENCES_DEPTH_MAX = 16_384, 100
_EMAIL = re.compile(r"[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\.[^@\s\x00-\x1f.]+")


class PersonStatus(StrEnum):
    ACTIVE = "active"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    email: str
    full_name: str | None
    role: Role
    status: PersonStatus
    stellar_wallet: str | None
    created_at: datetime
    # Whose they are; a claimant is somebody's.
    party: str | None = None


def normalize_email(text: str) -> str:
    """Return the one spelling of an e-mail address, in small letters."""
    email = unicodedata.normalize("NFKC", text).strip().casefold()
    if len(email) > EMAIL_MAX or not _EMAIL.fullmatch(email):
        raise Invalid("email", f"must be an e-mail address of at most {EMAIL_MAX} characters")
    return email


def check_party(role: Role, party: str | None) -> None:
    """Refuse a claimant of nobody: there is nothing that they may see."""
    if role is Role.CLAIMANT and party is None:
        raise Invalid("party", "a claimant belongs to a party: name it")


def check_password(password: str, email: str, field: str = "password") -> None:
    """Refuse a password that is too short to be kept, or is the address itself."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise Invalid(field, f"must have {PASSWORD_MIN} to {PASSWORD_MAX} characters")
    if password.casefold() in {email, email.partition("@")[0]} or len(set(password)) < 4:
        raise Invalid(field, "is too easy to guess: take another one")


def check_preferences(preferences: Mapping[str, Any]) -> None:
    """Refuse what could not be shown again as it was sent."""
    waiting: list[tuple[Any, int]] = [(preferences, 1)]
    while waiting:
        each, depth = waiting.pop()
        if depth > PREFERENCES_DEPTH_MAX:
            raise Invalid("body", f"must be nested at most {PREFERENCES_DEPTH_MAX} deep")
        if isinstance(each, Mapping):
            waiting += [(part, depth + 1) for pair in each.items() for part in pair]
        elif isinstance(each, list):
            waiting += [(part, depth + 1) for part in each]
        elif isinstance(each, str):
            _check_text(each)
        elif isinstance(each, float) and not math.isfinite(each):
            raise Invalid(
                "body", "must not contain a number that JSON does not have, or cannot hold"
            )
    if len(json.dumps(preferences, ensure_ascii=False).encode()) > PREFERENCES_BYTES_MAX:
        raise Invalid("body", f"must be at most {PREFERENCES_BYTES_MAX} bytes")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise Invalid("body", "must not contain a null byte")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise Invalid("body", "must not contain half of a surrogate pair")
