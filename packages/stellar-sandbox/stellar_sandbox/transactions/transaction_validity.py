"""Whether a transaction may enter a ledger: stellar-core's checks, in its order.

They are made for the next ledger when the transaction arrives, and again when that ledger closes.
"""

from __future__ import annotations

from dataclasses import dataclass

from stellar_sdk import xdr
from stellar_sdk.xdr import TransactionResultCode as Code

from stellar_sandbox.envelopes.frozen_keys import touches_frozen_account
from stellar_sandbox.envelopes.signature_checker import LOW, SignatureChecker
from stellar_sandbox.envelopes.transaction_frame import TransactionFrame
from stellar_sandbox.envelopes.transaction_result import TransactionRefused
from stellar_sandbox.ledger import fees
from stellar_sandbox.ledger.entries import AccountEntry
from stellar_sandbox.ledger.ledger_txn import LedgerTxn
from stellar_sandbox.transactions.signature_checks import check_operations


@dataclass(frozen=True, slots=True)
class LedgerContext:
    """The ledger for which a transaction is checked."""

    ledger: int
    close_time: int
    latest_close_time: int  # the close time when applying; later when a transaction arrives
    frozen: frozenset[str] = frozenset()  # accounts that no transaction may touch


def check_valid(envelope: TransactionFrame, ltx: LedgerTxn, ledger_context: LedgerContext) -> None:
    """Make every check, as a node does when a transaction is sent to it."""
    if envelope.is_fee_bump:
        _check_fee_bump(envelope, ltx, ledger_context)
    try:
        signatures = check_common_valid(envelope, ltx, ledger_context)
        _check_balance(envelope, ltx)
        check_operations(envelope, ltx, signatures)
    except TransactionRefused as refused:
        refused.inner = envelope.is_fee_bump
        raise


def check_common_valid(
    envelope: TransactionFrame, ltx: LedgerTxn, ledger_context: LedgerContext
) -> SignatureChecker:
    """Check what must hold for a transaction to consume its sequence number."""
    _check_structure(envelope)
    _check_bounds(envelope, ledger_context)
    if not envelope.is_fee_bump:
        needed = fees.BASE_FEE * envelope.paid_operations
        if envelope.inclusion_fee < needed:
            raise TransactionRefused(Code.txINSUFFICIENT_FEE, fee=needed + envelope.resource_fee)
    account = ltx.load_account(envelope.source)
    if account is None:
        raise TransactionRefused(Code.txNO_ACCOUNT)
    if touches_frozen_account(envelope, ledger_context.frozen):
        raise TransactionRefused(Code.txFROZEN_KEY_ACCESSED)
    if not _is_sequence_valid(envelope, account):
        raise TransactionRefused(Code.txBAD_SEQ)
    signatures = SignatureChecker(envelope.inner_hash, envelope.signatures)
    if not signatures.check_account(account, LOW):
        raise TransactionRefused(Code.txBAD_AUTH)
    return signatures


def _check_fee_bump(
    envelope: TransactionFrame, ltx: LedgerTxn, ledger_context: LedgerContext
) -> None:
    needed = fees.BASE_FEE * envelope.paid_operations
    inner_bid = envelope.tx.fee.uint32 - envelope.resource_fee
    inner_operations = max(1, len(envelope.operations))
    # The outer bid per operation must not be lower than the inner one's.
    needed = max(needed, -(-inner_bid * envelope.paid_operations // inner_operations))
    if envelope.inclusion_fee < needed:
        raise TransactionRefused(Code.txINSUFFICIENT_FEE, fee=needed + envelope.resource_fee)
    payer = ltx.load_account(envelope.fee_source)
    if payer is None:
        raise TransactionRefused(Code.txNO_ACCOUNT)
    if envelope.fee_source in ledger_context.frozen:
        raise TransactionRefused(Code.txFROZEN_KEY_ACCESSED)
    signatures = SignatureChecker(envelope.hash, envelope.outer_signatures)
    if not signatures.check_account(payer, LOW):
        raise TransactionRefused(Code.txBAD_AUTH)
    if payer.available_balance < envelope.fee:
        raise TransactionRefused(Code.txINSUFFICIENT_BALANCE)
    if not signatures.all_signatures_used:
        raise TransactionRefused(Code.txBAD_AUTH_EXTRA)


def _check_balance(envelope: TransactionFrame, ltx: LedgerTxn) -> None:
    if envelope.is_fee_bump:
        return
    account = ltx.load_account(envelope.source)
    if account is None or account.available_balance < envelope.fee:
        raise TransactionRefused(Code.txINSUFFICIENT_BALANCE)


def _check_structure(envelope: TransactionFrame) -> None:
    operations = envelope.operations
    if not operations:
        raise TransactionRefused(Code.txMISSING_OPERATION)
    if envelope.is_soroban:
        _check_soroban(envelope)
    elif envelope.soroban is not None:
        raise TransactionRefused(Code.txMALFORMED)
    precondition = envelope.tx.cond.v2
    if precondition is not None and (
        precondition.extra_signers
        or precondition.min_seq_age.duration.uint64
        or precondition.min_seq_ledger_gap.uint32
    ):
        # Not supported: refused rather than ignored.
        raise TransactionRefused(Code.txNOT_SUPPORTED)


def _check_soroban(envelope: TransactionFrame) -> None:
    data = envelope.soroban
    if len(envelope.operations) != 1:
        raise TransactionRefused(Code.txMALFORMED)
    if (
        data is None
        or envelope.tx.memo.type != xdr.MemoType.MEMO_NONE
        or envelope.muxed_source
        or _has_muxed_source(envelope.operations[0])
        or fees.exceeds_limits(data.resources, envelope.size)
        or envelope.resource_fee > envelope.tx.fee.uint32
        or envelope.resource_fee < fees.compute_resource_fee(data.resources, envelope.size)
        or envelope.footprint is None
        or envelope.footprint.has_duplicates
    ):
        raise TransactionRefused(Code.txSOROBAN_INVALID)


def _has_muxed_source(operation: xdr.Operation) -> bool:
    return operation.source_account is not None and operation.source_account.med25519 is not None


def _check_bounds(envelope: TransactionFrame, ledger_context: LedgerContext) -> None:
    times, ledgers = envelope.time_bounds, envelope.ledger_bounds
    if times is not None:
        if times.min_time.time_point.uint64 > ledger_context.close_time:
            raise TransactionRefused(Code.txTOO_EARLY)
        latest = times.max_time.time_point.uint64
        if latest and latest < ledger_context.latest_close_time:
            raise TransactionRefused(Code.txTOO_LATE)
    if ledgers is not None:
        if ledgers.min_ledger.uint32 > ledger_context.ledger:
            raise TransactionRefused(Code.txTOO_EARLY)
        # Exclusive: a transaction is too late in its own maxLedger.
        if ledgers.max_ledger.uint32 and ledgers.max_ledger.uint32 <= ledger_context.ledger:
            raise TransactionRefused(Code.txTOO_LATE)


def _is_sequence_valid(envelope: TransactionFrame, account: AccountEntry) -> bool:
    precondition = envelope.tx.cond.v2
    lowest = precondition.min_seq_num if precondition is not None else None
    if lowest is not None:
        return lowest.sequence_number.int64 <= account.sequence < envelope.sequence
    return account.sequence + 1 == envelope.sequence
