"""The activities of a dispute; each calls one use case."""

from temporalio import activity

from activities.sla.verdicts import JudgingActivities
from adapters.failpoints import reach
from domain.settlement.payments import JudgeOutageResult
from domain.sla.disputes import (
    DecideDisputeInput,
    FileDisputeInput,
    FileDisputeResult,
    ReviewDisputeInput,
)
from services.sla.disputes.decide_dispute import decide_dispute
from services.sla.disputes.file_dispute import file_dispute
from services.sla.disputes.review_dispute import review_dispute
from workflows.disputes import DisputeActivities


class DisputeActivitiesImpl(JudgingActivities, DisputeActivities):
    @activity.defn
    async def file_dispute(self, filing: FileDisputeInput) -> FileDisputeResult:
        filed = await file_dispute(self.database, filing)
        reach("after_file")
        return filed

    @activity.defn
    async def review_dispute(self, reviewing: ReviewDisputeInput) -> int:
        version = await review_dispute(self.database, reviewing)
        reach("after_review")
        return version

    @activity.defn
    async def decide_dispute(self, deciding: DecideDisputeInput) -> JudgeOutageResult:
        judgement = await decide_dispute(
            self.database, deciding, self.network, requires_attestation=self.requires_attestation
        )
        reach("after_decide")
        return judgement
