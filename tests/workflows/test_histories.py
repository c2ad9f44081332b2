"""Workflow code is for ever: whatever was recorded under any version replays under this one."""

from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from worker.sandbox import strict_sandbox
from workflows.attestations import AttestationWorkflow
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow
from workflows.webhooks import WebhookWorkflow

HISTORIES = sorted((Path(__file__).parent / "histories").rglob("*.json"))
LIVES = [AttestationWorkflow, OutageWorkflow, PaymentWorkflow, WebhookWorkflow]


def test_every_kind_of_life_was_recorded() -> None:
    names = {path.stem.split("-")[0] for path in HISTORIES}
    assert {"outage", "payment", "webhook"} <= names
    outages = {path.stem for path in HISTORIES if path.stem.startswith("outage-")}
    kinds = ["met", "breached", "rejudged", "rejected", "expired", "cancelled", "amended"]
    assert {f"outage-{kind}" for kind in kinds} <= outages


def recorded(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_a_recorded_life_replays(path: Path) -> None:
    history = recorded(path)
    await Replayer(workflows=LIVES, workflow_runner=strict_sandbox()).replay_workflow(history)
