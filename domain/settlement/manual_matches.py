"""
Matches: a transfer on the chain that none of our stored bytes made is the payment whose number it carries.

While such a transfer is known, nothing is signed for that payment. When it is exactly the payment, the
engine posts it: it was made by an engine that lost its memory since, or by a person. When it is not, a
person decides: matches the two, or closes the break with suspense, and the payment is made.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.errors import Conflict, Invalid
from domain.money import format_amount
from domain.reasons import Reason, ReasonCode
from domain.requests import Request
from domain.settlement.payments import Payment, PaymentStatus

NOTE_MAX = 1000
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
# No bytes of it are on their way.
MATCHABLE = frozenset({PaymentStatus.PENDING, PaymentStatus.ON_HOLD, PaymentStatus.BLOCKED})
# The time of a ledger is what its validators agree on, which may be so far behind the clock of a caller.
LEDGER_CLOCK_SLIP = timedelta(seconds=60)
# Who matched what the engine posted from the chain by itself.
ENGINE = "engine"
# What takes the place of a lead payment in the entries of a payment that the engine did not make.
OUT_OF_BAND_LEAD = "manual_match"


@dataclass(frozen=True, slots=True)
class OutOfBandTransfer:
    """
    A transfer out of a treasury under a payment's number, by bytes that this database does not know;
    with the instants since when the outage is known and since when something is owed for it.
    `receipt_of` is another payment that it is the receipt of, `revision` another verdict of the outage that it paid.
    """

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
    detected_at: datetime
    owed_since: datetime
    receipt_of: str | None = None
    revision: int | None = None

    def is_before(self, instant: datetime) -> bool:
        return self.closed_at < instant - LEDGER_CLOCK_SLIP


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


def is_receipt(payment: Payment, transfer: OutOfBandTransfer) -> bool:
    """Tell whether a transfer is the payment beyond doubt: exactly it, and made since it is owed."""
    return not (
        transfer.receipt_of
        or transfer.revision
        or transfer.is_before(transfer.owed_since)
        or _find_differences(payment, transfer)
    )


def make_obstacle(payment: Payment, transfer: OutOfBandTransfer) -> Reason:
    """Return why a payment is not made, and what a person can do; it stays the same meanwhile."""
    anyway = "close its break with suspense to have the payment made all the same"
    hash_, number, owed = (
        transfer.transaction_hash,
        transfer.number,
        _find_differences(payment, transfer),
    )
    seen = f"transaction {hash_} carries its number {number}"
    if transfer.revision:
        why = (
            f"transaction {hash_} paid {format_amount(transfer.amount_stroops)} for revision {transfer.revision} of the "
            f"verdict, which a restored database has forgotten: if nothing more is owed, void the debt by POST "
            f"/outages/{payment.outage_id}/void, otherwise {anyway}"
        )
    elif number != payment.number:
        why = (
            f"transaction {hash_} paid its payee {format_amount(transfer.amount_stroops)} under the number "
            f"{number}, which nothing on record explains, and may have paid it together with others: ask the "
            f"payee, then {anyway}"
        )
    elif transfer.receipt_of:
        why = f"{seen} and is the receipt of payment {transfer.receipt_of}: {anyway}"
    elif owed:
        why = (
            f"{seen} and is not what it owes ({'; '.join(owed)}), so it cannot be matched: ask the payee, "
            f"then {anyway}, beside what was paid"
        )
    elif transfer.is_before(transfer.detected_at):
        why = (
            f"{seen} and was made before the outage began, so it is not this payment: find out who made "
            f"it, then {anyway}"
        )
    else:
        why = (
            f"{seen} and was made before the repair on record: if the repair was recorded late, match it by "
            f"POST /payments/{payment.id}/manual-match, otherwise {anyway}"
        )
    return Reason(ReasonCode.OUT_OF_BAND_PAYMENT, why)


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
    if transfer.receipt_of:
        raise Invalid(
            "transaction_hash",
            f"{transfer.transaction_hash} is the receipt of payment {transfer.receipt_of}",
        )
    if transfer.is_before(transfer.detected_at):
        raise Invalid(
            "transaction_hash",
            f"{transfer.transaction_hash} was made before outage {payment.outage_id!r} began, so it is not "
            "its payment. Close its break with suspense, and the payment is made",
        )
    if differs := _find_differences(payment, transfer):
        raise Invalid(
            "transaction_hash",
            f"{transfer.transaction_hash} is not what payment {payment.id} owes: {'; '.join(differs)}. Close "
            "its break with suspense, and the payment is made",
        )


def _find_differences(payment: Payment, transfer: OutOfBandTransfer) -> list[str]:
    """Return in what a transfer is not exactly the payment, in words."""
    return [
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
