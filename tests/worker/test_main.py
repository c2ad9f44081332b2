"""Each queue's worker serves every step that its lives may ask for: one that nobody serves hangs its caller."""

from types import SimpleNamespace
from typing import Any, cast

from activities.attestations import AttestationActivities
from activities.batches import BatchActivities
from activities.payments import PaymentActivities
from activities.wallets import WalletActivities
from domain.execution_modes import ExecutionMode
from worker.main import Duty, _records, _settlements
from workflows.attestations import AttestationSteps
from workflows.batches import BatchSteps
from workflows.disputes import DisputeSteps
from workflows.outages import OutageSteps
from workflows.payments import PaymentSteps
from workflows.wallets import WalletSteps

# Nothing is asked of it: only what is served is looked at.
NOTHING = cast(Any, SimpleNamespace())


def served(duty: Duty) -> set[str]:
    return {step.__name__ for step in duty.activities}


def declared(*kinds: type) -> set[str]:
    return {name for kind in kinds for name in getattr(kind, "__abstractmethods__", ())}


def test_every_step_of_settlement_is_served() -> None:
    duty = _settlements(
        PaymentActivities(NOTHING, NOTHING),
        BatchActivities(NOTHING, NOTHING, NOTHING),
        AttestationActivities(NOTHING, None),
        WalletActivities(NOTHING, NOTHING, None),
    )
    assert served(duty) == declared(PaymentSteps, BatchSteps, AttestationSteps, WalletSteps)


def test_every_step_of_an_outage_is_served() -> None:
    settings = SimpleNamespace(
        contract_execution_mode=ExecutionMode.LOCAL, stellar_network="sandbox"
    )
    duty = _records(cast(Any, settings), NOTHING)
    assert served(duty) == declared(OutageSteps, DisputeSteps)
