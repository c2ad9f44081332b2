"""
The workflow of a delivery: post, pause, post again, and give up after a week and a day.

Each delivery has a workflow of its own, so that a receiver that is down delays no other.
"""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError

from domain.deliveries import Delivery, DeliveryStatus

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import run_activity

ATTEMPT_TIMEOUT = timedelta(seconds=30)
# Each failure says when the next attempt is due, and the last one that there is none (domain/deliveries.py); this
# is for those that cannot, because the worker died or the database is down.
BACK_OFF = RetryPolicy(
    initial_interval=timedelta(seconds=5),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=10),
)


class WebhookActivities(ABC):
    """The activities of a delivery; implemented by activities/webhooks.py."""

    @activity.defn
    @abstractmethod
    async def post_delivery(self, delivery: Delivery) -> DeliveryStatus:
        """Post the signed event once; fail unless the receiver answers 2xx."""

    @activity.defn
    @abstractmethod
    async def abandon_delivery(self, delivery: Delivery) -> DeliveryStatus:
        """Record that the receiver never accepted the event."""


@workflow.defn
class WebhookWorkflow:
    @workflow.run
    async def run(self, delivery: Delivery) -> DeliveryStatus:
        try:
            return await workflow.execute_activity_method(
                WebhookActivities.post_delivery,
                delivery,
                start_to_close_timeout=ATTEMPT_TIMEOUT,
                retry_policy=BACK_OFF,
                summary="post the signed event",
            )
        except ActivityError:
            return await run_activity(WebhookActivities.abandon_delivery, delivery)


async def start_deliveries(ids: list[str]) -> None:
    """Start a workflow for each delivery; it outlives the workflow that calls."""
    await asyncio.gather(*map(_start_delivery, ids))


async def _start_delivery(delivery_id: str) -> None:
    with suppress(WorkflowAlreadyStartedError):
        await workflow.start_child_workflow(
            WebhookWorkflow.run,
            Delivery(delivery_id),
            id=f"webhook/{delivery_id}",
            task_queue="webhooks",
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
        )
