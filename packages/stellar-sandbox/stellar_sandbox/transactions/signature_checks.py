"""Whether a transaction and its operations are signed as their accounts demand."""

from __future__ import annotations

from stellar_sdk import xdr
from stellar_sdk.xdr import TransactionResultCode as Code

from stellar_sandbox.envelopes.signature_checker import SignatureChecker
from stellar_sandbox.envelopes.transaction_frame import TransactionFrame
from stellar_sandbox.envelopes.transaction_result import TransactionRefused, encode_operation_result
from stellar_sandbox.ledger.ledger_txn import LedgerTxn
from stellar_sandbox.operations.operation_handlers import (
    check_operation,
    check_operation_signatures,
)

# The payload of a successful result beside results of operations that were refused.
EMPTY_RESULTS = {
    xdr.OperationType.INVOKE_HOST_FUNCTION: bytes(32),
    xdr.OperationType.CREATE_CLAIMABLE_BALANCE: bytes(36),
}


def check_signatures(
    envelope: TransactionFrame, ltx: LedgerTxn, signatures: SignatureChecker
) -> list[bytes]:
    """Return the operations' results if signatures are missing for any; otherwise nothing."""
    results = [
        check_operation_signatures(operation, envelope.source, ltx, signatures)
        for operation in envelope.operations
    ]
    return _fill_results(envelope, results)


def check_operations(
    envelope: TransactionFrame, ltx: LedgerTxn, signatures: SignatureChecker
) -> None:
    results = [
        check_operation_signatures(operation, envelope.source, ltx, signatures)
        or check_operation(operation, envelope.source)
        for operation in envelope.operations
    ]
    refused_results = _fill_results(envelope, results)
    if refused_results:
        raise TransactionRefused(Code.txFAILED, operations=refused_results)
    if not signatures.all_signatures_used:
        raise TransactionRefused(Code.txBAD_AUTH_EXTRA)


def _fill_results(envelope: TransactionFrame, results: list[bytes | None]) -> list[bytes]:
    if not any(results):
        return []
    return [
        result
        or encode_operation_result(
            operation.body.type, 0, EMPTY_RESULTS.get(operation.body.type, b"")
        )
        for operation, result in zip(envelope.operations, results, strict=True)
    ]
