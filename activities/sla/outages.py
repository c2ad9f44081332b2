"""The activities of an outage; each calls one use case."""

from datetime import UTC, datetime

from temporalio import activity

from activities.sla.verdicts import JudgingActivities
from adapters.failpoints import reach
from domain.settlement.payments import (
    CloseOutageInput,
    JudgeOutageResult,
    OutageState,
    OwePaymentInput,
    OwePaymentResult,
    Payment,
    Receipt,
)
from domain.sla.outages import (
    AmendOutageInput,
    CancelOutageInput,
    CloseOutageResult,
    JudgeOutageInput,
    RecordOutageInput,
    RecordOutageResult,
    ReopenOutageInput,
    VoidDebtInput,
)
from services.settlement.payments.owe_payment import owe_payment
from services.settlement.payments.read_receipt import find_receipt
from services.settlement.voids.void_debt import void_debt
from services.sla.outages.amend_outage import amend_outage
from services.sla.outages.cancel_outage import cancel_outage
from services.sla.outages.close_outage import close_outage
from services.sla.outages.judge_outage import judge_outage
from services.sla.outages.read_outage_state import read_outage_state
from services.sla.outages.record_outage import record_outage
from services.sla.outages.reopen_outage import reopen_outage
from workflows.outages import OutageActivities


class OutageActivitiesImpl(JudgingActivities, OutageActivities):
    @activity.defn
    async def record_outage(self, declaring: RecordOutageInput) -> RecordOutageResult:
        recorded = await record_outage(self.database, declaring)
        reach("after_record")
        return recorded

    @activity.defn
    async def read_outage_state(self, outage_id: str) -> OutageState:
        return await read_outage_state(self.database, outage_id, self.network, datetime.now(UTC))

    @activity.defn
    async def amend_outage(self, amending: AmendOutageInput) -> int:
        version = await amend_outage(self.database, amending)
        reach("after_amend")
        return version

    @activity.defn
    async def cancel_outage(self, cancelling: CancelOutageInput) -> CloseOutageResult:
        closure = await cancel_outage(self.database, cancelling)
        reach("after_cancel")
        return closure

    @activity.defn
    async def judge_outage(self, judging: JudgeOutageInput) -> JudgeOutageResult:
        judgement = await judge_outage(
            self.database, judging, self.network, requires_attestation=self.requires_attestation
        )
        reach("after_judge")
        return judgement

    @activity.defn
    async def reopen_outage(self, reopening: ReopenOutageInput) -> CloseOutageResult:
        reopened = await reopen_outage(self.database, reopening)
        reach("after_reopen")
        return reopened

    @activity.defn
    async def void_debt(self, voiding: VoidDebtInput) -> CloseOutageResult:
        voided = await void_debt(self.database, voiding, self.network)
        reach("after_void")
        return voided

    @activity.defn
    async def owe_payment(self, settling: OwePaymentInput) -> OwePaymentResult:
        owed = await owe_payment(self.database, settling, self.passphrase)
        reach("after_owe")
        return owed

    @activity.defn
    async def find_receipt(self, payment: Payment) -> Receipt | None:
        return await find_receipt(self.database, payment)

    @activity.defn
    async def close_outage(self, closing: CloseOutageInput) -> CloseOutageResult:
        closure = await close_outage(self.database, closing)
        reach("after_close")
        return closure
