"""How the workflow of an outage is started, whoever does it: the API, a source of alerts, or an import."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import Priority, WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.service import RPCError

from domain.settlement.starts.declarations import JudgedDeclaration
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
    begun = JudgedDeclaration.of(declaration)
    start = WithStartWorkflowOperation(OutageWorkflow.run, begun, **_describe_start(begun))
    recorded: RecordOutageResult = await client.execute_update_with_start_workflow(
        DECLARED,
        declaration.fingerprint,
        start_workflow_operation=start,
        # Of the content: what differs is another question, whoever asks it and under which ids.
        id=declaration.fingerprint,
        rpc_timeout=ANSWER_WITHIN,
    )
    return recorded


async def start_workflows(client: Client, starts: Sequence[JudgedDeclaration]) -> None:
    """Start the workflows of outages that are on record; those that do not start are left to the relay."""
    left = iter(starts)

    async def work() -> None:
        for each in left:
            try:
                await _start_recorded(client, each)
            except RPCError as error:
                log.warning("outage %s is started by the relay later: %s", each.outage.id, error)

    async with asyncio.TaskGroup() as group:
        for _ in range(STARTED_AT_ONCE):
            group.create_task(work())


async def start_declared(
    client: Client, declaration: Declaration, recorded: RecordOutageResult
) -> None:
    """Start the workflow of an outage that its caller has put on record just now, unless it runs."""
    begun = JudgedDeclaration.of(replace(declaration, recorded=recorded))
    await client.start_workflow(
        OutageWorkflow.run,
        begun,
        **_describe_start(begun),
        rpc_timeout=ANSWER_WITHIN,
    )


async def _start_recorded(client: Client, start: JudgedDeclaration) -> None:
    """Start the workflow of an outage that is on record, unless it runs: one of many, which nobody waits for."""
    await client.start_workflow(
        OutageWorkflow.run,
        start,
        **_describe_start(start),
        priority=IN_BULK,
        rpc_timeout=ANSWER_WITHIN,
    )


def _describe_start(declaration: JudgedDeclaration) -> dict[str, Any]:
    outage = declaration.outage
    return {
        "id": f"outage/{outage.id}",
        "task_queue": "outages",
        "id_conflict_policy": WorkflowIDConflictPolicy.USE_EXISTING,
        # Whatever workflow ended under this id before has recorded nothing.
        "id_reuse_policy": WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        "search_attributes": make_search_attributes(declaration, declaration.judged),
        "static_summary": f"{outage.severity} outage at {outage.site_name}"[:200],
    }
