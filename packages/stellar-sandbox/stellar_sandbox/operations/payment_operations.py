"""Payment, also to muxed accounts, and CreateAccount."""

from __future__ import annotations

from stellar_sdk import xdr
from stellar_sdk.xdr import CreateAccountResultCode, PaymentResultCode

from stellar_sandbox.envelopes.transaction_result import OperationFailed
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import (
    NATIVE,
    get_issuer,
    parse_account_id,
    parse_asset,
    parse_muxed_account,
)
from stellar_sandbox.ledger.balances import (
    TransferError,
    TransferFailed,
    build_transfer_event,
    deposit,
    withdraw,
)
from stellar_sandbox.ledger.entries import AccountEntry
from stellar_sandbox.operations.operation_context import OperationContext
from stellar_sandbox.operations.sponsorship_operations import reserve_account

DEPOSIT_CODES = {
    TransferError.NO_ACCOUNT: PaymentResultCode.PAYMENT_NO_DESTINATION,
    TransferError.NO_TRUST: PaymentResultCode.PAYMENT_NO_TRUST,
    TransferError.NOT_AUTHORIZED: PaymentResultCode.PAYMENT_NOT_AUTHORIZED,
    TransferError.UNDERFUNDED: PaymentResultCode.PAYMENT_LINE_FULL,
    TransferError.LINE_FULL: PaymentResultCode.PAYMENT_LINE_FULL,
}
WITHDRAWAL_CODES = {
    TransferError.NO_ACCOUNT: PaymentResultCode.PAYMENT_UNDERFUNDED,
    TransferError.NO_TRUST: PaymentResultCode.PAYMENT_SRC_NO_TRUST,
    TransferError.NOT_AUTHORIZED: PaymentResultCode.PAYMENT_SRC_NOT_AUTHORIZED,
    TransferError.UNDERFUNDED: PaymentResultCode.PAYMENT_UNDERFUNDED,
    TransferError.LINE_FULL: PaymentResultCode.PAYMENT_UNDERFUNDED,
}


def check_payment(body: xdr.OperationBody, source: str) -> None:
    assert body.payment_op is not None
    if body.payment_op.amount.int64 <= 0 or parse_asset(body.payment_op.asset) is None:
        raise OperationFailed(PaymentResultCode.PAYMENT_MALFORMED)


def apply_payment(body: xdr.OperationBody, context: OperationContext) -> bytes:
    assert body.payment_op is not None
    target, muxed_id = parse_muxed_account(body.payment_op.destination)
    asset, amount = parse_asset(body.payment_op.asset), body.payment_op.amount.int64
    assert asset is not None
    source, ltx = context.source, context.ltx
    if ltx.load_account(target) is None:
        raise OperationFailed(PaymentResultCode.PAYMENT_NO_DESTINATION)
    if not (source == target and asset == NATIVE):
        try:
            deposit(ltx, target, asset, amount)
        except TransferFailed as failure:
            raise OperationFailed(DEPOSIT_CODES[failure.error]) from None
        try:
            withdraw(ltx, source, asset, amount)
        except TransferFailed as failure:
            raise OperationFailed(WITHDRAWAL_CODES[failure.error]) from None
    to_muxed_id = xdr_codec.encode_u64(muxed_id) if muxed_id is not None else _encode_memo(context)
    context.events.append(
        build_transfer_event(
            context.passphrase,
            asset,
            xdr_codec.encode_sc_address(source),
            xdr_codec.encode_sc_address(target),
            amount,
            minted=source == get_issuer(asset),
            burned=target == get_issuer(asset),
            to_muxed_id=to_muxed_id,
        )
    )
    return b""


def _encode_memo(context: OperationContext) -> bytes | None:
    memo = context.envelope.tx.memo
    if memo.id is not None:
        return xdr_codec.encode_u64(memo.id.uint64)
    if memo.text is not None:
        return xdr_codec.encode_string(memo.text)
    digest = memo.hash or memo.ret_hash
    return xdr_codec.encode_bytes(digest.hash) if digest is not None else None


def check_create_account(body: xdr.OperationBody, source: str) -> None:
    operation = body.create_account_op
    assert operation is not None
    if operation.starting_balance.int64 < 0 or parse_account_id(operation.destination) == source:
        raise OperationFailed(CreateAccountResultCode.CREATE_ACCOUNT_MALFORMED)


def apply_create_account(body: xdr.OperationBody, context: OperationContext) -> bytes:
    operation = body.create_account_op
    assert operation is not None
    target, amount = parse_account_id(operation.destination), operation.starting_balance.int64
    ltx = context.ltx
    if ltx.load_account(target) is not None:
        raise OperationFailed(CreateAccountResultCode.CREATE_ACCOUNT_ALREADY_EXIST)
    # The sequence starts at the ledger, so that transactions of a deleted account stay invalid.
    created = reserve_account(AccountEntry(target, amount, context.ledger << 32), context)
    try:
        withdraw(ltx, context.source, NATIVE, amount)
    except TransferFailed:
        raise OperationFailed(CreateAccountResultCode.CREATE_ACCOUNT_UNDERFUNDED) from None
    ltx.put(created)
    context.events.append(
        build_transfer_event(
            context.passphrase,
            NATIVE,
            xdr_codec.encode_sc_address(context.source),
            xdr_codec.encode_sc_address(target),
            amount,
        )
    )
    return b""
