"""BeginSponsoringFutureReserves and EndSponsoringFutureReserves.

Only accounts can be sponsored. Other entries are refused for a sponsored account rather than
created at its own cost, and a sponsorship is never revoked.
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
from stellar_sandbox.ledger.addresses import parse_account_id
from stellar_sandbox.ledger.entries import BASE_RESERVE, AccountEntry
from stellar_sandbox.operations.operation_context import OperationContext

ACCOUNT_RESERVES = 2
_CREATES_ENTRIES = {
    OperationType.CHANGE_TRUST,
    OperationType.SET_OPTIONS,
    OperationType.MANAGE_DATA,
    OperationType.CREATE_CLAIMABLE_BALANCE,
}


def check_begin(body: xdr.OperationBody, source: str) -> None:
    operation = body.begin_sponsoring_future_reserves_op
    assert operation is not None
    if parse_account_id(operation.sponsored_id) == source:
        code = BeginSponsoringFutureReservesResultCode
        raise OperationFailed(code.BEGIN_SPONSORING_FUTURE_RESERVES_MALFORMED)


def apply_begin(body: xdr.OperationBody, context: OperationContext) -> bytes:
    operation = body.begin_sponsoring_future_reserves_op
    assert operation is not None
    sponsored, sponsorships = parse_account_id(operation.sponsored_id), context.sponsorships
    code = BeginSponsoringFutureReservesResultCode
    if sponsored in sponsorships:
        raise OperationFailed(code.BEGIN_SPONSORING_FUTURE_RESERVES_ALREADY_SPONSORED)
    if context.source in sponsorships or sponsored in sponsorships.values():
        raise OperationFailed(code.BEGIN_SPONSORING_FUTURE_RESERVES_RECURSIVE)
    sponsorships[sponsored] = context.source
    return b""


def check_end(body: xdr.OperationBody, source: str) -> None:
    """Accept every end: whether a sponsorship is open is known only when it is applied."""


def apply_end(body: xdr.OperationBody, context: OperationContext) -> bytes:
    if context.sponsorships.pop(context.source, None) is None:
        code = EndSponsoringFutureReservesResultCode
        raise OperationFailed(code.END_SPONSORING_FUTURE_RESERVES_NOT_SPONSORED)
    return b""


def is_unsupported_for_sponsored(kind: OperationType, context: OperationContext) -> bool:
    """Whether the operation creates an entry whose reserve a sponsor should pay."""
    return kind in _CREATES_ENTRIES and context.source in context.sponsorships


def reserve_account(account: AccountEntry, context: OperationContext) -> AccountEntry:
    """Reserve the base reserves of a new account: from its own balance, or from its sponsor's."""
    low = CreateAccountResultCode.CREATE_ACCOUNT_LOW_RESERVE
    name = context.sponsorships.get(account.address)
    if name is None:
        if account.balance < ACCOUNT_RESERVES * BASE_RESERVE:
            raise OperationFailed(low)
        return account
    sponsor = context.ltx.load_account(name)
    if sponsor is None or sponsor.available_balance < ACCOUNT_RESERVES * BASE_RESERVE:
        raise OperationFailed(low)
    charged = replace(sponsor, num_sponsoring=sponsor.num_sponsoring + ACCOUNT_RESERVES)
    context.ltx.put(charged)
    return replace(account, sponsor=name, num_sponsored=ACCOUNT_RESERVES)
