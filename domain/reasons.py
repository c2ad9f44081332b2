"""
Why a payment is not made: a code that programs go by, and a sentence that people read.

The set of codes is closed: the table of payments takes no other, and docs/operations.md explains each.
"""

from dataclasses import dataclass
from enum import StrEnum


class ReasonCode(StrEnum):
    """What stands in the way of a payment that is on hold, blocked or in quarantine, or was sent."""

    # On hold by a limit of ours: nothing is wrong with the payment.
    CIRCUIT_BREAKER_OPEN = "circuit_breaker_open"
    CLAIM_UNCONFIRMED = "claim_unconfirmed"
    CHAIN_UNREAD = "chain_unread"
    COMMITS_NOT_DURABLE = "commits_not_durable"
    APPROVAL_REQUIRED = "approval_required"
    SECOND_PERSON_REQUIRED = "second_person_required"
    CAP_PER_PAYMENT = "cap_per_payment"
    CAP_PER_DAY = "cap_per_day"
    CAP_PER_PAYEE_PER_DAY = "cap_per_payee_per_day"
    # Blocked until the payee, its issuer or the validators change something.
    PAYEE_INVALID = "payee_invalid"
    PAYEE_MISSING = "payee_missing"
    PAYEE_NO_TRUSTLINE = "payee_no_trustline"
    PAYEE_NOT_AUTHORIZED = "payee_not_authorized"
    PAYEE_LIMIT_REACHED = "payee_limit_reached"
    PAYEE_REQUIRES_MEMO = "payee_requires_memo"
    ACCOUNT_FROZEN = "account_frozen"
    # Blocked until we do.
    TREASURY_MISSING = "treasury_missing"
    TREASURY_UNDERFUNDED = "treasury_underfunded"
    TREASURY_NO_TRUSTLINE = "treasury_no_trustline"
    TREASURY_NOT_AUTHORIZED = "treasury_not_authorized"
    KEY_NOT_HELD = "key_not_held"
    FEE_CAP_TOO_LOW = "fee_cap_too_low"
    OUT_OF_BAND_PAYMENT = "out_of_band_payment"
    # Whatever else the network refuses a transfer for: the sentence names its code.
    TRANSFER_REFUSED = "transfer_refused"
    # In quarantine: a sequence was consumed, by a transaction that is not known.
    UNKNOWN_TRANSACTION = "unknown_transaction"
    HISTORY_UNAVAILABLE = "history_unavailable"
    CHANNEL_MISSING = "channel_missing"
    # Sent, and not final: what the nodes say became of it differs.
    NODES_DISAGREE = "nodes_disagree"


MEMO_REQUIRED = (
    "the account asks for a memo with each payment (SEP-29), as those of exchanges do, and a settlement "
    "carries none; name an account that the payee holds itself, or let it remove its data entry "
    "config.memo_required"
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Programs go by the code; the sentence has no full stop."""

    code: ReasonCode
    sentence: str

    def __str__(self) -> str:
        return self.sentence
