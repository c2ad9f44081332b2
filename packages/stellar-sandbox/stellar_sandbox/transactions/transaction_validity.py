"""Whether an envelope may enter a ledger: the network's questions, in the network's order.

Asked when the envelope arrives, about the next ledger, and again when that ledger closes.
"""

from __future__ import annotations

from dataclasses import dataclass

from stellar_sdk import xdr
from stellar_sdk.xdr import TransactionResultCode as Code

from stellar_sandbox.envelopes.frozen_keys import touches
from stellar_sandbox.envelopes.signature_checker import LOW, Signatures
from stellar_sandbox.envelopes.transaction_frame import Envelope
from stellar_sandbox.envelopes.transaction_result import Refused, operation_result
from stellar_sandbox.ledger import fees
from stellar_sandbox.ledger.entries import Account
from stellar_sandbox.ledger.ledger_txn import State
from stellar_sandbox.operations.operation_handlers import authorize, check_operation

# What a success that never happened carries, beside operations that were refused.
BLANKS = {
    xdr.OperationType.INVOKE_HOST_FUNCTION: bytes(32),
    xdr.OperationType.CREATE_CLAIMABLE_BALANCE: bytes(36),
}


@dataclass(frozen=True, slots=True)
class Moment:
    """The ledger an envelope is judged for, and how late it may then be."""

    ledger: int
    close_time: int
    latest_close_time: int  # the same when applying; later when an envelope arrives
    frozen: frozenset[str] = frozenset()  # accounts that nobody may touch


def check_envelope(envelope: Envelope, state: State, moment: Moment) -> None:
    """Every question at once, as a node asks them of what is sent to it."""
    if envelope.is_fee_bump:
        _check_fee_bump(envelope, state, moment)
    try:
        signatures = check_entry(envelope, state, moment)
        _check_balance(envelope, state)
        _check_operations(envelope, state, signatures)
    except Refused as refusal:
        refusal.inner = envelope.is_fee_bump
        raise


def check_entry(envelope: Envelope, state: State, moment: Moment) -> Signatures:
    """What must hold for a transaction to consume its sequence number."""
    _check_shape(envelope)
    _check_bounds(envelope, moment)
    if not envelope.is_fee_bump:
        needed = fees.BASE_FEE * envelope.paid_operations
        if envelope.inclusion_fee < needed:
            raise Refused(Code.txINSUFFICIENT_FEE, fee=needed + envelope.resource_fee)
    account = state.account(envelope.source)
    if account is None:
        raise Refused(Code.txNO_ACCOUNT)
    if touches(envelope, moment.frozen):
        raise Refused(Code.txFROZEN_KEY_ACCESSED)
    if not _sequence_fits(envelope, account):
        raise Refused(Code.txBAD_SEQ)
    signatures = Signatures(envelope.inner_hash, envelope.signatures)
    if not signatures.satisfy(account, LOW):
        raise Refused(Code.txBAD_AUTH)
    return signatures


def _check_fee_bump(envelope: Envelope, state: State, moment: Moment) -> None:
    needed = fees.BASE_FEE * envelope.paid_operations
    inner_bid = envelope.tx.fee.uint32 - envelope.resource_fee
    inner_operations = max(1, len(envelope.operations))
    # The outer bid per operation may not be lower than the inner one's.
    needed = max(needed, -(-inner_bid * envelope.paid_operations // inner_operations))
    if envelope.inclusion_fee < needed:
        raise Refused(Code.txINSUFFICIENT_FEE, fee=needed + envelope.resource_fee)
    payer = state.account(envelope.fee_source)
    if payer is None:
        raise Refused(Code.txNO_ACCOUNT)
    if envelope.fee_source in moment.frozen:
        raise Refused(Code.txFROZEN_KEY_ACCESSED)
    signatures = Signatures(envelope.hash, envelope.outer_signatures)
    if not signatures.satisfy(payer, LOW):
        raise Refused(Code.txBAD_AUTH)
    if payer.spendable < envelope.fee:
        raise Refused(Code.txINSUFFICIENT_BALANCE)
    if not signatures.all_used:
        raise Refused(Code.txBAD_AUTH_EXTRA)


def _check_balance(envelope: Envelope, state: State) -> None:
    if envelope.is_fee_bump:
        return
    account = state.account(envelope.source)
    if account is None or account.spendable < envelope.fee:
        raise Refused(Code.txINSUFFICIENT_BALANCE)


def _check_shape(envelope: Envelope) -> None:
    operations = envelope.operations
    if not operations:
        raise Refused(Code.txMISSING_OPERATION)
    if envelope.is_soroban:
        _check_soroban(envelope)
    elif envelope.soroban is not None:
        raise Refused(Code.txMALFORMED)
    precondition = envelope.tx.cond.v2
    if precondition is not None and (
        precondition.extra_signers
        or precondition.min_seq_age.duration.uint64
        or precondition.min_seq_ledger_gap.uint32
    ):
        # Left out of the box; refused rather than ignored.
        raise Refused(Code.txNOT_SUPPORTED)


def _check_soroban(envelope: Envelope) -> None:
    data = envelope.soroban
    if len(envelope.operations) != 1:
        raise Refused(Code.txMALFORMED)
    if (
        data is None
        or envelope.tx.memo.type != xdr.MemoType.MEMO_NONE
        or envelope.muxed_source
        or _muxed(envelope.operations[0])
        or fees.exceeds_limits(data.resources, envelope.size)
        or envelope.resource_fee > envelope.tx.fee.uint32
        or envelope.resource_fee < fees.resource_fee(data.resources, envelope.size)
        or envelope.footprint is None
        or envelope.footprint.repeats
    ):
        raise Refused(Code.txSOROBAN_INVALID)


def _muxed(operation: xdr.Operation) -> bool:
    return operation.source_account is not None and operation.source_account.med25519 is not None


def _check_bounds(envelope: Envelope, moment: Moment) -> None:
    times, ledgers = envelope.time_bounds, envelope.ledger_bounds
    if times is not None:
        if times.min_time.time_point.uint64 > moment.close_time:
            raise Refused(Code.txTOO_EARLY)
        latest = times.max_time.time_point.uint64
        if latest and latest < moment.latest_close_time:
            raise Refused(Code.txTOO_LATE)
    if ledgers is not None:
        if ledgers.min_ledger.uint32 > moment.ledger:
            raise Refused(Code.txTOO_EARLY)
        # Exclusive: a transaction is dead in its own maxLedger.
        if ledgers.max_ledger.uint32 and ledgers.max_ledger.uint32 <= moment.ledger:
            raise Refused(Code.txTOO_LATE)


def _sequence_fits(envelope: Envelope, account: Account) -> bool:
    precondition = envelope.tx.cond.v2
    lowest = precondition.min_seq_num if precondition is not None else None
    if lowest is not None:
        return lowest.sequence_number.int64 <= account.sequence < envelope.sequence
    return account.sequence + 1 == envelope.sequence


def check_signatures(envelope: Envelope, state: State, signatures: Signatures) -> list[bytes]:
    """The refusals of every operation that its signatures do not carry; empty if they all do."""
    answers = [
        authorize(operation, envelope.source, state, signatures)
        for operation in envelope.operations
    ]
    return _filled(envelope, answers)


def _check_operations(envelope: Envelope, state: State, signatures: Signatures) -> None:
    answers = [
        authorize(operation, envelope.source, state, signatures)
        or check_operation(operation, envelope.source)
        for operation in envelope.operations
    ]
    refusals = _filled(envelope, answers)
    if refusals:
        raise Refused(Code.txFAILED, operations=refusals)
    if not signatures.all_used:
        raise Refused(Code.txBAD_AUTH_EXTRA)


def _filled(envelope: Envelope, answers: list[bytes | None]) -> list[bytes]:
    if not any(answers):
        return []
    return [
        answer or operation_result(operation.body.type, 0, BLANKS.get(operation.body.type, b""))
        for operation, answer in zip(envelope.operations, answers, strict=True)
    ]
