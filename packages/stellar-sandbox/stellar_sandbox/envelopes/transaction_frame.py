"""A transaction envelope, parsed once: its hashes, source, sequence, fees, bounds and footprint.

Hashes are taken over slices of the received bytes, so nothing is packed again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from stellar_sdk import xdr

from stellar_sandbox.envelopes.footprint import Footprint
from stellar_sandbox.ledger.addresses import parse_muxed_account

V1_TAG = bytes((0, 0, 0, 2))
FEE_BUMP_TAG = bytes((0, 0, 0, 5))


class InvalidEnvelope(ValueError):
    """The text is not a transaction envelope."""


@dataclass(frozen=True, slots=True)
class TransactionFrame:
    text: str
    hash: bytes
    inner_hash: bytes
    tx: xdr.Transaction
    source: str
    muxed_source: bool
    sequence: int
    fee: int  # the highest fee, resource fee included
    fee_source: str
    is_fee_bump: bool
    is_soroban: bool
    signatures: list[xdr.DecoratedSignature]
    outer_signatures: list[xdr.DecoratedSignature]
    footprint: Footprint | None
    size: int  # bytes of the inner envelope, without a fee bump around it

    @property
    def operations(self) -> list[xdr.Operation]:
        return self.tx.operations

    @property
    def paid_operations(self) -> int:
        return max(1, len(self.tx.operations)) + (1 if self.is_fee_bump else 0)

    @property
    def soroban(self) -> xdr.SorobanTransactionData | None:
        return self.tx.ext.soroban_data

    @property
    def resource_fee(self) -> int:
        return self.soroban.resource_fee.int64 if self.soroban else 0

    @property
    def inclusion_fee(self) -> int:
        return self.fee - self.resource_fee

    def outbids(self, other: TransactionFrame, times: int = 1) -> bool:
        """Whether this bids at least `times` the other's fee per operation."""
        return (
            self.inclusion_fee * other.paid_operations
            >= times * other.inclusion_fee * self.paid_operations
        )

    @property
    def time_bounds(self) -> xdr.TimeBounds | None:
        cond = self.tx.cond
        return cond.v2.time_bounds if cond.v2 else cond.time_bounds

    @property
    def ledger_bounds(self) -> xdr.LedgerBounds | None:
        return self.tx.cond.v2.ledger_bounds if self.tx.cond.v2 else None


SOROBAN_OPERATIONS = {
    xdr.OperationType.INVOKE_HOST_FUNCTION,
    xdr.OperationType.EXTEND_FOOTPRINT_TTL,
    xdr.OperationType.RESTORE_FOOTPRINT,
}


@lru_cache(maxsize=16)
def hash_passphrase(passphrase: str) -> bytes:
    return sha256(passphrase.encode()).digest()


def get_source(operation: xdr.Operation, default: str) -> str:
    return (
        default
        if operation.source_account is None
        else parse_muxed_account(operation.source_account)[0]
    )
