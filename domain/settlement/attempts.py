"""
An attempt to settle one payment, or a batch of them: one (channel, sequence) and its bytes.

The exactly-once token is that pair. A payment keeps it until the network has consumed the
sequence, so any number of sends can move the money at most once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

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
    # reopened by a person: its transaction is on no chain, and never can be
    AttemptStatus.SUCCEEDED: frozenset({AttemptStatus.FAILED}),
    AttemptStatus.FAILED: frozenset(),
}
# Moves that only the use case may make that names where they begin: a reopening.
NAMED_MOVES = frozenset({(AttemptStatus.SUCCEEDED, AttemptStatus.FAILED)})


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
    # Of one that blocks or quarantines, or that the nodes disagree about.
    reason_code: ReasonCode | None = None
    # The last sequence that the channel has consumed, where the bytes were signed ahead of the chain.
    unused_after: int | None = None

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


# What preparing a payment can come to. Each carries its `kind`, by which it is told apart again
# after it has been JSON: the types of a union are tried in turn.
@dataclass(frozen=True, slots=True)
class Prepared:
    """The bytes are signed and stored; send them."""

    attempt: Attempt
    kind: Literal["prepared"] = "prepared"


@dataclass(frozen=True, slots=True)
class AlreadyPaid:
    """The payment was made before, and only the memory of it was lost."""

    receipt: Receipt
    kind: Literal["already_paid"] = "already_paid"


@dataclass(frozen=True, slots=True)
class InBatch:
    """The payment is settled together with others, by a batch."""

    kind: Literal["in_batch"] = "in_batch"


@dataclass(frozen=True, slots=True)
class AwaitingChannel:
    """Every channel serves another payment; it is worth asking again at `check_at`."""

    check_at: datetime
    kind: Literal["awaiting_channel"] = "awaiting_channel"


@dataclass(frozen=True, slots=True)
class OnHold:
    """
    A limit stops the payment; it is worth asking again at `check_at`. `dead_after` is the last ledger of
    bytes that are proven dead, where the payment has such and none may be signed after them now.
    """

    reason: Reason
    check_at: datetime
    dead_after: int | None = None
    kind: Literal["on_hold"] = "on_hold"


@dataclass(frozen=True, slots=True)
class Blocked:
    """Somebody must change something before the payment can be made; `dead_after` as in OnHold."""

    reason: Reason
    dead_after: int | None = None
    kind: Literal["blocked"] = "blocked"


@dataclass(frozen=True, slots=True)
class Redirected:
    """The payee is paid at another address by now: go on with the payment as it is on record."""

    payment: Payment
    kind: Literal["redirected"] = "redirected"


@dataclass(frozen=True, slots=True)
class Voided:
    """The debt was voided before anything was signed: there is nothing to pay."""

    kind: Literal["voided"] = "voided"


PreparePaymentResult = (
    Prepared | AlreadyPaid | InBatch | AwaitingChannel | OnHold | Blocked | Redirected | Voided
)
