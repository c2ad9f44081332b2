"""What stops a worker at its start: another network, or a list with a bad address."""

from datetime import UTC, datetime

import httpx
from sqlalchemy import update

from adapters.postgres import networks
from adapters.postgres.database import Database
from adapters.postgres.tables import networks as table
from devstack.environment.stack import Stack
from tests.testkit.api_client import wait_until
from tests.worker.test_settlement import environment, refusal


async def test_a_network_that_was_reset_stops_the_worker(
    api: httpx.AsyncClient, stack: Stack, database: Database
) -> None:
    passphrase = stack.environment["STELLAR_NETWORK_PASSPHRASE"]

    async def known() -> bool:
        async with database.autocommit() as connection:
            return await networks.get_state(connection, passphrase) is not None

    await wait_until(known, "the running worker has recorded its network")
    async with database.autocommit() as connection:
        before = await networks.get_state(connection, passphrase)
        assert before is not None
        # As if the journal had been settled on a longer chain that ended years ago.
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        await connection.execute(update(table).values(ledger=10**9, closed_at=long_ago))
    try:
        said = await refusal(environment(stack))
    finally:
        async with database.autocommit() as connection:
            await connection.execute(
                update(table).values(ledger=before.ledger, closed_at=before.closed_at)
            )
    assert "Cannot go on: node 1 (127.0.0.1) shows that the network was reset" in said


async def test_a_list_with_one_bad_address_stops_the_worker(
    api: httpx.AsyncClient, stack: Stack
) -> None:
    good = stack.environment["STELLAR_RPC_URL"]
    said = await refusal(environment(stack, STELLAR_RPC_URL=f"{good},ftp://elsewhere"))
    assert "STELLAR_RPC_URL" in said
