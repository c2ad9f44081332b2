"""The supported operations: how each is checked before it is queued, and how it is applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stellar_sdk import xdr
from stellar_sdk.xdr import OperationType

from stellar_sandbox.envelopes import transaction_result
from stellar_sandbox.envelopes.signature_checker import SignatureChecker, get_threshold_level
from stellar_sandbox.envelopes.transaction_frame import get_source
from stellar_sandbox.envelopes.transaction_result import OperationFailed, encode_operation_result
from stellar_sandbox.ledger.ledger_txn import LedgerTxn
from stellar_sandbox.operations import (
    account_operations,
    claimable_balance_operations,
    data_operations,
    payment_operations,
    sponsorship_operations,
    trustline_operations,
)
from stellar_sandbox.operations.account_operations import changes_signers
from stellar_sandbox.operations.operation_context import OperationContext


@dataclass(frozen=True, slots=True)
class OperationHandler:
    check: Callable[[xdr.OperationBody, str], None]
    apply: Callable[[xdr.OperationBody, OperationContext], bytes]


HANDLERS = {
    OperationType.CREATE_ACCOUNT: OperationHandler(
        payment_operations.check_create_account, payment_operations.apply_create_account
    ),
    OperationType.PAYMENT: OperationHandler(
        payment_operations.check_payment, payment_operations.apply_payment
    ),
    OperationType.CHANGE_TRUST: OperationHandler(
        trustline_operations.check_change_trust, trustline_operations.apply_change_trust
    ),
    OperationType.SET_TRUST_LINE_FLAGS: OperationHandler(
        trustline_operations.check_set_flags, trustline_operations.apply_set_flags
    ),
    OperationType.SET_OPTIONS: OperationHandler(
        account_operations.check_set_options, account_operations.apply_set_options
    ),
    OperationType.BUMP_SEQUENCE: OperationHandler(
        account_operations.check_bump_sequence, account_operations.apply_bump_sequence
    ),
    OperationType.MANAGE_DATA: OperationHandler(
        data_operations.check_manage_data, data_operations.apply_manage_data
    ),
    OperationType.BEGIN_SPONSORING_FUTURE_RESERVES: OperationHandler(
        sponsorship_operations.check_begin, sponsorship_operations.apply_begin
    ),
    OperationType.END_SPONSORING_FUTURE_RESERVES: OperationHandler(
        sponsorship_operations.check_end, sponsorship_operations.apply_end
    ),
    OperationType.CREATE_CLAIMABLE_BALANCE: OperationHandler(
        claimable_balance_operations.check_create, claimable_balance_operations.apply_create
    ),
    OperationType.CLAIM_CLAIMABLE_BALANCE: OperationHandler(
        claimable_balance_operations.check_claim, claimable_balance_operations.apply_claim
    ),
}


def check_operation_signatures(
    operation: xdr.Operation, default: str, ltx: LedgerTxn, signatures: SignatureChecker
) -> bytes | None:
    """Return the result that refuses the operation for its signatures, or None."""
    source = get_source(operation, default)
    account = ltx.load_account(source)
    if account is None:
        if operation.source_account is None:
            return transaction_result.OP_NO_ACCOUNT
        # An earlier operation may create it; its master key must have signed all the same.
        return None if signatures.check_missing_account(source) else transaction_result.OP_BAD_AUTH
    level = get_threshold_level(operation.body.type, changes_signers(operation.body))
    return None if signatures.check_account(account, level) else transaction_result.OP_BAD_AUTH


def check_operation(operation: xdr.Operation, default: str) -> bytes | None:
    """Return the result that refuses the operation whatever the ledger holds, or None."""
    call = operation.body.invoke_host_function_op
    if call is not None:
        # Wasm is not supported: an upload is refused, not ignored.
        return None if call.host_function.invoke_contract else transaction_result.OP_NOT_SUPPORTED
    handler = HANDLERS.get(operation.body.type)
    if handler is None:
        return transaction_result.OP_NOT_SUPPORTED
    try:
        handler.check(operation.body, get_source(operation, default))
    except OperationFailed as failure:
        return encode_operation_result(operation.body.type, failure.code)
    return None


def apply_operation(operation: xdr.Operation, context: OperationContext) -> tuple[bool, bytes]:
    """Apply a classic operation; return whether it succeeded, and its result."""
    refused = check_operation(operation, context.source)
    if refused is not None:
        return False, refused
    if context.ltx.load_account(context.source) is None:
        return False, transaction_result.OP_NO_ACCOUNT
    kind = operation.body.type
    if sponsorship_operations.is_unsupported_for_sponsored(kind, context):
        return False, transaction_result.OP_NOT_SUPPORTED
    try:
        payload = HANDLERS[kind].apply(operation.body, context)
    except OperationFailed as failure:
        return False, encode_operation_result(kind, failure.code)
    return True, encode_operation_result(kind, 0, payload)
