"""
Stand-ins for the steps of all lives but the outage's own: what was asked is remembered, answers
are lined up.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from temporalio import activity

from domain.adoptions import AdoptTransferInput
from domain.attempts import Attempt, Observation, Outcome, Preparation, Sighting
from domain.attestations import Attestation, Call, CallStatus, Concluding, Conclusion, Turn
from domain.batches import Batch, BatchPreparation, BatchSighting, Ejection, Gathering
from domain.envelopes import SendAnswer, SendStatus
from domain.errors import Conflict
from domain.inspections import Inspection, Order
from domain.payments import Parking, Payment, PaymentStatus, Receipt, Treasury
from domain.reconciliation import Comparison, Run
from domain.sla import PaymentType
from domain.wallets import Challenge, Proof, Readiness
from domain.webhooks import Delivery, DeliveryStatus
from tests.reasons import because
from workflows.attestations import AttestationSteps
from workflows.batches import BatchSteps
from workflows.inspections import InspectionSteps
from workflows.payments import PaymentSteps
from workflows.reconciliation import ReconciliationSteps
from workflows.wallets import WalletSteps
from workflows.webhooks import WebhookSteps

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


class FakePayments(Asked, PaymentSteps):
    """A chain that shows whatever the test has lined up; in the end every payment succeeds."""

    def __init__(self) -> None:
        super().__init__()
        self.obstacles: list[str] = []
        self.holds: list[Preparation] = []
        self.gathered = 0
        self.answers: list[SendAnswer] = []
        self.bids: list[str] = []
        self.observations: list[Observation] = []
        self.sent: list[str] = []
        self.adopted = ""
        # Signed and not known to be dead: a step that runs again answers the same bytes.
        self.stored: dict[str, Attempt] = {}

    @activity.defn
    async def prepare_payment(self, payment: Payment) -> Preparation:
        self._ask("prepare_payment")
        if self.adopted:
            amount = payment.amount_stroops
            return Preparation(
                None, receipt=Receipt(payment.id, self.adopted, 9, amount, DETECTED, [])
            )
        if self.obstacles:
            return Preparation(None, because(self.obstacles.pop(0)))
        if self.holds:
            return self.holds.pop(0)
        if self.gathered:
            self.gathered -= 1
            return Preparation(None, gathered=True)
        n = self.asked.count("prepare_payment")
        fresh = Attempt(payment.id, n, "GCHANNEL", 7, 100, f"hash-{n}", "xdr", False)
        return Preparation(self.stored.setdefault(payment.id, fresh))

    @activity.defn
    async def submit_payment(self, attempt: Attempt) -> SendAnswer:
        self._ask("submit_payment")
        self.sent.append(attempt.newest_hash)
        return self.answers.pop(0) if self.answers else SendAnswer(SendStatus.PENDING)

    @activity.defn
    async def observe_payment(self, attempt: Attempt) -> Observation:
        self._ask("observe_payment")
        if not self.observations:
            return Observation(Outcome.SUCCEEDED, 42, DETECTED)
        seen = self.observations.pop(0)
        if seen.outcome is not Outcome.OPEN:
            self.stored.pop(attempt.payment_id, None)
        return seen

    @activity.defn
    async def raise_fee(self, attempt: Attempt) -> Attempt:
        self._ask("raise_fee")
        return replace(attempt, envelope_hash=self.bids.pop(0)) if self.bids else attempt

    @activity.defn
    async def book_payment(self, sighting: Sighting) -> Receipt:
        self._ask("book_payment")
        amount = sighting.payment.amount_stroops
        return Receipt(sighting.payment.id, sighting.attempt.hash, 42, amount, DETECTED, [])

    @activity.defn
    async def adopt_transfer(self, adopting: AdoptTransferInput) -> None:
        self._ask(f"adopt_transfer {adopting.asked.transaction_hash}")
        self.adopted = adopting.asked.transaction_hash

    @activity.defn
    async def fail_attempt(self, sighting: Sighting) -> None:
        self._ask("fail_attempt")

    @activity.defn
    async def park_payment(self, parking: Parking) -> list[str]:
        step = "park_payment" if parking.status is PaymentStatus.PARKED else "hold_payment"
        self._ask(f"{step} {parking.reason}")
        return [f"dlv-parked-{parking.payment.id}"]

    @activity.defn
    async def quarantine_payment(self, sighting: Sighting) -> list[str]:
        self._ask("quarantine_payment")
        return []


class FakeBatches(FakePayments, BatchSteps):
    """The same chain, for payments that are settled together; `left` is prepared first."""

    def __init__(self) -> None:
        super().__init__()
        self.gatherings: list[list[Batch] | None] = []
        self.left: list[BatchPreparation] = []
        self.ejections: list[Ejection] = []
        self.settled: list[str] = []

    @activity.defn
    async def gather_batches(self, gathering: Gathering) -> list[Batch] | None:
        self._ask("gather_batches first" if gathering.first else "gather_batches")
        return self.gatherings.pop(0) if self.gatherings else None

    @activity.defn
    async def prepare_batch(self, batch: Batch) -> BatchPreparation:
        self._ask("prepare_batch")
        if self.left:
            return self.left.pop(0)
        n = self.asked.count("prepare_batch")
        return BatchPreparation(
            Attempt(batch.leader, batch.n, "GCHANNEL", 7, 100, f"hash-{n}", "xdr", False)
        )

    @activity.defn
    async def book_batch(self, sighting: BatchSighting) -> list[str]:
        self._ask("book_batch")
        return self.settled

    @activity.defn
    async def eject_batch(self, sighting: BatchSighting) -> Ejection:
        self._ask("eject_batch")
        return self.ejections.pop(0)

    @activity.defn
    async def quarantine_batch(self, sighting: BatchSighting) -> list[str]:
        self._ask("quarantine_batch")
        return []


class FakeReconciliation(ReconciliationSteps):
    """A node that may be down, and a book that always finds one break."""

    def __init__(self) -> None:
        self.down = False

    @activity.defn
    async def read_chain(self, run: Run) -> int:
        if self.down:
            raise RuntimeError("the node does not answer")
        return 42

    @activity.defn
    async def compare_books(self, run: Run) -> Comparison:
        return Comparison(42, 7, 70_000_000, 1, 1, [f"dlv-break-{run.at.isoformat()}"])


class FakeInspections(InspectionSteps):
    """A database that may be away, and a book of which one promise is broken anew each time."""

    def __init__(self) -> None:
        self.failures = 0

    @activity.defn
    async def inspect_book(self, order: Order) -> Inspection:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database does not answer")
        return Inspection(True, 1, 0, 1, [f"dlv-finding-{order.at.isoformat()}"])


class FakeWallets(WalletSteps):
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
    async def prove_wallet(self, proof: Proof) -> Readiness:
        if not proof.transaction_xdr:
            raise Conflict("nobody has signed this challenge")
        return self._ready(proof.address)

    @activity.defn
    async def fund_wallet(self, address: str) -> Readiness:
        return self._ready(address)


class FakeAttestations(Asked, AttestationSteps):
    """A contract that answers what the test has lined up; in the end it always agrees."""

    def __init__(self) -> None:
        super().__init__()
        self.in_the_way: list[Call] = []
        self.statuses: list[CallStatus] = []
        self.problems: list[str] = []
        self.answered: set[tuple[str, int]] = set()

    @activity.defn
    async def prepare_call(self, attestation: Attestation) -> Turn:
        name = (attestation.outage_id, attestation.revision)
        self._ask(f"prepare_call {attestation.revision}")
        if name in self.answered:
            return Turn(None)
        if self.in_the_way:
            return Turn(self.in_the_way.pop(0))
        return Turn(Call(*name, 1, "GOPERATOR", 7, 100, "hash", "xdr"), mine=True)

    @activity.defn
    async def carry_out_call(self, turn: Turn) -> CallStatus:
        assert turn.call is not None
        self._ask("carry_out_call" if turn.mine else "help")
        status = self.statuses.pop(0) if self.statuses else CallStatus.ANSWERED
        if turn.mine and status is CallStatus.ANSWERED:
            self.answered.add((turn.call.outage_id, turn.call.revision))
        return status

    @activity.defn
    async def conclude_attestation(self, concluding: Concluding) -> Conclusion:
        self._ask("conclude_attestation")
        if self.problems:
            return Conclusion(False, self.problems.pop(0), "", ["dlv-halted"])
        return Conclusion(True, "", f"hash-{concluding.attestation.revision}", [])


class FakeWebhooks(WebhookSteps):
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
