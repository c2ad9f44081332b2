"""The only place where signing seeds are read, and the only process that holds them."""

import asyncio
from contextlib import AsyncExitStack, suppress

from temporalio.client import Client
from temporalio.common import WorkflowIDConflictPolicy

from activities.batches import BatchActivities
from activities.payments import PaymentActivities
from adapters.postgres import attempts
from adapters.postgres.database import Database
from adapters.settings import SettlementSettings, load
from adapters.stellar.channels import ChannelAccounts
from adapters.stellar.keys import Keys, keys
from adapters.stellar.nodes import Nodes
from adapters.stellar.rail import Rail
from domain.batches import Plan
from worker.surveys import Survey
from workflows.batches import GatheringWorkflow


async def settlement_activities(
    database: Database, stack: AsyncExitStack
) -> tuple[PaymentActivities, BatchActivities]:
    """Open the rail, make sure it is the right network, and learn where its channels stand."""
    settings = load(SettlementSettings)
    held = held_keys(settings)
    nodes, passphrase = Nodes.at(settings.stellar_rpc_url), settings.stellar_network_passphrase
    cap = settings.stellar_fee_cap_stroops
    rail = Rail(nodes, passphrase, settings.stellar_usdc_issuer, held, cap)
    stack.push_async_callback(rail.close)
    survey = Survey(database, rail, ChannelAccounts(nodes, passphrase, held, cap))
    sequences = await survey.begin()
    async with database.transaction() as connection:
        await attempts.keep_channels(connection, sequences)
    stack.push_async_callback(_stop, asyncio.create_task(survey.go_on()))
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


def held_keys(settings: SettlementSettings) -> Keys:
    """Read the seeds out of the settings; they are shown nowhere."""
    return keys(
        bond_seed=settings.stellar_bond_seed.get_secret_value(),
        pool_seed=settings.stellar_pool_seed.get_secret_value(),
        channels_seed=settings.stellar_channels_seed.get_secret_value(),
        fees_seed=settings.stellar_fees_seed.get_secret_value(),
        operator_seed=settings.stellar_operator_seed.get_secret_value(),
        channels=settings.stellar_channels,
    )


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
