"""
The classic rail: up to a hundred payment operations in one transaction.

Such a transaction is all or nothing, but the result of a failed one names every operation that could
not be applied: those payments are removed together, and the others are resubmitted once.
"""

from collections.abc import Sequence
from datetime import datetime

from stellar_sdk import Account, TransactionBuilder, TransactionEnvelope, xdr

from adapters.stellar.codes.operation_codes import get_meaning
from adapters.stellar.signing.soroban_transfers import (
    BACKSTOP,
    MIN_FEE,
    Asset,
    make_muxed_address,
)
from domain.money import format_amount
from domain.settlement.allocations import Transfer
from domain.settlement.attempts import FailedOperation


def draft(
    transfers: Sequence[Transfer],
    asset: Asset,
    channel: str,
    sequence: int,
    max_ledger: int,
    now: datetime,
) -> TransactionEnvelope:
    """Build the unsigned batch: one payment operation for each transfer, in the same order."""
    builder = TransactionBuilder(Account(channel, sequence - 1), asset.passphrase, MIN_FEE)
    for transfer in transfers:
        builder.append_payment_op(
            make_muxed_address(transfer),
            asset.classic,
            format_amount(transfer.amount_stroops),
            source=transfer.from_address,
        )
    builder.add_time_bounds(0, int((now + BACKSTOP).timestamp()))
    builder.set_ledger_bounds(0, max_ledger)
    return builder.build()


def list_failed_operations(result_xdr: str) -> list[FailedOperation]:
    """Return every operation of a failed batch that could not be applied, with its code."""
    result = xdr.TransactionResult.from_xdr(result_xdr).result
    if result.inner_result_pair is not None:
        operations = result.inner_result_pair.result.result.results
    else:
        operations = result.results
    found = []
    for index, operation in enumerate(operations or []):
        paid = operation.tr.payment_result if operation.tr else None
        code = operation.code if paid is None else paid.code
        if code.value:  # success is 0 in both enumerations
            found.append(FailedOperation(index, get_meaning(code).to_reason(code.name)))
    return found
