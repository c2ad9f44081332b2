"""The activities of a delivery: post the event to the subscriber, and record the answer."""

import logging
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import NoReturn
from urllib.parse import urlsplit

import orjson
from temporalio import activity
from temporalio.exceptions import ApplicationError

from adapters import logs, tracing
from adapters.credentials.webhook_secrets import WebhookSigner
from adapters.postgres.database import Database
from adapters.postgres.deliveries import PendingDelivery
from adapters.subscribers.answers import NoAnswer
from adapters.subscribers.subscribers import Subscribers
from domain.deliveries import GONE, Delivery, DeliveryAttempt, DeliveryStatus, compute_pause
from domain.digests import format_instant
from domain.errors import Refused
from domain.webhooks import make_headers
from services.integration.deliveries.abandon_delivery import abandon_delivery
from services.integration.deliveries.read_delivery import read_delivery
from services.integration.deliveries.record_attempt import record_attempt
from workflows.webhooks import WebhookActivities

# How often a delivery looks whether its subscription is active again.
PAUSED_CHECK = timedelta(hours=1)
SHORTEST_PAUSE = timedelta(seconds=1)
log = logging.getLogger(__name__)


class WebhookActivitiesImpl(WebhookActivities):
    def __init__(self, database: Database, subscribers: Subscribers, signer: WebhookSigner) -> None:
        self.database, self.signer = database, signer
        self.subscribers = subscribers

    @activity.defn
    async def post_delivery(self, delivery: Delivery) -> DeliveryStatus:
        pending = await self._read(delivery)
        if pending is None or pending.deleted:
            # The subscription ended while this one waited.
            return await abandon_delivery(self.database, delivery.id)
        if pending.status is not DeliveryStatus.PENDING:
            return pending.status  # an earlier run of this attempt got through, or the last one
        if not pending.active:
            raise ApplicationError(
                "the subscription is paused", type="paused", next_retry_delay=PAUSED_CHECK
            )
        attempt = await self._post(pending, delivery.id)
        answered = {"delivered": attempt.delivered, "response_code": attempt.response_code}
        host = {"host": urlsplit(pending.url).hostname}
        log.info("delivery attempted", extra={**host, **answered})
        await record_attempt(self.database, pending.webhook_id, pending.correlation_id, attempt)
        if not attempt.delivered:
            _try_again(attempt)
        return DeliveryStatus.SUCCESS

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

    async def _post(self, pending: PendingDelivery, delivery_id: str) -> DeliveryAttempt:
        at, begun, number = datetime.now(UTC), time.monotonic(), pending.attempts + 1
        body = _render(pending)
        about = (pending.event_id, int(at.timestamp()))
        signed = make_headers(*about, self.signer.sign(pending.secrets, *about, body))
        # Not part of what is signed: it says who asked, and nothing of what happened.
        if (here := tracing.get_traceparent()) is not None:
            signed["traceparent"] = str(here)
        code, said, retry_after = None, "", None
        try:
            answer = await self.subscribers.post(pending.url, body, signed)
        except (NoAnswer, Refused) as error:
            problem = f"no answer: {error}"
        else:
            code, said, retry_after = answer.code, answer.excerpt, answer.retry_after
            problem = "" if 200 <= code < 300 else f"the receiver answered {code}"
        took = round((time.monotonic() - begun) * 1000)
        pause = None
        if problem and code != GONE:
            tries = number - pending.earlier_attempts
            pause = compute_pause(
                tries, retry_after, datetime.now(UTC), secrets.randbelow(1001) / 1000
            )
        then = None if pause is None else datetime.now(UTC) + pause
        return DeliveryAttempt(delivery_id, number, at, took, code, problem, said, then)


def _render(pending: PendingDelivery) -> bytes:
    occurred_at = format_instant(pending.occurred_at)
    return orjson.dumps({"type": pending.type, "timestamp": occurred_at, "data": pending.data})


def _try_again(attempt: DeliveryAttempt) -> NoReturn:
    """Have the server run this again when the pause is over; never, when that was the last attempt."""
    then = attempt.next_attempt_at
    raise ApplicationError(
        attempt.problem,
        type="not_delivered",
        non_retryable=then is None,
        next_retry_delay=None if then is None else max(then - datetime.now(UTC), SHORTEST_PAUSE),
    )
