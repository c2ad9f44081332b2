"""`apexchainx channels release` for a channel that serves a batch: all who ride in it are released."""

from collections.abc import AsyncIterator

import httpx
import pytest
from temporalio.client import Client

from activities.settlement.batches import BatchActivitiesImpl
from adapters.postgres.database import Database
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.settlement.attempts import Attempt, AttemptOutcome, Observation
from domain.settlement.batches import Batch, EmptyBatch, ObservedBatch
from domain.settlement.payments import Payment
from tests.cli.test_channels import close_circuit_breaker, released
from tests.testkit.settlement.batch_factory import (
    CLASSIC,
    NETTED,
    count_credits,
    form_batch,
    read_statuses,
    run_until_accepted,
    submit_batch,
)
from tests.testkit.settlement.expired_envelopes import close_ledgers, keep_ledgers_open
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_attempt
from workflows.batches import BatchWorkflow
from workflows.payments import PaymentWorkflow


@pytest.fixture(autouse=True)
async def _circuit_breaker(api: httpx.AsyncClient) -> AsyncIterator[None]:
    """A quarantine stops all new payments until somebody has looked; the next test is another day."""
    yield
    await close_circuit_breaker(api)


async def quarantined(steps: BatchActivitiesImpl, batch: Batch, *, sent: bool) -> Attempt:
    """A batch whose channel somebody believes to be used by unknown bytes."""
    attempt: Attempt | None = get_attempt(await run_until_accepted(steps.prepare_batch, batch))
    if sent:
        await steps.submit_payment(attempt)
        assert (await steps.observe_payment(attempt)).outcome is AttemptOutcome.SUCCEEDED
    foreign = Observation(AttemptOutcome.FOREIGN, reason="consumed by bytes we do not know")
    await steps.quarantine_batch(ObservedBatch(batch, attempt, foreign, NOW))
    return attempt


async def await_waiting(temporal: Client, batch: Batch, *owed: Payment) -> list[str]:
    """Start the workflows that an operator's release has to signal; no worker runs them here."""
    names = [payment.workflow_id for payment in owed]
    for payment, name in zip(owed, names, strict=True):
        await temporal.start_workflow(PaymentWorkflow.run, payment, id=name, task_queue="nobody")
    name = f"batch/{batch.id}"
    await temporal.start_workflow(BatchWorkflow.run, batch, id=name, task_queue="nobody")
    return [name, *names]


async def list_retried(temporal: Client, names: list[str]) -> list[str]:
    """Return which of these workflows got the signal; all of them are terminated."""
    notified = []
    for name in names:
        handle = temporal.get_workflow_handle(name)
        heard = [
            event.workflow_execution_signaled_event_attributes.signal_name
            async for event in handle.fetch_history_events()
            if event.HasField("workflow_execution_signaled_event_attributes")
        ]
        if "retry" in heard:
            notified.append(name)
        await handle.terminate()
    return notified


async def test_a_batch_is_released_whole_and_only_when_its_money_cannot_move(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail, temporal: Client
) -> None:
    """The circuit breaker kept the bytes from being sent, so that nobody is even submitted."""
    owed = [await owe_payment(database, "RELEASE", minutes) for minutes in (25, 30, 5)]
    steps, batch = await form_batch(database, rail, NETTED, *owed)
    reason = "consumed by bytes we do not know"
    async with keep_ledgers_open(stack):
        attempt = await quarantined(steps, batch, sent=False)
        assert await read_statuses(database, *owed) == [("quarantined", reason)] * 3
        code, said = await released(stack, attempt)
    assert code != 0
    assert f"the money may still move until ledger {attempt.max_ledger}" in said
    assert await read_statuses(database, *owed) == [("quarantined", reason)] * 3

    await close_ledgers(rail, attempt.max_ledger)
    names = await await_waiting(temporal, batch, *owed)
    code, said = await released(stack, attempt)
    assert code == 0, said
    assert "its signed bytes can never land" in said
    code, said = await released(stack, attempt)
    assert (code, [name for name in names if f"signalled {name} to go on" in said]) == (0, names), (
        said
    )
    assert await list_retried(temporal, names) == names
    assert [status for status, _ in await read_statuses(database, *owed)] == ["pending"] * 3
    assert (await steps.prepare_batch(batch)).state == EmptyBatch()

    await close_circuit_breaker(api)
    steps, again = await form_batch(database, rail, CLASSIC, *owed)
    await steps.confirm_batch(await submit_batch(steps, again))
    assert await read_statuses(database, *owed) == [("confirmed", None)] * 3
    assert await count_credits(stack, *owed) == [1, 1, 1]


async def test_remaining_members_are_signalled_through_the_batch_that_failed(
    api: httpx.AsyncClient, stack: Stack, database: Database, rail: Rail, temporal: Client
) -> None:
    """Remaining members belong to the workflow of the batch that failed: it has to learn that they are paid."""
    payee = stack.environment["STELLAR_BENEFICIARY_ADDRESS"]
    penalty, reward = [await owe_payment(database, "LEFT", minutes) for minutes in (25, 5)]
    steps, batch = await form_batch(database, rail, CLASSIC, penalty, reward)
    await run_until_accepted(steps.prepare_batch, batch)
    url = stack.environment["STELLAR_RPC_URL"]
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=10) as chain:
        fault = {"kind": "removed_trustline", "address": payee}
        (await chain.post("/faults", json={"faults": [fault]})).raise_for_status()
        ejection = await steps.fail_batch(await submit_batch(steps, batch))
        (await chain.post("/faults", json={"faults": []})).raise_for_status()
    assert ejection.again is not None
    attempt = await quarantined(steps, ejection.again, sent=True)
    names = await await_waiting(temporal, batch, reward)
    code, said = await released(stack, attempt)
    assert code != 0
    assert "the money moved, in transaction" in said
    assert await list_retried(temporal, names) == names

    seen = await steps.observe_payment(attempt)
    await steps.confirm_batch(ObservedBatch(ejection.again, attempt, seen, NOW))
    assert await read_statuses(database, reward) == [("confirmed", None)]
    code, said = await released(stack, attempt)
    assert (code, "no attempt is open on it" in said) == (0, True), said
    assert await count_credits(stack, penalty, reward) == [0, 1]
