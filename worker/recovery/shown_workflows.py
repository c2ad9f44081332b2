"""
What the workflow server shows of workflows: whether they run, and what they say of themselves.

Its list may lag behind by seconds; a workflow that is described is shown as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
)
from temporalio.service import RPCError, RPCStatusCode

from domain.reasons import WaitsFor
from workflows.visibility.search_attributes import ACKNOWLEDGED, WAITS_FOR

RPC_TIMEOUT = timedelta(seconds=10)
# So many are asked for by name in one question.
NAMES_MAX = 100


@dataclass(frozen=True, slots=True)
class ShownWorkflow:
    """
    Whether a workflow runs; that of an outage shows the version which it knows, and any one a word for what it
    waits for.
    """

    running: bool
    version: int | None
    waits_for: WaitsFor | None


class ShownWorkflows:
    def __init__(self, client: Client) -> None:
        self.client = client

    async def list_named(self, workflow_ids: Sequence[str]) -> dict[str, ShownWorkflow]:
        """Return what the server lists of these workflows; of several runs, the one that runs."""
        found = dict[str, ShownWorkflow]()
        for start in range(0, len(workflow_ids), NAMES_MAX):
            names = ", ".join(f"'{each}'" for each in workflow_ids[start : start + NAMES_MAX])
            query = f"WorkflowId IN ({names})"
            async for execution in self.client.list_workflows(query, rpc_timeout=RPC_TIMEOUT):
                shown = to_shown(execution)
                if shown.running or execution.id not in found:
                    found[execution.id] = shown
        return found

    async def list_ended(self, since: datetime) -> list[str]:
        """Return the ids of workflows that were terminated, cancelled or failed since an instant."""
        query = (
            "ExecutionStatus IN ('Terminated', 'Canceled', 'Failed', 'TimedOut') "
            f"AND CloseTime > '{since.isoformat()}'"
        )
        listed = self.client.list_workflows(query, rpc_timeout=RPC_TIMEOUT)
        return sorted({execution.id async for execution in listed})

    async def list_waiting(self, kind: str, waits_for: WaitsFor) -> list[str]:
        """Return the ids of workflows of a kind that run, and are shown to wait for something."""
        query = (
            f"WorkflowType = '{kind}' AND ExecutionStatus = 'Running' AND WaitsFor = '{waits_for}'"
        )
        listed = self.client.list_workflows(query, rpc_timeout=RPC_TIMEOUT)
        return [execution.id async for execution in listed]

    async def describe(self, workflow_id: str) -> WorkflowExecutionDescription | None:
        """Return the newest run of a workflow as it is; None when the server knows none."""
        try:
            return await self.client.get_workflow_handle(workflow_id).describe(
                rpc_timeout=RPC_TIMEOUT
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return None

    async def signal(self, workflow_id: str, signal: str) -> bool:
        """Signal a workflow; False when it does not run."""
        handle = self.client.get_workflow_handle(workflow_id)
        try:
            await handle.signal(signal, rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True


def to_shown(execution: WorkflowExecution) -> ShownWorkflow:
    """Return what is shown of a run, by the list or by its description."""
    word = execution.typed_search_attributes.get(WAITS_FOR)
    return ShownWorkflow(
        execution.status is WorkflowExecutionStatus.RUNNING,
        execution.typed_search_attributes.get(ACKNOWLEDGED),
        None if word is None else WaitsFor(word),
    )
