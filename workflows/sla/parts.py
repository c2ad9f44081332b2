"""
The parts of an outage that falls under several agreements: each has a workflow of its own, which goes on from
the database. The workflow of the declared outage starts them and notifies them; the relay does it as well,
should that be lost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError

from domain.settlement.starts.declarations import JudgedDeclaration
from domain.sla.agreements.parts import OutagePart
from domain.sla.outages import Declaration, RecordOutageResult

with workflow.unsafe.imports_passed_through():
    from workflows.outage_states import OutageStateWorkflowBase
    from workflows.visibility.search_attributes import make_search_attributes


async def start_parts(
    run: Callable[[Any, JudgedDeclaration], Awaitable[Any]],
    declaration: Declaration,
    recorded: RecordOutageResult,
) -> None:
    """Start the workflow of each part; it outlives the one of the declared outage."""

    async def start(part: OutagePart) -> None:
        outage = replace(declaration.outage, id=part.id)
        subject = JudgedDeclaration(
            outage, declaration.request, part.policy, part.agreement, part.fingerprint
        )
        with suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                run,
                subject,
                id=f"outage/{part.id}",
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                search_attributes=make_search_attributes(subject),
                static_summary=f"outage {declaration.outage.id} under {part.agreement}",
            )

    await asyncio.gather(*map(start, recorded.parts))


async def signal_parts(recorded: RecordOutageResult | None) -> None:
    """Have the workflow of each part catch up with what has become of the declared outage."""

    async def signal(part: OutagePart) -> None:
        handle: Any = workflow.get_external_workflow_handle(f"outage/{part.id}")
        # One that does not run is started by the relay, and reads the same.
        with suppress(ApplicationError):
            await handle.signal(OutageStateWorkflowBase.catch_up)

    await asyncio.gather(*map(signal, recorded.parts if recorded else ()))
