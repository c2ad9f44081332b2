"""Keep the record of an outage: each step is one use case."""

from temporalio import activity

from adapters.postgres.database import Database
from domain.outages import Amending, Cancelling, Closure, Declaring, Judgement, Judging, Recorded
from domain.payments import Closing, Payment, Settling
from services.settlement.payments.owe_payment import owe_payment
from services.sla.outages.amend_outage import amend_outage
from services.sla.outages.cancel_outage import cancel_outage
from services.sla.outages.close_outage import close_outage
from services.sla.outages.judge_outage import judge_outage
from services.sla.outages.record_outage import record_outage
from workflows.outages import OutageSteps


class OutageActivities(OutageSteps):
    def __init__(self, database: Database, network: str, *, attests: bool = False) -> None:
        self.database = database
        self.network = network
        # Verdicts wait for the SLA contract's word.
        self.attests = attests

    @activity.defn
    async def record_outage(self, declaring: Declaring) -> Recorded:
        return await record_outage(self.database, declaring)

    @activity.defn
    async def amend_outage(self, amending: Amending) -> None:
        await amend_outage(self.database, amending)

    @activity.defn
    async def cancel_outage(self, cancelling: Cancelling) -> Closure:
        return await cancel_outage(self.database, cancelling)

    @activity.defn
    async def judge_outage(self, judging: Judging) -> Judgement:
        return await judge_outage(self.database, judging, self.network, attests=self.attests)

    @activity.defn
    async def owe_payment(self, settling: Settling) -> Payment:
        return await owe_payment(self.database, settling, self.network)

    @activity.defn
    async def close_outage(self, closing: Closing) -> Closure:
        return await close_outage(self.database, closing)
