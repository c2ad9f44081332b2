"""
Wallets: accounts of others, to which money may go once their owners have proven that they hold them.

What an account can receive is read from the network, never taken from what a caller states.
"""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from domain.errors import Conflict, Invalid
from domain.reasons import MEMO_REQUIRED

CHALLENGE_SECONDS = 900
_ACCOUNT, _MUXED, _CONTRACT, _SEED = 6 << 3, 12 << 3, 2 << 3, 18 << 3
# A user's id of so many capital letters and digits would be taken for an address.
_LIKE_MIN = 50
_OTHERS = {
    _MUXED: "is a muxed address (M...); give the account (G...) it belongs to",
    _CONTRACT: "is a contract (C...); only accounts (G...) are paid",
    _SEED: "is a secret seed: never send it to anybody, and move what it holds",
}


class PayoutRole(StrEnum):
    """Whose address of an agreement is changed."""

    PROVIDER = "provider"
    BENEFICIARY = "beneficiary"


@dataclass(frozen=True, slots=True)
class Readiness:
    """What the network said of an account, as of one ledger; room in stroops of the asset."""

    address: str
    funded: bool
    trustline: bool
    authorised: bool
    room_stroops: int
    ledger: int
    read_at: datetime
    # What it holds: of the network's own coin, and of the asset; None without an account or a trustline.
    native_stroops: int | None = None
    balance_stroops: int | None = None
    memo_required: bool = False

    @property
    def ready(self) -> bool:
        return not self.obstacle

    @property
    def obstacle(self) -> str:
        """Say what stands in the way of paying it; nothing if nothing does."""
        if not self.funded:
            return "the account does not exist on the network"
        if not self.trustline:
            return "the account has no trustline for the asset"
        if not self.authorised:
            return "the issuer has not authorised the account, or has frozen it"
        if self.room_stroops <= 0:
            return "the account's trustline limit is reached"
        return MEMO_REQUIRED if self.memo_required else ""


@dataclass(frozen=True, slots=True)
class WalletRecord:
    """An account as somebody has registered it; what the network said of it is None until it was asked."""

    address: str
    owner: str
    party: str | None
    registered_at: datetime
    proven_at: datetime | None
    funded: bool | None
    trustline: bool | None
    authorised: bool | None
    room_stroops: int | None
    memo_required: bool | None
    ledger: int | None
    read_at: datetime | None

    @property
    def key(self) -> str:
        """What tells this registration from all others; an address has no spaces."""
        return f"{self.address} {self.owner}"

    @property
    def usable(self) -> bool:
        able = self.funded and self.trustline and self.authorised and self.room_stroops
        return bool(able and not self.memo_required)


@dataclass(frozen=True, slots=True)
class Challenge:
    """A transaction that can never be applied, to be signed by who holds the account (SEP-10)."""

    address: str
    transaction_xdr: str
    hash: str
    network_passphrase: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedChallenge:
    """The challenge, signed by the owner."""

    address: str
    transaction_xdr: str


@dataclass(frozen=True, slots=True)
class Payout:
    """A change of the address that a party of an agreement is paid at; not at once."""

    agreement: str
    role: PayoutRole
    address: str
    effective_at: datetime


@dataclass(frozen=True, slots=True)
class PayoutRecord:
    """A change of address that was asked for, and whether it was called off."""

    id: str
    agreement: str
    role: PayoutRole
    address: str
    asked_by: str
    asked_at: datetime
    effective_at: datetime
    cancelled_at: datetime | None
    cancelled_by: str | None


def check_address(text: str, field: str = "address") -> str:
    """Return the address of an account (G...), checksum and all; refuse everything else."""
    if text != text.strip() or not text.isascii() or text != text.upper():
        raise Invalid(field, "an address has capital letters and digits only, and no spaces")
    raw = _decode(text, field)
    kind, payload, checksum = raw[0], raw[:-2], raw[-2:]
    if binascii.crc_hqx(payload, 0).to_bytes(2, "little") != checksum:
        raise Invalid(field, "the checksum is wrong: a character was mistyped")
    if kind in _OTHERS:
        raise Invalid(field, _OTHERS[kind])
    if kind != _ACCOUNT or len(raw) != 35:
        raise Invalid(field, "is not the address of a Stellar account (G and 55 more characters)")
    return text


def is_address_like(text: str) -> bool:
    """Return whether a text is meant as an address, right or wrong, and not as the id of a user."""
    return len(text) >= _LIKE_MIN and text[:1] in "GMCS" and text.isalnum() and text.isupper()


def encode_key(key: bytes, *, seed: bool = False) -> str:
    """Write 32 bytes of a key as Stellar does: G... for a public key, S... for a secret seed."""
    payload = bytes([_SEED if seed else _ACCOUNT]) + key
    checksum = binascii.crc_hqx(payload, 0).to_bytes(2, "little")
    return base64.b32encode(payload + checksum).decode().rstrip("=")


def _decode(text: str, field: str) -> bytes:
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except binascii.Error:
        raw = b""
    # Another spelling of the same bytes is not the same address.
    if len(raw) < 3 or base64.b32encode(raw).decode().rstrip("=") != text:
        raise Invalid(field, "is not the address of a Stellar account (G and 55 more characters)")
    return raw


def check_payout(proven_at: datetime | None, readiness: Readiness) -> None:
    """Refuse an account whose owner has not proven to hold it, or that cannot be paid."""
    if proven_at is None:
        raise Conflict(
            f"no owner has proven the account {readiness.address}; ask for a challenge first"
        )
    if readiness.obstacle:
        raise Conflict(f"{readiness.address} cannot be paid: {readiness.obstacle}")


def check_payer(role: str, readiness: Readiness) -> None:
    """Refuse a treasury that could pay nobody: it does not exist, or cannot hold the asset."""
    if not readiness.funded or not readiness.trustline or not readiness.authorised:
        raise Conflict(f"{readiness.address} cannot pay as {role}: {readiness.obstacle}")


def compute_effective_at(now: datetime, cool_off_hours: int) -> datetime:
    """Return when a change of payout takes effect: late enough to notice a stolen key."""
    return now + timedelta(hours=cool_off_hours)
