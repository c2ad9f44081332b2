"""Record a receiver's answer, and disable the receiver that wants nothing more, or only fails."""

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import deliveries, events, webhooks
from adapters.postgres.database import Database
from domain.audit import make_audit_entry, make_engine_request
from domain.deliveries import DeliveryAttempt, DeliveryStatus, find_disabling_reason
from domain.digests import format_instant
from domain.events import EventType, make_event
from domain.webhooks import Subscription


async def record_attempt(
    database: Database, webhook_id: str, correlation_id: str, attempt: DeliveryAttempt
) -> list[str]:
    """
    Record one attempt, once; a delivery that succeeded never goes back. Return the deliveries of the event
    which tells others that the receiver was disabled.
    """
    ended = DeliveryStatus.SUCCESS if attempt.delivered else DeliveryStatus.PENDING
    async with database.transaction() as connection:
        if not await deliveries.record_attempt(connection, attempt, ended):
            return []
        webhook = await webhooks.count_attempt(connection, webhook_id, attempt)
        reason = find_disabling_reason(attempt, webhook.failures, webhook.failing_since)
        if reason is None or not webhook.active:
            return []
        return await _disable(connection, webhook, correlation_id, attempt, reason)


async def _disable(
    connection: AsyncConnection,
    webhook: Subscription,
    correlation_id: str,
    attempt: DeliveryAttempt,
    reason: str,
) -> list[str]:
    changes = {"active": False, "disabled_at": attempt.at, "disabled_reason": reason}
    await webhooks.update_subscription(connection, webhook.id, changes)
    payload = {"webhook_id": webhook.id, "reason": reason, "failures": webhook.failures}
    when, by = format_instant(attempt.at), make_engine_request(correlation_id)
    subject = f"webhook/{webhook.id}"
    return await events.publish(
        connection,
        make_audit_entry(subject, "webhook.disabled", by, attempt.at, payload, when),
        make_event(EventType.WEBHOOK_DISABLED, None, attempt.at, payload, webhook.id, when),
    )
