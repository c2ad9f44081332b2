"""Waiting until each delivery of an outage's events was tried once: a second in its own worker, longer elsewhere."""

import asyncio
import time
from contextlib import suppress

from temporalio import activity

from activities.integration.delivery_notices import DeliveryNotices
from adapters.postgres.database import Database
from domain.deliveries import TriedDeliveries
from services.integration.deliveries.count_tried import count_tried
from workflows.webhooks import FirstAttemptActivities

# Shorter than the time after which the relay misses what a workflow was to show: worker/recovery/relay.py.
AT_ONCE_SECONDS = 1.0
# How often it looks where the process that dispatches is another one, which cannot notify it.
LOOK_SECONDS = 0.2


class FirstAttemptActivitiesImpl(FirstAttemptActivities):
    """`notices` are those of the dispatcher, if it runs in this process."""

    def __init__(self, database: Database, notices: DeliveryNotices) -> None:
        self.database, self.notices = database, notices

    @activity.defn
    async def await_first_attempts(self, outage_id: str) -> TriedDeliveries:
        return await wait_until_tried(
            self.database, self.notices, outage_id, AT_ONCE_SECONDS, LOOK_SECONDS
        )


async def wait_until_tried(
    database: Database,
    notices: DeliveryNotices,
    outage_id: str,
    within_seconds: float,
    look_seconds: float,
) -> TriedDeliveries:
    """Wake the dispatcher, and return when each delivery was tried, or when the time is over."""
    end = time.monotonic() + within_seconds
    with notices.expect(outage_id) as recorded:
        while (tried := await count_tried(database, outage_id)).untried:
            notices.wake()
            if (left := end - time.monotonic()) <= 0:
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(min(look_seconds, left)):
                    await recorded.wait()
            recorded.clear()
    return tried
