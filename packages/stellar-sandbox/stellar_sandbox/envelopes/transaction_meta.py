"""The meta of an applied transaction (TransactionMetaV4): entry changes, events, return value."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import pack

from stellar_sandbox.ledger import xdr_codec


@dataclass(slots=True)
class TransactionMeta:
    """The parts of a TransactionMeta, collected while the transaction is applied."""

    changes_before: bytes = xdr_codec.ZERO
    operation_changes: list[bytes] = field(default_factory=list)
    operation_events: list[list[bytes]] = field(default_factory=list)
    changes_after: bytes = xdr_codec.ZERO
    transaction_events: list[bytes] = field(default_factory=list)
    diagnostics: list[bytes] = field(default_factory=list)
    return_value: bytes | None = None
    resource_fees: tuple[int, int, int] | None = None  # non-refundable, refundable, rent

    def pack(self) -> bytes:
        operations = [
            xdr_codec.ZERO + changes + xdr_codec.encode_array(events)
            for changes, events in zip(self.operation_changes, self.operation_events, strict=True)
        ]
        return (
            pack(">ii", 4, 0)
            + self.changes_before
            + xdr_codec.encode_array(operations)
            + self.changes_after
            + self._pack_soroban_meta()
            + xdr_codec.encode_array(self.transaction_events)
            + xdr_codec.encode_array(self.diagnostics)
        )

    def _pack_soroban_meta(self) -> bytes:
        if self.resource_fees is None:
            return xdr_codec.ZERO
        fees = pack(">iiqqq", 1, 0, *self.resource_fees)
        value = xdr_codec.ZERO if self.return_value is None else xdr_codec.ONE + self.return_value
        return xdr_codec.ONE + fees + value
