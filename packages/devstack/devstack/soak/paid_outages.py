"""
Outages that only owe: each has its payment made by the code that does it for a real one, which begins with an activity
and starts a workflow where the payment has to wait.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio import workflow
from temporalio.client import Client, WorkflowHandle

from activities.sla.outages import OutageActivitiesImpl
from adapters.postgres.database import Database
from domain.requests import Request
from domain.settlement.payments import Payment, Receipt
from domain.sla.outages import Declaration, Outage
from domain.sla.verdicts import Severity
from worker.main import build
from worker.queues import QueueSpec
from workflows.sla.settling import SettlingWorkflowBase

QUEUE = "paid-outages"


@workflow.defn
class PaidOutageWorkflow(SettlingWorkflowBase):
    @workflow.init
    def __init__(self, payment: Payment) -> None:
        outage = Outage(payment.outage_id, "Mast", Severity.CRITICAL, workflow.now())
        request = Request("engine", payment.correlation_id)
        super().__init__(Declaration(outage, request, "standard", "default"))
        self.subject = None

    @workflow.run
    async def run(self, payment: Payment) -> Receipt | None:
        return await self.await_payment(payment)


@asynccontextmanager
async def serve_outages(client: Client, database: Database) -> AsyncIterator[None]:
    """Run the workflows of these outages in this process until the block ends."""
    steps = OutageActivitiesImpl(database, "sandbox")
    async with build(client, QUEUE, QueueSpec([PaidOutageWorkflow], [steps.find_receipt])):
        yield


async def begin_payment(client: Client, payment: Payment) -> WorkflowHandle[Any, Receipt | None]:
    return await client.start_workflow(
        PaidOutageWorkflow.run, payment, id=f"paid/{payment.outage_id}", task_queue=QUEUE
    )
