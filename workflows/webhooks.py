"""
The workflow of a delivery: post, back off, post again, and give up after three days.

Each delivery has a workflow of its own, so that a receiver that is down delays no other.
"""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError

from domain.webhooks import Delivery, DeliveryStatus

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import run_activity

ATTEMPT_TIMEOUT = timedelta(seconds=30)
# 5 s, 20 s, 80 s ... then every 6 hours: about 18 attempts in the days given.
BACK_OFF = RetryPolicy(
    initial_interval=timedelta(seconds=5),
    backoff_coefficient=4,
    maximum_interval=timedelta(hours=6),
)
GIVE_UP_AFTER = timedelta(days=3)


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
                schedule_to_close_timeout=GIVE_UP_AFTER,
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
