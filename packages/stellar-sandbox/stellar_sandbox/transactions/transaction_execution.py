"""Applying a transaction: its fee, its sequence number, then all of its operations or none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256

from stellar_sdk.xdr import InvokeHostFunctionResultCode as InvokeCode
from stellar_sdk.xdr import TransactionResultCode as Code

from stellar_sandbox.contracts.host import (
    Contracts,
    HostContext,
    check_declared_resources,
)
from stellar_sandbox.contracts.host_errors import HostError, ResourceLimitExceeded
from stellar_sandbox.envelopes.transaction_frame import TransactionFrame, get_source
from stellar_sandbox.envelopes.transaction_meta import TransactionMeta
from stellar_sandbox.envelopes.transaction_result import (
    TransactionRefused,
    encode_transaction_result,
)
from stellar_sandbox.ledger import entry_codec, fees, xdr_codec
from stellar_sandbox.ledger.ledger_txn import LedgerTxn, collect_changes
from stellar_sandbox.operations.operation_context import OperationContext
from stellar_sandbox.operations.operation_handlers import apply_operation
from stellar_sandbox.transactions.invoked_calls import (
    build_diagnostic,
    build_fee_event,
    build_invoke_result,
    run_call,
)
from stellar_sandbox.transactions.signature_checks import check_signatures
from stellar_sandbox.transactions.transaction_validity import LedgerContext, check_common_valid

BEFORE_ALL_TXS, AFTER_ALL_TXS = 0, 2


@dataclass(slots=True)
class TransactionExecution:
    """One transaction of the ledger that is closing."""

    envelope: TransactionFrame
    ltx: LedgerTxn
    ledger_context: LedgerContext
    passphrase: str
    contracts: Contracts
    inclusion_fee_charged: int
    fee_charged: int = 0
    code: int = 0
    results: list[bytes] = field(default_factory=list)
    meta: TransactionMeta = field(default_factory=TransactionMeta)

    def charge(self) -> None:
        """Charge the fee; every fee of a ledger is charged before a transaction is applied."""
        payer = self.ltx.load_account(self.envelope.fee_source)
        assert payer is not None
        fee = self.inclusion_fee_charged + self.envelope.resource_fee
        self.fee_charged = min(fee, payer.balance)
        self.ltx.put(replace(payer, balance=payer.balance - self.fee_charged))
        self.meta.transaction_events.append(self._build_fee_event(self.fee_charged, BEFORE_ALL_TXS))

    def apply(self) -> None:
        ltx = LedgerTxn(self.ltx)
        try:
            signatures = check_common_valid(self.envelope, ltx, self.ledger_context)
        except TransactionRefused as refused:
            self.code = refused.code
            self._refund(0)
            return
        self._consume_sequence(ltx)
        self.meta.changes_before = entry_codec.encode_entry_changes(collect_changes(ltx))
        ltx.commit()
        refused_results = check_signatures(self.envelope, ltx, signatures)
        if refused_results:
            self.code, self.results = int(Code.txFAILED), refused_results
        elif not signatures.all_signatures_used:
            self.code = int(Code.txBAD_AUTH_EXTRA)
        elif self.envelope.is_soroban:
            self._apply_call()
            return
        else:
            self._apply_operations()
        self._refund(0)

    def encode_result(self) -> bytes:
        inner = self.envelope.inner_hash if self.envelope.is_fee_bump else None
        return encode_transaction_result(self.fee_charged, self.code, self.results, inner)

    def _consume_sequence(self, ltx: LedgerTxn) -> None:
        account = ltx.load_account(self.envelope.source)
        assert account is not None
        ltx.put(
            replace(
                account,
                sequence=self.envelope.sequence,
                sequence_ledger=self.ledger_context.ledger,
                sequence_time=self.ledger_context.close_time,
            )
        )

    def _apply_operations(self) -> None:
        """Apply every operation even after one failed, so that the result names all that fail."""
        transaction_ltx = LedgerTxn(self.ltx)
        changes, events, all_succeeded = [], [], True
        sponsorships: dict[str, str] = {}
        for index, operation in enumerate(self.envelope.operations):
            context = OperationContext(
                ltx=LedgerTxn(transaction_ltx),
                envelope=self.envelope,
                source=get_source(operation, self.envelope.source),
                index=index,
                ledger=self.ledger_context.ledger,
                close_time=self.ledger_context.close_time,
                passphrase=self.passphrase,
                sponsorships=sponsorships,
            )
            succeeded, result = apply_operation(operation, context)
            self.results.append(result)
            all_succeeded = all_succeeded and succeeded
            if succeeded:
                changes.append(entry_codec.encode_entry_changes(collect_changes(context.ltx)))
                events.append(context.events)
                context.ltx.commit()
        if all_succeeded and sponsorships:
            self.code, self.results = int(Code.txBAD_SPONSORSHIP), []
        elif all_succeeded:
            transaction_ltx.commit()
            self.meta.operation_changes, self.meta.operation_events = changes, events
        else:
            self.code = int(Code.txFAILED)

    def _apply_call(self) -> None:
        data, footprint = self.envelope.soroban, self.envelope.footprint
        assert data is not None
        assert footprint is not None
        try:
            call, return_value = run_call(self.envelope, self._make_host_context(), footprint)
            check_declared_resources(call, return_value, data.resources, footprint)
        except HostError as host_error:
            self.meta.diagnostics.append(build_diagnostic(self.envelope, host_error))
            self._fail_call(InvokeCode.INVOKE_HOST_FUNCTION_TRAPPED)
            return
        except ResourceLimitExceeded:
            self._fail_call(InvokeCode.INVOKE_HOST_FUNCTION_RESOURCE_LIMIT_EXCEEDED)
            return
        refundable_fee = fees.compute_events_fee(sum(map(len, call.events)) + len(return_value))
        if self._non_refundable_fee + refundable_fee > data.resource_fee.int64:
            self._fail_call(InvokeCode.INVOKE_HOST_FUNCTION_INSUFFICIENT_REFUNDABLE_FEE)
            return
        digest = sha256(return_value + xdr_codec.encode_array(call.events)).digest()
        self.results = [build_invoke_result(InvokeCode.INVOKE_HOST_FUNCTION_SUCCESS, digest)]
        self.meta.operation_changes = [entry_codec.encode_entry_changes(collect_changes(call.ltx))]
        self.meta.operation_events = [call.events]
        self.meta.return_value = return_value
        call.ltx.commit()
        self._refund(refundable_fee)

    def _make_host_context(self) -> HostContext:
        return HostContext(
            ltx=self.ltx,
            source=get_source(self.envelope.operations[0], self.envelope.source),
            ledger=self.ledger_context.ledger,
            close_time=self.ledger_context.close_time,
            passphrase=self.passphrase,
            contracts=self.contracts,
        )

    @property
    def _non_refundable_fee(self) -> int:
        data = self.envelope.soroban
        return fees.compute_resource_fee(data.resources, self.envelope.size) if data else 0

    def _fail_call(self, code: InvokeCode) -> None:
        self.code, self.results = int(Code.txFAILED), [build_invoke_result(code)]
        self._refund(0)

    def _refund(self, refundable_fee: int) -> None:
        """Refund the unused part of the resource fee."""
        data = self.envelope.soroban
        if data is None:
            return
        fixed = self._non_refundable_fee
        refund = min(data.resource_fee.int64 - fixed - refundable_fee, self.fee_charged)
        self.meta.resource_fees = (fixed, refundable_fee, 0)
        if refund <= 0:
            return
        ltx = LedgerTxn(self.ltx)
        payer = ltx.load_account(self.envelope.fee_source)
        assert payer is not None
        ltx.put(replace(payer, balance=payer.balance + refund))
        self.meta.changes_after = entry_codec.encode_entry_changes(collect_changes(ltx))
        ltx.commit()
        self.fee_charged -= refund
        self.meta.transaction_events.append(self._build_fee_event(-refund, AFTER_ALL_TXS))

    def _build_fee_event(self, amount: int, stage: int) -> bytes:
        return build_fee_event(self.envelope.fee_source, self.passphrase, amount, stage)
