"""Every operation the box knows: how it is checked before a ledger, and applied within one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from stellar_sdk import xdr
from stellar_sdk.xdr import OperationType

from sandbox.stellar import accounts, claimables, payments, results, sponsorships, trustlines
from sandbox.stellar.accounts import changes_signers
from sandbox.stellar.addresses import muxed_of
from sandbox.stellar.applications import Application
from sandbox.stellar.results import OperationFailed, operation_result
from sandbox.stellar.signatures import Signatures, needed_level
from sandbox.stellar.states import State


@dataclass(frozen=True, slots=True)
class Rule:
    check: Callable[[xdr.OperationBody, str], None]
    apply: Callable[[xdr.OperationBody, Application], bytes]


RULES = {
    OperationType.CREATE_ACCOUNT: Rule(
        payments.check_create_account, payments.apply_create_account
    ),
    OperationType.PAYMENT: Rule(payments.check_payment, payments.apply_payment),
    OperationType.CHANGE_TRUST: Rule(trustlines.check_change_trust, trustlines.apply_change_trust),
    OperationType.SET_TRUST_LINE_FLAGS: Rule(
        trustlines.check_set_flags, trustlines.apply_set_flags
    ),
    OperationType.SET_OPTIONS: Rule(accounts.check_set_options, accounts.apply_set_options),
    OperationType.BUMP_SEQUENCE: Rule(accounts.check_bump_sequence, accounts.apply_bump_sequence),
    OperationType.BEGIN_SPONSORING_FUTURE_RESERVES: Rule(
        sponsorships.check_begin, sponsorships.apply_begin
    ),
    OperationType.END_SPONSORING_FUTURE_RESERVES: Rule(
        sponsorships.check_end, sponsorships.apply_end
    ),
    OperationType.CREATE_CLAIMABLE_BALANCE: Rule(
        claimables.check_creation, claimables.apply_creation
    ),
    OperationType.CLAIM_CLAIMABLE_BALANCE: Rule(claimables.check_claim, claimables.apply_claim),
}


def source_of(operation: xdr.Operation, default: str) -> str:
    return default if operation.source_account is None else muxed_of(operation.source_account)[0]


def authorize(
    operation: xdr.Operation, default: str, state: State, signatures: Signatures
) -> bytes | None:
    """The result that refuses this operation for its signatures, or None if they suffice."""
    source = source_of(operation, default)
    account = state.account(source)
    if account is None:
        if operation.source_account is None:
            return results.OP_NO_ACCOUNT
        # An earlier operation may create it; its key must have signed all the same.
        return None if signatures.satisfy_missing(source) else results.OP_BAD_AUTH
    level = needed_level(operation.body.type, changes_signers(operation.body))
    return None if signatures.satisfy(account, level) else results.OP_BAD_AUTH


def check_operation(operation: xdr.Operation, default: str) -> bytes | None:
    """The result that refuses this operation whatever the ledger holds, or None."""
    call = operation.body.invoke_host_function_op
    if call is not None:
        # Wasm is left out of the box: what would bring some is refused, not ignored.
        return None if call.host_function.invoke_contract else results.OP_NOT_SUPPORTED
    rule = RULES.get(operation.body.type)
    if rule is None:
        return results.OP_NOT_SUPPORTED
    try:
        rule.check(operation.body, source_of(operation, default))
    except OperationFailed as failure:
        return operation_result(operation.body.type, failure.code)
    return None


def apply_operation(operation: xdr.Operation, application: Application) -> tuple[bool, bytes]:
    """Apply a classic operation to its sheet: whether it went well, and its result."""
    refusal = check_operation(operation, application.source)
    if refusal is not None:
        return False, refusal
    if application.state.account(application.source) is None:
        return False, results.OP_NO_ACCOUNT
    kind = operation.body.type
    if sponsorships.left_out(kind, application):
        return False, results.OP_NOT_SUPPORTED
    try:
        payload = RULES[kind].apply(operation.body, application)
    except OperationFailed as failure:
        return False, operation_result(kind, failure.code)
    return True, operation_result(kind, 0, payload)
