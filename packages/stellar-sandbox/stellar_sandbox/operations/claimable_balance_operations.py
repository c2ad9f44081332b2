"""CreateClaimableBalance and ClaimClaimableBalance."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from struct import pack

from stellar_sdk import xdr
from stellar_sdk.xdr import (
    ClaimClaimableBalanceResultCode as ClaimCode,
)
from stellar_sdk.xdr import (
    CreateClaimableBalanceResultCode as CreateCode,
)

from stellar_sandbox.envelopes.transaction_result import OperationFailed
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import get_issuer, parse_account_id, parse_asset
from stellar_sandbox.ledger.balances import (
    TransferError,
    TransferFailed,
    build_transfer_event,
    deposit,
    withdraw,
)
from stellar_sandbox.ledger.entries import (
    BASE_RESERVE,
    TRUSTLINE_CLAWBACK,
    ClaimableBalanceEntry,
)
from stellar_sandbox.operations.claim_predicates import is_satisfied, is_well_formed, make_absolute
from stellar_sandbox.operations.operation_context import OperationContext

OPERATION_ID_TAG = 6
MAX_CLAIMANTS, MAX_DEPTH = 10, 4

WITHDRAWAL_CODES = {
    TransferError.NO_ACCOUNT: CreateCode.CREATE_CLAIMABLE_BALANCE_UNDERFUNDED,
    TransferError.NO_TRUST: CreateCode.CREATE_CLAIMABLE_BALANCE_NO_TRUST,
    TransferError.NOT_AUTHORIZED: CreateCode.CREATE_CLAIMABLE_BALANCE_NOT_AUTHORIZED,
    TransferError.UNDERFUNDED: CreateCode.CREATE_CLAIMABLE_BALANCE_UNDERFUNDED,
    TransferError.LINE_FULL: CreateCode.CREATE_CLAIMABLE_BALANCE_UNDERFUNDED,
}
DEPOSIT_CODES = {
    TransferError.NO_ACCOUNT: ClaimCode.CLAIM_CLAIMABLE_BALANCE_CANNOT_CLAIM,
    TransferError.NO_TRUST: ClaimCode.CLAIM_CLAIMABLE_BALANCE_NO_TRUST,
    TransferError.NOT_AUTHORIZED: ClaimCode.CLAIM_CLAIMABLE_BALANCE_NOT_AUTHORIZED,
    TransferError.UNDERFUNDED: ClaimCode.CLAIM_CLAIMABLE_BALANCE_LINE_FULL,
    TransferError.LINE_FULL: ClaimCode.CLAIM_CLAIMABLE_BALANCE_LINE_FULL,
}


def check_create(body: xdr.OperationBody, source: str) -> None:
    operation = body.create_claimable_balance_op
    assert operation is not None
    claimants = [item.v0 for item in operation.claimants if item.v0 is not None]
    distinct = {parse_account_id(item.destination) for item in claimants}
    if (
        parse_asset(operation.asset) is None
        or operation.amount.int64 <= 0
        or not 1 <= len(claimants) <= MAX_CLAIMANTS
        or len(distinct) != len(claimants)
        or not all(is_well_formed(item.predicate, MAX_DEPTH) for item in claimants)
    ):
        raise OperationFailed(CreateCode.CREATE_CLAIMABLE_BALANCE_MALFORMED)


def apply_create(body: xdr.OperationBody, context: OperationContext) -> bytes:
    operation = body.create_claimable_balance_op
    assert operation is not None
    asset, amount = parse_asset(operation.asset), operation.amount.int64
    assert asset is not None
    ltx, source = context.ltx, context.source
    claimants = [item.v0 for item in operation.claimants if item.v0 is not None]
    sponsor = ltx.load_account(source)
    assert sponsor is not None
    if sponsor.available_balance < len(claimants) * BASE_RESERVE:
        raise OperationFailed(CreateCode.CREATE_CLAIMABLE_BALANCE_LOW_RESERVE)
    ltx.put(replace(sponsor, num_sponsoring=sponsor.num_sponsoring + len(claimants)))
    line = ltx.load_trustline(source, asset)
    try:
        withdraw(ltx, source, asset, amount)
    except TransferFailed as failure:
        raise OperationFailed(WITHDRAWAL_CODES[failure.error]) from None
    balance_id = _derive_balance_id(context)
    ltx.put(
        ClaimableBalanceEntry(
            id=balance_id,
            asset=asset,
            amount=amount,
            sponsor=source,
            claimants=tuple(
                (
                    parse_account_id(item.destination),
                    make_absolute(item.predicate, context.close_time).to_xdr_bytes().hex(),
                )
                for item in claimants
            ),
            clawback=line is not None and bool(line.flags & TRUSTLINE_CLAWBACK),
        )
    )
    parties = xdr_codec.encode_sc_address(source), xdr_codec.encode_sc_claimable_balance(balance_id)
    minted = source == get_issuer(asset)
    context.events.append(
        build_transfer_event(context.passphrase, asset, *parties, amount, minted=minted)
    )
    return xdr_codec.ZERO + bytes.fromhex(balance_id)


def _derive_balance_id(context: OperationContext) -> str:
    envelope = context.envelope
    preimage = pack(">i", OPERATION_ID_TAG) + xdr_codec.encode_account_id(envelope.source)
    preimage += pack(">qI", envelope.sequence, context.index)
    return sha256(preimage).hexdigest()


def check_claim(body: xdr.OperationBody, source: str) -> None:
    """Accept every claim: whether the balance exists is known only when it is applied."""


def apply_claim(body: xdr.OperationBody, context: OperationContext) -> bytes:
    operation = body.claim_claimable_balance_op
    assert operation is not None
    assert operation.balance_id.v0 is not None
    ltx, source = context.ltx, context.source
    balance = ltx.load_claimable_balance(operation.balance_id.v0.hash.hex())
    if balance is None:
        raise OperationFailed(ClaimCode.CLAIM_CLAIMABLE_BALANCE_DOES_NOT_EXIST)
    predicate = dict(balance.claimants).get(source)
    if predicate is None or not is_satisfied(
        xdr.ClaimPredicate.from_xdr_bytes(bytes.fromhex(predicate)), context.close_time
    ):
        raise OperationFailed(ClaimCode.CLAIM_CLAIMABLE_BALANCE_CANNOT_CLAIM)
    try:
        deposit(ltx, source, balance.asset, balance.amount)
    except TransferFailed as failure:
        raise OperationFailed(DEPOSIT_CODES[failure.error]) from None
    ltx.remove(balance.key)
    sponsor = ltx.load_account(balance.sponsor)
    if sponsor is not None:
        left = sponsor.num_sponsoring - len(balance.claimants)
        ltx.put(replace(sponsor, num_sponsoring=left))
    parties = xdr_codec.encode_sc_claimable_balance(balance.id), xdr_codec.encode_sc_address(source)
    burned = source == get_issuer(balance.asset)
    context.events.append(
        build_transfer_event(
            context.passphrase, balance.asset, *parties, balance.amount, burned=burned
        )
    )
    return b""
