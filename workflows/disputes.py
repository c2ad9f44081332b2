"""
A dispute, as a part of its outage's life: see outages.py.

Somebody may take it up before they rule on it. That stops no clock: the time to decide goes on running.
"""

from abc import ABC, abstractmethod

from temporalio import activity, workflow

from domain.errors import Conflict
from domain.settlement.payments import JudgeOutageResult
from domain.sla.disputes import (
    DecideDisputeInput,
    FileDisputeInput,
    FileDisputeResult,
    Review,
    ReviewDisputeInput,
)
from domain.sla.outages import Outage

with workflow.unsafe.imports_passed_through():
    from workflows.attestations import AttestedWorkflowBase
    from workflows.runtime import refuse, run_activity


class DisputeActivities(ABC):
    """What a dispute asks of the outside world; activities/sla/disputes.py does it."""

    @activity.defn
    @abstractmethod
    async def file_dispute(self, filing: FileDisputeInput) -> FileDisputeResult:
        """Record an objection to the verdict; the money is held from now on."""

    @activity.defn
    @abstractmethod
    async def review_dispute(self, reviewing: ReviewDisputeInput) -> None:
        """Record who has taken the dispute up."""

    @activity.defn
    @abstractmethod
    async def decide_dispute(self, deciding: DecideDisputeInput) -> JudgeOutageResult:
        """Record the decision, and the new verdict if it changes anything."""


class Disputed(AttestedWorkflowBase):
    """An outage whose verdict somebody may object to."""

    outage: Outage

    def __init__(self) -> None:
        super().__init__()
        self.dispute: FileDisputeResult | None = None
        self.decided = False

    @workflow.update(description="Take the dispute up")
    async def review_dispute(self, review: Review) -> None:
        async with self.lock:
            self.check_review(review)
            reviewing = ReviewDisputeInput(self.outage.id, review, workflow.now())
            await run_activity(DisputeActivities.review_dispute, reviewing)
            self.note(f"{review.request.actor} has taken up the dispute")

    @review_dispute.validator
    def check_review(self, review: Review) -> None:
        self.check_undecided(review.dispute_id)

    def check_undecided(self, dispute_id: str) -> None:
        if self.dispute is None or self.decided or dispute_id != self.dispute.dispute_id:
            refuse(Conflict(f"dispute {dispute_id!r} is not open"))
