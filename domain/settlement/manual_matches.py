"""
Manual matches: a person states that an out-of-band transfer is the payment whose number it carries.

While a transfer is known that the engine did not sign, nothing is signed for that payment: it may have
been paid. A person matches the two, or closes the break with suspense, and the payment is made.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from domain.errors import Conflict, Invalid
from domain.money import format_amount
from domain.reasons import Reason, ReasonCode
from domain.requests import Request
from domain.settlement.payments import Payment, PaymentStatus

NOTE_MAX = 1000
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
# No bytes of it are on their way.
MATCHABLE = frozenset({PaymentStatus.PENDING, PaymentStatus.ON_HOLD, PaymentStatus.BLOCKED})
# What takes the place of a lead payment in the entries of a payment that the engine did not make.
OUT_OF_BAND_LEAD = "manual_match"


@dataclass(frozen=True, slots=True)
class OutOfBandTransfer:
    """A transfer out of a treasury under a payment's number, by bytes that are not the engine's."""

    payment_id: str
    number: int
    position: str
    kind: str
    transaction_hash: str
    ledger: int
    closed_at: datetime
    from_address: str
    to_address: str | None
    amount_stroops: int
    matched: bool

    @property
    def obstacle(self) -> Reason:
        """Why the payment is not made, which stays the same while it is not."""
        return Reason(
            ReasonCode.OUT_OF_BAND_PAYMENT,
            f"transaction {self.transaction_hash} carries its number {self.number} and is not the "
            f"engine's: match it with this payment by POST /payments/{self.payment_id}/manual-match, or "
            "close its break with suspense to have the payment made all the same",
        )


@dataclass(frozen=True, slots=True)
class MatchTransferRequest:
    """A person states that a transaction made out of band is the payment, and why."""

    transaction_hash: str
    note: str
    request: Request


@dataclass(frozen=True, slots=True)
class MatchTransferInput:
    payment: Payment
    asked: MatchTransferRequest
    at: datetime


@dataclass(frozen=True, slots=True)
class ManualMatch:
    """A person's statement that a transfer made out of band is the payment."""

    payment_id: str
    position: str
    matched_by: str
    note: str
    at: datetime


def check_match_request(asked: MatchTransferRequest) -> None:
    if not _HASH.fullmatch(asked.transaction_hash):
        raise Invalid("transaction_hash", "must be 64 hexadecimal digits in lower case")
    if not 1 <= len(asked.note.strip()) <= NOTE_MAX:
        raise Invalid("note", f"must be 1 to {NOTE_MAX} characters")


def check_manual_match(
    payment: Payment, status: str, in_attempt: bool, transfer: OutOfBandTransfer
) -> None:
    """Refuse a transfer that is not exactly the payment, and a payment that other bytes may still pay."""
    if status not in MATCHABLE or in_attempt:
        raise Conflict(
            f"payment {payment.id} is {status} and the engine may have bytes of its own for it on their "
            "way; wait until it is on hold or blocked"
        )
    differs = [
        f"{what} is {is_} and not {owed}"
        for what, is_, owed in (
            (
                "its amount",
                format_amount(transfer.amount_stroops),
                format_amount(payment.amount_stroops),
            ),
            ("its payee", transfer.to_address, payment.to_address),
            ("its payer", transfer.from_address, payment.from_address),
            ("what it is", transfer.kind, "transfer"),
        )
        if is_ != owed
    ]
    if differs:
        raise Invalid(
            "transaction_hash",
            f"{transfer.transaction_hash} is not what payment {payment.id} owes: {'; '.join(differs)}. Close "
            "its break with suspense, and the payment is made",
        )
