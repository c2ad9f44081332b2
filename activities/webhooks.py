"""Tell subscribers what happened, and write down what they answered."""

import time
from datetime import UTC, datetime

import httpx
import orjson
from temporalio import activity
from temporalio.exceptions import ApplicationError

from adapters.postgres import webhooks
from adapters.postgres.database import Database
from adapters.postgres.webhooks import Parcel
from adapters.subscribers import Subscribers
from domain.digests import instant
from domain.errors import Refused
from domain.webhooks import Delivery, DeliveryResult, DeliveryStatus, headers
from workflows.webhooks import WebhookSteps

GONE = 410


class WebhookActivities(WebhookSteps):
    def __init__(self, database: Database, subscribers: Subscribers) -> None:
        self.database = database
        self.subscribers = subscribers

    @activity.defn
    async def post_delivery(self, delivery: Delivery) -> DeliveryStatus:
        async with self.database.transaction() as connection:
            parcel = await webhooks.parcel(connection, delivery.id)
        if parcel is None or not parcel.active:
            return DeliveryStatus.FAILED  # the subscription ended while this one waited
        if parcel.status is DeliveryStatus.SUCCESS:
            return DeliveryStatus.SUCCESS  # an earlier run of this attempt got through
        result = await self._post(parcel, delivery.id)
        status = DeliveryStatus.SUCCESS if result.delivered else DeliveryStatus.PENDING
        async with self.database.transaction() as connection:
            await webhooks.note(connection, result, status, datetime.now(UTC))
        if not result.delivered:
            gone = result.response_code == GONE
            raise ApplicationError(result.problem, type="not_delivered", non_retryable=gone)
        return status

    @activity.defn
    async def abandon_delivery(self, delivery: Delivery) -> DeliveryStatus:
        async with self.database.transaction() as connection:
            return await webhooks.abandon(connection, delivery.id)

    async def _post(self, parcel: Parcel, delivery_id: str) -> DeliveryResult:
        body = orjson.dumps(
            {"type": parcel.type, "timestamp": instant(parcel.occurred_at), "data": parcel.data}
        )
        signed = headers(parcel.secret, parcel.event_id, int(time.time()), body)
        attempt = activity.info().attempt
        try:
            code = await self.subscribers.post(parcel.url, body, signed)
        except (httpx.HTTPError, Refused) as error:
            problem = str(error) if isinstance(error, Refused) else type(error).__name__
            return DeliveryResult(delivery_id, attempt, None, False, f"no answer: {problem}")
        if 200 <= code < 300:
            return DeliveryResult(delivery_id, attempt, code, True)
        return DeliveryResult(delivery_id, attempt, code, False, f"the receiver answered {code}")
