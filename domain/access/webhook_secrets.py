"""The secrets that a subscription's events are signed with, of two schemes of Standard Webhooks 1.0.0."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class SignatureScheme(StrEnum):
    """How an event is signed, as the token in its header begins."""

    HMAC = "v1"  # with a secret that the receiver has as well
    ED25519 = "v1a"  # with a key that only this engine has; the receiver has the public one


# How long both signatures stand in the header when a secret is replaced, unless the caller says otherwise.
OVERLAP_HOURS, OVERLAP_HOURS_MAX = 24, 7 * 24
# With so many an event is signed at most; each is a signature in a header, and receivers take only so much of one.
SECRETS_MAX = 5


@dataclass(frozen=True, slots=True)
class SigningSecret:
    """
    One secret of a subscription, as whsec_... or whsk_...; `sealed` is that encrypted, all that is kept of it.
    `public_key` is whpk_... for a key pair, and None for a secret that both sides have.
    """

    scheme: SignatureScheme
    sealed: bytes = field(repr=False)
    public_key: str | None = None


@dataclass(frozen=True, slots=True)
class SecretRecord:
    """A secret of a subscription, without the secret. After `expires_at` nothing is signed with it."""

    number: int
    scheme: SignatureScheme
    public_key: str | None
    created_at: datetime
    expires_at: datetime | None
