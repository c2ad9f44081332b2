"""Money left for somebody to fetch: CreateClaimableBalance and ClaimClaimableBalance."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from struct import pack

from stellar_sdk import xdr
from stellar_sdk.xdr import (
    ClaimClaimableBalanceResultCode as ClaimCode,
)
from stellar_sdk.xdr import (
    ClaimPredicateType,
)
from stellar_sdk.xdr import (
    CreateClaimableBalanceResultCode as CreateCode,
)

from stellar_sandbox.envelopes.transaction_result import OperationFailed
from stellar_sandbox.ledger import xdr_codec
from stellar_sandbox.ledger.addresses import account_of, asset_of, issuer_of
from stellar_sandbox.ledger.balances import Blocked, Obstacle, deposit, transfer_event, withdraw
from stellar_sandbox.ledger.entries import (
    BASE_RESERVE,
    INT64_MAX,
    TRUSTLINE_CLAWBACK,
    ClaimableBalance,
)
from stellar_sandbox.operations.operation_context import Application

OPERATION_ID_TAG = 6
MAX_CLAIMANTS, MAX_DEPTH = 10, 4

ON_LEAVING = {
    Obstacle.NO_ACCOUNT: CreateCode.CREATE_CLAIMABLE_BALANCE_UNDERFUNDED,
    Obstacle.NO_TRUST: CreateCode.CREATE_CLAIMABLE_BALANCE_NO_TRUST,
    Obstacle.NOT_AUTHORIZED: CreateCode.CREATE_CLAIMABLE_BALANCE_NOT_AUTHORIZED,
    Obstacle.UNDERFUNDED: CreateCode.CREATE_CLAIMABLE_BALANCE_UNDERFUNDED,
    Obstacle.LINE_FULL: CreateCode.CREATE_CLAIMABLE_BALANCE_UNDERFUNDED,
}
ON_ARRIVAL = {
    Obstacle.NO_ACCOUNT: ClaimCode.CLAIM_CLAIMABLE_BALANCE_CANNOT_CLAIM,
    Obstacle.NO_TRUST: ClaimCode.CLAIM_CLAIMABLE_BALANCE_NO_TRUST,
    Obstacle.NOT_AUTHORIZED: ClaimCode.CLAIM_CLAIMABLE_BALANCE_NOT_AUTHORIZED,
    Obstacle.UNDERFUNDED: ClaimCode.CLAIM_CLAIMABLE_BALANCE_LINE_FULL,
    Obstacle.LINE_FULL: ClaimCode.CLAIM_CLAIMABLE_BALANCE_LINE_FULL,
}


def check_creation(body: xdr.OperationBody, source: str) -> None:
    operation = body.create_claimable_balance_op
    assert operation is not None
    claimants = [item.v0 for item in operation.claimants if item.v0 is not None]
    distinct = {account_of(item.destination) for item in claimants}
    if (
        asset_of(operation.asset) is None
        or operation.amount.int64 <= 0
        or not 1 <= len(claimants) <= MAX_CLAIMANTS
        or len(distinct) != len(claimants)
        or not all(_sound(item.predicate, MAX_DEPTH) for item in claimants)
    ):
        raise OperationFailed(CreateCode.CREATE_CLAIMABLE_BALANCE_MALFORMED)


def _sound(predicate: xdr.ClaimPredicate | None, depth: int) -> bool:
    if predicate is None or depth == 0:
        return False
    match predicate.type:
        case ClaimPredicateType.CLAIM_PREDICATE_UNCONDITIONAL:
            return True
        case ClaimPredicateType.CLAIM_PREDICATE_AND:
            parts = predicate.and_predicates or []
            return len(parts) == 2 and all(_sound(part, depth - 1) for part in parts)
        case ClaimPredicateType.CLAIM_PREDICATE_OR:
            parts = predicate.or_predicates or []
            return len(parts) == 2 and all(_sound(part, depth - 1) for part in parts)
        case ClaimPredicateType.CLAIM_PREDICATE_NOT:
            return _sound(predicate.not_predicate, depth - 1)
    limit = predicate.abs_before or predicate.rel_before
    return limit is not None and limit.int64 >= 0


def apply_creation(body: xdr.OperationBody, application: Application) -> bytes:
    operation = body.create_claimable_balance_op
    assert operation is not None
    asset, amount = asset_of(operation.asset), operation.amount.int64
    assert asset is not None
    state, source = application.state, application.source
    claimants = [item.v0 for item in operation.claimants if item.v0 is not None]
    sponsor = state.account(source)
    assert sponsor is not None
    if sponsor.spendable < len(claimants) * BASE_RESERVE:
        raise OperationFailed(CreateCode.CREATE_CLAIMABLE_BALANCE_LOW_RESERVE)
    state.put(replace(sponsor, sponsoring=sponsor.sponsoring + len(claimants)))
    line = state.trustline(source, asset)
    try:
        withdraw(state, source, asset, amount)
    except Blocked as blocked:
        raise OperationFailed(ON_LEAVING[blocked.obstacle]) from None
    balance_id = _balance_id(application)
    state.put(
        ClaimableBalance(
            id=balance_id,
            asset=asset,
            amount=amount,
            sponsor=source,
            claimants=tuple(
                (
                    account_of(item.destination),
                    _fixed(item.predicate, application.close_time).to_xdr_bytes().hex(),
                )
                for item in claimants
            ),
            clawback=line is not None and bool(line.flags & TRUSTLINE_CLAWBACK),
        )
    )
    parties = xdr_codec.sc_address(source), xdr_codec.sc_claimable(balance_id)
    minted = source == issuer_of(asset)
    application.events.append(
        transfer_event(application.passphrase, asset, *parties, amount, minted=minted)
    )
    return xdr_codec.ZERO + bytes.fromhex(balance_id)


def _balance_id(application: Application) -> str:
    envelope = application.envelope
    preimage = pack(">i", OPERATION_ID_TAG) + xdr_codec.account_id(envelope.source)
    preimage += pack(">qI", envelope.sequence, application.index)
    return sha256(preimage).hexdigest()


def _fixed(predicate: xdr.ClaimPredicate, close_time: int) -> xdr.ClaimPredicate:
    """Relative times become absolute on entering the ledger, as the network stores them."""
    absolute = ClaimPredicateType.CLAIM_PREDICATE_BEFORE_ABSOLUTE_TIME
    if predicate.rel_before is not None:
        moment = min(close_time + predicate.rel_before.int64, INT64_MAX)
        return xdr.ClaimPredicate(absolute, abs_before=xdr.Int64(moment))
    ands, ors, nots = predicate.and_predicates, predicate.or_predicates, predicate.not_predicate
    return xdr.ClaimPredicate(
        predicate.type,
        and_predicates=ands and [_fixed(part, close_time) for part in ands],
        or_predicates=ors and [_fixed(part, close_time) for part in ors],
        not_predicate=nots and _fixed(nots, close_time),
        abs_before=predicate.abs_before,
    )


def check_claim(body: xdr.OperationBody, source: str) -> None:
    """A claim cannot be malformed: it names a balance, which exists or not."""


def apply_claim(body: xdr.OperationBody, application: Application) -> bytes:
    operation = body.claim_claimable_balance_op
    assert operation is not None
    assert operation.balance_id.v0 is not None
    state, source = application.state, application.source
    balance = state.claimable(operation.balance_id.v0.hash.hex())
    if balance is None:
        raise OperationFailed(ClaimCode.CLAIM_CLAIMABLE_BALANCE_DOES_NOT_EXIST)
    predicate = dict(balance.claimants).get(source)
    if predicate is None or not _holds(
        xdr.ClaimPredicate.from_xdr_bytes(bytes.fromhex(predicate)), application.close_time
    ):
        raise OperationFailed(ClaimCode.CLAIM_CLAIMABLE_BALANCE_CANNOT_CLAIM)
    try:
        deposit(state, source, balance.asset, balance.amount)
    except Blocked as blocked:
        raise OperationFailed(ON_ARRIVAL[blocked.obstacle]) from None
    state.remove(balance.key)
    sponsor = state.account(balance.sponsor)
    if sponsor is not None:
        left = sponsor.sponsoring - len(balance.claimants)
        state.put(replace(sponsor, sponsoring=left))
    parties = xdr_codec.sc_claimable(balance.id), xdr_codec.sc_address(source)
    burned = source == issuer_of(balance.asset)
    application.events.append(
        transfer_event(
            application.passphrase, balance.asset, *parties, balance.amount, burned=burned
        )
    )
    return b""


def _holds(predicate: xdr.ClaimPredicate, close_time: int) -> bool:
    if predicate.and_predicates is not None:
        return all(_holds(part, close_time) for part in predicate.and_predicates)
    if predicate.or_predicates is not None:
        return any(_holds(part, close_time) for part in predicate.or_predicates)
    if predicate.not_predicate is not None:
        return not _holds(predicate.not_predicate, close_time)
    if predicate.abs_before is not None:
        return close_time < predicate.abs_before.int64
    return True
