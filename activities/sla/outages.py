"""The activities of an outage; each calls one use case."""

from temporalio import activity

from activities.sla.verdicts import JudgingActivities
from domain.settlement.payments import CloseOutageInput, JudgeOutageResult, OwePaymentInput, Payment
from domain.sla.outages import (
    AmendOutageInput,
    CancelOutageInput,
    CloseOutageResult,
    JudgeOutageInput,
    RecordOutageInput,
    RecordOutageResult,
)
from services.settlement.payments.owe_payment import owe_payment
from services.sla.outages.amend_outage import amend_outage
from services.sla.outages.cancel_outage import cancel_outage
from services.sla.outages.close_outage import close_outage
from services.sla.outages.judge_outage import judge_outage
from services.sla.outages.record_outage import record_outage
from workflows.outages import OutageActivities


class OutageActivitiesImpl(JudgingActivities, OutageActivities):
    @activity.defn
    async def record_outage(self, declaring: RecordOutageInput) -> RecordOutageResult:
        return await record_outage(self.database, declaring)

    @activity.defn
    async def amend_outage(self, amending: AmendOutageInput) -> None:
        await amend_outage(self.database, amending)

    @activity.defn
    async def cancel_outage(self, cancelling: CancelOutageInput) -> CloseOutageResult:
        return await cancel_outage(self.database, cancelling)

    @activity.defn
    async def judge_outage(self, judging: JudgeOutageInput) -> JudgeOutageResult:
        return await judge_outage(
            self.database, judging, self.network, requires_attestation=self.requires_attestation
        )

    @activity.defn
    async def owe_payment(self, settling: OwePaymentInput) -> Payment:
        return await owe_payment(self.database, settling, self.passphrase)

    @activity.defn
    async def close_outage(self, closing: CloseOutageInput) -> CloseOutageResult:
        return await close_outage(self.database, closing)
