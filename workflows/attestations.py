"""
The handle of an attestation: the SLA contract says what a verdict says, or nothing is paid.

    prepare -> carry out -> concluded: attested
       ^           |             \\-> halted, until a person says try again
       +-- open, expired, failed

All calls write the contract's one entry, so there is one at a time: whoever finds another's call
in the way sees that one through, and then takes its own turn.
"""

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Any, assert_never

from temporalio import activity, workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError

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

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import WorkflowBase
    from workflows.webhooks import start_deliveries

# Seeing a call through waits for ledgers to close; longer than this is another round.
CARRY_TIMEOUT = timedelta(seconds=20)
ROUND_PAUSE_MAX = timedelta(minutes=1)
QUEUE_PAUSE_MAX = timedelta(seconds=10)


class AttestationActivities(ABC):
    """What an attestation asks of the outside world; activities/sla/attestations.py does it."""

    @activity.defn
    @abstractmethod
    async def prepare_call(self, attestation: Attestation) -> PrepareCallResult:
        """Sign and store a call; or answer the call in the way, or that one's own is answered."""

    @activity.defn
    @abstractmethod
    async def execute_call(self, turn: OpenCall) -> CallStatus:
        """Send the stored bytes, watch for them in a ledger, and note what is proven."""

    @activity.defn
    @abstractmethod
    async def conclude_attestation(
        self, concluding: ConcludeAttestationInput
    ) -> ConcludeAttestationResult:
        """Hold the contract's answer to the verdict: attested, or halted and why."""


@workflow.defn
class AttestationWorkflow(WorkflowBase):
    @workflow.init
    def __init__(self, attestation: Attestation) -> None:
        super().__init__(attestation)
        self.attestation = attestation
        self.retry_requested = False

    @workflow.run
    async def run(self, attestation: Attestation) -> str:
        while True:
            problem = await self.call_until_answered()
            # From here on: who finds it halted in the journal may answer at once.
            self.retry_requested = False
            concluding = ConcludeAttestationInput(attestation, problem, workflow.now())
            conclusion = await self.run_until_accepted(
                AttestationActivities.conclude_attestation, concluding
            )
            await start_deliveries(conclusion.deliveries)
            match conclusion:
                case Attested(transaction_hash):
                    self.note(f"attested by {transaction_hash}")
                    return transaction_hash
                case Halted(problem):
                    await self.await_retry(problem)
                case _:
                    assert_never(conclusion)

    async def call_until_answered(self) -> str:
        """Call the contract until it is proven what it said; return why it would not, if so."""
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
                # In a long queue everybody would wake up for every turn.
                pause = min(timedelta(seconds=waits), QUEUE_PAUSE_MAX)
                waits += 1
            else:
                rounds += 1
                pause = min(timedelta(seconds=rounds * rounds), ROUND_PAUSE_MAX)
            await workflow.sleep(pause, summary="before the next look")
            self.continue_as_new_if_long()

    async def await_retry(self, problem: str) -> None:
        """Wait for a person, for ever if need be: paying on would pay what the contract denies."""
        self.note(f"halted: {problem}; send the signal retry once it is mended")
        parent = workflow.info().parent
        if parent is not None:
            handle: Any = workflow.get_external_workflow_handle(parent.workflow_id)
            try:
                await handle.signal("attestation_halted", problem)
            except ApplicationError as error:
                self.note(f"halted: {problem}; and the outage is not there: {error.message}")
        await workflow.wait_condition(lambda: self.retry_requested)

    @workflow.signal(description="What the contract disagreed with is mended: ask it again")
    def retry(self) -> None:
        self.retry_requested = True


class AttestedWorkflowBase(WorkflowBase):
    """A handle whose verdicts the SLA contract confirms, where that is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.attestation_handles: dict[int, workflow.ChildWorkflowHandle[Any, str]] = {}
        self.attestation_problem = ""

    async def ask_contract(self, judgement: JudgeOutageResult | None) -> None:
        """Have the contract asked about a verdict, once for each revision; nobody waits yet."""
        if (
            judgement is None
            or not judgement.attest
            or judgement.revision in self.attestation_handles
        ):
            return
        self.attestation_problem = ""
        self.attestation_handles[judgement.revision] = await workflow.start_child_workflow(
            AttestationWorkflow.run,
            Attestation(judgement.outage_id, judgement.revision),
            id=f"attestation/{judgement.outage_id}/{judgement.revision}",
            task_queue="settlement",
            static_summary=f"the contract's confirmation on {judgement.verdict}",
        )

    async def await_attestation(self, judgement: JudgeOutageResult | None) -> None:
        """Wait, for as long as it takes, until the contract has confirmed this verdict."""
        while judgement is not None and judgement.attest:
            await self.ask_contract(judgement)
            child = self.attestation_handles[judgement.revision]
            if not child.done():
                self.note(
                    self.attestation_problem
                    or f"waiting for the SLA contract's confirmation: {child.id}"
                )
            try:
                hash_ = await child
            except ChildWorkflowError:  # somebody ended it by hand, which settles nothing
                self.note(f"{child.id} was ended; asking the contract again")
                del self.attestation_handles[judgement.revision]
                await workflow.sleep(timedelta(seconds=10), summary="before asking again")
            else:
                return self.note(f"confirmed by the SLA contract: {hash_}")

    @workflow.signal(description="The contract's word is halted; sent by the attestation itself")
    def attestation_halted(self, problem: str) -> None:
        self.attestation_problem = f"nothing is paid: {problem}"
        self.note(self.attestation_problem)
