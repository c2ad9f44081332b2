"""
The relay: within seconds of a commit the workflow of an outage knows it, or is notified of it.

A step is committed by an activity, and its result can be lost on the way to the workflow: the worker is
killed, or the server drops the task of an update whose caller has given up. The relay compares the
versions of outages that changed not long ago with the versions that their workflows show, signals
`catch_up` to those that know less, and starts those that were never started; and every few seconds what payments at work wait for on record with what
their workflows show: payment_notices.py. Twice a minute it starts again what somebody ended, and goes through everything
unfinished for workflows that are missing: sweeps.py; once an hour it purges idempotency keys and jobs that have expired.
None of these waits for another. One process of many does it, which holds a lock in the database.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.client import Client
from temporalio.service import RPCError

from adapters.postgres.database import Database
from adapters.postgres.recovery import unfinished as records
from domain.errors import ApexError
from domain.recovery.unfinished import ChangedOutage
from services.access.idempotency.purge_keys import purge_keys
from services.jobs.jobs.purge_jobs import purge_jobs
from worker.recovery.sweeps import Sweeper

log = logging.getLogger(__name__)
LOOK_SECONDS = 2.0
PAYMENTS_SECONDS = 5.0
SWEEP_SECONDS = 25.0
PURGE_SECONDS = 3600.0
# A workflow that is not killed knows what it has done within this time.
GRACE = timedelta(seconds=2)
# How far back a relay looks that has just begun.
BEGIN = timedelta(hours=1)


class Relay:
    def __init__(self, database: Database, client: Client) -> None:
        self.database = database
        self.sweeper = Sweeper(database, client)
        self.recovery = self.sweeper.recovery
        self.stopping = False
        self.purged = -PURGE_SECONDS
        self.since = self.paid_since = datetime.now(UTC) - BEGIN
        # Outages that changed not long ago, at the version that their workflow is known to know.
        self.acknowledged: dict[str, int] = {}

    async def run(self) -> None:
        """Relay for as long as this process runs, whenever no other process does."""
        while not self.stopping:
            try:
                async with self.database.autocommit() as connection:
                    if await records.take_lock(connection):
                        await self._serve(connection)
            except (ApexError, RPCError) as error:
                log.warning("the relay goes on in %g seconds: %s", LOOK_SECONDS, error)
            except Exception:
                # A defect must not end it: nothing else would find what is lost.
                log.exception("the relay failed; it goes on in %g seconds", LOOK_SECONDS)
            await asyncio.sleep(LOOK_SECONDS)

    async def _serve(self, connection: AsyncConnection) -> None:
        """Look again and again, on the connection that holds the lock; what fails ends all, to begin anew."""
        work = (
            _repeat(LOOK_SECONDS, lambda: self.look(connection)),
            _repeat(PAYMENTS_SECONDS, self.look_at_payments),
            _repeat(SWEEP_SECONDS, self.sweeper.start_ended),
            _repeat(SWEEP_SECONDS, self.sweeper.sweep),
            _repeat(LOOK_SECONDS, self._purge_hourly),
        )
        tasks = [asyncio.create_task(each) for each in work]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def _purge_hourly(self) -> None:
        if time.monotonic() - self.purged >= PURGE_SECONDS:
            # Noted before: what cannot be purged is tried again in an hour, and keeps nothing from being found.
            self.purged = time.monotonic()
            await self.purge()

    async def purge(self) -> None:
        """Forget what requests were answered that nobody may repeat any more, and jobs that ended long ago."""
        for forget in (purge_keys, purge_jobs):
            while await forget(self.database, datetime.now(UTC)):
                pass

    async def look(self, connection: AsyncConnection) -> None:
        """Have the workflows catch up that do not know what was committed."""
        began, known, after = datetime.now(UTC), dict[str, int](), ""
        while page := await records.list_changed(connection, self.since, after, GRACE):
            after = page[-1].outage_id
            await self._compare(page, known)
        self.acknowledged, self.since = known, began

    async def look_at_payments(self) -> None:
        """Tell the workflows of payments, and of their outages, what they have missed."""
        began = datetime.now(UTC)
        await self.sweeper.notices.look(self.paid_since, GRACE)
        self.paid_since = began

    async def _compare(self, page: list[ChangedOutage], known: dict[str, int]) -> None:
        news = [each for each in page if self.acknowledged.get(each.outage_id) != each.version]
        behind, absent = await self.recovery.find_behind(news) if news else ([], [])
        for workflow_id in behind:
            await self.recovery.catch_up(workflow_id)
        if unstarted := [each.outage_id for each in news if each.workflow_id in absent]:
            await self.recovery.start_absent(unstarted)
        late = {*behind, *absent}
        known.update(
            {each.outage_id: each.version for each in page if each.workflow_id not in late}
        )


async def _repeat(pause: float, look: Callable[[], Awaitable[object]]) -> None:
    while True:
        await look()
        await asyncio.sleep(pause)


def make_relay(database: Database, stack: AsyncExitStack) -> Callable[[Client], Awaitable[None]]:
    """Return what starts the relay of a worker, and stops it with the worker."""

    async def begin(client: Client) -> None:
        relay = Relay(database, client)
        stack.push_async_callback(_stop, relay, asyncio.create_task(relay.run()))

    return begin


async def _stop(relay: Relay, task: "asyncio.Task[None]") -> None:
    # A driver may report its own error for what was cancelled; the relay ends all the same.
    relay.stopping = True
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
