"""Go on with the payments that waited for the seed of their treasury, now that the worker has it."""

import logging
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

from temporalio.client import Client
from temporalio.service import RPCError

from adapters.postgres.database import Database
from services.settlement.checks.read_unheld import read_unheld

log = logging.getLogger(__name__)


def make_resumption(
    database: Database, signable: Collection[str]
) -> Callable[[Client], Awaitable[None]]:
    async def resume(client: Client) -> None:
        found = await read_unheld(database, signable)
        for name in found:
            # One whose workflow is lost is started again by the relay, and then tries by itself.
            with suppress(RPCError):
                await client.get_workflow_handle(name).signal("retry")
        if found:
            log.warning(
                "%d payments waited for seeds that this worker has: tried again", len(found)
            )

    return resume
