"""Fakes of the activities that settle a payment or a batch: they record what was asked and answer what a test lined up."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from temporalio import activity

from activities.settlement.direct_settlement import make_payment_directly
from domain.settlement.attempts import (
    AlreadyPaid,
    Attempt,
    AttemptOutcome,
    Blocked,
    InBatch,
    Observation,
    ObservedAttempt,
    Prepared,
    PreparePaymentResult,
)
from domain.settlement.envelopes import SendAnswer, SendStatus
from domain.settlement.manual_matches import MatchTransferInput
from domain.settlement.payments import (
    BlockPaymentInput,
    Payment,
    PaymentStatus,
    Receipt,
    Treasury,
)
from domain.sla.verdicts import PaymentType
from tests.testkit.reasons import make_reason
from workflows.payments import PaymentActivities

DETECTED = datetime(2026, 1, 31, 12, tzinfo=UTC)


def build_payment(payment_id: str, amount_stroops: int = 7_500_000_000) -> Payment:
    return Payment(
        *(payment_id, 1, "OUT-1", 1, PaymentType.REWARD, amount_stroops),
        *(Treasury.POOL, "GPOOL", "GPROVIDER", "corr-1"),
    )


class ActivityLog:
    """The activities that ran, and the failure of each one that is in trouble."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.troubles: dict[str, Callable[[], Exception]] = {}

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if (trouble := self.troubles.get(what.split()[0])) is not None:
            raise trouble()


class FakePaymentActivities(ActivityLog, PaymentActivities):
    """A chain that shows whatever the test has lined up; in the end every payment succeeds."""

    def __init__(self) -> None:
        super().__init__()
        self.obstacles: list[str] = []
        self.holds: list[PreparePaymentResult] = []
        self.in_batch = 0
        # Whether what stops a payment can be recorded: not while somebody else has signed for it.
        self.records = True
        self.answers: list[SendAnswer] = []
        self.bids: list[str] = []
        self.observations: list[Observation] = []
        self.sent: list[str] = []
        self.matched_hash = ""
        # Signed and not known to be dead: an activity that runs again returns the same bytes.
        self.stored: dict[str, Attempt] = {}

    @activity.defn
    async def settle_payment(self, payment: Payment) -> Receipt | None:
        self._ask("settle_payment")
        return await make_payment_directly(self, payment)

    @activity.defn
    async def prepare_payment(self, payment: Payment) -> PreparePaymentResult:
        self._ask("prepare_payment")
        if self.matched_hash:
            amount = payment.amount_stroops
            return AlreadyPaid(Receipt(payment.id, self.matched_hash, 9, amount, DETECTED))
        if self.obstacles:
            return Blocked(make_reason(self.obstacles.pop(0)))
        if self.holds:
            return self.holds.pop(0)
        if self.in_batch:
            self.in_batch -= 1
            return InBatch()
        n = self.asked.count("prepare_payment")
        fresh = Attempt(payment.id, n, "GCHANNEL", 7, 100, f"hash-{n}", "xdr", False)
        return Prepared(self.stored.setdefault(payment.id, fresh))

    @activity.defn
    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        self._ask("submit_payment")
        self.sent.append(attempt.newest_hash)
        return self.answers.pop(0) if self.answers else SendAnswer(SendStatus.PENDING)

    @activity.defn
    async def observe_payment(self, attempt: Attempt) -> Observation:
        self._ask("observe_payment")
        if not self.observations:
            return Observation(AttemptOutcome.SUCCEEDED, 42, DETECTED)
        seen = self.observations.pop(0)
        if seen.outcome is not AttemptOutcome.OPEN:
            self.stored.pop(attempt.payment_id, None)
        return seen

    @activity.defn
    async def raise_fee(self, attempt: Attempt) -> Attempt:
        self._ask("raise_fee")
        return replace(attempt, envelope_hash=self.bids.pop(0)) if self.bids else attempt

    @activity.defn
    async def confirm_payment(self, observed: ObservedAttempt) -> Receipt:
        self._ask("confirm_payment")
        amount = observed.payment.amount_stroops
        return Receipt(observed.payment.id, observed.attempt.hash, 42, amount, DETECTED)

    @activity.defn
    async def match_transfer(self, matching: MatchTransferInput) -> None:
        self._ask(f"match_transfer {matching.asked.transaction_hash}")
        self.matched_hash = matching.asked.transaction_hash

    @activity.defn
    async def fail_attempt(self, observed: ObservedAttempt) -> None:
        self._ask("fail_attempt")

    @activity.defn
    async def block_payment(self, blocking: BlockPaymentInput) -> bool:
        activity = "block_payment" if blocking.status is PaymentStatus.BLOCKED else "hold_payment"
        self._ask(f"{activity} {blocking.reason}")
        return self.records

    @activity.defn
    async def quarantine_payment(self, observed: ObservedAttempt) -> None:
        self._ask("quarantine_payment")
