"""Record what receivers answered; disable a receiver that only fails or is gone, and enable one that is back."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy.ext.asyncio import AsyncConnection

from adapters.postgres import events, webhooks
from adapters.postgres.database import Database
from adapters.postgres.integration import delivery_attempts, due_deliveries
from domain.audit import make_audit_entry, make_engine_request
from domain.deliveries import GONE, PROBE_PAUSE, DeliveryAttempt, find_disabling_reason
from domain.digests import format_instant
from domain.events import EventType, make_event
from domain.webhooks import ENABLED, Subscription


@dataclass(frozen=True, slots=True)
class AnsweredPost:
    """One attempt, the subscription it was for, and the correlation id of what its event came from."""

    attempt: DeliveryAttempt
    webhook_id: str
    correlation_id: str


async def record_attempts(database: Database, posts: Sequence[AnsweredPost]) -> None:
    """Record attempts, each once; a delivery that succeeded never goes back."""
    async with database.transaction() as connection:
        attempts = [each.attempt for each in posts]
        new = await delivery_attempts.add(connection, attempts)
        kept = {id(each) for each in new}
        counted = [each for each in posts if id(each.attempt) in kept]
        # Receivers before their deliveries, and those in the order of ids: so everybody locks them.
        counted.sort(key=lambda each: (each.webhook_id, each.attempt.at))
        for webhook_id, group in groupby(counted, key=lambda each: each.webhook_id):
            await _count(connection, webhook_id, list(group))
        await delivery_attempts.move_deliveries(connection, attempts)


async def _count(
    connection: AsyncConnection, webhook_id: str, posts: Sequence[AnsweredPost]
) -> None:
    """Count the attempts of one receiver for or against it."""
    if all(each.attempt.delivered for each in posts):
        posts = posts[-1:]
    for post in posts:
        webhook = await webhooks.count_attempt(connection, webhook_id, post.attempt)
        if webhook is None:
            continue
        if post.attempt.delivered:
            if webhook.probed:
                await _enable(connection, webhook, post)
            continue
        reason = find_disabling_reason(post.attempt, webhook.failures, webhook.failing_since)
        if reason is not None and webhook.active:
            await _disable(connection, webhook, post, reason)
        elif webhook.probed and post.attempt.response_code == GONE:
            gone = {"probe_at": None, "disabled_reason": reason}
            await webhooks.update_subscription(connection, webhook.id, gone)


async def _disable(
    connection: AsyncConnection, webhook: Subscription, post: AnsweredPost, reason: str
) -> None:
    at = post.attempt.at
    probe_at = None if post.attempt.response_code == GONE else at + PROBE_PAUSE
    changes = {
        "active": False,
        "disabled_at": at,
        "disabled_reason": reason,
        "probe_at": probe_at,
    }
    await webhooks.update_subscription(connection, webhook.id, changes)
    payload = {"webhook_id": webhook.id, "reason": reason, "failures": webhook.failures}
    when, by = format_instant(at), make_engine_request(post.correlation_id)
    await events.publish(
        connection,
        make_audit_entry(f"webhook/{webhook.id}", "webhook.disabled", by, at, payload, when),
        make_event(EventType.WEBHOOK_DISABLED, None, at, payload, webhook.id, when),
    )


async def _enable(connection: AsyncConnection, webhook: Subscription, post: AnsweredPost) -> None:
    """Enable a receiver that took what it was probed with; everything that waited is due."""
    assert webhook.disabled_at is not None
    at = post.attempt.at
    await webhooks.update_subscription(connection, webhook.id, {**ENABLED, "active": True})
    await due_deliveries.make_due(connection, webhook.id)
    payload = {"webhook_id": webhook.id, "disabled_at": format_instant(webhook.disabled_at)}
    when, by = format_instant(at), make_engine_request(post.correlation_id)
    await events.publish(
        connection,
        make_audit_entry(f"webhook/{webhook.id}", "webhook.recovered", by, at, payload, when),
        make_event(EventType.WEBHOOK_RECOVERED, None, at, payload, webhook.id, when),
    )
