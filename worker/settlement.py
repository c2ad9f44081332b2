"""The only place where signing seeds are read, and the only process that holds them."""

import asyncio
import logging
from contextlib import AsyncExitStack, suppress

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from activities.batches import BatchActivities
from activities.payments import PaymentActivities
from adapters.postgres import attempts, networks
from adapters.postgres.database import Database
from adapters.settings import SettlementSettings, load
from adapters.stellar.keys import keys
from adapters.stellar.nodes import Nodes
from adapters.stellar.rail import Rail
from domain.batches import Plan
from domain.errors import ChainUnavailable, TryAgain
from workflows.batches import GatheringWorkflow

log = logging.getLogger(__name__)
SURVEY_SECONDS = 5.0


async def settlement_activities(
    database: Database, stack: AsyncExitStack
) -> tuple[PaymentActivities, BatchActivities]:
    """Open the rail, make sure it is the right network, and learn where its channels stand."""
    settings = load(SettlementSettings)
    rail = Rail(
        Nodes.at(settings.stellar_rpc_url),
        settings.stellar_network_passphrase,
        settings.stellar_usdc_issuer,
        keys(
            bond_seed=settings.stellar_bond_seed.get_secret_value(),
            pool_seed=settings.stellar_pool_seed.get_secret_value(),
            channels_seed=settings.stellar_channels_seed.get_secret_value(),
            fees_seed=settings.stellar_fees_seed.get_secret_value(),
            operator_seed=settings.stellar_operator_seed.get_secret_value(),
            channels=settings.stellar_channels,
        ),
        settings.stellar_fee_cap_stroops,
    )
    stack.push_async_callback(rail.close)
    sequences = await _sequences(rail, database)
    async with database.transaction() as connection:
        await attempts.keep_channels(connection, sequences)
    stack.push_async_callback(_stop, asyncio.create_task(_survey(rail, database)))
    plan = Plan(settings.settlement_rail, settings.netting_window_seconds)
    return (
        PaymentActivities(database, rail, gathers=plan.gathers),
        BatchActivities(database, rail, plan),
    )


async def begin_gathering(client: Client) -> None:
    """Let one life gather batches, whoever of many workers asks for it first."""
    await client.start_workflow(
        GatheringWorkflow.run,
        id="gathering",
        task_queue="settlement",
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        static_summary="puts payments together that are ready",
    )


async def _sequences(rail: Rail, database: Database) -> dict[str, int]:
    """Ask until the network answers: a worker may start before its nodes do."""
    async with database.autocommit() as connection:
        known = await networks.known(connection, rail.passphrase)
    while True:
        try:
            standing = await rail.identity.establish(known)
            sequences = await rail.channel_sequences()
        except ChainUnavailable as error:
            log.warning("%s; asking again in 2 seconds", error)
            await asyncio.sleep(2)
            continue
        async with database.autocommit() as connection:
            await networks.remember(connection, standing)
        return sequences


async def _survey(rail: Rail, database: Database) -> None:
    """Ask the nodes again and again which network they serve, and how far it has come."""
    while True:
        await asyncio.sleep(SURVEY_SECONDS)
        try:
            standing = await rail.identity.survey()
            if standing is not None:
                async with database.autocommit() as connection:
                    await networks.remember(connection, standing)
        except TryAgain as error:
            log.warning("%s", error)


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
