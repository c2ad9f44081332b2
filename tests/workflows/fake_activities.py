"""
Stand-ins for the steps of all lives but the outage's own: what was asked is remembered, answers
are lined up.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from temporalio import activity

from domain.accounting.integrity_checks import CheckIntegrityInput, CheckIntegrityResult
from domain.accounting.reconciliation import Comparison, ReconciliationRun
from domain.errors import Conflict
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
from domain.settlement.batches import (
    Batch,
    FailBatchResult,
    FormBatchesInput,
    ObservedBatch,
    PrepareBatchResult,
)
from domain.settlement.envelopes import SendAnswer, SendStatus
from domain.settlement.manual_matches import AdoptTransferInput
from domain.settlement.payments import (
    BlockPaymentInput,
    Payment,
    PaymentStatus,
    Receipt,
    Treasury,
)
from domain.settlement.wallets import Challenge, Readiness, SignedChallenge
from domain.sla.attestations import (
    Attestation,
    Attested,
    Call,
    CallAnswered,
    CallStatus,
    ConcludeAttestationInput,
    ConcludeAttestationResult,
    Halted,
    OpenCall,
    OtherCall,
    OwnCall,
    PrepareCallResult,
)
from domain.sla.verdicts import PaymentType
from domain.webhooks import Delivery, DeliveryStatus
from tests.testkit.reasons import because
from workflows.attestations import AttestationActivities
from workflows.batches import BatchActivities
from workflows.integrity_checks import IntegrityCheckActivities
from workflows.payments import PaymentActivities
from workflows.reconciliation import ReconciliationActivities
from workflows.wallets import WalletActivities
from workflows.webhooks import WebhookActivities

DETECTED = datetime(2026, 1, 31, 12, tzinfo=UTC)


def payment(payment_id: str, amount_stroops: int = 7_500_000_000) -> Payment:
    return Payment(
        *(payment_id, 1, "OUT-1", 1, PaymentType.REWARD, amount_stroops),
        *(Treasury.POOL, "GPOOL", "GPROVIDER", "corr-1"),
    )


class Asked:
    """What was asked, and what a step fails with for as long as it is in trouble."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.troubles: dict[str, Callable[[], Exception]] = {}

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if (trouble := self.troubles.get(what.split()[0])) is not None:
            raise trouble()


class FakePaymentActivities(Asked, PaymentActivities):
    """A chain that shows whatever the test has lined up; in the end every payment succeeds."""

    def __init__(self) -> None:
        super().__init__()
        self.obstacles: list[str] = []
        self.holds: list[PreparePaymentResult] = []
        self.in_batch = 0
        self.answers: list[SendAnswer] = []
        self.bids: list[str] = []
        self.observations: list[Observation] = []
        self.sent: list[str] = []
        self.adopted = ""
        # Signed and not known to be dead: a step that runs again answers the same bytes.
        self.stored: dict[str, Attempt] = {}

    @activity.defn
    async def prepare_payment(self, payment: Payment) -> PreparePaymentResult:
        self._ask("prepare_payment")
        if self.adopted:
            amount = payment.amount_stroops
            return AlreadyPaid(Receipt(payment.id, self.adopted, 9, amount, DETECTED, []))
        if self.obstacles:
            return Blocked(because(self.obstacles.pop(0)))
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
        return Receipt(observed.payment.id, observed.attempt.hash, 42, amount, DETECTED, [])

    @activity.defn
    async def match_transfer(self, adopting: AdoptTransferInput) -> None:
        self._ask(f"match_transfer {adopting.asked.transaction_hash}")
        self.adopted = adopting.asked.transaction_hash

    @activity.defn
    async def fail_attempt(self, observed: ObservedAttempt) -> None:
        self._ask("fail_attempt")

    @activity.defn
    async def block_payment(self, parking: BlockPaymentInput) -> list[str]:
        step = "block_payment" if parking.status is PaymentStatus.BLOCKED else "hold_payment"
        self._ask(f"{step} {parking.reason}")
        return [f"dlv-parked-{parking.payment.id}"]

    @activity.defn
    async def quarantine_payment(self, observed: ObservedAttempt) -> list[str]:
        self._ask("quarantine_payment")
        return []


class FakeBatchActivities(FakePaymentActivities, BatchActivities):
    """The same chain, for payments that are settled together; `left` is prepared first."""

    def __init__(self) -> None:
        super().__init__()
        self.formed_batches: list[list[Batch] | None] = []
        self.left: list[PrepareBatchResult] = []
        self.removals: list[FailBatchResult] = []
        self.settled: list[str] = []

    @activity.defn
    async def form_batches(self, gathering: FormBatchesInput) -> list[Batch] | None:
        self._ask("form_batches first" if gathering.first else "form_batches")
        return self.formed_batches.pop(0) if self.formed_batches else None

    @activity.defn
    async def prepare_batch(self, batch: Batch) -> PrepareBatchResult:
        self._ask("prepare_batch")
        if self.left:
            return self.left.pop(0)
        n = self.asked.count("prepare_batch")
        fresh = Attempt(
            batch.lead_payment_id, batch.n, "GCHANNEL", 7, 100, f"hash-{n}", "xdr", False
        )
        return PrepareBatchResult(Prepared(fresh))

    @activity.defn
    async def confirm_batch(self, observed: ObservedBatch) -> list[str]:
        self._ask("confirm_batch")
        return self.settled

    @activity.defn
    async def fail_batch(self, observed: ObservedBatch) -> FailBatchResult:
        self._ask("fail_batch")
        return self.removals.pop(0)

    @activity.defn
    async def quarantine_batch(self, observed: ObservedBatch) -> list[str]:
        self._ask("quarantine_batch")
        return []


class FakeReconciliationActivities(ReconciliationActivities):
    """A node that may be down, and a book that always finds one break."""

    def __init__(self) -> None:
        self.down = False

    @activity.defn
    async def read_chain(self, run: ReconciliationRun) -> int:
        if self.down:
            raise RuntimeError("the node does not answer")
        return 42

    @activity.defn
    async def compare_journal(self, run: ReconciliationRun) -> Comparison:
        return Comparison(42, 7, 70_000_000, 1, 1, [f"dlv-break-{run.at.isoformat()}"])


class FakeIntegrityCheckActivities(IntegrityCheckActivities):
    """A database that may be away, and a book of which one promise is broken anew each time."""

    def __init__(self) -> None:
        self.failures = 0

    @activity.defn
    async def check_integrity(self, order: CheckIntegrityInput) -> CheckIntegrityResult:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database does not answer")
        return CheckIntegrityResult(True, 1, 0, 1, [f"dlv-violation-{order.at.isoformat()}"])


class FakeWalletActivities(WalletActivities):
    """A network on which every account is ready; a proof by nobody is refused."""

    def _ready(self, address: str) -> Readiness:
        return Readiness(address, True, True, True, 10_000_000, 42, DETECTED)

    @activity.defn
    async def read_wallet(self, address: str) -> Readiness:
        return self._ready(address)

    @activity.defn
    async def challenge_wallet(self, address: str) -> Challenge:
        return Challenge(address, "xdr", "hash", "a network", DETECTED)

    @activity.defn
    async def prove_wallet(self, proof: SignedChallenge) -> Readiness:
        if not proof.transaction_xdr:
            raise Conflict("nobody has signed this challenge")
        return self._ready(proof.address)

    @activity.defn
    async def fund_wallet(self, address: str) -> Readiness:
        return self._ready(address)


class FakeAttestationActivities(Asked, AttestationActivities):
    """A contract that answers what the test has lined up; in the end it always agrees."""

    def __init__(self) -> None:
        super().__init__()
        self.in_the_way: list[Call] = []
        self.statuses: list[CallStatus] = []
        self.problems: list[str] = []
        self.answered: set[tuple[str, int]] = set()

    @activity.defn
    async def prepare_call(self, attestation: Attestation) -> PrepareCallResult:
        name = (attestation.outage_id, attestation.revision)
        self._ask(f"prepare_call {attestation.revision}")
        if name in self.answered:
            return CallAnswered()
        if self.in_the_way:
            return OtherCall(self.in_the_way.pop(0))
        return OwnCall(Call(*name, 1, "GOPERATOR", 7, 100, "hash", "xdr"))

    @activity.defn
    async def execute_call(self, turn: OpenCall) -> CallStatus:
        own = isinstance(turn, OwnCall)
        self._ask("execute_call" if own else "help")
        status = self.statuses.pop(0) if self.statuses else CallStatus.ANSWERED
        if own and status is CallStatus.ANSWERED:
            self.answered.add((turn.call.outage_id, turn.call.revision))
        return status

    @activity.defn
    async def conclude_attestation(
        self, concluding: ConcludeAttestationInput
    ) -> ConcludeAttestationResult:
        self._ask("conclude_attestation")
        if self.problems:
            return Halted(self.problems.pop(0), ["dlv-halted"])
        return Attested(f"hash-{concluding.attestation.revision}", [])


class FakeWebhookActivities(WebhookActivities):
    def __init__(self) -> None:
        self.posted: list[str] = []
        self.failures = 0
        self.abandoned: list[str] = []

    @activity.defn
    async def post_delivery(self, delivery: Delivery) -> DeliveryStatus:
        self.posted.append(delivery.id)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the receiver answered 500")
        return DeliveryStatus.SUCCESS

    @activity.defn
    async def abandon_delivery(self, delivery: Delivery) -> DeliveryStatus:
        self.abandoned.append(delivery.id)
        return DeliveryStatus.FAILED


def steps_of(stand_in: object, *kinds: type) -> list[Callable[..., Any]]:
    """Every step that these kinds declare, as the stand-in takes it."""
    names = {name for kind in kinds for name in getattr(kind, "__abstractmethods__", ())}
    return [getattr(stand_in, name) for name in sorted(names)]
