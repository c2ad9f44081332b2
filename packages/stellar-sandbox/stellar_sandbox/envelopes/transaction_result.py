"""Results of operations and transactions as XDR, and the errors that lead to them.

Most are three numbers, so they are packed by hand like everything in `xdr_codec`.
"""

from __future__ import annotations

from struct import pack

from stellar_sdk.xdr import OperationType, TransactionResultCode

from stellar_sandbox.ledger import xdr_codec

SUCCESS, FAILED = 0, -1
FEE_BUMP_SUCCESS, FEE_BUMP_FAILED = 1, -13

OP_BAD_AUTH = pack(">i", -1)
OP_NO_ACCOUNT = pack(">i", -2)
OP_NOT_SUPPORTED = pack(">i", -3)


class OperationFailed(Exception):
    """An operation that fails, with its result code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class TransactionRefused(Exception):
    """A transaction that is refused; `fee` is the fee that it needed, if it bid too low.

    `inner` says that the fee bump was valid and its inner transaction was not.
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


def encode_operation_result(kind: OperationType, code: int, payload: bytes = b"") -> bytes:
    return pack(">iii", 0, int(kind), code) + payload


def encode_transaction_result(
    fee: int, code: int, operations: list[bytes], inner_hash: bytes | None = None
) -> bytes:
    body = pack(">i", code) + (
        xdr_codec.encode_array(operations) if code in (SUCCESS, FAILED) else b""
    )
    if inner_hash is None:
        return pack(">q", fee) + body + xdr_codec.ZERO
    outer = FEE_BUMP_SUCCESS if code == SUCCESS else FEE_BUMP_FAILED
    inner = pack(">q", 0) + body + xdr_codec.ZERO
    return pack(">qi", fee, outer) + inner_hash + inner + xdr_codec.ZERO
