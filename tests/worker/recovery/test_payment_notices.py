"""The relay tells workflows what the database says of a payment, and they do not show."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from activities.settlement.direct_settlement import make_payment_directly
from activities.settlement.payments import PaymentActivitiesImpl
from adapters.postgres.database import Database
from adapters.postgres.recovery import standing_payments
from adapters.postgres.settlement.attempts import Reservation
from adapters.postgres.settlement.payments import to_payment
from adapters.postgres.tables import payments
from adapters.stellar.rail import Rail
from devstack.environment.stack import Stack
from domain.reasons import Reason, ReasonCode, WaitsFor
from domain.settlement.payments import BlockPaymentInput, Payment, PaymentStatus
from services.settlement.channels.reserve_channel import reserve_channel
from services.settlement.payments.stop_payment import stop_payment
from tests.testkit.api_client import (
    AT_ONCE,
    declare_outage,
    make_unique_id,
    resolve_outage,
    wait_for_lifecycle,
    wait_until,
)
from tests.testkit.settlement.batch_factory import count_credits
from tests.testkit.settlement.payment_factory import NOW, owe_payment
from tests.testkit.settlement.preparations import get_attempt
from worker.recovery.payment_notices import AGAIN_SECONDS, PaymentNotices
from workflows.visibility.search_attributes import WAITS_FOR

GRACE = timedelta(0)
Handle = WorkflowHandle[Any, Any]


@pytest.fixture
def notices(
    database: Database, temporal: Client, monkeypatch: pytest.MonkeyPatch
) -> PaymentNotices:
    """Notices of a relay that waits for nobody."""
    monkeypatch.setattr(standing_payments, "_DRIVEN_WITHIN", timedelta(0))
    monkeypatch.setattr(standing_payments, "_MADE_WITHIN", timedelta(0))
    return PaymentNotices(database, temporal)


async def shows(handle: Handle, word: WaitsFor) -> bool:
    return (await handle.describe()).typed_search_attributes.get(WAITS_FOR) == word


async def block_payment(
    api: httpx.AsyncClient, stack: Stack, chain: httpx.AsyncClient, client: Client
) -> str:
    """Return an outage whose payment is blocked, though nothing is in its way by now: it looks again in an hour."""
    fault = {
        "kind": "removed_trustline",
        "address": stack.environment["STELLAR_BENEFICIARY_ADDRESS"],
    }
    (await chain.post("/faults", json={"faults": [fault]})).raise_for_status()
    outage_id = await declare_outage(api, policy=AT_ONCE)
    await resolve_outage(api, outage_id)
    outage = client.get_workflow_handle(f"outage/{outage_id}")
    await wait_until(lambda: shows(outage, WaitsFor.PAYEE), "the outage waits for its payee")
    (await chain.post("/faults", json={"faults": []})).raise_for_status()
    return outage_id


async def read_payment(database: Database, outage_id: str) -> Payment:
    async with database.autocommit() as connection:
        rows = await connection.execute(select(payments).where(payments.c.outage_id == outage_id))
        return to_payment(rows.mappings().one())


async def test_a_payment_whose_driver_died_after_it_was_sent_goes_on_at_once(
    api: httpx.AsyncClient,
    stack: Stack,
    chain: httpx.AsyncClient,
    database: Database,
    rail: Rail,
    temporal: Client,
    notices: PaymentNotices,
) -> None:
    outage_id = await block_payment(api, stack, chain, temporal)
    payment = await read_payment(database, outage_id)
    driver = PaymentActivitiesImpl(database, rail)
    await driver.submit_payment(get_attempt(await driver.prepare_payment(payment)))
    assert await notices.look(datetime.now(UTC), GRACE) > 0
    await wait_for_lifecycle(api, outage_id, "closed")
    assert await count_credits(stack, payment) == [1]


async def test_a_channel_that_was_reserved_for_a_blocked_payment_is_not_kept_by_the_dead(
    api: httpx.AsyncClient,
    stack: Stack,
    chain: httpx.AsyncClient,
    database: Database,
    rail: Rail,
    temporal: Client,
    notices: PaymentNotices,
) -> None:
    outage_id = await block_payment(api, stack, chain, temporal)
    payment = await read_payment(database, outage_id)
    assert isinstance(await reserve_channel(database, payment, rail.channels), Reservation)
    assert await notices.look(datetime.now(UTC), GRACE) > 0
    await wait_for_lifecycle(api, outage_id, "closed")
    assert await count_credits(stack, payment) == [1]


async def test_a_payment_that_somebody_else_has_made_ends_the_workflows_that_wait(
    api: httpx.AsyncClient,
    stack: Stack,
    chain: httpx.AsyncClient,
    database: Database,
    rail: Rail,
    temporal: Client,
    notices: PaymentNotices,
) -> None:
    outage_id = await block_payment(api, stack, chain, temporal)
    payment = await read_payment(database, outage_id)
    began = datetime.now(UTC)
    assert await make_payment_directly(PaymentActivitiesImpl(database, rail), payment)
    alone = temporal.get_workflow_handle(payment.workflow_id)
    assert (await alone.describe()).status is WorkflowExecutionStatus.RUNNING

    async def is_ended() -> bool:
        await notices.look(began, GRACE)
        return (await alone.describe()).status is WorkflowExecutionStatus.COMPLETED

    await wait_until(is_ended, "the workflow of the payment ends")
    await wait_for_lifecycle(api, outage_id, "closed")
    assert await count_credits(stack, payment) == [1]


async def start_unserved(client: Client, kind: str, name: str, word: str = "") -> Handle:
    """Start a workflow on a queue that nobody serves, shown to wait for something."""
    shown = [SearchAttributePair(WAITS_FOR, word)] if word else []
    return await client.start_workflow(
        kind, id=name, task_queue="nowhere", search_attributes=TypedSearchAttributes(shown)
    )


async def list_signals(handle: Handle) -> list[str]:
    return [
        event.workflow_execution_signaled_event_attributes.signal_name
        async for event in handle.fetch_history_events()
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
    ]


async def test_what_is_notified_and_still_not_shown_is_notified_again_after_a_while(
    database: Database, temporal: Client
) -> None:
    clock = [0.0]
    notices = PaymentNotices(database, temporal, lambda: clock[0])
    payment = await owe_payment(database, "UNTOLD")
    alone = await start_unserved(temporal, "PaymentWorkflow", payment.workflow_id, "network")
    outage = await start_unserved(
        temporal, "OutageWorkflow", f"outage/{payment.outage_id}", "payee"
    )
    reason = Reason(ReasonCode.APPROVAL_REQUIRED, "two must approve it")
    await stop_payment(database, BlockPaymentInput(payment, reason, NOW, PaymentStatus.ON_HOLD))

    async def is_notified() -> bool:
        await notices.compare_named([payment.id])
        return [await list_signals(alone), await list_signals(outage)] == [["retry"], ["catch_up"]]

    await wait_until(is_notified, "both are told that it waits for an approval")
    assert await notices.compare_named([payment.id]) == 0
    clock[0] += AGAIN_SECONDS + 1
    assert await notices.compare_named([payment.id]) == 2
    for handle in (alone, outage):
        await handle.terminate()
    clock[0] += 3 * AGAIN_SECONDS
    assert await notices.compare_named([payment.id]) == 0


async def test_a_batch_that_waits_for_a_person_is_notified_that_its_attempt_has_ended(
    temporal: Client, notices: PaymentNotices
) -> None:
    handle = await start_unserved(
        temporal, "BatchWorkflow", f"batch/{make_unique_id('released')}/1", WaitsFor.REVIEW
    )

    async def is_notified() -> bool:
        await notices.notify_idle_batches()
        return await list_signals(handle) == ["retry"]

    await wait_until(is_notified, "the workflow of the batch is told")
    await handle.terminate()
