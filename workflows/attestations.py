"""
The workflow of an attestation: the SLA contract confirms a verdict, or nothing is paid.

    prepare -> execute -> conclude: attested
       ^          |             \\-> halted, until a person sends the signal retry
       +-- open, expired, failed

All calls write the same entry of the contract, so only one is open at a time. An attestation that
finds the call of another one open executes that call first.
"""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import timedelta
from typing import Any, assert_never

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError, WorkflowAlreadyStartedError

from domain.reasons import WaitsFor
from domain.settlement.payments import JudgeOutageResult
from domain.sla.attestations import (
    Attestation,
    Attested,
    CallAnswered,
    CallRefused,
    CallStatus,
    ConcludeAttestationInput,
    ConcludeAttestationResult,
    Halted,
    OpenCall,
    OtherCall,
    OwnCall,
    PrepareCallResult,
)
from domain.sla.outages import Declaration

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import WorkflowBase
    from workflows.visibility.search_attributes import (
        get_shown_wait,
        make_debt_attributes,
        show_end,
        show_wait,
    )

# Seeing a call through waits for ledgers to close; longer than this is another round.
CARRY_TIMEOUT = timedelta(seconds=20)
ROUND_PAUSE_MAX = timedelta(minutes=1)
QUEUE_PAUSE_MAX = timedelta(seconds=10)


class AttestationActivities(ABC):
    """The activities of an attestation; implemented by activities/sla/attestations.py."""

    @activity.defn
    @abstractmethod
    async def prepare_call(self, attestation: Attestation) -> PrepareCallResult:
        """Sign and store a call; or return the open call of another, or that ours is answered."""

    @activity.defn
    @abstractmethod
    async def execute_call(self, turn: OpenCall) -> CallStatus:
        """Send the stored bytes, watch for them in a ledger, and record what is proven."""

    @activity.defn
    @abstractmethod
    async def conclude_attestation(
        self, concluding: ConcludeAttestationInput
    ) -> ConcludeAttestationResult:
        """Compare the contract's answer with the verdict: attested, or halted and why."""


@workflow.defn
class AttestationWorkflow(WorkflowBase):
    @workflow.init
    def __init__(self, attestation: Attestation) -> None:
        super().__init__(attestation)
        self.attestation = attestation

    @workflow.run
    async def run(self, attestation: Attestation) -> str:
        return await self.outlast_cancellation(self.attest(attestation))

    async def attest(self, attestation: Attestation) -> str:
        while True:
            problem = await self.call_until_answered()
            # Reset before it is concluded: a retry sent as soon as it is halted must count.
            self.retry_requested = False
            concluding = ConcludeAttestationInput(attestation, problem, workflow.now())
            conclusion = await self.run_until_accepted(
                AttestationActivities.conclude_attestation, concluding
            )
            match conclusion:
                case Attested(transaction_hash):
                    self.note(f"attested by {transaction_hash}")
                    show_end()
                    return transaction_hash
                case Halted(problem):
                    await self.await_retry(problem)
                case _:
                    assert_never(conclusion)

    async def call_until_answered(self) -> str:
        """Call the contract until its answer is proven; return why it refuses the call, if it does."""
        rounds = waits = 0
        while True:
            turn = await self.run_until_accepted(
                AttestationActivities.prepare_call, self.attestation
            )
            match turn:
                case CallAnswered():
                    return ""
                case CallRefused(problem):
                    return problem
                case OwnCall(call):
                    self.note(f"watching for the call {call.hash}")
                case OtherCall(call):
                    self.note(
                        f"watching for the call {call.hash} of outage {call.outage_id}, "
                        "which is in the way"
                    )
                case _:
                    assert_never(turn)
            status = await self.run_until_accepted(
                AttestationActivities.execute_call, turn, CARRY_TIMEOUT
            )
            if isinstance(turn, OwnCall) and status is CallStatus.ANSWERED:
                continue
            if isinstance(turn, OtherCall) and status is not CallStatus.OPEN:
                # The longer the queue, the longer each waits: not all wake up for every turn.
                pause = min(timedelta(seconds=waits), QUEUE_PAUSE_MAX)
                waits += 1
            else:
                rounds += 1
                pause = min(timedelta(seconds=rounds * rounds), ROUND_PAUSE_MAX)
            await workflow.sleep(pause, summary="before the call is checked again")
            self.continue_as_new_if_long()

    async def await_retry(self, problem: str) -> None:
        """Wait for a person, for ever if need be: the contract denies what would be paid."""
        self.note(f"halted: {problem}; send the signal retry when it is fixed")
        show_wait(WaitsFor.HALT)
        parent = workflow.info().parent
        if parent is not None:
            handle: Any = workflow.get_external_workflow_handle(parent.workflow_id)
            try:
                await handle.signal("attestation_halted", problem)
            except ApplicationError as error:
                self.note(f"halted: {problem}; its outage could not be notified: {error.message}")
        await workflow.wait_condition(lambda: self.retry_requested)
        show_wait(WaitsFor.NETWORK)

    @workflow.signal(description="The disagreement with the contract is resolved: ask it again")
    def retry(self) -> None:
        self.retry_requested = True


class AttestedWorkflowBase(WorkflowBase):
    """A workflow whose verdicts the SLA contract must confirm, where that is configured."""

    def __init__(self, declaration: Declaration) -> None:
        super().__init__(declaration)
        self.declaration = declaration
        self.attestation_handles: dict[int, workflow.ChildWorkflowHandle[Any, str]] = {}
        self.attestation_problem = ""

    def is_taken_back(self) -> bool:
        """Tell whether the verdict that was to be paid no longer holds."""
        return False

    async def await_end(self, work: "asyncio.Task[Any]") -> bool:
        """Wait for what serves a verdict; False when the verdict is taken back before its end."""
        await self.wait_until(None, lambda: work.done() or self.is_taken_back(), "")
        return work.done()

    async def start_attestation(self, judgement: JudgeOutageResult | None) -> None:
        """Start the attestation of a verdict, once for each revision, without waiting for it."""
        if (
            judgement is None
            or not judgement.attest
            or judgement.revision in self.attestation_handles
        ):
            return
        self.attestation_problem = ""
        # Begun by an earlier run of this workflow it runs already, and nothing is owed until it is done.
        with suppress(WorkflowAlreadyStartedError):
            self.attestation_handles[judgement.revision] = await workflow.start_child_workflow(
                AttestationWorkflow.run,
                Attestation(judgement.outage_id, judgement.revision),
                id=f"attestation/{judgement.outage_id}/{judgement.revision}",
                task_queue="settlement",
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                static_summary=f"the contract's confirmation of {judgement.verdict}",
                search_attributes=make_debt_attributes(
                    judgement.payment.amount_stroops, self.declaration.agreement
                ),
            )

    async def await_attestation(self, judgement: JudgeOutageResult | None) -> None:
        """Wait until the contract has confirmed the verdict, for as long as that takes."""
        while judgement is not None and judgement.attest:
            await self.start_attestation(judgement)
            child = self.attestation_handles.get(judgement.revision)
            if child is None:
                return
            if not child.done():
                self.note(
                    self.describe_halt()
                    or f"waiting for the SLA contract's confirmation: {child.id}"
                )
                show_wait(WaitsFor.HALT if self.attestation_problem else WaitsFor.NETWORK)
            try:
                if not await self.await_end(child):
                    return
                hash_ = await child
            except ChildWorkflowError:  # somebody ended the workflow, which confirms nothing
                self.note(f"{child.id} ended without a result; it is started again")
                del self.attestation_handles[judgement.revision]
                await workflow.sleep(timedelta(seconds=10), summary="before it is started again")
            else:
                self.attestation_problem = ""
                return self.note(f"confirmed by the SLA contract: {hash_}")

    def describe_halt(self) -> str:
        """Say why the SLA contract denies the verdict; nothing while it does not."""
        return self.attestation_problem and f"nothing is paid: {self.attestation_problem}"

    @workflow.signal(description="The attestation is halted; sent by the attestation itself")
    def attestation_halted(self, problem: str) -> None:
        self.attestation_problem = problem
        self.note(self.describe_halt())
        # While the dispute window runs, or somebody decides, the outage is shown to wait for that.
        if get_shown_wait() is WaitsFor.NETWORK:
            show_wait(WaitsFor.HALT)
