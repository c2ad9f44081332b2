"""Paying: Payment, to plain and muxed addresses, and CreateAccount."""

from __future__ import annotations

from stellar_sdk import xdr
from stellar_sdk.xdr import CreateAccountResultCode, PaymentResultCode

from stellar_sandbox.envelopes.transaction_result import OperationFailed
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import NATIVE, account_of, asset_of, issuer_of, muxed_of
from stellar_sandbox.ledger.balances import Blocked, Obstacle, deposit, transfer_event, withdraw
from stellar_sandbox.ledger.entries import Account
from stellar_sandbox.operations.operation_context import Application
from stellar_sandbox.operations.sponsorship_operations import reserve_account

ON_ARRIVAL = {
    Obstacle.NO_ACCOUNT: PaymentResultCode.PAYMENT_NO_DESTINATION,
    Obstacle.NO_TRUST: PaymentResultCode.PAYMENT_NO_TRUST,
    Obstacle.NOT_AUTHORIZED: PaymentResultCode.PAYMENT_NOT_AUTHORIZED,
    Obstacle.UNDERFUNDED: PaymentResultCode.PAYMENT_LINE_FULL,
    Obstacle.LINE_FULL: PaymentResultCode.PAYMENT_LINE_FULL,
}
ON_LEAVING = {
    Obstacle.NO_ACCOUNT: PaymentResultCode.PAYMENT_UNDERFUNDED,
    Obstacle.NO_TRUST: PaymentResultCode.PAYMENT_SRC_NO_TRUST,
    Obstacle.NOT_AUTHORIZED: PaymentResultCode.PAYMENT_SRC_NOT_AUTHORIZED,
    Obstacle.UNDERFUNDED: PaymentResultCode.PAYMENT_UNDERFUNDED,
    Obstacle.LINE_FULL: PaymentResultCode.PAYMENT_UNDERFUNDED,
}


def check_payment(body: xdr.OperationBody, source: str) -> None:
    assert body.payment_op is not None
    if body.payment_op.amount.int64 <= 0 or asset_of(body.payment_op.asset) is None:
        raise OperationFailed(PaymentResultCode.PAYMENT_MALFORMED)


def apply_payment(body: xdr.OperationBody, application: Application) -> bytes:
    assert body.payment_op is not None
    target, muxed_id = muxed_of(body.payment_op.destination)
    asset, amount = asset_of(body.payment_op.asset), body.payment_op.amount.int64
    assert asset is not None
    source, state = application.source, application.state
    if state.account(target) is None:
        raise OperationFailed(PaymentResultCode.PAYMENT_NO_DESTINATION)
    if not (source == target and asset == NATIVE):
        try:
            deposit(state, target, asset, amount)
        except Blocked as blocked:
            raise OperationFailed(ON_ARRIVAL[blocked.obstacle]) from None
        try:
            withdraw(state, source, asset, amount)
        except Blocked as blocked:
            raise OperationFailed(ON_LEAVING[blocked.obstacle]) from None
    tag = xdr_codec.sc_u64(muxed_id) if muxed_id is not None else _memo_tag(application)
    application.events.append(
        transfer_event(
            application.passphrase,
            asset,
            xdr_codec.sc_address(source),
            xdr_codec.sc_address(target),
            amount,
            minted=source == issuer_of(asset),
            burned=target == issuer_of(asset),
            tag=tag,
        )
    )
    return b""


def _memo_tag(application: Application) -> bytes | None:
    memo = application.envelope.tx.memo
    if memo.id is not None:
        return xdr_codec.sc_u64(memo.id.uint64)
    if memo.text is not None:
        return xdr_codec.sc_string(memo.text)
    digest = memo.hash or memo.ret_hash
    return xdr_codec.sc_bytes(digest.hash) if digest is not None else None


def check_create_account(body: xdr.OperationBody, source: str) -> None:
    operation = body.create_account_op
    assert operation is not None
    if operation.starting_balance.int64 < 0 or account_of(operation.destination) == source:
        raise OperationFailed(CreateAccountResultCode.CREATE_ACCOUNT_MALFORMED)


def apply_create_account(body: xdr.OperationBody, application: Application) -> bytes:
    operation = body.create_account_op
    assert operation is not None
    target, amount = account_of(operation.destination), operation.starting_balance.int64
    state = application.state
    if state.account(target) is not None:
        raise OperationFailed(CreateAccountResultCode.CREATE_ACCOUNT_ALREADY_EXIST)
    # A new account starts at its ledger, so a deleted one can never replay its past.
    created = reserve_account(Account(target, amount, application.ledger << 32), application)
    try:
        withdraw(state, application.source, NATIVE, amount)
    except Blocked:
        raise OperationFailed(CreateAccountResultCode.CREATE_ACCOUNT_UNDERFUNDED) from None
    state.put(created)
    application.events.append(
        transfer_event(
            application.passphrase,
            NATIVE,
            xdr_codec.sc_address(application.source),
            xdr_codec.sc_address(target),
            amount,
        )
    )
    return b""
