"""How the workflow of an outage is started, whoever does it: the API, a source of alerts, or an import."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from domain.settlement.payments import JudgeOutageResult
from domain.sla.outages import Declaration, RecordOutageResult
from workflows.outages import OutageWorkflow
from workflows.visibility.search_attributes import make_search_attributes

log = logging.getLogger(__name__)
ANSWER_WITHIN = timedelta(seconds=10)
# Of an import; more of them only wait for the server.
STARTED_AT_ONCE = 64
# After whatever somebody waits for.
IN_BULK = Priority(priority_key=5)
# The SDK's types know asynchronous updates of a handle only, not of a start.
DECLARED: Any = OutageWorkflow.await_recorded


async def declare_outage(client: Client, declaration: Declaration) -> RecordOutageResult:
    """Start the workflow of an outage, unless it runs, and wait until the outage is on record."""
    start = WithStartWorkflowOperation(
        OutageWorkflow.run, declaration, **_describe_start(declaration)
    )
    recorded: RecordOutageResult = await client.execute_update_with_start_workflow(
        DECLARED,
        declaration.fingerprint,
        start_workflow_operation=start,
        # Of the content: what differs is another question, whoever asks it and under which ids.
        id=declaration.fingerprint,
        rpc_timeout=ANSWER_WITHIN,
    )
    return recorded


@dataclass(frozen=True, slots=True)
class OutageStart:
    """What the workflow of a recorded outage begins with; `judged` where it was judged as it was recorded."""

    declaration: Declaration
    judged: JudgeOutageResult | None = None


async def start_workflows(client: Client, starts: Sequence[OutageStart]) -> None:
    """Start the workflows of outages that are on record; those that do not start are left to the relay."""
    left = iter(starts)

    async def work() -> None:
        for each in left:
            try:
                await _start_recorded(client, each)
            except RPCError as error:
                outage_id = each.declaration.outage.id
                log.warning("outage %s is started by the relay later: %s", outage_id, error)

    async with asyncio.TaskGroup() as group:
        for _ in range(STARTED_AT_ONCE):
            group.create_task(work())


async def start_declared(
    client: Client, declaration: Declaration, recorded: RecordOutageResult
) -> None:
    """Start the workflow of an outage that its caller has put on record just now, unless it runs."""
    await client.start_workflow(
        OutageWorkflow.run,
        replace(declaration, recorded=recorded),
        **_describe_start(declaration),
        rpc_timeout=ANSWER_WITHIN,
    )


async def _start_recorded(client: Client, start: OutageStart) -> None:
    """Start the workflow of an outage that is on record, unless it runs: one of many, which nobody waits for."""
    known: list[Any] = [start.declaration]
    if start.judged is not None:
        known.append(start.judged)
    await client.start_workflow(
        OutageWorkflow.run,
        args=known,
        **_describe_start(start.declaration, start.judged),
        priority=IN_BULK,
        rpc_timeout=ANSWER_WITHIN,
    )


def _describe_start(
    declaration: Declaration, judged: JudgeOutageResult | None = None
) -> dict[str, Any]:
    outage = declaration.outage
    return {
        "id": f"outage/{outage.id}",
        "task_queue": "outages",
        "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
        # Whatever workflow ended under this id before has recorded nothing.
        "id_reuse_policy": WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        "search_attributes": make_search_attributes(declaration, judged),
        "static_summary": f"{outage.severity} outage at {outage.site_name}"[:200],
    }
