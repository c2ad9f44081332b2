"""
The workflow of a delivery whose first attempt failed: pause, post again, and give up after a week and a day.

The first attempt costs no workflow: the dispatcher (worker/integration/dispatcher.py) finds in the database what is due. A
delivery that failed has a workflow of its own, so that a receiver that is down delays no other.
"""

from abc import ABC, abstractmethod
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

from domain.deliveries import Delivery, DeliveryStatus, TriedDeliveries

with workflow.unsafe.imports_passed_through():
    from workflows.runtime import RETRY_FOREVER, run_activity

ATTEMPT_TIMEOUT = timedelta(seconds=30)
# Each failure says when the next attempt is due, and the last one that there is none (domain/deliveries.py); this
# is for those that cannot, because the worker died or the database is down.
BACK_OFF = RetryPolicy(
    initial_interval=timedelta(seconds=5),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=10),
)


class FirstAttemptActivities(ABC):
    """The activity by which an outage sees its deliveries off from its own worker; implemented beside the next."""

    @activity.defn
    @abstractmethod
    async def await_first_attempts(self, outage_id: str) -> TriedDeliveries:
        """Wait until each delivery of the outage's events was tried once, at most for a second."""


class DeliveryActivities(ABC):
    """The activity by which an outage waits for slow receivers; implemented by activities/integration/first_attempts.py."""

    @activity.defn
    @abstractmethod
    async def try_deliveries(self, outage_id: str) -> TriedDeliveries:
        """Wait until each delivery of the outage's events was tried once, at most for one attempt."""


class WebhookActivities(ABC):
    """The activities of a delivery; implemented by activities/webhooks.py."""

    @activity.defn
    @abstractmethod
    async def post_delivery(self, delivery: Delivery) -> DeliveryStatus:
        """Post the signed event once; fail unless the receiver answers 2xx."""

    @activity.defn
    @abstractmethod
    async def abandon_delivery(self, delivery: Delivery) -> DeliveryStatus:
        """Record that the receiver never accepted the event, unless somebody wants it tried anew."""


@workflow.defn
class WebhookWorkflow:
    """Whoever cancels or terminates it gives the delivery up: worker/recovery/recovery.py."""

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


async def wait_for_first_attempts(outage_id: str) -> TriedDeliveries:
    """
    Wait until each delivery of an outage's events was tried once.

    Most receivers answer within a second, and are waited for as a local activity, in the workflow task that closes
    the outage: that adds nothing to what the server does. For the others whoever serves the queue `webhooks` waits.
    """
    tried = await run_activity(FirstAttemptActivities.await_first_attempts, outage_id)
    if not tried.untried:
        return tried
    return await workflow.execute_activity_method(
        DeliveryActivities.try_deliveries,
        outage_id,
        task_queue="webhooks",
        start_to_close_timeout=ATTEMPT_TIMEOUT,
        retry_policy=RETRY_FOREVER,
        summary="try every delivery once",
    )
