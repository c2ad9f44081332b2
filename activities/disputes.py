"""Keep the record of a dispute: filed, and decided once."""

from temporalio import activity

from adapters.postgres.database import Database
from domain.disputes import Deciding, Filed, Filing, ReviewDisputeInput
from domain.outages import Judgement
from services.sla.disputes.decide_dispute import decide_dispute
from services.sla.disputes.file_dispute import file_dispute
from services.sla.disputes.review_dispute import review_dispute
from workflows.disputes import DisputeSteps


class DisputeActivities(DisputeSteps):
    def __init__(self, database: Database, network: str, *, attests: bool = False) -> None:
        self.database = database
        self.network = network
        # Verdicts wait for the SLA contract's word.
        self.attests = attests

    @activity.defn
    async def file_dispute(self, filing: Filing) -> Filed:
        return await file_dispute(self.database, filing)

    @activity.defn
    async def review_dispute(self, reviewing: ReviewDisputeInput) -> None:
        await review_dispute(self.database, reviewing)

    @activity.defn
    async def decide_dispute(self, deciding: Deciding) -> Judgement:
        return await decide_dispute(self.database, deciding, self.network, attests=self.attests)
