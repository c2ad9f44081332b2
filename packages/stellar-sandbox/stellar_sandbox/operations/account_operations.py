"""SetOptions and BumpSequence."""

from __future__ import annotations

from dataclasses import replace

from stellar_sdk import xdr
from stellar_sdk.xdr import BumpSequenceResultCode, SetOptionsResultCode

from stellar_sandbox.envelopes.transaction_result import OperationFailed
from stellar_sandbox.ledger.addresses import encode_account
from stellar_sandbox.ledger.entries import (
    AUTH_CLAWBACK,
    AUTH_IMMUTABLE,
    AUTH_REVOCABLE,
    BASE_RESERVE,
    AccountEntry,
)
from stellar_sandbox.operations.operation_context import OperationContext

MAX_SIGNERS = 20
KNOWN_FLAGS = 0xF


def changes_signers(body: xdr.OperationBody) -> bool:
    """Whether SetOptions needs the high threshold, because it changes signers or thresholds."""
    operation = body.set_options_op
    return operation is not None and any(
        item is not None
        for item in (
            operation.master_weight,
            operation.low_threshold,
            operation.med_threshold,
            operation.high_threshold,
            operation.signer,
        )
    )


def check_set_options(body: xdr.OperationBody, source: str) -> None:
    operation = body.set_options_op
    assert operation is not None
    if operation.inflation_dest is not None:
        # Inflation is not supported, as on the network: refused, not ignored.
        raise OperationFailed(SetOptionsResultCode.SET_OPTIONS_INVALID_INFLATION)
    set_flags = operation.set_flags.uint32 if operation.set_flags else 0
    clear_flags = operation.clear_flags.uint32 if operation.clear_flags else 0
    if set_flags & clear_flags:
        raise OperationFailed(SetOptionsResultCode.SET_OPTIONS_BAD_FLAGS)
    if (set_flags | clear_flags) & ~KNOWN_FLAGS:
        raise OperationFailed(SetOptionsResultCode.SET_OPTIONS_UNKNOWN_FLAG)
    weights = (
        operation.master_weight,
        operation.low_threshold,
        operation.med_threshold,
        operation.high_threshold,
    )
    if any(weight is not None and weight.uint32 > 255 for weight in weights):
        raise OperationFailed(SetOptionsResultCode.SET_OPTIONS_THRESHOLD_OUT_OF_RANGE)
    domain = operation.home_domain.string32 if operation.home_domain else b""
    if not all(32 <= byte < 127 for byte in domain):
        raise OperationFailed(SetOptionsResultCode.SET_OPTIONS_INVALID_HOME_DOMAIN)
    if operation.signer is not None:
        # Only ed25519 signers are supported: others are refused, not ignored.
        key = operation.signer.key.ed25519
        if key is None or encode_account(key.uint256) == source:
            raise OperationFailed(SetOptionsResultCode.SET_OPTIONS_BAD_SIGNER)
        if operation.signer.weight.uint32 > 255:
            raise OperationFailed(SetOptionsResultCode.SET_OPTIONS_BAD_SIGNER)


def apply_set_options(body: xdr.OperationBody, context: OperationContext) -> bytes:
    operation = body.set_options_op
    assert operation is not None
    account = context.ltx.load_account(context.source)
    assert account is not None
    set_flags = operation.set_flags.uint32 if operation.set_flags else 0
    clear_flags = operation.clear_flags.uint32 if operation.clear_flags else 0
    if (set_flags or clear_flags) and account.flags & AUTH_IMMUTABLE:
        raise OperationFailed(SetOptionsResultCode.SET_OPTIONS_CANT_CHANGE)
    flags = (account.flags & ~clear_flags) | set_flags
    if flags & AUTH_CLAWBACK and not flags & AUTH_REVOCABLE:
        raise OperationFailed(SetOptionsResultCode.SET_OPTIONS_AUTH_REVOCABLE_REQUIRED)
    given = (
        operation.master_weight,
        operation.low_threshold,
        operation.med_threshold,
        operation.high_threshold,
    )
    master, low, medium, high = (
        old if new is None else new.uint32
        for old, new in zip(account.thresholds, given, strict=True)
    )
    account = replace(
        account,
        flags=flags,
        thresholds=(master, low, medium, high),
    )
    if operation.home_domain is not None:
        domain = operation.home_domain.string32.decode("ascii")
        account = replace(account, home_domain=domain)
    if operation.signer is not None:
        account = _set_signer(account, operation.signer)
    context.ltx.put(account)
    return b""


def _set_signer(account: AccountEntry, signer: xdr.Signer) -> AccountEntry:
    assert signer.key.ed25519 is not None
    address, weight = encode_account(signer.key.ed25519.uint256), signer.weight.uint32
    signers = dict(account.signers)
    known = address in signers
    if weight == 0:
        signers.pop(address, None)
    elif not known and len(signers) >= MAX_SIGNERS:
        raise OperationFailed(SetOptionsResultCode.SET_OPTIONS_TOO_MANY_SIGNERS)
    elif not known and account.available_balance < BASE_RESERVE:
        raise OperationFailed(SetOptionsResultCode.SET_OPTIONS_LOW_RESERVE)
    else:
        signers[address] = weight
    added = len(signers) - len(account.signers)
    return replace(
        account,
        signers=tuple(sorted(signers.items())),
        num_sub_entries=account.num_sub_entries + added,
    )


def check_bump_sequence(body: xdr.OperationBody, source: str) -> None:
    assert body.bump_sequence_op is not None
    if body.bump_sequence_op.bump_to.sequence_number.int64 < 0:
        raise OperationFailed(BumpSequenceResultCode.BUMP_SEQUENCE_BAD_SEQ)


def apply_bump_sequence(body: xdr.OperationBody, context: OperationContext) -> bytes:
    assert body.bump_sequence_op is not None
    target = body.bump_sequence_op.bump_to.sequence_number.int64
    account = context.ltx.load_account(context.source)
    assert account is not None
    if target > account.sequence:
        context.ltx.put(replace(account, sequence=target))
    return b""
