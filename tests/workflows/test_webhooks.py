"""The workflow of a delivery: patient with the receiver, but not for ever."""

from temporalio.testing import WorkflowEnvironment

from domain.webhooks import Delivery, DeliveryStatus
from tests.workflows.conftest import FakeActivities
from workflows.webhooks import WebhookWorkflow


async def test_a_receiver_that_comes_back_gets_its_delivery(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.webhooks.failures = 6
    status = await environment.client.execute_workflow(
        WebhookWorkflow.run, Delivery("dlv-back"), id="webhook/dlv-back", task_queue="webhooks"
    )
    assert status is DeliveryStatus.SUCCESS
    assert steps.webhooks.posted == ["dlv-back"] * 7


async def test_a_receiver_that_is_gone_is_given_up_after_days(
    environment: WorkflowEnvironment, steps: FakeActivities
) -> None:
    steps.webhooks.failures = 10_000
    status = await environment.client.execute_workflow(
        WebhookWorkflow.run, Delivery("dlv-gone"), id="webhook/dlv-gone", task_queue="webhooks"
    )
    assert status is DeliveryStatus.FAILED
    assert steps.webhooks.abandoned == ["dlv-gone"]
    assert 12 < len(steps.webhooks.posted) < 30
