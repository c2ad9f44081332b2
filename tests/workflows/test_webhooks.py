"""The workflow of a delivery: patient with the receiver, but not for ever."""

from temporalio.testing import WorkflowEnvironment

from domain.deliveries import ATTEMPTS_MAX, Delivery, DeliveryStatus
from tests.workflows.conftest import FakeActivities
from workflows.webhooks import WebhookWorkflow


async def test_a_receiver_that_comes_back_gets_its_delivery(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.webhooks.failures = 6
    status = await environment.client.execute_workflow(
        WebhookWorkflow.run, Delivery("dlv-back"), id="webhook/dlv-back", task_queue="webhooks"
    )
    assert status is DeliveryStatus.SUCCESS
    assert fakes.webhooks.posted == ["dlv-back"] * 7


async def test_a_delivery_is_abandoned_after_days(
    environment: WorkflowEnvironment, fakes: FakeActivities
) -> None:
    fakes.webhooks.failures = 10_000
    status = await environment.client.execute_workflow(
        WebhookWorkflow.run, Delivery("dlv-gone"), id="webhook/dlv-gone", task_queue="webhooks"
    )
    assert status is DeliveryStatus.FAILED
    assert fakes.webhooks.abandoned == ["dlv-gone"]
    assert fakes.webhooks.posted == ["dlv-gone"] * ATTEMPTS_MAX
