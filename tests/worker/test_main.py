"""Each queue's worker serves every activity that its workflows may run: one that nobody serves hangs its caller."""

import importlib
import pkgutil
from types import SimpleNamespace
from typing import Any, cast

import workflows
from activities.settlement.batches import BatchActivitiesImpl
from activities.settlement.payments import PaymentActivitiesImpl
from activities.settlement.wallets import WalletActivitiesImpl
from activities.sla.attestations import AttestationActivitiesImpl
from domain.sla.execution_modes import ExecutionMode
from worker.queues import QueueSpec, _build_outages_spec, _build_settlement_spec
from workflows.attestations import AttestationActivities
from workflows.batches import BatchActivities
from workflows.disputes import DisputeActivities
from workflows.outages import OutageActivities
from workflows.payments import PaymentActivities
from workflows.wallets import WalletActivities
from workflows.webhooks import FirstAttemptActivities

# Nothing is asked of it: only what is served is looked at.
NOTHING = cast(Any, SimpleNamespace(passphrase=""))


def served(build_queue_spec: QueueSpec) -> set[str]:
    return {step.__name__ for step in build_queue_spec.activities}


def declared(*kinds: type) -> set[str]:
    return {name for kind in kinds for name in getattr(kind, "__abstractmethods__", ())}


def test_every_activity_of_settlement_is_served() -> None:
    build_queue_spec = _build_settlement_spec(
        PaymentActivitiesImpl(NOTHING, NOTHING),
        BatchActivitiesImpl(NOTHING, NOTHING, NOTHING),
        AttestationActivitiesImpl(NOTHING, None),
        WalletActivitiesImpl(NOTHING, NOTHING, None),
    )
    assert served(build_queue_spec) == declared(
        PaymentActivities, BatchActivities, AttestationActivities, WalletActivities
    )


def test_every_activity_of_an_outage_is_served() -> None:
    settings = SimpleNamespace(
        contract_execution_mode=ExecutionMode.LOCAL,
        stellar_network="sandbox",
        get_passphrase=lambda: "a network",
    )
    build_queue_spec = _build_outages_spec(cast(Any, settings), *[NOTHING] * 4)
    assert served(build_queue_spec) == declared(
        OutageActivities, DisputeActivities, FirstAttemptActivities
    )


def test_no_module_of_workflows_keeps_anything_between_runs() -> None:
    """They run without a sandbox, so that a module is loaded once for all of them."""
    found = [
        f"{module.name}.{name}"
        for module in pkgutil.walk_packages(workflows.__path__, "workflows.")
        for name, value in vars(importlib.import_module(module.name)).items()
        if not name.startswith("__") and isinstance(value, dict | list | set | bytearray)
    ]
    assert found == []
