"""
The workflow of an outage, from its declaration to its payment. Read `run` first.

    declared -> (repair) -> disputable -> [disputed] -> settling -> closed
            \\-> cancelled

Each `await` is durable: a process may die on any line, and another one continues from there.
What callers may ask meanwhile stands below `run`: updates, which answer, and signals, which do not.
"""

from abc import ABC, abstractmethod

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError

from domain.errors import Conflict
from domain.money import format_amount
from domain.settlement.payments import (
    CloseOutageInput,
    JudgeOutageResult,
    OwePaymentInput,
    Payment,
    Receipt,
)
from domain.sla import disputes, outage_rules, outages
from domain.sla.disputes import Dispute, DisputeDecision, FileDisputeResult
from domain.sla.outages import Declaration, OutageStatus, RecordOutageResult, Resolution

with workflow.unsafe.imports_passed_through():
    from workflows import search_attributes
    from workflows.disputes import DisputableWorkflowBase, DisputeActivities
    from workflows.payments import PaymentWorkflow
    from workflows.runtime import check, refuse, run_activity
    from workflows.webhooks import start_deliveries


class OutageActivities(ABC):
    """The activities of an outage; implemented by activities/sla/outages.py."""

    @activity.defn
    @abstractmethod
    async def record_outage(self, declaring: outages.RecordOutageInput) -> RecordOutageResult:
        """Record the outage, bound to the policy version in force when it was detected."""

    @activity.defn
    @abstractmethod
    async def amend_outage(self, amending: outages.AmendOutageInput) -> None:
        """Correct the record of the outage."""

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
    async def owe_payment(self, settling: OwePaymentInput) -> Payment:
        """Owe the payment of the final verdict, and post it to the journal."""

    @activity.defn
    @abstractmethod
    async def close_outage(self, closing: CloseOutageInput) -> outages.CloseOutageResult:
        """Close the outage: its payment is confirmed."""


@workflow.defn
class OutageWorkflow(DisputableWorkflowBase):
    @workflow.init
    def __init__(self, declaration: Declaration) -> None:
        super().__init__()
        self.declaration = declaration
        self.outage = declaration.outage
        self.status: OutageStatus | None = None
        self.recorded: RecordOutageResult | None = None
        self.refusal: ApplicationError | None = None
        self.judgement: JudgeOutageResult | None = None
        self.unannounced: list[str] = []

    @workflow.run
    async def run(self, declaration: Declaration) -> OutageStatus | None:
        if await self.declare() and await self.await_repair():
            await self.start_attestation(self.judgement)
            await self.await_dispute_outcome()
            await self.await_attestation(self.judgement)
            receipt = await self.settle()
            await self.close(receipt)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.status

    async def declare(self) -> bool:
        """Record the outage; False when another outage with this id is on record."""
        try:
            declaring = outages.RecordOutageInput(self.declaration, workflow.now())
            self.recorded = await run_activity(OutageActivities.record_outage, declaring)
        except ApplicationError as error:
            self.refusal = error
            return False
        self.enter(OutageStatus.DECLARED, "declared; waiting for the repair")
        await self.announce(self.recorded.deliveries)
        return True

    async def await_repair(self) -> bool:
        """Wait for the repair, for years if need be; False when the outage is cancelled."""
        await workflow.wait_condition(lambda: self.status is not OutageStatus.DECLARED)
        await self.announce()
        return self.status is not OutageStatus.CANCELLED

    async def await_dispute_outcome(self) -> None:
        """Wait until the dispute window has passed without a dispute, or the dispute is decided."""
        assert self.judgement is not None
        deadline = self.judgement.dispute_deadline
        await self.wait_until(deadline, lambda: self.dispute is not None, "dispute window")
        async with self.lock:  # a dispute filed in time may not be recorded yet
            filed = self.dispute
        if filed is not None:
            await self.announce()
            await self.wait_until(filed.decision_deadline, lambda: self.decided, "time to decide")
            await self.record_decision(None)
            await self.announce()

    async def settle(self) -> Receipt:
        """Owe the payment of the verdict, and wait until it is made, exactly once."""
        assert self.judgement is not None
        settling = OwePaymentInput(self.judgement.payment, workflow.now())
        payment = await self.run_until_accepted(OutageActivities.owe_payment, settling)
        owed = f"{payment.type} of {format_amount(payment.amount_stroops)} USDC"
        self.enter(OutageStatus.SETTLING, f"paying a {owed}")
        return await workflow.execute_child_workflow(
            PaymentWorkflow.run,
            payment,
            id=f"payment/{payment.id}",
            task_queue="settlement",
            static_summary=f"{owed} for outage {self.outage.id}",
        )

    async def close(self, receipt: Receipt) -> None:
        """Close the outage, and notify the subscribers of the payment and of the end."""
        correlation_id = self.declaration.request.correlation_id
        closing = CloseOutageInput(self.outage.id, receipt, correlation_id, workflow.now())
        closure = await self.run_until_accepted(OutageActivities.close_outage, closing)
        self.enter(OutageStatus.CLOSED, f"closed; paid by transaction {receipt.transaction_hash}")
        await self.announce(receipt.deliveries + closure.deliveries)

    # Updates: the API waits for the answer --------------------------------------------------

    @workflow.update(description="Answer once the outage is safely on record")
    async def await_recorded(self, fingerprint: str) -> RecordOutageResult:
        await workflow.wait_condition(lambda: bool(self.recorded or self.refusal))
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
        async with self.lock:
            self.check_amend(amendment)
            request = workflow.current_update_info()
            assert request is not None
            now = workflow.now()
            amending = outages.AmendOutageInput(self.outage.id, amendment, request.id, now)
            await run_activity(OutageActivities.amend_outage, amending)
            self.outage = outages.apply_amendment(self.outage, amendment.changes)
            self.note(f"amended: {', '.join(sorted(amendment.changes))}")

    @amend.validator
    def check_amend(self, amendment: outages.Amendment) -> None:
        allowed = outages.AMENDABLE_WHILE_DECLARED if self.is_open() else outages.AMENDABLE_ALWAYS
        for field in sorted(set(amendment.changes) - allowed):
            refuse(Conflict(f"{field}: may not be changed while the outage is {self.status}"))
        check(lambda: outage_rules.check_amendment(self.outage, amendment.changes))

    @workflow.update(description="The service is back: judge the SLA")
    async def resolve(self, resolution: Resolution) -> JudgeOutageResult:
        return await self.judge(resolution)

    @resolve.validator
    def check_resolve(self, resolution: Resolution) -> None:
        if not self.is_open():
            refuse(Conflict(f"outage {self.outage.id!r} is {self.status} and cannot be resolved"))
        check(lambda: outage_rules.check_resolution(self.outage, resolution, workflow.now()))

    @workflow.update(description="Object to the verdict")
    async def file_dispute(self, dispute: Dispute) -> FileDisputeResult:
        async with self.lock:
            self.check_file_dispute(dispute)
            assert self.judgement is not None
            assert self.recorded is not None
            revision, window = self.judgement.revision, self.recorded.decision_window_seconds
            filing = disputes.FileDisputeInput(dispute, revision, window, workflow.now())
            self.dispute = await run_activity(DisputeActivities.file_dispute, filing)
            self.unannounced += self.dispute.deliveries
            self.enter(OutageStatus.DISPUTED, f"disputed: {dispute.reason}; waiting for a decision")
            return self.dispute

    @file_dispute.validator
    def check_file_dispute(self, dispute: Dispute) -> None:
        check(lambda: disputes.check_dispute(dispute))
        if self.judgement is None:
            refuse(Conflict(f"outage {self.outage.id!r} is not judged yet"))
        if self.status is OutageStatus.DISPUTED:
            refuse(Conflict(f"outage {self.outage.id!r} has an open dispute already"))
        deadline = self.judgement.dispute_deadline
        if self.status is not OutageStatus.DISPUTABLE or workflow.now() >= deadline:
            refuse(Conflict(f"the dispute window closed at {deadline.isoformat()}"))

    @workflow.update(description="Decide the dispute")
    async def decide_dispute(self, decision: DisputeDecision) -> JudgeOutageResult:
        return await self.record_decision(decision)

    @decide_dispute.validator
    def check_decide_dispute(self, decision: DisputeDecision) -> None:
        check(lambda: outage_rules.check_corrected_minutes(self.outage, decision, workflow.now()))
        self.check_undecided(decision.dispute_id)

    # Signals: nobody waits for an answer ----------------------------------------------------

    @workflow.signal(name="resolve", description="The service is back")
    async def resolve_signal(self, resolution: Resolution) -> None:
        await self.handle_quietly(self.check_resolve, self.judge, resolution)

    @workflow.signal(description="Decide the dispute")
    async def resolve_dispute(self, decision: DisputeDecision) -> None:
        await self.handle_quietly(self.check_decide_dispute, self.record_decision, decision)

    @workflow.signal(description="It was never an outage")
    async def cancel(self, cancellation: outages.Cancellation) -> None:
        await workflow.wait_condition(lambda: bool(self.status or self.refusal))
        async with self.lock:
            if not self.is_open():
                return self.note(f"cancellation ignored: the outage is {self.status}")
            cancelling = outages.CancelOutageInput(self.outage.id, cancellation, workflow.now())
            try:
                check(lambda: outage_rules.check_cancellation(cancellation))
                closure = await run_activity(OutageActivities.cancel_outage, cancelling)
            except ApplicationError as error:  # out of a signal it would end the whole workflow
                return self.note(f"cancellation ignored: {error.message}")
            self.unannounced += closure.deliveries
            self.enter(OutageStatus.CANCELLED, f"cancelled: {cancellation.reason}")

    @workflow.query(description="Where the outage stands")
    def state(self) -> OutageStatus | None:
        return self.status

    # What updates and signals share --------------------------------------------------------

    async def judge(self, resolution: Resolution) -> JudgeOutageResult:
        """Record the repair and the verdict; the dispute window opens."""
        async with self.lock:
            self.check_resolve(resolution)
            assert self.recorded is not None
            window = self.recorded.dispute_window_seconds
            judging = outages.JudgeOutageInput(self.outage.id, resolution, window, workflow.now())
            self.judgement = await run_activity(OutageActivities.judge_outage, judging)
            self.unannounced += self.judgement.deliveries
            self.enter(OutageStatus.DISPUTABLE, f"{self.judgement.verdict}; open to disputes")
            return self.judgement

    async def record_decision(self, decision: DisputeDecision | None) -> JudgeOutageResult:
        """Record the decision of the dispute; None when the time to decide has run out."""
        async with self.lock:
            assert self.judgement is not None
            assert self.dispute is not None
            if self.decided:
                return self.judgement
            dispute_id, now = self.dispute.dispute_id, workflow.now()
            deciding = disputes.DecideDisputeInput(self.outage.id, dispute_id, decision, now)
            run = run_activity if decision else self.run_until_accepted
            self.judgement = await run(DisputeActivities.decide_dispute, deciding)
            self.decided = True
            self.unannounced += self.judgement.deliveries
            self.note(f"dispute decided; {self.judgement.verdict}")
            return self.judgement

    def is_open(self) -> bool:
        return self.status is OutageStatus.DECLARED

    def enter(self, status: OutageStatus, what: str) -> None:
        """Enter a status, and show it in the Web UI: in the list and as a sentence."""
        self.status = status
        self.note(what)
        if not self.is_open():  # the attributes of a declared outage were set when it was started
            judged = self.judgement if status is OutageStatus.DISPUTABLE else None
            search_attributes.show(status, judged.verdict if judged else None)

    async def announce(self, deliveries: list[str] | None = None) -> None:
        """Start the deliveries as workflows of their own: a dead receiver delays no outage."""
        sent, self.unannounced = self.unannounced + (deliveries or []), []
        await start_deliveries(sent)
