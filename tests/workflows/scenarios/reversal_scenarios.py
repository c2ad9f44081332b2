"""Outages whose verdict is taken back, and payments that are voided or follow their payee."""

import asyncio

from domain.deliveries import TriedDeliveries
from domain.settlement.attempts import OnHold, Redirected, Voided
from domain.sla.outages import ReopenRequest, VoidRequest
from tests.testkit.reasons import make_reason
from tests.workflows.fakes.fake_outage_activities import ASKER
from tests.workflows.fakes.fake_payment_activities import DETECTED, build_payment
from tests.workflows.fakes.time_skipping_server import Kept, Stage, keeps
from tests.workflows.test_outages import LATE, declared
from workflows.outages import OutageWorkflow
from workflows.payments import PaymentWorkflow

FAR = DETECTED.replace(year=2226)


@keeps("outage-reopened")
async def reopen(stage: Stage) -> Kept:
    """Reopened inside its window, judged again, and then its debt turns out to be wrong."""
    stage.activities.webhooks.tried = [TriedDeliveries(2, 2)]
    with stage.environment.with_time_skipping_disabled():
        handle = await declared(stage.client, "reopened")
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        await handle.execute_update(OutageWorkflow.reopen, ReopenRequest(ASKER, "down again"))
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        await handle.execute_update(OutageWorkflow.void, VoidRequest(ASKER, "not our mast"))
        await handle.result()
    return {"outage-reopened": handle}


@keeps("outage-voided", "payment-voided")
async def void_payment(stage: Stage) -> Kept:
    """Voided while its payment waits for a limit, at the address that its payee has by then."""
    stage.activities.outages.window_seconds = 0
    moved = build_payment("pay-voided")
    hold = OnHold(make_reason("waits for approval"), FAR)
    stage.activities.payments.holds = [*[Redirected(moved)] * 2, hold, *[Voided()] * 5]
    with stage.environment.with_time_skipping_disabled():
        handle = await declared(stage.client, "voided")
        await handle.execute_update(OutageWorkflow.resolve, LATE)
        while "hold_payment waits for approval" not in stage.activities.payments.asked:
            await asyncio.sleep(0.05)
        await handle.execute_update(OutageWorkflow.void, VoidRequest(ASKER, "not our mast"))
        await handle.result()
        paying = stage.client.get_workflow_handle("payment/voided/1")
        await paying.signal(PaymentWorkflow.retry)
        await paying.result()
    return {"outage-voided": handle, "payment-voided": paying}


SCENES = [reopen, void_payment]
