"""Have a delivery tried again that was given up, or that waits for its next attempt."""

from dataclasses import dataclass
from datetime import datetime

from adapters.postgres import deliveries, events, webhooks
from adapters.postgres.database import Database
from domain.audit import make_audit_entry
from domain.deliveries import DeliveryStatus
from domain.digests import format_instant
from domain.errors import Conflict
from domain.requests import Request


@dataclass(frozen=True, slots=True)
class RetryDelivery:
    webhook_id: str
    delivery_id: str
    request: Request
    at: datetime


async def retry_delivery(database: Database, command: RetryDelivery) -> None:
    """Make it due. Raises Conflict when the receiver has accepted it, or the subscription is not active."""
    webhook_id, delivery_id, by = command.webhook_id, command.delivery_id, command.request
    async with database.transaction() as connection:
        webhook = await webhooks.get(connection, webhook_id)
        delivery = await deliveries.get_delivery(connection, webhook_id, delivery_id)
        if delivery.status is DeliveryStatus.SUCCESS:
            raise Conflict(f"delivery {delivery_id!r} was accepted by its receiver")
        if not webhook.active:
            raise Conflict(f"webhook {webhook_id!r} is not active: activate it first")
        await deliveries.reopen_delivery(connection, delivery_id)
        payload = {"delivery_id": delivery_id, "event_id": delivery.event_id}
        key = (delivery_id, by.correlation_id, format_instant(command.at))
        await events.publish(
            connection,
            make_audit_entry(
                f"webhook/{webhook_id}", "delivery.retried", by, command.at, payload, *key
            ),
        )
