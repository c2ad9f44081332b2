"""Scenes of the workflows that work at intervals and never end."""

from functools import partial
from typing import Any

from tests.workflows.conftest import until
from tests.workflows.fakes.time_skipping_server import Handle, Kept, Stage, keeps
from workflows.analytics.snapshots import SnapshotWorkflow
from workflows.integrity_checks import IntegrityCheckWorkflow
from workflows.reconciliation import ReconciliationWorkflow

# Some thirty years, in seconds: other scenes skip as long as years.
DECADES = 1_000_000_000


async def read_details(handle: Handle) -> str:
    """Return the sentence that the Web UI shows."""
    described: Any = await handle.query("__temporal_workflow_metadata")
    return str(described.current_details)


async def work_twice(stage: Stage, run: Any, name: str) -> Handle:
    """Begin what works at intervals of decades, set another interval, and have it work now."""
    with stage.environment.with_time_skipping_disabled():
        handle = await stage.begin(run, DECADES, name, queue="analytics")
        for seconds in (DECADES, 2 * DECADES):
            await handle.signal("set_interval", seconds)
            await handle.signal("run_now")
            done = f"every {seconds} seconds; last done at"
            await until(partial(read_details, handle), lambda said, done=done: done in said)
    return handle


@keeps("reconciliation-break-found", "reconciliation-node-down")
async def reconcile(stage: Stage) -> Kept:
    """Reconciliation finds a break, and once no node answers."""
    kept: Kept = {}
    for name, down in (("break-found", False), ("node-down", True)):
        stage.activities.reconciliation.down = down
        name = f"reconciliation-{name}"
        kept[name] = await work_twice(stage, ReconciliationWorkflow.run, name)
    return kept


@keeps("integrity-check-violation", "integrity-check-retried")
async def check_integrity(stage: Stage) -> Kept:
    """The journal is checked, and once more after the database was down."""
    kept: Kept = {}
    for name, failures in (("violation", 0), ("retried", 1)):
        stage.activities.integrity_checks.failures = failures
        name = f"integrity-check-{name}"
        kept[name] = await work_twice(stage, IntegrityCheckWorkflow.run, name)
    return kept


@keeps("snapshot", "snapshot-retried")
async def take_snapshots(stage: Stage) -> Kept:
    """A snapshot is taken, and once more after the database was down."""
    kept: Kept = {}
    for name, failures in (("snapshot", 0), ("snapshot-retried", 1)):
        stage.activities.snapshots.failures = failures
        kept[name] = await work_twice(stage, SnapshotWorkflow.run, name)
    return kept


SCENES = [reconcile, check_integrity, take_snapshots]
