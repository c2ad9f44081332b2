"""A transaction becoming history: its fee, its sequence number, its operations, all or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import sha256
from struct import pack

from stellar_sdk.xdr import InvokeHostFunctionResultCode as InvokeCode
from stellar_sdk.xdr import OperationType
from stellar_sdk.xdr import TransactionResultCode as Code

from stellar_sandbox.contracts.host import Call, Contracts, Setting, check_budget, run_call
from stellar_sandbox.contracts.host_errors import OverBudget, Trapped
from stellar_sandbox.envelopes.footprint import Footprint
from stellar_sandbox.envelopes.transaction_frame import Envelope, source_of
from stellar_sandbox.envelopes.transaction_meta import Footmark
from stellar_sandbox.envelopes.transaction_result import (
    Refused,
    operation_result,
    transaction_result,
)
from stellar_sandbox.ledger import fees, xdr_codec
from stellar_sandbox.ledger.addresses import NATIVE, asset_contract
from stellar_sandbox.ledger.ledger_keys import address_of
from stellar_sandbox.ledger.ledger_txn import State, changes_of
from stellar_sandbox.operations.operation_context import Application
from stellar_sandbox.operations.operation_handlers import apply_operation
from stellar_sandbox.transactions.transaction_validity import Moment, check_entry, check_signatures

BEFORE_ALL, AFTER_ALL = 0, 2


@dataclass(slots=True)
class Execution:
    """One transaction in the ledger that is closing."""

    envelope: Envelope
    state: State
    moment: Moment
    passphrase: str
    contracts: Contracts
    inclusion_charge: int
    fee_charged: int = 0
    code: int = 0
    results: list[bytes] = field(default_factory=list)
    mark: Footmark = field(default_factory=Footmark)

    def charge(self) -> None:
        """Take the fee; every fee of a ledger is taken before anything of it is applied."""
        payer = self.state.account(self.envelope.fee_source)
        assert payer is not None
        fee = self.inclusion_charge + self.envelope.resource_fee
        self.fee_charged = min(fee, payer.balance)
        self.state.put(replace(payer, balance=payer.balance - self.fee_charged))
        self.mark.transaction_events.append(self._fee_event(self.fee_charged, BEFORE_ALL))

    def apply(self) -> None:
        sheet = State(self.state)
        try:
            signatures = check_entry(self.envelope, sheet, self.moment)
        except Refused as refusal:
            self.code = refusal.code
            self._refund(0)
            return
        self._consume_sequence(sheet)
        self.mark.changes_before = xdr_codec.entry_changes(changes_of(sheet))
        sheet.commit()
        refusals = check_signatures(self.envelope, sheet, signatures)
        if refusals:
            self.code, self.results = int(Code.txFAILED), refusals
        elif not signatures.all_used:
            self.code = int(Code.txBAD_AUTH_EXTRA)
        elif self.envelope.is_soroban:
            self._apply_call()
            return
        else:
            self._apply_operations()
        self._refund(0)

    def result(self) -> bytes:
        inner = self.envelope.inner_hash if self.envelope.is_fee_bump else None
        return transaction_result(self.fee_charged, self.code, self.results, inner)

    def _consume_sequence(self, sheet: State) -> None:
        account = sheet.account(self.envelope.source)
        assert account is not None
        sheet.put(
            replace(
                account,
                sequence=self.envelope.sequence,
                sequence_ledger=self.moment.ledger,
                sequence_time=self.moment.close_time,
            )
        )

    def _apply_operations(self) -> None:
        """Try every operation even after one failed, so the result names all that fail."""
        whole = State(self.state)
        changes, events, good = [], [], True
        under_way: dict[str, str] = {}
        for index, operation in enumerate(self.envelope.operations):
            application = Application(
                state=State(whole),
                envelope=self.envelope,
                source=source_of(operation, self.envelope.source),
                index=index,
                ledger=self.moment.ledger,
                close_time=self.moment.close_time,
                passphrase=self.passphrase,
                sponsorships=under_way,
            )
            went_well, result = apply_operation(operation, application)
            self.results.append(result)
            good = good and went_well
            if went_well:
                changes.append(xdr_codec.entry_changes(changes_of(application.state)))
                events.append(application.events)
                application.state.commit()
        if good and under_way:
            self.code, self.results = int(Code.txBAD_SPONSORSHIP), []
        elif good:
            whole.commit()
            self.mark.operation_changes, self.mark.operation_events = changes, events
        else:
            self.code = int(Code.txFAILED)

    def _apply_call(self) -> None:
        data, footprint = self.envelope.soroban, self.envelope.footprint
        assert data is not None
        assert footprint is not None
        try:
            call, answer = self._run_call(footprint)
            check_budget(call, answer, data.resources, footprint)
        except Trapped as trapped:
            self._log(trapped)
            self._fail_call(InvokeCode.INVOKE_HOST_FUNCTION_TRAPPED)
            return
        except OverBudget:
            self._fail_call(InvokeCode.INVOKE_HOST_FUNCTION_RESOURCE_LIMIT_EXCEEDED)
            return
        said = fees.events_fee(sum(map(len, call.events)) + len(answer))
        if self._fixed_fee + said > data.resource_fee.int64:
            self._fail_call(InvokeCode.INVOKE_HOST_FUNCTION_INSUFFICIENT_REFUNDABLE_FEE)
            return
        digest = sha256(answer + xdr_codec.array(call.events)).digest()
        self.results = [_invoke_result(InvokeCode.INVOKE_HOST_FUNCTION_SUCCESS, digest)]
        self.mark.operation_changes = [xdr_codec.entry_changes(changes_of(call.state))]
        self.mark.operation_events = [call.events]
        self.mark.return_value = answer
        call.state.commit()
        self._refund(said)

    def _run_call(self, footprint: Footprint) -> tuple[Call, bytes]:
        operation = self.envelope.operations[0]
        assert operation.body.invoke_host_function_op is not None
        setting = Setting(
            state=self.state,
            source=source_of(operation, self.envelope.source),
            ledger=self.moment.ledger,
            close_time=self.moment.close_time,
            passphrase=self.passphrase,
            contracts=self.contracts,
        )
        return run_call(operation.body.invoke_host_function_op, setting, footprint, recording=False)

    @property
    def _fixed_fee(self) -> int:
        data = self.envelope.soroban
        return fees.resource_fee(data.resources, self.envelope.size) if data else 0

    def _log(self, trapped: Trapped) -> None:
        """Note for the curious why a call failed, as a node's host does."""
        body = self.envelope.operations[0].body.invoke_host_function_op
        assert body is not None
        arguments = body.host_function.invoke_contract
        called = "" if arguments is None else address_of(arguments.contract_address)
        # Whatever else was called has no id to be logged under.
        contract = called if called.startswith("C") else None
        topics = [xdr_codec.sc_symbol("error"), xdr_codec.sc_error(trapped.kind, trapped.code)]
        self.mark.diagnostics.append(xdr_codec.diagnostic(contract, topics, trapped.text))

    def _fail_call(self, code: InvokeCode) -> None:
        self.code, self.results = int(Code.txFAILED), [_invoke_result(code)]
        self._refund(0)

    def _refund(self, said: int) -> None:
        """Give back what the declared resources left over of the resource fee."""
        data = self.envelope.soroban
        if data is None:
            return
        fixed = self._fixed_fee
        refund = min(data.resource_fee.int64 - fixed - said, self.fee_charged)
        self.mark.resource_fees = (fixed, said, 0)
        if refund <= 0:
            return
        sheet = State(self.state)
        payer = sheet.account(self.envelope.fee_source)
        assert payer is not None
        sheet.put(replace(payer, balance=payer.balance + refund))
        self.mark.changes_after = xdr_codec.entry_changes(changes_of(sheet))
        sheet.commit()
        self.fee_charged -= refund
        self.mark.transaction_events.append(self._fee_event(-refund, AFTER_ALL))

    def _fee_event(self, amount: int, stage: int) -> bytes:
        topics = [xdr_codec.sc_symbol("fee"), xdr_codec.sc_address(self.envelope.fee_source)]
        contract = asset_contract(NATIVE, self.passphrase)
        return pack(">i", stage) + xdr_codec.event(contract, topics, xdr_codec.sc_i128(amount))


def _invoke_result(code: InvokeCode, payload: bytes = b"") -> bytes:
    return operation_result(OperationType.INVOKE_HOST_FUNCTION, code, payload)
