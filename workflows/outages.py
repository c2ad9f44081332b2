"""
The workflow of an outage, from its declaration to its payment. Read `run` first.

    declared -> (repair) -> disputable -> [disputed] -> settling -> closed
     |      \\-> cancelled    |                \\------------\\-> voided
     \\<------ reopened -------/

Each `await` is durable: a process may die on any line, and another one continues from there. The
database is the truth: a workflow that begins on an outage that is on record goes on from how it stands.

What its steps wait for stands beside it: `await_dispute_outcome` in workflows/disputes.py, `await_attestation` in
workflows/attestations.py, `await_payment` in workflows/sla/settling.py, `await_deliveries` in workflows/outage_states.py;
`is_taken_back`, by a reopening or a void, in workflows/sla/reversals.py.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from temporalio import activity, workflow
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from domain.errors import Conflict, NotFound
from domain.settlement.payments import (
    CloseOutageInput,
    JudgeOutageResult,
    OwePaymentInput,
    OwePaymentResult,
    Payment,
    Receipt,
)
from domain.settlement.starts.declarations import JudgedDeclaration
from domain.sla import outage_rules, outages
from domain.sla.disputes import DisputeDecision
from domain.sla.outages import OutageStatus, RecordOutageResult, Resolution

with workflow.unsafe.imports_passed_through():
    from workflows.outage_states import OutageStateActivities
    from workflows.runtime import check, read_signal, refuse, run_activity
    from workflows.sla.parts import signal_parts, start_parts
    from workflows.sla.reversals import ReversalActivities
    from workflows.sla.settling import SettlingActivities, SettlingWorkflowBase


class OutageActivities(OutageStateActivities, ReversalActivities, SettlingActivities):
    """The activities of an outage; implemented by activities/sla/outages.py."""

    @activity.defn
    @abstractmethod
    async def record_outage(self, declaring: outages.RecordOutageInput) -> RecordOutageResult:
        """Record the outage, bound to the policy version in force when it was detected."""

    @activity.defn
    @abstractmethod
    async def amend_outage(self, amending: outages.AmendOutageInput) -> int:
        """Correct the record of the outage; return its version."""

    @activity.defn
    @abstractmethod
    async def cancel_outage(self, cancel: outages.CancelOutageInput) -> outages.CloseOutageResult:
        """End the outage without a verdict: it never was one."""

    @activity.defn
    @abstractmethod
    async def judge_outage(self, judging: outages.JudgeOutageInput) -> JudgeOutageResult:
        """Record the repair, the verdict and what it will owe."""

    @activity.defn
    @abstractmethod
    async def owe_payment(self, settling: OwePaymentInput) -> OwePaymentResult:
        """Owe the payment of the final verdict, and post it to the journal."""

    @activity.defn
    @abstractmethod
    async def close_outage(self, closing: CloseOutageInput) -> outages.CloseOutageResult:
        """Close the outage: its payment is confirmed."""


@workflow.defn
class OutageWorkflow(SettlingWorkflowBase):
    @workflow.init
    def __init__(self, declaration: JudgedDeclaration) -> None:
        # The run that continues this one, and what it starts, must read how the outage stands.
        super().__init__(replace(declaration, recorded=None, judged=None))
        self.recorded, self.judged_at_once = declaration.recorded, declaration.judged

    @workflow.run
    async def run(self, declaration: JudgedDeclaration) -> OutageStatus | None:
        return await self.outlast_cancellation(self.see_through())

    async def see_through(self) -> OutageStatus | None:
        """See the outage through, from how it stands in the database."""
        recorded = await self.declare()
        while recorded and await self.await_repair():
            if (payment := await self.owe()) and (receipt := await self.await_payment(payment)):
                await self.close(receipt)
        if recorded:
            await self.await_deliveries()
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.status

    async def declare(self) -> bool:
        """Record the outage, or read how it stands; False when another outage has this id."""
        try:
            if self.recorded is None:
                declaring = outages.RecordOutageInput(self.declaration, workflow.now())
                self.recorded = await run_activity(OutageActivities.record_outage, declaring)
        except ApplicationError as error:
            self.refuse_declaration(error)
            return False
        if self.judged_at_once is not None:
            self.begin_judged(self.judged_at_once)
        elif self.recorded.created:
            self.enter(OutageStatus.DECLARED, 1)
        else:
            await self.read_state()
        await start_parts(OutageWorkflow.run, self.declaration, self.recorded)
        return True

    async def await_repair(self) -> bool:
        """Wait for the repair, for years if need be; False when there is nothing left to do."""
        await signal_parts(self.recorded)  # it may have been reopened, and they with it
        await self.wait_until(None, lambda: not self.is_open(), "")
        await signal_parts(self.recorded)
        return self.status not in outages.FINAL

    async def owe(self) -> Payment | None:
        """
        Owe the payment of the verdict that holds in the end; None when it is taken back before. The
        database has the last word.
        """
        for times in count():
            await self.start_attestation(self.judgement)
            await self.await_dispute_outcome()
            await self.await_attestation(self.judgement)
            if self.is_taken_back() or self.judgement is None:
                return None
            settling = OwePaymentInput(self.judgement.payment, workflow.now())
            try:
                owed = await run_activity(
                    OutageActivities.owe_payment, settling, on_status=self.note_stuck
                )
            except ApplicationError as error:
                await self.await_acceptance(error, times)
            else:
                break
        payment, self.attestation_problem = owed.payment, ""
        self.enter(OutageStatus.SETTLING, owed.version)
        return payment

    async def close(self, receipt: Receipt) -> None:
        """Close the outage: its payment is made."""
        correlation_id = self.declaration.request.correlation_id
        closing = CloseOutageInput(self.outage.id, receipt, correlation_id, workflow.now())
        closure = await self.run_until_accepted(OutageActivities.close_outage, closing)
        what = f"closed; paid by transaction {receipt.transaction_hash}"
        self.enter(OutageStatus.CLOSED, closure.version, what)

    # Updates: the API waits for the answer --------------------------------------------------

    @workflow.update(description="Answer once the outage is safely on record")
    async def await_recorded(self, fingerprint: str) -> RecordOutageResult:
        await self.await_status()
        if self.recorded is None:
            assert self.refusal is not None
            raise self.refusal
        return self.recorded

    @await_recorded.validator
    def check_same_declaration(self, fingerprint: str) -> None:
        if fingerprint != self.declaration.fingerprint:
            problem = "was declared before with different content; use another id"
            refuse(Conflict(f"outage {self.outage.id!r} {problem}"))

    @workflow.update(description="Correct the record of an outage")
    async def amend(self, amendment: outages.Amendment) -> None:
        await self.await_status()
        async with self.lock:
            self.check_amend(amendment)
            key, now = self.make_key(), workflow.now()
            amending = outages.AmendOutageInput(self.outage.id, amendment, key, now)
            version = await run_activity(OutageActivities.amend_outage, amending)
            self.outage = outages.apply_amendment(self.outage, amendment.changes)
            self.acknowledge(version, f"amended: {', '.join(sorted(amendment.changes))}")
            await signal_parts(self.recorded)

    @amend.validator
    def check_amend(self, amendment: outages.Amendment) -> None:
        id_, changes = self.outage.id, amendment.changes
        if self.status is not None:
            check(lambda: outage_rules.check_amendable(id_, self.status, changes))
        check(lambda: outage_rules.check_amendment(self.outage, changes))

    @workflow.update(description="The service is back: judge the SLA")
    async def resolve(self, resolution: Resolution) -> JudgeOutageResult:
        """Record the repair and the verdict; the dispute window opens."""
        await self.await_status()
        async with self.lock:
            self.check_resolve(resolution)
            assert self.recorded is not None
            window, key = self.recorded.dispute_window_seconds, self.make_key()
            judging = outages.JudgeOutageInput(
                self.outage.id, resolution, window, workflow.now(), key
            )
            self.judgement = await run_activity(OutageActivities.judge_outage, judging)
            self.enter(OutageStatus.DISPUTABLE, self.judgement.version)
            return self.judgement

    @resolve.validator
    def check_resolve(self, resolution: Resolution) -> None:
        if self.status is not None:
            check(lambda: outage_rules.check_resolvable(self.outage.id, self.status))
        check(lambda: outage_rules.check_resolution(self.outage, resolution, workflow.now()))

    @workflow.update(description="It was never an outage")
    async def cancel(self, cancellation: outages.Cancellation) -> None:
        await self.await_status()
        async with self.lock:
            self.check_cancel(cancellation)
            cancelling = outages.CancelOutageInput(self.outage.id, cancellation, workflow.now())
            closure = await run_activity(OutageActivities.cancel_outage, cancelling)
            self.enter(OutageStatus.CANCELLED, closure.version, f"cancelled: {cancellation.reason}")

    @cancel.validator
    def check_cancel(self, cancellation: outages.Cancellation) -> None:
        if self.status is not None:
            check(lambda: outage_rules.check_cancellable(self.outage.id, self.status))
        check(lambda: outage_rules.check_cancellation(cancellation))

    @workflow.query(description="Where the outage stands")
    def state(self) -> OutageStatus | None:
        return self.status

    # Signals: nobody waits for an answer, and nobody knows who sent them --------------------

    @workflow.signal(dynamic=True, description="resolve, resolve_dispute or cancel")
    async def take_signal(self, name: str, arguments: Sequence[RawValue]) -> None:
        handlers: dict[str, tuple[Any, Any]] = {
            "resolve": (Resolution, self.resolve),
            "resolve_dispute": (DisputeDecision, self.decide_by_signal),
            "cancel": (outages.Cancellation, self.cancel),
        }
        try:
            if name not in handlers:
                refuse(NotFound(f"there is no signal {name!r}, only {', '.join(handlers)}"))
            kind, handler = handlers[name]
            correlation_id = self.declaration.request.correlation_id
            await handler(read_signal(kind, arguments, correlation_id))
        except ApplicationError as error:  # out of a signal it would end the whole workflow
            self.note_ignored(f"signal ignored: {error.message}")
