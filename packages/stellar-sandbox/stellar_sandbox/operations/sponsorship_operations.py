"""One account paying the reserves of another: begun and ended within one transaction.

Only accounts created meanwhile are sponsored here. Other entries are refused for a sponsored
account rather than created at its own cost, and a sponsorship once given stays.
"""

from __future__ import annotations

from dataclasses import replace

from stellar_sdk import xdr
from stellar_sdk.xdr import (
    BeginSponsoringFutureReservesResultCode,
    CreateAccountResultCode,
    EndSponsoringFutureReservesResultCode,
    OperationType,
)

from stellar_sandbox.envelopes.transaction_result import OperationFailed
from stellar_sandbox.ledger.addresses import account_of
from stellar_sandbox.ledger.entries import BASE_RESERVE, Account
from stellar_sandbox.operations.operation_context import Application

ACCOUNT_RESERVES = 2
_MAKES_ENTRIES = {
    OperationType.CHANGE_TRUST,
    OperationType.SET_OPTIONS,
    OperationType.CREATE_CLAIMABLE_BALANCE,
}


def check_begin(body: xdr.OperationBody, source: str) -> None:
    operation = body.begin_sponsoring_future_reserves_op
    assert operation is not None
    if account_of(operation.sponsored_id) == source:
        code = BeginSponsoringFutureReservesResultCode
        raise OperationFailed(code.BEGIN_SPONSORING_FUTURE_RESERVES_MALFORMED)


def apply_begin(body: xdr.OperationBody, application: Application) -> bytes:
    operation = body.begin_sponsoring_future_reserves_op
    assert operation is not None
    sponsored, under_way = account_of(operation.sponsored_id), application.sponsorships
    code = BeginSponsoringFutureReservesResultCode
    if sponsored in under_way:
        raise OperationFailed(code.BEGIN_SPONSORING_FUTURE_RESERVES_ALREADY_SPONSORED)
    if application.source in under_way or sponsored in under_way.values():
        raise OperationFailed(code.BEGIN_SPONSORING_FUTURE_RESERVES_RECURSIVE)
    under_way[sponsored] = application.source
    return b""


def check_end(body: xdr.OperationBody, source: str) -> None:
    """Whether there is something to end is known only within the ledger."""


def apply_end(body: xdr.OperationBody, application: Application) -> bytes:
    if application.sponsorships.pop(application.source, None) is None:
        code = EndSponsoringFutureReservesResultCode
        raise OperationFailed(code.END_SPONSORING_FUTURE_RESERVES_NOT_SPONSORED)
    return b""


def left_out(kind: OperationType, application: Application) -> bool:
    """Whether this would make an entry that a sponsor should pay for."""
    return kind in _MAKES_ENTRIES and application.source in application.sponsorships


def reserve_account(account: Account, application: Application) -> Account:
    """Set aside what a new account must hold: out of its own balance, or its sponsor's."""
    low = CreateAccountResultCode.CREATE_ACCOUNT_LOW_RESERVE
    name = application.sponsorships.get(account.address)
    if name is None:
        if account.balance < ACCOUNT_RESERVES * BASE_RESERVE:
            raise OperationFailed(low)
        return account
    sponsor = application.state.account(name)
    if sponsor is None or sponsor.spendable < ACCOUNT_RESERVES * BASE_RESERVE:
        raise OperationFailed(low)
    richer = replace(sponsor, sponsoring=sponsor.sponsoring + ACCOUNT_RESERVES)
    application.state.put(richer)
    return replace(account, sponsor=name, sponsored=ACCOUNT_RESERVES)
