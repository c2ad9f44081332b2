"""ManageData: named values of an account, each of which reserves as much as a trustline."""

from __future__ import annotations

from dataclasses import replace

from stellar_sdk import xdr
from stellar_sdk.xdr import ManageDataResultCode

from stellar_sandbox.envelopes.transaction_result import OperationFailed
from stellar_sandbox.ledger.entries import BASE_RESERVE, DataEntry
from stellar_sandbox.ledger.ledger_keys import decode_text
from stellar_sandbox.operations.operation_context import OperationContext


def check_manage_data(body: xdr.OperationBody, source: str) -> None:
    assert body.manage_data_op is not None
    if not decode_text(body.manage_data_op.data_name.string64):
        raise OperationFailed(ManageDataResultCode.MANAGE_DATA_INVALID_NAME)


def apply_manage_data(body: xdr.OperationBody, context: OperationContext) -> bytes:
    operation = body.manage_data_op
    assert operation is not None
    name = decode_text(operation.data_name.string64)
    account = context.ltx.load_account(context.source)
    assert account is not None
    assert name is not None
    known = context.ltx.load_data(context.source, name)
    if operation.data_value is None:
        if known is None:
            raise OperationFailed(ManageDataResultCode.MANAGE_DATA_NAME_NOT_FOUND)
        context.ltx.remove(known.key)
        context.ltx.put(replace(account, num_sub_entries=account.num_sub_entries - 1))
        return b""
    if known is None:
        if account.available_balance < BASE_RESERVE:
            raise OperationFailed(ManageDataResultCode.MANAGE_DATA_LOW_RESERVE)
        context.ltx.put(replace(account, num_sub_entries=account.num_sub_entries + 1))
    context.ltx.put(DataEntry(context.source, name, operation.data_value.data_value.hex()))
    return b""
