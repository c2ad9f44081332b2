"""
The dispute of an outage, as a part of the outage's workflow: see outages.py.

Somebody may review a dispute before they decide it. The time to decide runs on meanwhile.
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
    """The activities of a dispute; implemented by activities/sla/disputes.py."""

    @activity.defn
    @abstractmethod
    async def file_dispute(self, filing: FileDisputeInput) -> FileDisputeResult:
        """Record a dispute of the verdict; nothing is paid until it is decided."""

    @activity.defn
    @abstractmethod
    async def review_dispute(self, reviewing: ReviewDisputeInput) -> None:
        """Record who reviews the dispute."""

    @activity.defn
    @abstractmethod
    async def decide_dispute(self, deciding: DecideDisputeInput) -> JudgeOutageResult:
        """Record the decision, and the new verdict if it changes anything."""


class DisputableWorkflowBase(AttestedWorkflowBase):
    """An outage whose verdict somebody may dispute."""

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
            self.note(f"{review.request.actor} reviews the dispute")

    @review_dispute.validator
    def check_review(self, review: Review) -> None:
        self.check_undecided(review.dispute_id)

    def check_undecided(self, dispute_id: str) -> None:
        if self.dispute is None or self.decided or dispute_id != self.dispute.dispute_id:
            refuse(Conflict(f"dispute {dispute_id!r} is not open"))
