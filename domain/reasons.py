"""
Why a payment is not made: a code that programs go by, a sentence that people read, and the one word by which
a list of workflows is searched.

The set of codes is closed: the table of payments takes no other, and docs/operations.md explains each.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType


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


class WaitsFor(StrEnum):
    """What an outage, a payment, a batch or an attestation waits for."""

    REPAIR = "repair"  # the service is down
    WINDOW = "window"  # the dispute window of the verdict runs
    DECISION = "decision"  # somebody has to decide a dispute
    APPROVAL = "approval"  # people have to approve the payment
    CAP = "cap"  # it is above a cap, or that of the day is used up
    HALT = "halt"  # the circuit breaker is open, or the SLA contract denies the verdict
    PAYEE = "payee"  # the payee, its issuer or the validators have to change something
    TREASURY = "treasury"  # we have to: an account, a key, a fee or a database of ours
    REVIEW = "review"  # somebody has to compare what the chain shows with what is on record
    NETWORK = "network"  # nobody: what it stands on has to answer, or ledgers have to close
    NOTHING = "nothing"  # it has ended


WAITS: Mapping[ReasonCode, WaitsFor] = MappingProxyType(
    {
        ReasonCode.CIRCUIT_BREAKER_OPEN: WaitsFor.HALT,
        ReasonCode.CLAIM_UNCONFIRMED: WaitsFor.NETWORK,
        ReasonCode.CHAIN_UNREAD: WaitsFor.NETWORK,
        ReasonCode.COMMITS_NOT_DURABLE: WaitsFor.TREASURY,
        ReasonCode.APPROVAL_REQUIRED: WaitsFor.APPROVAL,
        ReasonCode.SECOND_PERSON_REQUIRED: WaitsFor.APPROVAL,
        ReasonCode.CAP_PER_PAYMENT: WaitsFor.CAP,
        ReasonCode.CAP_PER_DAY: WaitsFor.CAP,
        ReasonCode.CAP_PER_PAYEE_PER_DAY: WaitsFor.CAP,
        ReasonCode.PAYEE_INVALID: WaitsFor.PAYEE,
        ReasonCode.PAYEE_MISSING: WaitsFor.PAYEE,
        ReasonCode.PAYEE_NO_TRUSTLINE: WaitsFor.PAYEE,
        ReasonCode.PAYEE_NOT_AUTHORIZED: WaitsFor.PAYEE,
        ReasonCode.PAYEE_LIMIT_REACHED: WaitsFor.PAYEE,
        ReasonCode.PAYEE_REQUIRES_MEMO: WaitsFor.PAYEE,
        ReasonCode.ACCOUNT_FROZEN: WaitsFor.PAYEE,
        ReasonCode.TREASURY_MISSING: WaitsFor.TREASURY,
        ReasonCode.TREASURY_UNDERFUNDED: WaitsFor.TREASURY,
        ReasonCode.TREASURY_NO_TRUSTLINE: WaitsFor.TREASURY,
        ReasonCode.TREASURY_NOT_AUTHORIZED: WaitsFor.TREASURY,
        ReasonCode.KEY_NOT_HELD: WaitsFor.TREASURY,
        ReasonCode.FEE_CAP_TOO_LOW: WaitsFor.TREASURY,
        ReasonCode.OUT_OF_BAND_PAYMENT: WaitsFor.REVIEW,
        ReasonCode.TRANSFER_REFUSED: WaitsFor.REVIEW,
        ReasonCode.UNKNOWN_TRANSACTION: WaitsFor.REVIEW,
        ReasonCode.HISTORY_UNAVAILABLE: WaitsFor.REVIEW,
        ReasonCode.CHANNEL_MISSING: WaitsFor.REVIEW,
        ReasonCode.NODES_DISAGREE: WaitsFor.REVIEW,
    }
)
# Without a person these go on; the repair of a service is not a matter of this program.
PASSING = frozenset({WaitsFor.REPAIR, WaitsFor.WINDOW, WaitsFor.NETWORK, WaitsFor.NOTHING})
_DAILY = frozenset({ReasonCode.CAP_PER_DAY, ReasonCode.CAP_PER_PAYEE_PER_DAY})


@dataclass(frozen=True, slots=True)
class Wait:
    """What is waited for; since when, None for from now on; and until when, where it ends by itself."""

    waits_for: WaitsFor
    since: datetime | None = None
    deadline: datetime | None = None
    sentence: str = ""


def find_end(code: ReasonCode, now: datetime) -> datetime | None:
    """Return when a reason passes by itself: a cap of the day at midnight UTC."""
    if code not in _DAILY:
        return None
    return datetime.combine(now.astimezone(UTC) + timedelta(days=1), time(), UTC)
