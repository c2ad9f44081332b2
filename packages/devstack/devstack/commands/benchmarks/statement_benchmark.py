"""`apexchainx bench statements`: which SQL statements one outage costs, by request and activity."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from devstack.bench.lifecycle.statements import (
    BACKGROUND,
    PROCESSES,
    StepCost,
    add_up,
    count_by_step,
    log_statements,
    read_statements,
    read_steps,
)
from devstack.bench.lifecycle.workloads import PATIENCE_SECONDS, RealWorkload
from devstack.bench.webhook_receiver import open_receiver
from devstack.commands.stacks import Found, find_engine
from devstack.replay.api_client import EngineClient

# Before it counts: connections are opened, statements prepared.
WARM_UP = 3
SHOWN_CHARACTERS = 110


async def run_measurement(
    data_dir: Path, window: int, outages: int, *, quiet: bool
) -> dict[str, Any]:
    """Play outages one after the other on an engine that does nothing else."""
    async with (
        find_engine(None, None, data_dir) as found,
        EngineClient(found.url, found.api_key, PATIENCE_SECONDS) as caller,
    ):
        costs = await found.during(_measured(found, caller, window, outages))
    if not quiet:
        _show(costs, outages)
    statements, transactions = add_up(costs, outages)
    return {
        "outages": outages,
        "statements": statements,
        "transactions": transactions,
        "steps": [_summarize(each, outages) for each in costs],
    }


async def _measured(
    found: Found, caller: EngineClient, window: int, outages: int
) -> list[StepCost]:
    record, directory = found.record, found.directory
    assert record is not None, "engines are looked for in a directory only"
    assert directory is not None, "as is the log of its database"
    policy = f"statements-{window}s"
    await caller.publish_policy(policy, window)
    async with open_receiver(caller, PATIENCE_SECONDS) as receiver:
        workload = RealWorkload(caller, receiver, policy)
        for _ in range(WARM_UP):
            await workload.live()
        async with log_statements(record.owner_url):
            began = datetime.now(UTC)
            for _ in range(outages):
                await workload.live()
    statements = read_statements((directory.logs / "postgres.log").read_text(errors="replace"))
    steps = [step for process in PROCESSES for step in read_steps(directory.logs, process)]
    return count_by_step(statements, steps, began)


def _summarize(cost: StepCost, outages: int) -> dict[str, Any]:
    return {
        "process": cost.process,
        "step": cost.name,
        "statements": round(cost.statements.total() / outages, 2),
        "transactions": round(cost.transactions / outages, 2),
    }


def _show(costs: Sequence[StepCost], outages: int) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for cost in costs:
        said = _summarize(cost, outages)
        console.print(
            f"{cost.process}: {cost.name}: {said['statements']:g} statements, {said['transactions']:g} transactions",
            markup=False,
        )
        if cost.name != BACKGROUND:
            for text, times in cost.statements.items():
                shown = text[:SHOWN_CHARACTERS]
                console.print(f"    {times / outages:5.2f}  {shown}", markup=False)
    statements, transactions = add_up(costs, outages)
    console.print(f"each outage: {statements} statements in {transactions:g} transactions")
