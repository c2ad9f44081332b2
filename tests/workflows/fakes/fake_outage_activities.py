"""A fake of the activities of an outage: enough of a database to see what its workflow asked for, in which order."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from temporalio import activity

from domain.reasons import Wait
from domain.requests import Request
from domain.settlement.payments import (
    CloseOutageInput,
    JudgeOutageResult,
    OutageState,
    OwePaymentInput,
    OwePaymentResult,
    Payment,
    Receipt,
)
from domain.sla.disputes import (
    DecideDisputeInput,
    FileDisputeInput,
    FileDisputeResult,
    ReviewDisputeInput,
)
from domain.sla.outages import (
    AmendOutageInput,
    CancelOutageInput,
    CloseOutageResult,
    Declaration,
    JudgeOutageInput,
    Outage,
    OutageStatus,
    RecordOutageInput,
    RecordOutageResult,
    ReopenOutageInput,
    VoidDebtInput,
)
from domain.sla.verdicts import Severity, Terms, Verdict, compute_payable, judge
from tests.workflows.fakes.fake_payment_activities import DETECTED, build_payment
from workflows.disputes import DisputeActivities
from workflows.outages import OutageActivities

TERMS = Terms(threshold_minutes=15, penalty_per_minute=100, reward_base=750)
DAY = 86_400
ASKER = Request("tester", "corr-1")


def outage(outage_id: str, severity: Severity = Severity.CRITICAL) -> Outage:
    return Outage(outage_id, "Mast 7", severity, DETECTED)


def declaration(outage_id: str) -> Declaration:
    return Declaration(outage(outage_id), ASKER, "standard", "default")


class FakeOutageActivities(OutageActivities, DisputeActivities):
    """The database in memory: enough of it to see what the workflow asked for, and in which order."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.refusals: dict[str, Exception] = {}
        self.troubles: dict[str, Callable[[], Exception]] = {}
        self.judgement: JudgeOutageResult | None = None
        self.attest = False
        self.window_seconds = DAY
        self.version = 1
        self.receipt: Receipt | None = None
        # What the payment of the outage waits for.
        self.stopped: Wait | None = None
        # What is on record before the workflow begins, or changes behind its back.
        self.on_record: OutageState | None = None
        # What is on record from the moment that an activity is asked for.
        self.changes: dict[str, OutageState] = {}

    def _note(self, activity: str) -> None:
        self.asked.append(activity)
        self.on_record = self.changes.pop(activity, self.on_record)
        if activity in self.troubles:
            raise self.troubles[activity]()
        if activity in self.refusals:
            raise self.refusals.pop(activity)

    @activity.defn
    async def record_outage(self, declaring: RecordOutageInput) -> RecordOutageResult:
        self._note("record_outage")
        created = self.on_record is None
        outage = declaring.declaration.outage
        return RecordOutageResult(
            created,
            outage.fingerprint(),
            ASKER.correlation_id,
            "standard",
            1,
            self.window_seconds,
            14 * DAY,
        )

    def _advance(self) -> int:
        self.version += 1
        return self.version

    @activity.defn
    async def read_outage_state(self, outage_id: str) -> OutageState:
        self._note("read_outage_state")
        if self.on_record is None:
            status, about = OutageStatus.DECLARED, outage(outage_id)
            state = OutageState(about, status, self.version, self.judgement, None, False)
            return replace(state, stopped=self.stopped)
        self.version = self.on_record.version
        return self.on_record

    @activity.defn
    async def amend_outage(self, amending: AmendOutageInput) -> int:
        self._note("amend_outage")
        return self._advance()

    @activity.defn
    async def cancel_outage(self, cancelling: CancelOutageInput) -> CloseOutageResult:
        self._note("cancel_outage")
        return CloseOutageResult(cancelling.outage_id, self._advance())

    @activity.defn
    async def reopen_outage(self, reopening: ReopenOutageInput) -> CloseOutageResult:
        self._note("reopen_outage")
        return CloseOutageResult(reopening.outage_id, self._advance())

    @activity.defn
    async def void_debt(self, voiding: VoidDebtInput) -> CloseOutageResult:
        self._note("void_debt")
        return CloseOutageResult(voiding.outage_id, self._advance())

    @activity.defn
    async def judge_outage(self, judging: JudgeOutageInput) -> JudgeOutageResult:
        self._note("judge_outage")
        resolved_at, mttr = judging.resolution.get_times(outage(judging.outage_id))
        deadline = judging.at + timedelta(seconds=judging.dispute_window_seconds)
        verdict = judge(TERMS, mttr)
        revision = 1 + self.asked.count("reopen_outage")
        self.judgement = JudgeOutageResult(
            judging.outage_id,
            revision,
            verdict,
            self._owed(judging.outage_id, revision, verdict),
            resolved_at,
            deadline,
            attest=self.attest,
            version=self._advance(),
        )
        return self.judgement

    @activity.defn
    async def file_dispute(self, filing: FileDisputeInput) -> FileDisputeResult:
        self._note("file_dispute")
        deadline = filing.at + timedelta(seconds=filing.decision_window_seconds)
        return FileDisputeResult(filing.dispute.id, deadline, self._advance())

    @activity.defn
    async def review_dispute(self, reviewing: ReviewDisputeInput) -> int:
        self._note("review_dispute")
        return self._advance()

    @activity.defn
    async def decide_dispute(self, deciding: DecideDisputeInput) -> JudgeOutageResult:
        self._note("decide_dispute")
        assert self.judgement is not None
        before, decision = self.judgement, deciding.decision
        if decision is None or decision.mttr_minutes is None:
            return replace(before, version=self._advance())
        verdict = judge(TERMS, decision.mttr_minutes)
        self.judgement = JudgeOutageResult(
            before.outage_id,
            2,
            verdict,
            self._owed(before.outage_id, 2, verdict),
            before.resolved_at,
            before.dispute_deadline,
            attest=self.attest,
            version=self._advance(),
        )
        return self.judgement

    @activity.defn
    async def owe_payment(self, settling: OwePaymentInput) -> OwePaymentResult:
        self._note("owe_payment")
        return OwePaymentResult(settling.payment, self._advance())

    @activity.defn
    async def find_receipt(self, payment: Payment) -> Receipt | None:
        self._note("find_receipt")
        return self.receipt

    def _owed(self, outage_id: str, revision: int, verdict: Verdict) -> Payment:
        owed = build_payment(f"pay-{outage_id}", compute_payable(verdict))
        return replace(owed, outage_id=outage_id, revision=revision, type=verdict.payment_type)

    @activity.defn
    async def close_outage(self, closing: CloseOutageInput) -> CloseOutageResult:
        self._note("close_outage")
        return CloseOutageResult(closing.outage_id, self._advance())
