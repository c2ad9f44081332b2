"""
Fakes of the activities of every workflow but the outage's own and the settling ones: what was asked is
remembered, answers are lined up.
"""

from collections.abc import Callable
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from domain.accounting.integrity_checks import CheckIntegrityInput, CheckIntegrityResult
from domain.accounting.reconciliation import Comparison, ReconciliationRun
from domain.analytics.snapshots import TakeSnapshotInput, TakeSnapshotResult
from domain.deliveries import Delivery, DeliveryStatus, TriedDeliveries, compute_pause
from domain.errors import Conflict
from domain.settlement.owners.registrations import ChallengeWalletInput
from domain.settlement.owners.wallets import Challenge, Readiness, SignedChallenge
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
from tests.workflows.fakes.fake_payment_activities import DETECTED, ActivityLog
from workflows.analytics.snapshots import SnapshotActivities
from workflows.attestations import AttestationActivities
from workflows.integrity_checks import IntegrityCheckActivities
from workflows.reconciliation import ReconciliationActivities
from workflows.wallets import WalletActivities
from workflows.webhooks import DeliveryActivities, FirstAttemptActivities, WebhookActivities


class FakeReconciliationActivities(ReconciliationActivities):
    """A node that may be down, and a journal with always one break."""

    def __init__(self) -> None:
        self.down = False

    @activity.defn
    async def read_chain(self, run: ReconciliationRun) -> int:
        if self.down:
            raise RuntimeError("the node does not answer")
        return 42

    @activity.defn
    async def compare_journal(self, run: ReconciliationRun) -> Comparison:
        return Comparison(42, 7, 70_000_000, 1, 1)


class FakeIntegrityCheckActivities(IntegrityCheckActivities):
    """A database that may be away, and a journal of which one invariant is violated each time."""

    def __init__(self) -> None:
        self.failures = 0

    @activity.defn
    async def check_integrity(self, order: CheckIntegrityInput) -> CheckIntegrityResult:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database does not answer")
        return CheckIntegrityResult(True, 1, 0, 1)


class FakeSnapshotActivities(SnapshotActivities):
    """A database that may be away, and that keeps each snapshot otherwise."""

    def __init__(self) -> None:
        self.failures = 0

    @activity.defn
    async def take_snapshot(self, order: TakeSnapshotInput) -> TakeSnapshotResult:
        if self.failures:
            self.failures -= 1
            raise RuntimeError("the database does not answer")
        return TakeSnapshotResult("job_1")


class FakeWalletActivities(WalletActivities):
    """A network on which every account is ready; a proof by nobody is refused."""

    def _ready(self, address: str) -> Readiness:
        return Readiness(address, True, True, True, 10_000_000, 42, DETECTED)

    @activity.defn
    async def read_wallet(self, address: str) -> Readiness:
        return self._ready(address)

    @activity.defn
    async def challenge_wallet(self, wanted: ChallengeWalletInput) -> Challenge:
        return Challenge(wanted.address, "xdr", "hash", "a network", DETECTED)

    @activity.defn
    async def prove_wallet(self, proof: SignedChallenge) -> Readiness:
        if not proof.transaction_xdr:
            raise Conflict("nobody has signed this challenge")
        return self._ready(proof.address)

    @activity.defn
    async def fund_wallet(self, address: str) -> Readiness:
        return self._ready(address)


class FakeAttestationActivities(ActivityLog, AttestationActivities):
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
            return Halted(self.problems.pop(0))
        return Attested(f"hash-{concluding.attestation.revision}")


class FakeWebhookActivities(WebhookActivities, DeliveryActivities, FirstAttemptActivities):
    def __init__(self) -> None:
        self.posted: list[str] = []
        self.failures = 0
        self.abandoned: list[str] = []
        # What the outages that asked were told, one after the other; then that nobody subscribes.
        self.tried: list[TriedDeliveries] = []
        # What those were told first that had somebody who answers slowly.
        self.slow: list[TriedDeliveries] = []
        self.asked: list[str] = []
        # Those that waited in the queue of whoever delivers.
        self.waited: list[str] = []

    @activity.defn
    async def await_first_attempts(self, outage_id: str) -> TriedDeliveries:
        self.asked.append(outage_id)
        return self.slow.pop(0) if self.slow else self._say_tried()

    @activity.defn
    async def try_deliveries(self, outage_id: str) -> TriedDeliveries:
        self.waited.append(outage_id)
        return self._say_tried()

    def _say_tried(self) -> TriedDeliveries:
        return self.tried.pop(0) if self.tried else TriedDeliveries(0, 0)

    @activity.defn
    async def post_delivery(self, delivery: Delivery) -> DeliveryStatus:
        self.posted.append(delivery.id)
        if self.failures:
            self.failures -= 1
            pause = compute_pause(self.posted.count(delivery.id), None, DETECTED, 0)
            raise ApplicationError(
                "the receiver answered 500", non_retryable=pause is None, next_retry_delay=pause
            )
        return DeliveryStatus.SUCCESS

    @activity.defn
    async def abandon_delivery(self, delivery: Delivery) -> DeliveryStatus:
        self.abandoned.append(delivery.id)
        return DeliveryStatus.FAILED


def activities_of(fake: object, *kinds: type) -> list[Callable[..., Any]]:
    """Return every activity that these kinds declare, as the fake runs it."""
    names = {name for kind in kinds for name in getattr(kind, "__abstractmethods__", ())}
    return [getattr(fake, name) for name in sorted(names)]
