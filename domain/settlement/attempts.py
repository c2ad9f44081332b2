"""
An attempt to settle one payment, or a batch of them: one (channel, sequence) and its bytes.

The exactly-once token is that pair. A payment keeps it until the network has consumed the
sequence, so any number of sends can move the money at most once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from domain.reasons import Reason, ReasonCode
from domain.settlement.payments import Payment, Receipt


class SettlementRail(StrEnum):
    """How money moves: one contract call a transaction, or up to a hundred payment operations."""

    SOROBAN = "soroban"
    CLASSIC = "classic"


class AttemptStatus(StrEnum):
    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


TRANSITIONS: Mapping[AttemptStatus, frozenset[AttemptStatus]] = {
    # its sequence is consumed: the money moved, or it did not; or a person released its channel
    AttemptStatus.OPEN: frozenset({AttemptStatus.SUCCEEDED, AttemptStatus.FAILED}),
    AttemptStatus.SUCCEEDED: frozenset(),
    AttemptStatus.FAILED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    One (channel, sequence) and the bytes signed for it; resent as they are, never rebuilt.

    `payment_id` leads it: the only payment settled, or the first of a batch. `hash` is that of
    the inner transaction, the same whatever is bid for its place in a ledger.
    """

    payment_id: str
    n: int
    channel: str
    sequence: int
    max_ledger: int
    hash: str
    envelope_xdr: str
    resumed: bool
    envelope_hash: str = ""
    # Why the newest bytes pay nobody and only use up the sequence; empty for those that pay.
    noop_reason: str = ""
    noop_reason_code: ReasonCode | None = None

    @property
    def newest_hash(self) -> str:
        """Of the bytes to send; without a fee bump around them, the hash of the transaction itself."""
        return self.envelope_hash or self.hash


class AttemptOutcome(StrEnum):
    """What the network has shown about an attempt."""

    SUCCEEDED = "succeeded"  # applied, money moved, final
    FAILED_RETRY = "failed_retry"  # in a ledger without effect; a new attempt may work
    FAILED_BLOCKED = "failed_blocked"  # in a ledger without effect; somebody must change something
    EXPIRED = "expired"  # proven dead: the sequence is free, sign again on the same pair
    OPEN = "open"  # nothing is proven yet
    FOREIGN = "foreign"  # the sequence was consumed by bytes we do not know


@dataclass(frozen=True, slots=True)
class FailedOperation:
    """An operation that could not be applied: its place in the transaction, and why."""

    index: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Observation:
    outcome: AttemptOutcome
    ledger: int = 0
    closed_at: datetime | None = None
    fee_stroops: int = 0
    reason: str = ""
    # Of the envelope that carried it into the ledger.
    hash: str = ""
    failing: list[FailedOperation] = field(default_factory=list)
    # Of one that blocks or quarantines.
    reason_code: ReasonCode | None = None

    @property
    def why(self) -> Reason:
        """Why the payment waits; what has no code of its own is a refusal in a sentence."""
        return Reason(self.reason_code or ReasonCode.TRANSFER_REFUSED, self.reason)


@dataclass(frozen=True, slots=True)
class ObservedAttempt:
    """An attempt together with what was seen of it."""

    payment: Payment
    attempt: Attempt
    observation: Observation
    at: datetime


@dataclass(frozen=True, slots=True)
class PreparePaymentResult:
    """
    Signed and stored bytes; or the obstacle that must go before any can be signed; or, when the
    payment was made before and only the memory of it was lost, the receipt; or it is settled
    together with others, by a batch. With `again_at` the obstacle is a limit, which is worth
    another look by then; `queued` if it is only that every channel serves another payment. With
    `dead_after`, the obstacle keeps others from being signed for bytes that died after that ledger.
    """

    attempt: Attempt | None
    obstacle: Reason | None = None
    receipt: Receipt | None = None
    in_batch: bool = False
    again_at: datetime | None = None
    queued: bool = False
    dead_after: int | None = None

    @property
    def why(self) -> str:
        """The sentence on what stands in the way; empty when nothing does."""
        return "" if self.obstacle is None else self.obstacle.sentence
