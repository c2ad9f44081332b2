"""The activities of a delivery: post the event to the subscriber, and record the answer."""

import logging
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import orjson
from temporalio import activity
from temporalio.exceptions import ApplicationError

from adapters import logs, tracing
from adapters.postgres.database import Database
from adapters.postgres.webhooks import PendingDelivery
from adapters.subscribers.answers import NoAnswer
from adapters.subscribers.subscribers import Subscribers
from domain.digests import format_instant
from domain.errors import Refused
from domain.webhooks import Delivery, DeliveryResult, DeliveryStatus, make_headers
from services.integration.deliveries.abandon_delivery import abandon_delivery
from services.integration.deliveries.read_delivery import read_delivery
from services.integration.deliveries.record_result import record_result
from workflows.webhooks import WebhookActivities

GONE = 410
log = logging.getLogger(__name__)


class WebhookActivitiesImpl(WebhookActivities):
    def __init__(self, database: Database, subscribers: Subscribers) -> None:
        self.database = database
        self.subscribers = subscribers

    @activity.defn
    async def post_delivery(self, delivery: Delivery) -> DeliveryStatus:
        pending = await self._read(delivery)
        if pending is None or not pending.active:
            return DeliveryStatus.FAILED  # the subscription ended while this one waited
        if pending.status is DeliveryStatus.SUCCESS:
            return DeliveryStatus.SUCCESS  # an earlier run of this attempt got through
        result = await self._post(pending, delivery.id)
        answered = {"delivered": result.delivered, "response_code": result.response_code}
        host = {"host": urlsplit(pending.url).hostname}
        log.info("delivery attempted", extra={**host, **answered})
        status = DeliveryStatus.SUCCESS if result.delivered else DeliveryStatus.PENDING
        await record_result(self.database, result, status, datetime.now(UTC))
        if not result.delivered:
            gone = result.response_code == GONE
            raise ApplicationError(result.problem, type="not_delivered", non_retryable=gone)
        return status

    @activity.defn
    async def abandon_delivery(self, delivery: Delivery) -> DeliveryStatus:
        await self._read(delivery)
        return await abandon_delivery(self.database, delivery.id)

    async def _read(self, delivery: Delivery) -> PendingDelivery | None:
        """Read what is to be posted, and have all later log lines name what it is about."""
        logs.bind(delivery_id=delivery.id)
        pending = await read_delivery(self.database, delivery.id)
        if pending is not None:
            about = pending.data
            logs.bind(outage_id=about.get("outage_id"), payment_id=about.get("payment_id"))
            # The workflow was started by another request than the event's, where that outlives several.
            logs.bind(correlation_id=pending.correlation_id)
        return pending

    async def _post(self, pending: PendingDelivery, delivery_id: str) -> DeliveryResult:
        body = orjson.dumps(
            {
                "type": pending.type,
                "timestamp": format_instant(pending.occurred_at),
                "data": pending.data,
            }
        )
        signed = make_headers(pending.secret, pending.event_id, int(time.time()), body)
        # Not part of what is signed: it says who asked, and nothing of what happened.
        if (here := tracing.get_traceparent()) is not None:
            signed["traceparent"] = str(here)
        attempt = activity.info().attempt
        try:
            code = (await self.subscribers.post(pending.url, body, signed)).code
        except (NoAnswer, Refused) as error:
            return DeliveryResult(delivery_id, attempt, None, False, f"no answer: {error}")
        if 200 <= code < 300:
            return DeliveryResult(delivery_id, attempt, code, True)
        return DeliveryResult(delivery_id, attempt, code, False, f"the receiver answered {code}")
