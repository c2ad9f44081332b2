"""What a transaction leaves behind: its result and its meta, in the network's XDR.

Operation results are mostly three numbers, so they are packed by hand like the rest of `wire`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import pack

from stellar_sdk.xdr import OperationType, TransactionResultCode

from sandbox.stellar import wire

SUCCESS, FAILED = 0, -1
FEE_BUMP_SUCCESS, FEE_BUMP_FAILED = 1, -13

OP_BAD_AUTH = pack(">i", -1)
OP_NO_ACCOUNT = pack(">i", -2)
OP_NOT_SUPPORTED = pack(">i", -3)


class OperationFailed(Exception):
    """An operation that the ledger refuses, with the code the network gives."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Refused(Exception):
    """A transaction that cannot be taken; `fee` is what it would have needed, if it bid too low.

    `inner` says that the fee bump around it was in order and only what it carries was not.
    """

    def __init__(
        self,
        code: TransactionResultCode,
        *,
        fee: int = 0,
        operations: list[bytes] | None = None,
        inner: bool = False,
    ) -> None:
        super().__init__(code.name)
        self.code = int(code)
        self.fee = fee
        self.operations = operations or []
        self.inner = inner


def operation_result(kind: OperationType, code: int, payload: bytes = b"") -> bytes:
    return pack(">iii", 0, int(kind), code) + payload


def transaction_result(
    fee: int, code: int, operations: list[bytes], inner_hash: bytes | None = None
) -> bytes:
    body = pack(">i", code) + (wire.array(operations) if code in (SUCCESS, FAILED) else b"")
    if inner_hash is None:
        return pack(">q", fee) + body + wire.ZERO
    outer = FEE_BUMP_SUCCESS if code == SUCCESS else FEE_BUMP_FAILED
    inner = pack(">q", 0) + body + wire.ZERO
    return pack(">qi", fee, outer) + inner_hash + inner + wire.ZERO


@dataclass(slots=True)
class Footmark:
    """Everything a transaction's meta tells: changes, events and what its contract answered."""

    changes_before: bytes = wire.ZERO
    operation_changes: list[bytes] = field(default_factory=list)
    operation_events: list[list[bytes]] = field(default_factory=list)
    changes_after: bytes = wire.ZERO
    transaction_events: list[bytes] = field(default_factory=list)
    diagnostics: list[bytes] = field(default_factory=list)
    return_value: bytes | None = None
    resource_fees: tuple[int, int, int] | None = None  # non-refundable, refundable, rent

    def pack(self) -> bytes:
        operations = [
            wire.ZERO + changes + wire.array(events)
            for changes, events in zip(self.operation_changes, self.operation_events, strict=True)
        ]
        return (
            pack(">ii", 4, 0)
            + self.changes_before
            + wire.array(operations)
            + self.changes_after
            + self._soroban_meta()
            + wire.array(self.transaction_events)
            + wire.array(self.diagnostics)
        )

    def _soroban_meta(self) -> bytes:
        if self.resource_fees is None:
            return wire.ZERO
        fees = pack(">iiqqq", 1, 0, *self.resource_fees)
        value = wire.ZERO if self.return_value is None else wire.ONE + self.return_value
        return wire.ONE + fees + value
