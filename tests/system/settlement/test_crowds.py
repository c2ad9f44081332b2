"""
Far more payments are due at once than there are channels, and the signer dies in the middle: those
that wait for a channel must not keep those that have one from coming to their end.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from temporalio.client import Client

from adapters.postgres.database import Database
from adapters.postgres.tables import payments
from devstack.bench import seed_payments
from devstack.environment.stack import Stack
from tests.testkit.accounting import chain_history
from tests.testkit.api_client import wait_until
from tests.testkit.stacks import Stacks
from workflows.payments import PaymentWorkflow

DUE, CHANNELS = 240, 40
SECONDS = 150


@pytest.fixture
async def crowded(stacks: Stacks, tmp_path: Path) -> AsyncIterator[Stack]:
    async with stacks.start(tmp_path / "data", ledger_seconds=0.5) as stack:
        yield stack


async def confirmed(database: Database) -> int:
    async with database.autocommit() as connection:
        counted = select(func.count()).where(payments.c.status == "confirmed")
        return await connection.scalar(counted) or 0


async def test_payments_without_a_channel_do_not_delay_those_with_one(crowded: Stack) -> None:
    database = Database(crowded.environment["DATABASE_URL"], connections_max=2)
    client = await Client.connect(crowded.environment["TEMPORAL_ADDRESS"])
    try:
        for payment in await seed_payments.owe(database, "crowd", DUE):
            await client.start_workflow(
                PaymentWorkflow.run, payment, id=payment.workflow_id, task_queue="settlement"
            )

        async def reached(count: int) -> bool:
            await asyncio.sleep(0.3)
            return await confirmed(database) >= count

        await wait_until(lambda: reached(CHANNELS), "the first are paid", 60)
        crowded.kill("settlement-worker")
        await wait_until(lambda: reached(DUE), "all are paid", SECONDS)
    finally:
        await database.close()
    seen = await chain_history.list_transfers(crowded.environment["STELLAR_RPC_URL"])
    assert Counter(Counter(transfer.number for transfer in seen).values()) == {1: DUE}
