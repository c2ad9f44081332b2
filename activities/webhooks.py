"""The activities of deliveries: wait for the first attempts of an outage's, and go on with one that failed."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from temporalio import activity
from temporalio.exceptions import ApplicationError

from activities.integration.delivery_notices import DeliveryNotices
from activities.integration.delivery_poster import DeliveryPoster
from activities.integration.first_attempts import wait_until_tried
from activities.integration.receiver_limits import ReceiverLimits
from adapters.postgres.database import Database
from adapters.postgres.integration.due_deliveries import PendingDelivery
from adapters.subscribers.answers import ATTEMPT_SECONDS
from domain.deliveries import Delivery, DeliveryAttempt, DeliveryStatus, TriedDeliveries
from services.integration.deliveries.abandon_delivery import abandon_delivery
from services.integration.deliveries.read_delivery import read_delivery
from services.integration.deliveries.record_attempts import record_attempts
from workflows.webhooks import DeliveryActivities, WebhookActivities

# How often a delivery looks whether its subscription is active again; who activates it does not wait for that.
PAUSED_CHECK = timedelta(hours=1)
SHORTEST_PAUSE = timedelta(seconds=1)
# While whoever dispatches has a delivery of its own accord, because a person wants it tried now.
DISPATCHED_CHECK = timedelta(minutes=1)
# While a receiver has as many posts at once as it may: from the shortest to twice as long.
BUSY_PAUSE_SECONDS = 15
# How long an outage waits for the first attempts: one attempt, and the moment that it takes to begin and to record it.
TRIED_WITHIN_SECONDS = ATTEMPT_SECONDS + 1
RECHECK_SECONDS = 1.0


class WebhookActivitiesImpl(WebhookActivities, DeliveryActivities):
    def __init__(
        self,
        database: Database,
        poster: DeliveryPoster,
        limits: ReceiverLimits,
        notices: DeliveryNotices,
    ) -> None:
        self.database, self.poster = database, poster
        self.limits, self.notices = limits, notices

    @activity.defn
    async def try_deliveries(self, outage_id: str) -> TriedDeliveries:
        return await wait_until_tried(
            self.database, self.notices, outage_id, TRIED_WITHIN_SECONDS, RECHECK_SECONDS
        )

    @activity.defn
    async def post_delivery(self, delivery: Delivery) -> DeliveryStatus:
        pending = await read_delivery(self.database, delivery.id)
        if pending is None or pending.deleted:
            # The subscription ended while this one waited.
            return await abandon_delivery(self.database, delivery.id)
        if pending.status is not DeliveryStatus.PENDING:
            return pending.status  # an earlier run of this attempt got through, or the last one
        self._check_turn(pending)
        self.limits.take(pending.webhook_id)
        try:
            post = await self.poster.post(pending)
        finally:
            self.limits.release(pending.webhook_id)
        await record_attempts(self.database, [post])
        if not post.attempt.delivered:
            _try_again(post.attempt)
        return DeliveryStatus.SUCCESS

    @activity.defn
    async def abandon_delivery(self, delivery: Delivery) -> DeliveryStatus:
        return await abandon_delivery(self.database, delivery.id)

    def _check_turn(self, pending: PendingDelivery) -> None:
        """Put the attempt off that is not to be made now."""
        if not pending.active:
            _put_off("the subscription is paused", "paused", PAUSED_CHECK)
        if pending.due_at is not None:
            _put_off("it is about to be tried by itself", "dispatched", DISPATCHED_CHECK)
        then, now = pending.next_attempt_at, datetime.now(UTC)
        if then is not None and then - now > SHORTEST_PAUSE:
            _put_off("its next attempt is not due yet", "not_due", then - now)
        if not self.limits.has_room(pending.webhook_id, pending.failures):
            pause = BUSY_PAUSE_SECONDS + secrets.randbelow(BUSY_PAUSE_SECONDS)
            _put_off("its receiver is busy with others", "busy", timedelta(seconds=pause))


def _put_off(why: str, kind: str, pause: timedelta) -> NoReturn:
    raise ApplicationError(why, type=kind, next_retry_delay=pause)


def _try_again(attempt: DeliveryAttempt) -> NoReturn:
    """Have the server run this again when the pause is over; never, when that was the last attempt."""
    then = attempt.next_attempt_at
    raise ApplicationError(
        attempt.problem,
        type="not_delivered",
        non_retryable=then is None,
        next_retry_delay=None if then is None else max(then - datetime.now(UTC), SHORTEST_PAUSE),
    )
