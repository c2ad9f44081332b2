"""
The dispute of an outage, as a part of the outage's workflow: see outages.py.

Somebody may review a dispute before they decide it. The time to decide runs on meanwhile.
"""

from abc import ABC, abstractmethod
from functools import partial

from temporalio import activity, workflow

from domain.errors import Conflict
from domain.settlement.payments import JudgeOutageResult
from domain.sla import disputes, outage_rules
from domain.sla.disputes import (
    DecideDisputeInput,
    Dispute,
    DisputeDecision,
    FileDisputeInput,
    FileDisputeResult,
    Review,
    ReviewDisputeInput,
)
from domain.sla.outages import OutageStatus

with workflow.unsafe.imports_passed_through():
    from workflows.outage_states import OutageStateWorkflowBase
    from workflows.runtime import check, refuse, run_activity


class DisputeActivities(ABC):
    """The activities of a dispute; implemented by activities/sla/disputes.py."""

    @activity.defn
    @abstractmethod
    async def file_dispute(self, filing: FileDisputeInput) -> FileDisputeResult:
        """Record a dispute of the verdict; nothing is paid until it is decided."""

    @activity.defn
    @abstractmethod
    async def review_dispute(self, reviewing: ReviewDisputeInput) -> int:
        """Record who reviews the dispute; return the version of the outage."""

    @activity.defn
    @abstractmethod
    async def decide_dispute(self, deciding: DecideDisputeInput) -> JudgeOutageResult:
        """Record the decision, and the new verdict if it changes anything."""


class DisputableWorkflowBase(OutageStateWorkflowBase):
    """An outage whose verdict somebody may dispute."""

    async def await_dispute_outcome(self) -> None:
        """Wait until the dispute window has passed without a dispute, or the dispute is decided."""
        while self.is_disputable():
            judged = self.judgement
            assert judged is not None
            deadline, superseded = judged.dispute_deadline, partial(self.is_superseded, judged)
            await self.wait_until(deadline, superseded, "dispute window")
            if workflow.now() >= deadline and not superseded():
                break
        async with self.lock:  # a dispute filed in time may not be recorded yet
            filed = self.dispute
        if filed is not None and not self.decided:
            await self.wait_until(filed.decision_deadline, lambda: self.decided, "time to decide")
            await self.record_decision(None)

    def is_disputable(self) -> bool:
        return self.status is OutageStatus.DISPUTABLE and self.dispute is None

    def is_superseded(self, judged: JudgeOutageResult) -> bool:
        """Tell whether a verdict can be disputed no more, or is another by now."""
        return not self.is_disputable() or self.judgement is not judged

    @workflow.update(description="Object to the verdict")
    async def file_dispute(self, dispute: Dispute) -> FileDisputeResult:
        await self.await_status()
        async with self.lock:
            self.check_file_dispute(dispute)
            assert self.judgement is not None
            assert self.recorded is not None
            revision, window = self.judgement.revision, self.recorded.decision_window_seconds
            filing = FileDisputeInput(dispute, revision, window, workflow.now())
            filed = self.dispute = await run_activity(DisputeActivities.file_dispute, filing)
            self.status = OutageStatus.DISPUTED
            self.enter(self.status, filed.version, f"{self.describe()}: {dispute.reason}")
            return filed

    @file_dispute.validator
    def check_file_dispute(self, dispute: Dispute) -> None:
        check(lambda: disputes.check_dispute(dispute))
        deadline = self.judgement.dispute_deadline if self.judgement else None
        outage_id, now = self.outage.id, workflow.now()
        if self.status is not None:
            check(lambda: outage_rules.check_disputable(outage_id, self.status, deadline, now))

    @workflow.update(description="Decide the dispute")
    async def decide_dispute(self, decision: DisputeDecision) -> JudgeOutageResult:
        return await self.record_decision(decision)

    @decide_dispute.validator
    def check_decide_dispute(self, decision: DisputeDecision) -> None:
        check(lambda: outage_rules.check_corrected_minutes(self.outage, decision, workflow.now()))
        self.check_undecided(decision.dispute_id)

    @workflow.update(description="Take the dispute up")
    async def review_dispute(self, review: Review) -> None:
        await self.await_status()
        async with self.lock:
            self.check_review(review)
            reviewing = ReviewDisputeInput(self.outage.id, review, workflow.now())
            version = await run_activity(DisputeActivities.review_dispute, reviewing)
            self.acknowledge(version, f"{review.request.actor} reviews the dispute")

    @review_dispute.validator
    def check_review(self, review: Review) -> None:
        self.check_undecided(review.dispute_id)

    def check_undecided(self, dispute_id: str) -> None:
        known = self.dispute is not None and dispute_id == self.dispute.dispute_id
        if self.status is not None and (not known or self.decided):
            refuse(Conflict(f"dispute {dispute_id!r} is not open"))

    async def decide_by_signal(self, decision: DisputeDecision) -> None:
        self.check_decide_dispute(decision)
        await self.record_decision(decision)

    async def record_decision(self, decision: DisputeDecision | None) -> JudgeOutageResult:
        """
        Record the decision of the dispute; None when the time to decide has run out. Of two that come
        at once the second is compared with the first, and refused unless it is the same.
        """
        await self.await_status()
        async with self.lock:
            if self.dispute is None or self.judgement is None:
                refuse(Conflict(f"outage {self.outage.id!r} has no dispute to decide"))
            dispute_id, now = self.dispute.dispute_id, workflow.now()
            if decision is None and self.decided:
                return self.judgement
            if decision is not None and decision.dispute_id != dispute_id:
                refuse(Conflict(f"dispute {decision.dispute_id!r} is not open"))
            deciding = DecideDisputeInput(self.outage.id, dispute_id, decision, now)
            run = run_activity if decision else self.run_until_accepted
            before = self.judgement.revision
            self.judgement = await run(DisputeActivities.decide_dispute, deciding)
            self.decided = True
            if self.judgement.revision != before:
                self.attestation_problem = ""  # that of a verdict which no longer holds
            self.acknowledge(self.judgement.version, f"dispute decided; {self.judgement.verdict}")
            return self.judgement
