"""Posts an event to a receiver, signed, and says what came of it."""

import logging
import secrets
import time
from datetime import UTC, datetime
from urllib.parse import urlsplit

import orjson

from adapters import logs, tracing
from adapters.credentials.webhook_secrets import WebhookSigner
from adapters.postgres.integration.due_deliveries import PendingDelivery
from adapters.subscribers.answers import NoAnswer
from adapters.subscribers.subscribers import Subscribers
from domain.deliveries import ATTEMPTS_MAX, GONE, DeliveryAttempt, compute_pause
from domain.errors import Refused
from domain.integration.event_schemas import make_body
from domain.webhooks import make_headers
from services.integration.deliveries.record_attempts import AnsweredPost

log = logging.getLogger(__name__)


class DeliveryPoster:
    def __init__(self, subscribers: Subscribers, signer: WebhookSigner) -> None:
        self.subscribers, self.signer = subscribers, signer

    async def post(self, pending: PendingDelivery) -> AnsweredPost:
        """Post once; whatever comes of that is an attempt."""
        about = pending.data
        logs.bind(delivery_id=pending.id, outage_id=pending.outage_id)
        logs.bind(payment_id=about.get("payment_id"), correlation_id=pending.correlation_id)
        with tracing.open_span("post webhook", tracing.parse_traceparent(pending.trace or "")):
            attempt = await self._post(pending)
            answered = {"delivered": attempt.delivered, "response_code": attempt.response_code}
            host = {"host": urlsplit(pending.url).hostname}
            log.info("delivery attempted", extra={**host, **answered})
        return AnsweredPost(attempt, pending.webhook_id, pending.correlation_id)

    async def _post(self, pending: PendingDelivery) -> DeliveryAttempt:
        at, begun, number = datetime.now(UTC), time.monotonic(), pending.attempts + 1
        body = render_event(pending)
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
        took, ended = round((time.monotonic() - begun) * 1000), datetime.now(UTC)
        pause = None
        if problem and code != GONE:
            tries = number - pending.earlier_attempts
            if not pending.active:
                # A probe: nothing is given up while the subscription is not active.
                tries = min(tries, ATTEMPTS_MAX - 1)
            pause = compute_pause(tries, retry_after, ended, secrets.randbelow(1001) / 1000)
        then = None if pause is None else ended + pause
        wanted = (pending.due_at, pending.earlier_attempts)
        return DeliveryAttempt(pending.id, number, at, took, code, problem, said, then, *wanted)


def render_event(pending: PendingDelivery) -> bytes:
    """Return the body: the same bytes at every attempt."""
    when, number = pending.occurred_at, pending.outage_sequence
    return orjson.dumps(make_body(pending.type, when, number, pending.data))
