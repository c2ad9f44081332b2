"""
A batch: payments that are settled by one transaction.

    batched -> prepared -> submitted -> confirmed
                                     \\-> the failing ones removed, the rest batched again

A batch is an attempt like any other: it has one (channel, sequence), and a payment belongs to at
most one attempt that has not failed. Payments join it when its pair is reserved, and leave it only
when nothing was signed yet or the network has proven that it failed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from domain.reasons import Reason
from domain.settlement.allocations import Transfer, net_payments, transfer_each
from domain.settlement.attempts import Attempt, Observation, Prepared, SettlementRail
from domain.settlement.payments import Payment

# The most operations the network takes in one transaction.
OPERATIONS_MAX = 100
# The most treasuries that one transaction pays from: it takes 20 signatures, and one is its channel's.
PAYERS_MAX = 19


@dataclass(frozen=True, slots=True)
class Plan:
    """How payments are put together; a window of no seconds nets nothing."""

    rail: SettlementRail
    netting_window_seconds: int

    @property
    def batches_payments(self) -> bool:
        return self.rail is SettlementRail.CLASSIC or self.netting_window_seconds > 0

    @property
    def transfers_max(self) -> int:
        return OPERATIONS_MAX if self.rail is SettlementRail.CLASSIC else 1

    def make_transfers(self, ready: Sequence[Payment]) -> list[Transfer]:
        """Put payments that are ready into as few transfers as the plan allows."""
        return net_payments(ready) if self.netting_window_seconds else transfer_each(ready)

    def choose_transfers(self, ready: Sequence[Payment]) -> list[Transfer]:
        """Return what goes into one batch of all that is ready; the rest goes into the next ones."""
        chosen, payers = list[Transfer](), set[str]()
        for transfer in self.make_transfers(ready):
            if len(chosen) == self.transfers_max:
                break
            if len(payers | {transfer.from_address}) <= PAYERS_MAX:
                chosen.append(transfer)
                payers.add(transfer.from_address)
        return chosen

    def window_began(self, now: datetime) -> datetime:
        """Return the instant before which a payment must have been ready; windows are of UTC."""
        if not self.netting_window_seconds:
            return now
        return now - timedelta(seconds=now.timestamp() % self.netting_window_seconds)


@dataclass(frozen=True, slots=True)
class FormBatchesInput:
    """
    Ask for the next batches. `first` is true once in a run of the workflow that asks: what the run
    before it reserved may have no workflow yet.
    """

    first: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """Names an attempt: the payment that leads it, and its number among that payment's."""

    lead_payment_id: str
    n: int
    # Survivors of a batch that failed; they are tried together once more, not twice.
    resubmitted: bool = False

    @property
    def id(self) -> str:
        return f"{self.lead_payment_id}/{self.n}"


@dataclass(frozen=True, slots=True)
class ObservedBatch:
    """A batch together with what was seen of its attempt."""

    batch: Batch
    attempt: Attempt
    observation: Observation
    at: datetime


@dataclass(frozen=True, slots=True)
class RemovedPayment:
    """A payment that cannot be made as things stand, and why."""

    payment_id: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class ObstructedBatch:
    """Something must change before anything can be signed for the batch."""

    reason: Reason
    kind: Literal["obstructed"] = "obstructed"


@dataclass(frozen=True, slots=True)
class EmptyBatch:
    """Nothing is left to send."""

    kind: Literal["empty"] = "empty"


@dataclass(frozen=True, slots=True)
class PrepareBatchResult:
    """
    How far the batch has come; which payments were removed from it because they cannot be made, and
    which were withdrawn because a limit stops them by now.
    """

    state: Prepared | ObstructedBatch | EmptyBatch
    removed: list[RemovedPayment] = field(default_factory=list)
    withdrawn: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class FailBatchResult:
    """A batch failed: the payments at fault are blocked, and the rest is tried once more."""

    removed: list[RemovedPayment]
    again: Batch | None


def find_at_fault(
    transfers: Sequence[Transfer], obstacles: Mapping[int, Reason]
) -> list[RemovedPayment]:
    """Return the payments of the transfers, given by number, that cannot be made."""
    return [
        RemovedPayment(allocation.payment_id, obstacles[transfer.number])
        for transfer in transfers
        if transfer.number in obstacles
        for allocation in transfer.allocations
    ]
