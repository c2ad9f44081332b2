"""Workflows that somebody ends in the Web UI, or has the server forget, go on from the database."""

import asyncio
import sys
from functools import partial
from pathlib import Path

import httpx
from sqlalchemy import select
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client

from adapters.postgres.accounting import invariants
from adapters.postgres.database import Database
from adapters.postgres.tables import audit_entries, deliveries
from tests.testkit.api_client import (
    BRIEF,
    TERMS,
    declare_outage,
    resolve_patiently,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.stacks import Stacks
from tests.testkit.tiers.repetitions import count_rounds
from tests.testkit.truth import open_api, read_payment
from tests.testkit.webhook_receiver import WebhookReceiver

STARTED_WITHIN_SECONDS = 60
ENDS = ("terminate", "reset", "cancel")


async def test_what_somebody_ends_goes_on(stacks: Stacks, tmp_path: Path) -> None:
    """On one stack: a delivery, outages and payments."""
    async with (
        stacks.start(tmp_path / "data") as stack,
        WebhookReceiver([503]) as subscriber,
        open_api(stack) as api,
    ):
        client = await Client.connect(stack.environment["TEMPORAL_ADDRESS"])
        database = Database(stack.environment["DATABASE_URL"], connections_max=4)
        for name, window in (("at-once", 0), (BRIEF, 3)):
            policy = {"name": name, "dispute_window_seconds": window, "terms": TERMS}
            assert (await api.post("/sla/policies", json=policy)).status_code == 201
        await lose_delivery(api, database, client, subscriber)
        for _ in count_rounds("ended"):
            await end_outages(api, database, client)
            await end_payments(api, database, client)
        await wait_until(partial(is_called, subscriber, 2), "it is delivered", 60)
        async with database.autocommit() as connection:
            assert await invariants.check(connection) == []
        await database.close()


async def is_called(subscriber: WebhookReceiver, times: int) -> bool:
    """Whether the first delivery was tried so often."""
    tried = [each.headers["webhook-id"] for each in subscriber.received]
    return bool(tried) and tried.count(tried[0]) >= times


async def lose_delivery(
    api: httpx.AsyncClient, database: Database, client: Client, subscriber: WebhookReceiver
) -> None:
    """Call an outage off, and have the server forget the delivery that says so, which was tried once."""
    wanted = {"url": subscriber.url, "events": ["outage.cancelled"]}
    assert (await api.post("/webhooks", json=wanted)).status_code == 201
    outage_id = await declare_outage(api)
    called_off = await api.post(f"/outages/{outage_id}/cancel", json={"reason": "a false alarm"})
    assert called_off.status_code == 202, called_off.text
    await wait_until(partial(is_called, subscriber, 1), "the subscriber is called")

    async def find_left() -> str | None:
        """The delivery, once its workflow has it."""
        async with database.autocommit() as connection:
            left = select(deliveries.c.id).where(
                deliveries.c.attempts > 0, deliveries.c.due_at.is_(None)
            )
            return await connection.scalar(left)

    delivery_id = await wait_until(find_left, "a workflow has the delivery")
    forgotten = WorkflowExecution(workflow_id=f"webhook/{delivery_id}")
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=forgotten)
    )


async def end_outages(api: httpx.AsyncClient, database: Database, client: Client) -> None:
    declared = {end: await declare_outage(api) for end in ENDS}
    judged = {end: await declare_outage(api, policy=BRIEF) for end in ENDS}
    for end in ENDS:
        await resolve_patiently(api, judged[end])
        for outage_id in (declared[end], judged[end]):
            await end_workflow(client, f"outage/{outage_id}", end)
    for outage_id in judged.values():
        await wait_for_lifecycle(api, outage_id, "closed", STARTED_WITHIN_SECONDS)
    await wait_for_lifecycle(api, declared.pop("cancel"), "cancelled")

    async def resolves(outage_id: str) -> bool:
        answer = await api.post(f"/outages/{outage_id}/resolve", json={"mttr_minutes": 25})
        assert answer.status_code in (200, 503), answer.text
        return answer.status_code == 200

    for outage_id in declared.values():
        again = partial(resolves, outage_id)
        await wait_until(again, "the outage can be resolved again", STARTED_WITHIN_SECONDS)
    assert await count_restarts(database, f"outage/{declared['terminate']}") == 1


async def end_payments(api: httpx.AsyncClient, database: Database, client: Client) -> None:
    reason = {"action": "open", "reason": "a test"}
    assert (await api.post("/payments/circuit-breaker", json=reason)).status_code == 200
    outage_ids = [await declare_outage(api, policy="at-once") for _ in ENDS]

    async def is_on_hold(outage_id: str) -> bool:
        found = await read_payment(database, outage_id)
        return found is not None and found[1] == "on_hold"

    for outage_id, end in zip(outage_ids, ENDS, strict=True):
        await resolve_patiently(api, outage_id)
        await wait_until(partial(is_on_hold, outage_id), "the payment is on hold")
        await end_workflow(client, f"payment/{outage_id}/1", end)
    reason["action"] = "close"
    assert (await api.post("/payments/circuit-breaker", json=reason)).status_code == 200
    for outage_id in outage_ids:
        await wait_for_lifecycle(api, outage_id, "closed", 2 * STARTED_WITHIN_SECONDS)


async def end_workflow(client: Client, workflow_id: str, end: str) -> None:
    handle = client.get_workflow_handle(workflow_id)
    if end == "terminate":
        await handle.terminate("by an operator")
    elif end == "cancel":
        await handle.cancel()
    else:
        command = [
            *("workflow", "reset", "--workflow-id", workflow_id, "--type", "FirstWorkflowTask"),
            *("--reason", "by an operator", "--address", client.service_client.config.target_host),
        ]
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("temporal")),
            *command,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await process.communicate()
        assert process.returncode == 0, said.decode()


async def count_restarts(database: Database, subject: str) -> int:
    async with database.autocommit() as connection:
        rows = await connection.execute(
            select(audit_entries.c.id).where(
                audit_entries.c.subject == subject, audit_entries.c.action == "workflow.restarted"
            )
        )
        return len(rows.all())
