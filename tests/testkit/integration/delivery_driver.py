"""Events published into a scratch database, and dispatchers that deliver them to receivers on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text
from temporalio.client import Client

from activities.integration.delivery_notices import DeliveryNotices
from activities.integration.delivery_poster import DeliveryPoster
from activities.integration.receiver_limits import ReceiverLimits
from adapters.credentials.webhook_secrets import WebhookSigner
from adapters.postgres import events
from adapters.postgres.database import Database
from adapters.subscribers.subscribers import Subscribers
from domain.access.webhook_secrets import SignatureScheme
from domain.audit import make_audit_entry
from domain.events import EventType, make_event
from domain.requests import Request
from services.integration.webhooks.create_webhook import CreateWebhook, create_webhook
from worker.integration.dispatcher import Dispatcher

SECRET_KEY = "key-of-the-tests-that-closes-secrets"
BY = Request("tester", "corr-1")


@dataclass(frozen=True)
class DeliveryDriver:
    database: Database
    client: Client
    attempt_seconds: float = 5.0

    async def subscribe(self, url: str, webhook_id: str = "whk_1") -> str:
        """Subscribe a receiver to what is published here; return its secret."""
        sealed, shown = WebhookSigner(SECRET_KEY).make_secret(SignatureScheme.HMAC)
        wanted = [EventType.CIRCUIT_BREAKER_OPENED, EventType.WEBHOOK_RECOVERED]
        command = CreateWebhook(webhook_id, url, wanted, sealed, BY, datetime.now(UTC))
        await create_webhook(self.database, command)
        assert shown is not None
        return shown

    async def publish(self, count: int, name: str = "n") -> list[str]:
        """Publish so many events, each in a transaction of its own; return their ids."""
        ids = []
        for number in range(count):
            key, at = f"{name}-{number}", datetime.now(UTC)
            event = make_event(EventType.CIRCUIT_BREAKER_OPENED, None, at, {"webhook_id": key}, key)
            entry = make_audit_entry(f"webhook/{key}", "settlement.opened", BY, at, {}, key)
            async with self.database.transaction() as connection:
                await events.publish(connection, entry, event)
            ids.append(event.id)
        return ids

    @asynccontextmanager
    async def dispatch(self) -> AsyncIterator[Dispatcher]:
        """Run a dispatcher, as a worker does, until the block ends."""
        subscribers = Subscribers(allow_private=True, attempt_seconds=self.attempt_seconds)
        poster = DeliveryPoster(subscribers, WebhookSigner(SECRET_KEY))
        dispatcher = Dispatcher(
            self.database, self.client, poster, ReceiverLimits(), DeliveryNotices()
        )
        running = asyncio.create_task(dispatcher.run())
        try:
            yield dispatcher
        finally:
            await dispatcher.stop()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await subscribers.close()

    async def count(self, condition: str) -> int:
        """Count the deliveries for which an SQL condition holds."""
        async with self.database.autocommit() as connection:
            found = await connection.scalar(
                text(f"SELECT count(*) FROM deliveries WHERE {condition}")
            )
        return int(found or 0)

    async def find_id(self) -> str:
        """Return the id of the only delivery."""
        async with self.database.autocommit() as connection:
            return str((await connection.execute(text("SELECT id FROM deliveries"))).scalar_one())

    async def change(self, table: str, assignment: str) -> None:
        """Change every row of a table, as time or a killed process would leave it."""
        async with self.database.transaction() as connection:
            await connection.execute(text(f"UPDATE {table} SET {assignment}"))
