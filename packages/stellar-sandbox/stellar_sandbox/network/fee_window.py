"""The inclusion fees that the transactions of recent ledgers paid, as getFeeStats reports them."""

from __future__ import annotations

from dataclasses import dataclass, field

from stellar_sandbox.network.ledger_manager import LedgerCloseResult
from stellar_sandbox.network.surge_pricing import get_fee_rate


@dataclass(slots=True)
class LedgerFees:
    """The inclusion fees per operation that one ledger's transactions paid."""

    classic: list[int] = field(default_factory=list)
    soroban: list[int] = field(default_factory=list)

    @classmethod
    def collect(cls, close_result: LedgerCloseResult) -> LedgerFees:
        fees = cls()
        for envelope in close_result.applied:
            lane = fees.soroban if envelope.is_soroban else fees.classic
            lane.append(int(get_fee_rate(envelope)))
        return fees
