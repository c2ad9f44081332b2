"""Make some deliveries due again that a receiver failed to take: one step of a job."""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.postgres import webhooks
from adapters.postgres.database import Database
from adapters.postgres.integration import redeliveries
from domain.errors import Conflict
from domain.jobs.jobs import JobStep
from services.jobs.jobs.save_progress import save_progress_within


@dataclass(frozen=True, slots=True)
class ReopenDeliveries:
    webhook_id: str
    delivery_ids: Sequence[str]
    step: JobStep


async def reopen_deliveries(database: Database, command: ReopenDeliveries) -> int:
    """Return how many; one that somebody had tried again meanwhile stays as it is. Raises Conflict as its route does."""
    async with database.transaction() as connection:
        await save_progress_within(connection, command.step)
        if not (await webhooks.get(connection, command.webhook_id)).active:
            raise Conflict(f"webhook {command.webhook_id!r} is not active: activate it, and retry")
        return await redeliveries.reopen(connection, command.delivery_ids)
